//! The bell that calls a sleeping executor: at most one ring per sleep, and none while it is awake.
//!
//! # States
//! ```text
//!                 arm (the executor, about to sleep)
//!   AWAKE ──────────────────────────────────────────▶ ARMED
//!     ▲      disarm (the executor, awake again)         │
//!     └───────────── or ring (anybody, once) ───────────┘
//! ```
//!
//! # Invariants
//! 1. Whoever arms looks for work once more before it sleeps.
//! 2. Whoever rings has published the work before.
//! 3. Only the change from ARMED to AWAKE made by `ring` wakes the waker.
//!
//! # Ordering
//! | Edge | First | Then | Model |
//! |---|---|---|---|
//! | sleep against work | `arm` stores ARMED, fence, looks at the queue | a pusher publishes in the queue, fence, looks for ARMED | `work_is_seen_or_the_bell_rings` |
//!
//! Store buffering between two variables, the flag here and the queue there: without both fences
//! each side may miss the other's store, and the executor sleeps on work. The flag carries nothing
//! else: the work travels through the queue's own edges, and "wake up" through the waker's.
//!
//! # Progress
//! Wait-free: one load, at most one exchange, at most one call of the waker.
//!
//! # Cost
//! Awake: a load for a wake on the executor's thread, a fence and a load for a foreign one. A sleep:
//! one fence.
//!
//! # Why not a swap on each push
//! A foreign push would pay for a cache line that all pushers write, even while the executor
//! is awake. With the flag only read, pushers share it.
use crate::primitive::Ordering::{Relaxed, SeqCst};
use crate::primitive::{AtomicBool, fence};
use core::task::Waker;

#[derive(Debug)]
pub(crate) struct Bell {
    /// ARMED (true) or AWAKE (false). The executor stores both, a ringer only exchanges it for AWAKE.
    armed: AtomicBool,
    /// Given at construction, never changed.
    waker: Waker,
}

impl Bell {
    /// Armed from the start: who will drive the executor may be asleep already.
    pub(crate) fn new(waker: Waker) -> Self {
        Self {
            armed: AtomicBool::new(true),
            waker,
        }
    }

    /// Announces a sleep. The caller looks for work once more, and sleeps only if there is none.
    pub(crate) fn arm(&self) {
        // ORDERING: Relaxed, ordered before the caller's look at the queue by the fence below.
        self.armed.store(true, Relaxed);
        // ORDERING: SeqCst fixes `armed` before the queue; the fence in `ring_remote` fixes the queue
        // before `armed`. At least one of the two sides sees the other.
        fence(SeqCst);
    }

    /// Takes the announcement back: whoever pushes now is seen without a ring.
    pub(crate) fn disarm(&self) {
        // ORDERING: Relaxed; a ringer that still reads ARMED rings for nothing, which is allowed, and
        // nobody relies on AWAKE unless a later `arm` looks at the queue again.
        self.armed.store(false, Relaxed);
    }

    /// Whether a ring would reach the waker, for the executor's own thread.
    pub(crate) fn is_armed(&self) -> bool {
        // ORDERING: Relaxed: on its own thread the executor sees its own last store, or a ring that
        // came after it.
        self.armed.load(Relaxed)
    }

    /// Rings after work was published on another thread than the executor's.
    pub(crate) fn ring_remote(&self) {
        // ORDERING: SeqCst fixes the queue before `armed`; its partner is the fence in `arm`.
        fence(SeqCst);
        self.ring();
    }

    /// Rings, once per [`arm`](Self::arm).
    pub(crate) fn ring(&self) {
        // ORDERING: Relaxed: a hint that spares the exchange while the executor is awake.
        let armed = self.armed.load(Relaxed);
        // ORDERING: Relaxed twice: it elects the one who wakes and carries nothing. An exchange, not a
        // swap: a ringer that comes late must not write.
        if armed
            && self
                .armed
                .compare_exchange(true, false, Relaxed, Relaxed)
                .is_ok()
        {
            self.waker.wake_by_ref();
        }
    }
}

#[cfg(all(test, hyperia_loom))]
mod loom;
