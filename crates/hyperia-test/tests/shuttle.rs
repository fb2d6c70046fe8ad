//! The helpers for many schedules: they find what they are for, and are never silently empty.
#![cfg(hyperia_shuttle)]

use hyperia_test::{schedules, schedules_at_every_poll};
use shuttle::sync::atomic::AtomicUsize;
use shuttle::sync::atomic::Ordering::SeqCst;
use shuttle::sync::{Arc, Mutex};
use shuttle::thread;
use std::future::{pending, poll_fn};
use std::mem;
use std::task::{Poll, Waker};

#[test]
#[should_panic(expected = "lost")]
fn a_lost_update_is_found() {
    schedules("lost update", 1_000, || {
        let count = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| count.store(count.load(SeqCst) + 1, SeqCst));
            }
        });
        assert_eq!(count.load(SeqCst), 2, "lost");
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn who_waits_for_ever_is_found() {
    schedules_at_every_poll("for ever", 10, |patience| {
        let other = thread::spawn(thread::yield_now);
        patience.wait_to_end(pending::<()>());
        other.join().expect("it does nothing");
    });
}

#[test]
#[should_panic(expected = "nothing is concurrent")]
fn a_scenario_without_a_choice_is_refused() {
    schedules("alone", 100, thread::yield_now);
}

#[test]
#[should_panic(expected = "wakers are left")]
fn a_waker_that_is_left_is_found() {
    schedules_at_every_poll("leak", 10, |patience| {
        let other = thread::spawn(thread::yield_now);
        patience.wait_for(poll_fn(|cx| {
            mem::forget(cx.waker().clone());
            Poll::Ready(())
        }));
        other.join().expect("it does nothing");
    });
}

/// A flag and a waker under a lock: what it takes to be right, and what to forget.
#[derive(Default)]
struct Flag(Mutex<(bool, Option<Waker>)>);

impl Flag {
    async fn wait(&self, keeps_the_first_waker: bool) {
        poll_fn(|cx| {
            let mut state = self.0.lock().expect("nobody panics");
            if state.0 {
                return Poll::Ready(());
            }
            if state.1.is_none() || !keeps_the_first_waker {
                state.1 = Some(cx.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    fn set(&self) {
        let mut state = self.0.lock().expect("nobody panics");
        state.0 = true;
        let waker = state.1.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[test]
fn a_future_is_dropped_after_each_number_of_polls() {
    let polls = schedules_at_every_poll("flag", 500, |patience| {
        let flag = Arc::new(Flag::default());
        let other = Arc::clone(&flag);
        let other = thread::spawn(move || other.set());
        patience.wait_for(flag.wait(false));
        other.join().expect("it only sets");
    });
    // Pending, pending again without reason, ready.
    assert_eq!(polls, 3);
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_future_that_wakes_an_earlier_waker_is_found() {
    schedules_at_every_poll("first waker", 500, |patience| {
        let flag = Arc::new(Flag::default());
        let other = Arc::clone(&flag);
        let other = thread::spawn(move || other.set());
        patience.wait_to_end(flag.wait(true));
        other.join().expect("it only sets");
    });
}
