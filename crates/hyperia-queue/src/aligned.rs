//! Memory that is aligned more than allocators do by themselves.
//!
//! To ask for such an alignment is slow with most of them: glibc 2.41 takes 75 ns for a block and its end where it takes
//! 39 for one that is aligned to 16 bytes, and does without its cache. So a little more is allocated, and what is wanted
//! lies at the first address in it that fits.

use alloc::alloc::{alloc, dealloc, handle_alloc_error};
use core::alloc::Layout;

/// What allocators align to by themselves, on the usual platforms: two words.
const USUAL: usize = 2 * size_of::<usize>();

/// Memory for one `B`.
pub(crate) struct Allocation<B> {
    /// Where the `B` lies.
    pub(crate) place: *mut B,
    /// What [`free`] takes.
    pub(crate) start: *mut u8,
}

/// Allocates memory for a `B`; nothing is written there.
pub(crate) fn allocate<B>() -> Allocation<B> {
    let layout = layout::<B>();
    // SAFETY: the layout is not of size zero: `layout` sees to that.
    let start = unsafe { alloc(layout) };
    if start.is_null() {
        handle_alloc_error(layout);
    }
    let offset = start.addr().next_multiple_of(align_of::<B>()) - start.addr();
    Allocation {
        // SAFETY: the start has the alignment of the layout, so the offset is at most what `B` needs beyond that, by which
        // the layout is larger than `B`.
        place: unsafe { start.add(offset) }.cast(),
        start,
    }
}

/// Gives the memory back.
///
/// # Safety
/// `start` is from [`allocate`] for the same `B`, and nobody uses the memory, now or later.
pub(crate) unsafe fn free<B>(start: *mut u8) {
    // SAFETY: passed on from the caller; the layout depends on `B` alone.
    unsafe { dealloc(start, layout::<B>()) };
}

/// Of a `B` at the last address that the usual alignment may make necessary.
const fn layout<B>() -> Layout {
    const { assert!(size_of::<B>() > 0) };
    let (size, align) = (size_of::<B>(), align_of::<B>());
    let usual = if align < USUAL { align } else { USUAL };
    match Layout::from_size_align(size + align - usual, usual) {
        Ok(layout) => layout,
        Err(_) => panic!("too large for this address space"),
    }
}

#[cfg(all(test, not(hyperia_loom)))]
mod tests {
    use super::*;

    /// Would catch an offset beyond the memory, or a place that is not aligned: with ASan the former as well.
    #[test]
    fn a_place_is_aligned_and_inside() {
        #[repr(align(64))]
        struct Line([u8; 64]);
        #[repr(align(4096))]
        struct Page([u8; 4096]);
        fn check<B>() {
            for _ in 0..100 {
                let Allocation { place, start } = allocate::<B>();
                assert_eq!(place.addr() % align_of::<B>(), 0);
                assert!(place.addr() >= start.addr());
                let end = start.addr() + layout::<B>().size();
                assert!(place.addr() + size_of::<B>() <= end);
                // SAFETY: the memory is there, and nobody else's; it is given back once.
                unsafe {
                    place.write_bytes(0xff, 1);
                    free::<B>(start);
                }
            }
        }
        check::<u8>();
        check::<[u64; 3]>();
        check::<Line>();
        check::<Page>();
        let _ = (Line([0; 64]).0, Page([0; 4096]).0);
    }
}
