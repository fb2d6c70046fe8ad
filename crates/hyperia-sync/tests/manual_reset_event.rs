//! What users of `ManualResetEvent` can rely on.
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Mutex;
use std::time::Duration;

use futures_core::FusedFuture;
use hyperia_sync::ManualResetEvent;
use hyperia_test::alloc::{self, CountingAllocator};
use hyperia_test::{CountingWaker, PanicOn, PanicWaker, drop_at_every_poll, poll_once};
use hyperia_wait::Block;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn it_begins_as_it_is_told() {
    assert!(ManualResetEvent::new(true).is_set());
    assert!(!ManualResetEvent::new(false).is_set());
    assert!(!ManualResetEvent::default().is_set());
}

#[test]
fn everybody_passes_until_reset() {
    let (event, counting) = (ManualResetEvent::new(false), CountingWaker::new());
    event.set();
    event.set();
    event.wait().block();
    event.wait().block();
    assert!(event.reset() && !event.reset());
    assert!(poll_once(pin!(event.wait()), &counting.waker()).is_pending());
}

#[test]
fn a_set_wakes_all_who_wait_in_the_order_in_which_they_came() {
    /// Notes who was woken.
    struct Noting(&'static Mutex<Vec<usize>>, usize);
    impl std::task::Wake for Noting {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.lock().unwrap().push(self.1);
        }
    }
    static ORDER: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    let event = ManualResetEvent::new(false);
    // More than one batch of the queue.
    let mut waits: Vec<_> = (0..40).map(|_| Box::pin(event.wait())).collect();
    let wakers: Vec<_> = (0..40)
        .map(|index| std::sync::Arc::new(Noting(&ORDER, index)).into())
        .collect();
    for (wait, waker) in waits.iter_mut().zip(&wakers) {
        assert!(poll_once(wait.as_mut(), waker).is_pending());
    }
    event.set();
    assert!(ORDER.lock().unwrap().iter().copied().eq(0..40));
    for (wait, waker) in waits.iter_mut().zip(&wakers) {
        assert!(poll_once(wait.as_mut(), waker).is_ready());
    }
}

#[test]
fn a_pulse_ends_the_waits_that_had_begun_and_no_other() {
    let (event, counting) = (ManualResetEvent::new(false), CountingWaker::new());
    let (mut begun, mut not_polled) = (pin!(event.wait()), pin!(event.wait()));
    assert!(poll_once(begun.as_mut(), &counting.waker()).is_pending());
    event.set();
    event.reset();
    assert_eq!(counting.wakes(), 1);
    assert!(poll_once(begun, &counting.waker()).is_ready());
    assert!(poll_once(not_polled.as_mut(), &counting.waker()).is_pending());
}

#[test]
fn a_wait_may_be_dropped_at_every_poll() {
    let polls = drop_at_every_poll(
        || {
            // Kept, so that the leak checker finds it.
            static KEPT: Mutex<Vec<&'static ManualResetEvent>> = Mutex::new(Vec::new());
            let event: &'static ManualResetEvent = Box::leak(Box::default());
            KEPT.lock().unwrap().push(event);
            ((event, Cell::new(false)), event.wait())
        },
        |(event, set), k| {
            if k == 2 {
                event.set();
                set.set(true);
            }
        },
        |(event, set), _| assert_eq!(event.is_set(), set.get()),
    );
    assert_eq!(polls, 3);
}

#[test]
fn a_dropped_wait_leaves_the_others_theirs() {
    let (event, counting) = (ManualResetEvent::new(false), CountingWaker::new());
    let mut waits: Vec<_> = (0..3).map(|_| Box::pin(event.wait())).collect();
    for wait in &mut waits {
        assert!(poll_once(wait.as_mut(), &counting.waker()).is_pending());
    }
    drop(waits.remove(1));
    event.set();
    assert_eq!(counting.wakes(), 2);
    drop(waits);
    assert!(event.is_set());
}

#[test]
fn the_waker_of_the_last_poll_is_woken() {
    let event = ManualResetEvent::new(false);
    let (first, second) = (CountingWaker::new(), CountingWaker::new());
    let mut wait = pin!(event.wait());
    assert!(poll_once(wait.as_mut(), &first.waker()).is_pending());
    assert!(poll_once(wait.as_mut(), &second.waker()).is_pending());
    event.set();
    assert_eq!((first.wakes(), second.wakes(), first.live()), (0, 1, 0));
}

#[test]
fn a_waker_that_panics_takes_nobody_elses_wake_up() {
    let (event, counting) = (ManualResetEvent::new(false), CountingWaker::new());
    let panicking = PanicWaker::new(PanicOn::Wake);
    let (mut first, mut second) = (pin!(event.wait()), pin!(event.wait()));
    assert!(poll_once(first.as_mut(), &panicking.waker()).is_pending());
    assert!(poll_once(second.as_mut(), &counting.waker()).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| event.set())).is_err());
    assert!(event.is_set());
    assert_eq!((panicking.panics(), counting.wakes()), (1, 1));
    let panicking = PanicWaker::new(PanicOn::Clone);
    event.reset();
    let mut third = pin!(event.wait());
    let waker = panicking.waker();
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(third.as_mut(), &waker))).is_err());
    event.set();
    assert!(poll_once(third, &counting.waker()).is_ready());
}

#[test]
fn a_waker_may_use_the_event() {
    struct Resets(&'static ManualResetEvent);
    impl std::task::Wake for Resets {
        fn wake(self: std::sync::Arc<Self>) {
            assert!(self.0.reset());
        }
    }
    static EVENT: ManualResetEvent = ManualResetEvent::new(false);
    let waker = std::sync::Arc::new(Resets(&EVENT)).into();
    let mut wait = pin!(EVENT.wait());
    assert!(poll_once(wait.as_mut(), &waker).is_pending());
    EVENT.set();
    assert!(!EVENT.is_set());
    assert!(poll_once(wait, &waker).is_ready());
}

#[test]
fn a_wait_is_a_fused_future() {
    let (event, counting) = (ManualResetEvent::new(true), CountingWaker::new());
    let mut wait = pin!(event.wait());
    assert!(!wait.is_terminated());
    assert!(poll_once(wait.as_mut(), &counting.waker()).is_ready());
    assert!(wait.is_terminated());
    assert_eq!(counting.clones(), 0);
}

#[test]
#[should_panic(expected = "polled again after it was ready")]
fn a_wait_that_was_ready_must_not_be_polled_again() {
    let (event, counting) = (ManualResetEvent::new(true), CountingWaker::new());
    let mut wait = pin!(event.wait());
    assert!(poll_once(wait.as_mut(), &counting.waker()).is_ready());
    let _ = poll_once(wait, &counting.waker());
}

#[test]
fn a_wait_may_time_out() {
    let event = ManualResetEvent::new(false);
    assert!(event.wait().block_timeout(Duration::ZERO).is_err());
    event.set();
    assert!(event.wait().block_timeout(Duration::ZERO).is_ok());
}

#[test]
fn nothing_is_allocated() {
    let (event, counting) = (ManualResetEvent::new(false), CountingWaker::new());
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
fn every_pulse_between_two_threads_arrives() {
    const ROUNDS: usize = 2_000;
    let (there, back) = (ManualResetEvent::new(false), ManualResetEvent::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                there.wait().block();
                assert!(there.reset());
                back.set();
            }
        });
        for _ in 0..ROUNDS {
            there.set();
            back.wait().block();
            assert!(back.reset());
        }
    });
    assert!(!there.is_set() && !back.is_set());
}

#[test]
fn debug_says_what_it_is() {
    assert_eq!(
        format!("{:?}", ManualResetEvent::new(true)),
        "ManualResetEvent { is_set: true, .. }"
    );
}
