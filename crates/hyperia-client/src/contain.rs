//! Where the user's code is called: a panic in it ends here.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls `f`; a panic is counted and gives `None`. The caller must be able to go on whatever `f` left undone.
pub(crate) fn contain<R>(panics: &mut u64, f: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(value) => Some(value),
        Err(payload) => {
            *panics += 1;
            // A payload is user data too: one that panics when dropped is leaked.
            if let Err(again) = catch_unwind(AssertUnwindSafe(move || drop(payload))) {
                core::mem::forget(again);
            }
            None
        }
    }
}
