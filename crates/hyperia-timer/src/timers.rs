//! The handle that sleeps are made with and the driver drives: a wheel of pinned nodes behind a
//! lock.
//!
//! # The ring
//! The driver asks for the next deadline, waits until then, and advances. While it waits, `armed`
//! is what it waits for; a sleep that comes with an earlier deadline rings the driver's waker. From
//! the ring, or from the start of `advance`, until the driver asks again, `armed` is zero and
//! nobody rings: the driver is going to ask before it waits. So the driver's own tasks, which run
//! in between, never ring, and any number of earlier and earlier deadlines ring once.
//!
//! # Invariants
//! 1. No user code runs under the lock: no waker is cloned, woken or dropped, no clock read.
//! 2. `armed` is not later than what the driver waits for, or zero, and then the driver is awake or
//!    rung.
//!
//! # Progress
//! Blocks while the holder of the lock is stopped; it is held for a few list operations, in
//! [`Timers::advance`] for at most 256. Completed and not yet polled sleeps are dropped without it.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::task::Waker;
use core::time::Duration;

use hyperia_wait::WakeBatch;

use crate::clock::Clock;
use crate::node::{Link, Pinned};
use crate::primitive::Mutex;
use crate::sleep::Sleep;
use crate::time::{NEVER, duration, nanos};
use crate::timeout::Timeout;
use crate::wheel::{Budget, Due, Levels, Nodes, Progress};

/// How many nodes one call of `advance` hands out or moves before it lets the driver look after
/// I/O.
const ADVANCE_BUDGET: usize = 256;

/// How many nodes one step takes out of the levels: as many wakers as a `WakeBatch` holds.
const BATCH: usize = 16;

/// What the handles and the sleeps share.
pub(crate) struct Shared {
    inner: Mutex<Inner>,
    /// Woken when a deadline comes that is earlier than the one the driver waits for.
    waker: Waker,
    clock: Box<dyn Clock>,
}

// No user code runs under the lock (invariant 1), so no panic leaves what it protects in pieces.
impl UnwindSafe for Shared {}
impl RefUnwindSafe for Shared {}

/// What the lock protects.
pub(crate) struct Inner {
    levels: Levels<Link>,
    nodes: Pinned,
    /// The deadline the driver waits for; zero while it does not wait.
    armed: u64,
    /// The next deadline as found last, kept up since: not after any deadline. Zero if unknown.
    next: u64,
}

impl Inner {
    /// Registers a node. Returns whether to ring the driver after unlocking.
    #[must_use]
    pub(crate) fn insert(&mut self, link: Link, deadline: u64) -> bool {
        self.levels.insert(&mut self.nodes, link, deadline);
        self.next = self.next.min(deadline);
        let earlier = deadline < self.armed;
        if earlier {
            self.armed = 0;
        }
        earlier
    }

    /// Takes a node out of its list, if it is in one.
    pub(crate) fn remove(&mut self, link: Link) {
        let deadline = self.nodes.deadline(link);
        self.levels.remove(&mut self.nodes, link);
        if deadline == self.next || self.levels.is_empty() {
            self.next = 0;
        }
    }

    /// Finds the next deadline, or [`NEVER`].
    fn next_deadline(&mut self) -> u64 {
        if self.next == 0 {
            self.next = self.levels.next_deadline(&self.nodes).unwrap_or(NEVER);
        }
        self.next
    }

    /// Moves the time to `now` if nothing happens until then.
    fn idle_until(&mut self, now: u64) -> bool {
        // It was met, or was the deadline of a sleep that was put off.
        if self.next <= now {
            self.next = 0;
        }
        self.levels.idle_until(now)
    }
}

impl Shared {
    pub(crate) fn lock(&self) -> impl core::ops::DerefMut<Target = Inner> + '_ {
        self.inner.lock()
    }

    /// The clock's time, which is before [`NEVER`] whatever the clock shows.
    pub(crate) fn now(&self) -> u64 {
        nanos(self.clock.now()).min(NEVER - 1)
    }

    /// Tells the driver to ask for the next deadline again. Never under the lock.
    pub(crate) fn ring(&self) {
        self.waker.wake_by_ref();
    }
}

/// Makes sleeps and timeouts for any executor, and lets a driver drive them.
///
/// A handle: clones share one wheel. Sleeps may be made, polled, reset and dropped on any thread.
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
#[derive(Clone)]
pub struct Timers {
    shared: Arc<Shared>,
}

impl Timers {
    /// Creates timers that take the time from `clock` and wake `waker` when a sleep comes that is
    /// due before what the driver waits for.
    ///
    /// # Complexity
    ///
    /// Two allocations, of 5.5 KiB together; sleeps make none.
    pub fn new(clock: impl Clock, waker: Waker) -> Self {
        // SAFETY: it goes inside the lock right here, and nothing takes it out.
        let nodes = unsafe { Pinned::new() };
        let inner = Inner {
            levels: Levels::new(Link::NIL),
            nodes,
            armed: 0,
            next: 0,
        };
        let shared = Shared {
            inner: Mutex::new(inner),
            waker,
            clock: Box::new(clock),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Returns the clock's time.
    pub fn now(&self) -> Duration {
        self.shared.clock.now()
    }

    /// Returns a future that completes `duration` after its first poll.
    ///
    /// Making it reads no clock and takes no lock. `Duration::ZERO` is ready at once,
    /// `Duration::MAX` never.
    #[inline]
    pub fn sleep(&self, duration: Duration) -> Sleep {
        Sleep::after(Arc::clone(&self.shared), nanos(duration))
    }

    /// Returns a future that completes when the clock shows `deadline`.
    ///
    /// A deadline that has passed is ready at the first poll; `Duration::MAX` never is.
    #[inline]
    pub fn sleep_until(&self, deadline: Duration) -> Sleep {
        Sleep::at(Arc::clone(&self.shared), nanos(deadline))
    }

    /// Runs `future` for at most `duration`, counted from the first time it is pending.
    ///
    /// While `future` is ready at once, no clock is read and no lock taken.
    #[inline]
    pub fn timeout<F: Future>(&self, duration: Duration, future: F) -> Timeout<F> {
        Timeout::new(self.sleep(duration), future)
    }

    /// Runs `future` until the clock shows `deadline` at the latest.
    #[inline]
    pub fn timeout_at<F: Future>(&self, deadline: Duration, future: F) -> Timeout<F> {
        Timeout::new(self.sleep_until(deadline), future)
    }

    /// For the driver: returns until when to wait, or `None` if nothing is ever due.
    ///
    /// From here on a sleep with an earlier deadline wakes the driver's waker, once; so this is
    /// called right before waiting.
    ///
    /// Never late. Exact unless the nearest slot of the wheel is crowded (more than 64 sleeps) or
    /// holds a sleep that was reset to later: then it may be earlier, and one turn per level of the
    /// wheel may find nothing due. While [`advance`](Self::advance) has left work, it is a time
    /// that has passed.
    pub fn next_deadline(&self) -> Option<Duration> {
        let mut inner = self.shared.lock();
        let next = inner.next_deadline();
        inner.armed = next;
        (next != NEVER).then(|| duration(next))
    }

    /// For the driver: completes the sleeps that are due at `now`, in the order of their deadlines,
    /// and wakes their tasks. Returns true if there is more to do: look after I/O without waiting,
    /// and call again.
    ///
    /// A `now` before an earlier one counts as that. The tasks are woken with no lock held, so a
    /// waker may make, reset and drop sleeps, these ones included.
    ///
    /// # Panics
    ///
    /// If a waker does, after the others of its batch were woken. No sleep is lost: the next call
    /// goes on.
    ///
    /// # Complexity
    ///
    /// Hands out or moves at most 256 sleeps, sixteen wakers at a time. Empty time costs nothing.
    pub fn advance(&self, now: Duration) -> bool {
        // What is fired is compared with this: never does not come.
        let now = nanos(now).min(NEVER - 1);
        let mut budget = Budget::new(ADVANCE_BUDGET);
        loop {
            let mut wakers = WakeBatch::new();
            let progress = self.collect(now, &mut budget, &mut wakers);
            wakers.wake_all();
            match progress {
                Progress::Done => return false,
                Progress::Full => {}
                Progress::More => return true,
            }
        }
    }

    /// One step of `advance`, under the lock.
    fn collect(&self, now: u64, budget: &mut Budget, wakers: &mut WakeBatch) -> Progress {
        let mut guard = self.shared.lock();
        let inner = &mut *guard;
        inner.armed = 0;
        if inner.idle_until(now) {
            return Progress::Done;
        }
        let mut due = Due::<Link, BATCH>::new(Link::NIL);
        let mut progress = inner
            .levels
            .collect(&mut inner.nodes, now, budget, &mut due);
        let now = now.max(inner.levels.elapsed());
        for &(deadline, link) in due.as_slice() {
            if wakers.is_full() {
                // A batch of wakers may be smaller than one of the wheel: the rest waits for the
                // next.
                inner.levels.insert(&mut inner.nodes, link, deadline);
                progress = Progress::Full;
            } else if let Some(waker) = inner.nodes.fire(link, now) {
                wakers.push(waker);
            }
        }
        progress
    }
}

impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timers")
            .field("now", &self.now())
            .finish_non_exhaustive()
    }
}
