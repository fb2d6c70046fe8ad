//! Whether the reactor sleeps, and who has to ring to get it up.
//!
//! # States
//! ```text
//!             fall_asleep: nobody called
//!      AWAKE ────────────────────────────▶ ASLEEP
//!      ▲ │ ▲                                  │
//!      │ │ └──────── rise: timed out ─────────┤ an event, a timeout
//! rise │ │ call: nothing to ring              │
//!      │ ▼                                    │ call: ring
//!    CALLED ◀─────────────────────────────────┘
//! ```
//! `CALLED` stays until the reactor has risen once more, so of any number of calls between two waits
//! only the one that found `ASLEEP` rings: at most one write per sleep, none while the reactor is awake.
//!
//! # Invariants
//! 1. Only the thread that polls the reactor leaves `CALLED` and enters or leaves `ASLEEP` by itself.
//! 2. The reactor waits in the kernel only after it moved `AWAKE` to `ASLEEP`; whoever moves it from
//!    there to `CALLED` rings, and the bell keeps what was rung before the wait began.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries |
//! |---|---|---|---|
//! | call → rise | `call` swaps in `CALLED` | `rise` swaps it out | everything the caller did before |
//!
//! One word and nothing but read-modify-writes on it: a call comes either before the step to `ASLEEP`,
//! which then fails, or after it, and then rings. Nothing has to be ordered across two variables, so
//! there is no fence and no `SeqCst`. Calls that overwrite each other stay in one release sequence, so
//! `rise` acquires all of them.
//!
//! # Progress
//! Wait-free: one read-modify-write per step.
//!
//! # Cost
//! Four bytes. `call`: one swap, and one system call by its caller if the reactor sleeps.

use crate::primitive::AtomicU32;
use crate::primitive::Ordering::*;

#[cfg(all(test, hyperia_loom))]
mod loom;

/// The reactor runs, and nobody has called since it last rose.
const AWAKE: u32 = 0;
/// The reactor waits in the kernel, or is about to.
const ASLEEP: u32 = 1;
/// Somebody called: the reactor will not wait until it has risen.
const CALLED: u32 = 2;

#[derive(Debug)]
pub(crate) struct Wakeup {
    state: AtomicU32,
}

impl Wakeup {
    pub(crate) fn new() -> Self {
        Self {
            state: AtomicU32::new(AWAKE),
        }
    }

    /// Calls the reactor. True: it may be asleep, and the caller must ring.
    #[must_use]
    pub(crate) fn call(&self) -> bool {
        // ORDERING: Release pairs with the Acquire in `rise` and carries the caller's work. What was
        // read decides only whether to ring, so nothing is acquired.
        self.state.swap(CALLED, Release) == ASLEEP
    }

    /// Before a wait: true if the reactor may wait, false if it was called since it last rose.
    pub(crate) fn fall_asleep(&self) -> bool {
        // ORDERING: Relaxed; the place in the word's modification order decides. If a call is there
        // first, `rise` acquires what it carries.
        self.state
            .compare_exchange(AWAKE, ASLEEP, Relaxed, Relaxed)
            .is_ok()
    }

    /// After a wait, or instead of one: takes note of all calls so far.
    pub(crate) fn rise(&self) {
        // ORDERING: Acquire pairs with the Release in `call`, so what was done before a call that is
        // taken note of here is seen by whoever polls the reactor.
        self.state.swap(AWAKE, Acquire);
    }
}
