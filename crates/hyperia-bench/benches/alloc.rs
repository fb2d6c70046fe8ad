//! What counting adds to an allocator: `Tracked` against a pair of shared counters and the crates that
//! count. The bare allocator comes first, so that a ratio says how many times it the others take.
//!
//! All are called by hand through `GlobalAlloc`; none of them is the global allocator of this program.
use allocator_api2::alloc::Allocator;
use cap::Cap;
use hyperia_alloc::Tracked;
use hyperia_bench::{Comparison, Load, Sample, measure_copies, measure_hand_over, version};
use stats_alloc::StatsAlloc;
use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

/// How many blocks go to another thread at a time, so that the queue between them is not what is measured.
const BATCH: usize = 64;
/// How many batches may be on their way.
const ROOM: usize = 8;

trait Counts: GlobalAlloc + Sync {
    /// How many bytes are live, if it knows.
    fn live(&self) -> Option<usize>;
}

impl Counts for System {
    fn live(&self) -> Option<usize> {
        None
    }
}

impl Counts for Tracked<System> {
    fn live(&self) -> Option<usize> {
        Some(self.live_bytes())
    }
}

impl Counts for Cap<System> {
    fn live(&self) -> Option<usize> {
        Some(self.allocated())
    }
}

impl Counts for StatsAlloc<System> {
    fn live(&self) -> Option<usize> {
        let stats = self.stats();
        Some(stats.bytes_allocated - stats.bytes_deallocated)
    }
}

/// What one would write: blocks and bytes, each in a word that all threads share.
#[derive(Default)]
struct TwoCounters {
    blocks: AtomicUsize,
    bytes: AtomicUsize,
}

// SAFETY: all calls go to `System` as they come.
unsafe impl GlobalAlloc for TwoCounters {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.blocks.fetch_add(1, Relaxed);
        self.bytes.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller's contract is that of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block came from `System`, with this layout, by the caller's contract.
        unsafe { System.dealloc(block, layout) };
        self.blocks.fetch_sub(1, Relaxed);
        self.bytes.fetch_sub(layout.size(), Relaxed);
    }
}

impl Counts for TwoCounters {
    fn live(&self) -> Option<usize> {
        Some(self.bytes.load(Relaxed))
    }
}

/// `Tracked` as an `Allocator`, where a free may also have to wake those who wait for the last one.
struct ThroughAllocator(Tracked<System>);

// SAFETY: all calls go to an allocator as they come.
unsafe impl GlobalAlloc for ThroughAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let block = self.0.allocate(layout);
        block.map_or(ptr::null_mut(), |block| block.cast().as_ptr())
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block came from `alloc` above, with this layout, by the caller's contract.
        unsafe { self.0.deallocate(NonNull::new_unchecked(block), layout) };
    }
}

impl Counts for ThroughAllocator {
    fn live(&self) -> Option<usize> {
        self.0.live()
    }
}

/// A block that is freed by hand.
struct Block(NonNull<u8>);

// SAFETY: allocators are not bound to a thread, and nobody else has the block.
unsafe impl Send for Block {}

impl Block {
    /// Allocates a block of a layout that is not empty, with `byte` in it.
    #[inline]
    fn new(allocator: &impl GlobalAlloc, layout: Layout, byte: u8) -> Self {
        // SAFETY: the layout is not empty.
        let block = NonNull::new(unsafe { allocator.alloc(layout) }).expect("memory is not short");
        // SAFETY: it is one byte long at least.
        unsafe { block.write(byte) };
        Self(black_box(block))
    }

    /// # Safety
    ///
    /// It was made with this allocator and this layout.
    #[inline]
    unsafe fn free(self, allocator: &impl GlobalAlloc, layout: Layout, byte: u8) {
        // SAFETY: `new` wrote it.
        assert_eq!(unsafe { self.0.read() }, byte);
        // SAFETY: the caller's contract; it is used up here.
        unsafe { allocator.dealloc(self.0.as_ptr(), layout) };
    }
}

/// Everything is freed, and what is allocated counts.
fn check(allocator: &impl Counts, layout: Layout) {
    assert!(allocator.live().is_none_or(|live| live == 0));
    let block = Block::new(allocator, layout, 0);
    assert!(allocator.live().is_none_or(|live| live == layout.size()));
    // SAFETY: it was made a moment ago, with these.
    unsafe { block.free(allocator, layout, 0) };
    assert!(allocator.live().is_none_or(|live| live == 0));
}

/// Each thread allocates and frees, in turns.
fn by_itself(allocator: &impl Counts, layout: Layout, threads: u64, operations: u64) -> Sample {
    let sample = measure_copies(threads, |_| {
        for turn in 0..operations / threads {
            let block = Block::new(allocator, layout, turn as u8);
            // SAFETY: it was made a moment ago, with these.
            unsafe { block.free(allocator, layout, turn as u8) };
        }
    });
    check(allocator, layout);
    sample
}

/// One thread allocates, another frees.
fn there(allocator: &impl Counts, layout: Layout, operations: u64) -> Sample {
    let batches = operations.div_ceil(BATCH as u64);
    let sample = measure_hand_over(
        batches,
        ROOM,
        |index| std::array::from_fn::<_, BATCH, _>(|_| Block::new(allocator, layout, index as u8)),
        |index, batch| {
            for block in batch {
                // SAFETY: the other thread made it with these.
                unsafe { block.free(allocator, layout, index as u8) };
            }
        },
    );
    check(allocator, layout);
    sample
}

/// Who does what.
#[derive(Clone, Copy)]
enum Work {
    ByItself { threads: u64 },
    There,
}

impl Work {
    fn title(self, size: usize) -> String {
        match self {
            Self::ByItself { threads: 1 } => format!("{size} bytes, one thread"),
            Self::ByItself { threads } => {
                format!("{size} bytes, {threads} threads, each by itself")
            }
            Self::There => format!("{size} bytes, freed by another thread, {BATCH} at a time"),
        }
    }

    fn operations(self) -> u64 {
        match self {
            Self::ByItself { threads } => threads * 1_000_000,
            // Slow where the inner allocator is.
            Self::There => 204_800,
        }
    }

    fn not_shown(self) -> &'static str {
        match self {
            Self::ByItself { threads: 1 } => {
                "contention, or a program that does anything else: the allocator answers from a warm cache"
            }
            Self::ByItself { .. } => {
                "more threads than this machine has cores for show the scheduler; the time is that of all \
                 threads together, so perfect sharing halves it with each doubling up to the cores"
            }
            Self::There => {
                "the counting alone: most of it is what the inner allocator does for a block that comes back \
                 from elsewhere"
            }
        }
    }

    fn run(self, allocator: &impl Counts, layout: Layout, operations: u64) -> Sample {
        match self {
            Self::ByItself { threads } => by_itself(allocator, layout, threads, operations),
            Self::There => there(allocator, layout, operations),
        }
    }
}

fn main() {
    let load = Load::from_args();
    let name = |package: &str, what: &str| format!("{package} {} {what}", version(package));
    let tracked = Tracked::new(System);
    let through = ThroughAllocator(Tracked::new(System));
    let counters = TwoCounters::default();
    let cap = Cap::new(System, usize::MAX);
    let stats = StatsAlloc::system();
    for work in [
        Work::ByItself { threads: 1 },
        Work::ByItself { threads: 2 },
        Work::ByItself { threads: 4 },
        Work::There,
    ] {
        for size in [16, 64, 4096] {
            let layout = Layout::from_size_align(size, 16).expect("a small power of two");
            let title = format!("alloc, {}", work.title(size));
            Comparison::new(title, "block", work.operations())
                .checked(
                    "no allocation fails, what was written is read; who counts has counted to zero, and \
                     counts what comes next",
                )
                .not_shown(work.not_shown())
                .contender("System", |operations| work.run(&System, layout, operations))
                .contender(name("hyperia-alloc", "Tracked<System>"), |operations| {
                    work.run(&tracked, layout, operations)
                })
                .contender(
                    name("hyperia-alloc", "Tracked<System> as Allocator"),
                    |operations| work.run(&through, layout, operations),
                )
                .contender("System and two shared fetch_add", |operations| {
                    work.run(&counters, layout, operations)
                })
                .contender(name("cap", "Cap<System>"), |operations| {
                    work.run(&cap, layout, operations)
                })
                .contender(name("stats_alloc", "StatsAlloc<System>"), |operations| {
                    work.run(&stats, layout, operations)
                })
                .run(load);
        }
    }
}
