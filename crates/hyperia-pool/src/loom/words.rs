//! Models of words, of marks and of those who wait; nobody has a cache.

use super::*;

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
pub(super) fn make_with_an_old_mark(out: usize) -> Shared {
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
