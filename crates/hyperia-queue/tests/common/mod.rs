//! Values that tell what became of them, and a small random source.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

/// Counts how many of its values live, and how many were dropped.
#[derive(Clone, Default)]
pub(crate) struct Counter {
    made: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
}

/// A value with a heap block of its own, so that a double drop is a double free for a sanitizer.
pub(crate) struct Counted {
    pub(crate) value: Box<usize>,
    is_to_panic: bool,
    dropped: Arc<AtomicUsize>,
}

impl Counter {
    pub(crate) fn make(&self, value: usize) -> Counted {
        // ORDERING: Relaxed, a count that is read after all threads were joined.
        self.made.fetch_add(1, Relaxed);
        Counted {
            value: Box::new(value),
            is_to_panic: false,
            dropped: Arc::clone(&self.dropped),
        }
    }

    /// A value whose drop panics, after it was counted.
    pub(crate) fn make_panicking(&self, value: usize) -> Counted {
        let mut counted = self.make(value);
        counted.is_to_panic = true;
        counted
    }

    pub(crate) fn dropped(&self) -> usize {
        // ORDERING: Relaxed, as above.
        self.dropped.load(Relaxed)
    }

    #[track_caller]
    pub(crate) fn assert_all_dropped_once(&self) {
        // ORDERING: Relaxed, as above.
        assert_eq!(self.dropped(), self.made.load(Relaxed));
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // ORDERING: Relaxed, as above.
        self.dropped.fetch_add(1, Relaxed);
        assert!(!self.is_to_panic, "the drop of value {}", self.value);
    }
}

/// Marsaglia, *Xorshift RNGs*, 2003.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}
