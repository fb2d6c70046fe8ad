//! The only door to atomics, cells, locks and threads: the real ones, or the model checker's under
//! `cfg(hyperia_loom)`.

#[cfg(not(hyperia_loom))]
pub(crate) use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Ordering};
#[cfg(hyperia_loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Ordering};

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

/// A number that differs between most threads, for those without a seat: a hint, where to look first. It
/// is where the stack is, and stacks lie far apart.
#[cfg(not(hyperia_loom))]
pub(crate) fn spread() -> usize {
    let here = 0_u8;
    (&raw const here).addr() >> 21
}
#[cfg(hyperia_loom)]
pub(crate) fn spread() -> usize {
    0
}

/// How many threads can run at once, as far as this is known. Asked once: the system reads files for it.
#[cfg(all(feature = "std", not(hyperia_loom)))]
pub(crate) fn parallelism() -> usize {
    static KNOWN: AtomicUsize = AtomicUsize::new(0);
    // ORDERING: one number, which carries nothing else.
    match KNOWN.load(Ordering::Relaxed) {
        0 => {
            let count = std::thread::available_parallelism().map_or(1, core::num::NonZero::get);
            // ORDERING: of two that ask at the same time either may be last.
            KNOWN.store(count, Ordering::Relaxed);
            count
        }
        count => count,
    }
}
#[cfg(any(not(feature = "std"), hyperia_loom))]
pub(crate) fn parallelism() -> usize {
    1
}
