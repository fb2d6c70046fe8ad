//! The only door to atomics, cells, locks and threads: the real ones, or the model checker's under
//! `cfg(hyperia_loom)`.

#[cfg(not(hyperia_loom))]
pub(crate) use core::sync::atomic::{AtomicU32, Ordering};
#[cfg(hyperia_loom)]
pub(crate) use loom::sync::atomic::{AtomicU32, Ordering};

#[cfg(hyperia_loom)]
pub(crate) use loom::cell::UnsafeCell;

/// A cell whose contents are reached only inside a closure, so that the model checker sees every access.
#[cfg(not(hyperia_loom))]
#[derive(Debug, Default)]
#[repr(transparent)]
pub(crate) struct UnsafeCell<T>(core::cell::UnsafeCell<T>);

#[cfg(not(hyperia_loom))]
impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(core::cell::UnsafeCell::new(value))
    }

    #[inline(always)]
    pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

/// Tells the processor that this thread waits for another one's few instructions.
#[cfg(not(hyperia_loom))]
pub(crate) fn spin_loop() {
    core::hint::spin_loop();
}
#[cfg(hyperia_loom)]
pub(crate) fn spin_loop() {
    loom::thread::yield_now();
}

/// Lets another thread run, where the environment has threads; otherwise a longer look at the same word.
#[cfg(all(feature = "std", not(hyperia_loom)))]
pub(crate) fn yield_now() {
    std::thread::yield_now();
}
#[cfg(any(not(feature = "std"), hyperia_loom))]
pub(crate) fn yield_now() {
    spin_loop();
}

#[cfg(all(feature = "std", hyperia_loom))]
pub(crate) use loom::thread::{self, Thread};
#[cfg(all(feature = "std", not(hyperia_loom)))]
pub(crate) use std::thread::{self, Thread};
