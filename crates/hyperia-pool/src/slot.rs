//! Where an object lies.
//!
//! # Invariants
//! 1. `taker`, `built` and `value` are touched by the owner of the slot only: the claim or guard that has
//!    taken it (invariant 1 of `slots`), the guard of an object beyond the capacity, or the dropping pool.
//! 2. `value` is initialized exactly while `built` is true.

use alloc::boxed::Box;
use core::mem::MaybeUninit;
use core::ops::Deref;
use core::ptr::NonNull;

use crate::primitive::UnsafeCell;

/// The number of an object that is on the heap by itself.
pub(crate) const OUTSIDE: usize = usize::MAX;

/// Taken by a thread without a cache.
pub(crate) const NOBODY: usize = usize::MAX;

/// Room for one object.
pub(crate) struct Slot<T> {
    /// Where it stands in the pool. Never changes.
    pub(crate) number: usize,
    /// Whose cache it goes into when that one returns it.
    taker: UnsafeCell<usize>,
    built: UnsafeCell<bool>,
    value: UnsafeCell<MaybeUninit<T>>,
}

impl<T> Slot<T> {
    /// Without an object.
    pub(crate) fn empty(number: usize) -> Self {
        Self {
            number,
            taker: UnsafeCell::new(NOBODY),
            built: UnsafeCell::new(false),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// The seat of the thread whose cache this belongs to, or `NOBODY`.
    ///
    /// # Safety
    ///
    /// The caller owns the slot.
    #[inline]
    pub(crate) unsafe fn taker(&self) -> usize {
        // SAFETY: nobody but the owner, the caller, touches it (invariant 1).
        self.taker.with(|taker| unsafe { *taker })
    }

    /// # Safety
    ///
    /// The caller owns the slot.
    #[inline]
    pub(crate) unsafe fn set_taker(&self, seat: usize) {
        // SAFETY: as for `taker`.
        self.taker.with_mut(|taker| unsafe { *taker = seat });
    }

    /// Whether there is an object.
    ///
    /// # Safety
    ///
    /// The caller owns the slot.
    #[inline]
    pub(crate) unsafe fn is_built(&self) -> bool {
        // SAFETY: nobody but the owner looks (invariant 1).
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

/// All slots of a pool. Not a `Box`, which claims to be the only way to them when it moves: pointers to slots are
/// kept elsewhere, too.
pub(crate) struct Owned<T>(NonNull<[Slot<T>]>);

impl<T> Owned<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        let slots: Box<[_]> = (0..capacity).map(Slot::empty).collect();
        Self(NonNull::from(Box::leak(slots)))
    }
}

impl<T> Deref for Owned<T> {
    type Target = [Slot<T>];

    fn deref(&self) -> &[Slot<T>] {
        // SAFETY: they are alive until `drop`, and only ever shared: what changes is in cells.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: leaked by `new`; nobody has a reference any more, and pointers are not used after.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
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
