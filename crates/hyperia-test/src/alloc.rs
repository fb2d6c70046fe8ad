//! A global allocator that counts, per thread.
//!
//! ```
//! use hyperia_test::alloc::{self, CountingAllocator};
//!
//! #[global_allocator]
//! static ALLOCATOR: CountingAllocator = CountingAllocator;
//!
//! let (boxed, counts) = alloc::count(|| Box::new(1));
//! assert_eq!((*boxed, counts.allocations), (1, 1));
//! ```
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    // Constant and without a destructor: reading it never allocates and never runs code of ours,
    // so it may be used from inside the allocator, at any time in a thread's life.
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { allocations: 0, deallocations: 0, bytes: 0, held: 0 }) };
}

/// What one thread asked of the allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Calls that gave out memory, moves to another size included.
    pub allocations: usize,
    /// Calls that gave memory back; a move to another size is not one.
    pub deallocations: usize,
    /// Bytes asked for; a move to another size counts its new size.
    pub bytes: usize,
    /// Bytes that were given out less those that were given back.
    pub held: isize,
}

/// The system's allocator, counted per thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountingAllocator;

/// How often the current thread has allocated.
pub fn allocations() -> usize {
    counts().allocations
}

/// Everything the current thread has done so far; all zero unless a [`CountingAllocator`] is the
/// global allocator.
pub fn counts() -> Counts {
    COUNTS.get()
}

/// Runs `f` and says what it asked of the allocator on this thread.
pub fn count<R>(f: impl FnOnce() -> R) -> (R, Counts) {
    let before = counts();
    let result = f();
    let after = counts();
    let counts = Counts {
        allocations: after.allocations - before.allocations,
        deallocations: after.deallocations - before.deallocations,
        bytes: after.bytes - before.bytes,
        held: after.held - before.held,
    };
    (result, counts)
}

fn allocated(bytes: usize) {
    let mut counts = COUNTS.get();
    counts.allocations += 1;
    counts.bytes += bytes;
    counts.held += bytes as isize;
    COUNTS.set(counts);
}

fn freed(bytes: usize) {
    let mut counts = COUNTS.get();
    counts.held -= bytes as isize;
    COUNTS.set(counts);
}

// SAFETY: every method hands its arguments to `System`, which keeps the contract, and returns what
// it returned; the counting in between does not allocate and does not panic.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        allocated(layout.size());
        // SAFETY: the caller's contract is `System`'s.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        allocated(layout.size());
        // SAFETY: the caller's contract is `System`'s.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        allocated(size);
        freed(layout.size());
        // SAFETY: the caller's contract is `System`'s, and `block` came from it.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let mut counts = COUNTS.get();
        counts.deallocations += 1;
        COUNTS.set(counts);
        freed(layout.size());
        // SAFETY: the caller's contract is `System`'s, and `block` came from it.
        unsafe { System.dealloc(block, layout) }
    }
}
