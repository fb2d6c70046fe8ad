//! Locked instructions of sleeping, as the README says. Those of wakers are not in it: the one here has
//! none.
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::cell::RefCell;
use std::future::{pending, ready};
use std::pin::{Pin, pin};
use std::task::Waker;
use std::time::Duration;

use hyperia_test::locked::assert_counts;
use hyperia_test::{CountingWaker, poll_once};
use hyperia_timer::{Bound, ManualClock, Sleep, Timers};

const SECOND: Duration = Duration::from_secs(1);

/// What is counted, for both kinds of timers: `lock` is what taking the lock and giving it back costs.
fn assert_costs<B: Bound>(timers: &Timers<B>, name: &str, lock: u64, count: u64) {
    let waker = Waker::noop();
    // Is known again, which the other is not: each crate may have its own copy of that one's table.
    let known = CountingWaker::new().waker();
    let owner: Pin<Box<Sleep<'_, B>>> = Box::pin(timers.sleep(SECOND));
    let owner = RefCell::new(owner);
    assert!(poll_once(owner.borrow_mut().as_mut(), &known).is_pending());
    let deadline = RefCell::new(2 * SECOND);
    println!("{name}:");
    assert_counts(&[
        ("timeout whose future is ready", 0, &|| {
            assert!(poll_once(pin!(timers.timeout(SECOND, ready(1))), waker).is_ready());
        }),
        ("sleep that is dropped before it waits", 0, &|| {
            drop(timers.sleep(SECOND));
        }),
        ("the same, owned", 2 * count, &|| {
            drop(timers.sleep(SECOND).into_owned());
        }),
        ("sleep: make, poll, drop", 2 * lock, &|| {
            assert!(poll_once(pin!(timers.sleep(SECOND)), waker).is_pending());
        }),
        ("timeout: make, poll, drop", 2 * lock, &|| {
            let timeout = pin!(timers.timeout(SECOND, pending::<()>()));
            assert!(poll_once(timeout, waker).is_pending());
        }),
        ("reset to later", 0, &|| {
            let mut deadline = deadline.borrow_mut();
            *deadline += SECOND;
            owner.borrow_mut().as_mut().reset(*deadline);
        }),
        ("poll again", lock, &|| {
            assert!(poll_once(owner.borrow_mut().as_mut(), &known).is_pending());
        }),
        ("next_deadline", lock, &|| {
            timers.next_deadline();
        }),
        ("advance with nothing due", lock, &|| {
            assert!(!timers.advance(Duration::ZERO));
        }),
    ]);
}

#[test]
fn sleeping_costs_what_it_says() {
    let timers = Timers::new(ManualClock::new(), Waker::noop().clone());
    assert_costs(&timers, "shared", 2, 1);
    let timers = Timers::new_local(ManualClock::new(), Waker::noop().clone());
    assert_costs(&timers, "local", 0, 0);
}
