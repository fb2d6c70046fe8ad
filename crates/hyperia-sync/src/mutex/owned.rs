//! Locks and guards that share the mutex instead of borrowing it, for tasks that must be `'static`.

use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::FusedFuture;

use super::Mutex;
use crate::semaphore::Waiter;

impl<T: ?Sized> Mutex<T> {
    /// Locks, as [`lock`](Self::lock); the guard keeps the mutex alive: for tasks that must be `'static`.
    ///
    /// # Examples
    ///
    /// ```
    /// use hyperia_sync::Mutex;
    /// use hyperia_wait::Block;
    /// use std::sync::Arc;
    ///
    /// let total = Arc::new(Mutex::new(0));
    /// let mut guard = Arc::clone(&total).lock_owned().block();
    /// std::thread::spawn(move || *guard += 1).join().unwrap();
    /// assert_eq!(*total.lock().block(), 1);
    /// ```
    ///
    /// # Cancel safety
    ///
    /// As [`lock`](Self::lock).
    pub fn lock_owned(self: Arc<Self>) -> LockOwned<T> {
        LockOwned {
            mutex: Some(self),
            waiter: Waiter::new(1),
        }
    }

    /// Locks if it is to be had, as [`try_lock`](Self::try_lock); the guard keeps the mutex alive.
    pub fn try_lock_owned(self: Arc<Self>) -> Option<OwnedMutexGuard<T>> {
        self.semaphore
            .try_take(1)
            .ok()
            .map(|()| OwnedMutexGuard::new(self))
    }
}

/// The future of [`Mutex::lock_owned`].
#[must_use = "futures do nothing unless polled"]
pub struct LockOwned<T: ?Sized> {
    /// `None` once the guard has it.
    mutex: Option<Arc<Mutex<T>>>,
    /// Pinned with the future.
    waiter: Waiter,
}

impl<T: ?Sized> Future for LockOwned<T> {
    type Output = OwnedMutexGuard<T>;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<OwnedMutexGuard<T>> {
        // SAFETY: `waiter` is pinned with the future: nothing moves it out, and the drop below does not. The other is not
        // pinned.
        let (slot, waiter) = unsafe {
            let this = self.get_unchecked_mut();
            (&mut this.mutex, Pin::new_unchecked(&mut this.waiter))
        };
        let mutex = slot.as_deref().expect("polled again after it was ready");
        mutex.poll_lock(waiter, cx.waker()).map(|()| {
            let mutex = slot.take().expect("it was there above");
            OwnedMutexGuard::new(mutex)
        })
    }
}

impl<T: ?Sized> FusedFuture for LockOwned<T> {
    fn is_terminated(&self) -> bool {
        self.waiter.is_done()
    }
}

impl<T: ?Sized> Drop for LockOwned<T> {
    fn drop(&mut self) {
        // Without it, it is done.
        if let Some(mutex) = &self.mutex {
            self.waiter.give_up(&mutex.semaphore);
        }
    }
}

/// Access to the value of a [`Mutex`] that it keeps alive; the mutex is unlocked when this is dropped.
///
/// It is shared as its value is:
/// ```compile_fail,E0277
/// fn is_sync<T: Sync>() {}
/// is_sync::<hyperia_sync::OwnedMutexGuard<std::cell::Cell<u8>>>();
/// ```
/// ```
/// fn is_sync<T: Sync>() {}
/// is_sync::<hyperia_sync::OwnedMutexGuard<std::sync::atomic::AtomicU8>>();
/// ```
#[must_use = "dropping it unlocks the mutex"]
pub struct OwnedMutexGuard<T: ?Sized> {
    /// Whose permit this guard has.
    mutex: Arc<Mutex<T>>,
    /// Not `Sync` by itself: the mutex is `Sync` for values that are not.
    _value: PhantomData<*mut T>,
}

// SAFETY: the guard is exclusive access to the value, and may be what drops it with the mutex: that sends it.
unsafe impl<T: ?Sized + Send> Send for OwnedMutexGuard<T> {}
// SAFETY: `&OwnedMutexGuard` gives `&T`, and a clone of the `Arc`, by which the value may be sent.
unsafe impl<T: ?Sized + Send + Sync> Sync for OwnedMutexGuard<T> {}

impl<T: ?Sized> OwnedMutexGuard<T> {
    /// Of a permit that was taken.
    fn new(mutex: Arc<Mutex<T>>) -> Self {
        Self {
            mutex,
            _value: PhantomData,
        }
    }

    /// Returns the mutex that it is of.
    pub fn mutex(this: &Self) -> &Arc<Mutex<T>> {
        &this.mutex
    }
}

impl<T: ?Sized> Deref for OwnedMutexGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard has the permit, so nobody else touches the value (invariant 1 of the mutex), and the guard is
        // borrowed for as long as the value.
        self.mutex.value.with(|value| unsafe { &*value })
    }
}

impl<T: ?Sized> DerefMut for OwnedMutexGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`; the guard is borrowed exclusively.
        self.mutex.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T: ?Sized> Drop for OwnedMutexGuard<T> {
    /// Unlocks, and wakes whoever waits longest.
    ///
    /// # Panics
    ///
    /// If a waker does; the mutex is unlocked all the same.
    fn drop(&mut self) {
        self.mutex.unlock();
    }
}

impl<T: ?Sized> fmt::Debug for LockOwned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockOwned")
            .field("is_terminated", &self.is_terminated())
            .finish_non_exhaustive()
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for OwnedMutexGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for OwnedMutexGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
