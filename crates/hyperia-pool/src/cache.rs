//! Free slots that one thread, the owner, takes and returns without a locked instruction, until somebody
//! else needs them.
//!
//! # States
//! ```text
//!         revoke: somebody else, or the owner        end of the drain
//!   OPEN ────────────────────────────────▶ DRAINING ────────────────▶ CLOSED
//!     ▲                                                                 │
//!     └────── reopen: the owner, after many operations without the cache ┘
//! ```
//! `inside` is up while the owner is in the middle of an operation. `hot` is the slot that was returned
//! last, `local` are the bits of the others.
//!
//! # Invariants
//! 1. Only the thread whose seat is the number of the stripe calls the methods of the owner: one
//!    thread at a time, each after all that the one before did (see `seat`).
//! 2. With `inside` up and `gate` seen open after that, `hot` and `local` are the owner's: plain loads and
//!    stores. Otherwise they change by swaps only, so that nothing is there twice.
//! 3. Who has moved `gate` to `DRAINING` and then, after a heavy fence, sees `inside` down may swap. If
//!    it sees `inside` up it leaves that to the owner, who on its way out sees that the gate is not open.
//! 4. `hot` holds an object.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries | Model |
//! |---|---|---|---|---|
//! | owner → drain | `leave` lowers `inside` | `drain_revoked` sees it down | `hot`, `local`, contents of their slots | `an_object_is_taken_out_of_a_cache` |
//! | drain → owner | `end_drain` closes `gate` | `reopen` | that `hot` and `local` are empty | `a_cache_is_used_again_after_a_drain` |
//!
//! `inside` against `gate` is a store and then a load on both sides. Between them the owner has a light
//! fence, `Stripes::revoke` a heavy one, so one of the two sees the other (`revoking_meets_a_return`, for
//! the fence of `enter`, and `what_the_owner_leaves_behind_is_found`, for that of `leave`).
//!
//! # Progress
//! Wait-free. Nobody waits for an owner that is stopped inside: what is in its cache is out of reach until
//! it goes on, and then goes back to all.
//!
//! # Cost
//! 0 locked instructions for the owner. A revocation is one, and a heavy fence; the owner needs at least
//! `PATIENCE_MIN` operations, twice as many after each time, before it opens the gate again.
//!
//! # Sources
//! Biased locks (Kawachiya, Koseki, Onodera, "Lock reservation", 2002) with asymmetric fences (Dice, Huang,
//! Yang, 2001) instead of a stopped thread; magazines (Bonwick, Adams, "Magazines and vmem", 2001), which
//! here can be taken back.

use core::ptr::{self, NonNull};

use hyperia_asymmetric::fence_light;

use crate::primitive::Ordering::*;
use crate::primitive::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize};
use crate::slot::Place;

/// The owner may use what is in here.
const OPEN: u32 = 0;
/// Somebody takes out what is in here, or has left that to the owner.
const DRAINING: u32 = 1;
/// The owner uses the word of its stripe as everybody does.
const CLOSED: u32 = 2;

/// Operations of the owner after which a cache opens again for the first time.
const PATIENCE_MIN: u32 = if cfg!(hyperia_loom) { 1 } else { 1 << 6 };
/// The most that it grows to: the price of a heavy fence, spread over so many operations, is nothing.
const PATIENCE_MAX: u32 = 1 << 16;

#[derive(Debug)]
pub(crate) struct Cache {
    /// The owner is between `enter` and `leave`. Written by the owner.
    inside: AtomicBool,
    /// One of the three above.
    gate: AtomicU32,
    /// See invariants 2 and 4. Null: none.
    hot: AtomicPtr<Place>,
    /// See invariant 2.
    local: AtomicUsize,
    /// Operations after the next reopening's failure or the next revocation. The owner's.
    patience: AtomicU32,
    /// Operations left until the owner tries to reopen. The owner's.
    left: AtomicU32,
}

/// The bit of a slot in `hot`, or none.
fn bit(slot: *mut Place) -> usize {
    NonNull::new(slot).map_or(0, |slot| {
        // SAFETY: what is in `hot` is a slot of the pool that this cache is a part of, so it is alive; its
        // place never changes.
        1 << unsafe { slot.as_ref() }.bit
    })
}

impl Cache {
    pub(crate) fn new() -> Self {
        Self {
            inside: AtomicBool::new(false),
            gate: AtomicU32::new(OPEN),
            hot: AtomicPtr::new(ptr::null_mut()),
            local: AtomicUsize::new(0),
            patience: AtomicU32::new(PATIENCE_MIN),
            left: AtomicU32::new(PATIENCE_MIN),
        }
    }

    // For the owner.

    /// Takes the slot that was returned last. `None` also if the gate is closed.
    #[inline]
    pub(crate) fn take_hot(&self) -> Option<NonNull<Place>> {
        let mut taken = None;
        if self.enter() {
            // ORDERING: invariant 2: the owner's own.
            taken = NonNull::new(self.hot.load(Relaxed));
            if taken.is_some() {
                // ORDERING: nobody else looks while this thread is inside.
                self.hot.store(ptr::null_mut(), Relaxed);
            }
        }
        self.leave();
        taken
    }

    /// Takes any slot, and returns its bit. `None` also if the gate is closed.
    pub(crate) fn take(&self) -> Option<u32> {
        let mut bits = 0;
        if self.enter() {
            // ORDERING: the owner's own, too.
            bits = self.local.load(Relaxed);
            if bits != 0 {
                // ORDERING: what is left of it.
                self.local.store(bits & (bits - 1), Relaxed);
            } else {
                // ORDERING: as in `take_hot`.
                bits = bit(self.hot.load(Relaxed));
                // ORDERING: taken, if there was one.
                self.hot.store(ptr::null_mut(), Relaxed);
            }
        }
        self.leave();
        (bits != 0).then_some(bits.trailing_zeros())
    }

    /// Keeps a slot that holds an object, to be taken first. `false`: it was not kept, since there is one, or the
    /// gate is closed.
    #[inline]
    pub(crate) fn put_hot(&self, slot: NonNull<Place>) -> bool {
        // ORDERING: invariant 2.
        let is_kept = self.enter() && self.hot.load(Relaxed).is_null();
        if is_kept {
            // ORDERING: the owner's own until it leaves, which publishes it.
            self.hot.store(slot.as_ptr(), Relaxed);
        }
        self.leave();
        is_kept
    }

    /// Keeps slots. `false`: they were not kept.
    pub(crate) fn put(&self, bits: usize) -> bool {
        let is_kept = self.enter();
        if is_kept {
            // ORDERING: inside, and the owner's own.
            let local = self.local.load(Relaxed);
            debug_assert!(local & bits == 0, "a slot that was free is given back");
            // ORDERING: published by `leave`.
            self.local.store(local | bits, Relaxed);
        }
        self.leave();
        is_kept
    }

    #[inline]
    fn enter(&self) -> bool {
        // ORDERING: ordered before the load below by the fence, for whoever revokes.
        self.inside.store(true, Relaxed);
        // ORDERING: `inside` is up, then `gate` is read; the heavy fence stands between the same two.
        fence_light();
        // ORDERING: an open gate was opened by this thread, or the one that had its seat before.
        self.gate.load(Relaxed) == OPEN
    }

    #[inline]
    fn leave(&self) {
        // ORDERING: Release pairs with the Acquire in `drain_revoked`.
        self.inside.store(false, Release);
    }

    /// Whether the gate is open, after an operation: if it is not, `drain` is due.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        // ORDERING: `inside` was lowered, then `gate` is read: who revoked and was kept out by `inside` had
        // closed it before the heavy fence.
        fence_light();
        // ORDERING: the fence is what counts.
        self.gate.load(Relaxed) == OPEN
    }

    /// Takes out everything, after the gate was seen to be closed.
    pub(crate) fn drain(&self) -> usize {
        // ORDERING: a look that saves the swaps; only this thread puts anything in.
        if self.hot.load(Relaxed).is_null() && self.local.load(Relaxed) == 0 {
            return 0;
        }
        self.swap_out()
    }

    /// Counts an operation that went past the closed cache. Returns whether to try to reopen.
    pub(crate) fn is_patience_over(&self) -> bool {
        // ORDERING: numbers of the owner's.
        let left = self.left.load(Relaxed).saturating_sub(1);
        // ORDERING: the owner is the only one to read it.
        self.left.store(left, Relaxed);
        left == 0
    }

    /// Opens the gate, unless somebody drains. `shut` is then due if somebody may wait.
    pub(crate) fn reopen(&self) -> bool {
        self.wait_longer();
        // ORDERING: Acquire pairs with the Release of `end_drain`: what was swapped out is not seen again.
        // Release pairs with the compare-exchange of `close` by a waiter whose mark comes after the look at
        // the word which the caller does next.
        self.gate
            .compare_exchange(CLOSED, OPEN, AcqRel, Relaxed)
            .is_ok()
    }

    /// Twice as many operations until the next reopening.
    fn wait_longer(&self) {
        // ORDERING: a number of the owner's.
        let patience = self.patience.load(Relaxed);
        // ORDERING: as above, and so is the next.
        self.left.store(patience, Relaxed);
        self.patience
            .store((patience * 2).min(PATIENCE_MAX), Relaxed);
    }

    // For everybody.

    /// Moves the gate from open to draining: then `end_drain` is due, and `drain_revoked` before it, behind a
    /// heavy fence. `false`: it was not open.
    pub(crate) fn close(&self) -> bool {
        // ORDERING: Acquire pairs with the Release of `reopen`. What this side sees of `inside` comes after
        // the heavy fence.
        self.gate
            .compare_exchange(OPEN, DRAINING, Acquire, Relaxed)
            .is_ok()
    }

    /// Takes out everything, or nothing if the owner is inside: that one does it then.
    pub(crate) fn drain_revoked(&self) -> usize {
        // ORDERING: Acquire pairs with the Release of `leave`: what the owner has put in is there.
        if self.inside.load(Acquire) {
            return 0;
        }
        self.swap_out()
    }

    /// The gate is closed, and may be reopened.
    pub(crate) fn end_drain(&self) {
        // ORDERING: Release pairs with the Acquire of `reopen`. Nobody else moves a draining gate.
        self.gate.store(CLOSED, Release);
    }

    fn swap_out(&self) -> usize {
        // ORDERING: what it carries came with `inside`, or is this thread's own; a swap, since the owner and
        // one who revokes may both be here.
        let hot = self.hot.swap(ptr::null_mut(), Relaxed);
        // ORDERING: as above, for the others.
        let local = self.local.swap(0, Relaxed);
        local | bit(hot)
    }

    /// How many slots are in here, as far as one can say.
    pub(crate) fn len(&self) -> usize {
        // ORDERING: a snapshot for people, and a hint for who looks for a slot.
        let hot = usize::from(!self.hot.load(Relaxed).is_null());
        // ORDERING: the same for the others.
        hot + self.local.load(Relaxed).count_ones() as usize
    }
}
