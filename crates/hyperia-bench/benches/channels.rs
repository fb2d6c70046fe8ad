//! Channels against tachyonix, kanal, flume, async-channel, asyncband, tokio, thingbuf and futures-channel, through their
//! async methods.
use futures_util::StreamExt;
use hyperia_bench::{Comparison, Load, Sample, measure, measure_bound, run_tasks, version};
use hyperia_sync::{mpmc, mpsc, spsc};
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

/// Values of a batch.
const BATCH: usize = 32;
/// A value is the number of its sender, and below this bit that of the value.
const SENDER_SHIFT: u32 = 32;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What one receiver checks.
struct Received {
    /// The next value of each sender.
    next: Vec<u64>,
    missing: u64,
}

impl Received {
    fn new(senders: u64, operations: u64) -> Self {
        let next = (0..senders).map(|sender| sender << SENDER_SHIFT);
        Self {
            next: next.collect(),
            missing: senders * (operations / senders),
        }
    }

    #[inline]
    fn check(&mut self, value: u64) {
        let next = &mut self.next[(value >> SENDER_SHIFT) as usize];
        assert_eq!(value, *next, "each sender's values come in order");
        *next += 1;
        self.missing -= 1;
    }
}

/// What a sender sends.
fn values(sender: u64, senders: u64, operations: u64) -> std::ops::Range<u64> {
    let first = sender << SENDER_SHIFT;
    first..first + operations / senders
}

/// Sends and receives in turns in one task, which never waits.
macro_rules! ready {
    ($make:expr, |$sender:pat_param, $value:ident| $send:expr, |$receiver:pat_param| $receive:expr) => {
        move |operations| {
            let ($sender, $receiver) = $make;
            measure(|| {
                let mut task = pin!(async {
                    let mut sum = 0_u64;
                    for $value in 0..operations {
                        $send.expect("there is a receiver");
                        sum += $receive.expect("there is a sender");
                    }
                    sum
                });
                let poll = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                assert_eq!(poll, Poll::Ready(operations * (operations - 1) / 2));
            })
        }
    };
}

/// A task that sends, and one that receives, on one thread.
macro_rules! local {
    ($($contender:tt)+) => { move |n| on_one_thread(alone!(n, $($contender)+)) };
}

/// The same on two threads.
macro_rules! two {
    ($($contender:tt)+) => { move |n| on_two_threads(alone!(n, $($contender)+)) };
}

/// Four tasks that send, and one that receives, on one thread.
macro_rules! local_four {
    ($($contender:tt)+) => { move |n| on_one_thread(four!(n, $($contender)+)) };
}

/// The same on two threads: all that send on one of them.
macro_rules! two_four {
    ($($contender:tt)+) => { move |n| on_two_threads(four!(n, $($contender)+)) };
}

/// Batches in and out, on one thread.
macro_rules! local_batches {
    ($($contender:tt)+) => { move |n| on_one_thread(batches!(n, $($contender)+)) };
}

/// The same on two threads.
macro_rules! two_batches {
    ($($contender:tt)+) => { move |n| on_two_threads(batches!(n, $($contender)+)) };
}

/// One task that sends, and the one that receives.
macro_rules! alone {
    ($operations:ident, $make:expr, |$sender:pat_param, $value:ident| $send:expr,
     |$receiver:pat_param| $receive:expr) => {{
        let ($sender, receiver) = $make;
        let sends = async move {
            for $value in values(0, 1, $operations) {
                $send.expect("there is a receiver");
            }
        };
        let sends: Vec<Task> = vec![Box::pin(sends)];
        (
            sends,
            receives!(1, $operations, receiver, |$receiver| $receive),
        )
    }};
}

/// Four tasks that send, each with a clone, and the one that receives.
macro_rules! four {
    ($operations:ident, $make:expr, |$sender:pat_param, $value:ident| $send:expr,
     |$receiver:pat_param| $receive:expr) => {{
        let (sender, receiver) = $make;
        let sends = (0..4).map(|index| {
            let $sender = sender.clone();
            let task: Task = Box::pin(async move {
                for $value in values(index, 4, $operations) {
                    $send.expect("there is a receiver");
                }
            });
            task
        });
        let sends: Vec<Task> = sends.collect();
        (
            sends,
            receives!(4, $operations, receiver, |$receiver| $receive),
        )
    }};
}

/// One task that sends a vector at a time, `$send`ing what is in it, and one that receives into a vector.
macro_rules! batches {
    ($operations:ident, $make:expr, |$sender:pat_param, $values:ident| $send:expr,
     |$receiver:pat_param, $received:ident| $receive:expr) => {{
        let ($sender, $receiver) = $make;
        let sends = async move {
            let mut all = values(0, 1, $operations);
            let mut batch = Vec::with_capacity(BATCH);
            while !all.is_empty() {
                batch.extend(all.by_ref().take(BATCH));
                let $values = &mut batch;
                $send;
                assert!(batch.is_empty());
            }
        };
        let receives = async move {
            let mut check = Received::new(1, $operations);
            let mut batch = Vec::with_capacity(BATCH);
            while check.missing > 0 {
                let $received = &mut batch;
                $receive;
                batch.drain(..).for_each(|value| check.check(value));
            }
        };
        let (sends, receives): (Task, Task) = (Box::pin(sends), Box::pin(receives));
        (vec![sends], receives)
    }};
}

macro_rules! receives {
    ($senders:expr, $operations:ident, $end:ident, |$receiver:pat_param| $receive:expr) => {{
        let $receiver = $end;
        let receives: Task = Box::pin(async move {
            let mut check = Received::new($senders, $operations);
            while check.missing > 0 {
                check.check($receive.expect("there is a sender"));
            }
        });
        receives
    }};
}

fn on_one_thread((mut tasks, receives): (Vec<Task>, Task)) -> Sample {
    tasks.push(receives);
    measure(|| run_tasks(tasks))
}

fn on_two_threads((sends, receives): (Vec<Task>, Task)) -> Sample {
    measure_bound(vec![
        Box::new(|| run_tasks(sends)),
        Box::new(|| run_tasks(vec![receives])),
    ])
}

fn of(krate: &str, name: &str) -> String {
    format!("{krate} {} {name}", version(krate))
}

/// The contenders of a table that runs `$shape` over the ends of each, made anew for each sample.
macro_rules! contenders {
    ($comparison:expr, $shape:ident; $($name:expr => ($($contender:tt)+),)+) => {
        $comparison$(.contender($name, $shape!($($contender)+)))+
    };
}

/// Bounded channels of many senders.
macro_rules! bounded {
    ($comparison:expr, $capacity:expr, $shape:ident) => {{
        let capacity = black_box($capacity);
        contenders! { $comparison, $shape;
            of("hyperia-sync", "mpsc") => (
                mpsc::bounded(capacity),
                |sender, value| sender.send(value).await, |mut receiver| receiver.recv().await
            ),
            of("hyperia-sync", "mpmc") => (
                mpmc::bounded(capacity),
                |sender, value| sender.send(value).await, |receiver| receiver.recv().await
            ),
            of("tachyonix", "") => (
                tachyonix::channel(capacity),
                |sender, value| sender.send(value).await, |mut receiver| receiver.recv().await
            ),
            of("kanal", "") => (
                kanal::bounded_async(capacity),
                |sender, value| sender.send(value).await, |receiver| receiver.recv().await
            ),
            of("flume", "") => (
                flume::bounded(capacity),
                |sender, value| sender.send_async(value).await, |receiver| receiver.recv_async().await
            ),
            of("async-channel", "") => (
                async_channel::bounded(capacity),
                |sender, value| sender.send(value).await, |receiver| receiver.recv().await
            ),
            of("asyncband", "mpsc") => (
                asyncband::mpsc::bounded(capacity),
                |sender, value| sender.send(value).await, |mut receiver| receiver.recv().await
            ),
            of("asyncband", "mpmc") => (
                asyncband::mpmc::bounded(capacity),
                |sender, value| sender.send(value).await, |receiver| receiver.recv().await
            ),
            of("tokio", "mpsc") => (
                tokio::sync::mpsc::channel(capacity),
                |sender, value| sender.send(value).await, |mut receiver| receiver.recv().await
            ),
            of("thingbuf", "mpsc") => (
                thingbuf::mpsc::channel(capacity),
                |sender, value| sender.send(value).await, |receiver| receiver.recv().await
            ),
            // A sender has a place of its own beside them.
            of("futures-channel", "mpsc, places + senders") => (
                futures_channel::mpsc::channel(capacity - 1),
                |mut sender, value| {
                    // What its `send` does, which is in another crate.
                    std::future::poll_fn(|cx| sender.poll_ready(cx)).await
                        .and_then(|()| sender.start_send(value))
                },
                |mut receiver| receiver.next().await
            ),
        }
    }};
}

/// The same, and ours of one sender before them.
macro_rules! bounded_alone {
    ($comparison:expr, $capacity:expr, $shape:ident) => {{
        let capacity = black_box($capacity);
        let comparison = $comparison.contender(
            of("hyperia-sync", "spsc"),
            $shape!(
                spsc::bounded(capacity),
                |mut sender, value| sender.send(value).await,
                |mut receiver| receiver.recv().await
            ),
        );
        bounded!(comparison, capacity, $shape)
    }};
}

macro_rules! unbounded {
    ($comparison:expr, $shape:ident) => {
        contenders! { $comparison, $shape;
            of("hyperia-sync", "mpsc") => (
                mpsc::unbounded(),
                |sender, value| sender.send(value).await, |mut receiver| receiver.recv().await
            ),
            of("hyperia-sync", "mpsc, try_send") => (
                mpsc::unbounded(),
                |sender, value| sender.try_send(value), |mut receiver| receiver.recv().await
            ),
            of("hyperia-sync", "mpmc") => (
                mpmc::unbounded(),
                |sender, value| sender.send(value).await, |receiver| receiver.recv().await
            ),
            of("kanal", "") => (
                kanal::unbounded_async(),
                |sender, value| sender.send(value).await, |receiver| receiver.recv().await
            ),
            of("flume", "") => (
                flume::unbounded(),
                |sender, value| sender.send(value), |receiver| receiver.recv_async().await
            ),
            of("async-channel", "") => (
                async_channel::unbounded(),
                |sender, value| sender.send(value).await, |receiver| receiver.recv().await
            ),
            of("asyncband", "mpsc") => (
                asyncband::mpsc::unbounded(),
                |sender, value| sender.send(value), |mut receiver| receiver.recv().await
            ),
            of("asyncband", "mpmc") => (
                asyncband::mpmc::unbounded(),
                |sender, value| sender.send(value), |receiver| receiver.recv().await
            ),
            of("tokio", "mpsc") => (
                tokio::sync::mpsc::unbounded_channel(),
                |sender, value| sender.send(value), |mut receiver| receiver.recv().await
            ),
            of("futures-channel", "mpsc") => (
                futures_channel::mpsc::unbounded(),
                |sender, value| sender.unbounded_send(value), |mut receiver| receiver.next().await
            ),
        }
    };
}

/// Those that have batches on one side at least.
macro_rules! batched {
    ($comparison:expr, $capacity:expr, $shape:ident) => {{
        let capacity = black_box($capacity);
        contenders! { $comparison, $shape;
            of("hyperia-sync", "spsc") => (
                spsc::bounded(capacity),
                |mut sender, values| assert!(sender.send_many(values).await.is_ok()),
                |mut receiver, values| assert!(receiver.recv_many(values, BATCH).await.is_ok())
            ),
            of("hyperia-sync", "mpsc") => (
                mpsc::bounded(capacity),
                |sender, values| assert!(sender.send_many(values).await.is_ok()),
                |mut receiver, values| assert!(receiver.recv_many(values, BATCH).await.is_ok())
            ),
            of("hyperia-sync", "mpmc") => (
                mpmc::bounded(capacity),
                |sender, values| assert!(sender.send_many(values).await.is_ok()),
                |receiver, values| assert!(receiver.recv_many(values, BATCH).await.is_ok())
            ),
            of("tokio", "mpsc, recv_many") => (
                tokio::sync::mpsc::channel(capacity),
                |sender, values| for value in values.drain(..) {
                    sender.send(value).await.expect("there is a receiver");
                },
                |mut receiver, values| assert_ne!(receiver.recv_many(values, BATCH).await, 0)
            ),
            of("tokio", "mpsc, reserve_many, recv_many") => (
                tokio::sync::mpsc::channel(capacity),
                |sender, values| {
                    let permits = sender.reserve_many(values.len()).await.expect("there is a receiver");
                    permits.zip(values.drain(..)).for_each(|(permit, value)| permit.send(value));
                },
                |mut receiver, values| assert_ne!(receiver.recv_many(values, BATCH).await, 0)
            ),
        }
    }};
}

fn one_task(kind: &str) -> Comparison<'static> {
    let title = format!("{kind} channel, one task, send then receive");
    Comparison::new(title, "value", 2_000_000)
        .checked("every poll is ready; the sum of what was received")
        .not_shown("waiting; another thread")
}

fn one_thread(kind: &str, work: &str) -> Comparison<'static> {
    let title = format!("{kind} channel, one thread, {work}");
    Comparison::new(title, "value", 500_000)
        .checked("number of what was received, and each sender's order")
        .not_shown(
            "another thread; what an executor costs: this is the bench's own, a bit for each task and one \
             read-modify-write for each wake-up, which is the least that it could be and is in every row",
        )
}

fn two_threads(kind: &str, work: &str) -> Comparison<'static> {
    let title = format!("{kind} channel, two threads, {work}");
    Comparison::new(title, "value", 500_000)
        .checked("number of what was received, and each sender's order")
        .not_shown(
            "another executor: this one parks its thread at once when nothing is ready, without spinning before it, \
             and what that costs depends on the machine",
        )
}

fn main() {
    let load = Load::from_args();
    let of_places = |capacity: usize| format!("bounded ({capacity})");
    for capacity in [1, 64] {
        bounded_alone!(one_task(&of_places(capacity)), capacity, ready).run(load);
    }
    unbounded!(one_task("unbounded"), ready).run(load);

    let (one, four) = ("one sender", "four senders");
    for capacity in [1, 64, 1024] {
        let kind = of_places(capacity);
        bounded_alone!(one_thread(&kind, one), capacity, local).run(load);
        bounded!(one_thread(&kind, four), capacity, local_four).run(load);
    }
    unbounded!(one_thread("unbounded", one), local).run(load);
    unbounded!(one_thread("unbounded", four), local_four).run(load);

    for capacity in [64, 1024] {
        let kind = of_places(capacity);
        bounded_alone!(two_threads(&kind, one), capacity, two).run(load);
        let work = "four senders on one of them";
        bounded!(two_threads(&kind, work), capacity, two_four).run(load);
    }
    unbounded!(two_threads("unbounded", one), two).run(load);
    unbounded!(
        two_threads("unbounded", "four senders on one of them"),
        two_four
    )
    .run(load);

    let (kind, work) = (of_places(1024), format!("batches of {BATCH}"));
    batched!(one_thread(&kind, &work), 1024, local_batches).run(load);
    batched!(two_threads(&kind, &work), 1024, two_batches).run(load);
}
