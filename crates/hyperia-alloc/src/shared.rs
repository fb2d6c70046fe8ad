//! A counted handle.

use core::alloc::Layout;
use core::ops::Deref;
use core::ptr::NonNull;
use std::sync::Arc;

use crate::allocator::{AllocError, Allocator};

/// A handle on an allocator, for containers that no borrow can outlive: tasks, threads, messages.
///
/// Clones are the same allocator, which lives as long as one of them: what one allocated another may free.
/// (An `Arc` of it would do, but no crate may implement `Allocator` for that.) One allocation for the
/// allocator, and a count per container that holds a handle.
///
/// # Examples
///
/// ```
/// # #[cfg(all(feature = "allocator-api2", not(feature = "nightly")))] {
/// use allocator_api2::{alloc::Global, boxed::Box};
/// use hyperia_alloc::{Shared, Tracked};
/// use hyperia_wait::block_on;
///
/// let tracked = Shared::new(Tracked::new(Global));
/// let boxed = Box::new_in(7, tracked.clone());
/// let thread = std::thread::spawn(move || *boxed);
/// block_on(tracked.drained());
/// assert_eq!(thread.join().unwrap(), 7);
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Shared<T>(Arc<T>);

impl<T> Shared<T> {
    /// Moves `allocator` to where handles can share it.
    pub fn new(allocator: T) -> Self {
        Self(Arc::new(allocator))
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Shared<T> {
    fn from(allocator: T) -> Self {
        Self::new(allocator)
    }
}

// SAFETY: all handles reach one `T`, which is never moved out and lives as long as one of them; so moving,
// cloning and dropping handles invalidates no block while one is left, and a clone behaves as the original.
unsafe impl<T: Allocator> Allocator for Shared<T> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.0.allocate(layout)
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.0.allocate_zeroed(layout)
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's contract is that of the one allocator behind all handles.
        unsafe { self.0.deallocate(block, layout) }
    }

    #[inline]
    unsafe fn grow(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: as for `deallocate`.
        unsafe { self.0.grow(block, old, new) }
    }

    #[inline]
    unsafe fn grow_zeroed(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: as for `deallocate`.
        unsafe { self.0.grow_zeroed(block, old, new) }
    }

    #[inline]
    unsafe fn shrink(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: as for `deallocate`.
        unsafe { self.0.shrink(block, old, new) }
    }
}
