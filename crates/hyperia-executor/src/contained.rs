//! Keeps a panic of user code where it happened.
//!
//! The task cell below us aborts the process if a future or an output panics when it is dropped. So
//! futures and outputs are destroyed here, behind `catch_unwind`, before the cell gets to it.
use core::any::Any;
use core::mem;
use std::boxed::Box;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a panic carried.
pub(crate) type Payload = Box<dyn Any + Send + 'static>;

/// Runs `f`; what it panicked with comes back.
#[inline]
pub(crate) fn contain<R>(f: impl FnOnce() -> R) -> Result<R, Payload> {
    // Whatever a panic leaves half done belongs to the task that panicked and goes down with it.
    catch_unwind(AssertUnwindSafe(f))
}

/// Drops `value`; the panic hook has reported a panic of its destructor, which ends here.
pub(crate) fn drop_contained<T>(value: T) {
    if let Err(payload) = contain(|| drop(value)) {
        // A payload is user code too. One that panics in its destructor may panic again and again:
        // it is tried once and then forgotten.
        if let Err(again) = contain(|| drop(payload)) {
            mem::forget(again);
        }
    }
}

/// What a task ended with, safe to drop anywhere.
pub(crate) struct Outcome<T>(Option<Result<T, Payload>>);

impl<T> Outcome<T> {
    pub(crate) fn new(result: Result<T, Payload>) -> Self {
        Self(Some(result))
    }

    /// The value, or the task's panic going on in the caller.
    pub(crate) fn unwrap_or_resume(mut self) -> T {
        match self.0.take().expect("an outcome is taken once, by value") {
            Ok(value) => value,
            Err(payload) => std::panic::resume_unwind(payload),
        }
    }
}

impl<T> Drop for Outcome<T> {
    fn drop(&mut self) {
        if let Some(result) = self.0.take() {
            drop_contained(result);
        }
    }
}
