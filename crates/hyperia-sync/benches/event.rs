//! One thread, polled by hand with a waker that does nothing: what an operation costs. Not shown: what a wake costs,
//! nor how threads get on with each other.

use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use criterion::{Criterion, criterion_group, criterion_main};
use hyperia_sync::{AutoResetEvent, ManualResetEvent};

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// How many wait at once.
const CROWD: usize = 64;

fn auto_reset(c: &mut Criterion) {
    let mut group = c.benchmark_group("AutoResetEvent");
    let event = &AutoResetEvent::new();
    group.bench_function("set, wait", |b| {
        b.iter(|| {
            black_box(event).set();
            assert!(poll(pin!(event.wait())).is_ready());
        });
    });
    group.bench_function("wait, set, pass", |b| {
        b.iter(|| {
            let mut wait = pin!(black_box(event).wait());
            assert!(poll(wait.as_mut()).is_pending());
            event.set();
            assert!(poll(wait).is_ready());
        });
    });
    group.bench_function("wait, give up", |b| {
        b.iter(|| assert!(poll(pin!(black_box(event).wait())).is_pending()));
    });
    group.finish();
}

fn manual_reset(c: &mut Criterion) {
    let mut group = c.benchmark_group("ManualResetEvent");
    let (set, event) = (&ManualResetEvent::new(true), &ManualResetEvent::new(false));
    group.bench_function("set while set", |b| b.iter(|| black_box(set).set()));
    group.bench_function("wait while set", |b| {
        b.iter(|| assert!(poll(pin!(black_box(set).wait())).is_ready()));
    });
    group.bench_function("wait, set, pass, reset", |b| {
        b.iter(|| {
            let mut wait = pin!(black_box(event).wait());
            assert!(poll(wait.as_mut()).is_pending());
            event.set();
            assert!(poll(wait).is_ready());
            assert!(event.reset());
        });
    });
    group.bench_function("wait, give up", |b| {
        b.iter(|| assert!(poll(pin!(black_box(event).wait())).is_pending()));
    });
    // One allocation each, for a place that does not move, is part of it.
    group.bench_function(format!("{CROWD} wait, set, all pass, reset"), |b| {
        b.iter(|| {
            let mut waits: Vec<_> = (0..CROWD).map(|_| Box::pin(event.wait())).collect();
            for wait in &mut waits {
                assert!(poll(wait.as_mut()).is_pending());
            }
            black_box(event).set();
            for wait in &mut waits {
                assert!(poll(wait.as_mut()).is_ready());
            }
            event.reset();
        });
    });
    group.finish();
}

criterion_group!(benches, auto_reset, manual_reset);
criterion_main!(benches);
