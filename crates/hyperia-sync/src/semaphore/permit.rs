//! What an acquisition gives.

use core::fmt;
use core::mem;

use super::Semaphore;

/// Permits of a [`Semaphore`], given back when this is dropped.
#[must_use = "dropping it gives the permits back"]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
    count: u32,
}

impl<'a> Permit<'a> {
    #[inline]
    pub(super) fn new(semaphore: &'a Semaphore, count: u32) -> Self {
        Self { semaphore, count }
    }

    /// Returns how many permits these are.
    pub fn permits(&self) -> usize {
        self.count as usize
    }

    /// Takes the permits out of the semaphore for good.
    pub fn forget(self) {
        mem::forget(self);
    }
}

impl Drop for Permit<'_> {
    /// Gives the permits back, and wakes whoever waits for them.
    ///
    /// # Panics
    ///
    /// If a waker does; the permits are given back all the same.
    #[inline]
    fn drop(&mut self) {
        self.semaphore.release(self.count);
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("permits", &self.count)
            .finish_non_exhaustive()
    }
}
