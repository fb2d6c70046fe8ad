//! The only door to atomics, cells, locks and threads: the real ones, or the model checker's under
//! `cfg(hyperia_loom)`.

#[cfg(not(hyperia_loom))]
pub(crate) use core::sync::atomic::{AtomicU64, Ordering};
#[cfg(hyperia_loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};

/// A mutual exclusion lock. Not parking_lot's: it is off the fast path, and this crate would need the
/// dependency for nothing else.
#[derive(Debug)]
pub(crate) struct Lock<T>(
    #[cfg(not(hyperia_loom))] std::sync::Mutex<T>,
    #[cfg(hyperia_loom)] loom::sync::Mutex<T>,
);

impl<T> Lock<T> {
    #[cfg(not(hyperia_loom))]
    pub(crate) const fn new(value: T) -> Self {
        Self(std::sync::Mutex::new(value))
    }

    #[cfg(hyperia_loom)]
    pub(crate) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> impl core::ops::DerefMut<Target = T> + '_ {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
