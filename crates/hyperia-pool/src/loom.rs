//! Models. Each says what it would catch.
//!
//! A role that finds nothing polls once and stays in its place; the check at the end asks whether
//! everybody who waits beside an idle object was woken. A lost wake-up is somebody who was not.
//!
//! Floors, written before the first run: two threads that each change the one word of a stripe twice meet in
//! at least six ways. (The twenty first written for those with a queue in between were too many for one
//! placement with a role on the main thread.) They are there to notice a model that explores nothing.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::pin::Pin;
use core::task::Poll;
use std::sync::Mutex;

use hyperia_test::{CountingWaker, model_roles, poll_once};
use loom::cell::UnsafeCell;

use crate::primitive::set_thread_index;
use crate::stripes::Stripes;
use crate::{Get, Pool, Pooled};

/// The object: a count that is no atomic, so that only the pool's own edges carry it.
type Object = UnsafeCell<usize>;

/// A pool that roles share, with who uses it.
struct Shared {
    pool: &'static Pool<Object>,
    /// Objects that are out, for roles to return.
    out: Mutex<Vec<Pooled<'static, Object>>>,
    seats: [Seat; 2],
}

/// One waiter. Only one role at a time uses it, so its lock is no part of the model.
struct Seat {
    get: Mutex<Option<Pin<Box<Get<'static, Object>>>>>,
    waker: Arc<CountingWaker>,
}

/// A pool of `capacity` objects in as many stripes, of which `out` are out; the seats before `waiting` wait.
fn make(capacity: usize, out: usize, waiting: usize) -> Shared {
    set_thread_index(0);
    // Leaked: a few bytes per execution, for a borrow that threads can share.
    let pool = Pool::with_stripes(Stripes::with_stripes(capacity, capacity), || {
        UnsafeCell::new(0)
    });
    let pool: &'static Pool<Object> = Box::leak(Box::new(pool));
    let seat = || Seat {
        get: Mutex::new(Some(Box::pin(pool.get()))),
        waker: CountingWaker::new(),
    };
    let shared = Shared {
        pool,
        out: Mutex::new((0..out).filter_map(|_| pool.try_get()).collect()),
        seats: [seat(), seat()],
    };
    assert_eq!(shared.out.lock().unwrap().len(), out);
    for seat in 0..waiting {
        assert!(!poll(&shared, seat));
    }
    shared
}

/// Uses an object alone, and returns it.
fn use_up(object: Pooled<'_, Object>) {
    // SAFETY: the guard has the object to itself; that this is so is what the model is about.
    object.with_mut(|count| unsafe { *count += 1 });
    drop(object);
}

/// Polls a seat once, with whatever comes of it; says whether an object did.
fn poll(shared: &Shared, seat: usize) -> bool {
    let seat = &shared.seats[seat];
    let mut get = seat.get.lock().unwrap();
    let Some(future) = get.as_mut() else {
        return false;
    };
    let Poll::Ready(object) = poll_once(future.as_mut(), &seat.waker.waker()) else {
        return false;
    };
    *get = None;
    use_up(object);
    true
}

fn take_and_return(shared: &Shared) {
    if let Some(object) = shared.pool.try_get() {
        use_up(object);
    }
}

fn give_back(shared: &Shared) {
    let object = shared.out.lock().unwrap().pop();
    use_up(object.expect("one per role"));
}

fn give_back_elsewhere(shared: &Shared) {
    set_thread_index(1);
    give_back(shared);
}

fn wait_first(shared: &Shared) {
    poll(shared, 0);
}

fn wait_second(shared: &Shared) {
    set_thread_index(1);
    poll(shared, 1);
}

fn cancel_first(shared: &Shared) {
    let get = shared.seats[0].get.lock().unwrap().take();
    drop(get);
}

/// All objects have come back. Those who were woken are polled until nobody is: then nobody may be left.
fn nobody_sleeps(shared: &Shared) {
    assert!(shared.out.lock().unwrap().is_empty());
    for _ in 0..4 {
        for seat in 0..2 {
            if shared.seats[seat].waker.wakes() > 0 {
                poll(shared, seat);
            }
        }
    }
    for seat in &shared.seats {
        let mut get = seat.get.lock().unwrap();
        let slept = seat.waker.clones() > 0 && get.is_some();
        assert!(!slept, "somebody sleeps beside an idle object");
        *get = None;
    }
    let idle = shared.pool.capacity();
    assert_eq!(shared.pool.len_idle(), idle, "a slot was lost");
    // A waiter that was left behind would keep newcomers in line.
    let objects: Vec<_> = (0..idle).filter_map(|_| shared.pool.try_get()).collect();
    assert_eq!(objects.len(), idle);
}

/// Catches a take without Acquire, or a put without Release: the count is then read without an edge.
#[test]
fn an_object_is_carried_from_hand_to_hand() {
    model_roles(
        "an object is carried from hand to hand",
        6,
        || make(1, 0, 0),
        &[take_and_return, take_and_return],
        nobody_sleeps,
    );
}

/// Catches a slot that two threads own, in the same stripe (RUSTSEC-2021-0093's shape).
#[test]
fn two_takes_of_one_stripe_get_two_objects() {
    fn take(shared: &Shared) {
        let object = shared.pool.try_get().expect("one for each");
        // SAFETY: as in `use_up`.
        object.with_mut(|count| unsafe { *count += 1 });
        shared.out.lock().unwrap().push(object);
    }
    model_roles(
        "two takes of one stripe get two objects",
        6,
        || {
            let mut shared = make(1, 0, 0);
            let pool = Pool::with_stripes(Stripes::with_stripes(2, 1), || UnsafeCell::new(0));
            shared.pool = Box::leak(Box::new(pool));
            shared
        },
        &[take, take],
        |shared| {
            assert_eq!(shared.pool.len_idle(), 0);
            shared.out.lock().unwrap().clear();
            assert_eq!(shared.pool.len_idle(), 2);
        },
    );
}

/// The last return against a concurrent take (RUSTSEC-2020-0017's shape): the object is the returner's until
/// the bit is set, and not a moment longer.
#[test]
fn the_last_return_meets_a_take() {
    model_roles(
        "the last return meets a take",
        6,
        || make(1, 1, 0),
        &[give_back, take_and_return],
        nobody_sleeps,
    );
}

/// As above, when the object is taken out: the slot is then filled anew, never twice.
#[test]
fn taking_an_object_out_meets_a_take() {
    fn take_out(shared: &Shared) {
        let object = shared.out.lock().unwrap().pop().expect("one");
        Pooled::into_inner(object).with_mut(|count| {
            // SAFETY: the object is this role's.
            unsafe { *count += 1 }
        });
    }
    model_roles(
        "taking an object out meets a take",
        6,
        || make(1, 1, 0),
        &[take_out, take_and_return],
        nobody_sleeps,
    );
}

/// Catches a look that does not mark, and a return that does not look at the mark.
#[test]
fn a_wait_meets_the_return() {
    model_roles(
        "a wait meets the return",
        6,
        || make(1, 1, 0),
        &[wait_first, give_back],
        nobody_sleeps,
    );
}

/// As above, over two stripes: catches a stripe that is not looked at, or not marked.
#[test]
fn a_wait_at_another_stripe_meets_the_return() {
    model_roles(
        "a wait at another stripe meets the return",
        6,
        || make(2, 2, 0),
        &[wait_second, give_back, give_back_elsewhere],
        nobody_sleeps,
    );
}

/// Catches one notification for two returns.
#[test]
fn two_waiters_meet_two_returns() {
    model_roles(
        "two waiters meet two returns",
        6,
        || make(2, 2, 2),
        &[give_back, give_back_elsewhere],
        nobody_sleeps,
    );
}

/// Catches a notification that goes with the waiter that is dropped.
#[test]
fn a_cancelled_wait_passes_the_object_on() {
    model_roles(
        "a cancelled wait passes the object on",
        6,
        || make(1, 1, 2),
        &[cancel_first, give_back],
        nobody_sleeps,
    );
}

/// A pool of two objects in one stripe, `out` of which are out, with a mark of one who is gone.
fn make_with_an_old_mark(out: usize) -> Shared {
    let mut shared = make(1, 0, 0);
    let pool = Pool::with_stripes(Stripes::with_stripes(out, 1), || UnsafeCell::new(0));
    let pool: &'static Pool<Object> = Box::leak(Box::new(pool));
    shared.pool = pool;
    for seat in &shared.seats {
        *seat.get.lock().unwrap() = Some(Box::pin(pool.get()));
    }
    let objects = (0..out).filter_map(|_| pool.try_get());
    shared.out.lock().unwrap().extend(objects);
    let gone = pool.get();
    assert!(poll_once(core::pin::pin!(gone), core::task::Waker::noop()).is_pending());
    shared
}

/// Catches an unmarking that is not taken back when somebody has joined meanwhile: the return finds an old
/// mark and removes it; the object is taken, somebody waits for it, and its next return would tell nobody.
#[test]
fn an_old_mark_is_removed_beside_a_new_waiter() {
    fn take_and_wait_and_return(shared: &Shared) {
        let object = shared.pool.try_get();
        poll(shared, 0);
        drop(object);
    }
    model_roles(
        "an old mark is removed beside a new waiter",
        6,
        || make_with_an_old_mark(1),
        &[give_back, take_and_wait_and_return],
        nobody_sleeps,
    );
}

/// Catches an unmarking that is taken back without telling of what came back meanwhile: two objects then lie
/// idle beside two who wait, of whom one is woken.
#[test]
fn what_came_back_while_the_mark_was_off_is_told() {
    fn take_and_wait_twice_and_return_both(shared: &Shared) {
        let object = shared.pool.try_get();
        poll(shared, 0);
        poll(shared, 1);
        drop(object);
        give_back(shared);
    }
    model_roles(
        "what came back while the mark was off is told",
        6,
        || make_with_an_old_mark(2),
        &[give_back, take_and_wait_twice_and_return_both],
        |shared| {
            for seat in &shared.seats {
                let served = seat.get.lock().unwrap().is_none();
                assert!(served || seat.waker.wakes() > 0, "two idle, one woken");
            }
            nobody_sleeps(shared);
        },
    );
}

/// Take, return, wait and cancel: the cancelled one is woken or not, the new one is there or not.
#[test]
fn a_return_meets_a_cancellation_and_a_new_waiter() {
    fn cancel_first_and_wait_second(shared: &Shared) {
        cancel_first(shared);
        wait_second(shared);
    }
    model_roles(
        "a return meets a cancellation and a new waiter",
        6,
        || make(1, 1, 1),
        &[give_back, cancel_first_and_wait_second],
        nobody_sleeps,
    );
}

/// A newcomer is faster than one who was woken: that one lines up again and is served.
#[test]
fn one_who_was_woken_in_vain_is_served() {
    fn poll_if_woken(shared: &Shared) {
        if shared.seats[0].waker.wakes() > 0 {
            poll(shared, 0);
        }
    }
    fn return_one(shared: &Shared) {
        give_back(shared);
        poll_if_woken(shared);
    }
    model_roles(
        "one who was woken in vain is served",
        6,
        || make(1, 1, 1),
        &[return_one, take_and_return],
        nobody_sleeps,
    );
}
