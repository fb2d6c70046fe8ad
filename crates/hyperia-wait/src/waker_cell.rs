//! A slot for the waker of one waiter.

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
/// other. The last registration wins.
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
    pub fn register(&self, waker: &Waker) {
        // Dropped at the end of this call: a panic in there comes after the registration.
        let mut old = None;
        // ORDERING: only a guess which path is shorter; the claims below check it.
        if self.state.load(Relaxed) == REGISTERED {
            if !self.claim(REGISTERED) {
                return waker.wake_by_ref();
            }
            let same = self.slot.with_mut(|slot| {
                // SAFETY: `claim` made this thread the owner of the slot (invariant 1).
                let slot = unsafe { &mut *slot };
                if slot.as_ref().is_some_and(|old| old.will_wake(waker)) {
                    return true;
                }
                old = slot.take();
                false
            });
            if same {
                self.release(REGISTERED);
                return;
            }
            if self.release(EMPTY)
                && let Some(old) = old.take()
            {
                old.wake();
            }
        }
        // User code, so it runs before the claim.
        let new = waker.clone();
        if !self.claim(EMPTY) {
            return waker.wake_by_ref();
        }
        self.slot.with_mut(|slot| {
            // SAFETY: as above; the slot is empty in state `EMPTY`, so nothing is dropped here.
            unsafe { *slot = Some(new) };
        });
        self.release(REGISTERED);
    }

    /// Wakes the registered waker, if there is one, and forgets it.
    pub fn wake(&self) {
        if let Some(waker) = self.take() {
            waker.wake();
        }
    }

    /// Removes the registered waker, for waking it later or not at all.
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
        // before, whose caller's condition must be seen after this registration. On failure the caller
        // wakes its task instead, which comes back here: Relaxed.
        self.state
            .compare_exchange(from, REGISTERING, Acquire, Relaxed)
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
