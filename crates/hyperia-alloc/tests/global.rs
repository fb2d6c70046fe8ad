//! `Tracked` and `Limited` as global allocators. A binary of its own, since there is one per program.
#![cfg(not(hyperia_loom))]

use std::alloc::{GlobalAlloc, Layout, System};
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Poll, Waker};

use hyperia_alloc::{Drained, Limited, Tracked};
use hyperia_test::{CountingWaker, poll_once};

#[global_allocator]
static ALLOCATOR: Limited<Tracked<System>> = Limited::new(Tracked::new(System), 1 << 30);

/// The harness allocates on other threads; what is measured here is too large for it to matter.
const LARGE: usize = 1 << 24;

fn is_near(bytes: usize, wanted: usize) -> bool {
    bytes.abs_diff(wanted) < LARGE / 4
}

/// The tests read global counts, so they take turns.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn a_program_is_counted() {
    let _turn = TURN.lock();
    let tracked = ALLOCATOR.inner();
    let before = tracked.live_bytes();
    let mut bytes = vec![1_u8; LARGE];
    assert!(is_near(tracked.live_bytes(), before + LARGE));
    bytes.reserve_exact(2 * LARGE);
    assert!(is_near(tracked.live_bytes(), before + 3 * LARGE));
    bytes.shrink_to_fit();
    assert!(is_near(tracked.live_bytes(), before + LARGE));
    drop(bytes);
    assert!(is_near(tracked.live_bytes(), before));
    assert!(tracked.live_blocks() > 0 && is_near(ALLOCATOR.live_bytes(), before));
}

#[test]
fn a_program_that_asks_for_too_much_gets_an_error() {
    let _turn = TURN.lock();
    let mut bytes: Vec<u8> = Vec::new();
    assert!(bytes.try_reserve_exact((1 << 30) + 1).is_err());
    assert!(bytes.try_reserve_exact(LARGE).is_ok());
    assert!(ALLOCATOR.live_bytes() >= LARGE);
}

/// The inner allocator of this one is the system's, so its counts are of this test alone.
fn alone() -> Tracked<System> {
    Tracked::new(System)
}

const LAYOUT: Layout = Layout::new::<[u64; 8]>();

#[test]
fn every_method_counts() {
    let tracked = alone();
    // SAFETY: layouts are not empty, blocks are freed once, with the layout they have then.
    unsafe {
        let block = tracked.alloc(LAYOUT);
        let zeroed = tracked.alloc_zeroed(LAYOUT);
        assert_eq!(
            (*zeroed, tracked.live_blocks(), tracked.live_bytes()),
            (0, 2, 128)
        );
        let grown = tracked.realloc(block, LAYOUT, 100);
        assert_eq!((tracked.live_blocks(), tracked.live_bytes()), (2, 164));
        let layout = Layout::from_size_align(100, LAYOUT.align()).expect("small");
        let shrunk = tracked.realloc(grown, layout, 10);
        assert_eq!((tracked.live_blocks(), tracked.live_bytes()), (2, 74));
        let layout = Layout::from_size_align(10, LAYOUT.align()).expect("small");
        tracked.dealloc(shrunk, layout);
        tracked.dealloc(zeroed, LAYOUT);
    }
    assert_eq!((tracked.live_blocks(), tracked.live_bytes()), (0, 0));
}

#[test]
fn what_fails_is_not_counted() {
    struct Nothing;
    // SAFETY: it gives out nothing.
    unsafe impl GlobalAlloc for Nothing {
        unsafe fn alloc(&self, _: Layout) -> *mut u8 {
            std::ptr::null_mut()
        }
        unsafe fn dealloc(&self, _: *mut u8, _: Layout) {
            unreachable!("nothing was given out")
        }
        unsafe fn realloc(&self, _: *mut u8, _: Layout, _: usize) -> *mut u8 {
            std::ptr::null_mut()
        }
    }
    let tracked = Tracked::new(Nothing);
    let mut byte = 0;
    // SAFETY: the layout is not empty; `Nothing` does not look at the block.
    unsafe {
        assert!(tracked.alloc(LAYOUT).is_null() && tracked.alloc_zeroed(LAYOUT).is_null());
        assert!(
            tracked
                .realloc(&raw mut byte, Layout::new::<u8>(), 9)
                .is_null()
        );
    }
    assert_eq!((tracked.live_blocks(), tracked.live_bytes()), (0, 0));
}

#[test]
fn no_waker_runs_inside_the_allocator_and_the_next_poll_sees_zero() {
    let tracked = alone();
    let counting = CountingWaker::new();
    // SAFETY: the layout is not empty; the block is freed once, with it.
    let block = unsafe { tracked.alloc(LAYOUT) };
    let mut drained: Pin<Box<Drained<'_>>> = Box::pin(tracked.drained());
    assert!(poll_once(drained.as_mut(), &counting.waker()).is_pending());
    // SAFETY: as above.
    unsafe { tracked.dealloc(block, LAYOUT) };
    assert_eq!(counting.wakes(), 0);
    assert_eq!(poll_once(drained.as_mut(), Waker::noop()), Poll::Ready(()));
}
