//! Permits that are acquired and given back.
//!
//! # States
//! One word, and a list of those who wait, circular, at `head`.
//! ```text
//!  bit  0       LOCKED     one thread may touch `head`, links and the word; a few dozen instructions long
//!  bit  1       WAITERS    `head` is not null (up to date while unlocked)
//!  bits 16..32  OVERTAKEN  how many acquisitions have gone before the one who waits longest
//!  bits 32..64  PERMITS    how many there are to be had
//! ```
//! A waiter:
//! ```text
//!          first poll,              there is enough for it,        poll, enough
//!          not enough               it waits longest               is still there
//!  INIT ───────────────▶ WAITING ──────────────────────▶ WOKEN ───────────────────▶ DONE
//!                          │  ▲                           │ │                         ▲
//!                          │  └───── poll, overtaken ─────┘ │                         │
//!                          └──────── handed over ───────────┴──────▶ GRANTED ── poll ─┘
//! ```
//! Linked in `WAITING` and `WOKEN`; with a waker in `WAITING` alone.
//!
//! # Who gets
//! Permits that are given back are there for everybody. The one who waits longest is woken; until it runs, a
//! newcomer may take them, which saves a thread switch for each acquisition. Each time counts, and once the
//! one who waits longest has been overtaken `overtakes_max` times, newcomers join the end, and what is given
//! back is handed over to it. So does one who wants many permits get them: nobody takes them away for ever.
//!
//! # Invariants
//! 1. Who set `LOCKED` is the only one to change the word, to touch `head` and links, until it stores the word
//!    without. No user code and no panic in between.
//! 2. A waiter is linked exactly while its status is `WAITING` or `WOKEN`. It is pinned, and its drop unlinks
//!    it, so what is linked is alive.
//! 3. A waiter owns its waker exactly while its status is `WAITING`: whoever wakes it moves the waker out
//!    before it stores another status; if that is `GRANTED`, the store is its last access to the waiter.
//! 4. Unlocked: if the one who waits longest could be served by the permits that are there, it is `WOKEN`.
//! 5. `OVERTAKEN` is zero while nobody waits, and when another one comes to be the first.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries | Model |
//! |---|---|---|---|---|
//! | release → acquire | `release` adds permits; unlock | `try_take`; lock | what was done with the permit | `a_permit_carries_what_was_done_under_it` |
//! | unlock → lock | `Locked::drop` | `try_lock` | head, links, wakers | `neighbours_leave_at_once` |
//! | hand-over → poll | `grant` stores `GRANTED` | `poll` | what was done with the permit; that the waiter is free | `a_permit_handed_over_carries_what_was_done` |
//!
//! Take-or-wait against release needs no fence: both change the one word.
//!
//! # Progress
//! | Operation | Progress |
//! |---|---|
//! | `try_acquire`, `acquire` that finds permits, giving back while nobody waits | lock-free among themselves; blocks while a holder of the lock is stopped |
//! | joining, leaving, giving back with waiters | blocks while a holder of the lock is stopped |
//! | `available_permits`, polls with the same waker while nothing has come | wait-free |
//!
//! # Cancel safety
//! A dropped [`SemaphoreAcquire`] leaves the line at once, from any place in it; what it had been given or woken for
//! goes to the next one.
//!
//! # Cost
//! | | bytes | allocations | locked instructions |
//! |---|---|---|---|
//! | `Semaphore`; `SemaphoreAcquire`; `Permit` | 24; 48; 16 | 0 | |
//! | acquire and give back, nobody waiting | | 0 | 2 |
//! | `acquire` that has to wait; giving back to it; its last poll | | 0 | 1; 1; 1 |
//! | giving up | | 0 | 1 |
//!
//! # Sources
//! The batch semaphore of tokio (Lerche, Weisz and others) for permits by the number; parking_lot's eventual
//! fairness and async-lock's mutex for overtaking with an end, which go by time: here it is counted.

mod acquire;
mod lock;
mod owned;
mod permit;
mod waiter;

use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::ptr;

use hyperia_wait::Backoff;

pub use self::acquire::SemaphoreAcquire;
pub use self::owned::{OwnedPermit, SemaphoreAcquireOwned};
pub use self::permit::Permit;
pub(crate) use self::waiter::Waiter;
use crate::primitive::Ordering::*;
use crate::primitive::{AtomicU64, UnsafeCell};

const LOCKED: u64 = 1;
const WAITERS: u64 = 2;
/// One acquisition that has overtaken the head.
const OVERTAKE: u64 = 1 << 16;
const OVERTAKEN_MASK: u64 = 0xffff * OVERTAKE;
/// One permit.
const PERMIT: u64 = 1 << 32;

/// How often the one who waits longest may be overtaken, unless chosen otherwise.
const OVERTAKES_MAX: u16 = 128;

/// The word of a semaphore that has `permits` permits to be had, and nobody who waits.
pub(crate) const fn word_with(permits: u32) -> u64 {
    permits as u64 * PERMIT
}

fn permits(word: u64) -> u32 {
    (word / PERMIT) as u32
}

fn overtaken(word: u64) -> u16 {
    (word / OVERTAKE) as u16
}

/// A number of permits, to be acquired and given back by any number of tasks and threads.
///
/// Those who have to wait are served first come, first served, except that a newcomer may take permits that
/// were given back before the one who waits longest has run. That happens at most 128 times to each, or as
/// often as [`with_overtakes_max`](Self::with_overtakes_max) says: none for strict order, which costs a
/// thread switch for each acquisition that has to wait.
///
/// # Examples
///
/// ```
/// use hyperia_sync::Semaphore;
/// use hyperia_wait::{Block, block_on};
///
/// static CONNECTIONS: Semaphore = Semaphore::new(2);
///
/// block_on(async {
///     let first = CONNECTIONS.acquire().await;
///     let second = CONNECTIONS.acquire().await;
///     assert!(CONNECTIONS.try_acquire().is_none());
///     drop(first);
///     assert_eq!(CONNECTIONS.available_permits(), 1);
///     drop(second);
/// });
/// let both = CONNECTIONS.acquire_many(2).block(); // a thread may wait, too
/// assert_eq!(both.permits(), 2);
/// ```
pub struct Semaphore {
    /// See the module.
    word: AtomicU64,
    /// Who waits longest; null when nobody waits. Touched with the lock held.
    head: UnsafeCell<*const Waiter>,
    overtakes_max: u16,
}

// SAFETY: `head` and what it leads to are touched with the lock held only (invariant 1). The waiters hold
// wakers, which may be used from any thread.
unsafe impl Sync for Semaphore {}
// SAFETY: a semaphore is moved only while nobody borrows it, hence while no `SemaphoreAcquire` is alive.
unsafe impl Send for Semaphore {}

// No user code runs with the lock held, so a panic cannot leave the line half-changed.
impl UnwindSafe for Semaphore {}
impl RefUnwindSafe for Semaphore {}

impl Semaphore {
    /// How many permits a semaphore can hold.
    pub const MAX_PERMITS: usize = u32::MAX as usize;

    /// Creates a semaphore with `permits` permits.
    ///
    /// # Panics
    ///
    /// If that is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[cfg(not(hyperia_loom))]
    #[track_caller]
    pub const fn new(permits: usize) -> Self {
        Self::with_overtakes_max(permits, OVERTAKES_MAX)
    }

    /// Creates a semaphore with `permits` permits.
    #[cfg(hyperia_loom)]
    pub fn new(permits: usize) -> Self {
        Self::with_overtakes_max(permits, OVERTAKES_MAX)
    }

    /// Creates a semaphore with `permits` permits, in which newcomers overtake the one who waits longest at
    /// most `overtakes_max` times. Zero is strict order.
    ///
    /// # Panics
    ///
    /// If there are more permits than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[cfg(not(hyperia_loom))]
    #[track_caller]
    pub const fn with_overtakes_max(permits: usize, overtakes_max: u16) -> Self {
        Self {
            word: AtomicU64::new(word_of(permits)),
            head: UnsafeCell::new(ptr::null()),
            overtakes_max,
        }
    }

    /// Creates a semaphore with `permits` permits, in which newcomers overtake the one who waits longest at
    /// most `overtakes_max` times. Zero is strict order.
    #[cfg(hyperia_loom)]
    pub fn with_overtakes_max(permits: usize, overtakes_max: u16) -> Self {
        Self {
            word: AtomicU64::new(word_of(permits)),
            head: UnsafeCell::new(ptr::null()),
            overtakes_max,
        }
    }

    /// Acquires a permit, waiting until there is one.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its place in the line; if it had been served and not polled since, the
    /// next one is. Forgetting it instead keeps the place, and what it is served.
    #[inline]
    pub fn acquire(&self) -> SemaphoreAcquire<'_> {
        SemaphoreAcquire::new(self, 1)
    }

    /// Acquires `count` permits at once, waiting until there are as many. None are held back meanwhile
    /// but those that newcomers may not take any more.
    ///
    /// More than there will ever be are waited for for ever.
    ///
    /// # Panics
    ///
    /// If `count` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    #[track_caller]
    pub fn acquire_many(&self, count: usize) -> SemaphoreAcquire<'_> {
        SemaphoreAcquire::new(self, checked(count))
    }

    /// Acquires a permit if one is to be had: there is one, and the one who waits longest has not been
    /// overtaken too often.
    #[inline]
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        self.try_take(1).ok().map(|()| Permit::new(self, 1))
    }

    /// Acquires `count` permits if they are to be had, as [`try_acquire`](Self::try_acquire).
    ///
    /// # Panics
    ///
    /// If `count` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[track_caller]
    pub fn try_acquire_many(&self, count: usize) -> Option<Permit<'_>> {
        let count = checked(count);
        self.try_take(count).ok().map(|()| Permit::new(self, count))
    }

    /// Returns how many permits nobody has. Others change it at any time.
    pub fn available_permits(&self) -> usize {
        // ORDERING: a number for whoever asks, with nothing behind it.
        permits(self.word.load(Relaxed)) as usize
    }

    /// Adds permits, for good.
    ///
    /// # Panics
    ///
    /// If there are more than [`MAX_PERMITS`](Self::MAX_PERMITS) then; none are added.
    #[track_caller]
    pub fn add_permits(&self, count: usize) {
        self.release(checked(count));
    }

    /// What becomes of the word if a newcomer takes `count` permits, or `None` if it may not.
    #[inline]
    fn newcomer(&self, word: u64, count: u32) -> Option<u64> {
        if permits(word) < count {
            return None;
        }
        let taken = word - u64::from(count) * PERMIT;
        if word & WAITERS == 0 {
            Some(taken)
        } else if overtaken(word) < self.overtakes_max {
            Some(taken + OVERTAKE)
        } else {
            None
        }
    }

    /// Takes permits if a newcomer may.
    ///
    /// # Errors
    ///
    /// The word, by which it may not.
    #[inline]
    pub(crate) fn try_take(&self, count: u32) -> Result<(), u64> {
        // ORDERING: a guess, checked by the compare-exchange.
        self.try_take_from(self.word.load(Relaxed), count)
    }

    /// The same; `word` is a guess at the word.
    #[inline]
    pub(crate) fn try_take_from(&self, mut word: u64, count: u32) -> Result<(), u64> {
        if count == 0 {
            return Ok(());
        }
        let mut backoff = Backoff::new();
        loop {
            if word & LOCKED != 0 {
                backoff.wait();
                // ORDERING: a guess again.
                word = self.word.load(Relaxed);
                continue;
            }
            let taken = self.newcomer(word, count).ok_or(word)?;
            // ORDERING: Acquire pairs with the Release of those who gave these permits back, in `release` or by
            // an unlock. On failure nothing was received.
            match self
                .word
                .compare_exchange_weak(word, taken, Acquire, Relaxed)
            {
                Ok(_) => return Ok(()),
                Err(seen) => word = seen,
            }
        }
    }

    /// Gives permits back.
    #[inline]
    pub(crate) fn release(&self, count: u32) {
        // ORDERING: whether anybody waits, as a guess.
        self.release_from(self.word.load(Relaxed), count);
    }

    /// The same; `word` is a guess at the word.
    #[inline]
    pub(crate) fn release_from(&self, mut word: u64, count: u32) {
        if count == 0 {
            return;
        }
        let mut backoff = Backoff::new();
        while word & (LOCKED | WAITERS) == 0 {
            let given = add(word, count);
            // ORDERING: Release makes what was done with the permits visible to the Acquire of whoever takes
            // them.
            match self
                .word
                .compare_exchange_weak(word, given, Release, Relaxed)
            {
                Ok(_) => return,
                Err(seen) => word = seen,
            }
        }
        self.release_to_waiters(word, count, &mut backoff);
    }
}

/// The word of a new semaphore.
#[track_caller]
const fn word_of(permits: usize) -> u64 {
    assert!(
        permits <= Semaphore::MAX_PERMITS,
        "a semaphore holds at most 4,294,967,295 permits"
    );
    word_with(permits as u32)
}

#[track_caller]
fn checked(count: usize) -> u32 {
    match u32::try_from(count) {
        Ok(count) => count,
        Err(_) => panic!("a semaphore holds at most 4,294,967,295 permits, not {count}"),
    }
}

/// Adds permits to a word.
#[inline]
fn add(word: u64, count: u32) -> u64 {
    match word.checked_add(u64::from(count) * PERMIT) {
        Some(word) => word,
        None => too_many(),
    }
}

#[cold]
fn too_many() -> ! {
    panic!("a semaphore holds at most 4,294,967,295 permits")
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("available_permits", &self.available_permits())
            .finish_non_exhaustive()
    }
}
