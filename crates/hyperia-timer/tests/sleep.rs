//! What a user of `Timers` and `Sleep` can rely on.
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use futures_core::FusedFuture;
use hyperia_test::{CountingWaker, drop_at_every_poll, poll_once};
use hyperia_timer::{Clock, ManualClock, Sleep, Timers};

const SECOND: Duration = Duration::from_secs(1);
const NANO: Duration = Duration::from_nanos(1);

struct Driver {
    clock: ManualClock,
    timers: Timers,
    ring: Arc<CountingWaker>,
}

impl Driver {
    fn new() -> Self {
        let clock = ManualClock::new();
        let ring = CountingWaker::new();
        let timers = Timers::new(clock.clone(), ring.waker());
        Self {
            clock,
            timers,
            ring,
        }
    }

    fn to(&self, now: Duration) {
        self.clock.set(now);
        while self.timers.advance(now) {}
    }
}

fn noop(sleep: Pin<&mut Sleep<'_>>) -> Poll<()> {
    poll_once(sleep, Waker::noop())
}

#[test]
fn a_sleep_completes_at_its_deadline_and_not_before() {
    let driver = Driver::new();
    let task = CountingWaker::new();
    let waker = task.waker();
    let mut sleep = pin!(driver.timers.sleep(5 * SECOND));
    assert!(poll_once(sleep.as_mut(), &waker).is_pending());
    assert_eq!(sleep.deadline(), Some(5 * SECOND));
    driver.to(5 * SECOND - NANO);
    assert_eq!(task.wakes(), 0);
    assert!(poll_once(sleep.as_mut(), &waker).is_pending());
    driver.to(5 * SECOND);
    assert_eq!(task.wakes(), 1);
    assert!(!sleep.is_terminated());
    assert!(poll_once(sleep.as_mut(), &waker).is_ready());
    assert!(sleep.is_terminated());
    assert_eq!(task.live(), 1, "the waker of this test");
}

#[test]
fn a_sleep_lasts_from_its_first_poll() {
    let driver = Driver::new();
    let mut sleep = pin!(driver.timers.sleep(5 * SECOND));
    assert_eq!(sleep.deadline(), None);
    driver.to(3 * SECOND);
    assert!(noop(sleep.as_mut()).is_pending());
    assert_eq!(sleep.deadline(), Some(8 * SECOND));
}

#[test]
fn a_deadline_that_has_passed_is_ready_at_the_first_poll() {
    let driver = Driver::new();
    driver.clock.set(10 * SECOND);
    for deadline in [Duration::ZERO, 9 * SECOND, 10 * SECOND] {
        assert!(noop(pin!(driver.timers.sleep_until(deadline))).is_ready());
    }
    assert!(noop(pin!(driver.timers.sleep(Duration::ZERO))).is_ready());
    assert!(noop(pin!(driver.timers.sleep_until(10 * SECOND + NANO))).is_pending());
}

#[test]
fn a_completed_sleep_stays_pending_until_it_is_reset() {
    let driver = Driver::new();
    let task = CountingWaker::new();
    let waker = task.waker();
    let mut sleep = pin!(driver.timers.sleep(Duration::ZERO));
    assert!(poll_once(sleep.as_mut(), &waker).is_ready());
    for _ in 0..3 {
        assert!(poll_once(sleep.as_mut(), &waker).is_pending());
    }
    driver.to(SECOND);
    assert_eq!((task.wakes(), task.clones()), (0, 0));
    sleep.as_mut().reset(2 * SECOND);
    assert!(!sleep.is_terminated());
    assert!(poll_once(sleep.as_mut(), &waker).is_pending());
    driver.to(2 * SECOND);
    assert!(poll_once(sleep.as_mut(), &waker).is_ready());
}

#[test]
fn a_reset_to_later_puts_the_wake_up_off() {
    let driver = Driver::new();
    let task = CountingWaker::new();
    let waker = task.waker();
    let mut sleep = pin!(driver.timers.sleep(SECOND));
    assert!(poll_once(sleep.as_mut(), &waker).is_pending());
    for second in 2..100 {
        sleep.as_mut().reset(second * SECOND);
        driver.to((second - 1) * SECOND);
        assert_eq!(task.wakes(), 0, "woken early, at {} s", second - 1);
    }
    driver.to(99 * SECOND);
    assert_eq!(task.wakes(), 1);
    assert!(poll_once(sleep.as_mut(), &waker).is_ready());
}

#[test]
fn a_reset_to_earlier_brings_the_wake_up_forward() {
    let driver = Driver::new();
    let task = CountingWaker::new();
    let waker = task.waker();
    let mut sleep = pin!(driver.timers.sleep(100 * SECOND));
    assert!(poll_once(sleep.as_mut(), &waker).is_pending());
    assert_eq!(driver.timers.next_deadline(), Some(100 * SECOND));
    sleep.as_mut().reset(SECOND);
    assert_eq!(driver.ring.wakes(), 1);
    assert_eq!(driver.timers.next_deadline(), Some(SECOND));
    driver.to(SECOND);
    assert_eq!(task.wakes(), 1);
    assert!(poll_once(sleep, &waker).is_ready());
}

#[test]
fn a_reset_after_counts_from_now() {
    let driver = Driver::new();
    driver.to(10 * SECOND);
    let mut sleep = Box::pin(driver.timers.sleep(SECOND));
    sleep.as_mut().reset_after(5 * SECOND);
    assert_eq!(sleep.deadline(), Some(15 * SECOND));
    assert!(noop(sleep.as_mut()).is_pending());
    sleep.as_mut().reset_after(Duration::MAX);
    assert_eq!(sleep.deadline(), Some(Duration::MAX));
    sleep.as_mut().reset_after(Duration::ZERO);
    driver.to(10 * SECOND);
    assert!(noop(sleep.as_mut()).is_ready());
}

#[test]
fn a_reset_in_any_state_counts() {
    let driver = Driver::new();
    // Not polled; waiting; handed out but not polled; completed.
    for polls in 0..4 {
        for target in [SECOND, 7 * SECOND] {
            driver.to(driver.timers.now() + 10 * SECOND);
            let now = driver.timers.now();
            let mut sleep = pin!(driver.timers.sleep(3 * SECOND));
            if polls > 0 {
                assert!(noop(sleep.as_mut()).is_pending());
            }
            if polls > 1 {
                driver.to(now + 3 * SECOND);
            }
            if polls > 2 {
                assert!(noop(sleep.as_mut()).is_ready());
            }
            let deadline = driver.timers.now() + target;
            sleep.as_mut().reset(deadline);
            assert_eq!(sleep.deadline(), Some(deadline));
            assert!(
                noop(sleep.as_mut()).is_pending(),
                "early after {polls} polls"
            );
            driver.to(deadline - NANO);
            assert!(
                noop(sleep.as_mut()).is_pending(),
                "early after {polls} polls"
            );
            driver.to(deadline);
            assert!(noop(sleep.as_mut()).is_ready(), "late after {polls} polls");
        }
    }
}

#[test]
fn a_reset_between_firing_and_poll_is_not_early() {
    let driver = Driver::new();
    let task = CountingWaker::new();
    let waker = task.waker();
    let mut sleep = pin!(driver.timers.sleep(SECOND));
    assert!(poll_once(sleep.as_mut(), &waker).is_pending());
    driver.to(SECOND);
    assert_eq!(task.wakes(), 1);
    sleep.as_mut().reset(5 * SECOND);
    assert!(poll_once(sleep.as_mut(), &waker).is_pending());
    driver.to(5 * SECOND);
    assert_eq!(task.wakes(), 2);
    assert!(poll_once(sleep, &waker).is_ready());
}

#[test]
fn the_last_one_who_polled_is_woken() {
    let driver = Driver::new();
    let (first, last) = (CountingWaker::new(), CountingWaker::new());
    let mut sleep = pin!(driver.timers.sleep(SECOND));
    assert!(poll_once(sleep.as_mut(), &first.waker()).is_pending());
    assert!(poll_once(sleep.as_mut(), &last.waker()).is_pending());
    assert_eq!((first.live(), last.live()), (0, 1));
    driver.to(SECOND);
    assert_eq!((first.wakes(), last.wakes()), (0, 1));
}

#[test]
fn polling_again_with_the_same_waker_clones_nothing() {
    let driver = Driver::new();
    let task = CountingWaker::new();
    let waker = task.waker();
    let mut sleep = pin!(driver.timers.sleep(SECOND));
    for _ in 0..10 {
        assert!(poll_once(sleep.as_mut(), &waker).is_pending());
    }
    assert_eq!(task.clones(), 1);
}

/// Makes `count` sleeps from a nanosecond to an hour, in no order, lets `drive` drive, and returns the
/// deadlines in the order of the wakes.
fn wakes(count: u64, drive: impl FnOnce(&Driver)) -> Vec<u64> {
    use std::sync::Mutex;
    use std::task::Wake;
    struct Note(u64, Arc<Mutex<Vec<u64>>>);
    impl Wake for Note {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
        }
    }
    let driver = Driver::new();
    let woken: Arc<Mutex<Vec<u64>>> = Arc::default();
    let mut sleeps = Vec::new();
    for index in 0..count {
        let nanos = 1 + (index * 7_919 % count) * (3_600_000_000_000 / count);
        let mut sleep = Box::pin(driver.timers.sleep(Duration::from_nanos(nanos)));
        let waker = Waker::from(Arc::new(Note(nanos, Arc::clone(&woken))));
        assert!(poll_once(sleep.as_mut(), &waker).is_pending());
        sleeps.push(sleep);
    }
    drive(&driver);
    let woken = woken.lock().unwrap().clone();
    assert_eq!(woken.len() as u64, count);
    woken
}

#[test]
fn sleeps_wake_in_the_order_of_their_deadlines() {
    let woken = wakes(5000, |driver| {
        let mut turns = 0;
        while let Some(next) = driver.timers.next_deadline() {
            driver.clock.set(next);
            while driver.timers.advance(next) {}
            turns += 1;
        }
        assert!((5000..5100).contains(&turns), "{turns} turns");
    });
    assert!(woken.is_sorted(), "from deadline to deadline");
}

#[test]
fn a_late_driver_wakes_sleeps_in_the_order_of_buckets() {
    let jump = |driver: &Driver| {
        driver.clock.set(3600 * SECOND);
        let mut calls = 1;
        while driver.timers.advance(3600 * SECOND) {
            calls += 1;
        }
        assert!(calls > 2500 / 256, "a call is bounded");
    };
    // A bucket is 69 s here: 48 are no crowd, 96 are.
    assert!(wakes(2500, jump).is_sorted());
    assert!(wakes(5000, jump).is_sorted_by_key(|nanos| nanos >> 36));
}

#[test]
fn an_earlier_deadline_rings_the_waiting_driver_once() {
    let driver = Driver::new();
    assert_eq!(driver.timers.next_deadline(), None);
    let mut late = pin!(driver.timers.sleep(10 * SECOND));
    assert!(noop(late.as_mut()).is_pending());
    assert_eq!(driver.ring.wakes(), 1, "earlier than never");
    let mut earlier = pin!(driver.timers.sleep(9 * SECOND));
    assert!(noop(earlier.as_mut()).is_pending());
    assert_eq!(driver.ring.wakes(), 1, "it has been rung already");
    assert_eq!(driver.timers.next_deadline(), Some(9 * SECOND));
    let mut later = pin!(driver.timers.sleep(11 * SECOND));
    let mut equal = pin!(driver.timers.sleep(9 * SECOND));
    assert!(noop(later.as_mut()).is_pending() && noop(equal.as_mut()).is_pending());
    assert_eq!(driver.ring.wakes(), 1, "the driver wakes in time anyway");
    let mut earliest = pin!(driver.timers.sleep(8 * SECOND));
    assert!(noop(earliest.as_mut()).is_pending());
    assert_eq!(driver.ring.wakes(), 2);
}

#[test]
fn a_driver_that_is_awake_is_not_rung() {
    let driver = Driver::new();
    let mut sleeps = Vec::new();
    assert_eq!(driver.timers.next_deadline(), None);
    driver.to(SECOND);
    // Its own tasks run between advancing and asking again.
    for second in (1..100).rev() {
        let mut sleep = Box::pin(driver.timers.sleep(second * SECOND));
        assert!(noop(sleep.as_mut()).is_pending());
        sleeps.push(sleep);
    }
    assert_eq!(driver.ring.wakes(), 0);
    assert_eq!(driver.timers.next_deadline(), Some(2 * SECOND));
}

#[test]
fn the_next_deadline_follows_what_comes_and_goes() {
    let driver = Driver::new();
    let at = |second: u32| {
        let mut sleep = Box::pin(driver.timers.sleep_until(second * SECOND));
        assert!(noop(sleep.as_mut()).is_pending());
        sleep
    };
    let (nine, five) = (at(9), at(5));
    assert_eq!(driver.timers.next_deadline(), Some(5 * SECOND));
    let mut four = at(4);
    assert_eq!(driver.timers.next_deadline(), Some(4 * SECOND));
    four.as_mut().reset(3 * SECOND);
    assert_eq!(driver.timers.next_deadline(), Some(3 * SECOND));
    drop(four);
    assert_eq!(driver.timers.next_deadline(), Some(5 * SECOND));
    drop(five);
    assert_eq!(driver.timers.next_deadline(), Some(9 * SECOND));
    drop(nine);
    assert_eq!(driver.timers.next_deadline(), None);
}

#[test]
fn never_is_never() {
    let driver = Driver::new();
    let mut never = [
        Box::pin(driver.timers.sleep(Duration::MAX)),
        Box::pin(driver.timers.sleep_until(Duration::MAX)),
        Box::pin(
            driver
                .timers
                .sleep(Duration::from_secs(u64::MAX / 1_000_000_000 + 1)),
        ),
        Box::pin(driver.timers.sleep(SECOND)),
    ];
    driver.clock.set(SECOND);
    for sleep in &mut never {
        assert!(noop(sleep.as_mut()).is_pending());
    }
    never[3].as_mut().reset(Duration::MAX);
    for sleep in &mut never {
        assert_eq!(sleep.deadline(), Some(Duration::MAX));
    }
    driver.to(2 * SECOND);
    assert_eq!(driver.timers.next_deadline(), None);
    driver.to(Duration::MAX);
    for sleep in &mut never {
        assert!(noop(sleep.as_mut()).is_pending());
    }
    // And back from it.
    driver.clock.set(3 * SECOND);
    never[0].as_mut().reset(4 * SECOND);
    driver.to(Duration::from_secs(4));
    assert!(noop(never[0].as_mut()).is_ready());
}

#[test]
fn never_does_not_come_at_the_end_of_the_clock_either() {
    let driver = Driver::new();
    let mut fired = pin!(driver.timers.sleep(SECOND));
    assert!(noop(fired.as_mut()).is_pending());
    driver.to(Duration::MAX);
    fired.as_mut().reset(Duration::MAX);
    assert!(noop(fired).is_pending());
    assert!(noop(pin!(driver.timers.sleep(Duration::MAX))).is_pending());
    assert!(noop(pin!(driver.timers.sleep_until(Duration::MAX))).is_pending());
    let last = Duration::from_nanos(u64::MAX - 1);
    assert!(noop(pin!(driver.timers.sleep_until(last))).is_ready());
}

#[test]
fn dropping_sleeps_leaves_nothing_behind() {
    let driver = Driver::new();
    let task = CountingWaker::new();
    let waker = task.waker();
    let mut sleeps: Vec<_> = (0..100)
        .map(|second| {
            let mut sleep = Box::pin(driver.timers.sleep(SECOND * (1 + second % 7)));
            assert!(poll_once(sleep.as_mut(), &waker).is_pending());
            sleep
        })
        .collect();
    // Some from the middle, some from the ends.
    for index in [50, 0, 97, 30, 30, 1] {
        drop(sleeps.remove(index));
    }
    assert_eq!(task.live(), 1 + 94);
    driver.to(3 * SECOND);
    let fired = task.wakes();
    drop(sleeps);
    assert_eq!(task.live(), 1);
    assert_eq!(driver.timers.next_deadline(), None);
    driver.to(10 * SECOND);
    assert_eq!(task.wakes(), fired);
}

#[test]
fn a_sleep_dropped_at_any_poll_is_gone() {
    let polls = drop_at_every_poll(
        || {
            let driver = Driver::new();
            let sleep = driver.timers.sleep(2 * SECOND).into_owned();
            (driver, sleep)
        },
        |driver, k| driver.to(SECOND * k as u32),
        |driver, _| {
            assert_eq!(driver.timers.next_deadline(), None);
            driver.to(10 * SECOND);
        },
    );
    // At 0 s and 1 s it is pending, at 2 s it is ready.
    assert_eq!(polls, 3);
}

#[test]
fn a_sleep_outlives_the_handle_it_came_from() {
    let driver = Driver::new();
    let Driver { clock, timers, .. } = driver;
    let mut sleep = Box::pin(timers.sleep(SECOND).into_owned());
    assert!(noop(sleep.as_mut()).is_pending());
    drop(timers);
    clock.set(SECOND);
    // Nobody drives any more: it stays pending, and can be dropped.
    assert!(noop(sleep.as_mut()).is_pending());
    sleep.as_mut().reset(Duration::ZERO);
    drop(sleep);
}

#[test]
fn debug_says_what_it_is() {
    let driver = Driver::new();
    let mut sleep = pin!(driver.timers.sleep(SECOND));
    assert_eq!(
        format!("{sleep:?}"),
        r#"Sleep { deadline: None, state: "unregistered" }"#
    );
    assert!(noop(sleep.as_mut()).is_pending());
    assert_eq!(
        format!("{sleep:?}"),
        r#"Sleep { deadline: Some(1s), state: "waiting" }"#
    );
    driver.to(SECOND);
    assert_eq!(
        format!("{sleep:?}"),
        r#"Sleep { deadline: Some(1s), state: "due" }"#
    );
    assert!(noop(sleep.as_mut()).is_ready());
    assert_eq!(
        format!("{sleep:?}"),
        r#"Sleep { deadline: Some(1s), state: "completed" }"#
    );
    assert_eq!(format!("{:?}", driver.timers), "Timers { now: 1s, .. }");
    assert_eq!(format!("{:?}", driver.clock), "ManualClock(1s)");
}

#[test]
fn making_and_dropping_a_sleep_reads_no_clock() {
    struct Untouched;
    impl Clock for Untouched {
        fn now(&self) -> Duration {
            panic!("the clock was read");
        }
    }
    let timers = Timers::new(Untouched, Waker::noop().clone());
    drop(timers.sleep(SECOND));
    drop(timers.sleep_until(SECOND));
    assert!(noop(pin!(timers.sleep(Duration::ZERO))).is_ready());
    let mut timeout = pin!(timers.timeout(SECOND, std::future::ready(7)));
    assert_eq!(
        poll_once(timeout.as_mut(), Waker::noop()),
        Poll::Ready(Ok(7))
    );
}
