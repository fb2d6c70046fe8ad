//! The count of what many threads allocate and free, and the exact moment at which it is zero.
//!
//! # States
//! ```text
//!  shared   the count, exact, while collapsed;
//!           that of threads without a stripe plus one BIAS per stripe while striped
//!
//!               the first waiter: close all stripes, a heavy fence,
//!               then settle each (or its owner does): what is in it, minus BIAS, in one addition
//!     STRIPED ──────────────────────────────────────────────────▶ COLLAPSED
//!        ▲                                                            │
//!        └────────────────────────────────────────────────────────────┘
//!               the last waiter leaves: add all BIASes, then reopen each stripe
//! ```
//! An operation counts in the stripe of its thread; if that is not open, it settles what it has counted
//! there. A thread without a stripe counts in `shared`. Zero is seen by whoever's addition brings `shared` to
//! zero, which is done with the lock of the queue held, together with the notification: one that came later would
//! end a wait which began after the next allocation.
//!
//! # Invariants
//! 1. Each operation is counted once, and comes to `shared` at most once: `shared` without its BIASes, the
//!    rests of the stripes and what is about to be added add up to all operations so far.
//! 2. A stripe that is not settled has its BIAS in `shared`: it is subtracted together with the rest of the
//!    stripe, and added before the first stripe is reopened. So `shared` is zero only while it is the whole
//!    count, but for operations under way.
//! 3. A block is counted before it is allocated and until after it was deallocated. So the count is zero
//!    only while nothing is live (never early), and the operation that makes it so wakes (never late), in
//!    one step for those who join the queue.
//! 4. `waiting`, under its lock, is the number of waits that want it collapsed; only its changes between
//!    0 and 1 collapse and reopen.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries | Model |
//! |---|---|---|---|---|
//! | free → zero | `add` | `add_last`, `is_zero` | what the freeing threads did | `two_frees_happen_before_the_end_of_the_wait` |
//! | zero → wait | `WaitQueue::notify_all_if` | its `Wait` | what `add_last` has seen | `two_frees_happen_before_the_end_of_the_wait` |
//!
//! Those between an operation and a collapse are the stripe's. `shared` changes by read-modify-writes only, so a
//! release stays visible through what comes after it. A waiter joins the queue, then looks; the last free
//! makes zero, then notifies: see `WaitQueue` for why one of them sees the other.
//!
//! # Progress
//! Counting: wait-free while striped, lock-free while collapsed, but for the free that makes zero, which takes the
//! lock of the queue and wakes. The end of a wait's first poll, its end and the readings take a lock of their own,
//! held for a few operations per stripe; counting never does. A thread that is stopped in the middle of an operation delays nobody; what it is about to
//! free is live until it goes on.
//!
//! # Cost
//! 8.25 KiB. No locked instruction for up to 64 threads while nobody waits, and a cache line of its own for
//! each. While somebody waits, two per operation, one of them in a word that all threads share; in threads without
//! a stripe always two, both there. The first poll of the first who waits costs a heavy fence, which interrupts the
//! other threads.
//!
//! # Sources
//! Linux's `percpu_ref` (Tejun Heo, Kent Overstreet, 2013): a bias, per-processor counts, a switch to one
//! atomic. There the switch waits for a grace period of RCU, until nobody is in the middle of an operation;
//! here a fence stands for it, and who is in the middle settles by itself.

#[cfg(all(test, hyperia_loom))]
mod loom;

use core::fmt;

use hyperia_asymmetric::{SEATS, fence_heavy, seat};
use hyperia_wait::WaitQueue;

use crate::account::{Account, make_zero};
use crate::padded::Padded;
use crate::primitive::Ordering::*;
use crate::primitive::{AtomicU64, Lock};
use crate::stripe::{BIAS, ONE, Stripe};

/// One for each seat. Two in a model.
const STRIPES: usize = if cfg!(hyperia_loom) { 2 } else { SEATS };
const ALL_BIASES: u64 = BIAS * STRIPES as u64;

pub(crate) struct Ledger {
    stripes: [Padded<Stripe>; STRIPES],
    shared: Padded<Common>,
    /// Invariant 4.
    waiting: Lock<usize>,
    pub(crate) queue: WaitQueue,
}

/// What all threads count in, if they must.
struct Common {
    /// See the header.
    blocks: AtomicU64,
    /// Bytes of threads without a stripe.
    bytes: AtomicU64,
    /// The most bytes that a reading has found.
    peak: AtomicU64,
}

impl Common {
    fn count_bytes(&self, bytes: u64) {
        // ORDERING: a sum for readers who are content with what they have seen by other ways.
        self.bytes.fetch_add(bytes, Relaxed);
    }
}

impl Ledger {
    #[cfg(not(hyperia_loom))]
    pub(crate) const fn new() -> Self {
        Self {
            stripes: [const { Padded(Stripe::new()) }; STRIPES],
            shared: Padded(Common {
                blocks: AtomicU64::new(ALL_BIASES),
                bytes: AtomicU64::new(0),
                peak: AtomicU64::new(0),
            }),
            waiting: Lock::new(0),
            queue: WaitQueue::new(),
        }
    }

    #[cfg(hyperia_loom)]
    pub(crate) fn new() -> Self {
        Self {
            stripes: core::array::from_fn(|_| Padded(Stripe::new())),
            shared: Padded(Common {
                blocks: AtomicU64::new(ALL_BIASES),
                bytes: AtomicU64::new(0),
                peak: AtomicU64::new(0),
            }),
            waiting: Lock::new(0),
            queue: WaitQueue::new(),
        }
    }

    /// The stripe of the calling thread, if it has one.
    #[inline]
    fn own(&self) -> Option<&Stripe> {
        self.stripes.get(seat()?).map(|stripe| &**stripe)
    }

    /// Counts blocks and bytes of the calling thread. If nothing is left, and `wakes`, wakes.
    #[inline]
    fn count(&self, blocks: u64, bytes: u64, wakes: bool) {
        match self.own() {
            Some(stripe) => {
                stripe.count_bytes(bytes);
                if !stripe.count(blocks) {
                    self.settle(stripe, wakes);
                }
            }
            None => self.count_in_shared(blocks, bytes, wakes),
        }
    }

    /// For threads without a stripe.
    #[cold]
    fn count_in_shared(&self, blocks: u64, bytes: u64, wakes: bool) {
        self.shared.count_bytes(bytes);
        self.add(blocks, wakes);
    }

    /// For an operation that found the stripe of its thread not open.
    #[cold]
    fn settle(&self, stripe: &Stripe, wakes: bool) {
        self.add(stripe.settle(), wakes);
    }

    /// Adds to the shared word, unless it is nothing. If that makes zero, and `wakes`, wakes those who have waited
    /// since before.
    fn add(&self, change: u64, wakes: bool) {
        if change == 0 {
            return;
        }
        // ORDERING: a guess, checked by the compare-exchange; a stale one goes to `add_last` in vain.
        let mut blocks = self.shared.blocks.load(Relaxed);
        while blocks.wrapping_add(change) != 0 {
            // ORDERING: Release pairs with the Acquire of the addition that makes zero, or of `is_zero`.
            match self.shared.blocks.compare_exchange_weak(
                blocks,
                blocks.wrapping_add(change),
                Release,
                Relaxed,
            ) {
                Ok(_) => return,
                Err(seen) => blocks = seen,
            }
        }
        self.add_last(change, wakes);
    }

    #[cold]
    fn add_last(&self, change: u64, wakes: bool) {
        make_zero(&self.queue, wakes, || {
            // ORDERING: Release as in `add`, for `is_zero`; Acquire pairs with the Release of the additions before
            // this one, whose frees it tells of.
            let before = self.shared.blocks.fetch_add(change, AcqRel);
            before.wrapping_add(change) == 0
        });
    }

    #[inline]
    fn count_bytes(&self, bytes: u64) {
        match self.own() {
            Some(stripe) => stripe.count_bytes(bytes),
            None => self.shared.count_bytes(bytes),
        }
    }

    /// A wait begins: `is_zero` is exact until it leaves.
    pub(crate) fn enter(&self) {
        let mut waiting = self.waiting.lock();
        *waiting += 1;
        if *waiting == 1 {
            self.collapse();
        }
    }

    /// A wait that had entered ends.
    pub(crate) fn leave(&self) {
        let mut waiting = self.waiting.lock();
        *waiting -= 1;
        if *waiting == 0 {
            self.reopen();
        }
    }

    fn collapse(&self) {
        for stripe in &self.stripes {
            stripe.close();
        }
        // ORDERING: `settled` was closed, then `blocks` is read; the light fence in `Stripe::count` stands
        // between the same two.
        fence_heavy();
        for stripe in &self.stripes {
            // Zero made here is seen by the caller, who looks next.
            self.add(stripe.settle_closed(), false);
        }
    }

    fn reopen(&self) {
        // ORDERING: ordered before the operations that need it by the Release in `Stripe::reopen`.
        self.shared.blocks.fetch_add(ALL_BIASES, Relaxed);
        for stripe in &self.stripes {
            stripe.reopen();
        }
    }

    /// Whether nothing is live. Called between `enter` and `leave`.
    pub(crate) fn is_zero(&self) -> bool {
        // ORDERING: Acquire pairs with the Release of each free that was added.
        self.shared.blocks.load(Acquire) == 0
    }

    /// Blocks that are live; each operation that is under way may or may not be in it.
    pub(crate) fn blocks(&self) -> usize {
        let waiting = self.waiting.lock();
        // ORDERING: a reading; what the caller knows to have happened is in it by coherence.
        let mut sum = self.shared.blocks.load(Relaxed);
        if *waiting == 0 {
            // The lock keeps everybody from moving counts meanwhile.
            sum = sum.wrapping_sub(ALL_BIASES);
            for stripe in &self.stripes {
                sum = sum.wrapping_add(stripe.rest());
            }
        }
        reading(sum) / ONE as usize
    }

    /// Bytes that are live, as `blocks`.
    pub(crate) fn bytes(&self) -> usize {
        // ORDERING: a reading of bytes, which nobody moves.
        let mut sum = self.shared.bytes.load(Relaxed);
        for stripe in &self.stripes {
            sum = sum.wrapping_add(stripe.bytes());
        }
        let bytes = reading(sum);
        // ORDERING: a maximum of readings: it does not matter who sees it when.
        self.shared.peak.fetch_max(bytes as u64, Relaxed);
        bytes
    }

    /// The most bytes that a reading has found, this one included.
    pub(crate) fn peak(&self) -> usize {
        let now = self.bytes();
        // ORDERING: as for the maximum in `bytes`.
        now.max(self.shared.peak.load(Relaxed) as usize)
    }
}

/// A sum that missed an allocation and saw its free may be negative: then it is zero.
fn reading(sum: u64) -> usize {
    usize::try_from(sum.cast_signed()).unwrap_or(0)
}

impl Account for Ledger {
    type Receipt = ();

    #[inline]
    fn open(&self, bytes: usize) -> Option<()> {
        // Makes no zero, and so wakes nobody: what is live is one block more.
        self.count(ONE, bytes as u64, false);
        Some(())
    }

    #[inline]
    fn close(&self, bytes: usize, wakes: bool) {
        self.count(ONE.wrapping_neg(), (bytes as u64).wrapping_neg(), wakes);
    }

    #[inline]
    fn extend(&self, bytes: usize) -> Option<()> {
        self.count_bytes(bytes as u64);
        Some(())
    }

    #[inline]
    fn reduce(&self, bytes: usize) {
        self.count_bytes((bytes as u64).wrapping_neg());
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("blocks", &self.blocks())
            .field("bytes", &self.bytes())
            .finish()
    }
}
