//! What a user of intervals can rely on.
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_core::{FusedFuture, FusedStream, Stream};
use hyperia_test::{CountingWaker, poll_once};
use hyperia_timer::{Clock, Interval, ManualClock, MissedTickBehavior, Timers};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

fn timers() -> (ManualClock, Timers) {
    let clock = ManualClock::new();
    let timers = Timers::new(clock.clone(), Waker::noop().clone());
    (clock, timers)
}

fn to(clock: &ManualClock, timers: &Timers, now: Duration) {
    clock.set(now);
    while timers.advance(now) {}
}

fn poll(interval: Pin<&mut Interval<'_>>) -> Poll<Duration> {
    interval.poll_tick(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn the_first_tick_is_a_period_after_the_first_poll() {
    let (clock, timers) = timers();
    let mut interval = pin!(timers.interval(SECOND));
    assert_eq!(interval.deadline(), None);
    to(&clock, &timers, 10 * SECOND);
    assert!(poll(interval.as_mut()).is_pending());
    assert_eq!(interval.deadline(), Some(11 * SECOND));
    to(&clock, &timers, 11 * SECOND);
    assert_eq!(poll(interval.as_mut()), Poll::Ready(11 * SECOND));
    assert!(poll(interval.as_mut()).is_pending());
    assert_eq!(interval.deadline(), Some(12 * SECOND));
}

#[test]
fn the_first_tick_is_at_the_start_that_is_given() {
    let (clock, timers) = timers();
    to(&clock, &timers, 3 * SECOND);
    let mut interval = pin!(timers.interval_at(timers.now(), SECOND));
    assert_eq!(poll(interval.as_mut()), Poll::Ready(3 * SECOND), "at once");
    assert!(poll(interval.as_mut()).is_pending());
    assert_eq!(interval.deadline(), Some(4 * SECOND));
}

/// The table in the documentation of `MissedTickBehavior`: ticks are taken at 50 ms, at 220 ms as often as
/// there are any, and then whenever they are due.
fn taken(behavior: MissedTickBehavior) -> Vec<(u64, u64)> {
    let (clock, timers) = timers();
    let interval = timers.interval_at(50 * MILLI, 50 * MILLI);
    let mut interval = pin!(interval.with_missed_tick_behavior(behavior));
    let mut taken = Vec::new();
    for now in (0..=100).chain(220..=400) {
        to(&clock, &timers, now * MILLI);
        if now == 100 {
            continue;
        }
        while let Poll::Ready(due) = poll(interval.as_mut()) {
            taken.push((due.as_millis() as u64, u64::from(now)));
        }
    }
    taken
}

#[test]
fn skip_leaves_out_what_was_missed_and_gets_back_in_step() {
    assert_eq!(MissedTickBehavior::default(), MissedTickBehavior::Skip);
    let expected = [
        (50, 50),
        (100, 220),
        (250, 250),
        (300, 300),
        (350, 350),
        (400, 400),
    ];
    assert_eq!(taken(MissedTickBehavior::Skip), expected);
    let (_, timers) = timers();
    let mut interval = pin!(timers.interval(SECOND));
    interval
        .as_mut()
        .set_missed_tick_behavior(MissedTickBehavior::Burst);
    assert_eq!(interval.missed_tick_behavior(), MissedTickBehavior::Burst);
}

#[test]
fn burst_makes_up_for_what_was_missed() {
    let expected = [
        (50, 50),
        (100, 220),
        (150, 220),
        (200, 220),
        (250, 250),
        (300, 300),
        (350, 350),
        (400, 400),
    ];
    assert_eq!(taken(MissedTickBehavior::Burst), expected);
}

#[test]
fn delay_keeps_the_distance() {
    let expected = [(50, 50), (100, 220), (270, 270), (320, 320), (370, 370)];
    assert_eq!(taken(MissedTickBehavior::Delay), expected);
}

/// Taken late by anything below a period, each of a million ticks is due at its multiple of the period,
/// which divides nothing.
#[test]
fn a_million_ticks_do_not_drift() {
    let (clock, timers) = timers();
    let period = Duration::from_nanos(333_333_337);
    let mut interval = pin!(timers.interval_at(period, period));
    let mut state = 1_u64;
    for tick in 1..=1_000_000_u32 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        assert!(poll(interval.as_mut()).is_pending());
        let late = Duration::from_nanos((state >> 33) % 333_333_337);
        to(&clock, &timers, period * tick + late);
        assert_eq!(poll(interval.as_mut()), Poll::Ready(period * tick));
    }
}

#[test]
fn a_tick_that_is_dropped_takes_nothing() {
    let (clock, timers) = timers();
    let mut interval = pin!(timers.interval(SECOND));
    let task = CountingWaker::new();
    {
        let mut tick = pin!(interval.as_mut().tick());
        assert!(poll_once(tick.as_mut(), &task.waker()).is_pending());
        to(&clock, &timers, SECOND);
        assert_eq!(task.wakes(), 1);
        // Woken and dropped before it is polled.
    }
    let mut tick = pin!(interval.as_mut().tick());
    assert!(!tick.is_terminated());
    assert_eq!(poll_once(tick.as_mut(), &task.waker()), Poll::Ready(SECOND));
    assert!(tick.is_terminated());
    to(&clock, &timers, 5 * SECOND);
    assert!(
        poll_once(tick.as_mut(), &task.waker()).is_pending(),
        "one each"
    );
}

#[test]
fn it_is_a_stream_that_never_ends() {
    let (clock, timers) = timers();
    let mut interval = pin!(timers.interval(SECOND).into_owned());
    drop(timers.clone());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(interval.as_mut().poll_next(&mut cx).is_pending());
    to(&clock, &timers, SECOND);
    assert_eq!(
        interval.as_mut().poll_next(&mut cx),
        Poll::Ready(Some(SECOND))
    );
    assert!(!interval.is_terminated());
    assert_eq!(interval.size_hint(), (usize::MAX, None));
}

#[test]
fn a_reset_starts_the_schedule_anew() {
    let (clock, timers) = timers();
    let mut interval = pin!(timers.interval(2 * SECOND));
    assert!(poll(interval.as_mut()).is_pending());
    to(&clock, &timers, SECOND);
    interval.as_mut().reset();
    assert_eq!(interval.deadline(), Some(3 * SECOND));
    interval.as_mut().reset_at(SECOND * 3 / 2);
    to(&clock, &timers, SECOND * 3 / 2);
    assert_eq!(poll(interval.as_mut()), Poll::Ready(SECOND * 3 / 2));
    assert!(poll(interval.as_mut()).is_pending());
    assert_eq!(interval.deadline(), Some(SECOND * 7 / 2));
    interval.as_mut().reset_after(SECOND / 4);
    assert_eq!(interval.deadline(), Some(SECOND * 7 / 4));
    interval.as_mut().reset_at(Duration::MAX);
    to(&clock, &timers, 1000 * SECOND);
    assert!(poll(interval.as_mut()).is_pending());
}

#[test]
fn periods_at_the_ends_of_the_scale() {
    let (clock, timers) = timers();
    let mut never = pin!(timers.interval(Duration::MAX));
    assert!(poll(never.as_mut()).is_pending());
    assert_eq!(never.deadline(), Some(Duration::MAX));
    let mut once = pin!(timers.interval_at(SECOND, Duration::MAX));
    let mut fine = pin!(timers.interval_at(SECOND, Duration::from_nanos(1)));
    to(&clock, &timers, SECOND);
    assert_eq!(poll(once.as_mut()), Poll::Ready(SECOND));
    assert!(poll(once.as_mut()).is_pending());
    assert_eq!(poll(fine.as_mut()), Poll::Ready(SECOND));
    assert!(poll(fine.as_mut()).is_pending());
    assert_eq!(
        timers.next_deadline(),
        Some(SECOND + Duration::from_nanos(1))
    );
    // At the end of the clock there is no next tick.
    let end = Duration::from_nanos(u64::MAX - 1);
    to(&clock, &timers, end);
    for behavior in [MissedTickBehavior::Skip, MissedTickBehavior::Delay] {
        let interval = timers.interval_at(end, SECOND);
        let mut interval = pin!(interval.with_missed_tick_behavior(behavior));
        assert_eq!(interval.missed_tick_behavior(), behavior);
        assert_eq!(poll(interval.as_mut()), Poll::Ready(end));
        assert!(poll(interval.as_mut()).is_pending());
        assert_eq!(interval.deadline(), Some(Duration::MAX));
    }
    assert_eq!(clock.now(), end);
}

#[test]
#[should_panic(expected = "period must be greater than zero")]
fn a_period_of_zero_panics() {
    let (_, timers) = timers();
    drop(timers.interval(Duration::ZERO));
}

#[test]
fn debug_says_what_it_is() {
    let (_, timers) = timers();
    let text = format!("{:?}", timers.interval_at(SECOND, 2 * SECOND));
    for part in ["Interval", "deadline: Some(1s)", "period: 2s", "Skip"] {
        assert!(text.contains(part), "{text}");
    }
}
