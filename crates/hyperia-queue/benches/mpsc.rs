//! One thread, so that the numbers are stable: what an operation costs, not how threads get on with
//! each other.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hyperia_queue::mpsc::{bounded, unbounded};

fn mpsc(c: &mut Criterion) {
    let mut group = c.benchmark_group("mpsc");
    group.throughput(Throughput::Elements(1));
    group.bench_function("ping", |b| {
        let (producer, mut consumer) = unbounded();
        b.iter(|| {
            producer.push(black_box(7_u64)).unwrap();
            assert_eq!(consumer.pop(), Ok(7));
        });
    });
    group.throughput(Throughput::Elements(1024));
    group.bench_function("burst of 1024", |b| {
        let (producer, mut consumer) = unbounded();
        b.iter(|| {
            (0..1024).for_each(|value| producer.push(black_box(value)).unwrap());
            (0..1024).for_each(|value| assert_eq!(consumer.pop(), Ok(value)));
        });
    });
    group.throughput(Throughput::Elements(32));
    group.bench_function("batch of 32", |b| {
        let (producer, mut consumer) = unbounded();
        let (mut values, mut popped) = (Vec::with_capacity(32), Vec::with_capacity(32));
        b.iter(|| {
            values.extend(0..black_box(32_u64));
            assert_eq!(producer.push_many(&mut values), Ok(32));
            popped.clear();
            assert_eq!(consumer.pop_many(&mut popped, 32), Ok(32));
        });
    });
    group.finish();
}

fn mpsc_bounded(c: &mut Criterion) {
    let mut group = c.benchmark_group("mpsc bounded");
    for capacity in [64, 100] {
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("ping, capacity {capacity}"), |b| {
            let (producer, mut consumer) = bounded(capacity);
            b.iter(|| {
                producer.push(black_box(7_u64)).unwrap();
                assert_eq!(consumer.pop(), Ok(7));
            });
        });
        group.bench_function(format!("reserved ping, capacity {capacity}"), |b| {
            let (producer, mut consumer) = bounded(capacity);
            b.iter(|| {
                producer.reserve().unwrap().push(black_box(7_u64)).unwrap();
                assert_eq!(consumer.pop(), Ok(7));
            });
        });
        group.throughput(Throughput::Elements(16));
        group.bench_function(format!("batch of 16, capacity {capacity}"), |b| {
            let (producer, mut consumer) = bounded(capacity);
            let (mut values, mut popped) = (Vec::with_capacity(16), Vec::with_capacity(16));
            b.iter(|| {
                values.extend(0..black_box(16_u64));
                assert_eq!(producer.push_many(&mut values), Ok(16));
                popped.clear();
                assert_eq!(consumer.pop_many(&mut popped, 16), Ok(16));
            });
        });
    }
    group.finish();
}

criterion_group!(benches, mpsc, mpsc_bounded);
criterion_main!(benches);
