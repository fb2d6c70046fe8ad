//! A slot for the waker of one waiter.
//!
//! # States
//! ```text
//!            register: claim             register: release
//!   EMPTY ───────────────────▶ REGISTERING ───────────────▶ REGISTERED
//!     ▲  ▲                       ▲   │ take: sets WAKING        │  │
//!     │  │                       └───┼──────────────────────────┘  │ take: sets WAKING
//!     │  │ register: release, wakes  ▼         register: claim     ▼
//!     │  └───────────── REGISTERING+WAKING             REGISTERED+WAKING
//!     └──────────────────────────────────────────────────────────┘ take: release
//! ```
//! `WAKING` alone is a `take` that found nothing, when its first guess was wrong.
//!
//! # Invariants
//! 1. `slot` is touched only by the thread that claimed it: by the compare-exchange to `REGISTERING`, or
//!    by setting `WAKING` where neither it nor `REGISTERING` was set; until that thread's release.
//! 2. `slot` holds a waker exactly in the states with `REGISTERED`, and nowhere else unclaimed.
//! 3. No user code (a waker's clone, wake, drop) runs between a claim and its release.
//! 4. Each registration ends stored, replaced by a later one, or woken.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries | Model |
//! |---|---|---|---|---|
//! | register → take | `release` | `take` sets `WAKING` | the waker | `register_then_look_meets_set_then_wake` |
//! | take → register | `take` swaps to `EMPTY` | `claim` | the emptied slot, the caller's condition | `a_wake_during_a_second_registration_wakes_the_second_or_is_seen` |
//! | take that found another at work → register | `take` sets `WAKING`, kept by the swap | `claim` | its caller's condition | `a_wake_during_a_wake_is_carried_on` |
//! | take that found nobody → register | `take` writes `EMPTY` again | `claim` | its caller's condition | `register_then_look_meets_set_then_wake` |
//! | take beside register → the woken task | `take` sets `WAKING`, swaps | `claim` fails, `release` swaps | its caller's condition | `a_task_that_is_woken_sees_the_condition` |
//!
//! One atomic that both sides read-modify-write, so nothing is `SeqCst`.
//!
//! # Progress
//! Wait-free: no loop. A `register` that meets a `take` or another `register` at work wakes its own task
//! instead of waiting for it; if that other thread is stopped there, the task is polled until it goes on.
//! Measured in `tests/progress.rs`.
//!
//! # Cost
//! 24 bytes, no allocation. Locked instructions: `wake` and `take` with nobody registered 1, else 2;
//! `register` 2 (also when the same task comes again, which then clones nothing), 4 in place of another
//! waker.
//!
//! # Sources
//! `AtomicWaker` of futures (Alex Crichton, Carl Lerche, 2016) with three changes: the waker is cloned
//! before the claim, a registration that cannot be stored is woken instead of ignored, and a `wake` that
//! finds nobody is one instruction. Its bugs are models here (futures PR 868, tokio PR 7450).
//! diatomic-waker (Serge Barral) is faster where registrations are known to come from one thread, and its
//! `register` is unsafe for that reason.

use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::task::Waker;

use crate::primitive::Ordering::*;
use crate::primitive::{AtomicU32, UnsafeCell};

/// Nobody is registered and nobody touches the slot.
const EMPTY: u32 = 0;
/// The slot holds a waker and nobody touches it.
const REGISTERED: u32 = 1;
/// A `register` owns the slot.
const REGISTERING: u32 = 2;
/// Alone or with `REGISTERED`: a `take` owns the slot. With `REGISTERING`: a `take` came by and left
/// its wake-up to the `register`.
const WAKING: u32 = 4;

/// Holds the waker of one waiter for any number of notifiers.
///
/// Whoever waits calls [`register`](Self::register) and then looks at its condition (again); whoever
/// makes the condition true does so and then calls [`wake`](Self::wake). One of the two then sees the
/// other. The last registration wins: for many waiters there is [`WaitQueue`](crate::WaitQueue).
///
/// A woken task may find its condition still false: wake-ups can be spurious.
///
/// # Examples
///
/// ```
/// use hyperia_wait::{WakerCell, block_on};
/// use std::future::poll_fn;
/// use std::sync::atomic::AtomicBool;
/// use std::sync::atomic::Ordering::{Acquire, Release};
/// use std::task::Poll;
///
/// let (cell, ready) = (WakerCell::new(), AtomicBool::new(false));
/// std::thread::scope(|scope| {
///     scope.spawn(|| {
///         ready.store(true, Release); // may be seen before the wake-up
///         cell.wake();
///     });
///     block_on(poll_fn(|cx| {
///         cell.register(cx.waker()); // first
///         if ready.load(Acquire) { Poll::Ready(()) } else { Poll::Pending } // second
///     }));
/// });
/// ```
pub struct WakerCell {
    /// See the constants above.
    state: AtomicU32,
    /// Touched only by the thread that moved `state` into a claimed value (invariant 1).
    slot: UnsafeCell<Option<Waker>>,
}

// SAFETY: `slot` is touched only between a claim on `state` and its release (invariant 1), which order
// all accesses, and a `Waker` may be used and dropped on any thread.
unsafe impl Sync for WakerCell {}
// SAFETY: a `Waker` may be sent, and nothing in here refers to a thread.
unsafe impl Send for WakerCell {}

// No user code runs while the slot is claimed, so a panic cannot leave the cell half-changed.
impl UnwindSafe for WakerCell {}
impl RefUnwindSafe for WakerCell {}

impl WakerCell {
    /// Creates a cell without a waker.
    #[cfg(not(hyperia_loom))]
    pub const fn new() -> Self {
        Self {
            state: AtomicU32::new(EMPTY),
            slot: UnsafeCell::new(None),
        }
    }

    /// Creates a cell without a waker.
    #[cfg(hyperia_loom)]
    pub fn new() -> Self {
        Self {
            state: AtomicU32::new(EMPTY),
            slot: UnsafeCell::new(None),
        }
    }

    /// Stores a clone of `waker`, in place of the one registered before.
    ///
    /// Look at the awaited condition after this call: a `wake` that came before it is not remembered.
    /// When a `wake` or another registration is at work at the same time, `waker` may be woken at once.
    ///
    /// # Panics
    ///
    /// If the waker's clone or wake does, or the drop of the one before; the cell stays usable, and in the
    /// last case `waker` is registered.
    pub fn register(&self, waker: &Waker) {
        // ORDERING: only a guess which path is shorter; the claims check it.
        if self.state.load(Relaxed) == REGISTERED {
            return self.register_again(waker);
        }
        self.fill(waker);
    }

    /// Registers where a waker was registered a moment ago.
    fn register_again(&self, waker: &Waker) {
        if !self.claim(REGISTERED) {
            return waker.wake_by_ref();
        }
        let old = self.slot.with_mut(|slot| {
            // SAFETY: `claim` made this thread the owner of the slot (invariant 1).
            let slot = unsafe { &mut *slot };
            slot.take_if(|old| !old.will_wake(waker))
        });
        let Some(old) = old else {
            self.release(REGISTERED);
            return;
        };
        if self.release(EMPTY) {
            // A `take` came by and found nothing: it was meant for this one.
            old.wake();
            return self.fill(waker);
        }
        self.fill(waker);
        // Last, so that a panic in there comes after the registration.
        drop(old);
    }

    /// Registers where nobody was registered a moment ago.
    #[inline]
    fn fill(&self, waker: &Waker) {
        // User code, so it runs before the claim.
        let new = waker.clone();
        if !self.claim(EMPTY) {
            return waker.wake_by_ref();
        }
        self.slot.with_mut(|slot| {
            // SAFETY: `claim` made this thread the owner of the slot (invariant 1). It is empty in state
            // `EMPTY` (invariant 2), so what is overwritten needs no drop.
            unsafe { slot.write(Some(new)) };
        });
        self.release(REGISTERED);
    }

    /// Returns whether a waker is registered or about to be, to save a [`wake`](Self::wake) that would find nobody.
    ///
    /// A `wake` is a read-modify-write, so that whoever looks afterwards sees the other. This is a plain look: it
    /// may stand in front of `wake` only if both sides put a sequentially consistent fence between what they do and
    /// what they look at. It pays where one such fence serves several looks, or where many threads would write
    /// the cell.
    ///
    /// # Examples
    ///
    /// ```
    /// use hyperia_wait::{WakerCell, block_on};
    /// use std::future::poll_fn;
    /// use std::sync::atomic::Ordering::{Acquire, Release, SeqCst};
    /// use std::sync::atomic::{AtomicBool, fence};
    /// use std::task::Poll;
    ///
    /// let (cell, ready) = (WakerCell::new(), AtomicBool::new(false));
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| {
    ///         ready.store(true, Release);
    ///         fence(SeqCst); // `ready` before the look at the cell
    ///         if cell.is_registered() {
    ///             cell.wake();
    ///         }
    ///     });
    ///     block_on(poll_fn(|cx| {
    ///         cell.register(cx.waker());
    ///         fence(SeqCst); // the cell before the look at `ready`
    ///         if ready.load(Acquire) { Poll::Ready(()) } else { Poll::Pending }
    ///     }));
    /// });
    /// ```
    #[inline]
    pub fn is_registered(&self) -> bool {
        // ORDERING: a look that the caller's fence orders.
        self.state.load(Relaxed) != EMPTY
    }

    /// Wakes the registered waker, if there is one, and forgets it.
    ///
    /// The woken task sees what the caller did before.
    ///
    /// # Panics
    ///
    /// If the waker does.
    pub fn wake(&self) {
        if let Some(waker) = self.take() {
            waker.wake();
        }
    }

    /// Removes the registered waker, to wake it after a lock was released, or not at all.
    ///
    /// A registration that is at work at the same time may wake its waker instead of storing it.
    pub fn take(&self) -> Option<Waker> {
        // ORDERING: a guess that saves the second read-modify-write; the compare-exchange checks it.
        if self.state.load(Relaxed) == EMPTY
            // ORDERING: writes nothing new, but Release makes the caller's condition visible to the
            // Acquire claim of the next `register`, which comes later in the order of `state`.
            && self.state.compare_exchange(EMPTY, EMPTY, Release, Relaxed).is_ok()
        {
            return None;
        }
        // ORDERING: Acquire pairs with the Release of the `register` that stored the waker; Release
        // carries the caller's condition to whoever next claims, or finds this bit.
        if self.state.fetch_or(WAKING, AcqRel) & (REGISTERING | WAKING) != 0 {
            return None;
        }
        let waker = self.slot.with_mut(|slot| {
            // SAFETY: no claim was there and the bit set above is one: this thread owns the slot.
            unsafe { (*slot).take() }
        });
        // ORDERING: Release hands the emptied slot to the next claim. A read-modify-write, not a store:
        // it keeps the release sequence of a `take` that found the bit set and left.
        self.state.swap(EMPTY, Release);
        waker
    }

    /// Tries to own the slot, found in state `from`.
    fn claim(&self, from: u32) -> bool {
        // ORDERING: Acquire pairs with every release of the slot, and with every `take` that came
        // before, whose caller's condition must be seen after this registration. On failure the task is
        // woken instead, by itself, and must see the condition of the `take` that was in the way: Acquire.
        self.state
            .compare_exchange(from, REGISTERING, Acquire, Acquire)
            .is_ok()
    }

    /// Gives up the slot owned by `register`. Returns whether a `take` came by meanwhile: then the slot
    /// is empty and what was in it has been woken.
    fn release(&self, to: u32) -> bool {
        // ORDERING: Release publishes the slot to the next claim. The failure is followed by the swap.
        if self
            .state
            .compare_exchange(REGISTERING, to, Release, Relaxed)
            .is_ok()
        {
            return false;
        }
        let waker = self.slot.with_mut(|slot| {
            // SAFETY: `REGISTERING` is still set, so this thread still owns the slot.
            unsafe { (*slot).take() }
        });
        // ORDERING: Release publishes the emptied slot; Acquire pairs with the `take`s that left their
        // bit, so that the task woken below sees their callers' conditions.
        self.state.swap(EMPTY, AcqRel);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }
}

impl Default for WakerCell {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WakerCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WakerCell").finish_non_exhaustive()
    }
}
