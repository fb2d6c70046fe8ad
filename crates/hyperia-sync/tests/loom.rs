//! Models of the event. (Its parts are modelled in hyperia-wait, those of oneshot beside it.)
#![cfg(hyperia_loom)]

use std::sync::Arc;

use hyperia_sync::AutoResetEvent;
use hyperia_test::{CountingWaker, model_roles, poll_once};
use hyperia_wait::block_on;
use loom::sync::atomic::Ordering::Relaxed;
use loom::sync::atomic::{AtomicBool, AtomicUsize};

struct Shared {
    event: AutoResetEvent,
    before: AtomicBool,
    passed: AtomicUsize,
    counting: Arc<CountingWaker>,
}

fn make() -> Shared {
    Shared {
        event: AutoResetEvent::new(),
        before: AtomicBool::new(false),
        passed: AtomicUsize::new(0),
        counting: CountingWaker::new(),
    }
}

fn set(shared: &Shared) {
    shared.before.store(true, Relaxed);
    shared.event.set();
}

/// Catches a set that is lost, that lets two pass, or that comes without what was done before.
///
/// Floor: one word, touched about three times by each of two threads.
#[test]
fn a_set_lets_one_waiter_pass() {
    model_roles(
        "AutoResetEvent: wait | set",
        10,
        make,
        &[
            |shared| {
                block_on(shared.event.wait());
                assert!(shared.before.load(Relaxed));
            },
            set,
        ],
        |shared| assert!(!shared.event.try_wait()),
    );
}

/// Catches a set that dies with the wait it was given to, and a reset that takes a second one.
///
/// Floor: as above, with a third thread that touches the word once or twice.
#[test]
fn a_set_is_kept_by_a_wait_that_goes_and_taken_by_a_reset() {
    model_roles(
        "AutoResetEvent: poll and drop | set | reset",
        50,
        make,
        &[
            |shared| {
                let mut wait = Box::pin(shared.event.wait());
                if poll_once(wait.as_mut(), &shared.counting.waker()).is_ready() {
                    shared.passed.fetch_add(1, Relaxed);
                }
            },
            set,
            |shared| {
                shared
                    .passed
                    .fetch_add(usize::from(shared.event.reset()), Relaxed);
            },
        ],
        |shared| {
            let left = usize::from(shared.event.try_wait());
            assert_eq!(shared.passed.load(Relaxed) + left, 1);
            assert_eq!(shared.counting.live(), 0);
        },
    );
}
