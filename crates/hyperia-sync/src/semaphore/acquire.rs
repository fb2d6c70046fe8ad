//! One acquisition.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::FusedFuture;

use super::waiter::Waiter;
use super::{Permit, Semaphore};

/// The future of [`Semaphore::acquire`] and [`Semaphore::acquire_many`], which say what it does and what
/// dropping it does.
///
/// It may be polled from any thread and with a different waker each time; the last one is woken.
#[must_use = "futures do nothing unless polled"]
pub struct SemaphoreAcquire<'a> {
    semaphore: &'a Semaphore,
    /// Pinned with the future.
    waiter: Waiter,
}

impl<'a> SemaphoreAcquire<'a> {
    #[inline]
    pub(super) fn new(semaphore: &'a Semaphore, need: u32) -> Self {
        Self {
            semaphore,
            waiter: Waiter::new(need),
        }
    }
}

impl<'a> Future for SemaphoreAcquire<'a> {
    type Output = Permit<'a>;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Permit<'a>> {
        let (semaphore, need) = (self.semaphore, self.waiter.need);
        // SAFETY: `waiter` is pinned with the future: nothing moves it out, and the drop below does not.
        let waiter = unsafe { self.map_unchecked_mut(|this| &mut this.waiter) };
        waiter
            .poll(semaphore, cx.waker())
            .map(|()| Permit::new(semaphore, need))
    }
}

impl FusedFuture for SemaphoreAcquire<'_> {
    fn is_terminated(&self) -> bool {
        self.waiter.is_done()
    }
}

impl Drop for SemaphoreAcquire<'_> {
    #[inline]
    fn drop(&mut self) {
        self.waiter.give_up(self.semaphore);
    }
}

impl fmt::Debug for SemaphoreAcquire<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SemaphoreAcquire")
            .field("permits", &self.waiter.need)
            .field("is_terminated", &self.is_terminated())
            .finish_non_exhaustive()
    }
}
