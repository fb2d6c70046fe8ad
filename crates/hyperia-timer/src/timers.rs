//! The handle that sleeps are made with and the driver drives.

use alloc::boxed::Box;
use core::fmt;
use core::task::Waker;
use core::time::Duration;

use hyperia_wait::WakeBatch;

use crate::bound::{Bound, Local, Shared};
use crate::clock::Clock;
use crate::hub::{Hub, Wakers};
use crate::interval::Interval;
use crate::node::{AFTER, AT};
use crate::sleep::Sleep;
use crate::time::{NEVER, duration, nanos};
use crate::timeout::Timeout;
use crate::wheel::{Budget, Progress};

/// How many nodes one call of `advance` hands out or moves before it lets the driver look after
/// I/O.
const ADVANCE_BUDGET: usize = 256;

/// Makes sleeps and timeouts for any executor, and lets a driver drive them.
///
/// A handle: clones share one wheel. Sleeps may be made, polled, reset and dropped on any thread, or,
/// with [`Timers<Local>`](Local), on this one alone and without a lock.
///
/// A sleep borrows the handle; where it cannot, in a struct or in a task that does not own one, there is
/// [`Sleep::into_owned`], and the same for timeouts and intervals.
///
/// **One** driver, usually an event loop, calls [`next_deadline`](Self::next_deadline), waits until
/// then or until its waker is woken, and calls [`advance`](Self::advance). Sleeps complete on no
/// other account: without a driver they stay pending for ever.
///
/// # Examples
///
/// A driver with a clock of its own:
///
/// ```
/// use core::pin::pin;
/// use core::task::{Context, Waker};
/// use core::time::Duration;
/// use hyperia_timer::{Clock, ManualClock, Timers};
///
/// let clock = ManualClock::new();
/// let timers = Timers::new(clock.clone(), Waker::noop().clone());
///
/// let mut sleep = pin!(timers.sleep(Duration::from_secs(5)));
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(sleep.as_mut().poll(&mut cx).is_pending());
///
/// let deadline = timers.next_deadline().unwrap();
/// assert_eq!(deadline, Duration::from_secs(5));
/// clock.set(deadline); // instead of waiting
/// while timers.advance(clock.now()) {}
/// assert!(sleep.as_mut().poll(&mut cx).is_ready());
/// ```
pub struct Timers<B: Bound = Shared> {
    hub: B::Handle,
}

impl Timers {
    /// Creates timers for all threads. They take the time from `clock` and wake `waker` when a sleep comes
    /// that is due before what the driver waits for; if that was told `None`, when any sleep comes. Once
    /// woken, the driver is not woken again until it has asked for the
    /// [`next_deadline`](Self::next_deadline), nor before it has asked for the first time.
    ///
    /// # Complexity
    ///
    /// Two allocations, of 6.5 KiB together; sleeps make none.
    pub fn new(clock: impl Clock, waker: Waker) -> Self {
        Self::with_clock(Box::new(clock), waker)
    }
}

impl Timers<Local> {
    /// Creates timers for this thread. As [`Timers::new`] otherwise: `waker` is of use where sleeps begin
    /// while the driver waits, and may be [`Waker::noop`] where it asks for the next deadline after all
    /// tasks have run.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::task::Waker;
    /// use core::time::Duration;
    /// use hyperia_timer::{Local, ManualClock, Timers};
    ///
    /// let clock = ManualClock::new();
    /// let timers = Timers::<Local>::new_local(clock.clone(), Waker::noop().clone());
    /// let sleep = timers.sleep(Duration::from_secs(1));
    /// ```
    pub fn new_local(clock: impl Clock, waker: Waker) -> Self {
        Self::with_clock(Box::new(clock), waker)
    }
}

impl<B: Bound> Timers<B> {
    fn with_clock(clock: Box<dyn Clock>, waker: Waker) -> Self {
        Self {
            hub: B::handle(Hub::new(clock, waker)),
        }
    }

    /// Returns the clock's time.
    pub fn now(&self) -> Duration {
        self.hub.clock().now()
    }

    /// Returns a future that completes `duration` after its first poll.
    ///
    /// Making it reads no clock and takes no lock. `Duration::ZERO` is ready at once,
    /// `Duration::MAX` never.
    #[inline]
    pub fn sleep(&self, duration: Duration) -> Sleep<'_, B> {
        Sleep::new(&self.hub, AFTER, nanos(duration))
    }

    /// Returns a future that completes when the clock has come to `deadline`. (For an
    /// [`Instant`](std::time::Instant) there is
    /// [`MonotonicClock::time_of`](crate::MonotonicClock::time_of).)
    ///
    /// A deadline that has passed is ready at the first poll; `Duration::MAX` never is.
    #[inline]
    pub fn sleep_until(&self, deadline: Duration) -> Sleep<'_, B> {
        Sleep::new(&self.hub, AT, nanos(deadline))
    }

    /// Runs `future` for at most `duration`, counted from the first time it is pending.
    ///
    /// While `future` is ready at once, no clock is read and no lock taken. It is polled once in any case:
    /// `Duration::ZERO` gives it one try.
    #[inline]
    pub fn timeout<F: Future>(&self, duration: Duration, future: F) -> Timeout<'_, F, B> {
        Timeout::new(self.sleep(duration), future)
    }

    /// Runs `future` until the clock shows `deadline` at the latest.
    #[inline]
    pub fn timeout_at<F: Future>(&self, deadline: Duration, future: F) -> Timeout<'_, F, B> {
        Timeout::new(self.sleep_until(deadline), future)
    }

    /// Returns a stream of ticks, `period` apart, the first one `period` after its first poll. (tokio's
    /// first tick is at once; that is [`interval_at`](Self::interval_at) with `now`.)
    ///
    /// # Panics
    ///
    /// If `period` is zero.
    #[track_caller]
    pub fn interval(&self, period: Duration) -> Interval<'_, B> {
        Interval::new(self.sleep(period), period)
    }

    /// Returns a stream of ticks, `period` apart, the first one at `start`: [`now`](Self::now) for one at
    /// once. If `start` has passed, the first poll gives its tick, and what was missed since is up to the
    /// [`MissedTickBehavior`](crate::MissedTickBehavior).
    ///
    /// # Panics
    ///
    /// If `period` is zero.
    #[track_caller]
    pub fn interval_at(&self, start: Duration, period: Duration) -> Interval<'_, B> {
        Interval::new(self.sleep_until(start), period)
    }

    /// For the driver: returns until when to wait, or `None` if nothing is ever due.
    ///
    /// From here on the first sleep with an earlier deadline wakes the driver's waker, and no other does
    /// until this is called again; so this is called right before waiting.
    ///
    /// Never late. Exact unless the nearest slot of the wheel is crowded (more than 64 sleeps) or
    /// holds a sleep that was reset to later: then it may be earlier, and one turn per level of the
    /// wheel may find nothing due. While [`advance`](Self::advance) has left work, it is a time
    /// that has passed.
    pub fn next_deadline(&self) -> Option<Duration> {
        let next = self.hub.lock().arm();
        (next != NEVER).then(|| duration(next))
    }

    /// For the driver: completes the sleeps that are due at `now`, in the order that
    /// [`Wheel::advance`](crate::wheel::Wheel::advance) describes, and wakes their tasks. Returns true if there is more to do: look after I/O without waiting,
    /// and call again.
    ///
    /// `now` is the time of the clock that these timers were made with, [`now`](Self::now) or read from
    /// the clock: a time of another epoch makes sleeps early or late. A `now` before an earlier one
    /// counts as that, so what is once passed by a large one stays passed. Whoever calls this in the
    /// driver's stead wakes the driver afterwards, which may wait for a deadline that is not the next any
    /// more. The tasks are woken with no lock held, so a
    /// waker may make, reset and drop sleeps, these ones included.
    ///
    /// # Panics
    ///
    /// If a waker does, after the others of its batch were woken. No sleep is lost: the next call
    /// goes on.
    ///
    /// # Complexity
    ///
    /// Hands out or moves at most 256 sleeps, and looks at no more than 64 beyond these. Empty time costs
    /// nothing.
    pub fn advance(&self, now: Duration) -> bool {
        self.advance_with(now, |_| ())
    }

    /// Wakes the driver.
    pub(crate) fn ring(&self) {
        self.hub.ring();
    }

    /// The same, telling at each step whether sleeps were completed.
    pub(crate) fn advance_with(&self, now: Duration, mut completed: impl FnMut(bool)) -> bool {
        // What is fired is compared with this: never does not come.
        let now = nanos(now).min(NEVER - 1);
        let mut budget = Budget::new(ADVANCE_BUDGET);
        loop {
            // Each wakes what is left in it when it is dropped, so a panic of one costs nobody else.
            let mut wakers: Wakers = [const { WakeBatch::new() }; _];
            let progress = self.hub.lock().collect(now, &mut budget, &mut wakers);
            completed(!wakers[0].is_empty());
            wakers.iter_mut().for_each(WakeBatch::wake_all);
            match progress {
                Progress::Done => return false,
                Progress::Full => {}
                Progress::More => return true,
            }
        }
    }
}

impl<B: Bound> Clone for Timers<B> {
    fn clone(&self) -> Self {
        Self {
            hub: self.hub.clone(),
        }
    }
}

impl<B: Bound> fmt::Debug for Timers<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timers")
            .field("now", &self.now())
            .finish_non_exhaustive()
    }
}
