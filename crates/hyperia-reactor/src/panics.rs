//! Keeps one panicking waker from costing others their wake-up.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::thread;

/// Collects panics of foreign code and raises the first one at the end.
#[derive(Default)]
pub(crate) struct Panics {
    first: Option<Box<dyn Any + Send>>,
}

impl Panics {
    /// Runs `f`; a panic is kept for `resume`. Callers pass closures that only call a waker or drop one:
    /// they share no state with what runs afterwards, so none can be seen half changed.
    pub(crate) fn catch(&mut self, f: impl FnOnce()) {
        if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(f)) {
            if self.first.is_none() {
                self.first = Some(payload);
            } else {
                // Dropping a payload is foreign code again, and may panic. It leaks instead.
                std::mem::forget(payload);
            }
        }
    }

    /// Raises the first panic that was caught, unless this thread is unwinding already.
    pub(crate) fn resume(self) {
        match self.first {
            Some(payload) if thread::panicking() => std::mem::forget(payload),
            Some(payload) => panic::resume_unwind(payload),
            None => {}
        }
    }
}
