//! Acquisitions and permits that share the semaphore instead of borrowing it, for tasks that must be `'static`.

use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::FusedFuture;

use super::waiter::Waiter;
use super::{Semaphore, checked};

impl Semaphore {
    /// Acquires a permit that keeps the semaphore alive: as [`acquire`](Self::acquire), for tasks that must be `'static`.
    ///
    /// # Examples
    ///
    /// ```
    /// use hyperia_sync::Semaphore;
    /// use hyperia_wait::Block;
    /// use std::sync::Arc;
    ///
    /// let semaphore = Arc::new(Semaphore::new(2));
    /// let permit = Arc::clone(&semaphore).acquire_owned().block();
    /// let thread = std::thread::spawn(move || drop(permit));
    /// let both = semaphore.acquire_many(2).block();
    /// # drop(both);
    /// # thread.join().unwrap();
    /// ```
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    pub fn acquire_owned(self: Arc<Self>) -> SemaphoreAcquireOwned {
        SemaphoreAcquireOwned::new(self, 1)
    }

    /// Acquires `count` permits at once, as [`acquire_many`](Self::acquire_many); they keep the semaphore alive.
    ///
    /// # Panics
    ///
    /// If `count` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[track_caller]
    pub fn acquire_many_owned(self: Arc<Self>, count: usize) -> SemaphoreAcquireOwned {
        SemaphoreAcquireOwned::new(self, checked(count))
    }

    /// Acquires a permit if one is to be had, as [`try_acquire`](Self::try_acquire); it keeps the semaphore alive.
    pub fn try_acquire_owned(self: Arc<Self>) -> Option<OwnedPermit> {
        self.try_take(1).ok().map(|()| OwnedPermit::new(self, 1))
    }

    /// Acquires `count` permits if they are to be had, as [`try_acquire_many`](Self::try_acquire_many); they keep the
    /// semaphore alive.
    ///
    /// # Panics
    ///
    /// If `count` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[track_caller]
    pub fn try_acquire_many_owned(self: Arc<Self>, count: usize) -> Option<OwnedPermit> {
        let count = checked(count);
        self.try_take(count)
            .ok()
            .map(|()| OwnedPermit::new(self, count))
    }
}

/// The future of [`Semaphore::acquire_owned`] and [`Semaphore::acquire_many_owned`].
///
/// It may be polled from any thread and with a different waker each time; the last one is woken.
#[must_use = "futures do nothing unless polled"]
pub struct SemaphoreAcquireOwned {
    /// `None` once the permit has it.
    semaphore: Option<Arc<Semaphore>>,
    /// Pinned with the future.
    waiter: Waiter,
}

impl SemaphoreAcquireOwned {
    fn new(semaphore: Arc<Semaphore>, need: u32) -> Self {
        Self {
            semaphore: Some(semaphore),
            waiter: Waiter::new(need),
        }
    }
}

impl Future for SemaphoreAcquireOwned {
    type Output = OwnedPermit;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<OwnedPermit> {
        // SAFETY: `waiter` is pinned with the future: nothing moves it out, and the drop below does not. The other is not
        // pinned.
        let (slot, waiter) = unsafe {
            let this = self.get_unchecked_mut();
            (&mut this.semaphore, Pin::new_unchecked(&mut this.waiter))
        };
        let need = waiter.need;
        let semaphore = slot.as_deref().expect("polled again after it was ready");
        waiter.poll(semaphore, cx.waker()).map(|()| {
            let semaphore = slot.take().expect("it was there above");
            OwnedPermit::new(semaphore, need)
        })
    }
}

impl FusedFuture for SemaphoreAcquireOwned {
    fn is_terminated(&self) -> bool {
        self.waiter.is_done()
    }
}

impl Drop for SemaphoreAcquireOwned {
    fn drop(&mut self) {
        // Without it, it is done.
        if let Some(semaphore) = &self.semaphore {
            self.waiter.give_up(semaphore);
        }
    }
}

/// Permits of a [`Semaphore`] that they keep alive, given back when this is dropped.
#[must_use = "dropping it gives the permits back"]
pub struct OwnedPermit {
    semaphore: Arc<Semaphore>,
    count: u32,
}

impl OwnedPermit {
    fn new(semaphore: Arc<Semaphore>, count: u32) -> Self {
        Self { semaphore, count }
    }

    /// Returns how many permits these are.
    pub fn permits(&self) -> usize {
        self.count as usize
    }

    /// Returns the semaphore that they are of.
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore
    }

    /// Takes the permits out of the semaphore for good.
    pub fn forget(mut self) {
        // The semaphore is let go of, without the permits.
        mem::take(&mut self.count);
    }
}

impl Drop for OwnedPermit {
    /// Gives the permits back, and wakes whoever waits for them.
    ///
    /// # Panics
    ///
    /// If a waker does; the permits are given back all the same.
    fn drop(&mut self) {
        self.semaphore.release(self.count);
    }
}

impl fmt::Debug for SemaphoreAcquireOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SemaphoreAcquireOwned")
            .field("permits", &self.waiter.need)
            .field("is_terminated", &self.is_terminated())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for OwnedPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit")
            .field("permits", &self.count)
            .finish_non_exhaustive()
    }
}
