//! What all test binaries of this crate share.
use hyperia_executor::LocalExecutor;
use std::task::Waker;

/// An executor that nobody sleeps for.
pub(crate) fn executor() -> LocalExecutor {
    LocalExecutor::new(Waker::noop().clone())
}

/// Runs until nothing is ready, within bounds.
#[track_caller]
pub(crate) fn settle(executor: &LocalExecutor) {
    for _ in 0..10_000 {
        if !executor.run(64) {
            return;
        }
    }
    panic!("the executor never comes to rest");
}
