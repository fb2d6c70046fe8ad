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

/// Catches a slot that two threads own, in the same word (RUSTSEC-2021-0093's shape).
#[test]
fn two_takes_of_one_word_get_two_objects() {
    fn take(shared: &Shared) {
        let object = shared.pool.try_get().expect("one for each");
        // SAFETY: as in `use_up`.
        object.with_mut(|count| unsafe { *count += 1 });
        shared.out.lock().unwrap().push(object);
    }
    model_roles(
        "two takes of one word get two objects",
        6,
        || make_in(2, 2, 0, 0),
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
        &[give_back, take_and_return_twice],
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
        &[take_out, take_and_return_twice],
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

/// As above, over two words: catches a word that is not looked at, or not marked.
#[test]
fn a_wait_at_another_word_meets_the_return() {
    model_roles(
        "a wait at another word meets the return",
        6,
        || make(2, 2, 0),
        &[wait_second, give_both_back],
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
        &[give_back_as_owner, give_back_as_another_owner],
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

/// A pool of `out` objects in one word, all of which are out, with a mark of one who is gone.
fn make_with_an_old_mark(out: usize) -> Shared {
    let shared = make_in(2, out, out, 0);
    let gone = shared.pool.get();
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
    fn return_and_poll(shared: &Shared) {
        give_back(shared);
        poll_if_woken(shared);
    }
    model_roles(
        "one who was woken in vain is served",
        6,
        || make(1, 1, 1),
        &[return_and_poll, take_and_return],
        nobody_sleeps,
    );
}

/// A pool of `capacity` objects in one word, all of which are in the cache of its owner.
fn make_cached(capacity: usize) -> Shared {
    let shared = make_in(2, capacity, 0, 0);
    sit(Some(0));
    let objects: Vec<_> = (0..capacity)
        .filter_map(|_| shared.pool.try_get())
        .collect();
    drop(objects);
    sit(None);
    shared
}

/// A pool of one object that is out, by the owner of a cache, which was closed by somebody: the owner opens it
/// again when it next finds nothing.
fn make_closed() -> Shared {
    let shared = make_cached(1);
    take_and_return(&shared);
    take_by_owner(&shared);
    shared
}

/// As `make`, but what is out was taken by the thread on seat 0, whose cache it goes back to.
fn make_taken_by_owner(out: usize) -> Shared {
    let shared = make_in(2, out, 0, 0);
    for _ in 0..out {
        take_by_owner(&shared);
    }
    shared
}

fn take_by_owner(shared: &Shared) {
    sit(Some(0));
    let object = shared.pool.try_get();
    shared.out.lock().unwrap().extend(object);
    sit(None);
}

fn take_and_return_as_owner(shared: &Shared) {
    sit(Some(0));
    if let Some(object) = shared.pool.try_get() {
        use_up(object);
    }
}

/// Catches a drain beside the owner: a fence that is missing, on either side, in `enter`; what the owner has
/// put in and does not publish.
#[test]
fn an_object_is_taken_out_of_a_cache() {
    model_roles(
        "an object is taken out of a cache",
        6,
        || make_cached(1),
        &[take_and_return_as_owner, take_and_return],
        nobody_sleeps,
    );
}

/// Catches what the owner has put below the hot slot and does not publish with it.
#[test]
fn what_is_put_into_a_cache_is_taken_out() {
    fn make() -> Shared {
        let shared = make_taken_by_owner(2);
        give_back_as_owner(&shared);
        sit(None);
        shared
    }
    model_roles(
        "what is put into a cache is taken out",
        6,
        make,
        &[give_back_as_owner, take_and_return],
        nobody_sleeps,
    );
}

/// As above, with one more object in the cache.
#[test]
fn one_of_two_objects_is_taken_out_of_a_cache() {
    model_roles(
        "one of two objects is taken out of a cache",
        6,
        || make_cached(2),
        &[take_and_return_as_owner, take_and_return],
        nobody_sleeps,
    );
}

/// Catches a cache that is opened beside one who drains it, or where the owner finds again what was taken out.
#[test]
fn a_cache_is_used_again_after_a_drain() {
    fn take_and_return_twice_as_owner(shared: &Shared) {
        for _ in 0..2 {
            take_and_return_as_owner(shared);
        }
    }
    model_roles(
        "a cache is used again after a drain",
        20,
        || make_cached(1),
        &[take_and_return_twice_as_owner, take_and_return],
        nobody_sleeps,
    );
}

/// Two who find nothing but what is in a cache: it goes to one of them.
#[test]
fn two_revocations_meet() {
    model_roles(
        "two revocations meet",
        6,
        || make_cached(1),
        &[take_and_return, take_and_return],
        nobody_sleeps,
    );
}

/// Catches a return into a cache that one who waits has looked at, or was kept out of.
#[test]
fn revoking_meets_a_return() {
    model_roles(
        "revoking meets a return",
        6,
        || make_taken_by_owner(1),
        &[wait_first, give_back_as_owner],
        nobody_sleeps,
    );
}

/// Catches an owner that does not look back when it leaves: who waits has found it inside, and left the other
/// object to it.
#[test]
fn what_the_owner_leaves_behind_is_found() {
    fn take_one_and_keep_it(shared: &Shared) {
        sit(Some(0));
        let object = shared.pool.try_get();
        shared.out.lock().unwrap().extend(object);
    }
    model_roles(
        "what the owner leaves behind is found",
        6,
        || make_cached(2),
        &[take_one_and_keep_it, wait_first],
        |shared| {
            let seat = &shared.seats[0];
            let served = seat.get.lock().unwrap().is_none();
            let woken = seat.waker.wakes() > 0;
            let out = shared.out.lock().unwrap().drain(..).count();
            assert!(served || woken || out == 2, "one idle, one asleep");
            assert!(out <= 1 || !served);
            nobody_sleeps(shared);
        },
    );
}

/// Catches an owner that opens its cache beside one who waits, and returns into it.
#[test]
fn reopening_meets_a_wait() {
    fn reopen_and_return(shared: &Shared) {
        sit(Some(0));
        let none = shared.pool.try_get();
        return_one(shared);
        drop(none);
    }
    model_roles(
        "reopening meets a wait",
        6,
        make_closed,
        &[reopen_and_return, wait_first],
        nobody_sleeps,
    );
}

/// Catches an unmarking that is taken back without closing the cache, which was opened meanwhile because there
/// was no mark: the owner's next return would go into it, beside one who waits.
#[test]
fn an_unmarking_is_taken_back_beside_a_reopening() {
    fn wait_and_reopen_and_return(shared: &Shared) {
        sit(Some(0));
        let object = shared.pool.try_get();
        poll(shared, 0);
        let none = shared.pool.try_get();
        drop(object);
        drop(none);
    }
    model_roles(
        "an unmarking is taken back beside a reopening",
        6,
        || make_with_an_old_mark(1),
        &[give_back, wait_and_reopen_and_return],
        nobody_sleeps,
    );
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

/// Catches a revocation that does not tell of what it has brought to the words: one who waits has found the gate
/// draining, and the words still empty.
#[test]
fn a_revocation_for_a_take_meets_a_wait() {
    fn take_elsewhere(shared: &Shared) {
        sit(None);
        take_and_keep(shared);
    }
    model_roles(
        "a revocation for a take meets a wait",
        6,
        || make_cached(2),
        &[take_elsewhere, wait_first],
        one_is_idle,
    );
}

/// Catches an owner that stocks its cache and does not look back, or does not tell: of three slots it has taken
/// one and is about to stock another; somebody takes the third, and waits for the second.
#[test]
fn stocking_meets_a_wait() {
    fn take_as_owner(shared: &Shared) {
        sit(Some(0));
        take_and_keep(shared);
    }
    fn take_and_wait(shared: &Shared) {
        sit(None);
        take_and_keep(shared);
        poll(shared, 0);
    }
    model_roles(
        "stocking meets a wait",
        6,
        || make_in(4, 3, 0, 0),
        &[take_as_owner, take_and_wait],
        one_is_idle,
    );
}
