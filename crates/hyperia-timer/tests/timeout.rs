//! What a user of `Timeout` can rely on.
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::future::{pending, poll_fn, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_core::FusedFuture;
use hyperia_test::{CountingWaker, drop_at_every_poll, poll_once};
use hyperia_timer::{Clock, Elapsed, ManualClock, Timers};

const SECOND: Duration = Duration::from_secs(1);

fn timers() -> (ManualClock, Timers) {
    let clock = ManualClock::new();
    (clock.clone(), Timers::new(clock, Waker::noop().clone()))
}

#[test]
fn a_future_in_time_gives_its_output() {
    let (_, timers) = timers();
    let timeout = pin!(timers.timeout(SECOND, ready("output")));
    assert_eq!(poll_once(timeout, Waker::noop()), Poll::Ready(Ok("output")));
}

#[test]
fn a_future_that_is_late_gives_elapsed() {
    let (clock, timers) = timers();
    let task = CountingWaker::new();
    let mut timeout = pin!(timers.timeout(SECOND, pending::<()>()));
    assert!(poll_once(timeout.as_mut(), &task.waker()).is_pending());
    clock.set(SECOND);
    assert!(!timers.advance(clock.now()));
    assert_eq!(task.wakes(), 1);
    assert_eq!(
        poll_once(timeout.as_mut(), &task.waker()),
        Poll::Ready(Err(Elapsed))
    );
    assert!(timeout.is_terminated());
    assert!(poll_once(timeout.as_mut(), &task.waker()).is_pending());
}

#[test]
fn a_future_ready_in_the_poll_of_the_deadline_wins() {
    let (clock, timers) = timers();
    let mut polls = 0;
    let future = poll_fn(|_| {
        polls += 1;
        if polls == 2 {
            Poll::Ready(polls)
        } else {
            Poll::Pending
        }
    });
    let mut timeout = pin!(timers.timeout(SECOND, future));
    assert!(poll_once(timeout.as_mut(), Waker::noop()).is_pending());
    clock.set(9 * SECOND);
    assert!(!timers.advance(clock.now()));
    assert_eq!(
        poll_once(timeout.as_mut(), Waker::noop()),
        Poll::Ready(Ok(2))
    );
}

#[test]
fn zero_still_polls_the_future_once() {
    let (_, timers) = timers();
    assert_eq!(
        poll_once(
            pin!(timers.timeout(Duration::ZERO, ready(1))),
            Waker::noop()
        ),
        Poll::Ready(Ok(1))
    );
    let late = pin!(timers.timeout(Duration::ZERO, pending::<()>()));
    assert_eq!(poll_once(late, Waker::noop()), Poll::Ready(Err(Elapsed)));
}

#[test]
fn a_timeout_at_a_moment_and_one_that_never_comes() {
    let (clock, timers) = timers();
    clock.set(5 * SECOND);
    let passed = pin!(timers.timeout_at(SECOND, pending::<()>()));
    assert_eq!(poll_once(passed, Waker::noop()), Poll::Ready(Err(Elapsed)));
    let mut never = pin!(timers.timeout(Duration::MAX, pending::<()>()));
    assert!(poll_once(never.as_mut(), Waker::noop()).is_pending());
    clock.set(Duration::MAX);
    assert!(!timers.advance(clock.now()));
    assert!(poll_once(never.as_mut(), Waker::noop()).is_pending());
}

#[test]
fn the_future_can_be_reached_and_the_deadline_reset() {
    let (clock, timers) = timers();
    let mut timeout = pin!(timers.timeout(SECOND, ready(3)));
    assert_eq!(timeout.sleep().deadline(), None);
    timeout.as_mut().sleep_pin_mut().reset(4 * SECOND);
    assert_eq!(timeout.sleep().deadline(), Some(4 * SECOND));
    assert_eq!(
        format!("{:?}", timeout.get_ref()),
        format!("{:?}", ready(3))
    );
    assert_eq!(
        poll_once(timeout.as_mut().get_pin_mut(), Waker::noop()),
        Poll::Ready(3)
    );
    drop(clock);
}

#[test]
fn dropped_at_any_poll_it_leaves_no_timer() {
    let polls = drop_at_every_poll(
        || {
            let (clock, timers) = timers();
            let timeout = timers.timeout(2 * SECOND, pending::<()>()).into_owned();
            ((clock, timers), timeout)
        },
        |(clock, timers), k| {
            clock.set(SECOND * k as u32);
            assert!(!timers.advance(clock.now()));
        },
        |(_, timers), _| assert_eq!(timers.next_deadline(), None),
    );
    assert_eq!(polls, 3);
}

#[test]
fn elapsed_is_an_error() {
    let error: Box<dyn std::error::Error + Send + Sync> = Box::new(Elapsed);
    assert_eq!(error.to_string(), "deadline has elapsed");
}

#[test]
fn after_its_deadline_it_stays_pending_until_it_is_reset() {
    let (clock, timers) = timers();
    let mut polls = 0;
    let future = std::future::poll_fn(|_| {
        polls += 1;
        if polls < 3 {
            Poll::Pending
        } else {
            Poll::Ready(polls)
        }
    });
    let mut timeout = pin!(timers.timeout(SECOND, future));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(timeout.as_mut().poll(&mut cx).is_pending());
    clock.set(SECOND);
    assert!(!timers.advance(SECOND));
    assert_eq!(timeout.as_mut().poll(&mut cx), Poll::Ready(Err(Elapsed)));
    assert!(timeout.is_terminated());
    assert!(
        timeout.as_mut().poll(&mut cx).is_pending(),
        "the future is not polled"
    );
    timeout.as_mut().sleep_pin_mut().reset_after(SECOND);
    assert!(!timeout.is_terminated());
    assert_eq!(timeout.as_mut().poll(&mut cx), Poll::Ready(Ok(3)));
    assert!(timeout.is_terminated());
    // What has an output has none again, whatever becomes of the sleep.
    timeout.as_mut().sleep_pin_mut().reset(Duration::MAX);
    assert!(timeout.is_terminated() && timeout.as_mut().poll(&mut cx).is_pending());
}

#[test]
fn elapsed_becomes_an_io_error() {
    let error = std::io::Error::from(Elapsed);
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    assert_eq!(error.to_string(), Elapsed.to_string());
}
