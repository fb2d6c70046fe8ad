//! What users of `WakeBatch` can rely on.
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::panic::{AssertUnwindSafe, catch_unwind};

use hyperia_test::{CountingWaker, PanicOn, PanicWaker};
use hyperia_wait::WakeBatch;

#[test]
fn push_says_whether_there_is_room() {
    let (mut batch, counting) = (WakeBatch::new(), CountingWaker::new());
    let mut pushed = 1;
    while batch.push(counting.waker()) {
        assert!(!batch.is_full());
        pushed += 1;
    }
    assert!(batch.is_full());
    batch.wake_all();
    assert_eq!((counting.wakes(), counting.live()), (pushed, 0));
    assert!(batch.is_empty() && !batch.is_full());
}

#[test]
fn push_on_a_full_batch_panics_and_keeps_the_others() {
    let (mut batch, counting) = (WakeBatch::new(), CountingWaker::new());
    let mut pushed = 1;
    while batch.push(counting.waker()) {
        pushed += 1;
    }
    assert!(catch_unwind(AssertUnwindSafe(|| batch.push(counting.waker()))).is_err());
    drop(batch);
    assert_eq!((counting.wakes(), counting.live()), (pushed, 0));
}

#[test]
fn a_batch_can_be_used_again() {
    let (mut batch, counting) = (WakeBatch::new(), CountingWaker::new());
    for round in 1..4 {
        batch.push(counting.waker());
        batch.wake_all();
        batch.wake_all();
        assert_eq!(counting.wakes(), round);
    }
}

#[test]
fn dropping_a_batch_wakes_what_is_in_it() {
    let (mut batch, counting) = (WakeBatch::new(), CountingWaker::new());
    batch.push(counting.waker());
    drop(batch);
    assert_eq!((counting.wakes(), counting.live()), (1, 0));
}

#[test]
fn panicking_wakers_do_not_lose_the_rest() {
    let (mut batch, counting) = (WakeBatch::default(), CountingWaker::new());
    let panicking = [
        PanicWaker::new(PanicOn::Wake),
        PanicWaker::new(PanicOn::Drop),
    ];
    batch.push(counting.waker());
    batch.push(panicking[0].waker());
    batch.push(counting.waker());
    batch.push(panicking[1].waker());
    batch.push(counting.waker());
    assert_eq!(format!("{batch:?}"), "WakeBatch { len: 5 }");
    let panic = catch_unwind(AssertUnwindSafe(|| batch.wake_all())).expect_err("it goes on");
    assert!(
        panic
            .downcast_ref::<String>()
            .is_some_and(|said| said.contains("Wake")),
        "the first one"
    );
    assert_eq!(counting.wakes(), 3);
    assert_eq!(
        panicking.map(|waker| (waker.panics(), waker.live())),
        [(1, 0), (1, 0)]
    );
    assert!(batch.is_empty());
}
