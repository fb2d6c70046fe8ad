//! One thread is stopped in the middle of an operation; do the others go on? The "Progress" of the headers,
//! measured, beside tokio and async-lock. The table is shown by
//! ```text
//! cargo test -p hyperia-wait --test progress -- --show-output
//! ```
//! and with `--release` as it is in earnest: without optimization the critical sections are longer.
//! "Stood still" counts rounds, each one stop at a random moment; zero proves nothing where nothing is claimed.
//! See `hyperia_test::progress` for how it is measured.
#![cfg(not(any(hyperia_loom, hyperia_shuttle)))]

use std::pin::pin;
use std::task::{Poll, Waker};

use event_listener::{Event, listener};
use hyperia_test::progress::{Claim, Table};
use hyperia_test::{CountingWaker, poll_once};
use hyperia_wait::{WaitQueue, WakerCell};

#[test]
fn others_go_on_where_the_headers_say_so() {
    let mut table = Table::new();
    wait_queue(&mut table);
    waker_cell(&mut table);
    tokio_notify(&mut table);
    tokio_semaphore(&mut table);
    event(&mut table);
    async_lock(&mut table);
    table.finish();
}

/// Joins and leaves.
fn cancel(queue: &WaitQueue) {
    let _ = poll_once(pin!(queue.wait()), Waker::noop());
}

fn wait_queue(table: &mut Table) {
    const TYPE: &str = "WaitQueue";
    let queue = &WaitQueue::new();

    table.row(TYPE, "notify_one, nobody waits", Claim::LockFree, || {
        queue.notify_one();
    });
    table.row(TYPE, "notify_one, try_wait", Claim::LockFree, || {
        queue.notify_one();
        queue.try_wait();
    });
    queue.try_wait();
    table.row(TYPE, "notify_all, nobody waits", Claim::LockFree, || {
        queue.notify_all();
    });
    table.row(TYPE, "join, notify_one, take", Claim::Blocks, || {
        // Without a token, so that it joins.
        queue.try_wait();
        let mut wait = pin!(queue.wait());
        if poll_once(wait.as_mut(), Waker::noop()).is_pending() {
            queue.notify_one();
            // Unless the other thread's got it: then it leaves.
            let _ = poll_once(wait, Waker::noop());
        }
    });
    queue.try_wait();
    let cancel = || cancel(queue);
    table.row(TYPE, "join, cancel", Claim::Blocks, cancel);
    table.row_of_two(
        TYPE,
        "notify_one; stopped in join, cancel",
        Claim::Blocks,
        cancel,
        || _ = queue.notify_one(),
    );
    queue.try_wait();
    let mut wait = Box::pin(queue.wait());
    // Not `noop`, which does not always know itself again.
    let waker = CountingWaker::new().waker();
    // The first poll joins; the later ones are what is measured.
    let _ = poll_once(wait.as_mut(), &waker);
    table.row_of_two(
        TYPE,
        "poll again, try_wait, is_closed; stopped in join, cancel",
        Claim::WaitFree,
        cancel,
        || {
            let poll = poll_once(wait.as_mut(), &waker);
            assert_eq!(poll, Poll::Pending);
            assert!(!queue.try_wait() && !queue.is_closed());
        },
    );
}

fn waker_cell(table: &mut Table) {
    const TYPE: &str = "WakerCell";
    let cell = &WakerCell::new();
    let counting = [CountingWaker::new(), CountingWaker::new()];
    let [first, second] = &counting.each_ref().map(CountingWaker::waker);

    table.row(TYPE, "register, same waker", Claim::WaitFree, || {
        cell.register(first);
    });
    table.row_of_two(
        TYPE,
        "register, another waker",
        Claim::WaitFree,
        || cell.register(first),
        || cell.register(second),
    );
    table.row(TYPE, "wake", Claim::WaitFree, || cell.wake());
    table.row(TYPE, "register, wake", Claim::WaitFree, || {
        cell.register(first);
        cell.wake();
    });
    table.row_of_two(
        TYPE,
        "register; stopped in wake",
        Claim::WaitFree,
        || cell.wake(),
        || cell.register(first),
    );
    table.row_of_two(
        TYPE,
        "wake; stopped in register",
        Claim::WaitFree,
        || cell.register(first),
        || cell.wake(),
    );
}

fn tokio_notify(table: &mut Table) {
    const TYPE: &str = "tokio Notify";
    let notify = &tokio::sync::Notify::new();

    table.row(TYPE, "notify_one, nobody waits", Claim::Peer, || {
        notify.notify_one();
    });
    table.row(TYPE, "join, notify_one, take", Claim::Peer, || {
        // Takes what is stored, so that the next one joins.
        let _ = poll_once(pin!(notify.notified()), Waker::noop());
        let mut wait = pin!(notify.notified());
        if poll_once(wait.as_mut(), Waker::noop()).is_pending() {
            notify.notify_one();
            let _ = poll_once(wait, Waker::noop());
        }
    });
    let _ = poll_once(pin!(notify.notified()), Waker::noop());
    table.row(TYPE, "join, cancel", Claim::Peer, || {
        let _ = poll_once(pin!(notify.notified()), Waker::noop());
    });
}

fn tokio_semaphore(table: &mut Table) {
    const TYPE: &str = "tokio Semaphore";
    let semaphore = &tokio::sync::Semaphore::new(64);

    table.row(TYPE, "try_acquire, release", Claim::Peer, || {
        drop(semaphore.try_acquire());
    });
    table.row(TYPE, "acquire, release", Claim::Peer, || {
        drop(poll_once(pin!(semaphore.acquire()), Waker::noop()));
    });
    semaphore.forget_permits(64);
    table.row(TYPE, "acquire that waits, cancel", Claim::Peer, || {
        drop(poll_once(pin!(semaphore.acquire()), Waker::noop()));
    });
    table.row(
        TYPE,
        "acquire that waits, add_permits, take",
        Claim::Peer,
        || {
            // Takes what is there, so that the next one waits.
            if let Ok(permit) = semaphore.try_acquire() {
                permit.forget();
            }
            let mut acquire = pin!(semaphore.acquire());
            let mut poll = poll_once(acquire.as_mut(), Waker::noop());
            if poll.is_pending() {
                semaphore.add_permits(1);
                poll = poll_once(acquire, Waker::noop());
            }
            if let Poll::Ready(permit) = poll {
                permit.expect("it is not closed").forget();
            }
        },
    );
}

fn event(table: &mut Table) {
    const TYPE: &str = "event-listener Event";
    let event = &Event::new();

    table.row(TYPE, "notify, nobody waits", Claim::Peer, || {
        event.notify(1);
    });
    table.row(TYPE, "listen, notify", Claim::Peer, || {
        listener!(event => waits);
        event.notify(1);
        let _ = poll_once(pin!(waits), Waker::noop());
    });
    table.row(TYPE, "listen, cancel", Claim::Peer, || {
        listener!(event => waits);
        let _ = poll_once(pin!(waits), Waker::noop());
    });
}

fn async_lock(table: &mut Table) {
    let semaphore = async_lock::Semaphore::new(64);
    table.row(
        "async-lock Semaphore",
        "try_acquire, release",
        Claim::Peer,
        || drop(semaphore.try_acquire()),
    );
    let mutex = async_lock::Mutex::new(());
    table.row("async-lock Mutex", "try_lock, unlock", Claim::Peer, || {
        drop(mutex.try_lock())
    });
}
