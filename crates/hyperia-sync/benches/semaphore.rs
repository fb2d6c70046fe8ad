//! One thread, polled by hand with a waker that does nothing: what an operation costs. Not shown: what a wake costs,
//! nor how threads get on with each other, where it matters who gets what was given back.

use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use criterion::{Criterion, criterion_group, criterion_main};
use hyperia_sync::{Mutex, Semaphore};

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// How many wait before and behind the one that gives up.
const CROWD: usize = 64;

fn semaphore(c: &mut Criterion) {
    let mut group = c.benchmark_group("Semaphore");
    let semaphore = &Semaphore::new(1);
    group.bench_function("try_acquire, give back", |b| {
        b.iter(|| assert!(black_box(semaphore).try_acquire().is_some()));
    });
    group.bench_function("acquire, give back", |b| {
        b.iter(|| {
            assert!(poll(pin!(black_box(semaphore).acquire())).is_ready());
        });
    });
    for (name, overtakes_max) in [("barging", 128), ("strict", 0)] {
        let semaphore = &Semaphore::with_overtakes_max(1, overtakes_max);
        group.bench_function(format!("wait, be given it, give back; {name}"), |b| {
            b.iter(|| {
                let held = black_box(semaphore).try_acquire();
                let mut acquire = pin!(semaphore.acquire());
                assert!(poll(acquire.as_mut()).is_pending());
                drop(held);
                assert!(poll(acquire).is_ready());
            });
        });
    }
    let none = &Semaphore::new(0);
    group.bench_function("wait, give up", |b| {
        b.iter(|| assert!(poll(pin!(black_box(none).acquire())).is_pending()));
    });
    let mut crowd: Vec<_> = (0..CROWD).map(|_| Box::pin(none.acquire())).collect();
    for acquire in &mut crowd {
        assert!(poll(acquire.as_mut()).is_pending());
    }
    group.bench_function(format!("wait behind {CROWD}, give up"), |b| {
        b.iter(|| assert!(poll(pin!(black_box(none).acquire())).is_pending()));
    });
    group.finish();
}

fn mutex(c: &mut Criterion) {
    let mut group = c.benchmark_group("Mutex");
    let mutex = &Mutex::new(0_u64);
    group.bench_function("lock, unlock", |b| {
        b.iter(|| {
            let Poll::Ready(mut guard) = poll(pin!(black_box(mutex).lock())) else {
                panic!("nobody has it");
            };
            *guard += 1;
        });
    });
    group.bench_function("wait, be given it, unlock", |b| {
        b.iter(|| {
            let held = black_box(mutex).try_lock();
            let mut lock = pin!(mutex.lock());
            assert!(poll(lock.as_mut()).is_pending());
            drop(held);
            assert!(poll(lock).is_ready());
        });
    });
    group.finish();
}

criterion_group!(benches, semaphore, mutex);
criterion_main!(benches);
