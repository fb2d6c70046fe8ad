//! What goes past the words: the own cache of a thread, how it is filled, taken away, and opened again.
//!
//! See `cache` for what may happen at the same time, and the header of `stripes` for the edges between the
//! words and those who wait.

use core::ptr::NonNull;

use hyperia_asymmetric::{fence_heavy, seat};

use super::{Claim, Stripes, WAITED};
use crate::cache::Cache;
use crate::primitive::Ordering::*;
use crate::slot::Slot;

/// How many slots a thread takes at a time, at most; and no more than half of a word.
const REFILL_MAX: u32 = 16;

impl<T> Stripes<T> {
    /// The cache of the calling thread, if there is one.
    #[inline]
    pub(super) fn own(&self) -> Option<(usize, &Cache<T>)> {
        let seat = seat()?;
        self.caches.get(seat).map(|cache| (seat, &**cache))
    }

    /// Takes a slot out of the thread's own cache.
    #[inline]
    pub(super) fn take_cached(&self) -> Option<&Slot<T>> {
        let (_, cache) = self.own()?;
        let taken = cache.take();
        if !cache.is_open() {
            self.drain(cache);
        }
        // SAFETY: it is a slot of these (invariant 4 of `cache`), so it is alive.
        taken.map(|slot| unsafe { slot.as_ref() })
    }

    /// Keeps a slot in the thread's own cache, if that is where it came from. `false`: it was not kept.
    ///
    /// # Safety
    ///
    /// The slot is the caller's, and one of these. If it was kept it is the caller's no longer.
    #[inline]
    pub(super) unsafe fn put_cached(&self, slot: &Slot<T>) -> bool {
        let Some((seat, cache)) = self.own() else {
            return false;
        };
        // SAFETY: the slot is the caller's.
        if unsafe { slot.taker() } != seat {
            return false;
        }
        let is_kept = cache.put(NonNull::from(slot));
        if !cache.is_open() {
            self.drain(cache);
        }
        is_kept
    }

    /// Takes half of what is free in a word, unless somebody waits: one for now, the others into the cache.
    pub(super) fn refill(&self, seat: usize, cache: &Cache<T>) -> Option<Claim<'_, T>> {
        self.indexes().find_map(|index| {
            // ORDERING: a guess, checked by the compare-exchange.
            let mut word = self.words[index].load(Relaxed);
            while word != 0 && word & WAITED == 0 {
                let (taken, rest) = split(word);
                // ORDERING: Acquire as in `claim_any`, for all the bits.
                match self.words[index].compare_exchange(word, rest, Acquire, Relaxed) {
                    Ok(_) => {
                        let claim = self.claimed(index, taken);
                        self.stock(seat, cache, index, taken & (taken - 1));
                        return Some(claim);
                    }
                    Err(seen) => word = seen,
                }
            }
            None
        })
    }

    /// Puts slots, which this thread has claimed, into its cache: the lowest on top, since those were used before.
    fn stock(&self, seat: usize, cache: &Cache<T>, index: usize, mut bits: usize) {
        while bits != 0 {
            let highest = usize::BITS - 1 - bits.leading_zeros();
            let slot = &self.slots[(index << self.shift) + highest as usize];
            // SAFETY: the caller has claimed it (invariant 1).
            unsafe { slot.set_taker(seat) };
            if !cache.stock(NonNull::from(slot)) {
                self.put_into_word(slot);
            }
            bits &= !(1 << highest);
        }
        if !cache.is_open() {
            self.drain(cache);
        }
    }

    /// Brings what is in the caches that `wanted` picks to the words, and closes them.
    pub(super) fn revoke(&self, wanted: impl Fn(&Cache<T>) -> bool) {
        let mut closed = 0_u64;
        for (index, cache) in self.caches.iter().enumerate() {
            if wanted(cache) && cache.close() {
                closed |= 1 << index;
            }
        }
        if closed == 0 {
            return;
        }
        // ORDERING: the gates were closed, then `inside` is read; the light fences of `Cache` stand between
        // the same two.
        fence_heavy();
        let mut untold = 0;
        while closed != 0 {
            let cache = &self.caches[closed.trailing_zeros() as usize];
            cache.drain_revoked(|slot| untold += self.add_drained(slot));
            cache.end_drain();
            closed &= closed - 1;
        }
        self.tell_many(untold);
    }

    /// For the owner, which found its cache closed.
    #[cold]
    fn drain(&self, cache: &Cache<T>) {
        let mut untold = 0;
        cache.drain(|slot| untold += self.add_drained(slot));
        self.tell_many(untold);
    }

    /// Puts a slot that was in a cache into its word. Returns how many notifications are due for it: not before
    /// all caches are drained, since wakers are user code.
    fn add_drained(&self, slot: NonNull<Slot<T>>) -> usize {
        // SAFETY: it is a slot of these (invariant 4 of `cache`), so it is alive.
        let word = self.add(unsafe { slot.as_ref() });
        usize::from(word & WAITED != 0)
    }

    /// For the owner, whose cache is closed: opens it again at last, if nobody waits.
    pub(super) fn count_patience(&self, cache: &Cache<T>) {
        if cache.is_patience_over()
            && !self.is_waited_for()
            && cache.reopen()
            && self.is_waited_for_after_all()
            && cache.close()
        {
            // It is empty still.
            cache.end_drain();
        }
    }
}

/// The bits of a word that one thread takes at once, and the others.
fn split(word: usize) -> (usize, usize) {
    let count = word.count_ones().div_ceil(2).min(REFILL_MAX);
    let mut rest = word;
    for _ in 0..count {
        rest &= rest - 1;
    }
    (word & !rest, rest)
}
