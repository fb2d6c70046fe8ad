//! Whether the main future was woken.
//!
//! # States
//! ```text
//!           wake, on any thread (the first one rings the loop)
//!   IDLE ─────────────────────────────────────────────────────▶ WOKEN
//!     ▲                                                           │
//!     └────────────────── take, before the poll ──────────────────┘
//! ```
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries | Model |
//! |---|---|---|---|---|
//! | wake → take | `wake` swaps in WOKEN | `take` swaps in IDLE | what the waking thread did before | `what_the_waker_did_is_seen_by_the_poll` |
//!
//! The ring after the swap has an edge of its own, in the reactor: a loop that overlooks WOKEN before it
//! sleeps is called out of that sleep and sees it then.
//!
//! # Progress
//! Wait-free: a swap and at most one ring.
use crate::loop_waker::LoopWaker;
use crate::primitive::AtomicBool;
use crate::primitive::Ordering::*;
use std::sync::Arc;
use std::task::Wake;

#[derive(Debug)]
pub(crate) struct MainWaker {
    /// WOKEN (true) or IDLE (false). Wakers store WOKEN, the loop alone takes it away.
    woken: AtomicBool,
    bell: LoopWaker,
}

impl MainWaker {
    pub(crate) fn new(bell: LoopWaker) -> Self {
        Self {
            woken: AtomicBool::new(false),
            bell,
        }
    }

    /// Whether there was a wake since the last [`take`](Self::take).
    pub(crate) fn is_woken(&self) -> bool {
        // ORDERING: Relaxed, a hint: a wake of this thread is always seen, another's rings as well.
        self.woken.load(Relaxed)
    }

    /// Takes the wake, if there was one; then the future is to be polled.
    pub(crate) fn take(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `set` and carries what the waking thread did.
        self.is_woken() && self.woken.swap(false, Acquire)
    }

    /// Notes a wake; true if it is the first since the last [`take`](Self::take).
    pub(crate) fn set(&self) -> bool {
        // ORDERING: Release pairs with the Acquire in `take`. Later wakes continue the release
        // sequence, so `take` acquires all of them.
        !self.woken.swap(true, Release)
    }
}

impl Wake for MainWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.set() {
            self.bell.ring();
        }
    }
}

#[cfg(all(test, hyperia_loom))]
mod loom;
