//! A value that one task or thread has at a time.
//!
//! A [`Semaphore`] of one permit beside the value. States, orderings, progress and who gets the lock next are the
//! semaphore's, and stand there.
//!
//! # Invariants
//! 1. The value is touched by whoever has the permit, through its one guard, and by the owner of the mutex.
//!
//! # Cancel safety
//! A dropped [`Lock`] leaves the line; a lock it had been given goes to the next one.
//!
//! # Cost
//! | | bytes | allocations | locked instructions |
//! |---|---|---|---|
//! | `Mutex`; `Lock`; `MutexGuard` | 24 and the value; 48; 8 | 0 | |
//! | lock and unlock, nobody waiting | | 0 | 2 |
//! | waiting; being unlocked to; the last poll; giving up | | 0 | 2; 2; 1; 1 |
//!
//! There is one permit, so the word of a mutex for which nobody waits is known. Locking and unlocking begin with the
//! compare-exchange by that guess, not with a look: where it is right, that saves the load, and where it is wrong, it
//! costs one locked instruction.

mod owned;

use core::fmt;
use core::future::Future;
use core::mem::{self, ManuallyDrop};
use core::ops::{Deref, DerefMut};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use futures_core::FusedFuture;

pub use self::owned::{LockOwned, OwnedMutexGuard};
use crate::primitive::UnsafeCell;
use crate::semaphore::{Semaphore, Waiter, word_with};

/// The word of the semaphore while nobody has its permit, or waits for it.
const FREE: u64 = word_with(1);
/// The word of the semaphore while somebody has its permit, and nobody waits for it.
const HELD: u64 = word_with(0);

/// Gives one task or thread at a time access to a value; the others wait without blocking their thread.
///
/// Those who wait get it in the order of their arrival, except that a newcomer may take it before the one who
/// waits longest has run: at most 128 times to each (see [`Semaphore`]), or as often as
/// [`with_overtakes_max`](Self::with_overtakes_max) says.
///
/// It is not poisoned by a panic. Where no guard is held across an `await`, std's mutex is cheaper.
///
/// # Examples
///
/// ```
/// use hyperia_sync::Mutex;
/// use hyperia_wait::block_on;
///
/// let total = Mutex::new(0);
/// std::thread::scope(|scope| {
///     for _ in 0..4 {
///         scope.spawn(|| block_on(async { *total.lock().await += 1 }));
///     }
/// });
/// assert_eq!(total.into_inner(), 4);
/// ```
pub struct Mutex<T: ?Sized> {
    semaphore: Semaphore,
    /// Touched by whoever has the permit.
    value: UnsafeCell<T>,
}

// SAFETY: the value is moved with the mutex, which nobody has borrowed then.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: through `&Mutex` the value is reached by one guard at a time (invariant 1), on whatever thread: that
// sends it there and back.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    /// Creates a mutex around a value.
    #[cfg(not(hyperia_loom))]
    pub const fn new(value: T) -> Self {
        Self {
            semaphore: Semaphore::new(1),
            value: UnsafeCell::new(value),
        }
    }

    /// Creates a mutex around a value.
    #[cfg(hyperia_loom)]
    pub fn new(value: T) -> Self {
        Self {
            semaphore: Semaphore::new(1),
            value: UnsafeCell::new(value),
        }
    }

    /// Creates a mutex in which newcomers overtake the one who waits longest at most `overtakes_max` times.
    /// Zero is strict order.
    #[cfg(not(hyperia_loom))]
    pub const fn with_overtakes_max(value: T, overtakes_max: u16) -> Self {
        Self {
            semaphore: Semaphore::with_overtakes_max(1, overtakes_max),
            value: UnsafeCell::new(value),
        }
    }

    /// Creates a mutex in which newcomers overtake the one who waits longest at most `overtakes_max` times.
    /// Zero is strict order.
    #[cfg(hyperia_loom)]
    pub fn with_overtakes_max(value: T, overtakes_max: u16) -> Self {
        Self {
            semaphore: Semaphore::with_overtakes_max(1, overtakes_max),
            value: UnsafeCell::new(value),
        }
    }

    /// Returns the value, without the mutex.
    pub fn into_inner(self) -> T {
        let this = ManuallyDrop::new(self);
        // SAFETY: nobody else has the mutex any more, and it is not dropped, so the value is read out once.
        this.value.with(|value| unsafe { value.read() })
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Locks, waiting until nobody else has it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its place in the line; if it had been served and not polled since, the
    /// next one is. Forgetting it instead keeps the mutex locked, sooner or later.
    #[inline]
    pub fn lock(&self) -> Lock<'_, T> {
        Lock {
            mutex: self,
            waiter: Waiter::new(1),
        }
    }

    /// Locks if nobody has it, and the one who waits longest has not been overtaken too often.
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.semaphore.try_acquire().map(|permit| {
            mem::forget(permit);
            MutexGuard { mutex: self }
        })
    }

    /// Polls for the lock, which the caller has then.
    #[inline]
    fn poll_lock(&self, waiter: Pin<&mut Waiter>, waker: &Waker) -> Poll<()> {
        waiter.poll_trying(&self.semaphore, waker, || {
            self.semaphore.try_take_from(FREE, 1)
        })
    }

    /// Gives the permit back, which the caller has.
    #[inline]
    fn unlock(&self) {
        self.semaphore.release_from(HELD, 1);
    }

    /// Returns whether somebody has it. Others change that at any time.
    pub fn is_locked(&self) -> bool {
        self.semaphore.available_permits() == 0
    }

    /// Returns the value: nobody else has the mutex, so nobody has it locked.
    pub fn get_mut(&mut self) -> &mut T {
        // SAFETY: the mutex is borrowed exclusively, so there is no guard.
        self.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Mutex");
        match self.try_lock() {
            Some(value) => debug.field("value", &&*value),
            None => debug.field("value", &format_args!("<locked>")),
        };
        debug.finish()
    }
}

/// The future of [`Mutex::lock`], which says what it does and what dropping it does.
#[must_use = "futures do nothing unless polled"]
pub struct Lock<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    /// Pinned with the future.
    waiter: Waiter,
}

impl<'a, T: ?Sized> Future for Lock<'a, T> {
    type Output = MutexGuard<'a, T>;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<MutexGuard<'a, T>> {
        let mutex = self.mutex;
        // SAFETY: `waiter` is pinned with the future: nothing moves it out, and the drop below does not.
        let waiter = unsafe { self.map_unchecked_mut(|this| &mut this.waiter) };
        mutex
            .poll_lock(waiter, cx.waker())
            .map(|()| MutexGuard { mutex })
    }
}

impl<T: ?Sized> Drop for Lock<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.waiter.give_up(&self.mutex.semaphore);
    }
}

impl<T: ?Sized> FusedFuture for Lock<'_, T> {
    fn is_terminated(&self) -> bool {
        self.waiter.is_done()
    }
}

impl<T: ?Sized> fmt::Debug for Lock<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock")
            .field("is_terminated", &self.is_terminated())
            .finish_non_exhaustive()
    }
}

/// Access to the value of a [`Mutex`], which is unlocked when this is dropped.
#[must_use = "dropping it unlocks the mutex"]
pub struct MutexGuard<'a, T: ?Sized> {
    /// Whose permit this guard has.
    mutex: &'a Mutex<T>,
}

// SAFETY: the guard is exclusive access to the value, as `&mut T` is: sent and shared as that.
unsafe impl<T: ?Sized + Send> Send for MutexGuard<'_, T> {}
// SAFETY: `&MutexGuard` gives `&T`.
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this guard has the permit, so nobody else touches the value (invariant 1), and the guard is
        // borrowed for as long as the value.
        self.mutex.value.with(|value| unsafe { &*value })
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`; the guard is borrowed exclusively.
        self.mutex.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    /// Unlocks, and wakes whoever waits longest.
    ///
    /// # Panics
    ///
    /// If a waker does; the mutex is unlocked all the same.
    #[inline]
    fn drop(&mut self) {
        self.mutex.unlock();
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
