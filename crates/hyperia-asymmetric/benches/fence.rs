//! One thread, so that the numbers are stable: what the two sides cost. It does not show what a heavy fence
//! costs the threads that it interrupts.

use std::hint::black_box;
use std::sync::atomic::{self, AtomicU64, Ordering};

use criterion::{Criterion, criterion_group, criterion_main};
use hyperia_asymmetric::{fence_heavy, fence_light, seat};

fn fences(c: &mut Criterion) {
    let word = AtomicU64::new(0);
    let mut group = c.benchmark_group("store, fence, load");
    let mut store_and_load = |name: &str, fence: fn()| {
        group.bench_function(name, |b| {
            b.iter(|| {
                word.store(black_box(1), Ordering::Relaxed);
                fence();
                word.load(Ordering::Relaxed)
            });
        });
    };
    store_and_load("light", fence_light);
    store_and_load("SeqCst", || atomic::fence(Ordering::SeqCst));
    store_and_load("heavy", fence_heavy);
    group.finish();
    c.bench_function("seat", |b| b.iter(seat));
}

criterion_group!(benches, fences);
criterion_main!(benches);
