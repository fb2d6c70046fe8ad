//! One thread, polled by hand with a waker that does nothing; each iteration makes and frees a channel. Not shown:
//! what a wake costs, nor the way of a value from one processor to another.

use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use criterion::{Criterion, criterion_group, criterion_main};
use hyperia_sync::oneshot::channel;

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn oneshot(c: &mut Criterion) {
    let mut group = c.benchmark_group("oneshot");
    group.bench_function("send, recv", |b| {
        b.iter(|| {
            let (sender, receiver) = channel();
            sender.send(black_box(7_u64)).unwrap();
            let received = poll(Pin::new(&mut receiver.recv()));
            assert_eq!(received, Poll::Ready(Ok(7)));
        });
    });
    group.bench_function("recv that waits, send", |b| {
        b.iter(|| {
            let (sender, receiver) = channel();
            let mut recv = receiver.recv();
            assert!(poll(Pin::new(&mut recv)).is_pending());
            sender.send(black_box(7_u64)).unwrap();
            let received = poll(Pin::new(&mut recv));
            assert_eq!(received, Poll::Ready(Ok(7)));
        });
    });
    group.bench_function("recv that waits, end of the sender", |b| {
        b.iter(|| {
            let (sender, receiver) = channel::<u64>();
            let mut recv = receiver.recv();
            assert!(poll(Pin::new(&mut recv)).is_pending());
            drop(black_box(sender));
            assert!(poll(Pin::new(&mut recv)).is_ready());
        });
    });
    group.bench_function("recv that waits, give up", |b| {
        b.iter(|| {
            let (sender, receiver) = channel();
            let mut recv = receiver.recv();
            assert!(poll(Pin::new(&mut recv)).is_pending());
            drop(black_box(recv));
            assert!(sender.send(7_u64).is_err());
        });
    });
    group.finish();
}

criterion_group!(benches, oneshot);
criterion_main!(benches);
