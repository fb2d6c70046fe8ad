//! What all wrappers have in common: every method counts, every failure is undone.
#![cfg(all(not(hyperia_loom), feature = "allocator-api2"))]

mod common;

use std::alloc::Layout;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use allocator_api2::alloc::{Allocator, Global};
use allocator_api2::vec::Vec as TrackedVec;
use common::{Mode, Moody};
use hyperia_alloc::{Limited, Scope, Shared, Tracked};

/// A wrapper around an allocator that can be told to fail.
trait Wrapper: Allocator {
    fn set(&self, mode: Mode);
    /// Live blocks, where they are counted, and bytes.
    fn live(&self) -> (Option<usize>, usize);
}

impl Wrapper for Tracked<Moody> {
    fn set(&self, mode: Mode) {
        self.inner().0.set(mode);
    }
    fn live(&self) -> (Option<usize>, usize) {
        (Some(self.live_blocks()), self.live_bytes())
    }
}

impl Wrapper for Scope<Moody> {
    fn set(&self, mode: Mode) {
        self.inner().0.set(mode);
    }
    fn live(&self) -> (Option<usize>, usize) {
        (Some(self.live_blocks()), self.live_bytes())
    }
}

impl Wrapper for Limited<Moody> {
    fn set(&self, mode: Mode) {
        self.inner().0.set(mode);
    }
    fn live(&self) -> (Option<usize>, usize) {
        (None, self.live_bytes())
    }
}

impl<T: Wrapper> Wrapper for Shared<T> {
    fn set(&self, mode: Mode) {
        T::set(self, mode);
    }
    fn live(&self) -> (Option<usize>, usize) {
        T::live(self)
    }
}

fn with_every_wrapper(test: impl Fn(&dyn Wrapper)) {
    test(&Tracked::new(Moody::default()));
    test(&Scope::new(Moody::default()));
    test(&Limited::new(Moody::default(), 1000));
    test(&Shared::new(Tracked::new(Moody::default())));
}

fn bytes(size: usize) -> Layout {
    Layout::from_size_align(size, 8).expect("small")
}

fn assert_live(wrapper: &dyn Wrapper, blocks: usize, bytes: usize) {
    let (counted, live) = wrapper.live();
    assert_eq!((counted.unwrap_or(blocks), live), (blocks, bytes));
}

#[test]
fn every_method_counts() {
    with_every_wrapper(|wrapper| {
        let first = wrapper.allocate(bytes(10)).unwrap().cast();
        let second = wrapper.allocate_zeroed(bytes(20)).unwrap().cast();
        assert_live(wrapper, 2, 30);
        // SAFETY: the blocks are live and have these layouts; each is read where it was written.
        unsafe {
            assert_eq!(*second.add(19).as_ref(), 0);
            second.write_bytes(7, 20);
            let first = wrapper.grow(first, bytes(10), bytes(100)).unwrap().cast();
            assert_live(wrapper, 2, 120);
            let grown = wrapper.grow_zeroed(second, bytes(20), bytes(40)).unwrap();
            let second: NonNull<u8> = grown.cast();
            assert_eq!([*second.add(19).as_ref(), *second.add(20).as_ref()], [7, 0]);
            assert_live(wrapper, 2, 140);
            let second = wrapper.shrink(second, bytes(40), bytes(5)).unwrap().cast();
            assert_live(wrapper, 2, 105);
            wrapper.deallocate(first, bytes(100));
            assert_live(wrapper, 1, 5);
            wrapper.deallocate(second, bytes(5));
        }
        assert_live(wrapper, 0, 0);
    });
}

#[test]
fn a_block_of_nothing_is_a_block() {
    with_every_wrapper(|wrapper| {
        let block = wrapper.allocate(bytes(0)).unwrap().cast();
        assert_live(wrapper, 1, 0);
        // SAFETY: it came from there, with this layout.
        unsafe { wrapper.deallocate(block, bytes(0)) };
        assert_live(wrapper, 0, 0);
    });
}

#[test]
fn what_fails_or_panics_leaves_the_counts_as_they_were() {
    with_every_wrapper(|wrapper| {
        let block = wrapper.allocate(bytes(10)).unwrap().cast();
        let calls: [&dyn Fn() -> bool; 5] = [
            &|| wrapper.allocate(bytes(20)).is_ok(),
            &|| wrapper.allocate_zeroed(bytes(20)).is_ok(),
            // SAFETY: the block is live with this layout, and stays so since the call fails.
            &|| unsafe { wrapper.grow(block, bytes(10), bytes(20)) }.is_ok(),
            // SAFETY: as above.
            &|| unsafe { wrapper.grow_zeroed(block, bytes(10), bytes(20)) }.is_ok(),
            // SAFETY: as above.
            &|| unsafe { wrapper.shrink(block, bytes(10), bytes(5)) }.is_ok(),
        ];
        for call in calls {
            wrapper.set(Mode::Fails);
            assert!(!call());
            assert_live(wrapper, 1, 10);
            wrapper.set(Mode::Panics);
            assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
            assert_live(wrapper, 1, 10);
        }
        wrapper.set(Mode::Works);
        // SAFETY: every call above failed, so the block is live and as it was.
        unsafe { wrapper.deallocate(block, bytes(10)) };
        assert_live(wrapper, 0, 0);
    });
}

#[test]
fn a_deallocation_that_panics_is_not_counted_as_done() {
    let tracked = Tracked::new(Moody::default());
    let block = tracked.allocate(bytes(10)).unwrap().cast();
    tracked.set(Mode::Panics);
    // SAFETY: the block is live with this layout; the call panics before it does anything.
    let free = || unsafe { tracked.deallocate(block, bytes(10)) };
    assert!(catch_unwind(AssertUnwindSafe(free)).is_err());
    assert_live(&tracked, 1, 10);
    tracked.set(Mode::Works);
    // SAFETY: the block is still live.
    unsafe { tracked.deallocate(block, bytes(10)) };
}

#[test]
fn blocks_are_as_large_as_asked_for_so_that_bytes_add_up() {
    with_every_wrapper(|wrapper| {
        wrapper.set(Mode::Generous);
        let block = wrapper.allocate(bytes(10)).unwrap();
        assert_eq!(block.len(), 10);
        // SAFETY: the block is live, with the length it said, each time.
        unsafe {
            let block = wrapper.grow(block.cast(), bytes(10), bytes(20)).unwrap();
            assert_eq!(block.len(), 20);
            let block = wrapper.shrink(block.cast(), bytes(20), bytes(5)).unwrap();
            assert_eq!(block.len(), 5);
            wrapper.deallocate(block.cast(), bytes(block.len()));
        }
        assert_live(wrapper, 0, 0);
    });
}

#[test]
fn a_wrapper_by_value_moves_with_its_blocks() {
    let mut words = allocator_api2::vec::Vec::new_in(Tracked::new(Global));
    words.extend(0..100_u32);
    let moved = Box::new(words);
    assert_eq!((moved.allocator().live_blocks(), moved[99]), (1, 99));
}

#[test]
fn wrappers_nest_and_give_their_inner_allocator_back() {
    let tracked = Tracked::new(Limited::new(Scope::new(Global), 100));
    let block = tracked.allocate(bytes(60)).unwrap().cast();
    assert!(tracked.allocate(bytes(60)).is_err());
    assert_eq!(
        (tracked.live_blocks(), tracked.inner().live_bytes()),
        (1, 60)
    );
    let scope = tracked.into_inner().into_inner();
    assert_eq!((scope.live_blocks(), scope.peak_bytes()), (1, 60));
    // SAFETY: the block came from there, and moving it out of the wrappers kept it.
    unsafe { scope.deallocate(block, bytes(60)) };
    let Global = scope.into_inner();
}

#[test]
fn all_can_be_printed_and_made_by_default() {
    let tracked: Tracked<Moody> = Tracked::default();
    let scope: Scope<Global> = Scope::default();
    let limited = Limited::new(Global, 5);
    let shared: Shared<Scope<Global>> = Shared::from(Scope::new(Global));
    let printed = format!("{tracked:?}");
    assert!(printed.starts_with("Tracked { live_blocks: 0, live_bytes: 0, peak_bytes: 0, inner"));
    assert!(format!("{scope:?}").contains("peak_bytes: 0"));
    assert!(format!("{limited:?}").contains("limit: 5"));
    assert!(format!("{shared:?} {:?}", tracked.drained()).contains("is_terminated: false"));
}

#[test]
fn the_peak_of_a_tracked_allocator_is_the_most_that_was_seen() {
    let tracked = Tracked::new(Global);
    let unseen = TrackedVec::<u8, _>::with_capacity_in(1000, &tracked);
    drop(unseen);
    assert_eq!(tracked.peak_bytes(), 0, "nobody has looked");
    let seen = TrackedVec::<u8, _>::with_capacity_in(100, &tracked);
    assert_eq!(tracked.live_bytes(), 100);
    drop(seen);
    assert_eq!((tracked.live_bytes(), tracked.peak_bytes()), (0, 100));
    let more = TrackedVec::<u8, _>::with_capacity_in(200, &tracked);
    assert_eq!(tracked.peak_bytes(), 200, "looking at it is looking");
    drop(more);
}
