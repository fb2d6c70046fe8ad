//! One thread, so that the numbers are stable: what an operation costs, not how threads get on with
//! each other.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hyperia_pool::Pool;

fn pool(c: &mut Criterion) {
    let mut group = c.benchmark_group("pool");
    get_and_return::<64>(&mut group);
    get_and_return::<4096>(&mut group);
    group.bench_function("try_get with none left", |b| {
        let pool = Pool::new(64, || 0_u64);
        let objects: Vec<_> = (0..64).filter_map(|_| pool.try_get()).collect();
        b.iter(|| assert!(black_box(&pool).try_get().is_none()));
        drop(objects);
    });
    group.finish();
}

fn get_and_return<const BYTES: usize>(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
) {
    group.bench_function(format!("get and return, {BYTES} bytes"), |b| {
        let pool = Pool::filled(64, || [0_u8; BYTES]);
        b.iter(|| {
            let mut object = pool.try_get().expect("all are idle");
            object[0] = black_box(1);
        });
    });
}

criterion_group!(benches, pool);
criterion_main!(benches);
