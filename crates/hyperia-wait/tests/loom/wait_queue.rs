//! Models of `WaitQueue`.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use hyperia_test::{CountingWaker, model_roles, model_roles_in_main, poll_once};
use hyperia_wait::{Closed, Wait, WaitQueue, block_on};
use loom::sync::atomic::Ordering::Relaxed;
use loom::sync::atomic::{AtomicBool, AtomicUsize};

/// What a wait has come to.
type Outcome = Poll<Result<(), Closed>>;

/// A queue and two waits that roles share.
struct Shared {
    queue: &'static WaitQueue,
    waits: [Mutex<Seat>; 2],
    /// Counts the first two waiters; the third is the second poll of the first.
    wakers: [Arc<CountingWaker>; 3],
    first: AtomicBool,
    second: AtomicBool,
    count: AtomicUsize,
}

/// One wait. Only one role at a time uses it, so its lock is no part of the model.
struct Seat {
    wait: Option<Pin<Box<Wait<'static>>>>,
    outcome: Outcome,
    /// Whether the flags were seen after the last poll.
    seen: [bool; 2],
}

fn make() -> Shared {
    // Leaked: a few bytes per execution, for a borrow that threads can share.
    let queue: &'static WaitQueue = Box::leak(Box::default());
    let seat = || {
        let wait = Some(Box::pin(queue.wait()));
        Mutex::new(Seat {
            wait,
            outcome: Poll::Pending,
            seen: [false; 2],
        })
    };
    Shared {
        queue,
        waits: [seat(), seat()],
        wakers: [
            CountingWaker::new(),
            CountingWaker::new(),
            CountingWaker::new(),
        ],
        first: AtomicBool::new(false),
        second: AtomicBool::new(false),
        count: AtomicUsize::new(0),
    }
}

/// Both wait before the roles begin, the first at the head.
fn make_waiting() -> Shared {
    let shared = make();
    assert!(poll(&shared, 0).is_pending() && poll(&shared, 1).is_pending());
    shared
}

/// Polls a wait that is not ready yet, and looks at the flags, which are Relaxed: only the edges of the
/// queue carry them.
fn poll_with(shared: &Shared, index: usize, waker: usize) -> Outcome {
    let mut seat = shared.waits[index].lock().unwrap();
    if seat.outcome.is_pending() {
        let wait = seat.wait.as_mut().expect("not dropped");
        seat.outcome = poll_once(wait.as_mut(), &shared.wakers[waker].waker());
        seat.seen = [shared.first.load(Relaxed), shared.second.load(Relaxed)];
    }
    seat.outcome
}

fn poll(shared: &Shared, index: usize) -> Outcome {
    poll_with(shared, index, index)
}

fn seen(shared: &Shared, index: usize) -> [bool; 2] {
    shared.waits[index].lock().unwrap().seen
}

fn drop_wait(shared: &Shared, index: usize) {
    let wait = shared.waits[index].lock().unwrap().wait.take();
    drop(wait);
}

/// Whether somebody who was left `Pending` has been woken since.
fn woken(shared: &Shared, index: usize) -> bool {
    shared.wakers[index].wakes() > 0
}

fn no_waker_is_left(shared: &Shared) {
    drop_wait(shared, 0);
    drop_wait(shared, 1);
    assert_eq!(
        shared
            .wakers
            .iter()
            .map(|waker| waker.live())
            .sum::<usize>(),
        0
    );
}

fn notify_first(shared: &Shared) {
    shared.first.store(true, Relaxed);
    shared.queue.notify_one();
}

fn notify_second(shared: &Shared) {
    shared.second.store(true, Relaxed);
    shared.queue.notify_one();
}

fn notify_all(shared: &Shared) {
    shared.first.store(true, Relaxed);
    shared.count.fetch_add(shared.queue.notify_all(), Relaxed);
}

fn close(shared: &Shared) {
    shared.first.store(true, Relaxed);
    shared.queue.close();
}

/// Catches a wait that sleeps on, a node touched after its owner was told to go on (the wait is freed as
/// soon as it is ready, and its end is an exclusive access), and an edge that does not carry the
/// notifier's writes, through the node or through the token.
#[test]
fn a_wait_meets_a_notification() {
    model_roles(
        "WaitQueue: wait | notify_one",
        10,
        make,
        &[
            |shared| {
                assert_eq!(block_on(shared.queue.wait()), Ok(()));
                assert!(
                    shared.first.load(Relaxed),
                    "the notification came without its condition"
                );
            },
            notify_first,
        ],
        |shared| assert!(!shared.queue.try_wait()),
    );
}

/// Catches a second notification that coalesces with the stored token and is not carried by it.
#[test]
fn notifications_that_coalesce_carry_both_conditions() {
    model_roles_in_main(
        "WaitQueue: poll | notify_one | notify_one",
        200,
        make,
        &[
            |shared| {
                let _ = poll(shared, 0);
            },
            notify_first,
            notify_second,
        ],
        |shared| {
            let left = shared.queue.try_wait();
            match poll(shared, 0) {
                Poll::Pending => panic!("nobody notified the wait"),
                // Without a token left, both came through this one.
                Poll::Ready(output) => {
                    assert!(output.is_ok() && (left || seen(shared, 0) == [true; 2]))
                }
            }
            no_waker_is_left(shared);
        },
    );
}

/// Catches a waiter that joins while everybody is notified and is neither notified nor sees why; also
/// when the notifier found nobody and went (event-listener PR 139).
#[test]
fn a_condition_and_notify_all_reach_every_waiter() {
    model_roles_in_main(
        "WaitQueue: poll | poll | notify_all",
        200,
        make,
        &[
            |shared| assert!(poll(shared, 0).is_pending() || seen(shared, 0)[0]),
            |shared| assert!(poll(shared, 1).is_pending() || seen(shared, 1)[0]),
            notify_all,
        ],
        |shared| {
            assert!(!shared.queue.try_wait(), "notify_all stored a token");
            for index in [0, 1] {
                assert!(seen(shared, index)[0] || woken(shared, index));
            }
            no_waker_is_left(shared);
        },
    );
}

/// The same with one waiter, and all preemptions.
#[test]
fn a_condition_and_notify_all_reach_one_waiter() {
    model_roles(
        "WaitQueue: poll | notify_all",
        10,
        make,
        &[
            |shared| {
                let _ = poll(shared, 0);
            },
            notify_all,
        ],
        |shared| assert!(seen(shared, 0)[0] || woken(shared, 0)),
    );
}

/// Catches a condition that comes true with the lock held and is neither seen by a waiter nor told to it.
#[test]
fn a_condition_under_the_lock_reaches_one_waiter() {
    model_roles(
        "WaitQueue: poll | notify_all_if",
        6,
        make,
        &[
            |shared| {
                let _ = poll(shared, 0);
            },
            |shared| {
                let condition = || !shared.first.swap(true, Relaxed);
                let woken = shared.queue.notify_all_if(condition);
                shared.count.fetch_add(woken, Relaxed);
            },
        ],
        |shared| {
            assert!(seen(shared, 0)[0] || woken(shared, 0));
            assert_eq!(shared.count.load(Relaxed) == 1, woken(shared, 0));
        },
    );
}

/// Catches a poll with another waker that leaves the old one in place, or swaps it while a notifier
/// moves it out.
#[test]
fn a_poll_with_another_waker_is_the_one_that_is_woken() {
    model_roles(
        "WaitQueue: poll, poll with another waker | notify_one",
        20,
        make,
        &[
            |shared| {
                if poll(shared, 0).is_pending() && poll_with(shared, 0, 2).is_pending() {
                    shared.count.store(1, Relaxed);
                }
            },
            notify_first,
        ],
        |shared| {
            assert!(shared.count.load(Relaxed) == 0 || woken(shared, 2));
            assert_eq!(poll(shared, 0), Poll::Ready(Ok(())));
            assert!(seen(shared, 0)[0]);
            no_waker_is_left(shared);
        },
    );
}

/// Catches a poll with the same waker, which looks without the lock, beside a notifier that moves the
/// waker out.
#[test]
fn a_poll_with_the_same_waker_may_meet_a_notifier() {
    model_roles(
        "WaitQueue: poll, poll again | notify_one",
        10,
        make,
        &[
            |shared| {
                let _ = poll(shared, 0).is_pending() && poll(shared, 0).is_pending();
            },
            notify_first,
        ],
        |shared| {
            assert_eq!(poll(shared, 0), Poll::Ready(Ok(())));
            no_waker_is_left(shared);
        },
    );
}

/// Catches a waiter that `close` misses because it joins meanwhile.
#[test]
fn close_reaches_everybody() {
    model_roles_in_main(
        "WaitQueue: poll | poll | close",
        200,
        make,
        &[
            |shared| assert!(poll(shared, 0).is_pending() || seen(shared, 0)[0]),
            |shared| assert!(poll(shared, 1).is_pending() || seen(shared, 1)[0]),
            close,
        ],
        |shared| {
            for index in [0, 1] {
                let polled = shared.waits[index].lock().unwrap().outcome;
                assert!(polled.is_ready() || woken(shared, index));
                assert_eq!(poll(shared, index), Poll::Ready(Err(Closed)));
            }
            no_waker_is_left(shared);
        },
    );
}

/// Catches a close seen by `is_closed`, or by a first poll, without what its caller did before.
#[test]
fn a_close_that_is_seen_carries_the_closers_writes() {
    model_roles(
        "WaitQueue: is_closed | close",
        2,
        make,
        &[
            |shared| {
                while !shared.queue.is_closed() {
                    loom::thread::yield_now();
                }
                assert!(shared.first.load(Relaxed));
            },
            close,
        ],
        |_| (),
    );
    // Said before the waiters are told, so before the unlock.
    model_roles(
        "WaitQueue: is_closed with two who wait | close",
        2,
        make_waiting,
        &[
            |shared| {
                if shared.queue.is_closed() {
                    assert!(shared.first.load(Relaxed));
                }
            },
            close,
        ],
        |_| (),
    );
    // The poll wants to take the token, which the close throws away.
    model_roles(
        "WaitQueue: poll with a token there | close",
        10,
        || {
            let shared = make();
            shared.queue.notify_one();
            shared
        },
        &[
            |shared| {
                if poll(shared, 0) == Poll::Ready(Err(Closed)) {
                    assert!(seen(shared, 0)[0]);
                }
            },
            close,
        ],
        |shared| assert!(poll(shared, 0).is_ready()),
    );
    // The same further on in the poll, after a first look that found nothing.
    model_roles(
        "WaitQueue: poll | notify_one, close",
        20,
        make,
        &[
            |shared| {
                if poll(shared, 0) == Poll::Ready(Err(Closed)) {
                    assert!(seen(shared, 0)[0]);
                }
            },
            |shared| {
                shared.queue.notify_one();
                close(shared);
            },
        ],
        |shared| assert!(poll(shared, 0).is_ready()),
    );
    model_roles(
        "WaitQueue: poll | close",
        10,
        make,
        &[
            |shared| assert!(poll(shared, 0).is_pending() || seen(shared, 0)[0]),
            close,
        ],
        |shared| assert_eq!(poll(shared, 0), Poll::Ready(Err(Closed))),
    );
}

/// Catches a token taken twice, or a taker that does not see what came with it.
#[test]
fn one_of_a_wait_and_a_try_wait_gets_the_token() {
    model_roles(
        "WaitQueue: try_wait | poll | notify_one",
        200,
        make,
        &[
            |shared| {
                if shared.queue.try_wait() {
                    assert!(
                        shared.first.load(Relaxed),
                        "the token came without its condition"
                    );
                    shared.count.fetch_add(1, Relaxed);
                }
            },
            |shared| {
                let _ = poll(shared, 0);
            },
            notify_first,
        ],
        |shared| {
            let got = usize::from(poll(shared, 0).is_ready());
            let left = usize::from(shared.queue.try_wait());
            assert_eq!(shared.count.load(Relaxed) + got + left, 1);
            no_waker_is_left(shared);
        },
    );
}

/// Catches the notification that dies with a wait dropped at the very moment it is chosen, whichever
/// side sees the other first (zio PR 94).
#[test]
fn dropping_the_head_while_it_is_notified_wakes_the_next() {
    model_roles(
        "WaitQueue: drop the head | notify_one",
        10,
        make_waiting,
        &[|shared| drop_wait(shared, 0), notify_first],
        |shared| {
            assert_eq!(shared.wakers[1].wakes(), 1);
            assert_eq!(poll(shared, 1), Poll::Ready(Ok(())));
            assert!(seen(shared, 1)[0], "passed on without its condition");
            assert!(!shared.queue.try_wait());
            no_waker_is_left(shared);
        },
    );
}

/// The same, with a third who joins meanwhile and may be the next.
#[test]
fn dropping_a_lone_wait_while_it_is_notified_reaches_whoever_joins() {
    model_roles_in_main(
        "WaitQueue: drop | notify_one | poll",
        200,
        || {
            let shared = make();
            assert!(poll(&shared, 0).is_pending());
            shared
        },
        &[
            |shared| drop_wait(shared, 0),
            notify_first,
            |shared| {
                let _ = poll(shared, 1);
            },
        ],
        |shared| {
            assert_eq!(poll(shared, 1), Poll::Ready(Ok(())));
            assert!(seen(shared, 1)[0]);
            no_waker_is_left(shared);
        },
    );
}

/// Catches a list that two removals at once leave broken.
#[test]
fn two_neighbours_may_leave_at_once() {
    model_roles(
        "WaitQueue: drop the first | drop the second",
        10,
        make_waiting,
        &[|shared| drop_wait(shared, 0), |shared| drop_wait(shared, 1)],
        |shared| {
            assert!(!shared.queue.notify_one(), "nobody is left");
            assert!(shared.queue.try_wait(), "so the notification is stored");
            no_waker_is_left(shared);
        },
    );
    model_roles_in_main(
        "WaitQueue: drop the first | drop the second | notify_one",
        200,
        make_waiting,
        &[
            |shared| drop_wait(shared, 0),
            |shared| drop_wait(shared, 1),
            notify_first,
        ],
        |shared| {
            assert!(
                shared.queue.try_wait(),
                "nobody is left, so the notification is stored"
            );
            no_waker_is_left(shared);
        },
    );
}

/// Catches two notifiers that take the same node, or lose one between them.
#[test]
fn two_notifiers_wake_two_waiters() {
    fn notify(shared: &Shared) {
        assert!(shared.queue.notify_one());
    }
    model_roles(
        "WaitQueue: notify_one | notify_one",
        10,
        make_waiting,
        &[notify, notify],
        |shared| {
            assert!(poll(shared, 0).is_ready() && poll(shared, 1).is_ready());
            assert!(!shared.queue.try_wait());
        },
    );
}

/// Catches a wait that leaves the circle of a `notify_all` between two batches (one waker each, here)
/// and breaks it, a mark that leaves its frame too early, and a notification by `notify_all` passed on.
#[test]
fn a_wait_may_leave_while_everybody_is_woken() {
    model_roles(
        "WaitQueue: drop the second | notify_all",
        20,
        make_waiting,
        &[|shared| drop_wait(shared, 1), notify_all],
        |shared| {
            assert!(poll(shared, 0).is_ready());
            assert_eq!(shared.count.load(Relaxed), 1 + shared.wakers[1].wakes());
            assert!(
                !shared.queue.try_wait(),
                "notify_all has nothing to pass on"
            );
            no_waker_is_left(shared);
        },
    );
}

/// Catches a notification spent on somebody whom a `notify_all` has already chosen: two wait, and
/// whoever of the two notifiers comes first, nothing of the other is lost.
#[test]
fn notify_one_beside_notify_all_is_kept() {
    model_roles(
        "WaitQueue: notify_one | notify_all",
        20,
        make_waiting,
        &[
            |shared| {
                shared
                    .count
                    .fetch_add(usize::from(shared.queue.notify_one()), Relaxed);
            },
            notify_all,
        ],
        |shared| {
            assert!(poll(shared, 0).is_ready() && poll(shared, 1).is_ready());
            assert_eq!(shared.count.load(Relaxed), 2);
            // First, it woke one of the two; second, it found nobody and was stored.
            let stored = shared.queue.try_wait();
            let woken_by_all = !stored;
            assert!(stored || woken_by_all);
            no_waker_is_left(shared);
        },
    );
}

/// Catches a close that overtakes a `notify_all` at work and breaks its circle.
#[test]
fn close_beside_notify_all_leaves_nobody_asleep() {
    model_roles(
        "WaitQueue: close | notify_all",
        20,
        make_waiting,
        &[close, notify_all],
        |shared| {
            assert!(poll(shared, 0).is_ready() && poll(shared, 1).is_ready());
            assert!(shared.queue.is_closed());
            assert_eq!(shared.wakers[0].wakes() + shared.wakers[1].wakes(), 2);
            no_waker_is_left(shared);
        },
    );
}
