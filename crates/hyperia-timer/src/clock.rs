//! Where the time comes from.
//!
//! # Ordering
//! The one atomic here is the reading of a [`ManualClock`], a number that nothing hangs on:
//! Relaxed.

use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;
use std::time::Instant;

use crate::primitive::AtomicU64;
use crate::primitive::Ordering::*;
use crate::time::{duration, nanos};

/// Tells the time, as a duration since an epoch of its own.
///
/// It should not go back. Where it does, timers that are due stay due, and the wheel waits for the
/// clock to catch up.
pub trait Clock: Send + Sync + 'static {
    /// Returns the time.
    fn now(&self) -> Duration;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Duration {
        (**self).now()
    }
}

/// The monotonic clock of the system. On Linux it stands still while the machine is suspended.
///
/// Its epoch is an [`Instant`], so that instants can be converted in both directions.
///
/// # Examples
///
/// ```
/// use hyperia_timer::{Clock, MonotonicClock};
/// use std::time::{Duration, Instant};
///
/// let clock = MonotonicClock::new();
/// let deadline = Instant::now() + Duration::from_secs(5);
/// assert_eq!(clock.instant(clock.time_of(deadline)), Some(deadline));
/// assert!(clock.now() < clock.time_of(deadline));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonotonicClock {
    epoch: Instant,
}

impl MonotonicClock {
    /// Creates a clock whose epoch is now.
    pub fn new() -> Self {
        Self::with_epoch(Instant::now())
    }

    /// Creates a clock with an epoch of the caller's choice.
    pub const fn with_epoch(epoch: Instant) -> Self {
        Self { epoch }
    }

    /// Returns the instant that is this clock's zero.
    pub const fn epoch(&self) -> Instant {
        self.epoch
    }

    /// Converts an instant to this clock's time; instants before the epoch become zero.
    pub fn time_of(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.epoch)
    }

    /// Converts this clock's time to an instant, or `None` if no instant is that late:
    /// `Duration::MAX` is never.
    pub fn instant(&self, time: Duration) -> Option<Instant> {
        self.epoch.checked_add(time)
    }
}

impl Default for MonotonicClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for MonotonicClock {
    fn now(&self) -> Duration {
        self.time_of(Instant::now())
    }
}

/// A clock that moves when it is told to. Clones show the same time.
///
/// Setting the time wakes nobody: whoever drives the timers calls
/// [`Timers::advance`](crate::Timers::advance) after it.
///
/// # Examples
///
/// ```
/// use hyperia_timer::{Clock, ManualClock};
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let shown = clock.clone();
/// clock.advance(Duration::from_secs(3));
/// assert_eq!(shown.now(), Duration::from_secs(3));
/// ```
#[derive(Clone)]
pub struct ManualClock {
    nanos: Arc<AtomicU64>,
}

impl ManualClock {
    /// Creates a clock that shows zero.
    pub fn new() -> Self {
        Self {
            nanos: Arc::new(AtomicU64::new(0)),
        }
    }

    /// Moves the time forward; it stops at the end of what 64 bits of nanoseconds show.
    pub fn advance(&self, by: Duration) {
        let by = nanos(by);
        // ORDERING: Relaxed; the read-modify-write alone keeps concurrent advances from losing one.
        let moved = self
            .nanos
            .fetch_update(Relaxed, Relaxed, |now| Some(now.saturating_add(by)));
        debug_assert!(moved.is_ok());
    }

    /// Sets the time, forward or back.
    pub fn set(&self, now: Duration) {
        // ORDERING: Relaxed; the reading is a number, not a hand-over.
        self.nanos.store(nanos(now), Relaxed);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        // ORDERING: Relaxed; a reader on another thread may see a moment ago, as with any clock.
        duration(self.nanos.load(Relaxed))
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManualClock").field(&self.now()).finish()
    }
}
