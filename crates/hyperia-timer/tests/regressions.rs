//! Defects that other timers had, each as a scenario of ours.
//!
//! | seen in | what went wrong | test |
//! |---|---|---|
//! | tokio 8334, pgdog 1017 | top level wrapped | `a_very_long_timer_does_not_stop_short_ones_at_any_wrap`, `wheel_model.rs` |
//! | tokio 2473, 849, 868, 3270 | expired, not yet collected | `an_expired_timer_can_be_removed_or_reset_before_it_is_collected` |
//! | tokio 3229 | dropped between popped and woken | `a_waker_may_drop_its_own_sleep_and_its_neighbours`, `meddling_model.rs` |
//! | tokio 8274, 6751, 4161, 8320 | waiter not told of an earlier or vanished deadline | `a_reset_into_the_past_wakes_at_once`, `the_next_deadline_goes_when_the_last_timer_goes` |
//! | tokio 5429, 8228 | foreign code under the lock | `a_waker_may_use_the_timers_from_its_clone_wake_and_drop`, `a_panicking_*` |
//! | tokio 3619, Seastar | clock that goes back | `a_clock_that_goes_back_is_harmless` |
//! | tokio 3551, 8354, embassy 3204, 6141, calloop 121 | `Duration::MAX` | `the_largest_duration_is_never`, `interval.rs` |
//! | tokio 5021, 970, 1566, 6866, 7534 | a millisecond late, even when due | `every_nanosecond_counts`, `what_is_due_exactly_now_fires` |
//! | fibers 89, sen 198, tokio-core 2, nexus 667 | cost of a jump | `a_jump_of_the_clock_costs_only_what_it_meets` |
//! | tokio 6029, 3574, 3721, omicron 9428 | bursts of ticks, drift | `interval.rs`: `skip_*`, `a_million_ticks_do_not_drift` |
//! | tokio 8342, 8345 | driver missed its wake-up | `any_handle_can_stand_in_for_the_driver` |
//! | async-io 73, smol 167, 113 | due now left pending; first waker kept; self-wake | `what_is_due_exactly_now_fires`, `sleep.rs`: `the_last_one_who_polled_is_woken`, `a_sleep_made_in_every_poll_wakes_nobody` |
//! | pingora 983, futures-timer 56, s2n-quic 705 | flag before waiter; `reset(0)`; ready for ever | `loom.rs`: `poll_and_fire`, `reset_to_zero_is_ready_at_the_next_poll_once` |
//! | tokio 8169, 8252 | reset elsewhere moved the timer; insert against cancel | `a_reset_on_the_thread_of_other_timers_moves_nothing_there`, `loom.rs` |
//! | netty 2541, 2561, 5647, 14959, 12888, rpc-perf 180, agrona 73, ModernUO 705, timer-wheel 2 | cancelled ones pinned memory; counted twice; delayed; early; never; list cut | `cancelling_and_resetting_hold_no_memory`, `no_deadline_is_too_far`, `a_waker_may_rearm_sleeps_on_the_spot`, `a_crowd_does_not_hold_up_others` |
//! | embassy, kestrel, aerospike 208 | woken for lack of room; starved ticks; cost of arming | `no_number_of_sleeps_wakes_anybody_for_nothing`, `putting_off_an_idle_timeout_touches_the_wheel_once_in_a_while` |
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use hyperia_test::{CountingWaker, PanicOn, PanicWaker, poll_once};
use hyperia_timer::wheel::Wheel;
use hyperia_timer::{Clock, ManualClock, Sleep, Timers};

const SECOND: Duration = Duration::from_secs(1);
const NANO: Duration = Duration::from_nanos(1);

fn timers() -> (ManualClock, Timers) {
    let clock = ManualClock::new();
    (clock.clone(), Timers::new(clock, Waker::noop().clone()))
}

fn drive(clock: &ManualClock, timers: &Timers, now: Duration) {
    clock.set(now);
    while timers.advance(now) {}
}

fn waiting(timers: &Timers, deadline: Duration, waker: &Waker) -> Pin<Box<Sleep<'static>>> {
    let mut sleep = Box::pin(timers.sleep_until(deadline).into_owned());
    assert!(poll_once(sleep.as_mut(), waker).is_pending());
    sleep
}

/// A waker that runs a closure when woken.
struct Hook<F>(F);

impl<F: Fn() + Send + Sync + 'static> Wake for Hook<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

fn hook(f: impl Fn() + Send + Sync + 'static) -> Waker {
    Waker::from(Arc::new(Hook(f)))
}

/// A wheel whose top level wrapped stopped all short timers while one very long one was pending.
#[test]
fn a_very_long_timer_does_not_stop_short_ones_at_any_wrap() {
    for level in 1..=10 {
        let carry = Duration::from_nanos(1 << (6 * level));
        let (clock, timers) = timers();
        let start = carry.saturating_sub(Duration::from_nanos(50));
        drive(&clock, &timers, start);
        let century = waiting(&timers, Duration::from_nanos(u64::MAX - 1), Waker::noop());
        for tick in 1..=100u32 {
            let deadline = start + NANO * tick;
            let mut short = waiting(&timers, deadline, Waker::noop());
            assert_eq!(timers.next_deadline(), Some(deadline));
            drive(&clock, &timers, deadline);
            assert!(
                poll_once(short.as_mut(), Waker::noop()).is_ready(),
                "tick {tick} at level {level}"
            );
        }
        drop(century);
        assert_eq!(timers.next_deadline(), None);
    }
}

/// Removing or resetting what had expired but was not collected yet: panics, and timers lost.
#[test]
fn an_expired_timer_can_be_removed_or_reset_before_it_is_collected() {
    let mut wheel = Wheel::new();
    let removed = wheel.insert(SECOND, "removed");
    let reset = wheel.insert(SECOND, "reset");
    let twice = wheel.insert(SECOND, "twice");
    let mut fired = Vec::new();
    // Slot 0 of an upper level, too.
    let slot_zero = wheel.insert(Duration::from_nanos(1 << 36), "slot zero");
    wheel.insert(Duration::ZERO, "first");
    assert!(wheel.advance(2 * SECOND, 1, |expired| fired.push(expired.value)));
    assert_eq!(fired, ["first"]);
    assert_eq!(wheel.remove(removed), Some("removed"));
    assert!(wheel.reset(reset, 3 * SECOND));
    assert!(wheel.reset(twice, Duration::ZERO) && wheel.reset(twice, 4 * SECOND));
    assert!(wheel.reset(slot_zero, 5 * SECOND) && wheel.reset(slot_zero, 6 * SECOND));
    assert!(!wheel.advance(2 * SECOND, usize::MAX, |expired| fired.push(expired.value)));
    assert_eq!(fired, ["first"]);
    wheel.advance(10 * SECOND, usize::MAX, |expired| fired.push(expired.value));
    assert_eq!(fired, ["first", "reset", "twice", "slot zero"]);
    assert!(!wheel.reset(twice, SECOND), "collected");
}

/// A timer dropped between being taken out and being woken, by the waker of another one.
#[test]
fn a_waker_may_drop_its_own_sleep_and_its_neighbours() {
    let (clock, timers) = timers();
    let sleeps: Arc<Mutex<Vec<Pin<Box<Sleep<'static>>>>>> = Arc::default();
    let woken = CountingWaker::new();
    for _ in 0..100 {
        let all = Arc::downgrade(&sleeps);
        let count = woken.waker();
        let waker = hook(move || {
            count.wake_by_ref();
            if let Some(all) = all.upgrade() {
                // Of the same slot: some handed out already, some still in the wheel.
                let dropped = std::mem::take(&mut *all.lock().unwrap());
                drop(dropped);
            }
        });
        sleeps
            .lock()
            .unwrap()
            .push(waiting(&timers, SECOND, &waker));
    }
    drive(&clock, &timers, SECOND);
    // One batch had been taken out; its wakers are woken, the rest is cancelled.
    assert!((1..100).contains(&woken.wakes()), "{} wakes", woken.wakes());
    assert_eq!(timers.next_deadline(), None);
}

/// Stopping and starting oneself from the callback cut the list.
#[test]
fn a_waker_may_rearm_sleeps_on_the_spot() {
    let (clock, timers) = timers();
    let sleeps: Arc<Mutex<Vec<Pin<Box<Sleep<'static>>>>>> = Arc::default();
    for index in 0..40 {
        let (all, own) = (Arc::downgrade(&sleeps), timers.clone());
        let waker = hook(move || {
            let Some(all) = all.upgrade() else { return };
            let mut all = all.lock().unwrap();
            // Itself, and a neighbour, to later, to earlier and to a new one.
            all[index].as_mut().reset(3 * SECOND);
            assert!(poll_once(all[index].as_mut(), Waker::noop()).is_pending());
            let neighbour = (index + 20) % 40;
            all[neighbour].as_mut().reset(2 * SECOND);
            assert!(poll_once(all[neighbour].as_mut(), Waker::noop()).is_pending());
            drop(waiting(&own, 4 * SECOND, Waker::noop()));
        });
        sleeps
            .lock()
            .unwrap()
            .push(waiting(&timers, SECOND, &waker));
    }
    drive(&clock, &timers, SECOND);
    drive(&clock, &timers, 3 * SECOND);
    for sleep in &mut *sleeps.lock().unwrap() {
        assert!(poll_once(sleep.as_mut(), Waker::noop()).is_ready());
    }
    assert_eq!(timers.next_deadline(), None);
}

/// A waiter not woken when its timer was reset into the past.
#[test]
fn a_reset_into_the_past_wakes_at_once() {
    let (clock, timers) = timers();
    let ring = CountingWaker::new();
    let timers_rung = Timers::new(clock.clone(), ring.waker());
    drive(&clock, &timers_rung, 10 * SECOND);
    let task = CountingWaker::new();
    let mut sleep = waiting(&timers_rung, 20 * SECOND, &task.waker());
    assert_eq!(timers_rung.next_deadline(), Some(20 * SECOND));
    sleep.as_mut().reset(SECOND);
    assert_eq!(ring.wakes(), 1, "the driver is told");
    assert!(timers_rung.next_deadline().unwrap() <= clock.now());
    assert!(!timers_rung.advance(clock.now()));
    assert_eq!(task.wakes(), 1);
    assert!(poll_once(sleep.as_mut(), &task.waker()).is_ready());
    drop(timers);
}

/// The deadline of a timer that is gone kept being reported.
#[test]
fn the_next_deadline_goes_when_the_last_timer_goes() {
    let mut wheel = Wheel::new();
    let only = wheel.insert(SECOND, ());
    let second = wheel.insert(2 * SECOND, ());
    assert_eq!(wheel.remove(only), Some(()));
    assert_eq!(wheel.next_deadline(), Some(2 * SECOND));
    assert_eq!(wheel.remove(second), Some(()));
    assert_eq!(wheel.next_deadline(), None);
    wheel.insert(3 * SECOND, ());
    wheel.clear();
    assert_eq!((wheel.next_deadline(), wheel.len()), (None, 0));
}

/// Clone, wake and drop of a waker are foreign code: under the lock they deadlock.
#[test]
fn a_waker_may_use_the_timers_from_its_clone_wake_and_drop() {
    use std::task::{RawWaker, RawWakerVTable};
    struct Uses(Timers);
    impl Uses {
        fn all(&self) {
            let mut sleep = waiting(&self.0, 7 * SECOND, Waker::noop());
            sleep.as_mut().reset(6 * SECOND);
            self.0.next_deadline();
        }
    }
    unsafe fn clone(data: *const ()) -> RawWaker {
        let data = data.cast::<Uses>();
        // SAFETY: the waker holds a count of an Arc<Uses>.
        unsafe {
            (*data).all();
            Arc::increment_strong_count(data);
        }
        RawWaker::new(data.cast(), &VTABLE)
    }
    unsafe fn wake(data: *const ()) {
        // SAFETY: the waker gives its count away.
        unsafe { Arc::from_raw(data.cast::<Uses>()) }.all();
    }
    unsafe fn wake_by_ref(data: *const ()) {
        // SAFETY: the waker holds a count.
        unsafe { (*data.cast::<Uses>()).all() };
    }
    unsafe fn drop_waker(data: *const ()) {
        // SAFETY: the waker gives its count away.
        unsafe { Arc::from_raw(data.cast::<Uses>()) }.all();
    }
    static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

    let (clock, timers) = timers();
    let make = || {
        let data = Arc::into_raw(Arc::new(Uses(timers.clone())));
        // SAFETY: the table expects a count of an Arc<Uses>, which is Send and Sync.
        unsafe { Waker::new(data.cast(), &VTABLE) }
    };
    let mut woken = waiting(&timers, SECOND, &make());
    assert!(
        poll_once(woken.as_mut(), &make()).is_pending(),
        "replaces the first one"
    );
    let dropped = waiting(&timers, SECOND, &make());
    drop(dropped);
    drive(&clock, &timers, SECOND);
    assert!(poll_once(woken.as_mut(), &make()).is_ready());
    assert_eq!(timers.next_deadline(), None);
}

/// A panicking waker took the rest of the batch with it.
#[test]
fn a_panicking_wake_loses_nobody() {
    let (clock, timers) = timers();
    let (bad, good) = (PanicWaker::new(PanicOn::Wake), CountingWaker::new());
    // In the middle of several batches.
    let sleeps: Vec<_> = (0..100)
        .map(|index| {
            waiting(
                &timers,
                SECOND,
                &if index == 50 {
                    bad.waker()
                } else {
                    good.waker()
                },
            )
        })
        .collect();
    clock.set(SECOND);
    let panic = std::panic::catch_unwind(|| while timers.advance(SECOND) {});
    assert!(panic.is_err());
    drive(&clock, &timers, SECOND);
    assert_eq!((bad.panics(), good.wakes()), (1, 99));
    bad.disarm();
    for mut sleep in sleeps {
        assert!(poll_once(sleep.as_mut(), Waker::noop()).is_ready());
    }
    assert_eq!((bad.live(), good.live()), (0, 0));
}

#[test]
fn a_panicking_clone_or_drop_leaves_the_sleep_usable() {
    for (on, registered) in [
        (PanicOn::Clone, false),
        (PanicOn::Clone, true),
        (PanicOn::Drop, true),
    ] {
        let (clock, timers) = timers();
        let (bad, good) = (PanicWaker::new(on), CountingWaker::new());
        let (bad_waker, good_waker) = (bad.waker(), good.waker());
        drive(&clock, &timers, 99 * SECOND);
        let mut sleep = Box::pin(timers.sleep(SECOND));
        // The one who was registered is dropped, the one who polls is cloned.
        let (first, second) = match on {
            PanicOn::Drop => (&bad_waker, &good_waker),
            _ => (&good_waker, &bad_waker),
        };
        if registered {
            assert!(poll_once(sleep.as_mut(), first).is_pending());
        }
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _ = poll_once(sleep.as_mut(), second);
        }));
        assert!(panic.is_err(), "{on:?}");
        bad.disarm();
        assert!(poll_once(sleep.as_mut(), &good_waker).is_pending());
        assert_eq!(sleep.deadline(), Some(100 * SECOND));
        drive(&clock, &timers, 100 * SECOND);
        assert_eq!(good.wakes(), 1, "{on:?}");
        assert!(poll_once(sleep.as_mut(), &good_waker).is_ready());
        drop((bad_waker, good_waker, sleep));
        assert_eq!((bad.live(), good.live()), (0, 0));
    }
}

/// A panicking callback of the plain wheel.
#[test]
fn a_panic_in_the_callback_costs_its_own_timer_only() {
    let mut wheel = Wheel::new();
    for index in 0..100u32 {
        wheel.insert(NANO * index, index);
    }
    let mut fired = Vec::new();
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        wheel.advance(SECOND, usize::MAX, |expired| {
            assert_ne!(expired.value, 37, "this one panics");
            fired.push(expired.value);
        })
    }));
    assert!(panic.is_err());
    assert_eq!(wheel.len(), 100 - 38);
    wheel.advance(SECOND, usize::MAX, |expired| fired.push(expired.value));
    fired.sort_unstable();
    assert_eq!(
        fired,
        (0..100).filter(|&index| index != 37).collect::<Vec<_>>()
    );
}

/// A clock that went back panicked, or stopped everything until it caught up.
#[test]
fn a_clock_that_goes_back_is_harmless() {
    let (clock, timers) = timers();
    drive(&clock, &timers, 100 * SECOND);
    let task = CountingWaker::new();
    let mut sleep = waiting(&timers, 200 * SECOND, &task.waker());
    drive(&clock, &timers, 50 * SECOND);
    drive(&clock, &timers, Duration::ZERO);
    assert_eq!(task.wakes(), 0);
    assert_eq!(timers.next_deadline(), Some(200 * SECOND));
    // The latest time rules: what is due by it fires now, once.
    let mut overdue = waiting(&timers, 99 * SECOND, &task.waker());
    drive(&clock, &timers, 50 * SECOND);
    assert_eq!(task.wakes(), 1);
    assert!(poll_once(overdue.as_mut(), &task.waker()).is_ready());
    // A sleep made meanwhile fires, and does not hold up the loop.
    let mut short = waiting(&timers, 60 * SECOND, &task.waker());
    drive(&clock, &timers, 60 * SECOND);
    assert!(poll_once(short.as_mut(), &task.waker()).is_ready());
    drive(&clock, &timers, 200 * SECOND);
    assert!(poll_once(sleep.as_mut(), &task.waker()).is_ready());
}

/// `Duration::MAX` overflowed in additions.
#[test]
fn the_largest_duration_is_never() {
    let (clock, timers) = timers();
    clock.set(Duration::from_nanos(u64::MAX - 10));
    for length in [Duration::MAX, Duration::from_nanos(u64::MAX), SECOND] {
        let mut sleep = pin!(timers.sleep(length));
        assert!(poll_once(sleep.as_mut(), Waker::noop()).is_pending());
        assert_eq!(sleep.deadline(), Some(Duration::MAX));
    }
    clock.advance(Duration::MAX);
    assert!(!timers.advance(timers.now()));
    let mut wheel = Wheel::new();
    let never = wheel.insert(Duration::MAX, ());
    assert_eq!(
        (wheel.next_deadline(), wheel.deadline(never)),
        (None, Some(Duration::MAX))
    );
    assert!(!wheel.advance(Duration::MAX, usize::MAX, |_| panic!("never came")));
    assert!(wheel.reset(never, Duration::ZERO));
    let mut fired = 0;
    wheel.advance(Duration::ZERO, usize::MAX, |_| fired += 1);
    assert_eq!(fired, 1);
}

/// A deadline rounded to a millisecond tick, or a tick that does not divide it.
#[test]
fn every_nanosecond_counts() {
    for nanos in [
        1,
        2,
        63,
        64,
        65,
        999,
        4_095,
        4_097,
        999_999,
        1_000_001,
        1_234_567_891,
    ] {
        let (clock, timers) = timers();
        let deadline = Duration::from_nanos(nanos);
        let mut sleep = waiting(&timers, deadline, Waker::noop());
        assert_eq!(timers.next_deadline(), Some(deadline));
        drive(&clock, &timers, deadline - NANO);
        assert!(poll_once(sleep.as_mut(), Waker::noop()).is_pending());
        drive(&clock, &timers, deadline);
        assert!(poll_once(sleep.as_mut(), Waker::noop()).is_ready());
    }
}

/// A jump of the clock cost as much as the ticks in it, or as all timers.
#[test]
fn a_jump_of_the_clock_costs_only_what_it_meets() {
    let mut wheel = Wheel::new();
    // An empty century is free: no budget is needed.
    assert!(!wheel.advance(
        Duration::from_secs(3_000_000_000),
        0,
        |_: hyperia_timer::wheel::Expired<u8>| {}
    ));
    let mut wheel = Wheel::new();
    for index in 0..100_000u32 {
        wheel.insert(Duration::from_secs(1_000_000) + NANO * index, index);
    }
    // Far from all timers: nothing is touched, whatever the number of ticks.
    assert!(!wheel.advance(Duration::from_secs(500_000), 0, |_| panic!(
        "nothing is due"
    )));
    // One timer is met on the way to its place: at most one step per level.
    let mut lone = Wheel::new();
    lone.insert(Duration::from_nanos(u64::MAX - 1), 0);
    let mut steps = 0;
    let mut fired = 0;
    while fired == 0 {
        let next = lone.next_deadline().unwrap();
        while lone.advance(next, 1, |_| fired += 1) {
            steps += 1;
        }
    }
    assert!(steps <= 11, "{steps} steps");
}

/// One overdue crowd starved everybody else: here it delays only itself.
#[test]
fn a_crowd_does_not_hold_up_others() {
    let mut wheel = Wheel::new();
    let far = Duration::from_nanos(1 << 30);
    for index in 0..100_000u32 {
        wheel.insert(far + Duration::from_micros(500) + NANO * index, "crowd");
    }
    // The clock enters the crowd's slot; a call may touch few of them.
    assert!(wheel.advance(far, 64, |_| panic!("nothing is due")));
    wheel.insert(far + NANO, "other");
    let mut fired = Vec::new();
    assert!(wheel.advance(far + NANO, 64, |expired| fired.push(expired.value)));
    assert_eq!(fired, ["other"]);
    assert!(
        wheel.next_deadline().unwrap() <= far + NANO,
        "work is left: do not wait"
    );
}

/// A call that ended in the midst of a few dozen timers let later ones overtake them.
#[test]
fn a_bounded_call_keeps_the_order_but_within_a_crowd_that_is_over() {
    let base = 1 << 36;
    // In the slot that the clock enters, a hundred; in one that it leaves behind, any number.
    for (count, now) in [(100, base + 200_000_000), (1000, base << 1)] {
        let mut wheel = Wheel::new();
        let lone = (1..=40).map(|index| index << 30);
        let close = (0..count).map(|index| base + (index * 7 % count) * 1_000_000);
        for deadline in lone.chain(close) {
            wheel.insert(Duration::from_nanos(deadline), ());
        }
        let mut fired = Vec::new();
        let mut calls = 1;
        while wheel.advance(Duration::from_nanos(now), 128, |expired| {
            fired.push(expired.deadline)
        }) {
            calls += 1;
        }
        assert_eq!(fired.len() as u64, 40 + count);
        assert!(calls > 1);
        // A crowd that the clock leaves behind comes as it lies, after all that was before it.
        let (before, crowd) = fired.split_at(40);
        assert!(before.is_sorted(), "{count} timers");
        assert!(count == 1000 || crowd.is_sorted(), "{count} timers");
        assert!(crowd.iter().all(|&deadline| deadline > before[39]));
    }
}

/// Due exactly now, and left pending: polls with zero timeout spun.
#[test]
fn what_is_due_exactly_now_fires() {
    let (clock, timers) = timers();
    let task = CountingWaker::new();
    let _sleep = waiting(&timers, SECOND, &task.waker());
    let deadline = timers.next_deadline().unwrap();
    drive(&clock, &timers, deadline);
    assert_eq!(task.wakes(), 1);
    assert_eq!(timers.next_deadline(), None);
}

/// Making and dropping a sleep in every poll woke the task itself.
#[test]
fn a_sleep_made_in_every_poll_wakes_nobody() {
    let (clock, timers) = timers();
    let ring = CountingWaker::new();
    let rung = Timers::new(clock.clone(), ring.waker());
    assert_eq!(rung.next_deadline(), None);
    let task = CountingWaker::new();
    for _ in 0..100 {
        drop(waiting(&rung, SECOND, &task.waker()));
    }
    assert_eq!((task.wakes(), ring.wakes()), (0, 1));
    drop(timers);
}

/// Reset to zero was not ready at once; a completed timer stayed ready and span its task.
#[test]
fn reset_to_zero_is_ready_at_the_next_poll_once() {
    let (_, timers) = timers();
    let mut sleep = waiting(&timers, SECOND, Waker::noop());
    sleep.as_mut().reset(Duration::ZERO);
    while timers.advance(Duration::ZERO) {}
    assert!(poll_once(sleep.as_mut(), Waker::noop()).is_ready());
    assert!(poll_once(sleep.as_mut(), Waker::noop()).is_pending());
    // Not registered: no driver needed.
    sleep.as_mut().reset(Duration::ZERO);
    assert!(poll_once(sleep.as_mut(), Waker::noop()).is_ready());
}

/// Cancelled entries stayed in memory until their time; reset leaked them.
#[test]
fn cancelling_and_resetting_hold_no_memory() {
    let mut wheel = Wheel::with_capacity(2);
    let kept = wheel.insert(SECOND, 0u32);
    let mut keys = std::collections::HashSet::new();
    for round in 0..100_000u32 {
        let key = wheel.insert(3600 * SECOND, round);
        assert!(keys.insert(key), "a key came twice");
        assert!(wheel.reset(key, 7200 * SECOND) && wheel.reset(key, 10 * SECOND));
        assert_eq!(wheel.remove(key), Some(round));
        assert_eq!(wheel.remove(key), None, "counted once");
        assert_eq!(wheel.len(), 1);
    }
    assert_eq!(wheel.remove(kept), Some(0));
}

/// A deadline beyond the wheel's range fired early.
#[test]
fn no_deadline_is_too_far() {
    let mut wheel = Wheel::new();
    let mut far: Vec<_> = (0..64)
        .map(|bit| Duration::from_nanos((1 << bit) + (1 << bit) / 3))
        .collect();
    far.push(Duration::from_nanos(u64::MAX - 1));
    for &deadline in far.iter().rev() {
        wheel.insert(deadline, deadline);
    }
    for &deadline in &far {
        if let Some(before) = deadline.checked_sub(NANO) {
            wheel.advance(before, usize::MAX, |expired| {
                assert!(expired.deadline <= before)
            });
        }
        let mut fired = 0;
        wheel.advance(deadline, usize::MAX, |expired| {
            assert_eq!((expired.deadline, expired.value), (deadline, deadline));
            fired += 1;
        });
        assert!(fired <= 1);
    }
    assert!(wheel.is_empty());
}

/// One reusable sleep per connection, put off with every read: no clock, no lock, no move.
#[test]
fn putting_off_an_idle_timeout_touches_the_wheel_once_in_a_while() {
    let (clock, timers) = timers();
    let task = CountingWaker::new();
    let waker = task.waker();
    let mut idle = waiting(&timers, 30 * SECOND, &waker);
    let mut turns = 0;
    for millis in 0..60_000 {
        let now = Duration::from_millis(millis);
        idle.as_mut().reset(now + 30 * SECOND);
        if timers.next_deadline().unwrap() <= now {
            turns += 1;
            drive(&clock, &timers, now);
        }
    }
    assert_eq!(task.wakes(), 0);
    assert!(
        turns <= 22,
        "{turns} turns of the driver in a minute of reads"
    );
    drive(&clock, &timers, Duration::from_millis(59_999) + 30 * SECOND);
    assert_eq!(task.wakes(), 1);
    assert_eq!(
        idle.as_mut().poll(&mut Context::from_waker(&waker)),
        Poll::Ready(())
    );
}

/// A driver that missed its wake-up stalled everybody: any thread can see that a deadline has
/// passed, and drive.
#[test]
fn any_handle_can_stand_in_for_the_driver() {
    let (clock, timers) = timers();
    let task = CountingWaker::new();
    let _sleep = waiting(&timers, SECOND, &task.waker());
    clock.set(5 * SECOND);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            if timers
                .next_deadline()
                .is_some_and(|deadline| deadline < timers.now())
            {
                while timers.advance(timers.now()) {}
            }
        });
    });
    assert_eq!(task.wakes(), 1);
}

/// A reset from inside of another runtime moved the timer over to that.
#[test]
fn a_reset_on_the_thread_of_other_timers_moves_nothing_there() {
    let (clock, home) = timers();
    let (_, elsewhere) = timers();
    let task = CountingWaker::new();
    let mut sleep = waiting(&home, 9 * SECOND, &task.waker());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // This thread drives other timers, and even in the midst of it nothing goes over to them.
            let mut own = waiting(&elsewhere, SECOND, Waker::noop());
            sleep.as_mut().reset(5 * SECOND);
            assert_eq!(elsewhere.next_deadline(), Some(SECOND));
            while elsewhere.advance(100 * SECOND) {}
            assert!(poll_once(own.as_mut(), Waker::noop()).is_ready());
        });
    });
    assert_eq!(task.wakes(), 0);
    assert_eq!(home.next_deadline(), Some(5 * SECOND));
    drive(&clock, &home, 5 * SECOND);
    assert_eq!(task.wakes(), 1);
    assert!(poll_once(sleep.as_mut(), &task.waker()).is_ready());
}

/// A queue of fixed size woke somebody when it was full.
#[test]
fn no_number_of_sleeps_wakes_anybody_for_nothing() {
    let (clock, timers) = timers();
    let task = CountingWaker::new();
    let sleeps: Vec<_> = (0..50_000_u32)
        .map(|index| waiting(&timers, SECOND + SECOND * (index % 7), &task.waker()))
        .collect();
    drive(&clock, &timers, SECOND - Duration::from_nanos(1));
    assert_eq!(task.wakes(), 0);
    drive(&clock, &timers, 7 * SECOND);
    assert_eq!(task.wakes(), sleeps.len());
}

/// One of ours: a crowd that was handed out lent its name, level and digit, to a slot of another time,
/// whose timers were then taken out and put back for ever.
#[test]
fn a_crowd_is_known_by_its_time() {
    let nanos = Duration::from_nanos;
    for late in [4426, 4480] {
        let mut wheel = Wheel::new();
        for _ in 0..65 {
            wheel.insert(nanos(330), ());
        }
        // In the slot of the same name, a turn of the level later.
        for index in 0..10 {
            wheel.insert(nanos(4096 + 5 * 64 + (index * 7) % 10 + 10), ());
        }
        // A crowd that has begun by then: it is taken apart, and the clock stands in it.
        for _ in 0..64 {
            wheel.insert(nanos(6656), ());
        }
        let mut fired = Vec::new();
        assert!(!wheel.advance(nanos(late), usize::MAX, |expired| {
            fired.push(expired.deadline);
        }));
        assert!(fired.is_sorted(), "ten are no crowd");
        let due = fired.iter().filter(|&&deadline| deadline > nanos(330));
        assert_eq!(due.count(), if late == 4426 { 1 } else { 10 });
        assert_eq!(wheel.elapsed(), nanos(late));
    }
}

/// One of ours: what did not go into a batch of wakers was paid for all the same.
#[test]
fn a_call_wakes_as_many_as_its_budget() {
    let (_, timers) = timers();
    let task = CountingWaker::new();
    let _sleeps: Vec<_> = (0..1000_u32)
        .map(|index| {
            waiting(
                &timers,
                SECOND + Duration::from_nanos(index.into()),
                &task.waker(),
            )
        })
        .collect();
    let mut calls = vec![];
    let mut more = true;
    while more {
        let before = task.wakes();
        more = timers.advance(2 * SECOND);
        calls.push(task.wakes() - before);
    }
    assert_eq!(calls, [256, 256, 256, 232]);
}

/// One of ours: after a clock that went back, the deadline of a sleep that had fired was kept.
#[test]
fn no_deadline_is_left_after_a_clock_that_went_back() {
    let (clock, timers) = timers();
    drive(&clock, &timers, 200 * SECOND);
    clock.set(50 * SECOND);
    let task = CountingWaker::new();
    let _sleep = waiting(&timers, 100 * SECOND, &task.waker());
    assert_eq!(timers.next_deadline(), Some(100 * SECOND));
    drive(&clock, &timers, 50 * SECOND);
    assert_eq!(task.wakes(), 1, "the wheel stays at the latest time");
    assert_eq!(timers.next_deadline(), None);
}

/// One of ours: who moves a manual clock beside a driver that waits left that one with a deadline that is
/// not the next any more.
#[test]
fn a_driver_beside_a_moved_clock_is_told_to_look_again() {
    let ring = CountingWaker::new();
    let clock = ManualClock::new();
    let timers = Timers::new(clock.clone(), ring.waker());
    let _sleeps = [1, 1000].map(|n| waiting(&timers, n * SECOND, Waker::noop()));
    assert_eq!(timers.next_deadline(), Some(SECOND), "the driver waits");
    assert_eq!(clock.advance_to_next(&timers), Some(SECOND));
    assert_eq!(ring.wakes(), 1);
    assert_eq!(timers.next_deadline(), Some(1000 * SECOND));
}

/// One of ours: a value whose drop panics kept the others of a dropped wheel from theirs.
#[test]
fn a_wheel_drops_all_values_though_one_panics() {
    struct Value(std::rc::Rc<std::cell::Cell<u32>>, u32);
    impl Drop for Value {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
            assert_ne!(self.1, 3, "as it should");
        }
    }
    let dropped = std::rc::Rc::default();
    let mut wheel = Wheel::new();
    for index in 0..10 {
        wheel.insert(SECOND, Value(std::rc::Rc::clone(&dropped), index));
    }
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(wheel)));
    assert!(panic.is_err());
    assert_eq!(dropped.get(), 10);
}
