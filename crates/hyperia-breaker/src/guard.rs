//! A permit that cannot be forgotten by accident.

use core::mem;
use core::time::Duration;

use crate::{Breaker, Permit};

/// Leave to make one call, borrowed from its breaker: report how the call went, or drop it to take
/// it back.
///
/// **Dropping** it is the same as [`Breaker::cancel`]: a probe's place is free again at once, and
/// nothing is counted, neither a success nor a failure. A call that was given up says nothing about
/// its destination; a call that timed out does, so report a timeout with [`Guard::failure`] before
/// dropping what it was waiting for.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use hyperia_breaker::{Breaker, Config};
///
/// fn call() -> Result<u32, ()> {
///     Ok(7)
/// }
///
/// let breaker = Breaker::new(Config::default());
/// let now = Duration::from_secs(1);
/// let guard = breaker.try_acquire(now)?;
/// match call() {
///     Ok(_) => guard.success(now),
///     Err(()) => guard.failure(now),
/// }
/// # Ok::<(), hyperia_breaker::Open>(())
/// ```
#[derive(Debug)]
#[must_use = "a guard that is dropped at once guards nothing: the call must be made while it lives"]
pub struct Guard<'a> {
    breaker: &'a Breaker,
    permit: Permit,
}

impl<'a> Guard<'a> {
    pub(crate) fn new(breaker: &'a Breaker, permit: Permit) -> Self {
        Self { breaker, permit }
    }

    /// Reports that the call went well; see [`Breaker::success`].
    pub fn success(self, now: Duration) {
        let breaker = self.breaker;
        breaker.success(self.into_permit(), now);
    }

    /// Reports that the call failed; see [`Breaker::failure`].
    pub fn failure(self, now: Duration) {
        let breaker = self.breaker;
        breaker.failure(self.into_permit(), now);
    }

    /// Makes plain data of it, which no longer gives itself back.
    pub fn into_permit(self) -> Permit {
        let permit = self.permit.duplicate();
        mem::forget(self);
        permit
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.breaker.cancel(self.permit.duplicate());
    }
}
