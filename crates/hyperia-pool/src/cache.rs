//! Free slots that one thread, the owner, takes and returns without a locked instruction, until somebody
//! else needs them.
//!
//! # States
//! ```text
//!         close: somebody who needs what is in here      end_drain
//!   OPEN ──────────────────────────────────────▶ DRAINING ─────────▶ CLOSED
//!     ▲                                                                │
//!     └────── reopen: the owner, after many takes that went past it ───┘
//! ```
//! `inside` is up while the owner is in the middle of an operation. `hot` is a slot that is taken first, and
//! before `slots[..len]` are the others, the last one on top.
//!
//! # Invariants
//! 1. Only the thread whose seat is the number of the cache calls the methods of the owner: one
//!    thread at a time, each after all that the one before did (see `seat`).
//! 2. With `inside` up and `gate` seen open after that, everything in here is the owner's. Otherwise `hot`
//!    and `len` change by swaps only, and who has swapped out the length has the slots below it: nobody writes
//!    there before the gate is open again.
//! 3. Who has moved `gate` to `DRAINING` and then, after a heavy fence, sees `inside` down may swap. If
//!    it sees `inside` up it leaves that to the owner, who on its way out sees that the gate is not open.
//! 4. What is in here is free (nobody else has it) and a slot of the pool that this is a part of.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries | Model |
//! |---|---|---|---|---|
//! | owner → drain | `leave` lowers `inside` | `drain_revoked` sees it down | all in here, contents of the slots | `what_is_put_into_a_cache_is_taken_out` |
//! | drain → owner | `end_drain` closes `gate` | `reopen` | that this is empty, and was read | `a_cache_is_used_again_after_a_drain` |
//!
//! No model notices when the Acquire of the second is taken away: a model's light fence, in the next `enter`, is a
//! full one, and carries it, too. A real one does not.
//!
//! `inside` against `gate` is a store and then a load on both sides. Between them the owner has a light
//! fence, `Slots::revoke` a heavy one, so one of the two sees the other (`revoking_meets_a_return`, for
//! the fence of `enter`, and `what_the_owner_leaves_behind_is_found`, for that of `is_open`).
//!
//! # Progress
//! Wait-free. Nobody waits for an owner that is stopped inside: what is in its cache is out of reach until
//! it goes on, and then goes back to all.
//!
//! # Cost
//! 384 bytes. 0 locked instructions for the owner. A revocation is one, and a heavy fence; after that the owner
//! opens the gate at its `PATIENCE_MIN`th take, after twice as many each later time.
//!
//! Taking and returning one object in turn is as fast as a store is seen by the next load: once, since `hot`
//! is written without being computed from what was there. A stack alone has its length there, and needs two.
//!
//! # Sources
//! Biased locks (Kawachiya, Koseki, Onodera, "Lock reservation", 2002) with asymmetric fences (Dice, Huang,
//! Yang, "Asymmetric Dekker synchronization", 2001) instead of a stopped thread; magazines (Bonwick, Adams,
//! "Magazines and vmem", 2001), which here can be taken back.

use core::ptr::{self, NonNull};

use hyperia_asymmetric::fence_light;

use crate::primitive::Ordering::*;
use crate::primitive::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize};
use crate::slot::Slot;

/// The owner may use what is in here.
const OPEN: u32 = 0;
/// Somebody takes out what is in here, or has left that to the owner.
const DRAINING: u32 = 1;
/// The owner does as everybody does.
const CLOSED: u32 = 2;

/// How many slots there is room for, besides the hot one.
const ROOM: usize = if cfg!(hyperia_loom) { 2 } else { 44 };

/// Takes of the owner after which a cache opens again for the first time.
const PATIENCE_MIN: u32 = if cfg!(hyperia_loom) { 1 } else { 1 << 6 };
/// The most that it grows to: the price of a heavy fence, spread over so many operations, is nothing.
const PATIENCE_MAX: u32 = 1 << 16;

pub(crate) struct Cache<T> {
    /// One of the three above.
    gate: AtomicU32,
    /// The owner is in the middle of an operation. Written by the owner.
    inside: AtomicBool,
    /// Takes between a closing and the reopening. The owner's.
    patience: AtomicU32,
    /// Those that are left until the next reopening. The owner's.
    left: AtomicU32,
    /// See invariant 2. Null: none.
    hot: AtomicPtr<Slot<T>>,
    /// See invariant 2.
    len: AtomicUsize,
    slots: [AtomicPtr<Slot<T>>; ROOM],
}

// For the owner.
impl<T> Cache<T> {
    /// Takes a slot, the one that was returned last if that may be. `None` also if the gate is closed.
    #[inline]
    pub(crate) fn take(&self) -> Option<NonNull<Slot<T>>> {
        let mut taken = None;
        if self.enter() {
            // ORDERING: invariant 2: the owner's own.
            taken = NonNull::new(self.hot.load(Relaxed));
            if taken.is_some() {
                // ORDERING: nobody else looks while this thread is inside.
                self.hot.store(ptr::null_mut(), Relaxed);
            } else {
                taken = self.pop();
            }
        }
        self.leave();
        taken
    }

    /// Keeps a slot, which the caller owned. `false`: it was not kept, since this is full or closed.
    #[inline]
    pub(crate) fn put(&self, slot: NonNull<Slot<T>>) -> bool {
        let mut is_kept = false;
        if self.enter() {
            // ORDERING: invariant 2, as in `take`.
            if self.hot.load(Relaxed).is_null() {
                // ORDERING: the owner's own until it leaves, which publishes it.
                self.hot.store(slot.as_ptr(), Relaxed);
                is_kept = true;
            } else {
                is_kept = self.push(slot);
            }
        }
        self.leave();
        is_kept
    }

    /// Keeps a slot that the caller has claimed and not used, below those that come back. `false`: as for `put`.
    pub(crate) fn stock(&self, slot: NonNull<Slot<T>>) -> bool {
        let is_kept = self.enter() && self.push(slot);
        self.leave();
        is_kept
    }

    /// Called inside.
    #[inline]
    fn pop(&self) -> Option<NonNull<Slot<T>>> {
        // ORDERING: inside, and the owner's own.
        let len = self.len.load(Relaxed).checked_sub(1)?;
        // ORDERING: as for `len`, which says that it was written.
        let top = self.slots[len].load(Relaxed);
        // ORDERING: published by `leave`.
        self.len.store(len, Relaxed);
        NonNull::new(top)
    }

    /// Called inside.
    #[inline]
    fn push(&self, slot: NonNull<Slot<T>>) -> bool {
        // ORDERING: as in `pop`.
        let len = self.len.load(Relaxed);
        let Some(place) = self.slots.get(len) else {
            return false;
        };
        // ORDERING: published by `leave`, as the length is.
        place.store(slot.as_ptr(), Relaxed);
        // ORDERING: whoever swaps it out comes after that, too.
        self.len.store(len + 1, Relaxed);
        true
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
    pub(crate) fn drain(&self, take: impl FnMut(NonNull<Slot<T>>)) {
        // A look that saves the swaps; only this thread puts anything in.
        if self.len() > 0 {
            self.swap_out(take);
        }
    }

    /// Counts a take that went past the closed cache. Returns whether to try to reopen.
    pub(crate) fn count_down(&self) -> bool {
        // ORDERING: numbers of the owner's.
        let left = self.left.load(Relaxed).saturating_sub(1);
        // ORDERING: the owner is the only one to read it.
        self.left.store(left, Relaxed);
        left == 0
    }

    /// Opens the gate, unless somebody drains. Whether somebody waits is to be looked at *after* that.
    pub(crate) fn reopen(&self) -> bool {
        // ORDERING: Acquire pairs with the Release of `end_drain`: what was swapped out is not seen again, nor
        // overwritten before it was read. The caller publishes the open gate to those who wait.
        let is_open = self
            .gate
            .compare_exchange(CLOSED, OPEN, Acquire, Relaxed)
            .is_ok();
        if is_open {
            // ORDERING: a number of the owner's, which it alone changes.
            let patience = (self.patience.load(Relaxed) * 2).min(PATIENCE_MAX);
            // ORDERING: for the next time.
            self.patience.store(patience, Relaxed);
            // ORDERING: counted down from when the gate is closed again.
            self.left.store(patience, Relaxed);
        }
        is_open
    }
}

// For everybody.
impl<T> Cache<T> {
    pub(crate) fn new() -> Self {
        Self {
            gate: AtomicU32::new(OPEN),
            inside: AtomicBool::new(false),
            patience: AtomicU32::new(PATIENCE_MIN),
            left: AtomicU32::new(PATIENCE_MIN),
            hot: AtomicPtr::new(ptr::null_mut()),
            len: AtomicUsize::new(0),
            slots: core::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
        }
    }

    /// Moves the gate from open to draining: then `end_drain` is due, and `drain_revoked` before it, behind a
    /// heavy fence. `false`: it was not open.
    pub(crate) fn close(&self) -> bool {
        // ORDERING: a look that saves the attempt. Who waits does not miss an open gate (see `Waiting::add`).
        self.gate.load(Relaxed) == OPEN
            // ORDERING: what this side sees of `inside` comes after the heavy fence.
            && self
                .gate
                .compare_exchange(OPEN, DRAINING, Relaxed, Relaxed)
                .is_ok()
    }

    /// Takes out everything, or nothing if the owner is inside: that one does it then.
    pub(crate) fn drain_revoked(&self, take: impl FnMut(NonNull<Slot<T>>)) {
        // ORDERING: Acquire pairs with the Release of `leave`: what the owner has put in is there.
        if !self.inside.load(Acquire) {
            self.swap_out(take);
        }
    }

    /// The gate is closed, and may be reopened.
    pub(crate) fn end_drain(&self) {
        // ORDERING: Release pairs with the Acquire of `reopen`. Nobody else moves a draining gate.
        self.gate.store(CLOSED, Release);
    }

    /// `take` is not user code: it does not panic.
    fn swap_out(&self, mut take: impl FnMut(NonNull<Slot<T>>)) {
        // ORDERING: what it carries came with `inside`, or is this thread's own; a swap, since the owner and
        // one who revokes may both be here.
        if let Some(hot) = NonNull::new(self.hot.swap(ptr::null_mut(), Relaxed)) {
            take(hot);
        }
        // ORDERING: as above, for the others.
        let len = self.len.swap(0, Relaxed);
        for slot in &self.slots[..len] {
            // ORDERING: came with the length; nobody writes here before the gate is open again (invariant 2).
            if let Some(slot) = NonNull::new(slot.load(Relaxed)) {
                take(slot);
            }
        }
    }

    /// How many slots are in here, as far as one can say.
    pub(crate) fn len(&self) -> usize {
        // ORDERING: a snapshot for people, and a hint for who looks for a slot.
        let hot = usize::from(!self.hot.load(Relaxed).is_null());
        // ORDERING: the same for the others.
        hot + self.len.load(Relaxed)
    }
}
