//! The main future's wake-up against the loop that is about to sleep.
//!
//! Floor: the look and its swap come before, around or after the one swap of the wake: 3 at least.
use super::MainWaker;
use crate::loop_waker::LoopWaker;
use hyperia_test::{CountingWaker, model_roles};
use loom::cell::UnsafeCell;
use std::sync::Arc;

struct Main {
    counting: Arc<CountingWaker>,
    waker: MainWaker,
    /// What the waking thread did before it woke.
    work: UnsafeCell<usize>,
}

// SAFETY: `work` is written before a wake and read after the `take` that saw it; the model checks it.
unsafe impl Sync for Main {}

fn make() -> Main {
    let counting = CountingWaker::new();
    let waker = MainWaker::new(LoopWaker::new(counting.waker()));
    Main {
        counting,
        waker,
        work: UnsafeCell::new(0),
    }
}

fn wake(main: &Main) {
    // SAFETY: nobody else touches it before the wake.
    main.work.with_mut(|work| unsafe { *work = 1 });
    if main.waker.set() {
        main.waker.bell.ring();
    }
}

fn take(main: &Main) {
    if main.waker.take() {
        // SAFETY: after the wake, which is what is being modelled.
        assert_eq!(main.work.with(|work| unsafe { *work }), 1);
    }
}

/// Fails if either ordering of the edge wake → take is weaker.
#[test]
fn what_the_waker_did_is_seen_by_the_poll() {
    model_roles(
        "main waker: wake against take",
        3,
        make,
        &[wake, take],
        |main| {
            assert!(main.counting.wakes() <= 1);
            take(main);
        },
    );
}
