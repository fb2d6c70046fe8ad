//! The only door to atomics, cells, locks and threads: the real ones, or the model checker's under
//! `cfg(hyperia_loom)`.

#[cfg(not(hyperia_loom))]
pub(crate) use core::sync::atomic::Ordering;
#[cfg(hyperia_loom)]
pub(crate) use loom::sync::atomic::Ordering;

#[cfg(all(feature = "std", not(hyperia_loom)))]
pub(crate) use core::sync::atomic::{AtomicU32, AtomicU64};
#[cfg(all(test, hyperia_loom))]
pub(crate) use loom::sync::atomic::AtomicU64;

/// The fence that both halves are as good as.
pub(crate) fn fence_seq_cst() {
    #[cfg(not(hyperia_loom))]
    use core::sync::atomic::fence;
    #[cfg(hyperia_loom)]
    use loom::sync::atomic::fence;
    // ORDERING: with the fences of the other side; the callers name the variables between them.
    fence(Ordering::SeqCst);
}

/// Nothing but an order to the compiler.
#[cfg(not(hyperia_loom))]
#[inline(always)]
pub(crate) fn fence_light() {
    // ORDERING: the processor's part is done by `fence_heavy`.
    core::sync::atomic::compiler_fence(Ordering::SeqCst);
}

/// In a model each half is what it stands for.
#[cfg(hyperia_loom)]
pub(crate) fn fence_light() {
    fence_seq_cst();
}

#[cfg(hyperia_loom)]
loom::thread_local! {
    /// Where a thread of a model sits.
    pub(crate) static SEAT: core::cell::Cell<Option<usize>> = core::cell::Cell::new(None);
}
