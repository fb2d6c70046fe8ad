//! The levels, slots and lists that both front ends share, generic over how a node is reached.
//!
//! # Shape
//! A time is a number of 64 bits, read as eleven digits of six bits (the top one has four). A timer
//! stands at the level of the **highest digit in which its deadline differs from the wheel's
//! time**, in the slot named by the deadline's digit there.
//! ```text
//!  level   10     9      8      7      6      5      4      3      2      1      0
//!  digit [ 4b ][ 6b ] [ 6b ] [ 6b ] [ 6b ] [ 6b ] [ 6b ] [ 6b ] [ 6b ] [ 6b ] [ 6b ]
//!  slot   36 y  208 d  3.3 d  73 m   69 s   1.1 s  17 ms 262 us 4.1 us  64 ns   1 ns   (width)
//! ```
//! All of `u64` is covered: there is no overflow list, no clamp to a maximum, and no ring that
//! wraps. One word per level says which slots hold something, one word which levels do. The lowest
//! non-empty level and the lowest bit in its word name the nearest slot.
//!
//! # Invariants
//! 1. A node's `place` is the slot whose list it is in, or `DETACHED`; a bit of `occupied` is set
//!    exactly when that list is not empty, a bit of `levels` exactly when that word is not zero.
//! 2. A node in slot `s` of level `l` was put there for a time that agrees with `elapsed` in all
//!    digits above `l` and has digit `s` at `l`. So everything at a level is before everything at a
//!    higher one.
//! 3. At level `l > 0` the slot of `elapsed`'s own digit is empty, unless bit `l` of `pending` is
//!    set: then it is being taken apart. `elapsed` does not leave that slot's time before it is
//!    empty.
//! 4. A node's deadline is never before the time it was put in place for, except for nodes that
//!    were overdue when they came. It may be later: a reset to later only writes the deadline.
//!
//! # Moving the time
//! The nearest slot is handled again and again until none begins before the new time. A slot of few
//! nodes is read at once: what is due goes out sorted, the rest moves down. A fuller one is taken
//! apart into the levels below, which is a radix sort by digits. Every move brings a node to a
//! lower level, or to a later slot if it was re-armed, so a node is touched at most once per level
//! and arming; an empty stretch of time costs nothing, however long.
//!
//! # Sources
//! Varghese and Lauck, *Hashed and Hierarchical Timing Wheels*, 1987 (hierarchy); the radix heap of
//! Ahuja, Mehlhorn, Orlin and Tarjan, 1990, as in Seastar's timer set (highest differing bit,
//! nanoseconds); tokio's wheel (six-bit digits, occupancy words, lazy re-arming). Changed: the
//! lowest level is one nanosecond wide, so there is no tick to round to; handing out is sorted; a
//! step is bounded.

use super::due::Due;
use super::nodes::{DETACHED, Nodes};
use crate::time::NEVER;

const DIGIT_BITS: u32 = 6;
const SLOTS: usize = 1 << DIGIT_BITS;
const LEVELS: usize = 11;
/// Ten levels of 64 slots, and 16 at the top, where four bits are left.
const SLOTS_TOTAL: usize = (LEVELS - 1) * SLOTS + 16;

/// How many nodes of the nearest slot are read to find the earliest one exactly.
const EXACT_MAX: usize = 64;

/// How far a step came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing is due any more.
    Done,
    /// The batch is full; call again after emptying it.
    Full,
    /// The budget is used up, and there is more to do.
    More,
}

/// What one call of a front end may do, over all its steps.
#[derive(Debug)]
pub(crate) struct Budget {
    /// Nodes yet to be handed out or moved.
    left: usize,
    /// How many of these may go to a slot that is taken apart before what is due below it gets its
    /// turn.
    ahead: usize,
}

impl Budget {
    pub(crate) const fn new(nodes: usize) -> Self {
        Self {
            left: nodes,
            ahead: nodes / 2,
        }
    }
}

/// Lists of nodes by deadline. See the module.
#[derive(Debug)]
pub(crate) struct Levels<L> {
    /// The wheel's time. Never goes back.
    elapsed: u64,
    /// Which slots of each level hold something.
    occupied: [u64; LEVELS],
    /// Which levels hold something.
    levels: u16,
    /// At which levels the slot of `elapsed` itself is being taken apart.
    pending: u16,
    heads: [L; SLOTS_TOTAL],
}

impl<L: Copy + PartialEq> Levels<L> {
    /// Creates empty levels at time 0; `nil` is the link that leads nowhere.
    pub(crate) const fn new(nil: L) -> Self {
        Self {
            elapsed: 0,
            occupied: [0; LEVELS],
            levels: 0,
            pending: 0,
            heads: [nil; SLOTS_TOTAL],
        }
    }

    pub(crate) const fn elapsed(&self) -> u64 {
        self.elapsed
    }

    /// Whether no node stands in any list.
    #[cfg(feature = "std")]
    pub(crate) const fn is_empty(&self) -> bool {
        self.levels == 0
    }

    /// Puts a detached node in place for `deadline`. A node for [`NEVER`] stays detached.
    #[inline]
    pub(crate) fn insert<N: Nodes<Link = L>>(&mut self, nodes: &mut N, link: L, deadline: u64) {
        if deadline == NEVER {
            nodes.set_place(link, DETACHED);
            return;
        }
        let when = deadline.max(self.elapsed);
        let level = level_of(when ^ self.elapsed);
        let slot = digit(when, level);
        let place = level * SLOTS + slot;
        let head = self.heads[place];
        nodes.set_next(link, head);
        nodes.set_prev(link, N::NIL);
        nodes.set_place(link, place as u16);
        if head != N::NIL {
            nodes.set_prev(head, link);
        }
        self.heads[place] = link;
        self.occupied[level] |= 1 << slot;
        self.levels |= 1 << level;
    }

    /// Takes a node out of its list. Does nothing to a detached one.
    #[inline]
    pub(crate) fn remove<N: Nodes<Link = L>>(&mut self, nodes: &mut N, link: L) {
        let place = nodes.place(link);
        if place == DETACHED {
            return;
        }
        let (next, prev) = (nodes.next(link), nodes.prev(link));
        if next != N::NIL {
            nodes.set_prev(next, prev);
        }
        if prev != N::NIL {
            nodes.set_next(prev, next);
        } else {
            self.heads[place as usize] = next;
            if next == N::NIL {
                self.vacate(place as usize / SLOTS, place as usize % SLOTS);
            }
        }
        nodes.set_place(link, DETACHED);
    }

    /// When to call [`collect`](Self::collect) next: never late; exact unless the nearest slot is
    /// crowded or holds a re-armed node, and then not before that slot begins.
    pub(crate) fn next_deadline<N: Nodes<Link = L>>(&self, nodes: &N) -> Option<u64> {
        if self.pending != 0 {
            return Some(self.elapsed);
        }
        let (level, slot) = self.nearest()?;
        let start = self.start(level, slot);
        // Where everything here was re-armed to later, the next slot may begin before it.
        let mut earliest = (start | mask(level)).saturating_add(1);
        let mut link = self.heads[level * SLOTS + slot];
        for _ in 0..EXACT_MAX {
            if link == N::NIL {
                break;
            }
            earliest = earliest.min(nodes.deadline(link));
            link = nodes.next(link);
        }
        let next = if link == N::NIL { earliest } else { start };
        (next != NEVER).then_some(next)
    }

    /// Moves the time forward to `now` if nothing stands before it, and says whether that is so.
    #[inline]
    pub(crate) fn idle_until(&mut self, now: u64) -> bool {
        let now = now.min(NEVER - 1).max(self.elapsed);
        let begun = self
            .nearest()
            .is_some_and(|(level, slot)| self.start(level, slot) <= now);
        if begun || self.pending != 0 {
            return false;
        }
        self.elapsed = now;
        true
    }

    /// Moves the time forward to `now` (a `now` before the wheel's time counts as that), handing
    /// out what is due in the order of the deadlines.
    ///
    /// Hands out or moves as many nodes as `budget` allows. What is handed out is detached.
    pub(crate) fn collect<N: Nodes<Link = L>, const BATCH: usize>(
        &mut self,
        nodes: &mut N,
        now: u64,
        budget: &mut Budget,
        due: &mut Due<L, BATCH>,
    ) -> Progress {
        let now = now.min(NEVER - 1).max(self.elapsed);
        loop {
            if self.pending != 0 {
                // Order wants the unfinished slot first; that is right if all of it is due, or if
                // this call has come to it. Left over from a call before, it is a crowd, and may be
                // far from due.
                let last = self.elapsed | mask(self.pending.trailing_zeros() as usize);
                let share = if last <= now {
                    budget.left
                } else {
                    budget.left.min(budget.ahead)
                };
                let moved = self.take_apart(nodes, share);
                if moved > 0 {
                    budget.left -= moved;
                    budget.ahead = budget.ahead.saturating_sub(moved);
                    continue;
                }
            }
            let begun = self
                .nearest()
                .filter(|&(level, slot)| self.start(level, slot) <= now);
            let unfinished = |&(level, _): &(usize, usize)| self.pending >> level & 1 != 0;
            let (level, slot) = match begun {
                Some(nearest) if !unfinished(&nearest) => nearest,
                _ if self.pending == 0 => {
                    self.elapsed = now;
                    return Progress::Done;
                }
                _ if budget.left == 0 => return Progress::More,
                // Nothing is due below it: the unfinished slot gets the rest.
                _ => {
                    budget.left -= self.take_apart(nodes, budget.left);
                    continue;
                }
            };
            if budget.left == 0 {
                return Progress::More;
            }
            if due.is_full() {
                return Progress::Full;
            }
            if level == 0 {
                self.take_instant(nodes, slot, budget, due);
            } else if !self.take_slot(nodes, level, slot, now, budget, due) {
                return Progress::Full;
            }
        }
    }

    /// Hands out what stands in a slot of the lowest level, as far as budget and room go. It is
    /// unsorted: all have this one deadline, but for those that were overdue when they came.
    fn take_instant<N: Nodes<Link = L>, const BATCH: usize>(
        &mut self,
        nodes: &mut N,
        slot: usize,
        budget: &mut Budget,
        due: &mut Due<L, BATCH>,
    ) {
        self.elapsed = self.start(0, slot);
        let mut link = self.heads[slot];
        while link != N::NIL && budget.left > 0 && !due.is_full() {
            budget.left -= 1;
            let deadline = nodes.deadline(link);
            self.remove(nodes, link);
            if deadline <= self.elapsed {
                due.push(deadline, link);
            } else {
                self.insert(nodes, link, deadline);
            }
            link = self.heads[slot];
        }
    }

    /// Handles a slot above the lowest level that has begun. A slot of more nodes than a batch or
    /// the budget holds becomes pending. Returns false if an emptier batch is needed.
    fn take_slot<N: Nodes<Link = L>, const BATCH: usize>(
        &mut self,
        nodes: &mut N,
        level: usize,
        slot: usize,
        now: u64,
        budget: &mut Budget,
        due: &mut Due<L, BATCH>,
    ) -> bool {
        let start = self.start(level, slot);
        let first = due.len();
        let mut link = self.heads[level * SLOTS + slot];
        while link != N::NIL && !due.is_full() {
            due.push(nodes.deadline(link), link);
            link = nodes.next(link);
        }
        let count = due.len() - first;
        let fits = link == N::NIL;
        if !fits && count < BATCH {
            due.truncate(first);
            return false;
        }
        if !fits || count > budget.left {
            due.truncate(first);
            self.elapsed = start;
            self.pending |= 1 << level;
            budget.ahead = usize::MAX;
            return true;
        }
        budget.left -= count;
        self.heads[level * SLOTS + slot] = N::NIL;
        self.vacate(level, slot);
        // Inside this slot, so inside any that is taken apart above it (invariant 3).
        self.elapsed = now.min(start | mask(level));
        let mut index = first;
        while index < due.len() {
            let (deadline, link) = due.get(index);
            if deadline <= self.elapsed {
                nodes.set_place(link, DETACHED);
                index += 1;
            } else {
                due.swap_remove(index);
                self.insert(nodes, link, deadline);
            }
        }
        due.sort_from(first);
        true
    }

    /// Moves up to `count` nodes of the lowest pending slot down; returns how many.
    #[cold]
    fn take_apart<N: Nodes<Link = L>>(&mut self, nodes: &mut N, count: usize) -> usize {
        let level = self.pending.trailing_zeros() as usize;
        let place = level * SLOTS + digit(self.elapsed, level);
        let mut moved = 0;
        while moved < count && self.heads[place] != N::NIL {
            moved += 1;
            let link = self.heads[place];
            // Taking the last one out ends the pending state.
            self.remove(nodes, link);
            let deadline = nodes.deadline(link);
            self.insert(nodes, link, deadline);
        }
        moved
    }

    /// The slot that comes first, as level and slot.
    #[inline]
    fn nearest(&self) -> Option<(usize, usize)> {
        if self.levels == 0 {
            return None;
        }
        let level = self.levels.trailing_zeros() as usize;
        Some((level, self.occupied[level].trailing_zeros() as usize))
    }

    /// The first moment of a slot.
    #[inline]
    fn start(&self, level: usize, slot: usize) -> u64 {
        let shift = level as u32 * DIGIT_BITS;
        // At the top level nothing is above.
        let above = u64::MAX.checked_shl(shift + DIGIT_BITS).unwrap_or(0);
        self.elapsed & above | (slot as u64) << shift
    }

    /// Notes that a slot has become empty.
    fn vacate(&mut self, level: usize, slot: usize) {
        self.occupied[level] &= !(1 << slot);
        if self.occupied[level] == 0 {
            self.levels &= !(1 << level);
        }
        if slot == digit(self.elapsed, level) {
            self.pending &= !(1 << level);
        }
    }
}

/// The highest level in which two times differ, from their exclusive or.
#[inline]
fn level_of(difference: u64) -> usize {
    ((u64::BITS - 1 - (difference | 1).leading_zeros()) / DIGIT_BITS) as usize
}

/// The digit of a time at a level.
#[inline]
fn digit(time: u64, level: usize) -> usize {
    (time >> (level as u32 * DIGIT_BITS)) as usize % SLOTS
}

/// The bits below a level's digit: a slot spans the times that differ in these alone.
#[inline]
fn mask(level: usize) -> u64 {
    (1 << (level as u32 * DIGIT_BITS)) - 1
}
