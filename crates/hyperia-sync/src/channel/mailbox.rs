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
//! | bits | meaning |
//! |---|---|
//! | 0 and 1 | the state |
//! | 2 to 63 | how often something was put |
//!
//! # Invariants
//! 1. There is one who puts and takes back, and it does one at a time; and any number who take.
//! 2. The value is initialized in `FULL`, and in `TAKING` until it is moved out. It belongs to whoever left `FULL` by
//!    compare-exchange, and in `EMPTY` to the one who puts.
//! 3. What is taken is what was seen: with each value the count is another one. So in between nothing was put, nor sent
//!    in another way.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries | Model |
//! |---|---|---|---|---|
//! | put → look | `put` stores `FULL` | `look` sees it | the value, and what was sent before | `a_value_left_in_the_mailbox_is_received_once`, `what_is_sent_comes_in_order` |
//! | take → put | `take` stores `EMPTY` | `put` looks | that the value was moved out | `a_mailbox_is_used_again` |
//! | take → look | `take` claims, stores `EMPTY` | `is_full` | what the receiver did before | `who_sees_that_a_value_was_taken_sees_what_came_before` |

#[cfg(all(test, hyperia_loom))]
mod loom;

use core::mem::MaybeUninit;

use crate::primitive::Ordering::*;
use crate::primitive::{AtomicU64, UnsafeCell};

const EMPTY: u64 = 0;
const FULL: u64 = 1;
const TAKING: u64 = 2;
const STATE_MASK: u64 = 0b11;
/// Once that something was put.
const ONE: u64 = 1 << 2;

/// The word with another state.
fn with_state(word: u64, state: u64) -> u64 {
    word & !STATE_MASK | state
}

/// A value that was seen in the mailbox.
pub(crate) struct Post(u64);

/// A place for one value of a sender that waits.
pub(crate) struct Mailbox<T> {
    /// State and count.
    state: AtomicU64,
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
            state: AtomicU64::new(EMPTY),
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
        let word = self.state.load(Acquire);
        if word & STATE_MASK != EMPTY {
            return Err(value);
        }
        self.value.with_mut(|place| {
            // SAFETY: in `EMPTY` it belongs to the caller, and holds no value (invariant 2).
            unsafe { (*place).write(value) };
        });
        // ORDERING: Release pairs with the Acquire in `look`: carries the value, and
        // what was sent before it.
        self.state
            .store(with_state(word.wrapping_add(ONE), FULL), Release);
        Ok(())
    }

    /// Whether a value is there. The one who put it knows by this that nobody has taken it yet.
    pub(crate) fn is_full(&self) -> bool {
        // ORDERING: Acquire pairs with both Releases of `take`, for the sender whose value is gone: what the receiver did
        // before it was taken happens before the send is over.
        self.state.load(Acquire) & STATE_MASK == FULL
    }

    /// Looks whether a value is there. What was sent before it is in the queue by then, or received.
    pub(crate) fn look(&self) -> Option<Post> {
        // ORDERING: Acquire pairs with the Release in `put`: the value is there, and what was sent before is seen.
        let word = self.state.load(Acquire);
        (word & STATE_MASK == FULL).then_some(Post(word))
    }

    /// Takes the value out that was seen, if it is there still.
    pub(crate) fn take(&self, Post(word): Post) -> Option<T> {
        // ORDERING: Release pairs with the Acquire in `is_full`: what was done before is seen by the sender whose value
        // it is. The value itself came with the look: the word is the same one, by its count.
        self.state
            .compare_exchange(word, with_state(word, TAKING), Release, Relaxed)
            .ok()?;
        // SAFETY: the claim made it this thread's (invariant 2), and it is moved out once.
        let value = self
            .value
            .with(|place| unsafe { (*place).assume_init_read() });
        // ORDERING: Release pairs with the Acquire in `put`: the value was moved out; and, as above, in `is_full`.
        self.state.store(with_state(word, EMPTY), Release);
        Some(value)
    }

    /// Takes the value back, unless somebody has taken it.
    ///
    /// # Safety
    ///
    /// The caller is the one who puts (invariant 1).
    pub(crate) unsafe fn take_back(&self) -> Option<T> {
        // ORDERING: Relaxed: nobody else counts, and a state that is no more is found out below.
        let word = with_state(self.state.load(Relaxed), FULL);
        // ORDERING: Relaxed: what is read was written by this end. On failure Acquire, which pairs with the Release in `take`:
        // a send that gives up too late is over, and knows what the receiver did before.
        self.state
            .compare_exchange(word, with_state(word, EMPTY), Relaxed, Acquire)
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
        drop(self.look().and_then(|post| self.take(post)));
    }
}
