//! The only door to atomics, cells, locks and threads: the real ones, or the model checker's under
//! `cfg(hyperia_loom)`.

#[cfg(not(hyperia_loom))]
pub(crate) use core::sync::atomic::{AtomicUsize, Ordering};
#[cfg(hyperia_loom)]
pub(crate) use loom::sync::atomic::{AtomicUsize, Ordering};

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

/// A small number that differs between threads: they count themselves as they come. A hint, where to
/// look first.
#[cfg(all(feature = "std", not(hyperia_loom)))]
#[inline(always)]
pub(crate) fn thread_index() -> usize {
    std::thread_local! {
        // Constant and without a destructor: reading it is one load, at any time in a thread's life.
        static INDEX: core::cell::Cell<usize> = const { core::cell::Cell::new(usize::MAX) };
    }
    #[cold]
    fn number() -> usize {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        // ORDERING: a count, which carries nothing.
        let index = NEXT.fetch_add(1, Ordering::Relaxed) & (usize::MAX >> 1);
        INDEX.set(index);
        index
    }
    match INDEX.get() {
        usize::MAX => number(),
        index => index,
    }
}

/// Without threads known, all begin at the same place.
#[cfg(all(not(feature = "std"), not(hyperia_loom)))]
pub(crate) fn thread_index() -> usize {
    0
}

#[cfg(hyperia_loom)]
loom::thread_local! {
    static INDEX: core::cell::Cell<usize> = core::cell::Cell::new(0);
}

/// In a model a thread begins at 0 unless it said otherwise.
#[cfg(hyperia_loom)]
pub(crate) fn thread_index() -> usize {
    INDEX.with(core::cell::Cell::get)
}

/// Says where this thread of a model begins.
#[cfg(all(test, hyperia_loom))]
pub(crate) fn set_thread_index(index: usize) {
    INDEX.with(|cell| cell.set(index));
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
