//! Ticks, again and again.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;

use futures_core::{FusedFuture, FusedStream, Stream};

use crate::bound::{Bound, Shared};
use crate::sleep::Sleep;
use crate::time::{NEVER, duration, nanos};

/// What an [`Interval`] does when a tick is taken so late that the next one, too, is due.
///
/// With a period of 50 ms and a task that takes the tick of 100 ms at 220 ms, this is when it takes ticks,
/// and for which time they were due:
/// ```text
///  Skip     at  50   220               250   300   350   400   back in step, ticks left out
///           due 50   100               250   300   350   400
///  Burst    at  50   220   220   220   250   300   350   400   back in step, all ticks
///           due 50   100   150   200   250   300   350   400
///  Delay    at  50   220               270   320   370   420   as far apart as ever, out of step
///           due 50   100               270   320   370   420
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MissedTickBehavior {
    /// Goes on with the next tick of the schedule that is still to come. The default. (tokio's is `Burst`.)
    #[default]
    Skip,
    /// Makes up for all of them at once.
    Burst,
    /// Goes on a period after the tick that was late.
    Delay,
}

/// A stream of ticks, made by [`Timers::interval`](crate::Timers::interval) and
/// [`Timers::interval_at`](crate::Timers::interval_at). It never ends, though it may stop:
/// [`reset_at`](Self::reset_at).
///
/// It has to be pinned before it is used, `pin!(interval)` or `Box::pin(interval)`: then there are
/// `interval.as_mut().tick().await`, and as a stream `interval.next().await`. It is `Send` and `Sync` if
/// `Timers<B>` is.
///
/// The item is the time at which the tick was due. Each tick is computed from the one before, not from
/// the time at which that was taken: however late the task comes, the interval does not drift (but with
/// [`MissedTickBehavior::Delay`], which is about just that).
///
/// # Examples
///
/// ```
/// use core::pin::pin;
/// use core::task::{Context, Poll, Waker};
/// use core::time::Duration;
/// use hyperia_timer::{ManualClock, Timers};
///
/// let clock = ManualClock::new();
/// let timers = Timers::new(clock.clone(), Waker::noop().clone());
/// let mut interval = pin!(timers.interval(Duration::from_millis(50)));
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(interval.as_mut().poll_tick(&mut cx).is_pending());
///
/// clock.advance_to_next(&timers);
/// let tick = interval.as_mut().poll_tick(&mut cx);
/// assert_eq!(tick, Poll::Ready(Duration::from_millis(50)));
/// ```
///
/// # Cancel safety
///
/// A dropped [`tick`](Self::tick) has taken no tick.
///
/// # Complexity
///
/// 80 bytes, no allocation; two looks at the clock per tick.
#[must_use = "streams do nothing unless polled"]
pub struct Interval<'a, B: Bound = Shared> {
    /// Pinned with the interval.
    sleep: Sleep<'a, B>,
    period: u64,
    missed: MissedTickBehavior,
}

impl<'a, B: Bound> Interval<'a, B> {
    #[track_caller]
    pub(crate) fn new(sleep: Sleep<'a, B>, period: Duration) -> Self {
        assert!(!period.is_zero(), "period must be greater than zero");
        Self {
            sleep,
            period: nanos(period),
            missed: MissedTickBehavior::default(),
        }
    }

    /// Makes the interval independent of the handle that it was made with: see [`Sleep::into_owned`].
    pub fn into_owned(self) -> Interval<'static, B> {
        Interval {
            sleep: self.sleep.into_owned(),
            period: self.period,
            missed: self.missed,
        }
    }

    /// Returns the time between two ticks.
    pub fn period(&self) -> Duration {
        duration(self.period)
    }

    /// Returns when the next tick is due; `None` before the first poll of a
    /// [`Timers::interval`](crate::Timers::interval), which decides on it.
    pub fn deadline(&self) -> Option<Duration> {
        self.sleep.deadline()
    }

    /// Returns what happens to ticks that are missed.
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed
    }

    /// Sets what happens to ticks that are missed.
    pub fn with_missed_tick_behavior(mut self, missed: MissedTickBehavior) -> Self {
        self.missed = missed;
        self
    }

    /// Sets what happens to ticks that are missed.
    pub fn set_missed_tick_behavior(self: Pin<&mut Self>, missed: MissedTickBehavior) {
        // SAFETY: `missed` is not pinned, and nothing else is reached.
        unsafe { self.get_unchecked_mut() }.missed = missed;
    }

    /// Makes the next tick due at `deadline`, a time of the clock, and the others follow from there. `Duration::MAX` stops the
    /// ticks until the next reset.
    pub fn reset_at(self: Pin<&mut Self>, deadline: Duration) {
        self.sleep().reset(deadline);
    }

    /// Makes the next tick due a period from now.
    pub fn reset(self: Pin<&mut Self>) {
        let period = self.period();
        self.sleep().reset_after(period);
    }

    /// Makes the next tick due `length` from now, and the others follow from there.
    pub fn reset_after(self: Pin<&mut Self>, length: Duration) {
        self.sleep().reset_after(length);
    }

    /// Waits for the next tick; the output is the time at which it was due.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, it has taken no tick, and the interval goes on as before.
    pub fn tick(self: Pin<&mut Self>) -> Tick<'_, 'a, B> {
        Tick {
            interval: self,
            done: false,
        }
    }

    /// The same as a poll, for those who write futures by hand. Of several tasks that poll, the last one
    /// is woken.
    pub fn poll_tick(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Duration> {
        ready!(self.as_mut().sleep().poll(cx));
        // It has just completed, so it has one.
        let due = self.sleep.deadline().map_or(0, nanos);
        let next = self.next(due);
        self.sleep().reset(duration(next));
        Poll::Ready(duration(due))
    }

    /// When the tick after one that was due at `due`, and is taken now, is due.
    fn next(&self, due: u64) -> u64 {
        let next = due.saturating_add(self.period);
        if self.missed == MissedTickBehavior::Burst {
            return next;
        }
        let now = self.sleep.hub().now();
        if now < next {
            return next;
        }
        match self.missed {
            MissedTickBehavior::Delay => now.saturating_add(self.period),
            // The first multiple of the period that is after now.
            _ => (now - (now - due) % self.period)
                .checked_add(self.period)
                .unwrap_or(NEVER),
        }
    }

    fn sleep(self: Pin<&mut Self>) -> Pin<&mut Sleep<'a, B>> {
        // SAFETY: `sleep` is structurally pinned: nothing moves it out of a pinned interval, which has no
        // `Drop` of its own and is not `Unpin`, since a sleep is not.
        unsafe { self.map_unchecked_mut(|this| &mut this.sleep) }
    }
}

impl<B: Bound> Stream for Interval<'_, B> {
    type Item = Duration;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Duration>> {
        self.poll_tick(cx).map(Some)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

impl<B: Bound> FusedStream for Interval<'_, B> {
    /// Never: there is always another tick.
    fn is_terminated(&self) -> bool {
        false
    }
}

impl<B: Bound> fmt::Debug for Interval<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interval")
            .field("deadline", &self.deadline())
            .field("period", &self.period())
            .field("missed_tick_behavior", &self.missed)
            .finish()
    }
}

/// Waits for a tick. Made by [`Interval::tick`].
#[must_use = "futures do nothing unless polled"]
#[derive(Debug)]
pub struct Tick<'i, 'a, B: Bound = Shared> {
    interval: Pin<&'i mut Interval<'a, B>>,
    done: bool,
}

impl<B: Bound> Future for Tick<'_, '_, B> {
    type Output = Duration;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Duration> {
        if self.done {
            return Poll::Pending;
        }
        let due = ready!(self.interval.as_mut().poll_tick(cx));
        self.done = true;
        Poll::Ready(due)
    }
}

impl<B: Bound> FusedFuture for Tick<'_, '_, B> {
    /// Whether it has resolved. Polling it then is harmless: it stays pending and takes no tick.
    fn is_terminated(&self) -> bool {
        self.done
    }
}
