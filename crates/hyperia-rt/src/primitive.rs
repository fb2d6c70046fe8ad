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

/// The driver's thread is a real one in either case: it waits in the kernel, which is not modelled.
pub(crate) use std::thread::{Builder, JoinHandle, current};
