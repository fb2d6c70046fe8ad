//! The timer wheel against an ordered map: bytes become operations on both.
//!
//! # Format
//! Where the clock starts; how far this run looks into the future, a byte of bits; its character, a byte,
//! with bit 0 for never more than 64 timers and bit 1 for none that is reset to later; then operations
//! until the bytes end. An operation is its number, modulo 16, and what it needs:
//!
//! | Number | Operation | Bytes behind it |
//! |---|---|---|
//! | 0 | insert | moment |
//! | 1 | insert many, evenly spread | count, moment, distance as byte and shift |
//! | 2 | remove | which |
//! | 3 | reset | which, moment |
//! | 4, 5 | reset to later, to earlier than it is | which, span |
//! | 6 | use a key whose timer is gone | which |
//! | 7 | look at a timer | which |
//! | 8 | advance, without a limit | goal |
//! | 9 | advance once, with a budget | budget, goal |
//! | 10 | advance until nothing is left, with a budget of at least 1 | budget, goal |
//! | 11 | to the next deadline, without a limit | |
//! | 12 | to the next deadline, until nothing is left, with a budget of 1 | |
//! | 13 | a short way, with one to four calls of a small budget | distance, budget and calls |
//! | 14 | back in time | span |
//! | 15 | clear, if the first byte is a multiple of 8; else insert many for one moment | count, moment |
//!
//! A moment is mostly near the clock, near a power of 64, where digits carry, near a timer's deadline or
//! near the end of time; a goal is a moment that seldom ends time.
mod model;

use crate::bytes::Bytes;
use hyperia_timer::wheel::{Key, Wheel};
use model::{Model, NEVER};
use std::fmt::Debug;
use std::time::Duration;

/// What is tested: the wheel, or, to test the test, one with a fault. The methods are the wheel's.
#[expect(missing_docs, reason = "they are documented there")]
pub trait Queue {
    type Key: Copy + Eq + Debug;

    fn insert(&mut self, deadline: Duration, value: u64) -> Self::Key;
    fn remove(&mut self, key: Self::Key) -> Option<u64>;
    fn reset(&mut self, key: Self::Key, deadline: Duration) -> bool;
    fn get(&self, key: Self::Key) -> Option<&u64>;
    fn get_mut(&mut self, key: Self::Key) -> Option<&mut u64>;
    fn deadline(&self, key: Self::Key) -> Option<Duration>;
    fn len(&self) -> usize;
    fn is_empty(&self) -> bool;
    fn elapsed(&self) -> Duration;
    fn next_deadline(&self) -> Option<Duration>;
    /// `expire` gets key, deadline and value.
    fn advance(
        &mut self,
        now: Duration,
        budget: usize,
        expire: &mut dyn FnMut(Self::Key, Duration, u64),
    ) -> bool;
    fn clear(&mut self);
}

impl Queue for Wheel<u64> {
    type Key = Key;

    fn insert(&mut self, deadline: Duration, value: u64) -> Key {
        self.insert(deadline, value)
    }

    fn remove(&mut self, key: Key) -> Option<u64> {
        self.remove(key)
    }

    fn reset(&mut self, key: Key, deadline: Duration) -> bool {
        self.reset(key, deadline)
    }

    fn get(&self, key: Key) -> Option<&u64> {
        self.get(key)
    }

    fn get_mut(&mut self, key: Key) -> Option<&mut u64> {
        self.get_mut(key)
    }

    fn deadline(&self, key: Key) -> Option<Duration> {
        self.deadline(key)
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    fn elapsed(&self) -> Duration {
        self.elapsed()
    }

    fn next_deadline(&self) -> Option<Duration> {
        self.next_deadline()
    }

    fn advance(
        &mut self,
        now: Duration,
        budget: usize,
        expire: &mut dyn FnMut(Key, Duration, u64),
    ) -> bool {
        self.advance(now, budget, |expired| {
            expire(expired.key, expired.deadline, expired.value)
        })
    }

    fn clear(&mut self) {
        self.clear();
    }
}

/// How often a guarantee was put to the test, so that a test can see that it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// Operations done.
    pub operations: usize,
    /// Timers handed out.
    pub fired: usize,
    /// Timers handed out in an order that was checked, not counting the first of each call.
    pub ordered: usize,
    /// Next deadlines that had to be exact, and were not `None`.
    pub exact: usize,
    /// Calls of `advance` that left work.
    pub left: usize,
    /// Timers that were reset to later, or to never.
    pub later: usize,
    /// Timers that were reset to earlier.
    pub earlier: usize,
    /// Uses of a key whose timer was gone.
    pub stale: usize,
    /// Times that timers were cleared.
    pub cleared: usize,
}

/// Does what `data` says on a [`Wheel`] and on an ordered map.
///
/// # Panics
///
/// If the two differ.
pub fn wheel(data: &[u8]) {
    run(data, Wheel::new(), &mut Seen::default());
}

/// [`wheel`] on any queue, which is new, counting what was tested.
///
/// # Panics
///
/// If the queue differs from an ordered map.
pub fn run<Q: Queue>(data: &[u8], queue: Q, seen: &mut Seen) {
    let mut run = Run {
        bytes: Bytes::new(data),
        model: Model::new(queue, seen),
        reach: 0,
        character: 0,
    };
    let start = run.start();
    run.model.advance(Duration::from_nanos(start), usize::MAX);
    run.reach = u32::from(run.bytes.byte()) % u64::BITS;
    run.character = run.bytes.byte();
    while let Some(operation) = run.bytes.next() {
        run.operate(operation % 16);
        run.model.check();
    }
    run.model.finish();
}

/// Of the character: there are never more than 64 timers, so that next deadline and order are exact.
const FEW: u8 = 1;
/// Of the character: no timer is reset to later, so that the next deadline is exact.
const NEVER_LATER: u8 = 2;

/// Timers beyond this number are not inserted, so that a run stays quick.
const POPULATION_MAX: usize = 300;

struct Run<'a, Q: Queue> {
    bytes: Bytes<'a>,
    model: Model<'a, Q>,
    /// How far a span reaches, in bits of nanoseconds.
    reach: u32,
    character: u8,
}

impl<Q: Queue> Run<'_, Q> {
    fn operate(&mut self, operation: u8) {
        self.model.seen.operations += 1;
        match operation {
            0 => {
                let deadline = self.moment();
                self.insert_many(1, deadline, 0);
            }
            1 => {
                let (count, first) = (self.bytes.byte(), self.moment());
                let distance = self.span();
                self.insert_many(count, first, distance);
            }
            2 => {
                if let Some(id) = self.which() {
                    self.model.remove(id);
                }
            }
            3 => {
                if let Some(id) = self.which() {
                    let deadline = self.moment();
                    self.reset(id, deadline);
                }
            }
            4 | 5 => {
                if let Some(id) = self.which() {
                    let (old, span) = (self.model.deadline(id), self.span());
                    let new = match operation {
                        4 => old.saturating_add(span),
                        _ => old.saturating_sub(span),
                    };
                    self.reset(id, Duration::from_nanos(new));
                }
            }
            6 => {
                let index = self.bytes.byte();
                self.model.use_stale(index.into());
            }
            7 => {
                if let Some(id) = self.which() {
                    self.model.look(id);
                }
            }
            8 => {
                let goal = self.goal();
                self.model.advance(goal, usize::MAX);
            }
            9 => {
                let (budget, goal) = (self.bytes.byte(), self.goal());
                self.model.advance(goal, budget.into());
            }
            10 => {
                let (budget, goal) = (self.bytes.byte().max(1), self.goal());
                self.model.advance_until_done(goal, budget.into());
            }
            11 | 12 => {
                if let Some(next) = self.model.next_deadline() {
                    let budget = if operation == 11 { usize::MAX } else { 1 };
                    self.model.advance_until_done(next, budget);
                }
            }
            13 => {
                let distance = self.distance();
                let goal = self.after(distance);
                let byte = self.bytes.byte();
                let (budget, calls) = (byte % 8, 1 + byte / 8 % 4);
                for _ in 0..calls {
                    self.model.advance(goal, budget.into());
                }
            }
            14 => {
                let back = self.model.clock().saturating_sub(self.span());
                self.model.advance(Duration::from_nanos(back), usize::MAX);
            }
            _ => {
                let count = self.bytes.byte();
                if count.is_multiple_of(8) {
                    self.model.clear();
                } else {
                    let deadline = self.moment();
                    self.insert_many(count, deadline, 0);
                }
            }
        }
    }

    fn insert_many(&mut self, count: u8, first: Duration, distance: u64) {
        let population_max = match self.character & FEW {
            0 => POPULATION_MAX,
            _ => model::FEW,
        };
        let room = population_max.saturating_sub(self.model.len());
        let mut deadline = first;
        for _ in 0..room.min(count.into()) {
            self.model.insert(deadline);
            deadline = deadline.saturating_add(Duration::from_nanos(distance));
        }
    }

    fn reset(&mut self, id: u64, deadline: Duration) {
        let old = Duration::from_nanos(self.model.deadline(id));
        let is_later = deadline > old;
        if !is_later || self.character & NEVER_LATER == 0 {
            self.model.reset(id, deadline);
        }
    }

    /// Where the clock starts.
    fn start(&mut self) -> u64 {
        match self.bytes.byte() % 4 {
            0 => 0,
            1 => {
                let power = 6 * (1 + u32::from(self.bytes.byte()) % 10);
                let multiple = u64::from(self.bytes.byte() % 64).max(1) << power;
                multiple.saturating_add_signed(self.bytes.signed())
            }
            2 => NEVER - 1 - u64::from(self.bytes.byte()),
            _ => self.bytes.word(),
        }
    }

    /// The id of a timer that is alive, if there is one.
    fn which(&mut self) -> Option<u64> {
        let index = self.bytes.byte();
        self.model.id(index.into())
    }

    /// A length of time whose order of magnitude is as free as itself, within this run's reach.
    fn span(&mut self) -> u64 {
        let (digits, shift) = (u64::from(self.bytes.byte()), self.bytes.byte());
        let shift = u32::from(shift) % (self.reach + 1);
        u64::try_from(u128::from(digits) << shift).unwrap_or(u64::MAX)
    }

    /// A few nanoseconds.
    fn distance(&mut self) -> u64 {
        self.bytes.byte().into()
    }

    fn after(&self, span: u64) -> Duration {
        Duration::from_nanos(self.model.clock().saturating_add(span))
    }

    fn moment(&mut self) -> Duration {
        let kind = self.bytes.byte();
        self.moment_of(kind)
    }

    fn moment_of(&mut self, kind: u8) -> Duration {
        let clock = self.model.clock();
        let nanos = match kind % 8 {
            0 => clock.saturating_sub(self.span()),
            1 => clock.saturating_add(self.distance()),
            2 => clock.saturating_add(self.span()),
            3 => {
                // Where the digit after this one carries.
                let power = u32::from(self.bytes.byte()) % (self.reach / 6 + 1);
                let carry = (clock | ((1 << (6 * power)) - 1)).saturating_add(1);
                carry.saturating_add_signed(self.bytes.signed())
            }
            4 => {
                return match self.bytes.byte() % 3 {
                    0 => Duration::MAX,
                    1 => Duration::from_nanos(NEVER),
                    _ => Duration::from_nanos(NEVER) + Duration::from_nanos(1),
                };
            }
            5 => NEVER - 1 - u64::from(self.bytes.byte()),
            6 => {
                let near = self.which().map_or(clock, |id| self.model.deadline(id));
                near.saturating_add_signed(self.bytes.signed())
            }
            _ => self.bytes.word(),
        };
        Duration::from_nanos(nanos)
    }

    /// A moment; those that may be at the end of time only now and then.
    fn goal(&mut self) -> Duration {
        let kind = self.bytes.byte();
        if matches!(kind % 8, 4 | 5 | 7) && kind >= 16 {
            let distance = self.distance() << 4;
            return self.after(distance);
        }
        self.moment_of(kind)
    }
}
