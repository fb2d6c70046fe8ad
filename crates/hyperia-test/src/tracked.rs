//! Values and facts whose every access the model checker sees.

use std::fmt;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use loom::cell::UnsafeCell;

/// Written by one role and read by another: a failure unless the write happened before the read.
pub struct Fact(UnsafeCell<bool>);

// SAFETY: the model checker fails on every pair of accesses that are not ordered.
unsafe impl Sync for Fact {}

impl Default for Fact {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fact").finish_non_exhaustive()
    }
}

impl Fact {
    /// Not established yet.
    pub fn new() -> Self {
        Self(UnsafeCell::new(false))
    }

    /// Writes it.
    pub fn establish(&self) {
        // SAFETY: checked by the model.
        self.0.with_mut(|fact| unsafe { *fact = true });
    }

    /// Reads it.
    ///
    /// # Panics
    /// If it was not established before; by the model checker, if that is not ordered before this.
    pub fn assert(&self) {
        // SAFETY: checked by the model.
        assert!(self.0.with(|fact| unsafe { *fact }));
    }
}

/// A value that counts its drops; the count is no part of the model.
#[derive(Debug)]
pub struct Counted {
    /// What it is.
    pub value: usize,
    drops: Arc<AtomicUsize>,
}

/// Makes counted values.
#[derive(Clone, Debug, Default)]
pub struct Counter {
    made: Arc<AtomicUsize>,
    drops: Arc<AtomicUsize>,
}

impl Counter {
    /// Makes one.
    pub fn make(&self, value: usize) -> Counted {
        // ORDERING: Relaxed, a count.
        self.made.fetch_add(1, Relaxed);
        Counted {
            value,
            drops: Arc::clone(&self.drops),
        }
    }

    /// Compares.
    ///
    /// # Panics
    /// If not as many were dropped as made.
    pub fn assert_all_dropped_once(&self) {
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
#[derive(Debug, Default)]
pub struct Log(Mutex<Vec<usize>>);

impl Log {
    /// Appends.
    ///
    /// # Panics
    /// If a role panicked here.
    pub fn push(&self, value: usize) {
        self.0.lock().unwrap().push(value);
    }

    /// All of them.
    ///
    /// # Panics
    /// If a role panicked here.
    pub fn values(&self) -> Vec<usize> {
        self.0.lock().unwrap().clone()
    }

    /// All of them, the smallest first.
    pub fn sorted(&self) -> Vec<usize> {
        let mut values = self.values();
        values.sort_unstable();
        values
    }
}
