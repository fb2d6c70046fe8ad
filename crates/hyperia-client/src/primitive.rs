//! The only door to atomics, cells, locks and threads: the real ones, or the model checker's under
//! `cfg(hyperia_loom)`.

#[cfg(not(hyperia_loom))]
pub(crate) use core::sync::atomic::{AtomicU64, Ordering};
#[cfg(hyperia_loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};

/// A mutual exclusion lock in parking_lot's shape (std crates only).
#[cfg(not(hyperia_loom))]
pub(crate) use parking_lot::Mutex;
#[cfg(hyperia_loom)]
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);
#[cfg(hyperia_loom)]
impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }
    pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
