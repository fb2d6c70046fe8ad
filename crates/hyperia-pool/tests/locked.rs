//! Locked instructions of taking and returning, as the README says.
#![cfg(not(hyperia_loom))]

use std::pin::pin;
use std::sync::Arc;
use std::task::Waker;

use hyperia_asymmetric::seat;
use hyperia_pool::Pool;
use hyperia_test::locked::assert_counts;
use hyperia_test::poll_once;

#[test]
fn taking_and_returning_cost_what_they_say() {
    if seat().is_none() {
        return println!(
            "skipped: no caches (the system has no membarrier(2), or all seats are taken)"
        );
    }
    let pool = Arc::new(Pool::filled(64, || [0_u8; 64]));
    let with_hook = Pool::filled(64, || 0_u64).with_reset(|object| *object = 0);
    let exhausted = Pool::filled(1, || 0_u64);
    let _last = exhausted.try_get();
    assert_counts(&[
        ("try_get and return", 0, &|| drop(pool.try_get().unwrap())),
        ("a burst of 32", 0, &|| {
            drop(std::array::from_fn::<_, 32, _>(|_| pool.try_get().unwrap()));
        }),
        ("get that is ready, and return", 0, &|| {
            assert!(poll_once(pin!(pool.get()), Waker::noop()).is_ready());
        }),
        ("try_get and return, with a reset hook", 0, &|| {
            drop(with_hook.try_get().unwrap());
        }),
        ("owned: the count of the Arc", 2, &|| {
            drop(pool.try_get_owned().unwrap());
        }),
        ("get_owned: another one, for the future", 4, &|| {
            assert!(poll_once(pin!(pool.get_owned()), Waker::noop()).is_ready());
        }),
        ("try_get with none left", 0, &|| {
            assert!(exhausted.try_get().is_none());
        }),
    ]);
}

#[test]
fn a_pool_that_is_waited_for_costs_what_it_says() {
    let pool = Pool::filled(2, || 0_u64);
    let _one = pool.try_get();
    let other = pool.try_get();
    let mut waits = pin!(pool.get());
    assert!(poll_once(waits.as_mut(), Waker::noop()).is_pending());
    drop(other);
    // Somebody was woken and has not come yet: caches are closed.
    let single = Pool::filled(1, || 0_u64);
    assert_counts(&[
        ("try_get and return while somebody waits", 2, &|| {
            drop(pool.try_get().unwrap());
        }),
        (
            "take, get that waits, return that wakes, get, return",
            13,
            &|| {
                let object = single.try_get();
                let mut get = pin!(single.get());
                assert!(poll_once(get.as_mut(), Waker::noop()).is_pending());
                drop(object);
                assert!(poll_once(get, Waker::noop()).is_ready());
            },
        ),
    ]);
}
