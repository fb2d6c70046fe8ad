//! Values and facts whose every access the model checker sees.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use loom::cell::UnsafeCell;

/// Written by one role and read by another: a failure unless the write happened before the read.
pub(crate) struct Fact(UnsafeCell<bool>);

// SAFETY: the model checker fails on every pair of accesses that are not ordered.
unsafe impl Sync for Fact {}

impl Fact {
    pub(crate) fn new() -> Self {
        Self(UnsafeCell::new(false))
    }

    pub(crate) fn establish(&self) {
        // SAFETY: checked by the model.
        self.0.with_mut(|fact| unsafe { *fact = true });
    }

    pub(crate) fn assert(&self) {
        // SAFETY: checked by the model.
        assert!(self.0.with(|fact| unsafe { *fact }));
    }
}

/// A value that counts its drops; the count is no part of the model.
pub(crate) struct Counted {
    pub(crate) value: usize,
    drops: Arc<AtomicUsize>,
}

/// Makes counted values.
#[derive(Clone, Default)]
pub(crate) struct Counter {
    made: Arc<AtomicUsize>,
    drops: Arc<AtomicUsize>,
}

impl Counter {
    pub(crate) fn make(&self, value: usize) -> Counted {
        // ORDERING: Relaxed, a count.
        self.made.fetch_add(1, Relaxed);
        Counted {
            value,
            drops: Arc::clone(&self.drops),
        }
    }

    pub(crate) fn assert_all_dropped_once(&self) {
        // ORDERING: Relaxed, read after all threads were joined.
        assert_eq!(self.made.load(Relaxed), self.drops.load(Relaxed));
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // ORDERING: Relaxed, a count.
        self.drops.fetch_add(1, Relaxed);
    }
}

/// What was popped, in order. Not modelled, and never waited for: one role at a time uses it.
#[derive(Default)]
pub(crate) struct Log(Mutex<Vec<usize>>);

impl Log {
    pub(crate) fn push(&self, value: usize) {
        self.0.lock().unwrap().push(value);
    }

    pub(crate) fn values(&self) -> Vec<usize> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn sorted(&self) -> Vec<usize> {
        let mut values = self.values();
        values.sort_unstable();
        values
    }
}
