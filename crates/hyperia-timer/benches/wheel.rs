//! Our own numbers: the wheel with the timers of a busy server, and the life of a sleep.
//!
//! Does not show: cache misses of a program that does something else in between, lateness,
//! contention.

use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use hyperia_timer::wheel::Wheel;
use hyperia_timer::{MonotonicClock, Timers};

const TIMERS: u64 = 10_000;
const TIMEOUT: Duration = Duration::from_secs(30);
const STEP: Duration = Duration::from_micros(3_000);

/// A wheel with a timeout every three milliseconds, in the order of their making.
fn full() -> (Wheel<u64>, Vec<hyperia_timer::wheel::Key>) {
    let mut wheel = Wheel::with_capacity(TIMERS as usize);
    let keys = (0..TIMERS)
        .map(|index| wheel.insert(TIMEOUT + STEP * index as u32, index))
        .collect();
    (wheel, keys)
}

fn wheel(c: &mut Criterion) {
    let (mut wheel, mut keys) = full();
    let (mut oldest, mut now) = (0, Duration::ZERO);
    c.bench_function("wheel/churn 10k timeouts of 30 s", |b| {
        b.iter(|| {
            black_box(wheel.remove(keys[oldest]));
            now += STEP;
            keys[oldest] = wheel.insert(now + TIMEOUT * 2, oldest as u64);
            oldest = (oldest + 1) % keys.len();
            if oldest & 63 == 0 {
                wheel.advance(now, usize::MAX, |_| unreachable!("reset before it is due"));
            }
        });
    });
    let (mut wheel, keys) = full();
    let (mut index, mut deadline) = (0, TIMEOUT * 3);
    c.bench_function("wheel/reset to later", |b| {
        b.iter(|| {
            index = (index + 1) % keys.len();
            deadline += Duration::from_nanos(1);
            black_box(wheel.reset(keys[index], deadline))
        });
    });
    c.bench_function("wheel/fire 10k in one jump", |b| {
        b.iter_batched_ref(
            || full().0,
            |wheel| wheel.advance(TIMEOUT * 3, usize::MAX, |expired| _ = black_box(expired)),
            BatchSize::LargeInput,
        );
    });
    let mut empty = Wheel::<u64>::new();
    let mut now = Duration::ZERO;
    c.bench_function("wheel/nine hours of nothing", |b| {
        b.iter(|| {
            now += Duration::from_secs(9 * 3600);
            empty.advance(now, usize::MAX, drop)
        });
    });
}

fn sleep(c: &mut Criterion) {
    let timers = Timers::new(MonotonicClock::new(), Waker::noop().clone());
    let mut cx = Context::from_waker(Waker::noop());
    c.bench_function("timeout/ready at once", |b| {
        b.iter(|| pin!(timers.timeout(TIMEOUT, std::future::ready(1))).poll(&mut cx));
    });
    c.bench_function("sleep/make, poll, drop", |b| {
        b.iter(|| pin!(timers.sleep(TIMEOUT)).poll(&mut cx));
    });
    let mut idle = pin!(timers.sleep(TIMEOUT));
    assert!(idle.as_mut().poll(&mut cx).is_pending());
    let mut deadline = TIMEOUT * 2;
    c.bench_function("sleep/reset to later", |b| {
        b.iter(|| {
            deadline += Duration::from_nanos(1);
            idle.as_mut().reset(deadline);
        });
    });
    c.bench_function("timers/a turn with nothing due", |b| {
        b.iter(|| (timers.next_deadline(), timers.advance(Duration::ZERO)));
    });
}

criterion_group!(benches, wheel, sleep);
criterion_main!(benches);
