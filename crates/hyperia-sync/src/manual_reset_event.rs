//! An event that lets everybody pass from `set` until `reset`.
//!
//! # States
//! A flag, and a [`WaitQueue`] for those who came while it was not set.
//! ```text
//!           set: with the lock of the queue held, wakes all in it
//!   UNSET ────────────────────────────────────────────────────────▶ SET ──┐ set again: the same
//!     ▲                                                              │ ◀──┘ value, written anew
//!     └────────────────────────────── reset ─────────────────────────┘
//! ```
//!
//! # Invariants
//! 1. The flag turns from false to true only with the lock of the queue held, and whoever turns it wakes
//!    all who are in the queue then, in the same step.
//! 2. A wait is in the queue before it looks for the last time. So a wait that has seen the flag unset is
//!    in the queue when it is set next; and one that joins after a set is not woken by it.
//! 3. The flag changes by read-modify-writes only.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries | Model |
//! |---|---|---|---|---|
//! | set → look | `set_and_wake` | `is_set` | what came before the set | `what_came_before_a_set_is_seen_by_whoever_looks` |
//! | set → reset | `set_and_wake` | `reset` | the same | `a_reset_sees_what_came_before_the_set_that_it_takes_back` |
//! | set again → look, reset | `set` | `is_set`, `reset` | the same | `a_second_set_is_not_lost_in_a_reset` |
//! | set → wait | `WaitQueue::notify_all_if` | its `Wait` | what came before the set | `a_wait_that_has_begun_ends_by_a_set_though_a_reset_follows` |
//!
//! A set of what is set already is no mere look: `wait`, `reset`, then look for work, against: leave work,
//! then `set`. If that `set` saw the old value and wrote nothing, the work could be left where nobody looks.
//! So both write, and one of the two sees the other.
//!
//! # Progress
//! | Operation | Progress |
//! |---|---|
//! | `is_set`, `reset`, a poll while set, later polls with the same waker | wait-free |
//! | `set` while set | wait-free, unless a reset comes in between |
//! | `set` that finds it unset; the first poll, a poll with another waker and `drop` while waiting | as the queue: block while a holder of its lock is stopped |
//!
//! # Cancel safety
//! Dropping a wait leaves the queue. There is nothing to pass on.
//!
//! # Cost
//! | | bytes | allocations | locked instructions |
//! |---|---|---|---|
//! | the event; a wait | 24; 56 | 0 | |
//! | `set` while set; `set` | | 0 | 1; 2, and what the wakers do |
//! | `wait` while set; `is_set` | | 0 | 0; 0 |
//! | `reset` | | 0 | 1 (0 if not set) |
//! | `wait` that has to; dropping it early | | 0 | 1; 1 |
//!
//! # Why not the obvious design
//! A flag that is set first, and `notify_all` after it: between the two a reset may come, then a wait, which
//! the late notification would end although the event is not set.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::FusedFuture;
use hyperia_wait::{Wait, WaitQueue};

use crate::primitive::AtomicBool;
use crate::primitive::Ordering::*;

/// Lets everybody pass from [`set`](Self::set) until [`reset`](Self::reset): a gate.
///
/// To let one pass at a time, use an [`AutoResetEvent`](crate::AutoResetEvent).
///
/// # Examples
///
/// ```
/// use hyperia_sync::ManualResetEvent;
/// use hyperia_wait::Block;
///
/// let ready = ManualResetEvent::new(false);
/// std::thread::scope(|scope| {
///     scope.spawn(|| ready.wait().block());
///     scope.spawn(|| ready.wait().block());
///     ready.set();
/// });
/// ready.wait().block(); // still set
/// assert!(ready.reset());
/// ```
pub struct ManualResetEvent {
    /// See invariants 1 and 3.
    is_set: AtomicBool,
    /// Those who have seen it unset. Holds no token, and is never closed.
    queue: WaitQueue,
}

impl ManualResetEvent {
    /// Creates an event that is set, or not.
    #[cfg(not(hyperia_loom))]
    pub const fn new(is_set: bool) -> Self {
        Self {
            is_set: AtomicBool::new(is_set),
            queue: WaitQueue::new(),
        }
    }

    /// Creates an event that is set, or not.
    #[cfg(hyperia_loom)]
    pub fn new(is_set: bool) -> Self {
        Self {
            is_set: AtomicBool::new(is_set),
            queue: WaitQueue::new(),
        }
    }

    /// Lets all pass who wait now, in the order in which they came, and all who come until a
    /// [`reset`](Self::reset).
    ///
    /// Whoever waits has passed with this, even if the reset follows at once. Whoever passes, or resets, sees
    /// what the caller did before; also if the event was set already.
    ///
    /// # Panics
    ///
    /// If a waker does, after the others were woken.
    ///
    /// # Complexity
    ///
    /// O(1) and one locked instruction if it is set already; otherwise O(waiters).
    #[inline]
    pub fn set(&self) {
        // ORDERING: a guess, checked by the compare-exchange.
        if self.is_set.load(Relaxed)
            // ORDERING: writes nothing new, but Release makes what the caller did visible to the Acquire of
            // whoever looks or resets later in the order of the flag. On failure it is set for good below.
            && self
                .is_set
                .compare_exchange(true, true, Release, Relaxed)
                .is_ok()
        {
            return;
        }
        self.set_and_wake();
    }

    /// What `set` does if the event was not set a moment ago.
    fn set_and_wake(&self) {
        self.queue.notify_all_if(|| {
            // ORDERING: Release pairs with the Acquire in `is_set` and `reset` that find what is written
            // here. If another set was faster it has woken everybody, and this continues its release sequence.
            !self.is_set.swap(true, Release)
        });
    }

    /// Lets nobody pass any more until the next [`set`](Self::set). Returns whether it was set.
    ///
    /// Whoever has waited when it was set has passed, also if it has not been polled since.
    #[inline]
    pub fn reset(&self) -> bool {
        // ORDERING: a guess that saves the swap; if it is stale the set comes after this reset.
        self.is_set.load(Relaxed)
            // ORDERING: Acquire pairs with the Release of each `set` that this takes back.
            && self.is_set.swap(false, Acquire)
    }

    /// Returns whether the event is set. True carries what came before each `set`.
    #[inline]
    pub fn is_set(&self) -> bool {
        // ORDERING: Acquire pairs with the Release of each `set` up to now, the later ones included, since
        // the flag changes by read-modify-writes only.
        self.is_set.load(Acquire)
    }

    /// Waits until the event is set; not at all if it is.
    ///
    /// The future joins the waiters at its first poll, at the end. Once that has returned `Pending`, the next
    /// [`set`](Self::set) ends the wait, whatever follows it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its place, nothing else.
    ///
    /// # Complexity
    ///
    /// O(1). No allocation; no locked instruction while the event is set.
    #[inline]
    pub fn wait(&self) -> ManualResetWait<'_> {
        ManualResetWait {
            event: self,
            wait: Some(self.queue.wait()),
        }
    }
}

impl Default for ManualResetEvent {
    /// An event that is not set.
    fn default() -> Self {
        Self::new(false)
    }
}

impl fmt::Debug for ManualResetEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualResetEvent")
            .field("is_set", &self.is_set())
            .finish_non_exhaustive()
    }
}

/// The future of [`ManualResetEvent::wait`], which says what it does and what dropping it does.
#[must_use = "futures do nothing unless polled"]
pub struct ManualResetWait<'a> {
    event: &'a ManualResetEvent,
    /// Pinned with the whole. `None` once the output was returned.
    wait: Option<Wait<'a>>,
}

impl Future for ManualResetWait<'_> {
    type Output = ();

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: `wait` is pinned with the whole: it is polled and replaced through `Pin` only, there is no
        // `Drop`, and `ManualResetWait` is `Unpin` only if `Wait` is. `event` is not pinned.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above.
        let mut slot = unsafe { Pin::new_unchecked(&mut this.wait) };
        let wait = slot.as_mut().as_pin_mut();
        let wait = wait.expect("`ManualResetWait` polled again after it was ready");
        // Looks, joins, and looks again (invariant 2). The queue stores nothing and is never closed, so an
        // answer is a notification, and a set.
        if this.event.is_set() || wait.poll(cx).is_ready() || this.event.is_set() {
            slot.set(None);
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl FusedFuture for ManualResetWait<'_> {
    fn is_terminated(&self) -> bool {
        self.wait.is_none()
    }
}

impl fmt::Debug for ManualResetWait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualResetWait")
            .field("is_terminated", &self.is_terminated())
            .finish_non_exhaustive()
    }
}
