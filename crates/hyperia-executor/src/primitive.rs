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
pub(crate) fn thread_id() -> ThreadId {
    KNOWN.get().unwrap_or_else(|| {
        let id = std::thread::current().id();
        KNOWN.set(Some(id));
        id
    })
}
#[cfg(hyperia_loom)]
pub(crate) fn thread_id() -> ThreadId {
    loom::thread::current().id()
}

/// Whether `id`, which came from [`thread_id`], is who runs this: a load and a comparison.
#[cfg(not(hyperia_loom))]
#[inline(always)]
pub(crate) fn is_this_thread(id: ThreadId) -> bool {
    // A thread that has not asked for its own id yet is not one whose id we have.
    KNOWN.get() == Some(id)
}
#[cfg(hyperia_loom)]
pub(crate) fn is_this_thread(id: ThreadId) -> bool {
    thread_id() == id
}

#[cfg(not(hyperia_loom))]
std::thread_local! {
    /// This thread's id, once it was asked for. Constant and without a destructor: readable as long as the
    /// thread runs anything at all.
    static KNOWN: core::cell::Cell<Option<ThreadId>> = const { core::cell::Cell::new(None) };
}
