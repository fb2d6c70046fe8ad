//! The only door to atomics, cells, locks and threads: the real ones, or the model checker's under
//! `cfg(hyperia_loom)`.

#[cfg(not(hyperia_loom))]
pub(crate) use core::sync::atomic::{AtomicBool, Ordering, fence};
#[cfg(hyperia_loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, Ordering, fence};

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
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

/// Lets another thread run.
#[cfg(not(hyperia_loom))]
pub(crate) fn yield_now() {
    std::thread::yield_now();
}
#[cfg(hyperia_loom)]
pub(crate) fn yield_now() {
    loom::thread::yield_now();
}

#[cfg(hyperia_loom)]
pub(crate) use loom::thread::ThreadId;
#[cfg(not(hyperia_loom))]
pub(crate) use std::thread::ThreadId;

/// Who runs this: asked of the system once per thread, then read from the thread's own memory.
#[cfg(not(hyperia_loom))]
#[inline]
pub(crate) fn thread_id() -> ThreadId {
    use core::cell::Cell;

    thread_local! {
        // Constant and without a destructor: readable as long as the thread runs anything at all.
        static ID: Cell<Option<ThreadId>> = const { Cell::new(None) };
    }

    #[cold]
    fn ask() -> ThreadId {
        let id = std::thread::current().id();
        ID.set(Some(id));
        id
    }

    ID.get().unwrap_or_else(ask)
}
#[cfg(hyperia_loom)]
pub(crate) fn thread_id() -> ThreadId {
    loom::thread::current().id()
}
