//! Where an object lies.
//!
//! # Invariants
//! 1. `built` and `value` are touched by the owner of the slot only: the claim or guard that has its bit
//!    (invariant 1 of `stripes`), the guard of an object beyond the capacity, or the dropping pool.
//! 2. `value` is initialized exactly while `built` is true.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::primitive::UnsafeCell;

/// Where a slot has its bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) stripe: u32,
    pub(crate) bit: u8,
}

/// The place of an object that is on the heap by itself.
pub(crate) const OUTSIDE: Place = Place {
    stripe: u32::MAX,
    bit: 0,
};

/// Room for one object, and where its bit is.
///
/// The place stands first, so that a pointer to the slot is one to its place.
#[repr(C)]
pub(crate) struct Slot<T> {
    /// Never changes.
    pub(crate) place: Place,
    built: UnsafeCell<bool>,
    value: UnsafeCell<MaybeUninit<T>>,
}

impl<T> Slot<T> {
    /// Without an object.
    pub(crate) fn empty(place: Place) -> Self {
        Self {
            place,
            built: UnsafeCell::new(false),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Whether there is an object.
    ///
    /// # Safety
    ///
    /// The caller owns the slot.
    #[inline]
    pub(crate) unsafe fn is_built(&self) -> bool {
        // SAFETY: nobody but the owner, the caller, touches it (invariant 1).
        self.built.with(|built| unsafe { *built })
    }

    /// Puts an object in.
    ///
    /// # Safety
    ///
    /// The caller owns the slot, and it is empty.
    pub(crate) unsafe fn build(&self, value: T) {
        // SAFETY: the caller owns it.
        debug_assert!(!unsafe { self.is_built() });
        self.value.with_mut(|slot| {
            // SAFETY: nobody but the owner touches it (invariant 1), and no object is overwritten.
            unsafe { (*slot).write(value) };
        });
        // SAFETY: as above.
        self.built.with_mut(|built| unsafe { *built = true });
    }

    /// Moves the object out.
    ///
    /// # Safety
    ///
    /// The caller owns the slot, and it is not empty.
    pub(crate) unsafe fn take(&self) -> T {
        // SAFETY: the caller owns it.
        debug_assert!(unsafe { self.is_built() });
        // SAFETY: nobody but the owner touches it (invariant 1). The slot is empty from here on, so the
        // object is read out once.
        self.built.with_mut(|built| unsafe { *built = false });
        // SAFETY: it was built (invariant 2); the rest as above.
        self.value
            .with(|slot| unsafe { (*slot).assume_init_read() })
    }

    /// Drops the object where it is; the slot is empty even if that panics.
    ///
    /// # Safety
    ///
    /// The caller owns the slot, and it is not empty.
    pub(crate) unsafe fn clear(&self) {
        // SAFETY: as in `take`.
        self.built.with_mut(|built| unsafe { *built = false });
        // Outside the closure, since the object's drop is user code that the model checker is to see
        // alone.
        let value = self.value.with_mut(|slot| slot);
        // SAFETY: the slot is this caller's, and held an object until the line before (invariant 2).
        unsafe { (*value).assume_init_drop() };
    }

    /// The object, to be read.
    ///
    /// # Safety
    ///
    /// `slot` is alive, the caller owns it or shares it with its owner, and it is not empty.
    #[inline]
    pub(crate) unsafe fn value<'a>(slot: NonNull<Self>) -> &'a T {
        // SAFETY: the slot is alive; what is returned lives as long as the caller's right to it.
        let value = unsafe { slot.as_ref() }.value.with(|value| value);
        // SAFETY: there is an object (invariant 2), and nobody writes while it is shared.
        unsafe { (*value).assume_init_ref() }
    }

    /// The object.
    ///
    /// # Safety
    ///
    /// `slot` is alive, the caller owns it, and it is not empty.
    #[inline]
    pub(crate) unsafe fn value_mut<'a>(slot: NonNull<Self>) -> &'a mut T {
        // SAFETY: the slot is alive; what is returned lives as long as the caller's right to it.
        let value = unsafe { slot.as_ref() }.value.with_mut(|value| value);
        // SAFETY: there is an object (invariant 2), and the owner is the only one to reach it.
        unsafe { (*value).assume_init_mut() }
    }
}

impl<T> Drop for Slot<T> {
    fn drop(&mut self) {
        // SAFETY: `&mut self`: nobody else has it.
        if unsafe { self.is_built() } {
            // SAFETY: as above, and there is an object.
            unsafe { self.clear() };
        }
    }
}
