//! Who waits for the verdict of one message.
//!
//! # States of a ticket
//! ```text
//!                settled                 taken by its future
//!     WAITING ────────────▶ SETTLED ─────────────────────────▶ (gone)
//!        │ future dropped                 settled
//!        └────────────────▶ ABANDONED ───────────────────────▶ (gone): the verdict goes to `on_settled`
//! ```
//! The entry in the queue (later: in a connection's batch) and the future each know the number of the place. The one
//! that is done with it last frees it: the future in SETTLED, the settling in ABANDONED.

use core::task::Waker;

use super::slab::Slab;
use crate::Verdict;

#[derive(Debug)]
pub(super) struct Tickets<M> {
    tickets: Slab<Ticket<M>>,
}

#[derive(Debug)]
enum Ticket<M> {
    Waiting(Waker),
    Abandoned,
    /// The message comes back unless it was delivered.
    Settled(Verdict, Option<M>),
}

/// What a `send` future finds when it looks.
pub(crate) enum Outcome<M> {
    Pending,
    Settled(Verdict, Option<M>),
}

impl<M> Tickets<M> {
    pub(super) const fn new() -> Self {
        Self {
            tickets: Slab::new(),
        }
    }

    pub(super) fn insert(&mut self, waker: Waker) -> u32 {
        self.tickets.insert(Ticket::Waiting(waker))
    }

    /// The outcome, or sets who is to be woken. Returns a waker to be dropped outside the lock.
    pub(super) fn poll(&mut self, key: u32, waker: Waker) -> (Outcome<M>, Option<Waker>) {
        if let Some(Ticket::Waiting(known)) = self.tickets.get_mut(key) {
            let replaced = core::mem::replace(known, waker);
            return (Outcome::Pending, Some(replaced));
        }
        match self.tickets.remove(key) {
            Some(Ticket::Settled(verdict, message)) => {
                (Outcome::Settled(verdict, message), Some(waker))
            }
            _ => (Outcome::Pending, Some(waker)),
        }
    }

    /// The future is dropped: what it leaves behind is to be dropped outside the lock.
    pub(super) fn abandon(&mut self, key: u32) -> (Option<Waker>, Option<M>) {
        match self.tickets.get_mut(key) {
            Some(ticket @ Ticket::Waiting(_)) => {
                match core::mem::replace(ticket, Ticket::Abandoned) {
                    Ticket::Waiting(waker) => (Some(waker), None),
                    _ => (None, None),
                }
            }
            Some(Ticket::Settled(..)) => match self.tickets.remove(key) {
                Some(Ticket::Settled(_, message)) => (None, message),
                _ => (None, None),
            },
            _ => (None, None),
        }
    }

    /// Settles a message: its future is to be woken, or the message comes back because nobody waits.
    pub(super) fn settle(&mut self, key: u32, message: M, verdict: Verdict) -> Settled<M> {
        match self.tickets.remove(key) {
            Some(Ticket::Waiting(waker)) => {
                let (kept, delivered) = if verdict.is_ok() {
                    (None, Some(message))
                } else {
                    (Some(message), None)
                };
                // The place just freed is the next one given out, so the number stays the same.
                let again = self.tickets.insert(Ticket::Settled(verdict, kept));
                debug_assert_eq!(again, key);
                Settled::Wake(waker, delivered)
            }
            _ => Settled::Orphan(message),
        }
    }
}

/// What settling leaves to be done outside the lock.
pub(super) enum Settled<M> {
    /// Wake the future, after the delivered message was dropped.
    Wake(Waker, Option<M>),
    /// Nobody waits for it.
    Orphan(M),
}
