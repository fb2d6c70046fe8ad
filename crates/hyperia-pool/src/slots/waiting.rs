//! Who waits for a slot, how the words say so, and how a slot that comes back is told.
//!
//! See the header of `slots` for the invariants.

use core::mem;

use hyperia_wait::WaitQueue;

use super::{Claim, Slots, WAITED};
use crate::primitive::AtomicUsize;
use crate::primitive::Ordering::*;
use crate::slot::Slot;

/// The part that knows no objects.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) queue: WaitQueue,
    /// Those who have found nothing, and were not served and did not give up since: while there are any,
    /// no cache is open.
    count: AtomicUsize,
    /// Those among them who were woken in vain. A hint for newcomers: nothing depends on it but who is first.
    robbed: AtomicUsize,
}

impl Waiting {
    pub(super) fn new() -> Self {
        Self {
            queue: WaitQueue::new(),
            count: AtomicUsize::new(0),
            robbed: AtomicUsize::new(0),
        }
    }

    /// Somebody has found nothing, and is about to join the queue.
    pub(crate) fn add(&self) {
        // ORDERING: Acquire pairs with the Release of `is_waited_for`: an owner that has opened its
        // cache and did not see this is seen by `mark_and_take`, which closes it.
        self.count.fetch_add(1, Acquire);
    }

    /// It was served, or has given up.
    pub(crate) fn remove(&self) {
        // ORDERING: a count; nobody who still waits goes with it.
        self.count.fetch_sub(1, Relaxed);
    }

    /// Somebody was woken and found nothing.
    pub(crate) fn add_robbed(&self) {
        // ORDERING: a count; the hint in `any_robbed` reads it.
        self.robbed.fetch_add(1, Relaxed);
    }

    /// It was served at last, or has given up.
    pub(crate) fn remove_robbed(&self) {
        // ORDERING: a count; goes back by what `add_robbed` added.
        self.robbed.fetch_sub(1, Relaxed);
    }
}

// For those who wait.
impl<T> Slots<T> {
    pub(crate) fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    /// For one who is counted as waiting and has joined the queue: marks all words, and takes what it finds on
    /// the way or in a cache. Someone who was not robbed leaves it to the head of the queue while others were.
    #[cold]
    pub(crate) fn mark_and_take(&self, is_robbed: bool) -> Option<Claim<'_, T>> {
        let leave = !is_robbed && self.any_robbed();
        let mut left = 0;
        for index in self.indexes() {
            let word = self.mark(index);
            if leave {
                left += (word & !WAITED).count_ones() as usize;
            } else if let Some(claim) = self.claim(index, word | WAITED, None) {
                return Some(claim);
            }
        }
        // May reach the caller's own wait, which is polled again then.
        self.notify_many(left);
        // What is in a cache comes to a word, which tells of it. From here on no cache is open.
        self.revoke(|_| true);
        if leave {
            return None;
        }
        self.take_from_words(None)
    }

    /// Says that somebody waits. Returns the word as it was.
    fn mark(&self, index: usize) -> usize {
        // ORDERING: Release pairs with the Acquire in `add`: who sees the mark finds the waiter in the queue.
        // What is free is claimed with an Acquire of its own.
        self.words[index].fetch_or(WAITED, Release)
    }
}

// For everybody else.
impl<T> Slots<T> {
    pub(super) fn any_robbed(&self) -> bool {
        // ORDERING: a hint about who is first.
        self.waiting.robbed.load(Relaxed) != 0
    }

    /// Whether somebody waits, as a hint.
    pub(super) fn seems_waited_for(&self) -> bool {
        // ORDERING: a hint that saves an opening in vain.
        self.waiting.count.load(Relaxed) != 0
    }

    /// Whether somebody waits, exactly: who does not show here sees what the caller has done before.
    pub(super) fn is_waited_for(&self) -> bool {
        // ORDERING: Release pairs with the Acquire of a `Waiting::add` that comes later. One that came before
        // is seen, by the order of the changes of this number alone.
        self.waiting.count.fetch_add(0, Release) != 0
    }

    /// Wakes as many as there are slots that came back to marked words.
    pub(super) fn notify_many(&self, count: usize) {
        if count > 0 {
            self.waiting.queue.notify_many(count);
        }
    }

    /// A slot came back to a word where somebody may wait.
    #[cold]
    pub(super) fn notify_one(&self, slot: &Slot<T>) {
        /// Takes back an unmarking that came too early, also if the waker of the one who was there panics.
        struct MarkAgain<'a, T>(&'a Slots<T>, usize);
        impl<T> Drop for MarkAgain<'_, T> {
            fn drop(&mut self) {
                let Self(slots, index) = *self;
                let word = slots.mark(index);
                // What came back meanwhile told nobody.
                slots.notify_many((word & !WAITED).count_ones() as usize);
            }
        }

        if self.waiting.queue.notify_one() {
            return;
        }
        // Nobody there: the mark is an old one.
        let index = self.word_of(slot);
        // ORDERING: comes before the next notification, and with it before the mark of whoever joins the
        // queue after that; it goes on with the release sequence of the puts.
        self.words[index].fetch_and(!WAITED, Relaxed);
        // But somebody may have joined, and marked, just before the mark was removed.
        let mark_again = MarkAgain(self, index);
        if !self.waiting.queue.notify_one() {
            mem::forget(mark_again);
        }
    }
}
