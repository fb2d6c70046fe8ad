//! Our own numbers: spawning and awaiting, yielding, waking from another thread.
//!
//! Does not show: caches that a program between two polls has filled with something else, contention of
//! many threads that wake, the price of the sleep and of the system call that ends it.

use std::future::poll_fn;
use std::hint::black_box;
use std::task::{Poll, Waker};

use criterion::{Criterion, criterion_group, criterion_main};
use hyperia_executor::LocalExecutor;

/// Operations per iteration: what is measured is one of them, the iteration is this many.
const OPERATIONS: usize = 1000;

fn drive(executor: &LocalExecutor) {
    while executor.run(64) {}
}

fn local_executor(c: &mut Criterion) {
    let executor = LocalExecutor::new(Waker::noop().clone());

    c.bench_function("executor/spawn and await x1000", |b| {
        b.iter(|| {
            let spawner = executor.local_spawner();
            executor
                .spawn(async move {
                    for number in 0..OPERATIONS {
                        black_box(spawner.spawn(async move { number }).await);
                    }
                })
                .detach();
            drive(&executor);
        });
    });

    c.bench_function("executor/yield x1000", |b| {
        b.iter(|| {
            let mut left = OPERATIONS;
            executor
                .spawn(poll_fn(move |cx| {
                    if left == 0 {
                        return Poll::Ready(());
                    }
                    left -= 1;
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }))
                .detach();
            drive(&executor);
        });
    });

    c.bench_function("executor/spawn from another thread x1000", |b| {
        b.iter(|| {
            let spawner = executor.spawner();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    for number in 0..OPERATIONS {
                        spawner.spawn(async move { black_box(number) }).detach();
                    }
                });
            });
            drive(&executor);
        });
    });
}

criterion_group!(benches, local_executor);
criterion_main!(benches);
