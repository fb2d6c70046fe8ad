//! `Allocator` for the wrappers: the language's own with the feature `nightly`, else that of
//! `allocator-api2`, which with its own feature `nightly` is the same trait.

use core::alloc::Layout;
use core::ptr::NonNull;

#[cfg(not(feature = "nightly"))]
pub(crate) use allocator_api2::alloc::{AllocError, Allocator};
#[cfg(feature = "nightly")]
pub(crate) use core::alloc::{AllocError, Allocator};

use crate::account::{allocate, closed, resize};
use crate::{Limited, Scope, Tracked};

/// The block as large as it was asked for. What else there is stays unused: it would be freed with
/// a size that was never counted.
#[inline]
fn exact(block: NonNull<[u8]>, layout: Layout) -> NonNull<[u8]> {
    NonNull::slice_from_raw_parts(block.cast(), layout.size())
}

macro_rules! implement {
    ($wrapper:ident) => {
        // SAFETY: blocks come from `inner`, as large as it was asked for, and go back to it with the
        // caller's layouts. They are valid as long as `inner` is, which moves and dies with the wrapper;
        // counting touches no block. The wrapper is no `Clone`.
        unsafe impl<A: Allocator> Allocator for $wrapper<A> {
            #[inline]
            fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                allocate::<true, _, _>(self.account(), layout.size(), || {
                    self.inner().allocate(layout).ok()
                })
                .map(|block| exact(block, layout))
                .ok_or(AllocError)
            }

            #[inline]
            fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                allocate::<true, _, _>(self.account(), layout.size(), || {
                    self.inner().allocate_zeroed(layout).ok()
                })
                .map(|block| exact(block, layout))
                .ok_or(AllocError)
            }

            #[inline]
            unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
                // SAFETY: the block came from `inner`, with this layout, by the caller's contract.
                unsafe { self.inner().deallocate(block, layout) };
                closed::<true, _>(self.account(), layout.size());
            }

            #[inline]
            unsafe fn grow(
                &self,
                block: NonNull<u8>,
                old: Layout,
                new: Layout,
            ) -> Result<NonNull<[u8]>, AllocError> {
                resize(self.account(), old.size(), new.size(), || {
                    // SAFETY: the caller's contract is that of `inner`, where the block came from.
                    unsafe { self.inner().grow(block, old, new) }.ok()
                })
                .map(|block| exact(block, new))
                .ok_or(AllocError)
            }

            #[inline]
            unsafe fn grow_zeroed(
                &self,
                block: NonNull<u8>,
                old: Layout,
                new: Layout,
            ) -> Result<NonNull<[u8]>, AllocError> {
                resize(self.account(), old.size(), new.size(), || {
                    // SAFETY: the caller's contract is that of `inner`, where the block came from.
                    unsafe { self.inner().grow_zeroed(block, old, new) }.ok()
                })
                .map(|block| exact(block, new))
                .ok_or(AllocError)
            }

            #[inline]
            unsafe fn shrink(
                &self,
                block: NonNull<u8>,
                old: Layout,
                new: Layout,
            ) -> Result<NonNull<[u8]>, AllocError> {
                resize(self.account(), old.size(), new.size(), || {
                    // SAFETY: the caller's contract is that of `inner`, where the block came from.
                    unsafe { self.inner().shrink(block, old, new) }.ok()
                })
                .map(|block| exact(block, new))
                .ok_or(AllocError)
            }
        }
    };
}

implement!(Tracked);
implement!(Scope);
implement!(Limited);
