//! The handshakes between producers and the driver. Everything but the sleeping of the driver is one lock, so two
//! threads of two or three critical sections have some ten interleavings each: the floors.

use core::task::Poll;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;

use hyperia_test::{model_roles, model_roles_in_main};

use super::{Admission, Shared};
use crate::builder::Limits;
use crate::ledger::Ledger;
use crate::queue::{NONE, Outcome};
use crate::{Reason, Verdict};

type Message = &'static [u8];
type State = Arc<Shared<Message>>;

fn shared(messages: usize) -> State {
    let limits = Limits {
        messages,
        bytes: 1000,
    };
    Shared::new(limits, None)
}

fn push(shared: &State) {
    assert!(Admission::new(shared, b"m").try_now().is_ok());
}

/// Waits for room and goes in; whether it was accepted.
fn enqueue(shared: &State) -> bool {
    let mut admission = Admission::new(shared, &b"m"[..]);
    loom::future::block_on(poll_fn(|cx| admission.poll(cx, false))).is_ok()
}

/// Takes `n` messages, sleeping as the driver does: note the waker, look, say when to be woken.
///
/// With three threads it lets the others begin (`polled`), or the model takes minutes.
fn drive(shared: &State, n: usize, mut polled: bool) {
    let mut ledger = Ledger::new();
    let mut taken = 0;
    loom::future::block_on(poll_fn(|cx| {
        if polled {
            // A registration that meets a wake-up wakes its own task: the waking thread must get its turn.
            loom::thread::yield_now();
        }
        polled = true;
        shared.driver.register(cx.waker());
        loop {
            let mut batch = VecDeque::new();
            {
                let mut queue = shared.queue.lock();
                queue.pop(&mut batch, 1, 1000, &mut ledger);
                if batch.is_empty() {
                    queue.set_wake_at(1);
                }
            }
            ledger.finish(&mut None);
            taken += batch.len();
            if taken == n {
                return Poll::Ready(());
            }
            if batch.is_empty() {
                return Poll::Pending;
            }
        }
    }));
}

/// I9: a push whose wake-up the driver does not get would let it sleep for ever.
#[test]
fn i9_a_push_is_never_slept_through() {
    // Not all spawned: that takes a minute and finds the same.
    model_roles_in_main(
        "shared: two pushes and a driver that sleeps",
        20,
        || shared(4),
        &[
            |shared: &State| push(shared),
            |shared: &State| push(shared),
            |shared: &State| drive(shared, 2, true),
        ],
        |shared: &State| assert_eq!(shared.queue.lock().len(), 0),
    );
}

/// I9, I13: room that a pop frees reaches the producer that waits for it.
#[test]
fn i9_a_producer_that_waits_for_room_gets_it() {
    model_roles(
        "shared: a full queue, a producer, a driver",
        20,
        || {
            let shared = shared(1);
            push(&shared);
            shared
        },
        &[
            |shared: &State| assert!(enqueue(shared)),
            |shared: &State| drive(shared, 2, false),
        ],
        |shared: &State| assert_eq!(shared.queue.lock().len(), 0),
    );
}

/// I10: of two that wait, the first gives up while room is handed out; the other gets it.
#[test]
fn i10_room_given_to_one_that_gives_up_goes_on() {
    fn give_up(shared: &State) {
        let mut wakers = Vec::new();
        let waker = shared.queue.lock().leave(0, &mut wakers);
        drop(waker);
        wakers.into_iter().for_each(std::task::Waker::wake);
    }
    fn pop(shared: &State) {
        let mut ledger = Ledger::new();
        let mut batch = VecDeque::new();
        {
            let mut queue = shared.queue.lock();
            queue.pop(&mut batch, 1, 1000, &mut ledger);
        }
        ledger.finish(&mut None);
    }
    model_roles(
        "shared: one gives up, one waits",
        40,
        || {
            let shared = shared(1);
            push(&shared);
            let waker = std::task::Waker::noop().clone();
            assert_eq!(shared.queue.lock().wait_for_room(1, waker), 0);
            shared
        },
        &[give_up, |shared: &State| assert!(enqueue(shared)), pop],
        |shared: &State| assert!(shared.queue.lock().len() <= 1),
    );
}

/// I11: close wakes whoever waits, also one that begins to wait during it.
#[test]
fn i11_nobody_waits_past_a_close() {
    model_roles(
        "shared: close and a producer that waits",
        6,
        || {
            let shared = shared(1);
            push(&shared);
            shared
        },
        &[
            |shared: &State| assert!(!enqueue(shared)),
            |shared: &State| shared.end(Reason::Closed),
        ],
        |shared: &State| assert!(shared.queue.lock().orders.close),
    );
}

/// I12: so does a failure of everything pending.
#[test]
fn i12_a_failure_of_everything_reaches_the_one_that_waits() {
    model_roles(
        "shared: fail all and a producer that waits",
        6,
        || {
            let shared = shared(1);
            push(&shared);
            shared
        },
        &[
            // Failed while it waited, or accepted because it came after.
            |shared: &State| {
                let _accepted = enqueue(shared);
            },
            |shared: &State| {
                let mut ledger = Ledger::<Message>::new();
                let taken = {
                    let mut queue = shared.queue.lock();
                    queue.take_all(Reason::Aborted, &mut ledger.wakers)
                };
                assert!(!taken.is_empty());
                ledger.finish(&mut None);
            },
        ],
        |shared: &State| assert!(shared.queue.lock().len() <= 1),
    );
}

/// I1, I14: a verdict reaches the one that waits for it, or the handler if that one is gone; never both, never nobody.
#[test]
fn i14_a_verdict_and_a_drop_at_once_leave_one_owner() {
    fn settle(shared: &State) {
        let mut ledger = Ledger::new();
        let mut batch = VecDeque::new();
        {
            let mut queue = shared.queue.lock();
            queue.pop(&mut batch, 1, 1000, &mut ledger);
        }
        ledger.settle(&mut batch, 1, Verdict::Unsent(Reason::Aborted), &mut None);
        let orphans = {
            let mut queue = shared.queue.lock();
            queue.apply(&mut ledger);
            ledger.orphans.len()
        };
        let woken = ledger.wakers.len();
        assert_eq!(orphans + woken, 1);
        ledger.finish(&mut None);
    }
    fn accepted() -> State {
        let shared = shared(1);
        let mut queue = shared.queue.lock();
        let accepted = queue.push(b"m", 1, Some(std::task::Waker::noop().clone()));
        assert_eq!(accepted.ticket, 0);
        drop(queue);
        shared
    }
    model_roles(
        "shared: a verdict and a dropped send",
        4,
        accepted,
        &[settle, |shared: &State| {
            let left = shared.queue.lock().abandon_ticket(0);
            drop(left);
        }],
        |shared: &State| assert_eq!(shared.queue.lock().stats.unsent, 1),
    );
    model_roles(
        "shared: a verdict and a waiting send",
        4,
        accepted,
        &[settle, |shared: &State| {
            let verdict = loom::future::block_on(poll_fn(|cx| {
                let (outcome, replaced) = {
                    let mut queue = shared.queue.lock();
                    queue.poll_ticket(0, cx.waker().clone())
                };
                drop(replaced);
                match outcome {
                    Outcome::Pending => Poll::Pending,
                    Outcome::Settled(verdict, message) => Poll::Ready((verdict, message)),
                }
            }));
            assert_eq!(verdict, (Verdict::Unsent(Reason::Aborted), Some(&b"m"[..])));
        }],
        |shared: &State| assert_ne!(shared.queue.lock().push(b"n", 1, None).ticket, 0),
    );
    assert_eq!(NONE, u32::MAX);
}
