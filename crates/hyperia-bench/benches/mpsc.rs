//! The queues for many producers and one consumer, never waiting: the unbounded one against crossbeam's `SegQueue`, the
//! bounded one against its `ArrayQueue`, and both against the channels that offer the same.
use crossbeam_queue::{ArrayQueue, SegQueue};
use hyperia_bench::{Comparison, Load, Sample, measure, measure_bound, until, version};
use hyperia_queue::{mpmc, mpsc};
use std::hint::black_box;
use std::sync::Arc;

/// Of the bounded ones; and as many make a burst.
const CAPACITY: usize = 1024;
/// Values of a batch.
const BATCH: usize = 32;

/// The pushing side.
trait Push: Sync {
    fn try_push(&self, value: u64) -> bool;
    /// Pushes all, which there is room for.
    fn push_batch(&self, values: &mut Vec<u64>) {
        values
            .drain(..)
            .for_each(|value| assert!(self.try_push(value)));
    }
}

/// The one consumer.
trait Pop: Send {
    fn try_pop(&mut self) -> Option<u64>;
    /// Pops as many as a batch has, which are there.
    fn pop_batch(&mut self, values: &mut Vec<u64>) {
        values.extend((0..BATCH).map(|_| self.try_pop().expect("it was just pushed")));
    }
}

/// The ends of a contender, by their own methods.
macro_rules! ends {
    ($($push:ty, |$sender:ident, $value:ident| $pushed:expr;
       $pop:ty, |$receiver:ident| $popped:expr;)+) => {$(
        impl Push for $push {
            #[inline]
            fn try_push(&self, $value: u64) -> bool {
                let $sender = self;
                $pushed
            }
        }
        impl Pop for $pop {
            #[inline]
            fn try_pop(&mut self) -> Option<u64> {
                let $receiver = self;
                $popped
            }
        }
    )+};
}

/// The same for ours, which have batches.
macro_rules! ends_with_batches {
    ($($push:ty, $pop:ty;)+) => {$(
        impl Push for $push {
            #[inline]
            fn try_push(&self, value: u64) -> bool {
                self.push(value).is_ok()
            }
            fn push_batch(&self, values: &mut Vec<u64>) {
                assert_eq!(self.push_many(values), Ok(BATCH));
            }
        }
        impl Pop for $pop {
            #[inline]
            fn try_pop(&mut self) -> Option<u64> {
                self.pop().ok()
            }
            fn pop_batch(&mut self, values: &mut Vec<u64>) {
                assert_eq!(self.pop_many(values, BATCH), Ok(BATCH));
            }
        }
    )+};
}

ends_with_batches! {
    mpsc::Producer<u64>, mpsc::Consumer<u64>;
    mpsc::BoundedProducer<u64>, mpsc::BoundedConsumer<u64>;
    Arc<mpmc::Queue<u64>>, Arc<mpmc::Queue<u64>>;
    Arc<mpmc::UnboundedQueue<u64>>, Arc<mpmc::UnboundedQueue<u64>>;
}

ends! {
    Arc<SegQueue<u64>>, |queue, value| { queue.push(value); true };
    Arc<SegQueue<u64>>, |queue| queue.pop();
    Arc<ArrayQueue<u64>>, |queue, value| queue.push(value).is_ok();
    Arc<ArrayQueue<u64>>, |queue| queue.pop();
    // Its bounded and its unbounded one are of the same type.
    Arc<concurrent_queue::ConcurrentQueue<u64>>, |queue, value| queue.push(value).is_ok();
    Arc<concurrent_queue::ConcurrentQueue<u64>>, |queue| queue.pop().ok();
    // So are these.
    kanal::Sender<u64>, |sender, value| sender.try_send(value) == Ok(true);
    kanal::Receiver<u64>, |receiver| receiver.try_recv().ok().flatten();
    crossbeam_channel::Sender<u64>, |sender, value| sender.try_send(value).is_ok();
    crossbeam_channel::Receiver<u64>, |receiver| receiver.try_recv().ok();
    std::sync::mpsc::Sender<u64>, |sender, value| sender.send(value).is_ok();
    // Of both of std's senders.
    std::sync::mpsc::Receiver<u64>, |receiver| receiver.try_recv().ok();
    tokio::sync::mpsc::UnboundedSender<u64>, |sender, value| sender.send(value).is_ok();
    tokio::sync::mpsc::UnboundedReceiver<u64>, |receiver| receiver.try_recv().ok();
    tokio::sync::mpsc::Sender<u64>, |sender, value| sender.try_send(value).is_ok();
    tokio::sync::mpsc::Receiver<u64>, |receiver| receiver.try_recv().ok();
    asyncband::mpsc::UnboundedSender<u64>, |sender, value| sender.send(value).is_ok();
    asyncband::mpsc::UnboundedReceiver<u64>, |receiver| receiver.try_recv().ok();
    asyncband::mpsc::BoundedSender<u64>, |sender, value| sender.try_send(value).is_ok();
    asyncband::mpsc::BoundedReceiver<u64>, |receiver| receiver.try_recv().ok();
}

impl Push for std::sync::mpsc::SyncSender<u64> {
    #[inline]
    fn try_push(&self, value: u64) -> bool {
        self.try_send(value).is_ok()
    }
}

/// As many pushes as make a burst, then as many pops, on one thread.
fn bursts((push, mut pop): (impl Push, impl Pop), burst: usize, operations: u64) -> Sample {
    let rounds = operations.div_ceil(burst as u64);
    let (mut sum, mut next) = (0_u64, 0_u64);
    let sample = measure(|| {
        for _ in 0..rounds {
            for value in next..next + burst as u64 {
                assert!(push.try_push(value));
            }
            next += burst as u64;
            for _ in 0..burst {
                sum += pop.try_pop().expect("it was just pushed");
            }
        }
    });
    assert_eq!(sum, next * (next - 1) / 2);
    sample
}

/// A batch in and the same out, on one thread.
fn batches((push, mut pop): (impl Push, impl Pop), operations: u64) -> Sample {
    let rounds = operations.div_ceil(BATCH as u64);
    let (mut values, mut sum, mut next) = (Vec::with_capacity(BATCH), 0_u64, 0_u64);
    let sample = measure(|| {
        for _ in 0..rounds {
            values.extend(next..next + BATCH as u64);
            next += BATCH as u64;
            push.push_batch(&mut values);
            pop.pop_batch(&mut values);
            sum += values.drain(..).sum::<u64>();
        }
    });
    assert_eq!(sum, next * (next - 1) / 2);
    sample
}

/// `producers` threads and one that pops; each value is `1 << 32 | index`, so that the sum shows both how many and
/// which.
fn threads((push, mut pop): (impl Push, impl Pop), producers: u64, operations: u64) -> Sample {
    let each = operations / producers;
    let (mut sum, push, consumer) = (0_u64, &push, &mut pop);
    let mut roles: Vec<Box<dyn FnOnce() + Send + '_>> = vec![Box::new(|| {
        for _ in 0..producers * each {
            sum = sum.wrapping_add(until(|| consumer.try_pop()));
        }
    })];
    for _ in 0..producers {
        roles.push(Box::new(|| {
            for value in 0..each {
                until(|| push.try_push((1 << 32) | value).then_some(()));
            }
        }));
    }
    let sample = measure_bound(roles);
    assert_eq!(sum, producers * ((each << 32) + each * (each - 1) / 2));
    assert!(pop.try_pop().is_none());
    sample
}

fn shared<T>(queue: T) -> (Arc<T>, Arc<T>) {
    let queue = Arc::new(queue);
    (Arc::clone(&queue), queue)
}

/// A table of `$run` over the ends of every contender, made anew for each sample.
macro_rules! compare {
    ($comparison:expr, $load:expr, |$ends:ident, $operations:ident| $run:expr; $($name:expr => $make:expr,)+) => {
        $comparison
            $(.contender($name, |$operations| {
                let $ends = $make;
                $run
            }))+
            .run($load)
    };
}

macro_rules! unbounded {
    ($comparison:expr, $load:expr, $($run:tt)+) => {
        compare! { $comparison, $load, $($run)+;
            of("hyperia-queue", "mpsc::unbounded") => mpsc::unbounded(),
            of("hyperia-queue", "mpmc::UnboundedQueue") => shared(mpmc::UnboundedQueue::new()),
            of("crossbeam-queue", "SegQueue") => shared(SegQueue::new()),
            of("concurrent-queue", "unbounded") => shared(concurrent_queue::ConcurrentQueue::unbounded()),
            of("kanal", "unbounded") => kanal::unbounded(),
            "std mpsc::channel" => std::sync::mpsc::channel(),
            of("crossbeam-channel", "unbounded") => crossbeam_channel::unbounded(),
            of("tokio", "mpsc::unbounded_channel") => tokio::sync::mpsc::unbounded_channel(),
            of("asyncband", "mpsc::unbounded") => asyncband::mpsc::unbounded(),
        }
    };
}

macro_rules! bounded {
    ($comparison:expr, $load:expr, $($run:tt)+) => {
        compare! { $comparison, $load, $($run)+;
            of("hyperia-queue", "mpsc::bounded") => mpsc::bounded(black_box(CAPACITY)),
            of("hyperia-queue", "mpmc::Queue") => shared(mpmc::Queue::bounded(black_box(CAPACITY))),
            of("crossbeam-queue", "ArrayQueue") => shared(ArrayQueue::new(black_box(CAPACITY))),
            of("concurrent-queue", "bounded") =>
                shared(concurrent_queue::ConcurrentQueue::bounded(black_box(CAPACITY))),
            of("kanal", "bounded") => kanal::bounded(black_box(CAPACITY)),
            "std mpsc::sync_channel" => std::sync::mpsc::sync_channel(black_box(CAPACITY)),
            of("crossbeam-channel", "bounded") => crossbeam_channel::bounded(black_box(CAPACITY)),
            of("tokio", "mpsc::channel") => tokio::sync::mpsc::channel(black_box(CAPACITY)),
            of("asyncband", "mpsc::bounded") => asyncband::mpsc::bounded(black_box(CAPACITY)),
        }
    };
}

fn of(krate: &str, name: &str) -> String {
    format!("{krate} {} {name}", version(krate))
}

fn alone(kind: &str, burst: usize) -> Comparison<'static> {
    let title = match burst {
        1 => format!("{kind}, one thread, push then pop"),
        _ => format!("{kind}, one thread, bursts of {burst}"),
    };
    Comparison::new(title, "value", 2_000_000)
        .checked("the sum of what was popped")
        .not_shown("contention; that the ends of channels could wait")
}

fn in_batches(kind: &str) -> Comparison<'static> {
    let title = format!("{kind}, one thread, {BATCH} in, {BATCH} out");
    Comparison::new(title, "value", 2_000_000)
        .checked("the sum of what was popped")
        .not_shown("that peers are slower at what they offer: they have no batches here, and pay for each value")
}

fn together(kind: &str, producers: u64) -> Comparison<'static> {
    let title = match producers {
        1 => format!("{kind}, one producer, one consumer"),
        _ => format!("{kind}, {producers} producers, one consumer"),
    };
    // Long enough for many turns at a processor.
    Comparison::new(title, "value", 4_000_000)
        .checked("count and sum of what was popped")
        .not_shown(
            "waiting: all sides spin 64 times, then yield; nor, with more threads than processors, more than two of \
             them at once",
        )
}

fn main() {
    let load = Load::from_args();

    let kind = "unbounded mpsc";
    for burst in [1, CAPACITY] {
        unbounded!(alone(kind, burst), load, |ends, n| bursts(ends, burst, n));
    }
    unbounded!(in_batches(kind), load, |ends, n| batches(ends, n));
    for producers in [1, 2] {
        unbounded!(together(kind, producers), load, |ends, n| threads(
            ends, producers, n
        ));
    }

    let kind = "bounded mpsc, capacity 1024";
    for burst in [1, CAPACITY] {
        bounded!(alone(kind, burst), load, |ends, n| bursts(ends, burst, n));
    }
    bounded!(in_batches(kind), load, |ends, n| batches(ends, n));
    for producers in [1, 2] {
        bounded!(together(kind, producers), load, |ends, n| threads(
            ends, producers, n
        ));
    }
}
