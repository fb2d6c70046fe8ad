//! When memory is asked for: at construction, and beyond the capacity.
#![cfg(not(hyperia_loom))]

use std::pin::pin;

use hyperia_pool::Pool;
use hyperia_test::alloc::{CountingAllocator, count};
use hyperia_test::{CountingWaker, poll_once};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn a_pool_allocates_its_slots_and_its_bits() {
    // The first of all also asks the system how many threads can run at once.
    drop(Pool::new(1, || 0));
    let (pool, counts) = count(|| Pool::new(8, || [0_u8; 4096]));
    // Without `std` threads have no caches.
    let expected = if cfg!(feature = "std") { 3 } else { 2 };
    assert_eq!(counts.allocations, expected, "slots, bits and caches");
    let ((), counts) = count(|| {
        for _ in 0..100 {
            drop(pool.try_get().unwrap());
            drop(pool.get_or_alloc());
        }
    });
    assert_eq!((counts.allocations, counts.deallocations), (0, 0));
}

#[test]
fn beyond_the_capacity_there_is_one_allocation_per_object() {
    let pool = Pool::new(1, || 0);
    let _all = pool.try_get();
    let ((), counts) = count(|| drop(pool.get_or_alloc()));
    assert_eq!((counts.allocations, counts.deallocations), (1, 1));
}

#[test]
fn waiting_does_not_allocate() {
    let pool = Pool::new(1, || 0);
    let mut object = pool.try_get();
    let waker = CountingWaker::new().waker();
    let ((), counts) = count(|| {
        for _ in 0..100 {
            let mut get = pin!(pool.get());
            assert!(poll_once(get.as_mut(), &waker).is_pending());
            drop(object.take());
            assert!(poll_once(get, &waker).is_ready());
            object = pool.try_get();
        }
    });
    assert_eq!((counts.allocations, counts.deallocations), (0, 0));
}
