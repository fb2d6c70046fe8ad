//! Panics whose payload panics when it is dropped.
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::Arc;
use std::task::{Wake, Waker};

use hyperia_test::{CountingWaker, poll_once};
use hyperia_wait::{WaitQueue, WakeBatch};

struct Payload;

impl Drop for Payload {
    fn drop(&mut self) {
        panic!("the payload of a panic");
    }
}

struct PanicTwice;

impl Wake for PanicTwice {
    fn wake(self: Arc<Self>) {
        panic_any(Payload);
    }
}

fn expect_payload(f: impl FnOnce()) {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("the first one goes on");
    assert!(payload.is::<Payload>());
    mem::forget(payload);
}

#[test]
fn a_batch_wakes_the_rest_of_wakers_that_panic_twice() {
    let (mut batch, counting) = (WakeBatch::new(), CountingWaker::new());
    for _ in 0..3 {
        batch.push(Waker::from(Arc::new(PanicTwice)));
        batch.push(counting.waker());
    }
    expect_payload(|| batch.wake_all());
    assert_eq!((counting.wakes(), counting.live()), (3, 0));
}

#[test]
fn a_queue_wakes_the_rest_of_wakers_that_panic_twice() {
    let counting = CountingWaker::new();
    let calls: [fn(&WaitQueue); 3] = [
        |queue| _ = queue.notify_many(40),
        |queue| _ = queue.notify_all(),
        WaitQueue::close,
    ];
    for notify in calls {
        let (queue, before) = (WaitQueue::new(), counting.wakes());
        let mut waits: Vec<_> = (0..40).map(|_| Box::pin(queue.wait())).collect();
        for (index, wait) in waits.iter_mut().enumerate() {
            let waker = if index % 7 == 0 {
                Waker::from(Arc::new(PanicTwice))
            } else {
                counting.waker()
            };
            assert!(poll_once(wait.as_mut(), &waker).is_pending());
        }
        expect_payload(|| notify(&queue));
        assert_eq!(counting.wakes() - before, 34);
    }
}
