//! A slot of the queue: a value and the stamp that says whose turn it is. States, invariants and
//! orderings are those of the queue.

use core::mem::MaybeUninit;

use crate::primitive::Ordering::*;
use crate::primitive::{AtomicUsize, UnsafeCell};

/// Bit of a stamp: there is a value.
pub(super) const FULL: usize = 1;

/// A place for one value.
pub(super) struct Slot<T> {
    pub(super) stamp: AtomicUsize,
    /// Touched by the claimers of its positions only (invariants 1 and 2).
    value: UnsafeCell<MaybeUninit<T>>,
}

impl<T> Slot<T> {
    /// A free slot whose first position is `position`.
    pub(super) fn new(position: usize) -> Self {
        Self {
            stamp: AtomicUsize::new(position),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Moves a value in and publishes it.
    ///
    /// # Safety
    /// The caller claimed `position`, which is of this slot, for a push, and the slot is free.
    #[inline]
    pub(super) unsafe fn fill(&self, position: usize, value: T) {
        self.value.with_mut(|place| {
            // SAFETY: by the contract and invariant 2 nobody else touches the slot before the stamp
            // is stored.
            unsafe { (*place).write(value) };
        });
        // ORDERING: Release pairs with the Acquire in `pop` and `count_ready`: carries the value.
        self.stamp.store(position | FULL, Release);
    }

    /// Moves the value out and frees the slot for the position of the next lap.
    ///
    /// # Safety
    /// The caller claimed the position one lap before `next_lap` for a pop, and the slot is full.
    #[inline]
    pub(super) unsafe fn vacate(&self, next_lap: usize) -> T {
        // SAFETY: by the contract and invariants 2 and 3 the value is there, and nobody else
        // touches it.
        let value = self
            .value
            .with(|place| unsafe { (*place).assume_init_read() });
        // ORDERING: Release pairs with the Acquire in `push` and `count_ready`: the value has been moved
        // out.
        self.stamp.store(next_lap, Release);
        value
    }
}
