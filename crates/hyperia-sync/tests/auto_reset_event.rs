//! What users of `AutoResetEvent` can rely on.
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::cell::Cell;
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Poll;

use futures_core::FusedFuture;
use hyperia_sync::AutoResetEvent;
use hyperia_test::alloc::{self, CountingAllocator};
use hyperia_test::{CountingWaker, drop_at_every_poll, poll_once};
use hyperia_wait::Block;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn a_set_lets_one_wait_pass_and_is_gone() {
    let event = AutoResetEvent::new();
    event.set();
    event.wait().block();
    assert!(!event.try_wait());
}

#[test]
fn sets_do_not_add_up() {
    let event = AutoResetEvent::default();
    event.set();
    event.set();
    assert!(event.try_wait());
    assert!(!event.try_wait());
}

#[test]
fn reset_takes_the_set_back() {
    let event = AutoResetEvent::new();
    assert!(!event.reset());
    event.set();
    assert!(event.reset());
    assert!(!event.try_wait());
}

#[test]
fn waiters_pass_in_the_order_in_which_they_came() {
    let event = AutoResetEvent::new();
    let counting = [
        CountingWaker::new(),
        CountingWaker::new(),
        CountingWaker::new(),
    ];
    let mut waits: Vec<_> = (0..3).map(|_| Box::pin(event.wait())).collect();
    for (wait, counting) in waits.iter_mut().zip(&counting) {
        assert!(poll_once(wait.as_mut(), &counting.waker()).is_pending());
    }
    for passed in 0..3 {
        event.set();
        assert!((0..3).all(|index| counting[index].wakes() == usize::from(index <= passed)));
        assert_eq!(
            poll_once(waits[passed].as_mut(), &counting[passed].waker()),
            Poll::Ready(())
        );
    }
    assert!(!event.try_wait());
}

#[test]
fn reset_does_not_call_a_waiter_back() {
    let (event, counting) = (AutoResetEvent::new(), CountingWaker::new());
    let mut wait = pin!(event.wait());
    assert!(poll_once(wait.as_mut(), &counting.waker()).is_pending());
    event.set();
    assert!(!event.reset());
    assert!(poll_once(wait.as_mut(), &counting.waker()).is_ready());
}

#[test]
fn a_set_given_to_a_dropped_wait_goes_to_the_next_or_stays() {
    let event = AutoResetEvent::new();
    let counting = [CountingWaker::new(), CountingWaker::new()];
    let mut waits: Vec<_> = (0..2).map(|_| Box::pin(event.wait())).collect();
    for (wait, counting) in waits.iter_mut().zip(&counting) {
        assert!(poll_once(wait.as_mut(), &counting.waker()).is_pending());
    }
    event.set();
    drop(waits.remove(0));
    assert_eq!(counting[1].wakes(), 1);
    drop(waits);
    assert!(event.try_wait());
}

#[test]
fn a_wait_may_be_dropped_at_every_poll() {
    let polls = drop_at_every_poll(
        || {
            // Kept, so that the leak checker finds it.
            static KEPT: Mutex<Vec<&'static AutoResetEvent>> = Mutex::new(Vec::new());
            let event: &'static AutoResetEvent = Box::leak(Box::default());
            KEPT.lock().unwrap().push(event);
            ((event, Cell::new(false)), event.wait())
        },
        |(event, set), k| {
            if k == 2 {
                event.set();
                set.set(true);
            }
        },
        |(event, set), _| {
            assert_eq!(
                event.try_wait(),
                set.get(),
                "a set is kept, and none made up"
            )
        },
    );
    assert_eq!(polls, 3);
}

#[test]
fn a_wait_is_a_fused_future() {
    let (event, counting) = (AutoResetEvent::new(), CountingWaker::new());
    let mut wait = pin!(event.wait());
    assert!(!wait.is_terminated());
    event.set();
    assert!(poll_once(wait.as_mut(), &counting.waker()).is_ready());
    assert!(wait.is_terminated());
}

#[test]
fn nothing_is_allocated() {
    let (event, counting) = (AutoResetEvent::new(), CountingWaker::new());
    let waker = counting.waker();
    let ((), counts) = alloc::count(|| {
        let mut wait = pin!(event.wait());
        assert!(poll_once(wait.as_mut(), &waker).is_pending());
        event.set();
        assert!(poll_once(wait.as_mut(), &waker).is_ready());
    });
    assert_eq!(counts.allocations, 0);
}

#[test]
fn every_set_that_is_answered_lets_a_thread_pass() {
    const ROUNDS: usize = 2_000;
    let (event, back, passed) = (
        AutoResetEvent::new(),
        AutoResetEvent::new(),
        AtomicUsize::new(0),
    );
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    event.wait().block();
                    passed.fetch_add(1, Relaxed);
                    back.set();
                }
            });
        }
        for _ in 0..2 * ROUNDS {
            event.set();
            back.wait().block();
        }
    });
    assert_eq!(passed.load(Relaxed), 2 * ROUNDS);
    assert!(!event.try_wait() && !back.try_wait());
}

#[test]
fn debug_says_what_it_is() {
    assert_eq!(
        format!("{:?}", AutoResetEvent::new()),
        "AutoResetEvent { .. }"
    );
}
