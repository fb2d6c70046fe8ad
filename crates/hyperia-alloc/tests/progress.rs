//! One thread is stopped in the middle of an operation; do the others go on? The "Progress" of the headers,
//! measured. The table is shown by
//! ```text
//! cargo test -p hyperia-alloc --test progress -- --show-output
//! ```
//! and with `--release` as it is in earnest: without optimization the critical sections are longer.
//! "Stood still" counts rounds, each one stop at a random moment; zero proves nothing where nothing is claimed.
//! See `hyperia_test::progress` for how it is measured. The inner allocator has no locks, as the system's may have:
//! what is measured is the counting.
#![cfg(all(feature = "allocator-api2", not(hyperia_loom)))]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::{Cell, UnsafeCell};
use std::pin::pin;
use std::ptr::{self, NonNull};
use std::task::Waker;

use allocator_api2::alloc::{AllocError, Allocator};
use hyperia_alloc::{Drained, Scope, Tracked};
use hyperia_test::poll_once;
use hyperia_test::progress::{Claim, Table};

/// The one block that a thread has.
#[repr(align(16))]
struct Block {
    bytes: UnsafeCell<[u8; 64]>,
    is_taken: Cell<bool>,
}

thread_local! {
    static BLOCK: Block = const {
        Block {
            bytes: UnsafeCell::new([0; 64]),
            is_taken: Cell::new(false),
        }
    };
}

/// Gives each thread its block, which is freed there, too. Waits for nobody.
#[derive(Debug, Default)]
struct OneEach;

impl OneEach {
    fn take(layout: Layout) -> Option<NonNull<u8>> {
        let fits = layout.size() <= size_of::<[u8; 64]>() && layout.align() <= align_of::<Block>();
        BLOCK.with(|block| {
            let is_free = fits && !block.is_taken.replace(true);
            is_free.then(|| NonNull::new(block.bytes.get().cast()).expect("it is in a static"))
        })
    }

    fn give_back() {
        BLOCK.with(|block| assert!(block.is_taken.replace(false), "freed by another thread"));
    }
}

// SAFETY: a block is a thread's own, given out once until it is freed, and lives as long as the thread, which
// frees it; it is large enough and aligned, or it is not given out.
unsafe impl Allocator for OneEach {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let block = Self::take(layout).ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(block, layout.size()))
    }

    unsafe fn deallocate(&self, _: NonNull<u8>, _: Layout) {
        Self::give_back();
    }
}

// SAFETY: as above; null is "no".
unsafe impl GlobalAlloc for OneEach {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::take(layout).map_or(ptr::null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {
        Self::give_back();
    }
}

const LAYOUT: Layout = Layout::new::<[u8; 64]>();

fn allocate(allocator: &impl Allocator) -> NonNull<u8> {
    let block = allocator.allocate(LAYOUT);
    block.expect("this thread's is free").cast()
}

/// # Safety
///
/// The block is from [`allocate`], and not used after.
unsafe fn free(allocator: &impl Allocator, block: NonNull<u8>) {
    // SAFETY: the caller's contract; all have this layout.
    unsafe { allocator.deallocate(block, LAYOUT) };
}

fn allocate_and_free(allocator: &impl Allocator) {
    let block = allocate(allocator);
    // SAFETY: allocated above, and not used.
    unsafe { free(allocator, block) };
}

fn allocate_and_free_globally(allocator: &impl GlobalAlloc) {
    // SAFETY: the layout is not empty.
    let block = unsafe { allocator.alloc(LAYOUT) };
    assert!(!block.is_null(), "this thread's is free");
    // SAFETY: allocated above with this layout, and not used.
    unsafe { allocator.dealloc(block, LAYOUT) };
}

#[test]
fn others_go_on_where_the_headers_say_so() {
    let mut table = Table::new();
    tracked(&mut table);
    scope(&mut table);
    table.finish();
}

/// What both have, and can be waited for.
trait Awaitable: Allocator + Sync {
    fn drained(&self) -> Drained<'_>;
}

impl Awaitable for Tracked<OneEach> {
    fn drained(&self) -> Drained<'_> {
        self.drained()
    }
}

impl Awaitable for Scope<OneEach> {
    fn drained(&self) -> Drained<'_> {
        self.drained()
    }
}

/// One poll of a wait that does not end.
fn begin_and_end(allocator: &impl Awaitable) {
    let poll = poll_once(pin!(allocator.drained()), Waker::noop());
    assert!(poll.is_pending());
}

/// The rows of both. In those after the first nothing makes zero, and so nothing wakes.
fn counted(table: &mut Table, kind: &'static str, allocator: &impl Awaitable) {
    let name = "allocate, drained waits, free that makes zero";
    table.row(kind, name, Claim::Blocks, || {
        let block = allocate(allocator);
        let mut drained = pin!(allocator.drained());
        let _ = poll_once(drained.as_mut(), Waker::noop());
        // SAFETY: allocated above, and not used.
        unsafe { free(allocator, block) };
    });
    let kept = allocate(allocator);
    let pair = || allocate_and_free(allocator);
    let wait = || begin_and_end(allocator);
    table.row(kind, "allocate, free", Claim::LockFree, pair);
    table.row(kind, "drained, begin and end", Claim::Blocks, wait);
    let name = "allocate, free; stopped in drained";
    table.row_of_two(kind, name, Claim::LockFree, wait, pair);
    {
        let mut drained = pin!(allocator.drained());
        assert!(poll_once(drained.as_mut(), Waker::noop()).is_pending());
        let name = "allocate, free while somebody waits";
        table.row(kind, name, Claim::LockFree, pair);
    }
    // SAFETY: allocated above, and not used.
    unsafe { free(allocator, kept) };
}

fn tracked(table: &mut Table) {
    const KIND: &str = "Tracked";
    let tracked = &Tracked::new(OneEach);
    let pair = || allocate_and_free(tracked);
    table.row(
        KIND,
        "allocate, free that makes zero",
        Claim::LockFree,
        pair,
    );
    let name = "alloc, dealloc (GlobalAlloc)";
    table.row(KIND, name, Claim::LockFree, || {
        allocate_and_free_globally(tracked);
    });
    counted(table, KIND, tracked);
    let kept = allocate(tracked);
    let name = "drained, live_blocks; stopped in allocate, free";
    table.row_of_two(KIND, name, Claim::OtherLock, pair, || {
        begin_and_end(tracked);
        assert!(tracked.live_blocks() > 0);
    });
    // SAFETY: allocated above, and not used.
    unsafe { free(tracked, kept) };
}

fn scope(table: &mut Table) {
    const KIND: &str = "Scope";
    let scope = &Scope::new(OneEach);
    let pair = || allocate_and_free(scope);
    table.row(KIND, "allocate, free that makes zero", Claim::Blocks, pair);
    counted(table, KIND, scope);
}
