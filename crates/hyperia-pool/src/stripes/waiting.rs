//! Who waits for a slot, how the words say so, and how a slot that comes back is told.
//!
//! See the header of `stripes` for the invariants.

use core::mem;

use hyperia_asymmetric::fence_heavy;
use hyperia_wait::WaitQueue;

use super::{Claim, Stripes, WAITED};
use crate::primitive::AtomicUsize;
use crate::primitive::Ordering::*;

#[derive(Debug)]
pub(super) struct Waiting {
    queue: WaitQueue,
    /// Those who were woken in vain and still wait. A hint for newcomers: nothing depends on it but who
    /// is first.
    robbed: AtomicUsize,
}

impl Waiting {
    pub(super) fn new() -> Self {
        Self {
            queue: WaitQueue::new(),
            robbed: AtomicUsize::new(0),
        }
    }
}

impl Stripes {
    pub(crate) fn queue(&self) -> &WaitQueue {
        &self.waiting.queue
    }

    /// For one who has joined the queue: marks all stripes, and takes what it finds on the way or in a
    /// cache. Someone who was not robbed leaves it to the head of the queue while others were.
    #[cold]
    pub(crate) fn look(&self, is_robbed: bool) -> Option<Claim<'_>> {
        let leave = !is_robbed && self.any_robbed();
        let mut left = 0;
        for index in self.indexes() {
            let mut word = self.mark(index);
            if leave {
                left += (word & !WAITED).count_ones() as usize;
            } else if let Some(claim) = self.claim_any(index, &mut word) {
                return Some(claim);
            }
        }
        if left > 0 {
            // May reach the caller's own wait, which is polled again then.
            self.queue().notify_many(left);
        }
        // What is in a cache comes to a word, which tells of it. From here on no cache is open.
        self.revoke(|_| true);
        if leave { None } else { self.take_from_words() }
    }

    /// Says that somebody waits. Returns the word as it was.
    fn mark(&self, index: usize) -> usize {
        // ORDERING: Release pairs with the Acquire in `add`: who sees the mark finds the waiter in the
        // queue. Acquire pairs with the Release in `reopen`: who did not see the mark has an open cache,
        // which is closed next. What is free is claimed with an Acquire of its own.
        self.words[index].fetch_or(WAITED, AcqRel)
    }

    pub(super) fn any_robbed(&self) -> bool {
        // ORDERING: a hint about who is first.
        self.waiting.robbed.load(Relaxed) != 0
    }

    /// Somebody was woken and found nothing.
    pub(crate) fn add_robbed(&self) {
        // ORDERING: a count; the hint above reads it.
        self.waiting.robbed.fetch_add(1, Relaxed);
    }

    /// It was served, or has given up.
    pub(crate) fn remove_robbed(&self) {
        // ORDERING: a count; goes back by what `add_robbed` added.
        self.waiting.robbed.fetch_sub(1, Relaxed);
    }

    /// `count` slots came back to a stripe where somebody may wait.
    #[cold]
    pub(super) fn tell(&self, stripe: usize, count: usize) {
        /// Takes back an unmarking that came too early, also if the waker of the one who was there panics.
        struct MarkAgain<'a>(&'a Stripes, usize);
        impl Drop for MarkAgain<'_> {
            fn drop(&mut self) {
                let Self(stripes, stripe) = *self;
                let word = stripes.mark(stripe);
                // What came back meanwhile told nobody, nor did what went into the cache.
                let mut untold = (word & !WAITED).count_ones() as usize;
                if stripes
                    .caches
                    .get(stripe)
                    .is_some_and(|cache| cache.close())
                {
                    // ORDERING: as in `revoke`, for one gate.
                    fence_heavy();
                    untold += stripes.drain_revoked(stripe);
                }
                stripes.queue().notify_many(untold);
            }
        }

        let woken = self.queue().notify_many(count);
        if woken == count {
            return;
        }
        // Nobody there any more: the mark is an old one.
        // ORDERING: comes before the next notification, and with it before the mark of whoever joins the
        // queue after that; it goes on with the release sequence of the puts.
        self.words[stripe].fetch_and(!WAITED, Relaxed);
        // But somebody may have joined, and marked, just before the mark was removed.
        let mark_again = MarkAgain(self, stripe);
        if self.queue().notify_many(count - woken) == 0 {
            mem::forget(mark_again);
        }
    }
}
