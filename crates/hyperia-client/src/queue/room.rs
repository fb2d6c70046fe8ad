//! Callers that wait for room, first come first served.
//!
//! # States of a waiter
//! ```text
//!              grant                  taken by its future
//!     WAITING ───────▶ GRANTED ─────────────────────────────▶ (gone)
//!        │                │
//!        └───── fail ─────┴──────▶ FAILED ──────────────────▶ (gone)
//! ```
//! Room is handed over: what a waiter was granted is counted as taken until its future takes it or is dropped. So
//! nobody overtakes a waiter, and a waiter dropped with its grant in hand gives it to the next.

use core::task::Waker;

use super::slab::{NONE, Slab};
use crate::Reason;

#[derive(Debug)]
pub(super) struct Room {
    waiters: Slab<Waiter>,
    first: u32,
    last: u32,
}

#[derive(Debug)]
struct Waiter {
    len: usize,
    state: State,
    previous: u32,
    next: u32,
}

#[derive(Debug)]
enum State {
    Waiting(Waker),
    Granted,
    Failed(Reason),
}

/// What a waiter finds when it looks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    Waiting,
    Granted,
    Failed(Reason),
}

impl Room {
    pub(super) const fn new() -> Self {
        Self {
            waiters: Slab::new(),
            first: NONE,
            last: NONE,
        }
    }

    /// Whether nobody waits who was not granted room.
    pub(super) const fn is_empty(&self) -> bool {
        self.first == NONE
    }

    /// Waiters, granted and failed ones included until they have seen it.
    pub(super) const fn len(&self) -> usize {
        self.waiters.len()
    }

    pub(super) fn push(&mut self, len: usize, waker: Waker) -> u32 {
        let previous = self.last;
        let key = self.waiters.insert(Waiter {
            len,
            state: State::Waiting(waker),
            previous,
            next: NONE,
        });
        match self.waiters.get_mut(previous) {
            Some(last) => last.next = key,
            None => self.first = key,
        }
        self.last = key;
        key
    }

    /// The bytes that the first in line asks for.
    pub(super) fn first_len(&mut self) -> Option<usize> {
        self.waiters.get_mut(self.first).map(|waiter| waiter.len)
    }

    /// Grants room to the first in line, who is to be woken.
    pub(super) fn grant_first(&mut self) -> Option<Waker> {
        let key = self.first;
        let waiter = self.waiters.get_mut(key)?;
        let state = core::mem::replace(&mut waiter.state, State::Granted);
        self.unlink(key);
        match state {
            State::Waiting(waker) => Some(waker),
            State::Granted | State::Failed(_) => None,
        }
    }

    /// Fails everybody; all are to be woken.
    pub(super) fn fail_all(&mut self, reason: Reason, wakers: &mut Vec<Waker>) {
        for waiter in self.waiters.iter_mut() {
            (waiter.previous, waiter.next) = (NONE, NONE);
            if let State::Failed(_) = waiter.state {
                continue; // the first reason stands
            }
            if let State::Waiting(waker) =
                core::mem::replace(&mut waiter.state, State::Failed(reason))
            {
                wakers.push(waker);
            }
        }
        (self.first, self.last) = (NONE, NONE);
    }

    pub(super) fn look(&mut self, key: u32) -> Option<Look> {
        Some(match self.waiters.get_mut(key)?.state {
            State::Waiting(_) => Look::Waiting,
            State::Granted => Look::Granted,
            State::Failed(reason) => Look::Failed(reason),
        })
    }

    /// Whether `waker` is the one to be woken already.
    pub(super) fn has_waker(&mut self, key: u32, waker: &Waker) -> bool {
        self.waiters.get_mut(key).is_some_and(
            |waiter| matches!(&waiter.state, State::Waiting(known) if known.will_wake(waker)),
        )
    }

    /// Sets who is to be woken; returns the one before, to be dropped outside the lock.
    pub(super) fn set_waker(&mut self, key: u32, waker: Waker) -> Option<Waker> {
        match &mut self.waiters.get_mut(key)?.state {
            State::Waiting(known) => Some(core::mem::replace(known, waker)),
            State::Granted | State::Failed(_) => Some(waker),
        }
    }

    /// Takes a waiter out: the bytes it held if it was granted room, and its waker to be dropped outside the lock.
    pub(super) fn remove(&mut self, key: u32) -> (Option<usize>, Option<Waker>) {
        if let Some(Look::Waiting) = self.look(key) {
            self.unlink(key);
        }
        match self.waiters.remove(key) {
            Some(Waiter {
                len,
                state: State::Granted,
                ..
            }) => (Some(len), None),
            Some(Waiter {
                state: State::Waiting(waker),
                ..
            }) => (None, Some(waker)),
            _ => (None, None),
        }
    }

    fn unlink(&mut self, key: u32) {
        let Some(waiter) = self.waiters.get_mut(key) else {
            return;
        };
        let (previous, next) = (waiter.previous, waiter.next);
        (waiter.previous, waiter.next) = (NONE, NONE);
        match self.waiters.get_mut(previous) {
            Some(waiter) => waiter.next = next,
            None => self.first = next,
        }
        match self.waiters.get_mut(next) {
            Some(waiter) => waiter.previous = previous,
            None => self.last = previous,
        }
    }
}
