//! Every interleaving of one event and one or two waiters. The kernel is a relaxed variable: nothing but
//! the word orders it.

use core::future::poll_fn;
use core::pin::pin;

use hyperia_test::{model, model_roles};
use loom::future::block_on;
use loom::sync::atomic::AtomicU32;
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::Slot;
use crate::panics::Panics;
use crate::readiness::{Direction, Report};
use crate::slots::{Slots, parse_token};

/// A registration and what the kernel knows about its descriptor.
struct Registered {
    slot: Slot,
    /// Bytes that can be read.
    level: AtomicU32,
}

fn idle() -> Registered {
    Registered {
        slot: Slot::new(0),
        level: AtomicU32::new(0),
    }
}

/// Ready as far as we know, but there is nothing: the next attempt blocks.
fn deceptive() -> Registered {
    let state = idle();
    state.slot.word.assume(Direction::Read);
    state
}

fn readable() -> Report {
    Report::from_epoll(libc::EPOLLIN as u32)
}

/// The peer sends, and the reactor hears of it.
fn event(state: &Registered) {
    state.level.store(1, Relaxed);
    let wakes = state.slot.word.deliver(0, readable());
    state.slot.wake(
        wakes.expect("the owner is still there"),
        &mut Panics::default(),
    );
}

/// Reads when ready, until there is something; waits in the cell.
fn read_by_cell(state: &Registered) {
    loop {
        let ready = block_on(poll_fn(|cx| state.slot.poll_cell(cx, Direction::Read)));
        if state.level.load(Relaxed) == 1 {
            return;
        }
        state.slot.word.clear(ready.expect("the reactor is alive"));
    }
}

/// The same, in the queue.
fn read_by_queue(state: &Registered) {
    loop {
        let mut wait = pin!(None);
        let ready = block_on(poll_fn(|cx| {
            state.slot.poll_queue(cx, Direction::Read, wait.as_mut())
        }));
        if state.level.load(Relaxed) == 1 {
            return;
        }
        state.slot.word.clear(ready.expect("the reactor is alive"));
    }
}

/// The reactor is dropped.
fn abandon(state: &Registered) {
    state
        .slot
        .wake(state.slot.word.abandon(), &mut Panics::default());
}

fn wait_in_vain_by_cell(state: &Registered) {
    block_on(poll_fn(|cx| state.slot.poll_cell(cx, Direction::Read))).expect_err("no event came");
}

fn wait_in_vain_by_queue(state: &Registered) {
    let mut wait = pin!(None);
    block_on(poll_fn(|cx| {
        state.slot.poll_queue(cx, Direction::Read, wait.as_mut())
    }))
    .expect_err("no event came");
}

fn nothing_left_behind(state: &Registered) {
    assert!(state.slot.side(Direction::Read).cell.take().is_none());
}

/// Hangs if the waker behind an announcement is not seen, or an announcement overlooked.
/// Floor: the event falls before, between or after the three steps of the waiter, and each side may be
/// preempted in the cell as well.
#[test]
fn a_waiter_in_the_cell_is_woken_or_sees_the_event() {
    model_roles("cell and event", 10, idle, &[event, read_by_cell], |_| ());
}

#[test]
fn a_waiter_in_the_queue_is_woken_or_sees_the_event() {
    model_roles("queue and event", 10, idle, &[event, read_by_queue], |_| ());
}

/// Hangs if an attempt made before the event erases it, and if one made after it does not find what it
/// reported: then it blocks and erases the event rightfully, as far as it knows.
#[test]
fn an_attempt_sees_what_the_event_reported() {
    model_roles(
        "clear and event, cell",
        10,
        deceptive,
        &[event, read_by_cell],
        |_| (),
    );
    model_roles(
        "clear and event, queue",
        10,
        deceptive,
        &[event, read_by_queue],
        |_| (),
    );
}

/// Hangs if a short read erases an event that came after it.
#[test]
fn a_short_read_cannot_erase_a_newer_event() {
    fn read_short(state: &Registered) {
        let ready = state
            .slot
            .word
            .load()
            .ready(Direction::Read)
            .expect("assumed");
        if state.level.load(Relaxed) == 0 {
            state.slot.word.drained(ready);
            read_by_cell(state);
        }
    }
    model_roles(
        "drained and event",
        5,
        deceptive,
        &[event, read_short],
        |_| (),
    );
}

/// Hangs if a waiter comes too late for the end of the reactor and is not told; fails if its waker stays.
#[test]
fn a_waiter_hears_that_the_reactor_is_gone() {
    model_roles(
        "cell and drop",
        5,
        idle,
        &[abandon, wait_in_vain_by_cell],
        nothing_left_behind,
    );
    model_roles(
        "queue and drop",
        5,
        idle,
        &[abandon, wait_in_vain_by_queue],
        nothing_left_behind,
    );
}

/// A slot changes hands while an event of the first owner is being delivered. Fails if it reaches the
/// second one; hangs if it takes away that one's own wake-up.
#[test]
fn a_stale_event_reaches_nobody() {
    /// The table, and what the kernel knows.
    struct Table {
        slots: Slots,
        /// Token of the first registration.
        first: u64,
        /// Token of the second one, plus one, once it is added.
        second: AtomicU32,
    }

    fn table() -> Table {
        let slots = Slots::new();
        let slot = slots.acquire().expect("open");
        // SAFETY: the table is alive.
        let first = unsafe { slot.as_ref() }.token();
        Table {
            slots,
            first,
            second: AtomicU32::new(0),
        }
    }

    fn deliver(table: &Table, token: u64) -> bool {
        let (generation, index) = parse_token(token);
        let slot = table.slots.get(index).expect("never freed");
        match slot.word.deliver(generation, readable()) {
            Some(wakes) => {
                slot.wake(wakes, &mut Panics::default());
                true
            }
            None => false,
        }
    }

    fn reactor(table: &Table) {
        deliver(table, table.first);
        while table.second.load(Acquire) == 0 {
            loom::thread::yield_now();
        }
        let second = u64::from(table.second.load(Relaxed) - 1) << 32;
        assert!(deliver(table, second), "the second owner is there");
    }

    fn owners(table: &Table) {
        table
            .slots
            .release(table.slots.get(0).expect("never freed"));
        let slot = table.slots.acquire().expect("open");
        // SAFETY: the table is alive.
        let slot = unsafe { slot.as_ref() };
        assert_eq!(slot.index(), 0);
        assert!(
            slot.word.load().ready(Direction::Read).is_none(),
            "not an event of ours"
        );
        // `epoll_ctl`, from which on the kernel may report events.
        table.second.store(slot.word.generation() + 1, Release);
        block_on(poll_fn(|cx| slot.poll_cell(cx, Direction::Read))).expect("the reactor is alive");
    }

    // Floor: the first event falls before or after each of the five steps of the owners.
    model_roles("slot changes hands", 10, table, &[reactor, owners], |_| ());
}

/// The second registration of a table must see its slot whole, and the reactor must, too: the lock and
/// the chunk's publication carry it.
#[test]
fn a_new_chunk_is_seen_whole() {
    model("chunk", 2, || {
        let slots = loom::sync::Arc::new(Slots::new());
        let other = loom::sync::Arc::clone(&slots);
        let thread = loom::thread::spawn(move || {
            let slot = other.acquire().expect("open");
            // SAFETY: the table is alive.
            unsafe { slot.as_ref() }.index()
        });
        loom::thread::yield_now();
        // SAFETY: the table is alive.
        let mine = unsafe { slots.acquire().expect("open").as_ref() }.index();
        let theirs = thread.join().expect("no panic");
        assert_ne!(mine, theirs, "an index was given out twice");
        assert!(slots.get(mine).is_some() && slots.get(theirs).is_some());
    });
}
