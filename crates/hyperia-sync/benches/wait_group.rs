//! One thread, polled by hand with a waker that does nothing: what an operation costs. Not shown: what a wake costs,
//! nor tokens that many threads make and drop at once, who then share one cache line.

use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use criterion::{Criterion, criterion_group, criterion_main};
use hyperia_sync::WaitGroup;

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Tokens of a group that is used once.
const TOKENS: usize = 8;

fn wait_group(c: &mut Criterion) {
    let mut group = c.benchmark_group("WaitGroup");
    let shared = &WaitGroup::new();
    group.bench_function("wait without tokens", |b| {
        b.iter(|| assert!(poll(pin!(black_box(shared).wait())).is_ready()));
    });
    group.bench_function("token, last one drops, nobody waits", |b| {
        b.iter(|| drop(black_box(shared).token()));
    });
    group.bench_function("token, wait, last one drops, pass", |b| {
        b.iter(|| {
            let token = black_box(shared).token();
            let mut wait = pin!(shared.wait());
            assert!(poll(wait.as_mut()).is_pending());
            drop(token);
            assert!(poll(wait).is_ready());
        });
    });
    let kept = shared.token();
    group.bench_function("token, drop", |b| b.iter(|| drop(black_box(&kept).clone())));
    group.bench_function("wait, give up", |b| {
        b.iter(|| assert!(poll(pin!(black_box(shared).wait())).is_pending()));
    });
    group.bench_function(format!("new, {TOKENS} tokens, wait, all drop, pass"), |b| {
        b.iter(|| {
            let group = WaitGroup::new();
            let tokens = [(); TOKENS].map(|()| black_box(&group).token());
            let mut wait = pin!(group.wait());
            assert!(poll(wait.as_mut()).is_pending());
            drop(black_box(tokens));
            assert!(poll(wait).is_ready());
        });
    });
    group.finish();
}

criterion_group!(benches, wait_group);
criterion_main!(benches);
