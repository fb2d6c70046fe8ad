//! Which seats are taken.
//!
//! # States
//! ```text
//!   bit of a seat:   free ──take──▶ a thread has it ──the thread ends: give_back──▶ free
//! ```
//!
//! # Invariants
//! 1. A seat whose bit is set belongs to the one thread that set it, until that thread gives it back and
//!    knows that it has none.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries | Model |
//! |---|---|---|---|---|
//! | end of a thread → next one | `give_back` | `take` | all that the thread did to what belongs to its seat | `a_seat_is_handed_on_with_what_belongs_to_it` |
//!
//! # Progress
//! Lock-free: a `take` that fails was overtaken by another `take` or `give_back`.

use crate::primitive::AtomicU64;
use crate::primitive::Ordering::*;

#[cfg(all(test, hyperia_loom))]
mod loom;

/// Which seats are taken, one bit for each.
#[derive(Debug)]
pub(crate) struct Seats(AtomicU64);

impl Seats {
    /// All free.
    #[cfg(not(hyperia_loom))]
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Takes the free seat with the lowest number.
    pub(crate) fn take(&self) -> Option<usize> {
        // ORDERING: a guess, checked by the compare-exchange.
        let mut taken = self.0.load(Relaxed);
        while taken != u64::MAX {
            let lowest = !taken & (taken + 1);
            // ORDERING: Acquire pairs with the Release of the `give_back` that freed the seat: this thread
            // goes on where the last one has ended.
            match self
                .0
                .compare_exchange_weak(taken, taken | lowest, Acquire, Relaxed)
            {
                Ok(_) => return Some(lowest.trailing_zeros() as usize),
                Err(seen) => taken = seen,
            }
        }
        None
    }

    /// The caller had this seat, and has none now.
    pub(crate) fn give_back(&self, seat: usize) {
        // ORDERING: Release pairs with the Acquire of the next `take` of this seat. A read-modify-write, so
        // that those of other seats do not end its release sequence.
        self.0.fetch_and(!(1 << seat), Release);
    }
}
