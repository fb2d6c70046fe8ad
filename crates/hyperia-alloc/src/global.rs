//! `GlobalAlloc` for the wrappers: pure counters. No waker runs in here, because it may allocate, lock or
//! panic, and a global allocator is called from places that stand none of it.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, NonNull};

use crate::account::{allocate, closed, resize};
use crate::{Limited, Tracked};

/// What the global allocator's interface says for "no".
#[inline]
fn or_null(block: Option<NonNull<u8>>) -> *mut u8 {
    block.map_or(ptr::null_mut(), NonNull::as_ptr)
}

macro_rules! implement {
    ($wrapper:ident, $docs:literal) => {
        #[doc = $docs]
        // SAFETY: every method hands its arguments to `inner`, which keeps the contract, and returns what
        // it returned, or null. Counting in between neither allocates nor panics: atomics, and
        // a thread local that is constant and has no destructor.
        unsafe impl<A: GlobalAlloc> GlobalAlloc for $wrapper<A> {
            #[inline]
            unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
                or_null(allocate::<false, _, _>(
                    self.account(),
                    layout.size(),
                    // SAFETY: the caller's contract is that of `inner`.
                    || NonNull::new(unsafe { self.inner().alloc(layout) }),
                ))
            }

            #[inline]
            unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
                or_null(allocate::<false, _, _>(
                    self.account(),
                    layout.size(),
                    // SAFETY: the caller's contract is that of `inner`.
                    || NonNull::new(unsafe { self.inner().alloc_zeroed(layout) }),
                ))
            }

            #[inline]
            unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
                // SAFETY: the block came from `inner`, with this layout, by the caller's contract.
                unsafe { self.inner().dealloc(block, layout) };
                closed::<false, _>(self.account(), layout.size());
            }

            #[inline]
            unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
                or_null(resize(self.account(), layout.size(), size, || {
                    // SAFETY: the caller's contract is that of `inner`, where the block came from.
                    NonNull::new(unsafe { self.inner().realloc(block, layout, size) })
                }))
            }
        }
    };
}

implement!(
    Tracked,
    "Counts, and wakes nobody: a free in here may make zero, but a [`Drained`](crate::Drained) sees it \
     only when it is polled for another reason. Read [`live_blocks`](Tracked::live_blocks) instead."
);
implement!(Limited, "Returns null for what would go beyond the limit.");
