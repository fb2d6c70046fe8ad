//! The slots of the levels: one doubly linked chain of timers each, in no particular order.
//!
//! # Invariants
//! 1. `heads[place]` is the first timer of a chain, or `NIL`; that timer's `before` is the slot.
//! 2. `next` and `before` of two neighbours name each other. A timer in no chain has `before` nowhere,
//!    unless it was just popped: then its links mean nothing.

use super::levels::{Batch, PLACES};
use super::nodes::{Before, Nodes};
use crate::time::NEVER;

/// The number of a slot, counted over all levels.
pub(crate) type Place = u16;

/// What a look into a slot has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Survey {
    pub(super) count: usize,
    /// The earliest of the deadlines.
    pub(super) earliest: u64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Slots<N: Nodes> {
    heads: [N::Link; PLACES],
    pub(crate) nodes: N,
}

impl<N: Nodes> Slots<N> {
    pub(super) const fn new(nodes: N) -> Self {
        Self {
            heads: [N::NIL; PLACES],
            nodes,
        }
    }

    /// Puts a timer that stands in no slot into one. Returns whether it is the only one there.
    #[inline(always)]
    pub(super) fn push(&mut self, place: Place, link: N::Link) -> bool {
        let next = self.heads[place as usize];
        self.nodes.set_next(link, next);
        self.nodes.set_before(link, Before::Slot(place));
        if next != N::NIL {
            self.nodes.set_before(next, Before::Timer(link));
        }
        self.heads[place as usize] = link;
        next == N::NIL
    }

    /// Takes any timer out of a slot, with its deadline, or `None` if there is none.
    #[inline]
    pub(super) fn pop(&mut self, place: Place) -> Option<(u64, N::Link)> {
        let link = self.heads[place as usize];
        if link == N::NIL {
            return None;
        }
        let next = self.nodes.next(link);
        if next != N::NIL {
            self.nodes.set_before(next, Before::Slot(place));
        }
        self.heads[place as usize] = next;
        Some((self.nodes.deadline(link), link))
    }

    /// Takes a timer out of its slot, if it stands in one. Returns the slot if that is empty now.
    #[inline(always)]
    pub(super) fn remove(&mut self, link: N::Link) -> Option<Place> {
        match self.nodes.before(link) {
            Before::Timer(before) => {
                let next = self.nodes.next(link);
                self.nodes.set_next(before, next);
                if next != N::NIL {
                    self.nodes.set_before(next, Before::Timer(before));
                }
                None
            }
            Before::Slot(place) => {
                let next = self.nodes.next(link);
                self.heads[place as usize] = next;
                if next == N::NIL {
                    return Some(place);
                }
                self.nodes.set_before(next, Before::Slot(place));
                None
            }
            Before::Nowhere => None,
        }
    }

    #[inline]
    pub(super) fn is_empty(&self, place: Place) -> bool {
        self.heads[place as usize] == N::NIL
    }

    /// Looks at the timers of a slot, or returns `None` if there are more than `max`.
    #[inline]
    pub(super) fn survey(&self, place: Place, max: usize) -> Option<Survey> {
        let (mut count, mut earliest) = (0, NEVER);
        let mut link = self.heads[place as usize];
        while link != N::NIL {
            count += 1;
            if count > max {
                return None;
            }
            earliest = earliest.min(self.nodes.deadline(link));
            link = self.nodes.next(link);
        }
        Some(Survey { count, earliest })
    }

    /// Takes all timers out of a slot; the caller has looked whether there is room.
    pub(super) fn drain(&mut self, place: Place, into: &mut Batch<N::Link>) {
        let mut link = self.heads[place as usize];
        while link != N::NIL {
            into.push(self.nodes.deadline(link), link);
            link = self.nodes.next(link);
        }
        self.heads[place as usize] = N::NIL;
    }
}
