//! A slot of the ring: a value, and the lap in which it was filled last. States, invariants and orderings are those of
//! the ring.

use core::mem::MaybeUninit;

use super::ONE;
use crate::primitive::Ordering::*;
use crate::primitive::{AtomicBool, UnsafeCell};

/// A place for one value.
pub(super) struct Slot<T> {
    /// See invariant 4.
    pub(super) lap: AtomicBool,
    /// Touched by the producer that claimed its position until it stores `lap`, from then on by the consumer
    /// until it stores `head`.
    pub(super) value: UnsafeCell<MaybeUninit<T>>,
}

impl<T> Slot<T> {
    /// Moves a value in and publishes it.
    ///
    /// # Safety
    /// The caller claimed a position of this slot, whose lap is `lap`, and what was in here before was moved out before
    /// that.
    #[inline(always)]
    pub(super) unsafe fn fill(&self, lap: bool, value: T) {
        self.value.with_mut(|place| {
            // SAFETY: by the contract nobody else touches the slot before `lap` is stored (invariant 1), and it
            // holds no value.
            unsafe { (*place).write(value) };
        });
        // ORDERING: Release pairs with the Acquire in `pop`: carries the value.
        self.lap.store(lap, Release);
    }

    /// Moves the value out.
    ///
    /// # Safety
    /// The caller is the consumer, the slot is full, and is read once.
    #[inline(always)]
    pub(super) unsafe fn take(&self) -> T {
        // SAFETY: by the contract it is initialized, and its producer is done with it.
        self.value
            .with(|place| unsafe { (*place).assume_init_read() })
    }
}

/// What the `lap` of a slot is when it is filled for `position`.
#[inline(always)]
pub(super) fn lap(position: u64, slots: usize) -> bool {
    position & (slots as u64 * ONE) == 0
}
