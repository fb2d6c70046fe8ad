//! Channels against tachyonix, kanal, flume, async-channel, asyncband and tokio, through their async methods.
use async_executor::LocalExecutor;
use futures_lite::future::block_on;
use hyperia_bench::{Comparison, Load, measure, measure_copies, version};
use hyperia_sync::{mpmc, mpsc, spsc};
use std::hint::black_box;
use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

/// Sends and receives in turns in one task, which never waits.
macro_rules! ready {
    ($make:expr, |$sender:ident, $value:ident| $send:expr, |$receiver:ident| $receive:expr) => {
        |operations| {
            #[allow(unused_mut, reason = "some ends are shared")]
            let (mut $sender, mut $receiver) = $make;
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

/// A task that sends, and one that receives.
macro_rules! tasks {
    ($operations:ident, $make:expr, |$sender:ident, $value:ident| $send:expr, |$receiver:ident| $receive:expr) => {{
        #[allow(unused_mut, reason = "some ends are shared")]
        let (mut $sender, mut $receiver) = $make;
        let sends = async move {
            for $value in 0..$operations {
                $send.expect("there is a receiver");
            }
        };
        let receives = async move {
            for expected in 0..$operations {
                assert_eq!($receive.expect("there is a sender"), expected);
            }
        };
        (sends, receives)
    }};
}

/// Two tasks on one thread.
macro_rules! local {
    ($($contender:tt)+) => {
        |operations| {
            let (sends, receives) = tasks!(operations, $($contender)+);
            measure(|| {
                let executor = LocalExecutor::new();
                let sends = executor.spawn(sends);
                block_on(executor.run(receives));
                block_on(executor.run(sends));
            })
        }
    };
}

/// Two threads on processors of their own.
macro_rules! two {
    ($($contender:tt)+) => {
        |operations| {
            let (sends, receives) = tasks!(operations, $($contender)+);
            let (sends, receives) = (Mutex::new(Some(sends)), Mutex::new(Some(receives)));
            measure_copies(2, |index| match index {
                0 => block_on(sends.lock().unwrap().take().expect("one of each")),
                _ => block_on(receives.lock().unwrap().take().expect("one of each")),
            })
        }
    };
}

/// The table in which every contender runs `$shape` over its ends, made anew for each sample.
macro_rules! compare {
    ($comparison:expr, $load:expr, $capacity:expr, $shape:ident) => {{
        let capacity = black_box($capacity);
        let ours = |kind| format!("hyperia-sync {} {kind}", version("hyperia-sync"));
        $comparison
            .contender(
                ours("spsc"),
                $shape!(
                    spsc::bounded(capacity),
                    |sender, value| sender.send(value).await,
                    |receiver| receiver.recv().await
                ),
            )
            .contender(
                ours("mpsc"),
                $shape!(
                    mpsc::bounded(capacity),
                    |sender, value| sender.send(value).await,
                    |receiver| receiver.recv().await
                ),
            )
            .contender(
                ours("mpmc"),
                $shape!(
                    mpmc::bounded(capacity),
                    |sender, value| sender.send(value).await,
                    |receiver| receiver.recv().await
                ),
            )
            .contender(
                format!("tachyonix {}", version("tachyonix")),
                $shape!(
                    tachyonix::channel(capacity),
                    |sender, value| sender.send(value).await,
                    |receiver| receiver.recv().await
                ),
            )
            .contender(
                format!("kanal {}", version("kanal")),
                $shape!(
                    kanal::bounded_async(capacity),
                    |sender, value| sender.send(value).await,
                    |receiver| { receiver.recv().await }
                ),
            )
            .contender(
                format!("flume {}", version("flume")),
                $shape!(
                    flume::bounded(capacity),
                    |sender, value| sender.send_async(value).await,
                    |receiver| { receiver.recv_async().await }
                ),
            )
            .contender(
                format!("async-channel {}", version("async-channel")),
                $shape!(
                    async_channel::bounded(capacity),
                    |sender, value| sender.send(value).await,
                    |receiver| { receiver.recv().await }
                ),
            )
            .contender(
                format!("asyncband {} mpsc", version("asyncband")),
                $shape!(
                    asyncband::mpsc::bounded(capacity),
                    |sender, value| sender.send(value).await,
                    |receiver| { receiver.recv().await }
                ),
            )
            .contender(
                format!("asyncband {} mpmc", version("asyncband")),
                $shape!(
                    asyncband::mpmc::bounded(capacity),
                    |sender, value| sender.send(value).await,
                    |receiver| { receiver.recv().await }
                ),
            )
            .contender(
                format!("tokio {} mpsc", version("tokio")),
                $shape!(
                    tokio::sync::mpsc::channel(capacity),
                    |sender, value| sender.send(value).await,
                    |receiver| { receiver.recv().await }
                ),
            )
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
