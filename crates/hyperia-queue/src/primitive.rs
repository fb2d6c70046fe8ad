//! The only door to atomics, cells, locks and threads: the real ones, or a model checker's under
//! `cfg(hyperia_loom)` and `cfg(hyperia_shuttle)`. Shuttle has no cells: there they are the real ones.

#[cfg(hyperia_loom)]
use loom as checker;
#[cfg(hyperia_shuttle)]
use shuttle as checker;

#[cfg(not(any(hyperia_loom, hyperia_shuttle)))]
pub(crate) use alloc::sync::Arc;
#[cfg(any(hyperia_loom, hyperia_shuttle))]
pub(crate) use checker::sync::Arc;
#[cfg(any(hyperia_loom, hyperia_shuttle))]
pub(crate) use checker::sync::atomic::AtomicU64;
#[cfg(any(hyperia_loom, hyperia_shuttle))]
pub(crate) use checker::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
#[cfg(all(not(any(hyperia_loom, hyperia_shuttle)), target_has_atomic = "64"))]
pub(crate) use core::sync::atomic::AtomicU64;
#[cfg(not(any(hyperia_loom, hyperia_shuttle)))]
pub(crate) use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

#[cfg(hyperia_loom)]
pub(crate) use loom::cell::UnsafeCell;

/// A cell whose contents are reached only inside a closure, so that the model checker sees every
/// access.
#[cfg(not(hyperia_loom))]
#[derive(Debug, Default)]
#[repr(transparent)]
pub(crate) struct UnsafeCell<T: ?Sized>(core::cell::UnsafeCell<T>);

#[cfg(not(hyperia_loom))]
impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(core::cell::UnsafeCell::new(value))
    }
}

#[cfg(not(hyperia_loom))]
impl<T: ?Sized> UnsafeCell<T> {
    #[inline(always)]
    pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

/// Tells the processor that this thread waits for another one. A model checker explores by itself what may come in
/// between.
#[inline(always)]
pub(crate) fn spin_loop() {
    #[cfg(not(any(hyperia_loom, hyperia_shuttle)))]
    core::hint::spin_loop();
}
