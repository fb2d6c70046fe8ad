//! The count of what many threads allocate and free, and the exact moment at which it is zero.
//!
//! # States
//! ```text
//!  stripe word   bits 1..  allocations minus frees counted here (may be negative)
//!                bit 0     CLOSED: count in `shared` instead
//!  shared        the count, exact, while collapsed; that of late operations plus BIAS while striped
//!
//!               the first waiter: close each stripe, then
//!               add what was in them and subtract BIAS, in one operation
//!     STRIPED ──────────────────────────────────────────────────▶ COLLAPSED
//!        ▲                                                            │
//!        └────────────────────────────────────────────────────────────┘
//!               the last waiter leaves: add BIAS, then open each stripe
//! ```
//! An operation adds to its stripe by compare-exchange; if that is closed, to `shared`. Zero is seen by
//! whoever's operation brings `shared` to zero.
//!
//! # Invariants
//! 1. Each operation is counted once, in one stripe or in `shared`, and each stripe is taken over by the
//!    collapse that closes it: `shared` without BIAS, the stripes and what a collapse has in hand always
//!    add up to all operations so far.
//! 2. An open stripe implies BIAS in `shared`: it is subtracted after the last one was closed and added
//!    before the first one is opened. So `shared` is zero only while it is the whole count.
//! 3. A block is counted before it is allocated and until after it was deallocated. So the count is zero
//!    only while nothing is live (never early), and the operation that makes it so wakes (never late).
//! 4. `waiting`, under its lock, is the number of waits that want it collapsed; only its changes between
//!    0 and 1 collapse and reopen.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries | Model |
//! |---|---|---|---|---|
//! | free → collapse | `free` in a stripe | `collapse` takes it | what the freeing thread did; its allocations | `a_free_happens_before_the_end_of_the_wait` |
//! | free → zero | `free` in `shared` | `free` to zero, `is_zero` | what the freeing threads did | `two_frees_happen_before_the_end_of_the_wait` |
//! | reopen → allocate | `reopen` opens a stripe | `allocate` in it | that BIAS is there | `an_open_stripe_implies_the_bias` |
//! | zero → wait | `WaitQueue::notify_all` | its `Wait` | what `free` to zero has seen | `two_frees_happen_before_the_end_of_the_wait` |
//!
//! `shared` changes by read-modify-writes only, so a release stays visible through what comes after it.
//! What a collapse took reaches the waits that enter after it through the lock.
//! A waiter joins the queue, then looks; the last free makes zero, then notifies: see `WaitQueue` for why
//! one of them sees the other.
//!
//! # Progress
//! `allocate`, `free`: lock-free while striped (a compare-exchange on a word that few threads share),
//! one more wait-free addition while collapsed. The end of a wait's first poll, its end and the readings
//! take a lock, held for STRIPES + 1 operations; `allocate` and `free` never do, except that the free which
//! makes zero wakes.
//!
//! # Cost
//! 2.2 KiB. Two locked instructions per operation, in a cache line that up to sixteen threads have each
//! to themselves; while somebody waits, threads share one word.
//!
//! # Sources
//! Linux's `percpu_ref` (Tejun Heo, Kent Overstreet, 2013): a bias, per-processor counts, a switch to one
//! atomic. There the switch waits for a grace period of RCU; here a bit in each stripe stands for it.

#[cfg(all(test, hyperia_loom))]
mod loom;

use core::fmt;

use hyperia_wait::WaitQueue;

use crate::account::{Account, quietly};
use crate::padded::Padded;
use crate::primitive::Ordering::*;
use crate::primitive::{AtomicU64, Lock};
use crate::stripe::{self, STRIPES};

/// The stripe is closed: count in the shared word.
const CLOSED: u64 = 1;
/// One block, in a stripe.
const ONE: u64 = 2;
/// Keeps the shared word from zero while stripes are open. More operations than that would take
/// a century.
const BIAS: u64 = 1 << 62;

struct Stripe {
    /// See the header.
    count: AtomicU64,
    /// Bytes allocated minus bytes freed; a plain sum.
    bytes: AtomicU64,
}

pub(crate) struct Ledger {
    stripes: [Padded<Stripe>; STRIPES],
    shared: Padded<AtomicU64>,
    /// Invariant 4.
    waiting: Lock<usize>,
    pub(crate) queue: WaitQueue,
}

impl Ledger {
    #[cfg(not(hyperia_loom))]
    pub(crate) const fn new() -> Self {
        Self {
            stripes: [const {
                Padded(Stripe {
                    count: AtomicU64::new(0),
                    bytes: AtomicU64::new(0),
                })
            }; STRIPES],
            shared: Padded(AtomicU64::new(BIAS)),
            waiting: Lock::new(0),
            queue: WaitQueue::new(),
        }
    }

    #[cfg(hyperia_loom)]
    pub(crate) fn new() -> Self {
        Self {
            stripes: core::array::from_fn(|_| {
                Padded(Stripe {
                    count: AtomicU64::new(0),
                    bytes: AtomicU64::new(0),
                })
            }),
            shared: Padded(AtomicU64::new(BIAS)),
            waiting: Lock::new(0),
            queue: WaitQueue::new(),
        }
    }

    /// Counts a block.
    #[inline]
    fn allocate_in(&self, stripe: usize) {
        let count = &self.stripes[stripe].count;
        // ORDERING: a guess, checked by the compare-exchange. A closed stripe that is open by now is no
        // harm: `shared` may always be added to.
        let mut word = count.load(Relaxed);
        while word & CLOSED == 0 {
            let more = word.wrapping_add(ONE);
            // ORDERING: Acquire pairs with the Release that opened the stripe: this thread, and whoever
            // gets the block from it, comes after BIAS in the order of `shared`.
            match count.compare_exchange_weak(word, more, Acquire, Relaxed) {
                Ok(_) => return,
                Err(seen) => word = seen,
            }
        }
        // ORDERING: an allocation carries nothing; being a read-modify-write it passes on what is there.
        self.shared.fetch_add(1, Relaxed);
    }

    /// Counts that a block is gone. Returns whether nothing is left: then waits are to be woken.
    #[inline]
    fn free_in(&self, stripe: usize) -> bool {
        let count = &self.stripes[stripe].count;
        // ORDERING: a guess as in `allocate_in`, and as harmless.
        let mut word = count.load(Relaxed);
        while word & CLOSED == 0 {
            let less = word.wrapping_sub(ONE);
            // ORDERING: Release pairs with the Acquire of `collapse`: the use of the block, and every
            // allocation this thread knows of, comes before the end of the wait.
            match count.compare_exchange_weak(word, less, Release, Relaxed) {
                Ok(_) => return false,
                Err(seen) => word = seen,
            }
        }
        // ORDERING: Release pairs with the Acquire of the free that makes zero, here, or of `is_zero`;
        // Acquire, for that one, with the Release of all others.
        self.shared.fetch_sub(1, AcqRel) == 1
    }

    #[inline]
    fn add_bytes(&self, stripe: usize, bytes: u64) {
        // ORDERING: a sum for readers who are content with what they have seen by other ways.
        self.stripes[stripe].bytes.fetch_add(bytes, Relaxed);
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
        let mut taken = 0_u64;
        for stripe in &self.stripes {
            // ORDERING: Acquire pairs with the Release of the frees that were counted here.
            let word = stripe.count.swap(CLOSED, Acquire);
            taken = taken.wrapping_add((word.cast_signed() >> 1).cast_unsigned());
        }
        // ORDERING: after the swaps of this thread, so after all that was counted in `shared` by who saw
        // them open. What the stripes carried stays with this wait and, through the lock, those after it.
        // Zero made here is seen by the caller, who looks next.
        self.shared.fetch_add(taken.wrapping_sub(BIAS), Relaxed);
    }

    fn reopen(&self) {
        // ORDERING: ordered before the allocations that need it by the Release below.
        self.shared.fetch_add(BIAS, Relaxed);
        for stripe in &self.stripes {
            // ORDERING: Release pairs with the Acquire of an allocation in this stripe, which must not be
            // free of BIAS. Nobody changes a closed stripe, so a store is enough.
            stripe.count.store(0, Release);
        }
    }

    /// Whether nothing is live. Called between `enter` and `leave`.
    pub(crate) fn is_zero(&self) -> bool {
        // ORDERING: Acquire pairs with the Release of each free that was counted here.
        self.shared.load(Acquire) == 0
    }

    /// Blocks that are live; each operation that is under way may or may not be in it.
    pub(crate) fn blocks(&self) -> usize {
        let waiting = self.waiting.lock();
        // ORDERING: a reading; what the caller knows to have happened is in it by coherence.
        let mut sum = self.shared.load(Relaxed);
        if *waiting == 0 {
            sum = sum.wrapping_sub(BIAS);
            for stripe in &self.stripes {
                // ORDERING: as above. The lock keeps everybody from moving counts meanwhile.
                let word = stripe.count.load(Relaxed).cast_signed();
                sum = sum.wrapping_add((word >> 1).cast_unsigned());
            }
        }
        reading(sum)
    }

    /// Bytes that are live, as `blocks`.
    pub(crate) fn bytes(&self) -> usize {
        let mut sum = 0_u64;
        for stripe in &self.stripes {
            // ORDERING: a reading of bytes, which nobody moves.
            sum = sum.wrapping_add(stripe.bytes.load(Relaxed));
        }
        reading(sum)
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
        let stripe = stripe::current();
        self.add_bytes(stripe, bytes as u64);
        self.allocate_in(stripe);
        Some(())
    }

    #[inline]
    fn close(&self, bytes: usize) -> bool {
        let stripe = stripe::current();
        self.add_bytes(stripe, (bytes as u64).wrapping_neg());
        self.free_in(stripe)
    }

    #[inline]
    fn extend(&self, bytes: usize) -> Option<()> {
        self.add_bytes(stripe::current(), bytes as u64);
        Some(())
    }

    #[inline]
    fn reduce(&self, bytes: usize) {
        self.add_bytes(stripe::current(), (bytes as u64).wrapping_neg());
    }

    #[cold]
    fn wake(&self) {
        quietly(|| {
            self.queue.notify_all();
        });
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
