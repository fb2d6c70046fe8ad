//! The lock bit, and what is done under it.

use core::mem;
use core::task::Waker;

use hyperia_wait::{Backoff, list};

use super::waiter::{GRANTED, WAITING, WOKEN, Waiter};
use super::{LOCKED, OVERTAKEN_MASK, PERMIT, Semaphore, WAITERS, overtaken, permits, too_many};
use crate::primitive::Ordering::*;

/// The lock of a semaphore, held. No user code runs while one of these is alive.
pub(super) struct Locked<'a> {
    semaphore: &'a Semaphore,
    /// The working copy of `Semaphore::head`.
    pub(super) head: *const Waiter,
    /// The working copy of the word, without `LOCKED`.
    pub(super) word: u64,
}

impl Semaphore {
    /// Takes the lock.
    pub(super) fn lock(&self) -> Locked<'_> {
        // ORDERING: a guess, checked by `lock_from`.
        let word = self.word.load(Relaxed);
        self.lock_from(word, &mut Backoff::new())
    }

    /// Takes the lock; the word was `word` a moment ago.
    pub(super) fn lock_from(&self, mut word: u64, backoff: &mut Backoff) -> Locked<'_> {
        loop {
            if word & LOCKED != 0 {
                backoff.wait();
                // ORDERING: a guess, checked below.
                word = self.word.load(Relaxed);
                continue;
            }
            // ORDERING: Acquire pairs with the last unlock, for the list as it was left, and with those who gave
            // permits back, whose permits may be taken under this lock. On failure nothing was received.
            match self
                .word
                .compare_exchange_weak(word, word | LOCKED, Acquire, Relaxed)
            {
                Ok(_) => break,
                Err(seen) => word = seen,
            }
        }
        Locked {
            semaphore: self,
            // SAFETY: the lock was taken above, so nobody else touches `head` (invariant 1).
            head: self.head.with(|head| unsafe { *head }),
            word,
        }
    }

    /// Gives permits back while somebody waits, or somebody holds the lock.
    #[cold]
    pub(super) fn release_to_waiters(&self, word: u64, count: u32, backoff: &mut Backoff) {
        let mut locked = self.lock_from(word, backoff);
        match locked.word.checked_add(u64::from(count) * PERMIT) {
            Some(word) => locked.word = word,
            None => {
                // Not with the lock held.
                drop(locked);
                too_many();
            }
        }
        self.serve(locked);
    }

    /// Wakes or serves those for whom there are permits now (invariant 4), and unlocks.
    #[inline]
    pub(super) fn serve<'a>(&'a self, mut locked: Locked<'a>) {
        loop {
            let (waker, more) = locked.serve_first();
            drop(locked);
            let rest = more.then(|| Rest(self));
            if let Some(waker) = waker {
                waker.wake();
            }
            if rest.is_none() {
                return;
            }
            mem::forget(rest);
            locked = self.lock();
        }
    }
}

/// Serves the others if a waker panics.
struct Rest<'a>(&'a Semaphore);

impl Drop for Rest<'_> {
    #[cold]
    fn drop(&mut self) {
        self.0.serve(self.0.lock());
    }
}

impl Locked<'_> {
    pub(super) fn permits(&self) -> u32 {
        permits(self.word)
    }

    pub(super) fn take(&mut self, count: u32) {
        debug_assert!(count <= self.permits());
        self.word -= u64::from(count) * PERMIT;
    }

    /// Whether a newcomer may not go before those who wait any more.
    fn is_handing_over(&self) -> bool {
        overtaken(self.word) >= self.semaphore.overtakes_max
    }

    /// Takes a waiter out of the line.
    ///
    /// # Safety
    ///
    /// It is linked.
    pub(super) unsafe fn unlink(&mut self, waiter: *const Waiter) {
        if self.head == waiter {
            self.word &= !OVERTAKEN_MASK;
        }
        // SAFETY: the lock is held, and what is linked is alive (invariant 2).
        unsafe { list::remove(&mut self.head, waiter) };
    }

    /// Wakes or serves the one who waits longest, if there is enough for it. Returns its waker, and whether
    /// the next one is to be looked at, too.
    #[inline]
    fn serve_first(&mut self) -> (Option<Waker>, bool) {
        let head = self.head;
        if head.is_null() {
            return (None, false);
        }
        // SAFETY: what is linked is alive (invariant 2).
        let need = unsafe { (*head).need };
        if need > self.permits() {
            return (None, false);
        }
        if !self.is_handing_over() {
            // The next one is looked at when this one has taken what it needs.
            // SAFETY: it is linked, and the lock is held.
            return (unsafe { Waiter::wake(head) }, false);
        }
        self.take(need);
        // SAFETY: it is linked until this line.
        unsafe { self.unlink(head) };
        // SAFETY: it was linked a moment ago, and the lock is held.
        let waker = unsafe { Waiter::grant(head) };
        (waker, !self.head.is_null() && self.permits() > 0)
    }
}

impl Waiter {
    /// Tells the one who waits longest to try; `None` if it knows.
    ///
    /// # Safety
    ///
    /// The lock is held and `waiter` is linked.
    unsafe fn wake(waiter: *const Self) -> Option<Waker> {
        // SAFETY: the waiter is alive (invariant 2), and is not told anything here that lets it go.
        let waiter = unsafe { &*waiter };
        // ORDERING: changed with the lock held alone while it is linked.
        if waiter.status.load(Relaxed) != WAITING {
            return None;
        }
        // SAFETY: a `WAITING` waiter has a waker, and the store below ends that (invariant 3).
        let waker = waiter
            .waker
            .with(|waker| unsafe { (*waker).assume_init_read() });
        // ORDERING: the poll that sees it takes the lock before it touches anything.
        waiter.status.store(WOKEN, Relaxed);
        Some(waker)
    }

    /// Tells a waiter that it has what it needs; `None` if it was woken before.
    ///
    /// # Safety
    ///
    /// The lock is held, and `waiter` was linked until this thread took it out a moment ago.
    unsafe fn grant(waiter: *const Self) -> Option<Waker> {
        // No reference to all of the waiter: it may be gone when this returns.
        // SAFETY: its owner does not free it before it sees the store below or holds the lock.
        let (status, waker) = unsafe { (&(*waiter).status, &(*waiter).waker) };
        // ORDERING: this thread has the lock, and unlinked it a moment ago: nobody else changes it.
        let waker = (status.load(Relaxed) == WAITING)
            // SAFETY: a `WAITING` waiter has a waker, and the store below ends that (invariant 3).
            .then(|| waker.with(|waker| unsafe { (*waker).assume_init_read() }));
        // ORDERING: Release makes what was done with the permits visible to the Acquire in `poll` and `drop`, and
        // keeps all accesses to the waiter before this one.
        status.store(GRANTED, Release);
        waker
    }
}

impl Drop for Locked<'_> {
    /// Unlocks.
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the lock is held, so nobody else touches `head` (invariant 1).
        self.semaphore
            .head
            .with_mut(|head| unsafe { *head = self.head });
        let waiters = if self.head.is_null() { 0 } else { WAITERS };
        // ORDERING: Release publishes the list to the next lock, and what was done with permits that were given
        // back under this one to whoever takes them. A plain store: nobody else changes the word while it
        // is locked (invariant 1).
        self.semaphore
            .word
            .store(self.word & !(LOCKED | WAITERS) | waiters, Release);
    }
}
