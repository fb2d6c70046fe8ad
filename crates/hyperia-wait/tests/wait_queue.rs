//! What users of `WaitQueue` can rely on.
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::future::Future;
use std::panic::catch_unwind;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Wake, Waker};

use hyperia_test::alloc::{self, CountingAllocator};
use hyperia_test::{CountingWaker, PanicOn, PanicWaker, drop_at_every_poll, poll_once};
use hyperia_wait::{Block, Closed, Wait, WaitQueue};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const READY: Poll<Result<(), Closed>> = Poll::Ready(Ok(()));

/// A wait that has joined, and its counter.
fn join(queue: &WaitQueue) -> (Pin<Box<Wait<'_>>>, Arc<CountingWaker>) {
    let (mut wait, counting) = (Box::pin(queue.wait()), CountingWaker::new());
    assert!(poll_once(wait.as_mut(), &counting.waker()).is_pending());
    (wait, counting)
}

fn poll(wait: &mut Pin<Box<Wait<'_>>>) -> Poll<Result<(), Closed>> {
    poll_once(wait.as_mut(), Waker::noop())
}

#[test]
fn a_stored_token_is_taken_by_the_next_wait() {
    let queue = WaitQueue::new();
    assert!(!queue.notify_one());
    assert_eq!(queue.wait().block(), Ok(()));
    assert!(poll(&mut Box::pin(queue.wait())).is_pending());
}

#[test]
fn tokens_do_not_add_up() {
    let queue = WaitQueue::new();
    queue.notify_one();
    queue.notify_one();
    assert!(queue.try_wait());
    assert!(!queue.try_wait());
}

#[test]
fn a_wait_joins_when_it_is_polled_and_not_before() {
    let queue = WaitQueue::new();
    let mut early = Box::pin(queue.wait());
    let (_late, counting) = join(&queue);
    assert!(poll(&mut early).is_pending());
    assert!(queue.notify_one());
    assert_eq!(counting.wakes(), 1);
    assert!(poll(&mut early).is_pending());
}

#[test]
fn waiters_are_woken_first_in_first_out() {
    let queue = WaitQueue::new();
    let mut waits: Vec<_> = (0..5).map(|_| join(&queue)).collect();
    for woken in 0..5 {
        assert!(queue.notify_one());
        for (index, (_, counting)) in waits.iter().enumerate() {
            assert_eq!(counting.wakes(), usize::from(index <= woken));
        }
    }
    assert!(waits.iter_mut().all(|(wait, _)| poll(wait) == READY));
}

#[test]
fn a_waiter_may_leave_from_anywhere() {
    // Every subset of four leaves, in order and backwards; the others are woken in order.
    for leaving in 0_u32..16 {
        for backwards in [false, true] {
            let queue = WaitQueue::new();
            let mut waits: Vec<_> = (0..4).map(|_| Some(join(&queue))).collect();
            let mut order = [0, 1, 2, 3];
            if backwards {
                order.reverse();
            }
            for index in order
                .into_iter()
                .filter(|index| leaving & (1 << index) != 0)
            {
                let (wait, counting) = waits[index].take().unwrap();
                drop(wait);
                assert_eq!((counting.wakes(), counting.live()), (0, 0));
            }
            for (wait, counting) in waits.iter_mut().flatten() {
                assert!(queue.notify_one());
                assert_eq!(counting.wakes(), 1);
                assert_eq!(poll(wait), READY);
            }
            assert!(!queue.notify_one(), "nobody is left");
        }
    }
}

#[test]
fn a_notified_wait_that_is_dropped_passes_on_to_the_next() {
    let queue = WaitQueue::new();
    let ((first, _), (mut second, counting)) = (join(&queue), join(&queue));
    assert!(queue.notify_one());
    drop(first);
    assert_eq!(counting.wakes(), 1);
    assert_eq!(poll(&mut second), READY);
    assert!(!queue.try_wait());
}

#[test]
fn a_notified_wait_that_is_dropped_alone_stores_the_token() {
    let queue = WaitQueue::new();
    let (wait, _) = join(&queue);
    assert!(queue.notify_one());
    drop(wait);
    assert!(queue.try_wait());
}

/// tokio PR 3652: registered, `notify_all`, then a token is stored, then the wait is dropped unpolled: the
/// token must stay; and `notify_all` itself leaves none.
#[test]
fn dropping_a_wait_notified_by_notify_all_keeps_the_token_and_adds_none() {
    let queue = WaitQueue::new();
    let (wait, _) = join(&queue);
    assert_eq!(queue.notify_all(), 1);
    drop(wait);
    assert!(!queue.try_wait());

    let (wait, _) = join(&queue);
    assert_eq!(queue.notify_all(), 1);
    queue.notify_one();
    drop(wait);
    assert!(queue.try_wait());
    assert!(!queue.try_wait());
}

#[test]
fn a_poll_with_another_waker_wakes_the_new_one() {
    let queue = WaitQueue::new();
    let (mut wait, old) = join(&queue);
    let new = CountingWaker::new();
    assert!(poll_once(wait.as_mut(), &new.waker()).is_pending());
    assert_eq!(old.live(), 0, "the old waker is dropped");
    queue.notify_one();
    assert_eq!((old.wakes(), new.wakes(), new.live()), (0, 1, 0));
}

/// flume issue 182: every poll of a waiting future must not add another entry.
#[test]
fn many_polls_join_once() {
    let queue = WaitQueue::new();
    let (mut wait, counting) = join(&queue);
    let waker = counting.waker();
    for _ in 0..100 {
        assert!(poll_once(wait.as_mut(), &waker).is_pending());
    }
    assert_eq!(counting.live(), 2, "the test's and the queue's");
    assert_eq!(queue.notify_all(), 1);
}

#[test]
fn a_wait_that_moves_to_another_thread_is_woken_there() {
    let queue = WaitQueue::new();
    std::thread::scope(|scope| {
        let (wait, _) = join(&queue);
        let other = scope.spawn(move || wait.block());
        queue.notify_one();
        assert_eq!(other.join().unwrap(), Ok(()));
    });
}

#[test]
fn notify_many_wakes_in_order_and_stores_one_token_for_the_rest() {
    let queue = WaitQueue::new();
    let mut waits: Vec<_> = (0..40).map(|_| join(&queue)).collect();
    assert_eq!(queue.notify_many(0), 0);
    assert_eq!(queue.notify_many(33), 33);
    for (index, (_, counting)) in waits.iter().enumerate() {
        assert_eq!(counting.wakes(), usize::from(index < 33));
    }
    assert!(!queue.try_wait());
    assert_eq!(queue.notify_many(usize::MAX), 7);
    assert!(queue.try_wait());
    assert!(!queue.try_wait());
    assert!(waits.iter_mut().all(|(wait, _)| poll(wait) == READY));
}

#[test]
fn notify_all_wakes_everybody_and_stores_nothing() {
    let queue = WaitQueue::new();
    assert_eq!(queue.notify_all(), 0);
    assert!(!queue.try_wait());
    let mut waits: Vec<_> = (0..100).map(|_| join(&queue)).collect();
    assert_eq!(queue.notify_all(), 100);
    assert!(waits.iter_mut().all(|(wait, _)| poll(wait) == READY));
    assert!(!queue.try_wait());
}

#[test]
fn notify_all_if_wakes_everybody_if_the_condition_says_so() {
    let queue = WaitQueue::new();
    assert_eq!(queue.notify_all_if(|| true), 0);
    assert!(!queue.try_wait());
    let mut waits: Vec<_> = (0..40).map(|_| join(&queue)).collect();
    assert_eq!(queue.notify_all_if(|| false), 0);
    assert!(waits.iter().all(|(_, counting)| counting.wakes() == 0));
    assert_eq!(queue.notify_all_if(|| true), 40);
    assert!(waits.iter().all(|(_, counting)| counting.wakes() == 1));
    assert!(waits.iter_mut().all(|(wait, _)| poll(wait) == READY));
    assert!(!queue.try_wait());
}

#[test]
fn a_condition_that_panics_notifies_nobody_and_leaves_the_queue_whole() {
    let queue = WaitQueue::new();
    let (mut wait, counting) = join(&queue);
    let panics = || queue.notify_all_if(|| panic!("no condition"));
    assert!(catch_unwind(panics).is_err());
    assert_eq!(counting.wakes(), 0);
    let (mut second, _) = join(&queue);
    assert_eq!(queue.notify_all(), 2);
    assert!(poll(&mut wait) == READY && poll(&mut second) == READY);
}

/// A waker that does something once.
struct Once<F>(Mutex<Option<F>>);

impl<F: FnOnce() + Send + 'static> Once<F> {
    fn waker(f: F) -> Waker {
        Arc::new(Self(Mutex::new(Some(f)))).into()
    }
}

impl<F: FnOnce() + Send + 'static> Wake for Once<F> {
    fn wake(self: Arc<Self>) {
        let f = self.0.lock().unwrap().take();
        if let Some(f) = f {
            f();
        }
    }
}

/// A queue that anything may borrow. Kept, so that the leak checker finds it.
fn leaked() -> &'static WaitQueue {
    static KEPT: Mutex<Vec<&'static WaitQueue>> = Mutex::new(Vec::new());
    let queue = Box::leak(Box::default());
    KEPT.lock().unwrap().push(queue);
    queue
}

/// tokio issue 5396: `notify_all` works in batches and unlocks between them; who joins meanwhile was not
/// there when it was called.
#[test]
fn notify_all_does_not_wake_those_who_join_while_it_works() {
    let queue = leaked();
    let counting = CountingWaker::new();
    let late = Arc::new(Mutex::new(None));
    let waker = Once::waker({
        let (counting, late) = (counting.clone(), late.clone());
        move || {
            let mut wait = Box::pin(queue.wait());
            assert!(poll_once(wait.as_mut(), &counting.waker()).is_pending());
            *late.lock().unwrap() = Some(wait);
        }
    });
    let mut first = Box::pin(queue.wait());
    assert!(poll_once(first.as_mut(), &waker).is_pending());
    let _others: Vec<_> = (0..50).map(|_| join(queue)).collect();
    assert_eq!(queue.notify_all(), 51);
    assert_eq!(counting.wakes(), 0);
    assert_eq!(queue.notify_all(), 1);
    assert_eq!(counting.wakes(), 1);
}

/// Also a notification that is sent meanwhile: those chosen by `notify_all` do not use it up.
#[test]
fn notify_one_while_notify_all_works_is_kept_for_others() {
    let queue = leaked();
    let waker = Once::waker(move || assert!(!queue.notify_one()));
    let mut first = Box::pin(queue.wait());
    assert!(poll_once(first.as_mut(), &waker).is_pending());
    let others: Vec<_> = (0..50).map(|_| join(queue)).collect();
    assert_eq!(queue.notify_all(), 51);
    drop(others);
    assert!(queue.try_wait());
    assert!(!queue.try_wait());
}

#[test]
fn waits_may_leave_while_notify_all_works() {
    // The first waker, in the first batch, drops some who are in later ones: ends and middle.
    for dropped in [
        vec![20],
        vec![49],
        vec![20, 21, 22],
        vec![48, 49],
        (16..50).collect(),
        vec![35],
    ] {
        let queue = leaked();
        let waits = Arc::new(Mutex::new(Vec::new()));
        let count = 50 - dropped.len();
        let waker = Once::waker({
            let waits = waits.clone();
            move || {
                let mut waits = waits.lock().unwrap();
                dropped.iter().for_each(|&index| waits[index] = None);
            }
        });
        for index in 0..50 {
            let (mut wait, counting) = (Box::pin(queue.wait()), CountingWaker::new());
            let waker = if index == 0 {
                waker.clone()
            } else {
                counting.waker()
            };
            assert!(poll_once(wait.as_mut(), &waker).is_pending());
            waits.lock().unwrap().push(Some((wait, counting)));
        }
        assert_eq!(queue.notify_all(), count);
        for (wait, _) in waits.lock().unwrap().iter_mut().flatten() {
            assert_eq!(poll(wait), READY);
        }
        assert!(!queue.try_wait());
    }
}

#[test]
fn close_ends_all_waits_now_and_later() {
    let queue = WaitQueue::new();
    let mut waits: Vec<_> = (0..40).map(|_| join(&queue)).collect();
    let mut late = Box::pin(queue.wait());
    queue.close();
    assert!(queue.is_closed());
    for (wait, counting) in &mut waits {
        assert_eq!(counting.wakes(), 1);
        assert_eq!(poll(wait), Poll::Ready(Err(Closed)));
    }
    assert_eq!(poll(&mut late), Poll::Ready(Err(Closed)));
    queue.close();
}

#[test]
fn close_reaches_those_who_join_while_it_works() {
    let queue = leaked();
    let waker = Once::waker(move || assert_eq!(queue.wait().block(), Err(Closed)));
    let mut first = Box::pin(queue.wait());
    assert!(poll_once(first.as_mut(), &waker).is_pending());
    queue.close();
    assert_eq!(poll(&mut first), Poll::Ready(Err(Closed)));
}

#[test]
fn a_closed_queue_stores_and_keeps_no_token() {
    let queue = WaitQueue::new();
    queue.notify_one();
    queue.close();
    assert!(!queue.try_wait());
    assert!(!queue.notify_one());
    assert_eq!(queue.notify_many(3), 0);
    assert_eq!(queue.notify_all(), 0);
    assert!(!queue.try_wait());
    assert_eq!(queue.wait().block(), Err(Closed));
}

#[test]
fn a_notification_before_the_close_is_kept_by_its_wait() {
    let queue = WaitQueue::new();
    let ((mut first, _), (second, _)) = (join(&queue), join(&queue));
    queue.notify_many(2);
    queue.close();
    assert_eq!(poll(&mut first), READY);
    drop(second); // passes on into a closed queue: nobody to have it
    assert!(!queue.try_wait());
}

#[test]
fn a_wait_may_be_dropped_at_every_poll() {
    let polls = drop_at_every_poll(
        || {
            let queue = leaked();
            (queue, queue.wait())
        },
        |queue, k| {
            if k == 3 {
                assert!(queue.notify_one());
            }
        },
        |queue, _| {
            // Nothing is in the queue any more, and a token that was on its way is still there.
            let passed_on = queue.try_wait();
            assert_eq!(queue.notify_all(), 0);
            assert!(!(passed_on && queue.try_wait()));
        },
    );
    assert_eq!(polls, 4);
}

/// awslabs/shuttle PR 167, tokio PR 2340 in this shape: every wait of a row is notified, dropped, passes
/// on; at the end the notification is still there.
#[test]
fn a_notification_survives_a_row_of_dropped_waits() {
    let queue = WaitQueue::new();
    let waits: Vec<_> = (0..10).map(|_| join(&queue)).collect();
    queue.notify_one();
    for (wait, counting) in waits {
        assert_eq!(counting.wakes(), 1);
        drop(wait);
    }
    assert!(queue.try_wait());
}

#[test]
fn a_forgotten_wait_swallows_one_notification() {
    let queue = leaked();
    let (forgotten, _) = join(queue);
    let (mut next, counting) = join(queue);
    // What `mem::forget` would do, but that the leak checker finds it.
    static FORGOTTEN: Mutex<Vec<Pin<Box<Wait<'static>>>>> = Mutex::new(Vec::new());
    FORGOTTEN.lock().unwrap().push(forgotten);
    assert!(queue.notify_one());
    assert_eq!(counting.wakes(), 0);
    assert!(queue.notify_one());
    assert_eq!(counting.wakes(), 1);
    assert_eq!(poll(&mut next), READY);
}

#[test]
fn is_terminated_after_the_output() {
    let queue = WaitQueue::new();
    let (mut wait, _) = join(&queue);
    queue.notify_one();
    assert!(!wait.is_terminated());
    assert_eq!(poll(&mut wait), READY);
    assert!(wait.is_terminated());
    assert!(catch_unwind(std::panic::AssertUnwindSafe(|| poll(&mut wait))).is_err());
    drop(wait);
    assert!(!queue.try_wait(), "a finished wait passes nothing on");
}

#[test]
fn nothing_is_allocated() {
    let queue = WaitQueue::new();
    let counting = CountingWaker::new();
    let waker = counting.waker();
    let ((), counts) = alloc::count(|| {
        let mut first = std::pin::pin!(queue.wait());
        let mut second = std::pin::pin!(queue.wait());
        assert!(poll_once(first.as_mut(), &waker).is_pending());
        assert!(poll_once(second.as_mut(), &waker).is_pending());
        queue.notify_one();
        queue.notify_all();
        queue.notify_one();
        assert!(poll_once(first.as_mut(), &waker).is_ready());
        queue.close();
    });
    assert_eq!((counts.allocations, counts.deallocations), (0, 0));
}

#[test]
fn a_panic_in_clone_leaves_the_queue_as_it_was() {
    let queue = WaitQueue::new();
    let panicking = PanicWaker::new(PanicOn::Clone);
    let waker = panicking.waker();
    let mut wait = Box::pin(queue.wait());
    let panics = |wait: Pin<&mut Wait<'_>>| {
        assert!(catch_unwind(std::panic::AssertUnwindSafe(|| poll_once(wait, &waker))).is_err());
    };
    panics(wait.as_mut());
    assert_eq!(queue.notify_all(), 0, "it did not join");
    assert!(poll(&mut wait).is_pending());
    panics(wait.as_mut());
    assert!(queue.notify_one(), "it is still there");
    assert_eq!(poll(&mut wait), READY);
}

#[test]
fn a_panic_in_wake_does_not_lose_the_others() {
    for close in [false, true] {
        let queue = WaitQueue::new();
        let panicking = [
            PanicWaker::new(PanicOn::Wake),
            PanicWaker::new(PanicOn::Wake),
        ];
        let mut waits = Vec::new();
        for index in 0..60 {
            let (mut wait, counting) = (Box::pin(queue.wait()), CountingWaker::new());
            // One in the first batch, one in the third.
            let waker = match index {
                3 => panicking[0].waker(),
                40 => panicking[1].waker(),
                _ => counting.waker(),
            };
            assert!(poll_once(wait.as_mut(), &waker).is_pending());
            waits.push((wait, counting));
        }
        let result = catch_unwind(|| match close {
            true => queue.close(),
            false => assert_eq!(queue.notify_all(), 60),
        });
        assert!(result.is_err(), "the panic goes on");
        assert_eq!(panicking.each_ref().map(|waker| waker.panics()), [1, 1]);
        for (index, (wait, counting)) in waits.iter_mut().enumerate() {
            assert_eq!(counting.wakes(), usize::from(index != 3 && index != 40));
            assert!(poll(wait).is_ready());
        }
    }
}

#[test]
fn a_panic_in_wake_leaves_notify_many_complete() {
    let queue = WaitQueue::new();
    let panicking = PanicWaker::new(PanicOn::Wake);
    let mut first = Box::pin(queue.wait());
    assert!(poll_once(first.as_mut(), &panicking.waker()).is_pending());
    let mut others: Vec<_> = (0..30).map(|_| join(&queue)).collect();
    assert!(catch_unwind(|| queue.notify_many(31)).is_err());
    assert!(
        others
            .iter_mut()
            .all(|(wait, counting)| counting.wakes() == 1 && poll(wait) == READY)
    );
    assert_eq!(poll(&mut first), READY);
}

#[test]
fn a_panic_in_drop_of_a_waker_leaves_the_queue_whole() {
    let queue = WaitQueue::new();
    let panicking = PanicWaker::new(PanicOn::Drop);
    let waker = panicking.waker();
    // The old waker at a poll with another one.
    let mut wait = Box::pin(queue.wait());
    let counting = CountingWaker::new();
    assert!(poll_once(wait.as_mut(), &waker).is_pending());
    let polled = std::panic::AssertUnwindSafe(|| poll_once(wait.as_mut(), &counting.waker()));
    assert!(catch_unwind(polled).is_err());
    assert!(queue.notify_one());
    assert_eq!(counting.wakes(), 1, "the new one is registered");
    assert_eq!(poll(&mut wait), READY);
    // The waker of a wait that leaves.
    let mut wait = Box::pin(queue.wait());
    assert!(poll_once(wait.as_mut(), &waker).is_pending());
    assert!(catch_unwind(std::panic::AssertUnwindSafe(|| drop(wait))).is_err());
    assert_eq!(queue.notify_all(), 0, "it has left");
    panicking.disarm();
}

/// A waker clone that notifies: then a token is there when the clone is to be linked, and the clone is
/// dropped unused; if that drop panics, the token must not be gone.
#[test]
fn a_panic_in_drop_of_an_unused_clone_keeps_the_token() {
    use std::task::{RawWaker, RawWakerVTable};
    static VTABLE: RawWakerVTable = RawWakerVTable::new(
        |data| {
            // SAFETY: `data` is the queue leaked below.
            unsafe { &*data.cast::<WaitQueue>() }.notify_one();
            RawWaker::new(data, &CLONE)
        },
        |_| (),
        |_| (),
        |_| (),
    );
    static CLONE: RawWakerVTable = RawWakerVTable::new(
        |data| RawWaker::new(data, &CLONE),
        |_| (),
        |_| (),
        |_| panic!("drop"),
    );
    let queue = leaked();
    // SAFETY: the functions use `data` as a shared reference to a leaked, shareable queue, or not at all.
    let waker = unsafe { Waker::new(std::ptr::from_ref(queue).cast(), &VTABLE) };
    let mut wait = Box::pin(queue.wait());
    let polled = std::panic::AssertUnwindSafe(|| poll_once(wait.as_mut(), &waker));
    assert!(catch_unwind(polled).is_err());
    drop(wait);
    assert!(queue.try_wait());
}

#[test]
fn wakers_may_use_the_queue() {
    let queue = leaked();
    let runs = Arc::new(AtomicUsize::new(0));
    let mut waits = Vec::new();
    for _ in 0..3 {
        let mut wait = Box::pin(queue.wait());
        let runs = runs.clone();
        let waker = Once::waker(move || {
            runs.fetch_add(1, Ordering::Relaxed);
            queue.notify_one();
            assert!(!queue.is_closed());
        });
        assert!(poll_once(wait.as_mut(), &waker).is_pending());
        waits.push(wait);
    }
    queue.notify_one();
    assert_eq!(runs.load(Ordering::Relaxed), 3);
    assert!(queue.try_wait());
}

#[test]
fn threads_meet_many_times_and_nobody_is_left() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 2_000;
    let (queue, permits, done) = (WaitQueue::new(), AtomicUsize::new(1), AtomicUsize::new(0));
    let take = || {
        let taken =
            permits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        taken.is_ok()
    };
    // A one-permit semaphore: joins, looks, waits; gives back, notifies. Some waits are dropped.
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (queue, permits, done, take) = (&queue, &permits, &done, &take);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    while !take() {
                        let mut wait = std::pin::pin!(queue.wait());
                        std::future::poll_fn(|cx| {
                            let notified = wait.as_mut().poll(cx).is_ready();
                            let enough = permits.load(Ordering::Relaxed) > 0;
                            let impatient = (round + thread) % 7 == 0;
                            if notified || enough || impatient {
                                Poll::Ready(())
                            } else {
                                Poll::Pending
                            }
                        })
                        .block();
                    }
                    permits.fetch_add(1, Ordering::Relaxed);
                    queue.notify_one();
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(done.load(Ordering::Relaxed), THREADS * ROUNDS);
    assert_eq!(queue.notify_all(), 0);
}

#[test]
fn debug_says_what_is_there() {
    let queue = WaitQueue::new();
    queue.notify_one();
    let said = "WaitQueue { token: true, waiters: false, closed: false }";
    assert_eq!(format!("{queue:?}"), said);
    assert_eq!(
        format!("{:?}", queue.wait()),
        "Wait { is_terminated: false, .. }"
    );
    assert_eq!(Closed.to_string(), "the queue was closed");
}
