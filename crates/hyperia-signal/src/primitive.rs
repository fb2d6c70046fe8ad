//! The only door to atomics, cells, locks and threads: the real ones, or the model checker's under
//! `cfg(hyperia_loom)`.

#[cfg(not(hyperia_loom))]
pub(crate) use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
#[cfg(hyperia_loom)]
pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// Not modelled: it stands in a static, is locked to start and stop waiting for a signal, and never inside
/// a signal handler.
pub(crate) use std::sync::{Mutex as TableLock, OnceLock as TableOnce};
