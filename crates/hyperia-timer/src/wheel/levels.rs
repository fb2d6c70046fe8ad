//! Which slot a deadline belongs to, and what the passing of time does to the slots: the part that
//! both front ends share, generic over how a slot keeps its timers.
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
//! 1. A bit of `occupied` is set exactly when that slot is not empty, a bit of `levels` exactly when
//!    that word is not zero.
//! 2. A timer in slot `s` of level `l` was put there for a time that agrees with `elapsed` in all
//!    digits above `l` and has digit `s` at `l`. So everything at a level is before everything at a
//!    higher one.
//! 3. At level `l > 0` the slot of `elapsed`'s own digit is empty, unless bit `l` of `pending` is
//!    set: then it is being taken apart. `elapsed` does not leave that slot's time before it is
//!    empty.
//! 4. A timer's deadline is never before the time it was put in place for, except for timers that
//!    were overdue when they came. It may be later: a reset to later only writes the deadline.
//!
//! # Moving the time
//! The nearest slot is handled again and again until none begins before the new time:
//!
//! | slot | what is done | timers touched |
//! |---|---|---|
//! | of at most 64 timers | read at once: what is due goes out sorted, the rest moves down | all; at most 63 beyond the budget |
//! | a crowd, its time over | handed out as it lies | as the budget goes |
//! | a crowd, its time begun | taken apart into the levels below | as the budget goes |
//!
//! Every move brings a timer to a lower level, or to a later slot if it was re-armed, so it is
//! touched at most once per level and arming; an empty stretch of time costs nothing, however long.
//!
//! # Sources
//! Varghese and Lauck, *Hashed and Hierarchical Timing Wheels*, 1987 (hierarchy); the radix heap of
//! Ahuja, Mehlhorn, Orlin and Tarjan, 1990, as in Seastar's timer set (highest differing bit,
//! nanoseconds); tokio's wheel (six-bit digits, occupancy words, lazy re-arming). Changed: the
//! lowest level is one nanosecond wide, so there is no tick to round to; handing out is sorted; a
//! step is bounded.

use super::due::Due;
use super::nodes::{Before, Nodes};
use super::slots::{Place, Slots};
use crate::time::NEVER;

const DIGIT_BITS: u32 = 6;
const SLOTS: usize = 1 << DIGIT_BITS;
const LEVELS: usize = 11;
/// Ten levels of 64 slots, and 16 at the top, where four bits are left.
pub(crate) const PLACES: usize = (LEVELS - 1) * SLOTS + 16;

/// More timers than this in one slot are a crowd: the next deadline is not looked for among them, and
/// they are not sorted.
pub(crate) const CROWD: usize = 64;

/// What a step hands out.
pub(crate) type Batch<T> = Due<T, CROWD>;

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
    /// Timers yet to be handed out or moved.
    left: usize,
    /// How many of these may go to a slot that is taken apart before what is due below it gets its
    /// turn.
    ahead: usize,
    /// The crowd that is being handed out, and when its slot begins: later on, the same slot stands for
    /// another time.
    crowd: Option<(Slot, u64)>,
}

impl Budget {
    pub(crate) const fn new(timers: usize) -> Self {
        Self {
            left: timers,
            ahead: timers / 2,
            crowd: None,
        }
    }

    fn spend(&mut self, timers: usize) {
        self.left -= timers;
    }

    /// A timer that was handed out goes back.
    #[cfg(feature = "std")]
    pub(crate) fn give_back(&mut self) {
        self.left += 1;
    }
}

/// Slots of timers, by deadline. See the module.
#[derive(Debug)]
pub(crate) struct Levels<N: Nodes> {
    /// The wheel's time. Never goes back.
    elapsed: u64,
    /// Which slots of each level hold something.
    occupied: [u64; LEVELS],
    /// Which levels hold something.
    levels: u16,
    /// At which levels the slot of `elapsed` itself is being taken apart.
    pending: u16,
    pub(crate) slots: Slots<N>,
}

/// One slot: its level, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    level: usize,
    digit: usize,
}

impl Slot {
    #[inline]
    fn place(self) -> Place {
        (self.level * SLOTS + self.digit) as Place
    }
}

impl<N: Nodes> Levels<N> {
    /// Creates empty levels at time 0.
    pub(crate) const fn new(nodes: N) -> Self {
        Self {
            elapsed: 0,
            occupied: [0; LEVELS],
            levels: 0,
            pending: 0,
            slots: Slots::new(nodes),
        }
    }

    pub(crate) const fn elapsed(&self) -> u64 {
        self.elapsed
    }

    /// Whether no timer stands in any slot.
    #[cfg(feature = "std")]
    pub(crate) const fn is_empty(&self) -> bool {
        self.levels == 0
    }

    /// Moves the time forward to `now` if nothing stands before it, and says whether that is so.
    #[inline]
    pub(crate) fn idle_until(&mut self, now: u64) -> bool {
        let now = now.min(NEVER - 1).max(self.elapsed);
        let begun = self.nearest().is_some_and(|slot| self.start(slot) <= now);
        if begun || self.pending != 0 {
            return false;
        }
        self.elapsed = now;
        true
    }

    /// The slot that comes first.
    #[inline]
    fn nearest(&self) -> Option<Slot> {
        if self.levels == 0 {
            return None;
        }
        let level = self.levels.trailing_zeros() as usize;
        let digit = self.occupied[level].trailing_zeros() as usize;
        Some(Slot { level, digit })
    }

    /// The slot that is being taken apart, the lowest if there are several.
    #[inline]
    fn unfinished(&self) -> Option<Slot> {
        if self.pending == 0 {
            return None;
        }
        let level = self.pending.trailing_zeros() as usize;
        let digit = digit(self.elapsed, level);
        Some(Slot { level, digit })
    }

    /// The first moment of a slot.
    #[inline]
    fn start(&self, slot: Slot) -> u64 {
        let shift = slot.level as u32 * DIGIT_BITS;
        // At the top level nothing is above.
        let above = u64::MAX.checked_shl(shift + DIGIT_BITS).unwrap_or(0);
        self.elapsed & above | (slot.digit as u64) << shift
    }

    /// The last moment of a slot.
    #[inline]
    fn end(&self, slot: Slot) -> u64 {
        self.start(slot) | mask(slot.level)
    }

    /// Notes that a slot has become empty.
    #[inline]
    fn vacate(&mut self, place: Place) {
        let (level, slot) = (place as usize / SLOTS, place as usize % SLOTS);
        self.occupied[level] &= !(1 << slot);
        if self.occupied[level] == 0 {
            self.levels &= !(1 << level);
        }
        if self.pending != 0 && slot == digit(self.elapsed, level) {
            self.pending &= !(1 << level);
        }
    }

    /// Puts a timer that stands in no slot into the one for `deadline`, if it is ever due.
    #[inline(always)]
    pub(crate) fn insert(&mut self, timer: N::Link, deadline: u64) {
        if deadline == NEVER {
            return self.slots.nodes.set_before(timer, Before::Nowhere);
        }
        let when = deadline.max(self.elapsed);
        let level = level_of(when ^ self.elapsed);
        let digit = digit(when, level);
        if self.slots.push(Slot { level, digit }.place(), timer) {
            self.occupied[level] |= 1 << digit;
            self.levels |= 1 << level;
        }
    }

    /// Takes a timer out of its slot, if it stands in one.
    #[inline(always)]
    pub(crate) fn remove(&mut self, timer: N::Link) {
        if let Some(place) = self.slots.remove(timer) {
            self.vacate(place);
        }
    }

    /// When to call [`collect`](Self::collect) next: never late; exact unless the nearest slot is
    /// crowded or holds a re-armed timer, and then not before that slot begins.
    #[inline]
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        if self.pending != 0 {
            return Some(self.elapsed);
        }
        let slot = self.nearest()?;
        let Some(survey) = self.slots.survey(slot.place(), CROWD) else {
            return Some(self.start(slot));
        };
        // Where everything here was re-armed to later, the next slot may begin before it.
        Some(survey.earliest.min(self.end(slot).saturating_add(1))).filter(|&next| next != NEVER)
    }

    /// Moves the time forward to `now` (a `now` before the wheel's time counts as that), handing
    /// out what is due.
    ///
    /// Hands out or moves as many timers as `budget` allows.
    pub(crate) fn collect(
        &mut self,
        now: u64,
        budget: &mut Budget,
        due: &mut Batch<N::Link>,
    ) -> Progress {
        let now = now.min(NEVER - 1).max(self.elapsed);
        loop {
            // Order wants the unfinished slot before what is due below it. Left over from a call
            // before, it is a crowd, and may be far from due: then it gets half of the budget first.
            let unfinished = self.unfinished().filter(|&slot| self.end(slot) > now);
            if let Some(slot) = unfinished {
                let moved = self.take_apart(slot, budget.left.min(budget.ahead));
                if moved > 0 {
                    budget.spend(moved);
                    budget.ahead = budget.ahead.saturating_sub(moved);
                    continue;
                }
            }
            let begun = self.nearest().filter(|&slot| self.start(slot) <= now);
            let Some(slot) = begun.or(unfinished) else {
                self.elapsed = now;
                return Progress::Done;
            };
            if budget.left == 0 {
                return Progress::More;
            }
            if Some(slot) == unfinished {
                // Nothing is due below it: it gets the rest.
                let moved = self.take_apart(slot, budget.left);
                budget.spend(moved);
            } else if !self.take_slot(slot, now, budget, due) {
                return Progress::Full;
            }
        }
    }

    /// Handles a slot that has begun. Returns false if a batch with more room is needed.
    fn take_slot(
        &mut self,
        slot: Slot,
        now: u64,
        budget: &mut Budget,
        due: &mut Batch<N::Link>,
    ) -> bool {
        if budget.crowd == Some((slot, self.start(slot))) {
            return self.hand_out(slot, now, budget, due);
        }
        if let Some(survey) = self.slots.survey(slot.place(), CROWD) {
            if survey.count > due.room() {
                return false;
            }
            self.read(slot, now, budget, due);
            return true;
        }
        if self.end(slot) <= now {
            budget.crowd = Some((slot, self.start(slot)));
            return self.hand_out(slot, now, budget, due);
        }
        self.elapsed = self.start(slot).max(self.elapsed);
        self.pending |= 1 << slot.level;
        // What was left over from calls before yields; this one has just come up.
        budget.ahead = usize::MAX;
        true
    }

    /// Reads a slot that is no crowd: hands out what is due, as far as the budget goes, in the order of
    /// the deadlines, and moves the rest down.
    fn read(&mut self, slot: Slot, now: u64, budget: &mut Budget, due: &mut Batch<N::Link>) {
        let first = due.len();
        self.slots.drain(slot.place(), due);
        self.vacate(slot.place());
        // Inside this slot, so inside any that is taken apart above it (invariant 3).
        let mut reached = now.min(self.end(slot)).max(self.elapsed);
        let read = due.len() - first;
        let mut count = due.sort_from(first, reached);
        if count > budget.left {
            // What is too much for this call is still to come.
            count = budget.left;
            reached = due.deadline(first + count - 1).max(self.elapsed);
        }
        budget.spend(read.min(budget.left));
        self.elapsed = reached;
        while due.len() > first + count {
            let (deadline, timer) = due.unpush();
            self.insert(timer, deadline);
        }
    }

    /// Hands out a crowd whose time is over, as far as budget and room go. Returns false if there is no
    /// room.
    #[cold]
    fn hand_out(
        &mut self,
        slot: Slot,
        now: u64,
        budget: &mut Budget,
        due: &mut Batch<N::Link>,
    ) -> bool {
        let place = slot.place();
        let room = due.room().min(budget.left);
        for _ in 0..room {
            let Some((deadline, timer)) = self.slots.pop(place) else {
                break;
            };
            budget.spend(1);
            if deadline <= now {
                due.push(deadline, timer);
            } else {
                // Re-armed to a time after this slot.
                self.insert(timer, deadline);
            }
        }
        if self.slots.is_empty(place) {
            self.vacate(place);
        }
        room > 0
    }

    /// Moves up to `count` timers of an unfinished slot down; returns how many.
    #[cold]
    fn take_apart(&mut self, slot: Slot, count: usize) -> usize {
        let place = slot.place();
        let mut moved = 0;
        while moved < count {
            let Some((deadline, timer)) = self.slots.pop(place) else {
                break;
            };
            moved += 1;
            self.insert(timer, deadline);
        }
        if self.slots.is_empty(place) {
            // It is finished.
            self.vacate(place);
        }
        moved
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
