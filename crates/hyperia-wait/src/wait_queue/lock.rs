//! The lock bit of the queue.

use core::task::Waker;

use super::node::{self, Node};
use super::{CLOSED, LOCKED, TOKEN, WAITERS, WaitQueue};
use crate::backoff::Backoff;
use crate::list;
use crate::primitive::Ordering::*;

/// The lock of a queue, held. No user code runs while one of these is alive, except the condition of
/// `notify_all_if`.
pub(super) struct Locked<'a> {
    queue: &'a WaitQueue,
    /// The working copy of `WaitQueue::head`.
    pub(super) head: *const Node,
    /// `TOKEN` and `CLOSED`, as they will be after the unlock.
    rest: u32,
}

impl WaitQueue {
    /// Takes the lock.
    pub(super) fn lock(&self) -> Locked<'_> {
        let mut backoff = Backoff::new();
        // ORDERING: a guess, checked by `try_lock`.
        let mut state = self.state.load(Relaxed);
        loop {
            match self.try_lock(state, &mut backoff) {
                Ok(locked) => return locked,
                Err(seen) => state = seen,
            }
        }
    }

    /// Takes the lock if somebody waits; otherwise leaves a token, or nothing in a closed queue.
    pub(super) fn lock_or_store_token(&self) -> Option<Locked<'_>> {
        let mut backoff = Backoff::new();
        // ORDERING: a guess, checked by the compare-exchanges.
        let mut state = self.state.load(Relaxed);
        loop {
            if state & (WAITERS | LOCKED) != 0 {
                match self.try_lock(state, &mut backoff) {
                    Ok(locked) => return Some(locked),
                    Err(seen) => state = seen,
                }
                continue;
            }
            if state & CLOSED != 0 {
                return None;
            }
            // ORDERING: Release makes the caller's condition visible to whoever takes the token. Also
            // when it is there already: then this continues the release sequence of the first.
            match self
                .state
                .compare_exchange_weak(state, TOKEN, Release, Relaxed)
            {
                Ok(_) => return None,
                Err(seen) => state = seen,
            }
        }
    }

    /// Tries once to take the lock; the state was `state` a moment ago. If that fails, waits a little
    /// and returns the state seen last.
    #[inline]
    pub(super) fn try_lock(&self, state: u32, backoff: &mut Backoff) -> Result<Locked<'_>, u32> {
        if state & LOCKED != 0 {
            backoff.wait();
            // ORDERING: Acquire for a first poll that finds `CLOSED`: it returns without the lock.
            return Err(self.state.load(Acquire));
        }
        // ORDERING: Acquire pairs with the last unlock: the list as it was left; and with a notification
        // that found nobody, whose caller's condition must be seen after this wait has joined. The
        // failure is Acquire for the same reader as above.
        let seen = self
            .state
            .compare_exchange_weak(state, state | LOCKED, Acquire, Acquire)?;
        // SAFETY: the lock was taken above, so nobody else touches `head` (invariant 1).
        let head = self.head.with(|head| unsafe { *head });
        Ok(Locked {
            queue: self,
            head,
            rest: seen & (TOKEN | CLOSED),
        })
    }
}

impl Locked<'_> {
    /// Closes the queue. If somebody waits, at once: those who are told before the unlock may look.
    pub(super) fn close(&mut self) {
        self.rest = CLOSED;
        if !self.head.is_null() {
            // ORDERING: Release pairs with the Acquire in `is_closed` and of a first poll, as the unlock does
            // for them later. A plain store for the same reason (invariant 1).
            self.queue.state.store(LOCKED | CLOSED, Release);
        }
    }

    /// Takes the head out of the list and notifies it.
    pub(super) fn pop(&mut self, status: u32) -> Option<Waker> {
        if self.head.is_null() {
            return None;
        }
        let node = self.head;
        // SAFETY: the lock is held and the node is in its list, hence alive (invariant 2).
        unsafe { list::remove(&mut self.head, node) };
        // SAFETY: it was linked until the line above, and the lock is held.
        Some(unsafe { node::notify(node, status) })
    }
}

impl Drop for Locked<'_> {
    /// Unlocks.
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the lock is held, so nobody else touches `head` (invariant 1).
        self.queue
            .head
            .with_mut(|head| unsafe { *head = self.head });
        let waiters = if self.head.is_null() { 0 } else { WAITERS };
        // ORDERING: Release publishes the list to the next lock. A plain store: nobody else changes
        // `state` while it is locked (invariant 1).
        self.queue.state.store(self.rest | waiters, Release);
    }
}
