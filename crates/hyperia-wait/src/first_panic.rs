//! Going on after a panic in user code.

#[cfg(feature = "std")]
use alloc::boxed::Box;
#[cfg(feature = "std")]
use core::any::Any;
#[cfg(feature = "std")]
use core::mem;
#[cfg(feature = "std")]
use std::panic;

/// How often in a row a payload may panic when it is dropped, with a payload that does so, too.
#[cfg(feature = "std")]
const DROPS_MAX: usize = 4;

/// Drops what a panic carried. That is user code again: if it does not stop panicking, what is left leaks.
#[cfg(feature = "std")]
fn discard(mut payload: Box<dyn Any + Send>) {
    for _ in 0..DROPS_MAX {
        match panic::catch_unwind(panic::AssertUnwindSafe(|| drop(payload))) {
            Ok(()) => return,
            Err(next) => payload = next,
        }
    }
    mem::forget(payload);
}

/// Keeps the first panic of a row of calls into user code, so that all of them are made.
///
/// Without `std` nothing can be caught: a panic leaves at once, and the caller's `Drop` goes on.
pub(crate) struct FirstPanic {
    #[cfg(feature = "std")]
    payload: Option<Box<dyn Any + Send>>,
}

impl FirstPanic {
    pub(crate) const fn new() -> Self {
        Self {
            #[cfg(feature = "std")]
            payload: None,
        }
    }

    /// Calls `f`; keeps its panic if it is the first.
    pub(crate) fn run(&mut self, f: impl FnOnce()) {
        #[cfg(feature = "std")]
        if let Err(payload) = panic::catch_unwind(panic::AssertUnwindSafe(f)) {
            if self.payload.is_none() {
                self.payload = Some(payload);
            } else {
                discard(payload);
            }
        }
        #[cfg(not(feature = "std"))]
        f();
    }

    /// Goes on with the panic that was kept, if there was one.
    pub(crate) fn resume(self) {
        #[cfg(feature = "std")]
        if let Some(payload) = self.payload {
            panic::resume_unwind(payload);
        }
    }
}
