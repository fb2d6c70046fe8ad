//! An inner allocator that does what a test tells it.
#![allow(dead_code, reason = "not every test binary uses every mood")]

use std::alloc::Layout;
use std::cell::Cell;
use std::ptr::NonNull;

use allocator_api2::alloc::{AllocError, Allocator, Global};

/// What the next calls do.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Mode {
    /// As the global allocator.
    #[default]
    Works,
    /// As the global allocator, but the blocks it reports are 100 bytes too long to be exact.
    Generous,
    Fails,
    Panics,
}

/// The global allocator, or its failure.
#[derive(Debug, Default)]
pub(crate) struct Moody(pub(crate) Cell<Mode>);

impl Moody {
    fn ask(&self) -> Result<usize, AllocError> {
        match self.0.get() {
            Mode::Works => Ok(0),
            Mode::Generous => Ok(100),
            Mode::Fails => Err(AllocError),
            Mode::Panics => panic!("as it was told"),
        }
    }

    /// A layout that holds more than `layout`, by as much as the mode says, in every call alike.
    fn rounded(layout: Layout, extra: usize) -> Layout {
        Layout::from_size_align(layout.size() + extra, layout.align()).expect("small")
    }
}

// SAFETY: blocks come from the global allocator, and go back with the layout of their allocation: a test
// does not change from or to `Generous` while blocks are live.
unsafe impl Allocator for Moody {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        Global.allocate(Self::rounded(layout, self.ask()?))
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        Global.allocate_zeroed(Self::rounded(layout, self.ask()?))
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        let extra = self.ask().unwrap_or(0);
        // SAFETY: allocated with this layout, see above.
        unsafe { Global.deallocate(block, Self::rounded(layout, extra)) }
    }

    unsafe fn grow(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        let extra = self.ask()?;
        // SAFETY: as for `deallocate`.
        unsafe { Global.grow(block, Self::rounded(old, extra), Self::rounded(new, extra)) }
    }

    unsafe fn grow_zeroed(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        let extra = self.ask()?;
        // SAFETY: as for `deallocate`. Zeroes what lies beyond the old block as it was rounded; a test looks
        // at nothing of what was its padding.
        unsafe { Global.grow_zeroed(block, Self::rounded(old, extra), Self::rounded(new, extra)) }
    }

    unsafe fn shrink(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        let extra = self.ask()?;
        // SAFETY: as for `deallocate`.
        unsafe { Global.shrink(block, Self::rounded(old, extra), Self::rounded(new, extra)) }
    }
}
