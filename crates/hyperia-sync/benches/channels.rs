//! One thread, polled by hand with a waker that does nothing: what an operation costs. Not shown: what a wake costs,
//! nor how threads get on with each other.

use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use criterion::{Criterion, criterion_group, criterion_main};
use hyperia_sync::{mpmc, mpsc, spsc};

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Room, where it is not one: no power of two, so that nothing is a mask.
const CAPACITY: usize = 1000;
/// Values of a batch.
const BATCH: usize = 32;

/// A value and a batch, in and out, over the ends of a channel.
macro_rules! ready {
    ($group:ident, $kind:literal, $make:expr, |$sender:pat_param, $receiver:pat_param| $ends:expr) => {
        $group.bench_function(concat!($kind, "try_send, try_recv"), |b| {
            let ($sender, $receiver) = $make;
            let (sender, receiver) = $ends;
            b.iter(|| {
                sender.try_send(black_box(7)).expect("there is room");
                assert_eq!(receiver.try_recv(), Ok(7));
            });
        });
        $group.bench_function(concat!($kind, "send, recv"), |b| {
            let ($sender, $receiver) = $make;
            let (sender, receiver) = $ends;
            b.iter(|| {
                assert!(poll(pin!(sender.send(black_box(7)))).is_ready());
                assert_eq!(poll(pin!(receiver.recv())), Poll::Ready(Ok(7)));
            });
        });
        $group.bench_function(concat!($kind, "recv that waits, send, pass"), |b| {
            let ($sender, $receiver) = $make;
            let (sender, receiver) = $ends;
            b.iter(|| {
                let mut recv = pin!(receiver.recv());
                assert!(poll(recv.as_mut()).is_pending());
                assert!(poll(pin!(sender.send(black_box(7)))).is_ready());
                assert_eq!(poll(recv), Poll::Ready(Ok(7)));
            });
        });
        $group.bench_function(concat!($kind, "recv that waits, give up"), |b| {
            let ($sender, $receiver) = $make;
            let (_sender, receiver) = $ends;
            b.iter(|| assert!(poll(pin!(black_box(&mut *receiver).recv())).is_pending()));
        });
        $group.bench_function(
            format!(concat!($kind, "send_many, recv_many, {} each"), BATCH),
            |b| {
                let ($sender, $receiver) = $make;
                let (sender, receiver) = $ends;
                let mut values = Vec::with_capacity(BATCH);
                b.iter(|| {
                    values.extend(0..BATCH as u64);
                    assert!(poll(pin!(sender.send_many(&mut values))).is_ready());
                    let received = poll(pin!(receiver.recv_many(&mut values, BATCH)));
                    assert_eq!(received, Poll::Ready(Ok(BATCH)));
                    black_box(values.drain(..).sum::<u64>());
                });
            },
        );
    };
}

/// What a full channel does.
macro_rules! full {
    ($group:ident, $make:expr, |$sender:pat_param, $receiver:pat_param| $ends:expr) => {
        $group.bench_function("send that waits, recv, pass, recv; capacity 1", |b| {
            let ($sender, $receiver) = $make;
            let (sender, receiver) = $ends;
            b.iter(|| {
                sender.try_send(black_box(1)).expect("there is room");
                let mut send = pin!(sender.send(black_box(2)));
                assert!(poll(send.as_mut()).is_pending());
                assert_eq!(receiver.try_recv(), Ok(1));
                assert!(poll(send).is_ready());
                assert_eq!(receiver.try_recv(), Ok(2));
            });
        });
        $group.bench_function("send that waits, give up; capacity 1", |b| {
            let ($sender, $receiver) = $make;
            let (sender, _receiver) = $ends;
            sender.try_send(1).expect("there is room");
            b.iter(|| assert!(poll(pin!(sender.send(black_box(2)))).is_pending()));
        });
    };
}

fn one_to_one(c: &mut Criterion) {
    let mut group = c.benchmark_group("spsc");
    ready!(
        group,
        "",
        spsc::bounded::<u64>(black_box(CAPACITY)),
        |mut sender, mut receiver| (&mut sender, &mut receiver)
    );
    full!(
        group,
        spsc::bounded::<u64>(black_box(1)),
        |mut sender, mut receiver| (&mut sender, &mut receiver)
    );
    group.finish();
}

fn many_to_one(c: &mut Criterion) {
    let mut group = c.benchmark_group("mpsc");
    ready!(
        group,
        "",
        mpsc::bounded::<u64>(black_box(CAPACITY)),
        |sender, mut receiver| (&sender, &mut receiver)
    );
    ready!(
        group,
        "unbounded, ",
        mpsc::unbounded::<u64>(),
        |sender, mut receiver| (&sender, &mut receiver)
    );
    full!(
        group,
        mpsc::bounded::<u64>(black_box(1)),
        |sender, mut receiver| (&sender, &mut receiver)
    );
    group.bench_function("try_reserve, send, try_recv", |b| {
        let (sender, mut receiver) = mpsc::bounded::<u64>(black_box(CAPACITY));
        b.iter(|| {
            let permit = sender.try_reserve().expect("there is room");
            permit.send(black_box(7)).expect("there is a receiver");
            assert_eq!(receiver.try_recv(), Ok(7));
        });
    });
    group.finish();
}

fn many_to_many(c: &mut Criterion) {
    let mut group = c.benchmark_group("mpmc");
    ready!(
        group,
        "",
        mpmc::bounded::<u64>(black_box(CAPACITY)),
        |sender, mut receiver| (&sender, &mut receiver)
    );
    ready!(
        group,
        "unbounded, ",
        mpmc::unbounded::<u64>(),
        |sender, mut receiver| (&sender, &mut receiver)
    );
    full!(
        group,
        mpmc::bounded::<u64>(black_box(1)),
        |sender, mut receiver| (&sender, &mut receiver)
    );
    group.finish();
}

criterion_group!(benches, one_to_one, many_to_one, many_to_many);
criterion_main!(benches);
