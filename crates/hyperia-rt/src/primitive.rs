//! The only door to atomics, cells, locks and threads: the real ones, or the model checker's under
//! `cfg(hyperia_loom)`.

#[cfg(not(hyperia_loom))]
pub(crate) use core::sync::atomic::{AtomicBool, Ordering};
#[cfg(hyperia_loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, Ordering};

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

/// The driver's thread is a real one in either case: it waits in the kernel, which is not modelled.
pub(crate) use std::thread::{Builder, JoinHandle, current};
