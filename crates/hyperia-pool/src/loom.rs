//! Models. Each says what it would catch.
//!
//! A role that finds nothing polls once and stays in its place; the check at the end asks whether
//! everybody who waits beside an idle object was woken. A lost wake-up is somebody who was not.
//!
//! A role without a seat finds nothing in a cache without revoking it; the others are each on a seat of their own.
//!
//! Floors, written before the first run: two threads that each change one word twice meet in
//! at least six ways. (The twenty first written for those with a queue in between were too many for one
//! placement with a role on the main thread.) They are there to notice a model that explores nothing.

mod caches;
mod words;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::pin::Pin;
use core::task::Poll;
use std::sync::Mutex;

use hyperia_asymmetric::sit;
use hyperia_test::{CountingWaker, model_roles, poll_once};
use loom::cell::UnsafeCell;

use crate::slots::Slots;
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

impl Drop for Shared {
    fn drop(&mut self) {
        self.out.get_mut().unwrap().clear();
        for seat in &mut self.seats {
            *seat.get.get_mut().unwrap() = None;
        }
        // SAFETY: it was leaked by `make_in`, and what borrows it was dropped above.
        drop(unsafe { Box::from_raw(core::ptr::from_ref(self.pool).cast_mut()) });
    }
}

/// One waiter. Only one role at a time uses it, so its lock is no part of the model.
struct Seat {
    get: Mutex<Option<Pin<Box<Get<'static, Object>>>>>,
    waker: Arc<CountingWaker>,
}

/// A pool of `capacity` objects in as many words, of which `out` are out; the seats before `waiting` wait.
fn make(capacity: usize, out: usize, waiting: usize) -> Shared {
    make_in(1, capacity, out, waiting)
}

/// In words of `slots_each` slots, with two caches.
fn make_in(slots_each: usize, capacity: usize, out: usize, waiting: usize) -> Shared {
    sit(None);
    // Leaked until the end of the execution, for a borrow that threads can share.
    let slots = Slots::with_shape(capacity, slots_each, 2);
    let pool = Pool::with_slots(slots, || UnsafeCell::new(0));
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
    sit(None);
    if let Some(object) = shared.pool.try_get() {
        use_up(object);
    }
}

fn take_and_return_twice(shared: &Shared) {
    take_and_return(shared);
    take_and_return(shared);
}

fn give_back(shared: &Shared) {
    sit(None);
    return_one(shared);
}

fn return_one(shared: &Shared) {
    let object = shared.out.lock().unwrap().pop();
    use_up(object.expect("one per role"));
}

fn give_back_as_owner(shared: &Shared) {
    sit(Some(0));
    return_one(shared);
}

fn give_both_back(shared: &Shared) {
    give_back(shared);
    give_back_as_owner(shared);
}

fn give_back_as_another_owner(shared: &Shared) {
    sit(Some(1));
    return_one(shared);
}

fn wait_first(shared: &Shared) {
    sit(None);
    poll(shared, 0);
}

/// Looks at word 1 first.
fn wait_second(shared: &Shared) {
    sit(Some(1));
    poll(shared, 1);
}

fn cancel_first(shared: &Shared) {
    let get = shared.seats[0].get.lock().unwrap().take();
    drop(get);
}

/// All objects have come back. Those who were woken are polled until nobody is: then nobody may be left.
fn nobody_sleeps(shared: &Shared) {
    sit(None);
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

/// At least one object is idle: whoever waits beside it was woken.
fn one_is_idle(shared: &Shared) {
    let seat = &shared.seats[0];
    let served = seat.get.lock().unwrap().is_none();
    let woken = seat.waker.wakes() > 0;
    // Wakes, too.
    let out = shared.out.lock().unwrap().drain(..).count();
    assert!(out < shared.pool.capacity());
    assert!(served || woken, "one idle, one asleep");
    nobody_sleeps(shared);
}

fn take_and_keep(shared: &Shared) {
    let object = shared.pool.try_get();
    shared.out.lock().unwrap().extend(object);
}
