//! A global allocator in which no thread waits for another one, so that operations that allocate can be stopped
//! in the middle: whoever stands still holds no lock of the allocator, and a row speaks of the operation alone.
//!
//! Each thread has lists of its own, by size, of blocks that it has freed, and gets new ones from the kernel.
//! Those do not go back, and what a thread has in its lists is lost with it: for test binaries that run for seconds.
//! Large blocks are mapped one by one. A sanitizer sees nothing of all that: no use after a free, and no leak.
//!
//! ```
//! use hyperia_test::progress::heap::ThreadHeap;
//!
//! #[global_allocator]
//! static HEAP: ThreadHeap = ThreadHeap;
//!
//! assert_eq!(*Box::new(7), 7);
//! ```
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr;

/// The smallest block: a free one holds a pointer. The others are the powers of two from there.
const BLOCK_MIN: usize = 16;
/// The largest block: a page, to whose size the kernel's memory is aligned.
const BLOCK_MAX: usize = 4096;
/// How many sizes there are.
const CLASSES: usize = (BLOCK_MAX / BLOCK_MIN).ilog2() as usize + 1;
/// What is asked of the kernel at once.
const CHUNK: usize = 1 << 18;

/// What lies in a free block.
struct Free {
    next: *mut Free,
}

thread_local! {
    // Constant and without a destructor: it never allocates, and may be used at any time in a thread's life.
    static FREE: [Cell<*mut Free>; CLASSES] =
        const { [const { Cell::new(ptr::null_mut()) }; CLASSES] };
}

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThreadHeap;

/// The number of the list for blocks of `layout`; `None` if they are large.
fn class(layout: Layout) -> Option<usize> {
    let size = layout.size().max(layout.align()).max(BLOCK_MIN);
    (size <= BLOCK_MAX).then(|| (size.next_power_of_two() / BLOCK_MIN).ilog2() as usize)
}

/// Puts a block into this thread's list.
///
/// # Safety
/// The block is of that class, and the caller's, who does not use it any more.
unsafe fn put(class: usize, block: *mut Free) {
    FREE.with(|lists| {
        let next = lists[class].replace(block);
        // SAFETY: it is at least as large as a pointer and aligned to its size, and nobody else's (caller).
        unsafe { block.write(Free { next }) };
    });
}

/// A block of this thread's list, if there is one.
fn take(class: usize) -> Option<*mut u8> {
    FREE.with(|lists| {
        let block = lists[class].get();
        if block.is_null() {
            return None;
        }
        // SAFETY: what is in the list was written by `put`, and is reached by this thread alone.
        lists[class].set(unsafe { (*block).next });
        Some(block.cast())
    })
}

/// New memory, aligned to pages; null if there is none.
fn map(size: usize) -> *mut u8 {
    // SAFETY: at an address of the kernel's choice, so that nothing else lies there.
    let memory = unsafe {
        libc::mmap(
            ptr::null_mut(),
            size,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if memory == libc::MAP_FAILED {
        return ptr::null_mut();
    }
    memory.cast()
}

/// Fills this thread's list; it stays empty if there is no memory.
#[cold]
fn refill(class: usize) {
    let chunk = map(CHUNK);
    if chunk.is_null() {
        return;
    }
    let size = BLOCK_MIN << class;
    for offset in (0..CHUNK).step_by(size) {
        // SAFETY: inside the chunk, which is this thread's, and in no other block: a chunk is a multiple of all
        // sizes.
        unsafe { put(class, chunk.byte_add(offset).cast()) };
    }
}

// SAFETY: blocks of a class are as large as its layouts and aligned to their size, hence to those; each is in one
// list or given out, and a layout always means the same class, or none. What has none is mapped, which is aligned to
// pages, or the system's if that is not enough. Nothing here panics or allocates.
unsafe impl GlobalAlloc for ThreadHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match class(layout) {
            Some(class) => take(class).unwrap_or_else(|| {
                refill(class);
                take(class).unwrap_or(ptr::null_mut())
            }),
            None if layout.align() <= BLOCK_MAX => map(layout.size()),
            // SAFETY: the caller's contract is `System`'s.
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match class(layout) {
            // SAFETY: it came from `alloc` with this layout, and is the caller's to give back.
            Some(class) => unsafe { put(class, block.cast()) },
            None if layout.align() <= BLOCK_MAX => {
                // SAFETY: `alloc` has mapped it for this block alone. It fails for no mapping of ours.
                unsafe { libc::munmap(block.cast(), layout.size()) };
            }
            // SAFETY: the caller's contract is `System`'s, from which it came.
            None => unsafe { System.dealloc(block, layout) },
        }
    }
}
