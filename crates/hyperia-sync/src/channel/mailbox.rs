//! Where a sender that waits for room leaves its value, so that a receiver that finds the queue empty need not wait for
//! it: two values pass for each switch of tasks, also where there is room for one.
//!
//! # States
//! ```text
//!            put                      take: claim
//!   EMPTY ──────────▶ FULL ────────────────────────▶ TAKING
//!     ▲ ◀───────────────┘ take back                    │
//!     └────────────────────────────────────────────────┘ take: release
//! ```
//!
//! # Invariants
//! 1. There is one who puts and takes back, and it does one at a time; and any number who take.
//! 2. The value is initialized in `FULL`, and in `TAKING` until it is moved out. It belongs to whoever left `FULL` by
//!    compare-exchange, and in `EMPTY` to the one who puts.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries | Model |
//! |---|---|---|---|---|
//! | put → take | `put` stores `FULL` | `take` claims | the value | `a_value_left_in_the_mailbox_is_received_once` |
//! | take → put | `take` stores `EMPTY` | `put` looks | that the value was moved out | `a_mailbox_is_used_again` |
//! | take → look | `take` claims, stores `EMPTY` | `is_full` | what the receiver did before | `who_sees_that_a_value_was_taken_sees_what_came_before` |

#[cfg(all(test, hyperia_loom))]
mod loom;

use core::mem::MaybeUninit;

use crate::primitive::Ordering::*;
use crate::primitive::{AtomicU32, UnsafeCell};

const EMPTY: u32 = 0;
const FULL: u32 = 1;
const TAKING: u32 = 2;

/// A place for one value of a sender that waits.
pub(crate) struct Mailbox<T> {
    state: AtomicU32,
    /// See invariant 2.
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: the value is moved in on one thread and out on another, which is what `T: Send` allows, and never reached from
// two (invariant 2).
unsafe impl<T: Send> Send for Mailbox<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Mailbox<T> {}

impl<T> Mailbox<T> {
    pub(crate) fn new() -> Self {
        Self {
            state: AtomicU32::new(EMPTY),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Leaves a value; fails if one is still being taken out.
    ///
    /// # Safety
    ///
    /// The caller is the one who puts (invariant 1).
    pub(crate) unsafe fn put(&self, value: T) -> Result<(), T> {
        // ORDERING: Acquire pairs with the Release in `take`: the last value was moved out.
        if self.state.load(Acquire) != EMPTY {
            return Err(value);
        }
        self.value.with_mut(|place| {
            // SAFETY: in `EMPTY` it belongs to the caller, and holds no value (invariant 2).
            unsafe { (*place).write(value) };
        });
        // ORDERING: Release pairs with the Acquire claim in `take`: carries the value.
        self.state.store(FULL, Release);
        Ok(())
    }

    /// Whether a value is there. The one who put it knows by this that nobody has taken it yet.
    pub(crate) fn is_full(&self) -> bool {
        // ORDERING: Acquire pairs with both Releases of `take`, for the sender whose value is gone: what the receiver did
        // before it was taken happens before the send is over.
        self.state.load(Acquire) == FULL
    }

    /// Takes the value out.
    pub(crate) fn take(&self) -> Option<T> {
        // ORDERING: Relaxed, a look that saves the read-modify-write where there is nothing.
        if self.state.load(Relaxed) != FULL {
            return None;
        }
        // ORDERING: Acquire pairs with the Release in `put`: the value is there. Release pairs with the Acquire in
        // `is_full`: what was done before is seen by the sender whose value it is. On failure nothing is touched.
        if self
            .state
            .compare_exchange(FULL, TAKING, AcqRel, Relaxed)
            .is_err()
        {
            return None;
        }
        // SAFETY: the claim made it this thread's (invariant 2), and it is moved out once.
        let value = self
            .value
            .with(|place| unsafe { (*place).assume_init_read() });
        // ORDERING: Release pairs with the Acquire in `put`: the value was moved out; and, as above, in `is_full`.
        self.state.store(EMPTY, Release);
        Some(value)
    }

    /// Takes the value back, unless somebody has taken it.
    ///
    /// # Safety
    ///
    /// The caller is the one who puts (invariant 1).
    pub(crate) unsafe fn take_back(&self) -> Option<T> {
        // ORDERING: Relaxed: what is read was written by this end. On failure as well: whoever relies on what the receiver
        // did asks `is_full`.
        self.state
            .compare_exchange(FULL, EMPTY, Relaxed, Relaxed)
            .ok()?;
        // SAFETY: the exchange made it the caller's (invariant 2), and it is moved out once.
        Some(
            self.value
                .with(|place| unsafe { (*place).assume_init_read() }),
        )
    }
}

impl<T> Drop for Mailbox<T> {
    fn drop(&mut self) {
        // Left there only if a future was forgotten.
        drop(self.take());
    }
}
