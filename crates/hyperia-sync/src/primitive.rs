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
pub(crate) use checker::sync::atomic::{
    AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};
#[cfg(not(any(hyperia_loom, hyperia_shuttle)))]
pub(crate) use core::sync::atomic::{
    AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

#[cfg(hyperia_loom)]
pub(crate) use loom::cell::UnsafeCell;

/// A cell whose contents are reached only inside a closure, so that the model checker sees every access.
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

/// A sequentially consistent fence between a read-modify-write of this thread, which stands right before it, and what
/// comes after it. On x86-64 the read-modify-write is one: nothing is moved over a locked instruction (Intel, *Software
/// Developer's Manual*, volume 3, 8.2.3.9), so that only the compiler has to be told.
#[inline(always)]
pub(crate) fn fence_after_rmw() {
    #[cfg(all(target_arch = "x86_64", not(any(hyperia_loom, hyperia_shuttle, miri))))]
    // ORDERING: the processor's part is done by the instruction before.
    core::sync::atomic::compiler_fence(Ordering::SeqCst);
    #[cfg(not(all(target_arch = "x86_64", not(any(hyperia_loom, hyperia_shuttle, miri)))))]
    // ORDERING: with the fence of the other side; the callers name the variables between them.
    fence(Ordering::SeqCst);
}
