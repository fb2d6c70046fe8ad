//! A queue of waiters: first in, first out, without allocation.
//!
//! # States
//! One word. The list hangs on `head` and is circular, so `head.prev` is the tail.
//! ```text
//!  bit 0  LOCKED    one thread may touch `head`, the links and the word; about ten instructions long
//!  bit 1  TOKEN     one notification that found nobody
//!  bit 2  WAITERS   `head` is not null (up to date while unlocked)
//!  bit 3  CLOSED    for ever
//!
//!            notify_one                     poll
//!   TOKEN ◀───────────── (empty) ─────────────────────▶ WAITERS
//!     └────────────────────▲ ▲───────────────────────────┘
//!          poll, try_wait        notify_*, drop: the last one leaves
//!
//!   from any of them: close ──▶ CLOSED
//! ```
//! Valid: each of the three above, `CLOSED`, and each of these four with `LOCKED`. (`TOKEN` and `LOCKED`
//! meet in `close`, in a `notify_all` that met a holder, and when somebody whom a `notify_all` at work has not
//! reached yet leaves or changes its waker.)
//!
//! A node, and with it its wait:
//! ```text
//!  INIT ──poll──▶ WAITING ──notify_one──▶ NOTIFIED_ONE ──poll──▶ DONE
//!    │               ├─────notify_all───▶ NOTIFIED_ALL ──poll──────▲
//!    │               ├─────close────────▶ CLOSED_BY ─────poll──────┤
//!    └──poll: TOKEN or CLOSED was there────────────────────────────┘
//! ```
//!
//! # Invariants
//! 1. Who set `LOCKED` is the only one to change `state`, to touch `head` and to touch links, until it
//!    stores `state` without `LOCKED`. No user code (a waker's clone, wake, drop) and no panic in between, but
//!    for the condition of `notify_all_if`, which finds and leaves the list whole.
//! 2. A node is linked exactly while its status is `WAITING`. Its wait is pinned, and `drop` unlinks, so
//!    what is linked is alive. A mark is linked only while `wake_everybody` is in its frame.
//! 3. A node owns its waker exactly while its status is `WAITING`: the notifier moves it out before it
//!    stores another status, and that store is its last access to the node.
//! 4. `TOKEN` is never together with `WAITERS` or `CLOSED`: what could be given is not stored.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries | Model |
//! |---|---|---|---|---|
//! | unlock → lock | `Locked::drop` | `try_lock` | head, links, wakers | `two_neighbours_may_leave_at_once` |
//! | notify → poll | `notify` stores the status | `poll`, `drop` | what came before the notification; that the node is free | `a_poll_with_another_waker_is_the_one_that_is_woken` |
//! | token → poll, `try_wait` | `lock_or_store_token` | `take_token`, `start` | what came before each of the notifications | `notifications_that_coalesce_carry_both_conditions` |
//! | nobody → lock | `notify_all` finds nobody | `try_lock` of a first poll | what came before, for the look after joining | `a_condition_and_notify_all_reach_one_waiter` |
//! | close → poll, `is_closed` | `Locked::close`, `Locked::drop` | `start`, `is_closed` | what came before the close | `a_close_that_is_seen_carries_the_closers_writes` |
//!
//! Register-then-look against set-then-notify needs no fence: both sides read-modify-write `state`, and
//! the later one sees the earlier.
//!
//! # Progress
//! | Operation | Progress |
//! |---|---|
//! | `notify_*` while nobody waits, a poll or `try_wait` that finds a token | lock-free among themselves; blocks while a holder of the lock is stopped |
//! | first poll, drop and poll with another waker while waiting, `notify_*` with waiters, `notify_all_if`, `close` | blocks while a holder of the lock is stopped |
//! | `is_closed`, `try_wait` without a token; later polls with the same waker, or after the notification; `drop` before the first poll or after the last | wait-free |
//!
//! A holder runs about ten instructions for a poll or a drop, up to sixteen times as many for
//! `notify_many`, `notify_all` and `close`, which unlock after each batch of sixteen. Whoever meets a
//! holder spins up to seven times, twice as long each time, then yields to the scheduler (without `std`:
//! goes on spinning). Not for use in an interrupt or signal handler that may stop a holder. `tests/progress.rs`
//! stops threads in all of these and counts who goes on.
//!
//! # Cancel safety
//! Dropping a wait leaves the queue at once, from any place in it. A notification by `notify_one` or
//! `notify_many` that it had got and not seen goes to the next one, or is stored. A *forgotten* wait keeps
//! its place, and a notification it gets is lost.
//!
//! # Cost
//! | | bytes | allocations | locked instructions |
//! |---|---|---|---|
//! | `WaitQueue` | 16 | 0 | |
//! | `Wait` | 48 | 0 | |
//! | notify with nobody waiting | | | 1 |
//! | poll that takes a token, `try_wait` with a token | | | 1 (0 without a token) |
//! | first poll, that joins; drop that leaves; notify_one that wakes | | | 1 each, and what the waker does |
//! | poll again with the same waker | | | 0 |
//!
//! # Sources
//! The list in the pinned future is that of tokio's `Notify` (Lerche, Krasnow and others, 2018–2024), which
//! also told us to splice for `notify_all` (its issue 5396); there a mutex is around it, here one bit of
//! the word that the fast paths look at anyway. CQS (Koval, Khalanskiy, Alistarh, PLDI 2023) is lock-free
//! and allocates segments; event-listener allocates per listener; a lock whose sections have no user code
//! and no allocation in them is the smaller evil.

mod circle;
mod lock;
mod node;
mod wait;

use core::fmt;
use core::mem;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::ptr;
use core::task::Waker;

use self::node::Node;
use self::wait::{CLOSED_BY, NOTIFIED_ALL, NOTIFIED_ONE};
pub use self::wait::{Closed, Wait};
use crate::WakeBatch;
use crate::backoff::Backoff;
use crate::first_panic::FirstPanic;
use crate::primitive::Ordering::*;
use crate::primitive::{AtomicU32, UnsafeCell};

/// Somebody holds the lock: only it may change `state`, and only it may touch `head` and links.
const LOCKED: u32 = 1;
/// A notification that found nobody is stored. Never with `WAITERS` or `CLOSED`.
const TOKEN: u32 = 2;
/// `head` is not null.
const WAITERS: u32 = 4;
/// The queue was closed.
const CLOSED: u32 = 8;

/// A queue of tasks and threads that wait, woken first in, first out, without allocation.
///
/// It is the waiting part of other things: an event, a semaphore, a channel. For a condition kept
/// elsewhere: poll the [`wait`](Self::wait) (which joins), look at the condition, then return `Pending`;
/// whoever makes the condition true does so and then notifies. One of the two sees the other. With a
/// single waiter a [`WakerCell`](crate::WakerCell) does without a lock, and without a node in the future.
///
/// # Examples
///
/// ```
/// use hyperia_wait::{Block, WaitQueue};
///
/// let queue = WaitQueue::new();
/// std::thread::scope(|scope| {
///     let waiter = scope.spawn(|| queue.wait().block());
///     queue.notify_one(); // wakes the waiter; or is stored, if it came first
///     assert_eq!(waiter.join().unwrap(), Ok(()));
/// });
/// assert!(!queue.try_wait()); // the notification was used up
/// ```
pub struct WaitQueue {
    /// The bits above.
    state: AtomicU32,
    /// Who waits longest; null when nobody waits. Touched with the lock held.
    head: UnsafeCell<*const Node>,
}

// SAFETY: `head` and what it leads to are touched with the lock held only (invariant 1). The nodes hold
// wakers, which may be used from any thread.
unsafe impl Sync for WaitQueue {}
// SAFETY: a queue is moved only while nobody borrows it, hence while no `Wait` is alive.
unsafe impl Send for WaitQueue {}

// No user code runs with the lock held while the list is changed, so a panic cannot leave it half-changed.
impl UnwindSafe for WaitQueue {}
impl RefUnwindSafe for WaitQueue {}

impl WaitQueue {
    /// Creates a queue in which nobody waits and no token is stored.
    #[cfg(not(hyperia_loom))]
    pub const fn new() -> Self {
        Self {
            state: AtomicU32::new(0),
            head: UnsafeCell::new(ptr::null()),
        }
    }

    /// Creates a queue in which nobody waits and no token is stored.
    #[cfg(hyperia_loom)]
    pub fn new() -> Self {
        Self {
            state: AtomicU32::new(0),
            head: UnsafeCell::new(ptr::null()),
        }
    }

    /// Waits for a notification, or takes the one that is stored.
    ///
    /// Joins the end of the queue when it is polled for the first time, not before.
    ///
    /// # Errors
    ///
    /// [`Closed`] once [`close`](Self::close) was called, unless a notification came first.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its place. If it was notified and had not been polled since, the
    /// notification is passed on as if by [`notify_one`](Self::notify_one); one by
    /// [`notify_all`](Self::notify_all) has nothing to pass on. Forgetting the future (`mem::forget` of its
    /// pinned box) keeps the place, and swallows one notification.
    pub fn wait(&self) -> Wait<'_> {
        Wait::new(self)
    }

    /// Takes the stored notification, if there is one. Never overtakes a waiter: while one waits, nothing
    /// is stored.
    pub fn try_wait(&self) -> bool {
        let mut backoff = Backoff::new();
        while !self.take_token() {
            // ORDERING: a hint, whether to try again; without a token nothing was received.
            if self.state.load(Relaxed) & TOKEN == 0 {
                return false;
            }
            // Somebody holds the lock beside the token.
            backoff.wait();
        }
        true
    }

    /// One attempt at a token, where nothing else is in the way.
    #[inline]
    fn take_token(&self) -> bool {
        // ORDERING: a guess that saves the attempt where it would fail.
        self.state.load(Relaxed) == TOKEN
            // ORDERING: Acquire pairs with the Release of the `notify_one`s that stored the token; without
            // it nothing was received.
            && self
                .state
                .compare_exchange(TOKEN, 0, Acquire, Relaxed)
                .is_ok()
    }

    /// Returns whether anybody waits, to save a notification that would find nobody.
    ///
    /// A notification is a read-modify-write, so that whoever looks afterwards sees the other. This is a plain
    /// look: it may stand in front of one only if both sides put a sequentially consistent fence between what they
    /// do and what they look at: the notifier between making the condition true and this look, the waiter
    /// between the first poll of its wait and its look at the condition.
    /// ([`WakerCell::is_registered`](crate::WakerCell::is_registered) shows it.)
    #[inline]
    pub fn has_waiters(&self) -> bool {
        // ORDERING: a look that the caller's fence orders. While the lock is held by one who joins, the bit is not
        // there yet; then the fence of that one comes later.
        self.state.load(Relaxed) & WAITERS != 0
    }

    /// Notifies the one who waits longest. If nobody waits, stores one token for the next who comes.
    ///
    /// Returns whether somebody was woken. Tokens do not add up, and a closed queue stores none.
    ///
    /// # Panics
    ///
    /// If the waker does; the notification stands.
    ///
    /// # Complexity
    ///
    /// O(1). One locked instruction, and what the waker does.
    pub fn notify_one(&self) -> bool {
        let Some(mut locked) = self.lock_or_store_token() else {
            return false;
        };
        let waker = locked.pop(NOTIFIED_ONE);
        drop(locked);
        waker.map(Waker::wake).is_some()
    }

    /// Does what `n` calls of [`notify_one`](Self::notify_one) do, locking once for sixteen of them.
    /// Returns how many were woken.
    ///
    /// # Panics
    ///
    /// If a waker does, after the others were woken.
    pub fn notify_many(&self, n: usize) -> usize {
        /// Without `std` a panicking waker unwinds through here: the others are notified by this.
        struct Rest<'a> {
            queue: &'a WaitQueue,
            left: usize,
        }
        impl Drop for Rest<'_> {
            fn drop(&mut self) {
                self.queue.notify_many(self.left);
            }
        }

        let mut rest = Rest {
            queue: self,
            left: n,
        };
        let mut panics = FirstPanic::new();
        let mut batch = WakeBatch::new();
        while rest.left > 0 {
            let Some(mut locked) = self.lock_or_store_token() else {
                break;
            };
            while rest.left > 0 && !batch.is_full() {
                let Some(waker) = locked.pop(NOTIFIED_ONE) else {
                    break;
                };
                batch.push(waker);
                rest.left -= 1;
            }
            drop(locked);
            batch.wake_each(&mut panics);
        }
        let woken = n - rest.left;
        mem::forget(rest);
        panics.resume();
        woken
    }

    /// Notifies all who wait now, in the order in which they came, and nobody who joins after the call
    /// has begun: not even from inside a waker. Stores nothing. Returns how many were woken.
    ///
    /// # Panics
    ///
    /// If a waker does, after the others were woken.
    ///
    /// # Complexity
    ///
    /// O(waiters), unlocking after each batch of sixteen.
    pub fn notify_all(&self) -> usize {
        // ORDERING: a guess, checked by the compare-exchange.
        let mut state = self.state.load(Relaxed);
        while state & (WAITERS | LOCKED) == 0 {
            // ORDERING: writes nothing new, but Release makes the caller's condition visible to the
            // Acquire of whoever joins later in the order of `state`.
            match self
                .state
                .compare_exchange_weak(state, state, Release, Relaxed)
            {
                Ok(_) => return 0,
                Err(seen) => state = seen,
            }
        }
        self.wake_everybody(self.lock(), NOTIFIED_ALL)
    }

    /// Does what [`notify_all`](Self::notify_all) does if `condition` says so. Nobody joins or leaves while it
    /// runs, so the notified are those who came before what it does, and nobody who came after.
    ///
    /// For a condition that may pass again at once, as a counter that is zero for a moment. With `notify_all`
    /// after the change, somebody who joined in between, when it had passed, would be notified of it, too.
    ///
    /// `condition` must be short, since others spin meanwhile, and must not use this queue, which would wait
    /// for itself. Returns how many were woken.
    ///
    /// # Panics
    ///
    /// If `condition` does; nobody is notified then. If a waker does, after the others were woken.
    ///
    /// # Complexity
    ///
    /// One locked instruction with nobody waiting; otherwise as `notify_all`.
    ///
    /// # Examples
    ///
    /// ```
    /// use hyperia_wait::{Block, WaitQueue};
    /// use std::future::Future;
    /// use std::pin::pin;
    /// use std::sync::atomic::{AtomicU32, Ordering::AcqRel};
    /// use std::task::{Context, Waker};
    ///
    /// let (queue, live) = (WaitQueue::new(), AtomicU32::new(2));
    /// let leave = || queue.notify_all_if(|| live.fetch_sub(1, AcqRel) == 1);
    /// let mut wait = pin!(queue.wait());
    /// assert!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    /// assert_eq!(leave(), 0); // one is left
    /// assert_eq!(leave(), 1); // the last one tells
    /// assert_eq!(wait.block(), Ok(()));
    /// ```
    pub fn notify_all_if(&self, condition: impl FnOnce() -> bool) -> usize {
        let locked = self.lock();
        if condition() {
            self.wake_everybody(locked, NOTIFIED_ALL)
        } else {
            0
        }
    }

    /// Closes the queue for ever: all who wait, and all who come later, get `Err(Closed)`.
    ///
    /// A stored token is dropped. A wait that was notified before is not affected.
    ///
    /// # Panics
    ///
    /// If a waker does, after the others were woken.
    pub fn close(&self) {
        let mut locked = self.lock();
        locked.close();
        self.wake_everybody(locked, CLOSED_BY);
    }

    /// Returns whether [`close`](Self::close) was called.
    pub fn is_closed(&self) -> bool {
        // ORDERING: Acquire pairs with the unlock of `close`, whose caller's writes are seen then.
        self.state.load(Acquire) & CLOSED != 0
    }
}

impl Default for WaitQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WaitQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // ORDERING: a snapshot for people.
        let state = self.state.load(Relaxed);
        f.debug_struct("WaitQueue")
            .field("token", &(state & TOKEN != 0))
            .field("waiters", &(state & WAITERS != 0))
            .field("closed", &(state & CLOSED != 0))
            .finish()
    }
}
