//! The guards.

use alloc::sync::Arc;
use core::fmt;
use core::mem::{self, ManuallyDrop};
use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};

use crate::Pool;
use crate::slot::Slot;

/// An object of a [`Pool`], which goes back into its slot when this is dropped.
///
/// If the reset hook, the drop of an object beyond the capacity, or a waker panics in that drop, the
/// slot was given back nevertheless and nobody's wake-up is lost.
#[must_use = "the object goes back at once if it is not kept"]
pub struct Pooled<'a, T> {
    pool: &'a Pool<T>,
    /// Owned by this guard, with an object in it.
    slot: NonNull<Slot<T>>,
}

/// An object of a shared [`Pool`], which it keeps alive: [`Pooled`] without the borrow.
///
/// The last one frees the pool, if nobody else has it any more.
#[must_use = "the object goes back at once if it is not kept"]
pub struct OwnedPooled<T> {
    pool: Arc<Pool<T>>,
    /// Owned by this guard, with an object in it.
    slot: NonNull<Slot<T>>,
}

// SAFETY: the guard has the object to itself and gives it to whoever comes next: `T: Send`. With it the pool
// may be shared between threads.
unsafe impl<T: Send> Send for Pooled<'_, T> {}
// SAFETY: a shared guard gives `&T` and nothing else.
unsafe impl<T: Sync> Sync for Pooled<'_, T> {}
// SAFETY: as for `Pooled`; the pool goes with it, and may itself be sent if `T: Send`.
unsafe impl<T: Send> Send for OwnedPooled<T> {}
// SAFETY: a shared guard gives `&T` and nothing else: neither the pool nor its count.
unsafe impl<T: Sync> Sync for OwnedPooled<T> {}

impl<'a, T> Pooled<'a, T> {
    /// # Safety
    ///
    /// The slot is the caller's, of this pool or made by it, and holds an object.
    #[inline]
    pub(crate) unsafe fn new(pool: &'a Pool<T>, slot: NonNull<Slot<T>>) -> Self {
        Self { pool, slot }
    }

    /// Takes the object out for good. Its slot is empty, and is filled again when it is next used.
    ///
    /// An associated function, so that it hides no method of the object.
    pub fn into_inner(this: Self) -> T {
        let this = ManuallyDrop::new(this);
        // SAFETY: the guard ends here, and its slot is used by nobody after.
        unsafe { this.pool.take_out(this.slot) }
    }
}

impl<T> OwnedPooled<T> {
    /// # Safety
    ///
    /// As for `Pooled::new`.
    pub(crate) unsafe fn new(pool: Arc<Pool<T>>, slot: NonNull<Slot<T>>) -> Self {
        Self { pool, slot }
    }

    /// Takes the object out for good, as [`Pooled::into_inner`].
    pub fn into_inner(this: Self) -> T {
        let slot = this.slot;
        let this = ManuallyDrop::new(this);
        // SAFETY: `this` is not used or dropped after, so the handle is moved, not copied.
        let pool = unsafe { ptr::read(&raw const this.pool) };
        // SAFETY: the guard ends here, and its slot is used by nobody after.
        unsafe { pool.take_out(slot) }
    }
}

macro_rules! guard {
    ($($guard:ty),+) => {$(
        impl<T> Deref for $guard {
            type Target = T;

            #[inline]
            fn deref(&self) -> &T {
                // SAFETY: the guard owns its slot, which holds an object; it is shared as long as the guard
                // is.
                unsafe { Slot::value(self.slot) }
            }
        }

        impl<T> DerefMut for $guard {
            #[inline]
            fn deref_mut(&mut self) -> &mut T {
                // SAFETY: as above; `&mut self` makes this the only reference.
                unsafe { Slot::value_mut(self.slot) }
            }
        }

        impl<T> Drop for $guard {
            #[inline]
            fn drop(&mut self) {
                // SAFETY: the guard ends here, and its slot is used by nobody after.
                unsafe { self.pool.give_back(self.slot) };
            }
        }

        /// What the object can be read as, so can the guard: a buffer from a pool is as good as a buffer.
        impl<T: AsRef<U>, U: ?Sized> AsRef<U> for $guard {
            fn as_ref(&self) -> &U {
                (**self).as_ref()
            }
        }

        impl<T: AsMut<U>, U: ?Sized> AsMut<U> for $guard {
            fn as_mut(&mut self) -> &mut U {
                (**self).as_mut()
            }
        }

        impl<T: fmt::Debug> fmt::Debug for $guard {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&**self, f)
            }
        }
    )+};
}

guard!(Pooled<'_, T>, OwnedPooled<T>);

/// A pool and a slot: two words, as promised.
const _: () = {
    assert!(mem::size_of::<Pooled<'_, u8>>() == 2 * mem::size_of::<usize>());
    assert!(mem::size_of::<OwnedPooled<u8>>() == 2 * mem::size_of::<usize>());
};
