//! What thread-bound timers share with the others, and what they do not.
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::cell::RefCell;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use hyperia_test::CountingWaker;
use hyperia_timer::{Clock, Elapsed, Local, ManualClock, Sleep, Timers};

const SECOND: Duration = Duration::from_secs(1);

fn timers() -> (ManualClock, Timers<Local>, Arc<CountingWaker>) {
    let (clock, ring) = (ManualClock::new(), CountingWaker::new());
    let timers = Timers::new_local(clock.clone(), ring.waker());
    (clock, timers, ring)
}

fn poll(sleep: Pin<&mut Sleep<'_, Local>>) -> Poll<()> {
    sleep.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn sleeps_timeouts_and_intervals_work_as_with_the_others() {
    let (clock, timers, _) = timers();
    let mut sleep = pin!(timers.sleep(SECOND));
    assert!(poll(sleep.as_mut()).is_pending());
    let mut timeout = pin!(timers.timeout(2 * SECOND, std::future::pending::<()>()));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(timeout.as_mut().poll(&mut cx).is_pending());
    let mut interval = pin!(timers.interval(SECOND));
    assert!(interval.as_mut().poll_tick(&mut cx).is_pending());

    assert_eq!(clock.advance_to_next(&timers), Some(SECOND));
    assert!(poll(sleep.as_mut()).is_ready());
    assert_eq!(interval.as_mut().poll_tick(&mut cx), Poll::Ready(SECOND));
    assert!(timeout.as_mut().poll(&mut cx).is_pending());
    assert!(interval.as_mut().poll_tick(&mut cx).is_pending());
    assert_eq!(clock.advance_to_next(&timers), Some(2 * SECOND));
    assert_eq!(timeout.as_mut().poll(&mut cx), Poll::Ready(Err(Elapsed)));
}

#[test]
fn a_reset_moves_it_in_both_directions() {
    let (clock, timers, _) = timers();
    let mut sleep = pin!(timers.sleep(10 * SECOND));
    assert!(poll(sleep.as_mut()).is_pending());
    sleep.as_mut().reset(5 * SECOND);
    sleep.as_mut().reset(7 * SECOND);
    assert_eq!(clock.advance_to_next(&timers), Some(7 * SECOND));
    assert!(poll(sleep.as_mut()).is_ready());
}

#[test]
fn an_earlier_deadline_rings_a_waiting_driver_once() {
    let (_, timers, ring) = timers();
    let sleeps: Vec<_> = [9, 5, 7, 3, 1].map(|n| timers.sleep(n * SECOND)).into();
    let mut sleeps: Vec<_> = sleeps.into_iter().map(Box::pin).collect();
    assert!(poll(sleeps[0].as_mut()).is_pending());
    assert_eq!(ring.wakes(), 0, "nobody waits");
    assert_eq!(timers.next_deadline(), Some(9 * SECOND));
    for sleep in &mut sleeps[1..] {
        assert!(poll(sleep.as_mut()).is_pending());
        assert_eq!(ring.wakes(), 1);
    }
    assert_eq!(timers.next_deadline(), Some(SECOND));
}

#[test]
fn an_owned_sleep_outlives_its_handle() {
    let (clock, timers, _) = timers();
    let other = timers.clone();
    let mut sleep = pin!(timers.sleep(SECOND).into_owned());
    drop(timers);
    assert!(poll(sleep.as_mut()).is_pending());
    assert_eq!(clock.advance_to_next(&other), Some(SECOND));
    drop(other);
    assert!(poll(sleep.as_mut()).is_ready());
}

/// Wakers may use the timers, as nothing of theirs runs while the wheel is borrowed.
#[test]
fn a_waker_may_use_the_timers() {
    thread_local! {
        static TIMERS: RefCell<Option<Timers<Local>>> = const { RefCell::new(None) };
        static SLEEPS: RefCell<Vec<Pin<Box<Sleep<'static, Local>>>>> = const { RefCell::new(Vec::new()) };
    }
    struct Meddler;
    impl Wake for Meddler {
        fn wake(self: Arc<Self>) {
            let timers = TIMERS.with_borrow(Clone::clone).expect("it is set");
            let mut sleep = Box::pin(timers.sleep(SECOND).into_owned());
            assert!(poll(sleep.as_mut()).is_pending());
            let dropped = SLEEPS.replace(vec![sleep]);
            assert_eq!(dropped.len(), 3, "its own and its neighbours'");
            timers.next_deadline();
        }
    }
    let (clock, timers, _) = timers();
    TIMERS.set(Some(timers.clone()));
    let waker = Waker::from(Arc::new(Meddler));
    let others = [1, 1, 2].map(|n| {
        let mut sleep = Box::pin(timers.sleep(n * SECOND).into_owned());
        let waker = if n == 2 { Waker::noop() } else { &waker };
        let first = SLEEPS.with_borrow(Vec::is_empty);
        let waker = if first { waker } else { Waker::noop() };
        assert!(
            sleep
                .as_mut()
                .poll(&mut Context::from_waker(waker))
                .is_pending()
        );
        SLEEPS.with_borrow_mut(|sleeps| sleeps.push(sleep));
    });
    assert_eq!(others.len(), 3);
    clock.set(SECOND);
    assert!(!timers.advance(clock.now()));
    assert_eq!(timers.next_deadline(), Some(2 * SECOND), "the waker's own");
    drop(SLEEPS.take());
    TIMERS.set(None);
    assert_eq!(timers.next_deadline(), None);
}

/// A clock may hold what cannot go to other threads only behind a lock; a task need not.
#[test]
fn a_task_that_stays_on_its_thread_may_borrow_the_handle() {
    let (clock, timers, _) = timers();
    let slept = Rc::new(RefCell::new(Vec::new()));
    let mut task = {
        let (slept, timers) = (Rc::clone(&slept), timers.clone());
        Box::pin(async move {
            for n in 1..=3 {
                timers.sleep(SECOND).await;
                slept.borrow_mut().push(n);
            }
        })
    };
    let mut cx = Context::from_waker(Waker::noop());
    assert!(task.as_mut().poll(&mut cx).is_pending());
    while clock.advance_to_next(&timers).is_some() {
        if task.as_mut().poll(&mut cx).is_ready() {
            break;
        }
    }
    assert_eq!(*slept.borrow(), [1, 2, 3]);
    assert_eq!(clock.now(), 3 * SECOND);
}
