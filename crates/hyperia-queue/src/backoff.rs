//! Giving way to a thread that has claimed first.
//!
//! Threads that claim places at the same word take its cache line from each other. If each tries again at once, the line
//! travels for each claim, and for each claim that fails: two producers on two processors took 22 to 140 ns for a push. So
//! who fails spins, twice as long each time, and **then tries with the word that it saw before it did**. If the other one
//! has gone on meanwhile, that fails as well, and it spins for longer. So one thread makes many claims in a row, on a line
//! that it has, before the other is back: 4 to 15 ns for a push. To look again first would save that failure, and cost the
//! row. Where it is a slot that says that the word is out of date, it spins as well before it looks again.
//!
//! It bounds what a collision costs, not how often one thread is overtaken.
//!
//! # How long
//! A hint takes 8 to 45 ns, by processor, and a line 30 to 150 ns from one to another. The first spin is about as long as
//! the line is on its way there and back; shorter ones only start the next collision. The last one is some microseconds,
//! a hundred claims or more.

use crate::primitive::spin_loop;

/// How many hints a thread spins for after its first collision.
const SPINS_FIRST: u32 = 16;
/// How many at most, after one collision.
const SPINS_MAX: u32 = 256;

/// How long to spin after the next collision of one claim.
#[derive(Clone, Copy)]
pub(crate) struct Backoff {
    spins: u32,
}

impl Backoff {
    #[inline]
    pub(crate) fn new() -> Self {
        Self { spins: SPINS_FIRST }
    }

    /// Spins, and tells how long to do it the next time. (By value, so that it costs nothing where nobody collides.)
    #[cold]
    #[inline(never)]
    #[must_use]
    pub(crate) fn spin(self) -> Self {
        for _ in 0..self.spins {
            spin_loop();
        }
        Self {
            spins: (self.spins * 2).min(SPINS_MAX),
        }
    }
}
