//! One thread, so that the numbers are stable: what counting costs beside the system's allocator, not how
//! threads get on with each other.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hyperia_alloc::{Limited, Tracked};

fn allocate_and_free(allocator: &impl GlobalAlloc, layout: Layout) {
    // SAFETY: the layout is not empty, and the block is freed with it.
    unsafe { allocator.dealloc(black_box(allocator.alloc(black_box(layout))), layout) };
}

fn tracked(c: &mut Criterion) {
    let tracked = Tracked::new(System);
    let limited = Limited::new(System, usize::MAX);
    for size in [16, 64, 4096] {
        let mut group = c.benchmark_group(format!("allocate and free {size} bytes"));
        let layout = Layout::from_size_align(size, 16).expect("a small power of two");
        group.bench_function("System", |b| b.iter(|| allocate_and_free(&System, layout)));
        group.bench_function("Tracked", |b| {
            b.iter(|| allocate_and_free(&tracked, layout))
        });
        group.bench_function("Limited", |b| {
            b.iter(|| allocate_and_free(&limited, layout))
        });
        group.finish();
    }
}

criterion_group!(benches, tracked);
criterion_main!(benches);
