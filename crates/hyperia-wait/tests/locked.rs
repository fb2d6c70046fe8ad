//! Locked instructions of each operation, as the README says. With a waker that does nothing: what a waker
//! itself does comes on top.
#![cfg(not(hyperia_loom))]

use std::pin::pin;
use std::ptr;
use std::task::{RawWaker, RawWakerVTable, Waker};

use hyperia_test::locked::assert_counts;
use hyperia_test::poll_once;
use hyperia_wait::{WaitQueue, WakerCell};

/// In one place, so that a waker and its clone are seen to be the same. (The one of `Waker::noop` is a constant,
/// which an unoptimized build has more than once.)
static NOTHING: RawWakerVTable = RawWakerVTable::new(
    |_| RawWaker::new(ptr::null(), &NOTHING),
    |_| (),
    |_| (),
    |_| (),
);

fn waker() -> Waker {
    // SAFETY: none of its functions looks at the data.
    unsafe { Waker::new(ptr::null(), &NOTHING) }
}

#[test]
fn a_wait_queue_costs_what_it_says() {
    let (idle, stored) = (WaitQueue::new(), WaitQueue::new());
    stored.notify_one();
    let waker = &waker();
    assert_counts(&[
        ("notify_one with nobody waiting", 1, &|| {
            assert!(!stored.notify_one());
        }),
        ("notify_all with nobody waiting", 1, &|| {
            assert_eq!(idle.notify_all(), 0);
        }),
        ("notify_all_if with nobody waiting", 1, &|| {
            assert_eq!(idle.notify_all_if(|| true), 0);
        }),
        ("try_wait without a token", 0, &|| assert!(!idle.try_wait())),
        ("notify, then wait", 2, &|| {
            assert!(!idle.notify_one());
            assert!(poll_once(pin!(idle.wait()), waker).is_ready());
        }),
        ("wait, then notify", 2, &|| {
            let mut wait = pin!(idle.wait());
            assert!(poll_once(wait.as_mut(), waker).is_pending());
            assert!(poll_once(wait.as_mut(), waker).is_pending());
            assert!(idle.notify_one());
            assert!(poll_once(wait, waker).is_ready());
        }),
        ("wait, then cancel", 2, &|| {
            assert!(poll_once(pin!(idle.wait()), waker).is_pending());
        }),
        ("a wait that is never polled", 0, &|| drop(idle.wait())),
    ]);
}

#[test]
fn a_waker_cell_costs_what_it_says() {
    let (empty, filled) = (WakerCell::new(), WakerCell::new());
    let waker = &waker();
    filled.register(waker);
    assert_counts(&[
        ("wake with nobody registered", 1, &|| empty.wake()),
        ("register, then wake", 4, &|| {
            empty.register(waker);
            empty.wake();
        }),
        ("register again", 2, &|| filled.register(waker)),
    ]);
    // One thread, so every call comes before the next.
    assert_counts(&[
        ("register alone, then wake", 3, &|| {
            // SAFETY: see above.
            unsafe { empty.register_alone(waker) };
            empty.wake();
        }),
        ("register alone, then give up", 2, &|| {
            // SAFETY: see above.
            unsafe { empty.register_alone(waker) };
            // SAFETY: see above.
            assert!(unsafe { empty.unregister_alone() }.is_some());
        }),
        ("register alone again", 0, &|| {
            // SAFETY: see above.
            unsafe { filled.register_alone(waker) };
        }),
    ]);
}
