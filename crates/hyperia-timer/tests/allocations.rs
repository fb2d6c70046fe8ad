//! Nothing allocates per sleep, per reset or per turn of the driver.
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::future::pending;
use std::pin::pin;
use std::task::Waker;
use std::time::Duration;

use hyperia_test::alloc::{self, CountingAllocator};
use hyperia_test::poll_once;
use hyperia_timer::wheel::Wheel;
use hyperia_timer::{Clock, ManualClock, Timers};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_sleep_allocates_nothing_in_its_whole_life() {
    let clock = ManualClock::new();
    let timers = Timers::new(clock.clone(), Waker::noop().clone());
    let ((), counts) = alloc::count(|| {
        for turn in 1..100 {
            let mut fired = pin!(timers.sleep(SECOND));
            let mut reset = pin!(timers.sleep(5 * SECOND));
            let mut dropped = pin!(timers.timeout(9 * SECOND, pending::<()>()));
            assert!(poll_once(fired.as_mut(), Waker::noop()).is_pending());
            assert!(poll_once(reset.as_mut(), Waker::noop()).is_pending());
            assert!(poll_once(dropped.as_mut(), Waker::noop()).is_pending());
            reset.as_mut().reset(clock.now() + 7 * SECOND);
            reset.as_mut().reset(clock.now() + 2 * SECOND);
            let deadline = timers.next_deadline().unwrap();
            assert_eq!(deadline, turn * SECOND);
            clock.set(deadline);
            while timers.advance(deadline) {}
            assert!(poll_once(fired.as_mut(), Waker::noop()).is_ready());
        }
    });
    assert_eq!((counts.allocations, counts.deallocations), (0, 0));
}

#[test]
fn a_wheel_allocates_only_to_grow() {
    let (mut wheel, counts) = alloc::count(Wheel::<u64>::new);
    assert_eq!(counts.allocations, 0);
    let ((), counts) = alloc::count(|| wheel = Wheel::with_capacity(1000));
    assert_eq!(counts.allocations, 2, "entries, and which of them are free");
    assert!(
        counts.bytes <= 33 * 1000,
        "{} bytes for 1000 timers",
        counts.bytes
    );
    let ((), counts) = alloc::count(|| {
        for round in 0..10 {
            let now = wheel.elapsed();
            for index in 0..1000 {
                let key = wheel.insert(now + SECOND + Duration::from_micros(index), index);
                wheel.reset(
                    key,
                    now + SECOND * 2 + Duration::from_micros(index * 7 % 1000),
                );
            }
            let mut fired = 0;
            wheel.advance(now + 3 * SECOND, usize::MAX, |_| fired += 1);
            assert_eq!(fired, 1000, "round {round}");
        }
    });
    assert_eq!(counts.allocations, 0);
}

/// Growth included, at every number of timers, with others cancelled and inserted in between.
#[test]
fn a_timer_of_a_wheel_takes_at_most_32_bytes() {
    let mut wheel = Wheel::<u32>::new();
    let mut keys = Vec::with_capacity(100_000);
    let ((), mut total) = alloc::count(|| ());
    for index in 0..100_000_u32 {
        let ((), counts) = alloc::count(|| {
            keys.push(wheel.insert(SECOND * (index % 3_000), index));
            let other = (index as usize * 7_919) % keys.len();
            wheel.remove(keys[other]);
            keys[other] = wheel.insert(SECOND * (index % 5_000), index);
        });
        total.held += counts.held;
        if index >= 1_000 {
            let each = total.held as f64 / keys.len() as f64;
            assert!(each <= 32.0, "{each} bytes for each of {}", keys.len());
        }
    }
    assert!(total.held > 20 * 100_000, "only {} bytes", total.held);
}
