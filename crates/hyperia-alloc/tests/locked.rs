//! Locked instructions of counting, as the README says: beside an allocator that has none.
#![cfg(all(not(hyperia_loom), feature = "allocator-api2"))]

use std::alloc::Layout;
use std::cell::UnsafeCell;
use std::pin::pin;
use std::ptr::NonNull;
use std::task::Waker;

use allocator_api2::alloc::{AllocError, Allocator};
use hyperia_alloc::{Limited, Scope, Tracked};
use hyperia_asymmetric::seat;
use hyperia_test::locked::assert_counts;
use hyperia_test::poll_once;

/// One block, given out again and again: the tests have one at a time.
#[derive(Default)]
struct OneBlock(UnsafeCell<[u64; 8]>);

// SAFETY: the block is as large and as aligned as any that the tests ask for, and not live twice.
unsafe impl Allocator for OneBlock {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let block = NonNull::new(self.0.get().cast()).ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(block, layout.size()))
    }

    unsafe fn deallocate(&self, _: NonNull<u8>, _: Layout) {}
}

fn allocate_and_free(allocator: &impl Allocator) {
    let layout = Layout::new::<u64>();
    let block = allocator.allocate(layout).unwrap();
    // SAFETY: it came from there, with this layout.
    unsafe { allocator.deallocate(block.cast(), layout) };
}

#[test]
fn counting_costs_what_it_says() {
    if seat().is_none() {
        return println!(
            "skipped: no stripes (the system has no membarrier(2), or all seats are taken)"
        );
    }
    let tracked = Tracked::new(OneBlock::default());
    let waited_for = Tracked::new(OneBlock::default());
    let _live = waited_for.allocate(Layout::new::<u64>()).unwrap();
    let mut drained = pin!(waited_for.drained());
    assert!(poll_once(drained.as_mut(), Waker::noop()).is_pending());
    let scope = Scope::new(OneBlock::default());
    let limited = Limited::new(OneBlock::default(), 64);
    assert_counts(&[
        ("the inner allocator", 0, &|| {
            allocate_and_free(&OneBlock::default())
        }),
        ("Tracked, allocate and free", 0, &|| {
            allocate_and_free(&tracked)
        }),
        ("Tracked, while somebody waits", 4, &|| {
            allocate_and_free(&waited_for);
        }),
        ("Scope", 3, &|| allocate_and_free(&scope)),
        ("Limited", 2, &|| allocate_and_free(&limited)),
    ]);
}
