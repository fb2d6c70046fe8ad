//! The queue, with each kind of notification.

use crate::SCHEDULES;
use hyperia_test::schedules_at_every_poll;
use hyperia_wait::{Closed, WaitQueue};
use shuttle::sync::atomic::AtomicUsize;
use shuttle::sync::atomic::Ordering::SeqCst;
use shuttle::thread;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::pin;
use std::task::Poll;

/// One notification that goes round: whoever gets it notifies the next. Catches one that dies with a wait which was
/// notified and gives up, one that is stored though somebody waits, one that two get, and a list cut by
/// neighbours who leave at once.
#[test]
fn a_notification_is_used_passed_on_or_stored() {
    let polls = schedules_at_every_poll("WaitQueue: notify_one", SCHEDULES, |patience| {
        let queue = WaitQueue::new();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    if patience.wait_for(queue.wait()).is_some() {
                        queue.notify_one();
                    }
                });
            }
            scope.spawn(|| {
                assert_eq!(patience.wait_to_end(queue.wait()), Ok(()));
                assert!(!queue.try_wait(), "two got one notification");
                queue.notify_one();
            });
            queue.notify_one();
        });
        assert!(queue.try_wait(), "the notification is lost");
        assert!(!queue.try_wait());
    });
    assert!(polls >= 2);
}

/// Two who wait are notified at once, unless one comes too late. Catches a notification of two that dies with a wait
/// which gives up while the other one is woken, and one who is passed over.
#[test]
fn as_many_are_woken_as_are_notified() {
    let polls = schedules_at_every_poll("WaitQueue: notify_many", SCHEDULES, |patience| {
        let queue = WaitQueue::new();
        let begun = AtomicUsize::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                if patience.wait_for(queue.wait()) == Some(Ok(())) {
                    queue.notify_one();
                }
            });
            let both = [(); 2].map(|()| {
                scope.spawn(|| {
                    let mut wait = pin!(queue.wait());
                    let mut is_first = true;
                    patience.wait_to_end(poll_fn(|cx| {
                        let poll = wait.as_mut().poll(cx);
                        if poll.is_pending() && mem::take(&mut is_first) {
                            begun.fetch_add(1, SeqCst);
                        }
                        poll
                    }))
                })
            });
            if begun.load(SeqCst) == 2 {
                assert!(queue.notify_many(2) <= 2);
                for one in both {
                    assert_eq!(one.join().expect("a task panicked"), Ok(()));
                }
            }
            queue.close();
        });
    });
    assert!(polls >= 2);
}

/// A latch: a condition kept elsewhere, joined before it is looked at. Catches one who is left out of a `notify_all`
/// because a neighbour leaves, or is woken, between two batches; and one who joins too late and is not seen.
#[test]
fn notify_all_reaches_all_who_wait() {
    let polls = schedules_at_every_poll("WaitQueue: notify_all", SCHEDULES, |patience| {
        let queue = WaitQueue::new();
        let open = AtomicUsize::new(0);
        let latch = || {
            let mut wait = Box::pin(queue.wait());
            let open = &open;
            poll_fn(move |cx| {
                let notified = wait.as_mut().poll(cx).is_ready();
                if notified || open.load(SeqCst) == 1 {
                    return Poll::Ready(notified);
                }
                Poll::Pending
            })
        };
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| patience.wait_for(latch()));
            }
            scope.spawn(|| patience.wait_to_end(latch()));
            open.store(1, SeqCst);
            let woken = queue.notify_all();
            assert!(woken <= 3);
        });
        assert!(!queue.try_wait(), "notify_all has stored something");
        assert_eq!(queue.notify_all(), 0, "somebody is left in the queue");
    });
    assert!(polls >= 2);
}

/// Catches one who sleeps in a closed queue, one who is told that it is closed before it is, and a notification that
/// two get.
#[test]
fn a_close_ends_all_waits() {
    let polls = schedules_at_every_poll("WaitQueue: close", SCHEDULES, |patience| {
        let queue = WaitQueue::new();
        let passed = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    if patience.wait_for(queue.wait()) == Some(Ok(())) {
                        passed.fetch_add(1, SeqCst);
                    }
                });
            }
            scope.spawn(|| match patience.wait_to_end(queue.wait()) {
                Ok(()) => _ = passed.fetch_add(1, SeqCst),
                Err(Closed) => assert!(queue.is_closed()),
            });
            queue.notify_one();
            queue.close();
        });
        assert!(passed.load(SeqCst) <= 1, "one notification, and two passed");
        assert!(!queue.try_wait(), "a closed queue has stored something");
    });
    assert!(polls >= 2);
}
