//! The mpmc queues, never waiting: the bounded one against crossbeam's `ArrayQueue`, the unbounded one against its
//! `SegQueue`, and both against `concurrent-queue` and the channels that offer the same.
use crossbeam_queue::{ArrayQueue, SegQueue};
use hyperia_bench::{
    Comparison, Load, Sample, measure, measure_bound, measure_copies, until, version,
};
use hyperia_queue::mpmc::{Queue, UnboundedQueue};
use std::hint::black_box;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Of the bounded ones; half of it makes a burst.
const CAPACITY: usize = 2048;
const BURST: usize = 1024;

/// What all have.
trait Shared: Sync {
    fn try_push(&self, value: u64) -> bool;
    fn try_pop(&self) -> Option<u64>;
}

/// A contender, by its own methods.
macro_rules! shared {
    ($($type:ty, |$this:ident, $value:ident| $pushed:expr, $popped:expr;)+) => {$(
        impl Shared for $type {
            #[inline]
            fn try_push(&self, $value: u64) -> bool {
                let $this = self;
                $pushed
            }
            #[inline]
            fn try_pop(&self) -> Option<u64> {
                let $this = self;
                $popped
            }
        }
    )+};
}

/// The two ends of a channel.
type Ends<S, R> = (S, R);

shared! {
    Queue<u64>, |queue, value| queue.push(value).is_ok(), queue.pop().ok();
    UnboundedQueue<u64>, |queue, value| queue.push(value).is_ok(), queue.pop().ok();
    ArrayQueue<u64>, |queue, value| queue.push(value).is_ok(), queue.pop();
    SegQueue<u64>, |queue, value| { queue.push(value); true }, queue.pop();
    // Its bounded and its unbounded one are of the same type.
    concurrent_queue::ConcurrentQueue<u64>, |queue, value| queue.push(value).is_ok(), queue.pop().ok();
    // So are these.
    Ends<kanal::Sender<u64>, kanal::Receiver<u64>>,
        |ends, value| ends.0.try_send(value) == Ok(true), ends.1.try_recv().ok().flatten();
    Ends<crossbeam_channel::Sender<u64>, crossbeam_channel::Receiver<u64>>,
        |ends, value| ends.0.try_send(value).is_ok(), ends.1.try_recv().ok();
    Ends<asyncband::mpmc::BoundedSender<u64>, asyncband::mpmc::BoundedReceiver<u64>>,
        |ends, value| ends.0.try_send(value).is_ok(), ends.1.try_recv().ok();
    Ends<asyncband::mpmc::UnboundedSender<u64>, asyncband::mpmc::UnboundedReceiver<u64>>,
        |ends, value| ends.0.send(value).is_ok(), ends.1.try_recv().ok();
}

/// Ours alone have batches.
trait Batched {
    fn push_batch(&self, values: &mut Vec<u64>);
    fn pop_batch(&self, values: &mut Vec<u64>, count: usize);
}

macro_rules! batched {
    ($($type:ty),+) => {$(
        impl Batched for $type {
            fn push_batch(&self, values: &mut Vec<u64>) {
                let count = values.len();
                assert_eq!(self.push_many(values), Ok(count));
            }
            fn pop_batch(&self, values: &mut Vec<u64>, count: usize) {
                assert_eq!(self.pop_many(values, count), Ok(count));
            }
        }
    )+};
}

batched!(Queue<u64>, UnboundedQueue<u64>);

/// As many pushes as make a burst, then as many pops, on one thread.
fn bursts(queue: &impl Shared, burst: usize, operations: u64) -> Sample {
    let rounds = operations.div_ceil(burst as u64);
    let (mut sum, mut next) = (0_u64, 0_u64);
    let sample = measure(|| {
        for _ in 0..rounds {
            for value in next..next + burst as u64 {
                assert!(queue.try_push(value));
            }
            next += burst as u64;
            for _ in 0..burst {
                sum += queue.try_pop().expect("it was just pushed");
            }
        }
    });
    assert_eq!(sum, next * (next - 1) / 2);
    sample
}

/// The same in batches, through a vector.
fn batches(queue: &impl Batched, batch: usize, operations: u64) -> Sample {
    let rounds = operations.div_ceil(batch as u64);
    let (mut values, mut sum, mut next) = (Vec::with_capacity(batch), 0_u64, 0_u64);
    let sample = measure(|| {
        for _ in 0..rounds {
            values.extend(next..next + batch as u64);
            next += batch as u64;
            queue.push_batch(&mut values);
            queue.pop_batch(&mut values, batch);
            sum += values.drain(..).sum::<u64>();
        }
    });
    assert_eq!(sum, next * (next - 1) / 2);
    sample
}

/// `pairs` producers and as many consumers, a pair on two processors; each value is `1 << 32 | index`, so that the sum
/// shows both how many and which.
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
    let sample = measure_bound(roles);
    let expected = pairs * ((each << 32) + each * (each - 1) / 2);
    assert_eq!(sum.into_inner(), expected);
    assert!(queue.try_pop().is_none());
    sample
}

/// Whose time is taken of those who collide.
#[derive(Clone, Copy)]
enum Side {
    Producers,
    Consumers,
}

/// Two producers at once and, when they are through, two consumers at once.
fn collisions(queue: &impl Shared, side: Side, operations: u64) -> Sample {
    let each = operations / 2;
    let sum = AtomicU64::new(0);
    let pushes = measure_copies(2, |_| {
        for value in 0..each {
            assert!(queue.try_push((1 << 32) | value));
        }
    });
    let pops = measure_copies(2, |_| {
        let mine = (0..each).fold(0_u64, |sum, _| {
            sum.wrapping_add(queue.try_pop().expect("all are there"))
        });
        sum.fetch_add(mine, Relaxed);
    });
    assert_eq!(sum.into_inner(), (each << 33) + each * (each - 1));
    assert!(queue.try_pop().is_none());
    match side {
        Side::Producers => pushes,
        Side::Consumers => pops,
    }
}

fn of(krate: &str, name: &str) -> String {
    format!("{krate} {} {name}", version(krate))
}

/// The contenders of a table that runs `$run` over each, made anew for each sample.
macro_rules! contenders {
    ($comparison:expr, |$queue:ident, $operations:ident| $run:expr; $($name:expr => $make:expr,)+) => {
        $comparison$(.contender($name, |$operations| {
            let $queue = &$make;
            $run
        }))+
    };
}

macro_rules! bounded {
    ($comparison:expr, $capacity:expr, $($run:tt)+) => {
        contenders! { $comparison, $($run)+;
            of("hyperia-queue", "mpmc::Queue") => Queue::bounded(black_box($capacity)),
            of("crossbeam-queue", "ArrayQueue") => ArrayQueue::new(black_box($capacity)),
            of("kanal", "bounded") => kanal::bounded(black_box($capacity)),
            of("concurrent-queue", "bounded") =>
                concurrent_queue::ConcurrentQueue::bounded(black_box($capacity)),
            of("crossbeam-channel", "bounded") => crossbeam_channel::bounded(black_box($capacity)),
            of("asyncband", "mpmc::bounded") => asyncband::mpmc::bounded(black_box($capacity)),
        }
    };
}

macro_rules! unbounded {
    ($comparison:expr, $($run:tt)+) => {
        contenders! { $comparison, $($run)+;
            of("hyperia-queue", "mpmc::UnboundedQueue") => UnboundedQueue::new(),
            of("crossbeam-queue", "SegQueue") => SegQueue::new(),
            of("concurrent-queue", "unbounded") => concurrent_queue::ConcurrentQueue::unbounded(),
            of("kanal", "unbounded") => kanal::unbounded(),
            of("crossbeam-channel", "unbounded") => crossbeam_channel::unbounded(),
            of("asyncband", "mpmc::unbounded") => asyncband::mpmc::unbounded(),
        }
    };
}

fn alone(kind: &str, burst: usize) -> Comparison<'static> {
    let title = match burst {
        1 => format!("{kind} mpmc, one thread, push then pop"),
        _ => format!("{kind} mpmc, one thread, bursts of {burst}"),
    };
    Comparison::new(title, "value", 2_000_000)
        .checked("the sum of what was popped")
        .not_shown("contention; that the ends of channels could wait")
}

fn in_batches(kind: &str, batch: usize) -> Comparison<'static> {
    let title = format!("{kind} mpmc, one thread, {batch} in, {batch} out");
    Comparison::new(title, "value", 2_000_000)
        .checked("the sum of what was popped")
        .not_shown(
            "that the others are slower at what they offer: they have no batches here, and pay for each value, but not \
             for the vector",
        )
}

fn in_pairs(kind: &str, pairs: u64) -> Comparison<'static> {
    let title = match pairs {
        1 => format!("{kind} mpmc, one producer, one consumer"),
        _ => format!("{kind} mpmc, {pairs} producers, {pairs} consumers"),
    };
    // Long enough for many turns at a processor.
    Comparison::new(title, "value", 4_000_000)
        .checked("count and sum of what was popped")
        .not_shown(
            "waiting: all sides spin 64 times, then yield; nor, with more threads than processors, more of them at once \
             than those; how long an unbounded one grows, which depends on who gets a processor",
        )
}

fn alike(kind: &str, side: Side) -> Comparison<'static> {
    let title = match side {
        Side::Producers => format!("{kind} mpmc with room for all, two producers alone"),
        Side::Consumers => format!("{kind} mpmc with all inside, two consumers alone"),
    };
    Comparison::new(title, "value", 4_000_000)
        .checked("count and sum of what was popped")
        .not_shown("fairness: who is ahead stays ahead as long as the other one spins")
}

fn main() {
    let load = Load::from_args();

    let kind = format!("bounded ({CAPACITY})");
    for burst in [1, BURST] {
        bounded!(alone(&kind, burst), CAPACITY, |queue, n| bursts(
            queue, burst, n
        ))
        .run(load);
    }
    for batch in [16, 32] {
        let batched = in_batches(&kind, batch)
            .contender(of("hyperia-queue", "mpmc::Queue, in batches"), |n| {
                batches(&Queue::bounded(black_box(CAPACITY)), batch, n)
            });
        bounded!(batched, CAPACITY, |queue, n| bursts(queue, batch, n)).run(load);
    }
    for pairs in [1, 2] {
        bounded!(in_pairs(&kind, pairs), CAPACITY, |queue, n| together(
            queue, pairs, n
        ))
        .run(load);
    }
    for side in [Side::Producers, Side::Consumers] {
        bounded!(alike("bounded", side), n as usize, |queue, n| collisions(
            queue, side, n
        ))
        .run(load);
    }

    let kind = "unbounded";
    for burst in [1, BURST] {
        unbounded!(alone(kind, burst), |queue, n| bursts(queue, burst, n)).run(load);
    }
    for batch in [16, 32] {
        let batched = in_batches(kind, batch).contender(
            of("hyperia-queue", "mpmc::UnboundedQueue, in batches"),
            |n| batches(&UnboundedQueue::new(), batch, n),
        );
        unbounded!(batched, |queue, n| bursts(queue, batch, n)).run(load);
    }
    for pairs in [1, 2] {
        unbounded!(in_pairs(kind, pairs), |queue, n| together(queue, pairs, n)).run(load);
    }
    for side in [Side::Producers, Side::Consumers] {
        unbounded!(alike(kind, side), |queue, n| collisions(queue, side, n)).run(load);
    }
}
