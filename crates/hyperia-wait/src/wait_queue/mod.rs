//! A queue of waiters.

mod circle;
mod list;
mod lock;
mod wait;

use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::ptr;
use core::task::Waker;

use self::list::Node;
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

/// A first-in-first-out queue of tasks that wait.
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

// No user code runs with the lock held, so a panic cannot leave the queue half-changed.
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

    /// Waits for a notification. Joins the queue when it is polled for the first time.
    pub fn wait(&self) -> Wait<'_> {
        Wait::new(self)
    }

    /// Takes the stored token, if there is one.
    pub fn try_wait(&self) -> bool {
        let mut backoff = Backoff::new();
        // ORDERING: a guess, checked by the compare-exchange; without a token nothing was received.
        let mut state = self.state.load(Relaxed);
        while state & TOKEN != 0 {
            if state & LOCKED == 0 {
                // ORDERING: Acquire pairs with the Release of the `notify_one`s that stored the token.
                match self
                    .state
                    .compare_exchange_weak(state, state & !TOKEN, Acquire, Relaxed)
                {
                    Ok(_) => return true,
                    Err(seen) => state = seen,
                }
            } else {
                backoff.wait();
                // ORDERING: a guess again.
                state = self.state.load(Relaxed);
            }
        }
        false
    }

    /// Wakes the one who waits longest. If nobody waits, stores one token for the next who comes.
    ///
    /// Returns whether somebody was woken. Tokens do not add up.
    pub fn notify_one(&self) -> bool {
        let Some(mut locked) = self.lock_or_store_token() else {
            return false;
        };
        let waker = locked.pop(NOTIFIED_ONE);
        drop(locked);
        waker.map(Waker::wake).is_some()
    }

    /// Does what `n` calls of [`notify_one`](Self::notify_one) do. Returns how many were woken.
    pub fn notify_many(&self, n: usize) -> usize {
        let mut woken = 0;
        let mut panics = FirstPanic::new();
        let mut batch = WakeBatch::new();
        while woken < n {
            let Some(mut locked) = self.lock_or_store_token() else {
                break;
            };
            while woken < n && !batch.is_full() {
                let Some(waker) = locked.pop(NOTIFIED_ONE) else {
                    break;
                };
                batch.push(waker);
                woken += 1;
            }
            drop(locked);
            batch.wake_each(&mut panics);
        }
        panics.resume();
        woken
    }

    /// Wakes all who wait now, in the order in which they came. Returns how many they were.
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

    /// Wakes all; they and all who come later get `Err(Closed)`.
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
