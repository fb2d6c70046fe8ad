//! What goes past the words: the own cache of a thread, how it is filled, taken away, and opened again.
//!
//! See `cache` for what may happen at the same time, and the header of `slots` for the edges between the
//! words and those who wait.

use core::ptr::NonNull;

use hyperia_asymmetric::{fence_heavy, seat};

use super::{Claim, Slots, WAITED};
use crate::cache::Cache;
use crate::slot::Slot;

impl<T> Slots<T> {
    /// The cache of the calling thread, if there is one.
    #[inline]
    pub(super) fn own(&self) -> Option<(usize, &Cache<T>)> {
        let seat = seat()?;
        self.caches.get(seat).map(|cache| (seat, &**cache))
    }

    /// Takes a slot out of the thread's own cache.
    #[inline]
    pub(super) fn take_cached(&self) -> Option<Claim<'_, T>> {
        let (_, cache) = self.own()?;
        let claim = cache.take().map(|slot| {
            // SAFETY: it is a slot of these (invariant 4 of `cache`), so it is alive, and this thread's now.
            unsafe { Claim::new(self, slot.as_ref()) }
        });
        if !cache.is_open() {
            self.notify_many(self.drain(cache));
        }
        claim
    }

    /// Gives a slot back to the thread's own cache, if that is where it came from. `false`: it was not.
    ///
    /// # Safety
    ///
    /// The slot is the caller's, and one of these. After `true` it is the caller's no longer.
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
        if cache.is_open() {
            return is_kept;
        }
        self.put_closed(cache, (!is_kept).then_some(slot))
    }

    /// As `put_cached`, for a cache that was found closed, with a slot if that was not kept.
    #[cold]
    fn put_closed(&self, cache: &Cache<T>, slot: Option<&Slot<T>>) -> bool {
        let mut due = self.drain(cache);
        if due == 0 {
            // As a rule. A slot that was not kept goes the way of all slots, which also takes old marks away.
            return slot.is_none();
        }
        // Wakers are user code: first everything is put where it belongs.
        if let Some(slot) = slot {
            due += self.add_drained(slot);
        }
        self.notify_many(due);
        true
    }

    /// Puts slots, which this thread has claimed, into its cache: the lowest on top, since those were used before.
    pub(super) fn stock(&self, cache: &Cache<T>, index: usize, mut bits: usize) {
        let mut due = 0;
        while bits != 0 {
            let highest = usize::BITS - 1 - bits.leading_zeros();
            let slot = self.claimed(index, highest);
            if !cache.stock(NonNull::from(slot)) {
                due += self.add_drained(slot);
            }
            bits &= !(1 << highest);
        }
        if !cache.is_open() {
            due += self.drain(cache);
        }
        self.notify_many(due);
    }

    /// Brings what is in the caches that `wanted` picks to the words, and closes them. Returns whether there were
    /// any that were open.
    pub(super) fn revoke(&self, wanted: impl Fn(&Cache<T>) -> bool) -> bool {
        let mut closed = 0_u64;
        for (index, cache) in self.caches.iter().enumerate() {
            if wanted(cache) && cache.close() {
                closed |= 1 << index;
            }
        }
        if closed == 0 {
            return false;
        }
        // ORDERING: the gates were closed, then `inside` is read; the light fences of `Cache` stand between
        // the same two.
        fence_heavy();
        let mut due = 0;
        while closed != 0 {
            let cache = &self.caches[closed.trailing_zeros() as usize];
            // SAFETY: a slot of these (invariant 4 of `cache`) is alive.
            cache.drain_revoked(|slot| due += self.add_drained(unsafe { slot.as_ref() }));
            cache.end_drain();
            closed &= closed - 1;
        }
        self.notify_many(due);
        true
    }

    /// For the owner, which found its cache closed. Returns how many notifications are due.
    #[cold]
    fn drain(&self, cache: &Cache<T>) -> usize {
        let mut due = 0;
        // SAFETY: as in `revoke`.
        cache.drain(|slot| due += self.add_drained(unsafe { slot.as_ref() }));
        due
    }

    /// Puts a slot that nobody has any more into its word. Returns how many notifications are due for it: not before
    /// all are put there, since wakers are user code.
    fn add_drained(&self, slot: &Slot<T>) -> usize {
        usize::from(self.add(slot) & WAITED != 0)
    }

    /// For the owner, whose cache is closed: opens it again at last, if nobody waits.
    pub(super) fn try_reopen(&self, cache: &Cache<T>) {
        if cache.count_down()
            && !self.seems_waited_for()
            && cache.reopen()
            && self.is_waited_for()
            && cache.close()
        {
            // It is empty still.
            cache.end_drain();
        }
    }
}
