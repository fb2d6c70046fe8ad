//! Counting and panicking wakers.
use hyperia_test::{CountingWaker, PanicOn, PanicWaker};
use std::panic::{AssertUnwindSafe, catch_unwind};

#[test]
fn every_operation_is_counted() {
    let counting = CountingWaker::new();
    let first = counting.waker();
    let second = first.clone();
    first.wake_by_ref();
    assert_eq!(
        (counting.wakes(), counting.clones(), counting.drops()),
        (1, 1, 0)
    );
    assert_eq!(counting.live(), 2);
    second.wake();
    assert_eq!(
        (counting.wakes(), counting.drops(), counting.live()),
        (2, 1, 1)
    );
    drop(first);
    assert_eq!((counting.drops(), counting.live()), (2, 0));
}

#[test]
fn wakers_of_one_counter_will_wake_each_other() {
    let (one, other) = (CountingWaker::new(), CountingWaker::new());
    assert!(one.waker().will_wake(&one.waker()));
    assert!(!one.waker().will_wake(&other.waker()));
}

#[test]
fn a_waker_may_outlive_its_counter() {
    let waker = CountingWaker::new().waker();
    let clone = waker.clone();
    waker.wake();
    clone.wake();
}

#[test]
fn the_chosen_operation_panics_and_no_other() {
    let panicking = PanicWaker::new(PanicOn::Clone);
    let waker = panicking.waker();
    waker.wake_by_ref();
    assert!(catch_unwind(AssertUnwindSafe(|| waker.clone())).is_err());
    drop(waker);
    assert_eq!((panicking.panics(), panicking.live()), (1, 0));

    let panicking = PanicWaker::new(PanicOn::Drop);
    let waker = panicking.waker();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(waker))).is_err());
    assert_eq!((panicking.panics(), panicking.live()), (1, 0));
}

#[test]
fn a_wake_that_panics_gives_its_count_back() {
    let panicking = PanicWaker::new(PanicOn::Wake);
    let waker = panicking.waker();
    assert!(catch_unwind(AssertUnwindSafe(|| waker.wake())).is_err());
    assert_eq!((panicking.panics(), panicking.live()), (1, 0));
}

#[test]
fn a_disarmed_waker_does_not_panic() {
    let panicking = PanicWaker::new(PanicOn::Drop);
    let waker = panicking.waker();
    panicking.disarm();
    drop(waker);
    assert_eq!((panicking.panics(), panicking.live()), (0, 0));
}

#[test]
fn nothing_panics_on_top_of_a_panic() {
    let panicking = PanicWaker::new(PanicOn::Drop);
    let waker = panicking.waker();
    let result = catch_unwind(AssertUnwindSafe(|| {
        let _held = waker;
        panic!("the first");
    }));
    assert_eq!(result.unwrap_err().downcast_ref(), Some(&"the first"));
    assert_eq!(panicking.panics(), 0);
}
