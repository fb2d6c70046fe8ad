//! What goes past the words: the own cache of a thread, how it is filled, taken away, and opened again.
//!
//! See `cache` for what may happen at the same time, and the header of `stripes` for the edges between the
//! words and those who wait.

use core::ptr::NonNull;

use hyperia_asymmetric::{fence_heavy, seat};

use super::{Claim, Stripes, WAITED};
use crate::cache::Cache;
use crate::primitive::Ordering::*;
use crate::slot::Place;

impl Stripes {
    /// Takes the slot that this thread was the last to return, with the object in it.
    #[inline]
    pub(crate) fn take_hot(&self) -> Option<NonNull<Place>> {
        let (stripe, cache) = self.own()?;
        let taken = cache.take_hot();
        if !cache.is_open() {
            self.drain(stripe);
        }
        taken
    }

    /// Keeps a slot that holds an object for the next `take_hot`, if that will be this thread's. Otherwise the
    /// caller keeps it. The slot is one of the pool's.
    #[inline]
    pub(crate) fn put_hot(&self, slot: NonNull<Place>, place: Place) -> bool {
        let Some((stripe, cache)) = self.own() else {
            return false;
        };
        if stripe != place.stripe as usize {
            return false;
        }
        let is_kept = cache.put_hot(slot);
        if !cache.is_open() {
            self.drain(stripe);
        }
        is_kept
    }

    /// The stripe whose cache is the calling thread's, if there is one.
    #[inline]
    pub(super) fn own(&self) -> Option<(usize, &Cache)> {
        let seat = seat()?;
        self.caches.get(seat).map(|cache| (seat, &**cache))
    }

    /// Takes all that is free in the word of the thread's own stripe, unless somebody waits: one for
    /// now, the others into its cache.
    pub(super) fn refill(&self, stripe: usize) -> Option<Claim<'_>> {
        // ORDERING: a guess, checked by the compare-exchange.
        let mut word = self.words[stripe].load(Relaxed);
        while word != 0 && word & WAITED == 0 {
            // ORDERING: Acquire as in `claim_any`, for all the bits.
            match self.words[stripe].compare_exchange(word, 0, Acquire, Relaxed) {
                Ok(_) => {
                    let claim = self.claimed(stripe, word.trailing_zeros());
                    self.put_into(stripe, word & (word - 1));
                    return Some(claim);
                }
                Err(seen) => word = seen,
            }
        }
        None
    }

    /// Brings what is in the caches that `wanted` picks to the words of their stripes, and closes them.
    pub(super) fn revoke(&self, wanted: impl Fn(&Cache) -> bool) {
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
            untold += self.drain_revoked(closed.trailing_zeros() as usize);
            closed &= closed - 1;
        }
        if untold > 0 {
            self.queue().notify_many(untold);
        }
    }

    /// After `Cache::close` and a heavy fence. Returns how many slots came back to a marked word: their
    /// notifications are due, after all caches are closed, since wakers are user code.
    pub(super) fn drain_revoked(&self, stripe: usize) -> usize {
        let cache = &self.caches[stripe];
        let bits = cache.drain_revoked();
        cache.end_drain();
        if bits == 0 || self.add(stripe, bits) & WAITED == 0 {
            return 0;
        }
        bits.count_ones() as usize
    }

    /// For the owner, which found its cache closed.
    #[cold]
    pub(super) fn drain(&self, stripe: usize) {
        let bits = self.caches[stripe].drain();
        if bits != 0 {
            self.put_bits(stripe, bits);
        }
    }

    /// For the owner, whose cache is closed: opens it again at last, if nobody waits.
    pub(super) fn count_patience(&self, stripe: usize) {
        let cache = &self.caches[stripe];
        if cache.is_patience_over() && cache.reopen() {
            // ORDERING: Release pairs with the Acquire of a `mark` that comes later: it sees the open gate. A
            // mark that came before is seen here, by the order of the changes of the word alone.
            let word = self.words[stripe].fetch_or(0, Release);
            if word & WAITED != 0 && cache.close() {
                // It is empty still.
                cache.end_drain();
            }
        }
    }
}
