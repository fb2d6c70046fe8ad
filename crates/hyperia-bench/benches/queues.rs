//! The mpmc queues against crossbeam's: the bounded one against `ArrayQueue`, the unbounded one against
//! `SegQueue`.
use crossbeam_queue::{ArrayQueue, SegQueue};
use hyperia_bench::{Comparison, Load, Sample, measure, measure_threads, until, version};
use hyperia_queue::mpmc::{Queue, UnboundedQueue};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

const CAPACITY: usize = 1024;
const BATCH: usize = 32;

/// What all have.
trait Shared: Sync {
    fn try_push(&self, value: u64) -> bool;
    fn try_pop(&self) -> Option<u64>;
}

impl Shared for Queue<u64> {
    fn try_push(&self, value: u64) -> bool {
        self.push(value).is_ok()
    }
    fn try_pop(&self) -> Option<u64> {
        self.pop().ok()
    }
}

impl Shared for ArrayQueue<u64> {
    fn try_push(&self, value: u64) -> bool {
        self.push(value).is_ok()
    }
    fn try_pop(&self) -> Option<u64> {
        self.pop()
    }
}

impl Shared for UnboundedQueue<u64> {
    fn try_push(&self, value: u64) -> bool {
        self.push(value).is_ok()
    }
    fn try_pop(&self) -> Option<u64> {
        self.pop().ok()
    }
}

impl Shared for SegQueue<u64> {
    fn try_push(&self, value: u64) -> bool {
        self.push(value);
        true
    }
    fn try_pop(&self) -> Option<u64> {
        self.pop()
    }
}

/// Push and pop in turns, on one thread.
fn alone(queue: &impl Shared, operations: u64) -> Sample {
    let mut sum = 0_u64;
    let sample = measure(|| {
        for value in 0..operations {
            assert!(queue.try_push(value));
            sum += queue.try_pop().expect("it was just pushed");
        }
    });
    assert_eq!(sum, operations * (operations - 1) / 2);
    sample
}

/// As many pushes as make a burst, then as many pops, on one thread.
fn bursts(queue: &impl Shared, operations: u64) -> Sample {
    let rounds = operations.div_ceil(CAPACITY as u64);
    let (mut sum, mut next) = (0_u64, 0_u64);
    let sample = measure(|| {
        for _ in 0..rounds {
            for value in next..next + CAPACITY as u64 {
                assert!(queue.try_push(value));
            }
            next += CAPACITY as u64;
            for _ in 0..CAPACITY {
                sum += queue.try_pop().expect("it was just pushed");
            }
        }
    });
    assert_eq!(sum, next * (next - 1) / 2);
    sample
}

/// `pairs` producers and as many consumers; each value is `1 << 32 | index`, so that the sum shows both
/// how many and which.
fn together(queue: &impl Shared, pairs: u64, operations: u64) -> Sample {
    let each = operations / pairs;
    let sum = AtomicU64::new(0);
    let mut roles: Vec<Box<dyn FnOnce() + Send + '_>> = Vec::new();
    for _ in 0..pairs {
        roles.push(Box::new(|| {
            for value in 0..each {
                until(|| queue.try_push((1 << 32) | value).then_some(()));
            }
        }));
        roles.push(Box::new(|| {
            let mine = (0..each).fold(0_u64, |sum, _| sum.wrapping_add(until(|| queue.try_pop())));
            sum.fetch_add(mine, Relaxed);
        }));
    }
    let sample = measure_threads(roles);
    let expected = pairs * ((each << 32) + each * (each - 1) / 2);
    assert_eq!(sum.into_inner(), expected);
    assert!(queue.try_pop().is_none());
    sample
}

/// Ours only have batches; the peers pay for each value.
fn batches(
    push_many: impl Fn(&mut Vec<u64>),
    pop_many: impl Fn(&mut Vec<u64>),
    operations: u64,
) -> Sample {
    let rounds = operations.div_ceil(BATCH as u64);
    let (mut values, mut sum, mut next) = (Vec::with_capacity(BATCH), 0_u64, 0_u64);
    let sample = measure(|| {
        for _ in 0..rounds {
            values.extend(next..next + BATCH as u64);
            next += BATCH as u64;
            push_many(&mut values);
            pop_many(&mut values);
            sum += values.drain(..).sum::<u64>();
        }
    });
    assert_eq!(sum, next * (next - 1) / 2);
    sample
}

fn single_in_batches(queue: &impl Shared, operations: u64) -> Sample {
    let rounds = operations.div_ceil(BATCH as u64);
    let (mut sum, mut next) = (0_u64, 0_u64);
    let sample = measure(|| {
        for _ in 0..rounds {
            for value in next..next + BATCH as u64 {
                assert!(queue.try_push(value));
            }
            next += BATCH as u64;
            for _ in 0..BATCH {
                sum += queue.try_pop().expect("it was just pushed");
            }
        }
    });
    assert_eq!(sum, next * (next - 1) / 2);
    sample
}

fn main() {
    let load = Load::from_args();
    bounded(load);
    unbounded(load);
}

fn bounded(load: Load) {
    let ours = format!("hyperia-queue {} mpmc::Queue", version("hyperia-queue"));
    let theirs = format!("crossbeam-queue {} ArrayQueue", version("crossbeam-queue"));
    let (queue, array) = (Queue::bounded(CAPACITY), ArrayQueue::new(CAPACITY));

    Comparison::new(
        "bounded queue, one thread, push then pop",
        "value",
        2_000_000,
    )
    .checked("the sum of what was popped")
    .not_shown("contention; the queue never holds more than one value")
    .contender(&ours, |operations| alone(&queue, operations))
    .contender(&theirs, |operations| alone(&array, operations))
    .run(load);

    for pairs in [1, 2] {
        let title =
            format!("bounded queue, {pairs} producers, {pairs} consumers, capacity {CAPACITY}");
        Comparison::new(title, "value", 400_000)
            .checked("count and sum of what was popped")
            .not_shown(
                "more threads than this machine has cores for show the scheduler, not the queue; both \
                 sides spin 64 times, then yield",
            )
            .contender(&ours, |operations| together(&queue, pairs, operations))
            .contender(&theirs, |operations| together(&array, pairs, operations))
            .run(load);
    }

    Comparison::new(
        format!("bounded queue, one thread, {BATCH} in, {BATCH} out"),
        "value",
        2_000_000,
    )
    .checked("the sum of what was popped")
    .not_shown(
        "that the peer is slower at what it offers: it has no batches, and pays for each value",
    )
    .contender(&ours, |operations| {
        batches(
            |values| assert_eq!(queue.push_many(values), Ok(BATCH)),
            |values| assert_eq!(queue.pop_many(values, BATCH), Ok(BATCH)),
            operations,
        )
    })
    .contender(&theirs, |operations| single_in_batches(&array, operations))
    .run(load);
}

fn unbounded(load: Load) {
    let ours = format!(
        "hyperia-queue {} mpmc::UnboundedQueue",
        version("hyperia-queue")
    );
    let theirs = format!("crossbeam-queue {} SegQueue", version("crossbeam-queue"));
    let (queue, segments) = (UnboundedQueue::new(), SegQueue::new());

    Comparison::new(
        "unbounded queue, one thread, push then pop",
        "value",
        2_000_000,
    )
    .checked("the sum of what was popped")
    .not_shown("contention; the queue never holds more than one value")
    .contender(&ours, |operations| alone(&queue, operations))
    .contender(&theirs, |operations| alone(&segments, operations))
    .run(load);

    Comparison::new(
        format!("unbounded queue, one thread, bursts of {CAPACITY}"),
        "value",
        2_000_000,
    )
    .checked("the sum of what was popped")
    .not_shown("contention")
    .contender(&ours, |operations| bursts(&queue, operations))
    .contender(&theirs, |operations| bursts(&segments, operations))
    .run(load);

    for pairs in [1, 2] {
        let title = format!("unbounded queue, {pairs} producers, {pairs} consumers");
        Comparison::new(title, "value", 400_000)
            .checked("count and sum of what was popped")
            .not_shown(
                "how long the queue grows: that depends on who gets the processor; and as for the bounded one",
            )
            .contender(&ours, |operations| together(&queue, pairs, operations))
            .contender(&theirs, |operations| together(&segments, pairs, operations))
            .run(load);
    }

    Comparison::new(
        format!("unbounded queue, one thread, {BATCH} in, {BATCH} out"),
        "value",
        2_000_000,
    )
    .checked("the sum of what was popped")
    .not_shown(
        "that the peer is slower at what it offers: it has no batches, and pays for each value",
    )
    .contender(&ours, |operations| {
        batches(
            |values| assert_eq!(queue.push_many(values), Ok(BATCH)),
            |values| assert_eq!(queue.pop_many(values, BATCH), Ok(BATCH)),
            operations,
        )
    })
    .contender(&theirs, |operations| {
        single_in_batches(&segments, operations)
    })
    .run(load);
}
