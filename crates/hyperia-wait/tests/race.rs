//! What users of `race` can rely on.
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::future::{Future, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Mutex;
use std::task::{Poll, Waker};

use hyperia_test::{CountingWaker, drop_at_every_poll, poll_once};
use hyperia_wait::{Either, WaitQueue, block_on, race};

#[test]
fn the_winner_comes_out_and_the_loser_comes_back() {
    let Either::Left((1, loser)) = block_on(race(ready(1), ready(2))) else {
        panic!("of two that are ready, the first wins");
    };
    assert_eq!(block_on(loser), 2);
    let Either::Right((2, _)) = block_on(race(pending::<i32>(), ready(2))) else {
        panic!("the other one never ends");
    };
}

#[test]
fn the_loser_keeps_its_place_in_a_queue() {
    let (queue, counting) = (WaitQueue::new(), CountingWaker::new());
    let first = pin!(queue.wait());
    let mut polls = 0;
    let second = poll_fn(|_| {
        polls += 1;
        if polls == 2 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    });
    let mut both = race(first, Box::pin(second));
    let waker = counting.waker();
    assert!(poll_once(Pin::new(&mut both), &waker).is_pending());
    let mut later = pin!(queue.wait());
    assert!(poll_once(later.as_mut(), &waker).is_pending());
    let Poll::Ready(Either::Right(((), mut first))) = poll_once(Pin::new(&mut both), &waker) else {
        panic!("ready at the second poll");
    };
    assert!(queue.notify_one());
    assert_eq!(poll_once(first.as_mut(), &waker), Poll::Ready(Ok(())));
    assert!(poll_once(later.as_mut(), &waker).is_pending());
}

#[test]
fn a_race_may_be_dropped_at_every_poll() {
    let polls = drop_at_every_poll(
        || {
            // Kept, so that the leak checker finds it.
            static KEPT: Mutex<Vec<&'static WaitQueue>> = Mutex::new(Vec::new());
            let queue: &'static WaitQueue = Box::leak(Box::default());
            KEPT.lock().unwrap().push(queue);
            (queue, race(Box::pin(queue.wait()), pending::<()>()))
        },
        |queue, k| {
            if k == 2 {
                queue.notify_one();
            }
        },
        |queue, _| {
            queue.try_wait();
            assert_eq!(queue.notify_all(), 0);
        },
    );
    assert_eq!(polls, 3);
}

#[test]
fn it_is_terminated_once_the_winner_is_out() {
    let mut both = race(ready(1), ready(2));
    assert!(!both.is_terminated());
    assert!(poll_once(Pin::new(&mut both), Waker::noop()).is_ready());
    assert!(both.is_terminated());
    let again = AssertUnwindSafe(|| poll_once(Pin::new(&mut both), Waker::noop()).is_ready());
    assert!(catch_unwind(again).is_err());
}

#[test]
fn a_panic_in_one_keeps_both() {
    let mut polls = 0;
    let bad = poll_fn(|_| {
        polls += 1;
        if polls == 1 {
            panic!("once")
        } else {
            Poll::Ready(())
        }
    });
    let mut both = race(
        pending::<()>(),
        Box::pin(bad) as Pin<Box<dyn Future<Output = ()>>>,
    );
    let first = AssertUnwindSafe(|| poll_once(Pin::new(&mut both), Waker::noop()).is_ready());
    assert!(catch_unwind(first).is_err());
    assert!(poll_once(Pin::new(&mut both), Waker::noop()).is_ready());
}
