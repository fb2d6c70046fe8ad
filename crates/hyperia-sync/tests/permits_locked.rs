//! Locked instructions, as the README says. Those of wakers are not in it: the one here has none.
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::pin::pin;
use std::task::Waker;

use hyperia_sync::{Mutex, Semaphore};
use hyperia_test::locked::assert_counts;
use hyperia_test::poll_once;

#[test]
fn permits_cost_what_they_say() {
    let semaphore = Semaphore::new(1);
    let strict = Semaphore::with_overtakes_max(1, 0);
    let none = Semaphore::new(0);
    let mutex = Mutex::new(0_u64);
    let hand_over = |semaphore: &Semaphore| {
        let held = semaphore.try_acquire();
        let mut waits = pin!(semaphore.acquire());
        assert!(poll_once(waits.as_mut(), Waker::noop()).is_pending());
        drop(held);
        assert!(poll_once(waits, Waker::noop()).is_ready());
    };
    assert_counts(&[
        ("try_acquire and give back", 2, &|| {
            drop(semaphore.try_acquire().unwrap())
        }),
        ("acquire and give back", 2, &|| {
            assert!(poll_once(pin!(semaphore.acquire()), Waker::noop()).is_ready());
        }),
        ("try_acquire with none there", 0, &|| {
            assert!(none.try_acquire().is_none())
        }),
        ("acquire that waits and gives up", 2, &|| {
            assert!(poll_once(pin!(none.acquire()), Waker::noop()).is_pending());
        }),
        // Take, join, give back, take after being woken, give back.
        ("take, wait, give back, take, give back", 5, &|| {
            hand_over(&semaphore)
        }),
        (
            "the same in strict order: handed over, so the last poll costs none",
            4,
            &|| hand_over(&strict),
        ),
        ("try_lock and unlock", 2, &|| {
            *mutex.try_lock().unwrap() += 1;
        }),
        ("lock and unlock", 2, &|| {
            assert!(poll_once(pin!(mutex.lock()), Waker::noop()).is_ready());
        }),
        // As above, and one for each guess that nobody has it or waits.
        ("lock, wait, unlock, lock, unlock", 7, &|| {
            let held = mutex.try_lock();
            let mut waits = pin!(mutex.lock());
            assert!(poll_once(waits.as_mut(), Waker::noop()).is_pending());
            drop(held);
            assert!(poll_once(waits, Waker::noop()).is_ready());
        }),
    ]);
}
