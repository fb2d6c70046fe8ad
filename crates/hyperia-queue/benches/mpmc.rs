//! One thread, so that the numbers are stable: what an operation costs, not how threads get on with
//! each other.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hyperia_queue::mpmc::{Queue, UnboundedQueue};

fn mpmc(c: &mut Criterion) {
    let mut group = c.benchmark_group("mpmc");
    for capacity in [64, 100] {
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("ping, capacity {capacity}"), |b| {
            let queue = Queue::bounded(capacity);
            b.iter(|| {
                queue.push(black_box(7_u64)).unwrap();
                assert_eq!(queue.pop(), Ok(7));
            });
        });
        group.throughput(Throughput::Elements(16));
        group.bench_function(format!("batch of 16, capacity {capacity}"), |b| {
            let queue = Queue::bounded(capacity);
            let (mut values, mut popped) = (Vec::with_capacity(16), Vec::with_capacity(16));
            b.iter(|| {
                values.extend(0..black_box(16_u64));
                assert_eq!(queue.push_many(&mut values), Ok(16));
                popped.clear();
                assert_eq!(queue.pop_many(&mut popped, 16), Ok(16));
            });
        });
    }
    group.finish();
}

fn unbounded(c: &mut Criterion) {
    let mut group = c.benchmark_group("mpmc unbounded");
    let queue = UnboundedQueue::new();
    group.throughput(Throughput::Elements(1));
    group.bench_function("ping", |b| {
        b.iter(|| {
            queue.push(black_box(7_u64)).unwrap();
            assert_eq!(queue.pop(), Ok(7));
        });
    });
    group.throughput(Throughput::Elements(16));
    group.bench_function("batch of 16", |b| {
        let (mut values, mut popped) = (Vec::with_capacity(16), Vec::with_capacity(16));
        b.iter(|| {
            values.extend(0..black_box(16_u64));
            assert_eq!(queue.push_many(&mut values), Ok(16));
            popped.clear();
            assert_eq!(queue.pop_many(&mut popped, 16), Ok(16));
        });
    });
    group.throughput(Throughput::Elements(1024));
    group.bench_function("bursts of 1024", |b| {
        b.iter(|| {
            for value in 0..black_box(1024_u64) {
                queue.push(value).unwrap();
            }
            for value in 0..1024 {
                assert_eq!(queue.pop(), Ok(value));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, mpmc, unbounded);
criterion_main!(benches);
