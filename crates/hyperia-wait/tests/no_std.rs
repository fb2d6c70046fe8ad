//! What is different without `std`: nothing can be caught, so a panic leaves at once, and what is left to do
//! is done while it unwinds. Runs with `--no-default-features`.
#![cfg(not(any(feature = "std", hyperia_loom)))]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;

use hyperia_test::{CountingWaker, PanicOn, PanicWaker, poll_once};
use hyperia_wait::{Wait, WaitQueue, WakeBatch};

/// Sixty waits, of which the fourth has a waker that panics.
fn join(queue: &WaitQueue) -> (Vec<Pin<Box<Wait<'_>>>>, Arc<CountingWaker>, Arc<PanicWaker>) {
    let (counting, panicking) = (CountingWaker::new(), PanicWaker::new(PanicOn::Wake));
    let waits = (0..60).map(|index| {
        let mut wait = Box::pin(queue.wait());
        let waker = if index == 3 {
            panicking.waker()
        } else {
            counting.waker()
        };
        assert!(poll_once(wait.as_mut(), &waker).is_pending());
        wait
    });
    (waits.collect(), counting, panicking)
}

#[test]
fn a_panic_in_wake_does_not_lose_the_others() {
    for close in [false, true] {
        let queue = WaitQueue::new();
        let (mut waits, counting, panicking) = join(&queue);
        let result = catch_unwind(|| match close {
            true => queue.close(),
            false => assert_eq!(queue.notify_all(), 60),
        });
        assert!(result.is_err());
        assert_eq!((counting.wakes(), panicking.panics()), (59, 1));
        assert!(
            waits
                .iter_mut()
                .all(|wait| poll_once(wait.as_mut(), Waker::noop()).is_ready())
        );
    }
}

#[test]
fn a_panic_in_notify_many_does_not_lose_the_others() {
    let queue = WaitQueue::new();
    let (mut waits, counting, panicking) = join(&queue);
    assert!(catch_unwind(|| queue.notify_many(50)).is_err());
    assert_eq!((counting.wakes(), panicking.panics()), (49, 1));
    let ready = waits.iter_mut().filter_map(|wait| {
        poll_once(wait.as_mut(), &counting.waker())
            .is_ready()
            .then_some(())
    });
    assert_eq!(ready.count(), 50, "as many as were asked for");
    assert_eq!(queue.notify_all(), 10);
}

#[test]
fn a_panic_in_a_batch_does_not_lose_the_others() {
    let (mut batch, counting) = (WakeBatch::new(), CountingWaker::new());
    let panicking = PanicWaker::new(PanicOn::Wake);
    batch.push(counting.waker());
    batch.push(panicking.waker());
    batch.push(counting.waker());
    // It unwinds out of `wake_all`; dropping the batch does the rest.
    assert!(catch_unwind(AssertUnwindSafe(move || batch.wake_all())).is_err());
    assert_eq!(counting.wakes(), 2);
}

#[test]
fn threads_that_meet_a_holder_of_the_lock_go_on() {
    let queue = WaitQueue::new();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..5_000 {
                    let mut wait = std::pin::pin!(queue.wait());
                    let _ = poll_once(wait.as_mut(), Waker::noop());
                    queue.notify_one();
                }
            });
        }
    });
    assert_eq!(queue.notify_all(), 0);
}
