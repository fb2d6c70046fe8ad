//! The object pool against what one would take instead: a list per thread, a queue of boxes, the pools of
//! other crates, and allocators.
//!
//! Only ours can be waited for; that is in no table, for want of somebody to compare it with.
mod sources;

use crossbeam_queue::ArrayQueue;
use hyperia_bench::{Comparison, Load, Sample, measure_copies, measure_hand_over, version};
use mimalloc::MiMalloc;
use sources::{
    CAPACITY, Heap, Home, Listed, Maker, Object, OnePage, PerThread, Slab, Source, boxes,
};
use std::alloc::System;
use std::borrow::{Borrow, BorrowMut};

const BURST: usize = 32;
/// How many objects may be on their way to another thread: fewer than there are, so that nobody runs dry.
const ROOM: usize = 32;

/// What is done with the objects.
#[derive(Clone, Copy)]
enum Work {
    /// Each thread takes one, writes to it and returns it.
    InTurns { threads: u64 },
    /// One thread takes many, and returns them.
    Bursts,
}

impl Work {
    fn title(self) -> String {
        match self {
            Self::InTurns { threads: 1 } => "one thread, get, write, return".to_owned(),
            Self::InTurns { threads } => format!("{threads} threads on one pool"),
            Self::Bursts => format!("one thread, get {BURST}, return {BURST}"),
        }
    }

    fn operations(self) -> u64 {
        match self {
            Self::InTurns { threads } => threads * 1_024_000,
            Self::Bursts => 1_024_000,
        }
    }

    fn not_shown(self) -> &'static str {
        match self {
            Self::InTurns { threads: 1 } | Self::Bursts => {
                "contention, or objects that are dear to make: allocators have to do with raw memory here"
            }
            Self::InTurns { .. } => {
                "a pool in any other sense for the list, whose threads share nothing; the time is that of \
                 both threads together, so perfect sharing halves it"
            }
        }
    }

    fn run<const BYTES: usize>(self, source: impl Source<BYTES>, operations: u64) -> Sample {
        let sample = match self {
            Self::InTurns { threads } => measure_copies(threads, |thread| {
                for turn in 0..operations / threads {
                    let byte = (turn * threads + thread) as u8;
                    let mut guard = source.get();
                    let object = (*guard).borrow_mut();
                    object.write(byte);
                    // SAFETY: just written.
                    assert_eq!(unsafe { object.read() }, byte);
                }
            }),
            Self::Bursts => measure_copies(1, |_| {
                let mut guards = Vec::with_capacity(BURST);
                for _ in 0..operations.div_ceil(BURST as u64) {
                    for byte in 0..BURST as u8 {
                        let mut guard = source.get();
                        (*guard).borrow_mut().write(byte);
                        guards.push(guard);
                    }
                    for (byte, guard) in guards.drain(..).enumerate() {
                        // SAFETY: written before it was pushed.
                        assert_eq!(usize::from(unsafe { (*guard).borrow().read() }), byte);
                    }
                }
            }),
        };
        assert_all_idle(source);
        sample
    }
}

fn assert_all_idle<const BYTES: usize>(source: impl Source<BYTES>) {
    assert!(source.idle().is_none_or(|count| count == CAPACITY));
}

/// One thread takes and writes, another reads and returns.
fn transfer<const BYTES: usize, S>(source: S, operations: u64) -> Sample
where
    S: Source<BYTES, Guard: Send>,
{
    let sample = measure_hand_over(
        operations,
        ROOM,
        |index| {
            let mut guard = source.get();
            (*guard).borrow_mut().write(index as u8);
            guard
        },
        |index, guard| {
            // SAFETY: written before it was sent.
            assert_eq!(unsafe { (*guard).borrow().read() }, index as u8);
        },
    );
    assert_all_idle(source);
    sample
}

/// The same by key, which is how this one is meant to be used across threads: its guard cannot be sent, and
/// the one that can also counts references to the pool.
fn transfer_keys<const BYTES: usize>(slab: &Slab<BYTES>, operations: u64) -> Sample {
    measure_hand_over(
        operations,
        ROOM,
        |index| {
            let mut object = slab.create().expect("the shard is not full");
            object.write(index as u8);
            object.key()
        },
        |index, key| {
            let object = slab.get(key).expect("it was not cleared");
            // SAFETY: written before the key was sent.
            assert_eq!(unsafe { object.read() }, index as u8);
            assert!(slab.clear(key));
        },
    )
}

fn tables<const BYTES: usize>(load: Load)
where
    Object<BYTES>: Listed,
{
    let name = |package: &str, what: &str| format!("{package} {} {what}", version(package));
    let names = [
        name("hyperia-pool", "Pool"),
        "thread_local! RefCell<Vec<Box<_>>>".to_owned(),
        name("crossbeam-queue", "ArrayQueue<Box<_>>"),
        name("sharded-slab", "Pool, one page a shard"),
        name("opool", "Pool<_, Box<_>>"),
        name("object-pool", "Pool<Box<_>>"),
        name("asyncband", "pool::unbounded, reads the clock"),
        name("mimalloc", "uninitialized"),
        "System, uninitialized".to_owned(),
    ];
    let [
        ours,
        list,
        queue,
        slab,
        opool,
        object_pool,
        asyncband,
        mimalloc,
        system,
    ] = &names;

    let pool = hyperia_pool::Pool::filled(CAPACITY, Object::<BYTES>::new);
    let array = ArrayQueue::new(CAPACITY);
    boxes::<BYTES>().for_each(|object| (&array).put(object));
    let slab_pool = sharded_slab::Pool::<Object<BYTES>>::new_with_config::<OnePage>();
    let other: opool::Pool<_, Box<Object<BYTES>>> = opool::Pool::new_prefilled(CAPACITY, Maker);
    let band = sources::band::<BYTES>();
    let stack = object_pool::Pool::new(CAPACITY, || Box::new(Object::<BYTES>::new()));

    for work in [
        Work::InTurns { threads: 1 },
        Work::Bursts,
        Work::InTurns { threads: 2 },
    ] {
        let title = format!("pool, {BYTES} bytes, {}", work.title());
        Comparison::new(title, "object", work.operations())
            .checked(
                "each object holds what was written to it; all are idle at the end, where it can be known",
            )
            .not_shown(work.not_shown())
            .contender(ours, |operations| work.run(&pool, operations))
            .contender(list, |operations| work.run::<BYTES>(PerThread, operations))
            .contender(queue, |operations| work.run(&array, operations))
            .contender(slab, |operations| work.run(&slab_pool, operations))
            .contender(opool, |operations| work.run(&other, operations))
            .contender(object_pool, |operations| work.run(&stack, operations))
            .contender(asyncband, |operations| work.run(&band, operations))
            .contender(mimalloc, |operations| {
                work.run::<BYTES>(&Heap(MiMalloc), operations)
            })
            .contender(system, |operations| work.run::<BYTES>(&Heap(System), operations))
            .run(load);
    }

    let title = format!("pool, {BYTES} bytes, taken by one thread, returned by another");
    Comparison::new(title, "object", 204_800)
        .checked("each object arrives in order with what was written to it; all are idle at the end, where it can be known")
        .not_shown(
            "the pools alone: the queue between the threads is in it, the same for all. The list reuses \
             nothing here: one thread only takes, the other only returns",
        )
        .contender(ours, |operations| transfer(&pool, operations))
        .contender(list, |operations| transfer::<BYTES, _>(PerThread, operations))
        .contender(queue, |operations| transfer(&array, operations))
        .contender(slab, |operations| transfer_keys(&slab_pool, operations))
        .contender(opool, |operations| transfer(&other, operations))
        .contender(object_pool, |operations| transfer(&stack, operations))
        .contender(asyncband, |operations| transfer(&band, operations))
        .contender(mimalloc, |operations| transfer::<BYTES, _>(&Heap(MiMalloc), operations))
        .contender(system, |operations| transfer::<BYTES, _>(&Heap(System), operations))
        .run(load);
}

fn main() {
    let load = Load::from_args();
    tables::<64>(load);
    tables::<4096>(load);
}
