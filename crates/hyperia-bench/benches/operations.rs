//! Single operations beside their peers, by criterion: for looking at one number over time, with its
//! spread and its history. Criterion measures one contender after the other, so what the machine does
//! meanwhile counts for one of them; for a ratio take `queues` and `waits`, whose contenders take turns.
//!
//! One thread. It does not show how threads get on with each other.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use criterion::{Criterion, criterion_group, criterion_main};
use crossbeam_queue::{ArrayQueue, SegQueue};
use hyperia_bench::version;
use hyperia_queue::{mpmc, mpsc};
use hyperia_wait::WaitQueue;
use tokio::sync::Notify;

/// A capacity that is no power of two: the compiler cannot know it, and neither can a mask.
const CAPACITY: usize = 1000;

fn bounded(c: &mut Criterion) {
    let mut group = c.benchmark_group("bounded push and pop");
    group.bench_function("hyperia mpmc", |b| {
        let queue = mpmc::Queue::bounded(black_box(CAPACITY));
        b.iter(|| {
            queue.push(black_box(7_u64)).expect("there is room");
            assert_eq!(queue.pop(), Ok(7));
        });
    });
    let peer = format!("crossbeam-queue {} ArrayQueue", version("crossbeam-queue"));
    group.bench_function(peer, |b| {
        let queue = ArrayQueue::new(black_box(CAPACITY));
        b.iter(|| {
            queue.push(black_box(7_u64)).expect("there is room");
            assert_eq!(queue.pop(), Some(7));
        });
    });
    group.finish();
}

fn unbounded(c: &mut Criterion) {
    let mut group = c.benchmark_group("unbounded push and pop");
    group.bench_function("hyperia mpsc", |b| {
        let (producer, mut consumer) = mpsc::unbounded();
        b.iter(|| {
            producer.push(black_box(7_u64)).expect("it is open");
            assert_eq!(consumer.pop(), Ok(7));
        });
    });
    let peer = format!("crossbeam-queue {} SegQueue", version("crossbeam-queue"));
    group.bench_function(peer, |b| {
        let queue = SegQueue::new();
        b.iter(|| {
            queue.push(black_box(7_u64));
            assert_eq!(queue.pop(), Some(7));
        });
    });
    group.finish();
}

fn wait_then_notify(c: &mut Criterion) {
    let mut cx = Context::from_waker(Waker::noop());
    let mut group = c.benchmark_group("wait, then notify");
    group.bench_function("hyperia WaitQueue", |b| {
        let queue = WaitQueue::new();
        b.iter(|| {
            let mut wait = pin!(queue.wait());
            assert!(wait.as_mut().poll(&mut cx).is_pending());
            assert!(queue.notify_one());
            assert_eq!(wait.as_mut().poll(&mut cx), Poll::Ready(Ok(())));
        });
    });
    group.bench_function(format!("tokio {} Notify", version("tokio")), |b| {
        let notify = Notify::new();
        b.iter(|| {
            let mut wait = pin!(notify.notified());
            assert!(wait.as_mut().poll(&mut cx).is_pending());
            notify.notify_one();
            assert!(wait.as_mut().poll(&mut cx).is_ready());
        });
    });
    group.finish();
}

criterion_group!(benches, bounded, unbounded, wait_then_notify);
criterion_main!(benches);
