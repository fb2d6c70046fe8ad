//! Where the time comes from.
//!
//! # Ordering
//! The one atomic here is the reading of a [`ManualClock`], a number that nothing hangs on:
//! Relaxed.

use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;
use std::time::Instant;

use crate::bound::Bound;
use crate::primitive::AtomicU64;
use crate::primitive::Ordering::*;
use crate::time::{NEVER, duration, nanos};
use crate::timers::Timers;

/// What a manual clock shows at the latest: never does not come.
const LATEST: u64 = NEVER - 1;

/// Tells the time, as a duration since an epoch of its own.
///
/// It should not go back. Where it does, timers that are due stay due, and the wheel stays at the latest
/// time that its driver has told it: until the clock has caught up, sleeps are measured by that, and those
/// that begin meanwhile may seem early by the clock.
///
/// Two clocks that were made at different moments, [`MonotonicClock::new`] twice for example, have
/// different epochs: their times do not mix.
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
/// Moving the time completes no sleep that is pending: whoever drives the timers calls
/// [`Timers::advance`](crate::Timers::advance) after it. [`advance_to_next`](Self::advance_to_next) does
/// both.
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

    /// Moves the time forward *by* a duration, to 584 years at most. (`advance` of
    /// [`Timers`] and of the wheel take the time *to* which they go.)
    pub fn advance(&self, by: Duration) {
        let by = nanos(by);
        // ORDERING: Relaxed; the read-modify-write alone keeps concurrent advances from losing one.
        let moved = self.nanos.fetch_update(Relaxed, Relaxed, |now| {
            Some(now.saturating_add(by).min(LATEST))
        });
        debug_assert!(moved.is_ok());
    }

    /// Moves the time to the next deadline of `timers`, which go by this clock, and completes the sleeps
    /// that are due then, as a driver does. Returns the time, or `None` if nothing is ever due (the
    /// clock may have come to a deadline that was put off for ever). The driver of the timers, if there is
    /// another one, is woken, to look at what is next.
    ///
    /// # Panics
    ///
    /// As [`Timers::advance`](crate::Timers::advance).
    ///
    /// # Examples
    ///
    /// ```
    /// use core::pin::pin;
    /// use core::task::{Context, Waker};
    /// use core::time::Duration;
    /// use hyperia_timer::{ManualClock, Timers};
    ///
    /// let clock = ManualClock::new();
    /// let timers = Timers::new(clock.clone(), Waker::noop().clone());
    /// let mut sleep = pin!(timers.sleep(Duration::from_secs(3600)));
    /// let mut cx = Context::from_waker(Waker::noop());
    /// assert!(sleep.as_mut().poll(&mut cx).is_pending());
    ///
    /// assert_eq!(clock.advance_to_next(&timers), Some(Duration::from_secs(3600)));
    /// assert!(sleep.as_mut().poll(&mut cx).is_ready());
    /// assert_eq!(clock.advance_to_next(&timers), None);
    /// ```
    pub fn advance_to_next<B: Bound>(&self, timers: &Timers<B>) -> Option<Duration> {
        let mut completed = false;
        loop {
            let now = timers.next_deadline()?.max(self.now());
            self.set(now);
            while timers.advance_with(now, |some| completed |= some) {}
            if completed {
                // If it is not the driver who called this, that one's deadline is over.
                timers.ring();
                return Some(now);
            }
            // The deadline was that of a sleep that was put off, or the beginning of a crowded slot.
        }
    }

    /// Sets the time, forward or back, to 584 years at most.
    pub fn set(&self, now: Duration) {
        // ORDERING: Relaxed; the reading is a number, not a hand-over.
        self.nanos.store(nanos(now).min(LATEST), Relaxed);
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
