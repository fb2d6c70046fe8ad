//! The only door to atomics, cells, locks and threads: the real ones, or a model checker's under
//! `cfg(hyperia_loom)` and `cfg(hyperia_shuttle)`. Shuttle has no cells: there they are the real ones.

#[cfg(hyperia_loom)]
use loom as checker;
#[cfg(hyperia_shuttle)]
use shuttle as checker;

#[cfg(any(hyperia_loom, hyperia_shuttle))]
pub(crate) use checker::sync::atomic::{AtomicU32, Ordering};
#[cfg(not(any(hyperia_loom, hyperia_shuttle)))]
pub(crate) use core::sync::atomic::{AtomicU32, Ordering};

#[cfg(not(any(hyperia_loom, hyperia_shuttle)))]
use core::hint;
#[cfg(hyperia_shuttle)]
use shuttle::hint;
#[cfg(all(feature = "std", hyperia_shuttle))]
use shuttle::thread;
#[cfg(all(feature = "std", not(any(hyperia_loom, hyperia_shuttle))))]
use std::thread;

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

/// Tells the processor that this thread waits for another one's few instructions.
#[cfg(not(hyperia_loom))]
pub(crate) fn spin_loop() {
    hint::spin_loop();
}
#[cfg(hyperia_loom)]
pub(crate) fn spin_loop() {
    loom::thread::yield_now();
}

/// Lets another thread run, where the environment has threads; otherwise a longer look at the same word.
#[cfg(all(feature = "std", not(hyperia_loom)))]
pub(crate) fn yield_now() {
    thread::yield_now();
}
#[cfg(any(not(feature = "std"), hyperia_loom))]
pub(crate) fn yield_now() {
    spin_loop();
}

/// Lets the model checker leave it at one way to go on. For the second look at a taken lock: a look
/// changes nothing, so this execution is like one with fewer looks, which is explored as well.
#[cfg(hyperia_loom)]
pub(crate) fn explore_no_further() {
    loom::skip_branch();
}

/// A thread that may sleep.
#[cfg(all(feature = "std", not(hyperia_loom)))]
pub(crate) struct Sleeper(thread::Thread);

#[cfg(all(feature = "std", not(hyperia_loom)))]
impl Sleeper {
    /// The calling thread.
    pub(crate) fn current() -> Self {
        Self(thread::current())
    }

    /// Lets the next sleep of the thread, or the one it is in, end.
    pub(crate) fn unpark(&self) {
        self.0.unpark();
    }

    /// Sleeps; called by the thread itself. May end early.
    pub(crate) fn park(&self) {
        thread::park();
    }

    /// Sleeps, but not much longer than `timeout`; called by the thread itself. May end early.
    pub(crate) fn park_timeout(&self, timeout: core::time::Duration) {
        thread::park_timeout(timeout);
    }
}

/// Not loom's `unpark`: that also ends the `join` of a thread that has long gone on.
#[cfg(all(feature = "std", hyperia_loom))]
pub(crate) struct Sleeper(loom::sync::Notify);

#[cfg(all(feature = "std", hyperia_loom))]
impl Sleeper {
    pub(crate) fn current() -> Self {
        Self(loom::sync::Notify::new())
    }

    pub(crate) fn unpark(&self) {
        self.0.notify();
    }

    pub(crate) fn park(&self) {
        self.0.wait();
    }

    /// No time passes in a model.
    pub(crate) fn park_timeout(&self, _: core::time::Duration) {
        yield_now();
    }
}
