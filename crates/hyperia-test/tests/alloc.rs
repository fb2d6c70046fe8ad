//! The counting allocator counts this thread's calls, and only those.
use hyperia_test::alloc::{self, CountingAllocator, Counts};
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn a_box_is_one_allocation_and_one_deallocation() {
    let ((), counts) = alloc::count(|| drop(black_box(Box::new(1_u64))));
    assert_eq!(
        counts,
        Counts {
            allocations: 1,
            deallocations: 1,
            bytes: 8,
            held: 0
        }
    );
}

#[test]
fn nothing_is_nothing() {
    let ((), counts) = alloc::count(|| ());
    assert_eq!(
        counts,
        Counts {
            allocations: 0,
            deallocations: 0,
            bytes: 0,
            held: 0
        }
    );
}

#[test]
fn growing_counts_as_an_allocation() {
    let mut vec = black_box(Vec::<u8>::with_capacity(8));
    let ((), counts) = alloc::count(|| vec.reserve_exact(100));
    assert_eq!(
        (
            counts.allocations,
            counts.deallocations,
            counts.bytes,
            counts.held
        ),
        (1, 0, 100, 92)
    );
    let (zeroed, counts) = alloc::count(|| black_box(vec![0_u8; 32]));
    assert_eq!((zeroed.len(), counts.allocations), (32, 1));
}

#[test]
fn other_threads_count_for_themselves() {
    let before = alloc::allocations();
    let (go, wait) = std::sync::mpsc::sync_channel(1);
    let thread = std::thread::spawn(move || {
        wait.recv().unwrap();
        alloc::count(|| black_box(Box::new([0_u8; 100])))
            .1
            .allocations
    });
    go.send(()).unwrap();
    let spawned = alloc::allocations();
    assert_eq!(thread.join().unwrap(), 1);
    assert!(spawned >= before);
}
