//! One thread, so that the numbers are stable: what an operation costs, not how threads get on with
//! each other.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hyperia_queue::spsc::bounded;

fn spsc(c: &mut Criterion) {
    let mut group = c.benchmark_group("spsc");
    for capacity in [64, 100] {
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("ping, capacity {capacity}"), |b| {
            let (mut producer, mut consumer) = bounded(capacity);
            b.iter(|| {
                producer.push(black_box(7_u64)).unwrap();
                assert_eq!(consumer.pop(), Ok(7));
            });
        });
        group.throughput(Throughput::Elements(32));
        group.bench_function(format!("batch of 32, vectors, capacity {capacity}"), |b| {
            let (mut producer, mut consumer) = bounded(capacity);
            let (mut values, mut popped) = (Vec::with_capacity(32), Vec::with_capacity(32));
            b.iter(|| {
                values.extend(0..black_box(32_u64));
                assert_eq!(producer.push_many(&mut values), Ok(32));
                popped.clear();
                assert_eq!(consumer.pop_many(&mut popped, 32), Ok(32));
            });
        });
        group.bench_function(format!("batch of 32, slices, capacity {capacity}"), |b| {
            let (mut producer, mut consumer) = bounded(capacity);
            b.iter(|| {
                assert_eq!(producer.push_iter(0..black_box(32_u64)), Ok(32));
                let (first, second) = consumer.peek_many(usize::MAX).unwrap();
                let sum: u64 = first.iter().chain(second).sum();
                assert_eq!((sum, consumer.advance(32)), (496, 32));
            });
        });
    }
    group.finish();
}

criterion_group!(benches, spsc);
criterion_main!(benches);
