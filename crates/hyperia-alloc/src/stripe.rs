//! What one thread has counted, without a locked instruction, and how it comes to be counted for all.
//!
//! # States
//! ```text
//!  blocks    allocations minus frees of the owner, ever (may be negative), in units of ONE
//!  settled   bits 2..  the `blocks` that are in the shared word
//!            bits 0, 1  OPEN:    the rest is to be found here; a BIAS in the shared word stands for it
//!                       CLOSED:  the rest, and minus BIAS, is due in the shared word
//!                       SETTLED: all is in the shared word, but for an operation that is under way
//!
//!          close: the first waiter          settle: the waiter or the owner
//!   OPEN ────────────────────────▶ CLOSED ──────────────────────────────▶ SETTLED ─┐ settle: the owner,
//!     ▲                                                                     │  ▲───┘ its next operation
//!     └──────────────────────── reopen: the last waiter ────────────────────┘
//! ```
//!
//! # Invariants
//! 1. `blocks` and `bytes` are written only by the thread whose seat is the number of the stripe: one thread
//!    at a time, each after all that the one before did (see `seat`).
//! 2. Whoever moves `settled` from one value to the next adds what lies between them, and minus BIAS if it
//!    was CLOSED, to the shared word, in one addition. So everything is added once.
//! 3. What is in the hands of one who has moved `settled` and not yet added is an operation of its own that
//!    is under way, or else the BIAS of the stripe is still in the shared word.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries | Model |
//! |---|---|---|---|---|
//! | operation → settle | `count` stores `blocks` | `settle` loads it | what the thread did before its free; its allocations | `a_free_happens_before_the_end_of_the_wait` |
//! | reopen → operation | `reopen` | `count`, `settle` see OPEN | that the BIAS is there | `an_open_stripe_implies_the_bias` |
//!
//! `blocks` against `settled` is a store and then a load on both sides. The owner has a light fence between
//! them, `Ledger::collapse` a heavy one: either the collapse sees the operation or the operation sees the
//! stripe closed, and settles itself (`a_free_happens_before_the_end_of_the_wait`).
//!
//! # Progress
//! `count`: wait-free on an open stripe; otherwise lock-free, as `settle` and `reopen`: who fails was
//! overtaken by another one's.
//!
//! # Cost
//! 24 bytes. 0 locked instructions while open, 2 while somebody waits.

use hyperia_asymmetric::fence_light;

use crate::primitive::AtomicU64;
use crate::primitive::Ordering::*;

/// One block.
pub(crate) const ONE: u64 = 4;
/// Stands in the shared word for a stripe that is not settled, and keeps it from zero. More blocks than a
/// memory can hold, and few enough that one for each stripe fits into a word.
pub(crate) const BIAS: u64 = 1 << 56;

/// Where the state is, in `settled`.
const STATE: u64 = ONE - 1;
const OPEN: u64 = 0;
const CLOSED: u64 = 1;
const SETTLED: u64 = 2;

pub(crate) struct Stripe {
    /// See the header.
    blocks: AtomicU64,
    /// Bytes allocated minus bytes freed by the owner; a plain sum.
    bytes: AtomicU64,
    /// See the header.
    settled: AtomicU64,
}

impl Stripe {
    #[cfg(not(hyperia_loom))]
    pub(crate) const fn new() -> Self {
        Self {
            blocks: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            settled: AtomicU64::new(OPEN),
        }
    }

    #[cfg(hyperia_loom)]
    pub(crate) fn new() -> Self {
        Self {
            blocks: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            settled: AtomicU64::new(OPEN),
        }
    }

    /// Counts blocks, for the owner. Returns whether the stripe is open; if not, `settle` is due.
    #[inline]
    pub(crate) fn count(&self, blocks: u64) -> bool {
        // ORDERING: the owner's own number.
        let blocks = self.blocks.load(Relaxed).wrapping_add(blocks);
        // ORDERING: Release pairs with the Acquire in `settle`: the use of a block that is freed, and every
        // allocation this thread knows of, comes before the end of the wait.
        self.blocks.store(blocks, Release);
        // ORDERING: `blocks` is stored, then `settled` is read; the heavy fence stands between the same two.
        fence_light();
        // ORDERING: Acquire pairs with the Release of `reopen`: this thread, and whoever gets the block from
        // it, comes after BIAS in the order of the shared word.
        self.settled.load(Acquire) & STATE == OPEN
    }

    /// Counts bytes, for the owner.
    #[inline]
    pub(crate) fn count_bytes(&self, bytes: u64) {
        // ORDERING: the owner's own number, and a sum for readers who are content with what they have seen by
        // other ways.
        let bytes = self.bytes.load(Relaxed).wrapping_add(bytes);
        // ORDERING: as above.
        self.bytes.store(bytes, Relaxed);
    }

    /// Closes an open stripe; a heavy fence and `settle` are due.
    pub(crate) fn close(&self) {
        // ORDERING: what this side reads comes after the heavy fence.
        self.settled.fetch_or(CLOSED, Relaxed);
    }

    /// Settles an operation of the owner, which found the stripe not open, and what there was before if nobody
    /// has done that. Returns what is to be added to the shared word, at once, by the caller.
    pub(crate) fn settle(&self) -> u64 {
        self.settle_while(|state| state != OPEN)
    }

    /// As `settle`, for one who closed the stripe. Leaves alone what is settled: a later operation of the owner,
    /// taken into other hands, would be over for the owner and not yet be counted (invariant 3).
    pub(crate) fn settle_closed(&self) -> u64 {
        self.settle_while(|state| state == CLOSED)
    }

    #[inline]
    fn settle_while(&self, is_due: impl Fn(u64) -> bool) -> u64 {
        // ORDERING: Acquire pairs with the Release of `reopen`, as in `count`.
        let mut seen = self.settled.load(Acquire);
        while is_due(seen & STATE) {
            // ORDERING: Acquire pairs with the Release in `count`.
            let blocks = self.blocks.load(Acquire);
            let bias = if seen & STATE == CLOSED { BIAS } else { 0 };
            let due = blocks.wrapping_sub(seen & !STATE).wrapping_sub(bias);
            if due == 0 {
                break;
            }
            // ORDERING: Relaxed, a number: `blocks`, which it was read from, is not older for who reads this and
            // then `blocks`, since that is the owner, or one whose heavy fence comes after the owner's light one.
            // What a free carries goes by the shared word. Failing is Acquire as the load above.
            match self
                .settled
                .compare_exchange_weak(seen, blocks | SETTLED, Relaxed, Acquire)
            {
                Ok(_) => return due,
                Err(now) => seen = now,
            }
        }
        0
    }

    /// Opens a settled stripe, for which BIAS is in the shared word again.
    pub(crate) fn reopen(&self) {
        // ORDERING: Release pairs with the Acquire in `count` and `settle`. A read-modify-write, since the
        // owner may settle an operation at the same time.
        self.settled.fetch_and(!STATE, Release);
    }

    /// What was counted here and is not in the shared word. Exact while nobody closes or reopens.
    pub(crate) fn rest(&self) -> u64 {
        // ORDERING: a reading, as the next: the lock carries what others have settled.
        let settled = self.settled.load(Relaxed) & !STATE;
        // ORDERING: what the caller knows to have happened is in it by coherence.
        self.blocks.load(Relaxed).wrapping_sub(settled)
    }

    /// The bytes counted here.
    pub(crate) fn bytes(&self) -> u64 {
        // ORDERING: a reading of bytes, which nobody moves.
        self.bytes.load(Relaxed)
    }
}
