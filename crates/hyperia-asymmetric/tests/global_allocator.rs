//! Asking for a seat inside the global allocator, which the first asking itself may need.
#![cfg(not(hyperia_loom))]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::thread;

use hyperia_asymmetric::seat;

/// Asks in every call.
struct Asks;

// SAFETY: that of the system's allocator.
unsafe impl GlobalAlloc for Asks {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        black_box(seat());
        // SAFETY: the caller's contract is that of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        black_box(seat());
        // SAFETY: the block came from there, with this layout, by the caller's contract.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Asks = Asks;

/// Were it asked again before it has an answer, this would never end, or overflow the stack.
#[test]
fn a_global_allocator_may_ask_for_the_seat() {
    let (first, text) = thread::spawn(|| (seat(), format!("{:?}", seat())))
        .join()
        .unwrap();
    assert_eq!(text, format!("{first:?}"));
}
