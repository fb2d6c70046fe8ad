//! The queue between one producer and one consumer against rtrb, ringbuf and crossbeam's `ArrayQueue`.
use crossbeam_queue::ArrayQueue;
use hyperia_bench::{Comparison, Load, Sample, measure, measure_copies, until, version};
use hyperia_queue::spsc;
use ringbuf::HeapRb;
use ringbuf::traits::{Consumer as _, Producer as _, Split};
use std::hint::black_box;
use std::sync::{Arc, Mutex};

const BATCH: usize = 32;
/// Room for the round trip: it never holds more than one value.
const ROUND_TRIP: usize = 64;

/// The pushing end, as all have it.
trait Push: Send {
    fn try_push(&mut self, value: u64) -> bool;
    /// Copies in what there is room for, and says how many.
    fn push_batch(&mut self, values: &[u64]) -> usize;
}

/// The popping end.
trait Pop: Send {
    fn try_pop(&mut self) -> Option<u64>;
    /// Copies out what there is, and says how many.
    fn pop_batch(&mut self, values: &mut [u64]) -> usize;
}

impl Push for spsc::Producer<u64> {
    fn try_push(&mut self, value: u64) -> bool {
        self.push(value).is_ok()
    }
    fn push_batch(&mut self, values: &[u64]) -> usize {
        self.push_iter(values.iter().copied()).unwrap_or(0)
    }
}

impl Pop for spsc::Consumer<u64> {
    fn try_pop(&mut self) -> Option<u64> {
        self.pop().ok()
    }
    fn pop_batch(&mut self, values: &mut [u64]) -> usize {
        let Ok((first, second)) = self.peek_many(values.len()) else {
            return 0;
        };
        values[..first.len()].copy_from_slice(first);
        values[first.len()..][..second.len()].copy_from_slice(second);
        let count = first.len() + second.len();
        self.advance(count)
    }
}

impl Push for rtrb::Producer<u64> {
    fn try_push(&mut self, value: u64) -> bool {
        self.push(value).is_ok()
    }
    fn push_batch(&mut self, values: &[u64]) -> usize {
        self.push_partial_slice(values).0.len()
    }
}

impl Pop for rtrb::Consumer<u64> {
    fn try_pop(&mut self) -> Option<u64> {
        self.pop().ok()
    }
    fn pop_batch(&mut self, values: &mut [u64]) -> usize {
        self.pop_partial_slice(values).0.len()
    }
}

impl Push for ringbuf::HeapProd<u64> {
    fn try_push(&mut self, value: u64) -> bool {
        ringbuf::traits::Producer::try_push(self, value).is_ok()
    }
    fn push_batch(&mut self, values: &[u64]) -> usize {
        self.push_slice(values)
    }
}

impl Pop for ringbuf::HeapCons<u64> {
    fn try_pop(&mut self) -> Option<u64> {
        ringbuf::traits::Consumer::try_pop(self)
    }
    fn pop_batch(&mut self, values: &mut [u64]) -> usize {
        self.pop_slice(values)
    }
}

/// Has no batches: a value at a time.
impl Push for Arc<ArrayQueue<u64>> {
    fn try_push(&mut self, value: u64) -> bool {
        self.push(value).is_ok()
    }
    fn push_batch(&mut self, values: &[u64]) -> usize {
        let pushed = values.iter().take_while(|&&value| self.push(value).is_ok());
        pushed.count()
    }
}

impl Pop for Arc<ArrayQueue<u64>> {
    fn try_pop(&mut self) -> Option<u64> {
        self.pop()
    }
    fn pop_batch(&mut self, values: &mut [u64]) -> usize {
        let places = values.iter_mut();
        let popped = places.map_while(|place| self.pop().map(|value| *place = value));
        popped.count()
    }
}

/// Push and pop in turns, on one thread.
fn alone((mut producer, mut consumer): (impl Push, impl Pop), operations: u64) -> Sample {
    let mut sum = 0_u64;
    let sample = measure(|| {
        for value in 0..operations {
            assert!(producer.try_push(value));
            sum += consumer.try_pop().expect("it was just pushed");
        }
    });
    assert_eq!(sum, operations * (operations - 1) / 2);
    sample
}

/// Two threads on processors of their own, one after the other's values.
fn two(produce: impl FnOnce() + Send, consume: impl FnOnce() + Send) -> Sample {
    let (produce, consume) = (Mutex::new(Some(produce)), Mutex::new(Some(consume)));
    measure_copies(2, |index| match index {
        0 => produce.lock().unwrap().take().expect("one of each")(),
        _ => consume.lock().unwrap().take().expect("one of each")(),
    })
}

/// One thread pushes and the other pops, value by value.
fn stream((mut producer, mut consumer): (impl Push, impl Pop), operations: u64) -> Sample {
    two(
        move || {
            for value in 0..operations {
                until(|| producer.try_push(value).then_some(()));
            }
        },
        move || {
            for expected in 0..operations {
                assert_eq!(until(|| consumer.try_pop()), expected);
            }
        },
    )
}

/// The same in batches, which may come and go in parts.
fn batches((mut producer, mut consumer): (impl Push, impl Pop), operations: u64) -> Sample {
    two(
        move || {
            let mut next = 0;
            while next < operations {
                let mut values: [u64; BATCH] = std::array::from_fn(|index| next + index as u64);
                let mut rest = &mut values[..BATCH.min((operations - next) as usize)];
                next += rest.len() as u64;
                while !rest.is_empty() {
                    let count = until(|| match producer.push_batch(rest) {
                        0 => None,
                        count => Some(count),
                    });
                    rest = &mut rest[count..];
                }
            }
        },
        move || {
            let (mut values, mut expected) = ([0; BATCH], 0);
            while expected < operations {
                let count = until(|| match consumer.pop_batch(&mut values) {
                    0 => None,
                    count => Some(count),
                });
                for value in &values[..count] {
                    assert_eq!(*value, expected);
                    expected += 1;
                }
            }
        },
    )
}

/// A value there, and the same back through a second queue, before the next one.
fn round_trip(
    (mut there, mut arrived): (impl Push, impl Pop),
    (mut back, mut returned): (impl Push, impl Pop),
    operations: u64,
) -> Sample {
    two(
        move || {
            for value in 0..operations {
                until(|| there.try_push(value).then_some(()));
                assert_eq!(until(|| returned.try_pop()), value);
            }
        },
        move || {
            for _ in 0..operations {
                let value = until(|| arrived.try_pop());
                until(|| back.try_push(value).then_some(()));
            }
        },
    )
}

fn ours(capacity: usize) -> (spsc::Producer<u64>, spsc::Consumer<u64>) {
    spsc::bounded(black_box(capacity))
}

fn rtrb(capacity: usize) -> (rtrb::Producer<u64>, rtrb::Consumer<u64>) {
    rtrb::RingBuffer::new(black_box(capacity))
}

fn ringbuf(capacity: usize) -> (ringbuf::HeapProd<u64>, ringbuf::HeapCons<u64>) {
    HeapRb::new(black_box(capacity)).split()
}

fn array(capacity: usize) -> (Arc<ArrayQueue<u64>>, Arc<ArrayQueue<u64>>) {
    let queue = Arc::new(ArrayQueue::new(black_box(capacity)));
    (Arc::clone(&queue), queue)
}

/// The table in which every contender runs `$run` over its ends, made anew for each sample.
macro_rules! compare {
    ($comparison:expr, $load:expr, |$make:ident, $operations:ident| $run:expr) => {{
        $comparison
            .contender(
                format!("hyperia-queue {} spsc", version("hyperia-queue")),
                |$operations| {
                    let $make = ours;
                    $run
                },
            )
            .contender(format!("rtrb {}", version("rtrb")), |$operations| {
                let $make = rtrb;
                $run
            })
            .contender(
                format!("ringbuf {} HeapRb, caching ends", version("ringbuf")),
                |$operations| {
                    let $make = ringbuf;
                    $run
                },
            )
            .contender(
                format!("crossbeam-queue {} ArrayQueue", version("crossbeam-queue")),
                |$operations| {
                    let $make = array;
                    $run
                },
            )
            .run($load)
    }};
}

fn main() {
    let load = Load::from_args();
    for capacity in [64, 1000] {
        let table = Comparison::new(
            format!("spsc, one thread, push then pop, capacity {capacity}"),
            "value",
            4_000_000,
        )
        .checked("the sum of what was popped")
        .not_shown("two threads; the queue never holds more than one value");
        compare!(table, load, |make, n| alone(make(capacity), n));
    }
    for capacity in [64, 1024] {
        let table = Comparison::new(
            format!("spsc, two threads, value by value, capacity {capacity}"),
            "value",
            1_000_000,
        )
        .checked("every value, in order")
        .not_shown(
            "a queue alone: both sides spin 64 times, then yield, and how far apart the two processors are \
             changes from sample to sample",
        );
        compare!(table, load, |make, n| stream(make(capacity), n));
    }
    let table = Comparison::new(
        format!("spsc, two threads, batches of {BATCH} in and out, capacity 1024"),
        "value",
        2_000_000,
    )
    .checked("every value, in order")
    .not_shown(
        "that ArrayQueue is slower at what it offers: it has no batches, and pays for each value",
    );
    compare!(table, load, |make, n| batches(make(1024), n));

    let table = Comparison::new("spsc, two threads, round trip", "round trip", 400_000)
        .checked("every value, on its way back")
        .not_shown("what waiting without spinning would cost");
    compare!(table, load, |make, n| round_trip(
        make(ROUND_TRIP),
        make(ROUND_TRIP),
        n
    ));
}
