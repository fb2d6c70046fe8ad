//! The count of what a few threads allocate and free, in one word.
//!
//! # States
//! ```text
//!  word  bits 0..24   live blocks
//!        bits 24..64  live bytes
//!  peak  the most bytes at a time
//! ```
//! Valid: every combination without blocks but no bytes. An allocation that would overflow either field is
//! refused.
//!
//! # Invariants
//! 1. A block is counted before it is allocated and until after it was deallocated.
//! 2. Whoever brings `word` to zero wakes, and does both with the lock of the queue held: a notification that
//!    came later would end a wait which began after the next allocation.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries | Model |
//! |---|---|---|---|---|
//! | free → zero | `close` | `close_last`, `is_zero` | what the freeing threads did | `frees_of_a_scope_happen_before_the_end_of_the_wait` |
//! | zero → wait | `WaitQueue::notify_all_if` | its `Wait` | what `close_last` has seen | the same |
//!
//! `word` changes by read-modify-writes only, so a release stays visible through what comes after it.
//!
//! # Progress
//! `open`, `extend` and `close`: lock-free (a compare-exchange loop), except that the last `close` takes the lock
//! of the queue, and wakes; `reduce`: wait-free.
//!
//! # Cost
//! 32 bytes. One locked instruction per operation, one more where the peak rises or nothing is left; threads
//! share the line.

#[cfg(all(test, hyperia_loom))]
mod loom;

use core::fmt;

use hyperia_wait::WaitQueue;

use crate::account::{Account, make_zero};
use crate::primitive::AtomicU64;
use crate::primitive::Ordering::*;

const BLOCK_BITS: u32 = 24;
/// The most blocks at a time.
pub(crate) const BLOCKS_MAX: u64 = (1 << BLOCK_BITS) - 1;
/// The most bytes at a time.
pub(crate) const BYTES_MAX: u64 = (1 << (64 - BLOCK_BITS)) - 1;

pub(crate) struct Tally {
    /// See the header.
    word: AtomicU64,
    /// The most bytes that `word` has held together with an allocation that succeeded.
    peak: AtomicU64,
    pub(crate) queue: WaitQueue,
}

impl Tally {
    #[cfg(not(hyperia_loom))]
    pub(crate) const fn new() -> Self {
        Self {
            word: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            queue: WaitQueue::new(),
        }
    }

    #[cfg(hyperia_loom)]
    pub(crate) fn new() -> Self {
        Self {
            word: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            queue: WaitQueue::new(),
        }
    }

    /// Adds, if it fits. Returns how many bytes are live with it.
    #[inline]
    fn add(&self, blocks: u64, bytes: usize) -> Option<u64> {
        // ORDERING: a guess, checked by the compare-exchange.
        let mut word = self.word.load(Relaxed);
        loop {
            let live = (word >> BLOCK_BITS).checked_add(bytes as u64)?;
            if live > BYTES_MAX || (word & BLOCKS_MAX) + blocks > BLOCKS_MAX {
                return None;
            }
            let more = (live << BLOCK_BITS) | ((word & BLOCKS_MAX) + blocks);
            // ORDERING: what is counted here carries nothing; being a read-modify-write it passes on
            // what the frees before it published.
            match self
                .word
                .compare_exchange_weak(word, more, Relaxed, Relaxed)
            {
                Ok(_) => return Some(live),
                Err(seen) => word = seen,
            }
        }
    }

    /// A block is gone that may be the last.
    #[cold]
    fn close_last(&self, bytes: usize, wakes: bool) {
        make_zero(&self.queue, wakes, || {
            // ORDERING: Release pairs with the Acquire of `is_zero`; Acquire with the Release of each `close` before
            // this one, whose ends it tells of.
            self.word.fetch_sub(one(bytes), AcqRel) == one(bytes)
        });
    }

    pub(crate) fn is_zero(&self) -> bool {
        // ORDERING: Acquire pairs with the Release of each `close`. (So does the lock of the queue, under which zero
        // is made and which an ending wait takes to leave: no model notices when this is weakened.)
        self.word.load(Acquire) == 0
    }

    pub(crate) fn blocks(&self) -> usize {
        // ORDERING: a reading of the blocks.
        (self.word.load(Relaxed) & BLOCKS_MAX) as usize
    }

    pub(crate) fn bytes(&self) -> usize {
        // ORDERING: a reading of the bytes.
        (self.word.load(Relaxed) >> BLOCK_BITS) as usize
    }

    pub(crate) fn peak(&self) -> usize {
        // ORDERING: a reading of the peak.
        self.peak.load(Relaxed) as usize
    }
}

/// A block of `bytes`, in the word.
#[inline]
const fn one(bytes: usize) -> u64 {
    ((bytes as u64) << BLOCK_BITS) | 1
}

impl Account for Tally {
    type Receipt = u64;

    #[inline]
    fn open(&self, bytes: usize) -> Option<u64> {
        self.add(1, bytes)
    }

    #[inline]
    fn opened(&self, live: u64) {
        // ORDERING: a maximum: it does not matter who sees it when, as long as no larger one is replaced.
        if self.peak.load(Relaxed) < live {
            // ORDERING: as above; `fetch_max` leaves a larger one alone.
            self.peak.fetch_max(live, Relaxed);
        }
    }

    #[inline]
    fn close(&self, bytes: usize, wakes: bool) {
        let one = one(bytes);
        // ORDERING: a guess, checked by the compare-exchange; a stale one goes to `close_last` in vain.
        let mut word = self.word.load(Relaxed);
        while word != one {
            // ORDERING: Release pairs with the Acquire of `close_last`, or of `is_zero`.
            match self
                .word
                .compare_exchange_weak(word, word - one, Release, Relaxed)
            {
                Ok(_) => return,
                Err(seen) => word = seen,
            }
        }
        self.close_last(bytes, wakes);
    }

    #[inline]
    fn extend(&self, bytes: usize) -> Option<u64> {
        self.add(0, bytes)
    }

    #[inline]
    fn reduce(&self, bytes: usize) {
        // ORDERING: the block stays, so nobody learns of an end by this.
        self.word.fetch_sub((bytes as u64) << BLOCK_BITS, Relaxed);
    }
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tally")
            .field("blocks", &self.blocks())
            .field("bytes", &self.bytes())
            .field("peak", &self.peak())
            .finish()
    }
}
