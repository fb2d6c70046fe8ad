//! Signals are the process's, so the tests of a binary take turns.
use hyperia_signal::Signal;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held by a test for as long as it has to do with signals.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    // A test that failed says so itself.
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends a signal to this very thread; it has been handled when this returns.
pub(crate) fn raise(signal: Signal) {
    // SAFETY: no pointers are involved.
    assert_eq!(unsafe { libc::raise(signal.as_raw()) }, 0);
}
