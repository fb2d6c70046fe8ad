//! Channels against tachyonix, kanal, flume, async-channel, asyncband and tokio, through their async methods.
use async_executor::LocalExecutor;
use futures_lite::future::block_on;
use hyperia_bench::{Comparison, Load, Sample, measure, measure_copies, version};
use hyperia_sync::mpsc;
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

/// The sending end, as all have it.
trait Send1: Send {
    fn send1(&mut self, value: u64) -> impl Future<Output = ()> + Send;
}

/// The receiving end.
trait Recv1: Send {
    fn recv1(&mut self) -> impl Future<Output = u64> + Send;
}

/// Both ends by methods that are called `send` and `recv` and return results.
macro_rules! ends {
    ($($sender:ty, $receiver:ty;)+) => {$(
        impl Send1 for $sender {
            async fn send1(&mut self, value: u64) {
                self.send(value).await.ok().expect("there is a receiver");
            }
        }
        impl Recv1 for $receiver {
            async fn recv1(&mut self) -> u64 {
                self.recv().await.ok().expect("there is a sender")
            }
        }
    )+};
}

ends! {
    mpsc::Sender<u64>, mpsc::Receiver<u64>;
    tachyonix::Sender<u64>, tachyonix::Receiver<u64>;
    kanal::AsyncSender<u64>, kanal::AsyncReceiver<u64>;
    async_channel::Sender<u64>, async_channel::Receiver<u64>;
    asyncband::mpsc::BoundedSender<u64>, asyncband::mpsc::BoundedReceiver<u64>;
}

impl Send1 for flume::Sender<u64> {
    async fn send1(&mut self, value: u64) {
        self.send_async(value).await.expect("there is a receiver");
    }
}

impl Recv1 for flume::Receiver<u64> {
    async fn recv1(&mut self) -> u64 {
        self.recv_async().await.expect("there is a sender")
    }
}

impl Send1 for tokio::sync::mpsc::Sender<u64> {
    async fn send1(&mut self, value: u64) {
        self.send(value).await.expect("there is a receiver");
    }
}

impl Recv1 for tokio::sync::mpsc::Receiver<u64> {
    async fn recv1(&mut self) -> u64 {
        self.recv().await.expect("there is a sender")
    }
}

/// Sends and receives in turns in one task, which never waits.
fn ready((mut sender, mut receiver): (impl Send1, impl Recv1), operations: u64) -> Sample {
    measure(|| {
        let mut task = pin!(async {
            let mut sum = 0_u64;
            for value in 0..operations {
                sender.send1(value).await;
                sum += receiver.recv1().await;
            }
            sum
        });
        let poll = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(poll, Poll::Ready(operations * (operations - 1) / 2));
    })
}

/// What one task sends.
async fn produce(mut sender: impl Send1, operations: u64) {
    for value in 0..operations {
        sender.send1(value).await;
    }
}

/// What another one receives.
async fn consume(mut receiver: impl Recv1, operations: u64) {
    for expected in 0..operations {
        assert_eq!(receiver.recv1().await, expected);
    }
}

/// Two tasks on one thread.
fn local((sender, receiver): (impl Send1, impl Recv1), operations: u64) -> Sample {
    measure(|| {
        let executor = LocalExecutor::new();
        let sends = executor.spawn(produce(sender, operations));
        block_on(executor.run(consume(receiver, operations)));
        block_on(executor.run(sends));
    })
}

/// Two threads on processors of their own.
fn two((sender, receiver): (impl Send1, impl Recv1), operations: u64) -> Sample {
    let (sender, receiver) = (Mutex::new(Some(sender)), Mutex::new(Some(receiver)));
    measure_copies(2, |index| match index {
        0 => block_on(produce(
            sender.lock().unwrap().take().expect("one of each"),
            operations,
        )),
        _ => block_on(consume(
            receiver.lock().unwrap().take().expect("one of each"),
            operations,
        )),
    })
}

/// The table in which every contender runs `$run` over its ends, made anew for each sample.
macro_rules! compare {
    ($comparison:expr, $load:expr, $capacity:expr, $run:expr) => {{
        let capacity = $capacity;
        $comparison
            .contender(
                format!("hyperia-sync {} mpsc", version("hyperia-sync")),
                |operations| $run(mpsc::bounded(black_box(capacity)), operations),
            )
            .contender(
                format!("tachyonix {}", version("tachyonix")),
                |operations| $run(tachyonix::channel(black_box(capacity)), operations),
            )
            .contender(format!("kanal {}", version("kanal")), |operations| {
                $run(kanal::bounded_async(black_box(capacity)), operations)
            })
            .contender(format!("flume {}", version("flume")), |operations| {
                $run(flume::bounded(black_box(capacity)), operations)
            })
            .contender(
                format!("async-channel {}", version("async-channel")),
                |operations| $run(async_channel::bounded(black_box(capacity)), operations),
            )
            .contender(
                format!("asyncband {} mpsc", version("asyncband")),
                |operations| $run(asyncband::mpsc::bounded(black_box(capacity)), operations),
            )
            .contender(format!("tokio {} mpsc", version("tokio")), |operations| {
                $run(tokio::sync::mpsc::channel(black_box(capacity)), operations)
            })
            .run($load)
    }};
}

fn main() {
    let load = Load::from_args();
    for capacity in [1, 64] {
        let table = Comparison::new(
            format!("channel, one task, send then receive, capacity {capacity}"),
            "value",
            2_000_000,
        )
        .checked("every poll is ready; the sum of what was received")
        .not_shown("waiting; another thread");
        compare!(table, load, capacity, ready);
    }
    for capacity in [1, 64, 1024] {
        let table = Comparison::new(
            format!("channel, two tasks on one thread, capacity {capacity}"),
            "value",
            500_000,
        )
        .checked("order and number of what was received")
        .not_shown("another thread; the executor's share, which is in every row");
        compare!(table, load, capacity, local);
    }
    for capacity in [64, 1024] {
        let table = Comparison::new(
            format!("channel, two threads, one sender, capacity {capacity}"),
            "value",
            500_000,
        )
        .checked("order and number of what was received")
        .not_shown("several senders; what parking a thread costs elsewhere");
        compare!(table, load, capacity, two);
    }
}
