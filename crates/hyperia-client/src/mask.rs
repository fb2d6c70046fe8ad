//! Which connections have something to do: one bit each, one waker each.
//!
//! # Picture
//! ```text
//!   socket, handler, dial ──wake──▶ SlotWaker: set bit ──first one──▶ wake the driver's task
//!                                                                            │
//!   driver: note the task's waker, then take all bits ◀──────────poll────────┘
//! ```
//!
//! # Invariants
//! 1. Whoever sets a bit in an empty mask wakes the driver afterwards; who finds a bit there already relies on the one
//!    who set it first.
//! 2. The driver notes its waker before it takes the bits.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries |
//! |---|---|---|---|
//! | fire → take | `fire` sets a bit | `take` takes them | what happened before the wake (model `a_bit_carries_what_came_before_it`) |
//!
//! That no wake-up is lost is the waker cell's contract: set a bit, then wake the cell; register in the cell, then look
//! at the bits. One of the two sees the other (model `every_bit_reaches_a_driver_that_sleeps`).
//!
//! # Progress
//! Wait-free but for the waker of the task.
//!
//! # Cost
//! One read-modify-write per wake-up; one per poll of the driver, none if no bit is set.

#[cfg(all(test, hyperia_loom))]
mod loom;

use std::sync::Arc;
use std::task::{Wake, Waker};

use hyperia_wait::WakerCell;

use crate::primitive::AtomicU64;
use crate::primitive::Ordering::*;

pub(crate) struct Mask {
    bits: AtomicU64,
    task: Arc<WakerCell>,
}

impl Mask {
    pub(crate) fn new(task: Arc<WakerCell>) -> Arc<Self> {
        Arc::new(Self {
            bits: AtomicU64::new(0),
            task,
        })
    }

    /// The wakers of the places 0 to `n - 1`.
    pub(crate) fn wakers(self: &Arc<Self>, n: usize) -> Vec<Waker> {
        let waker = |slot| {
            Waker::from(Arc::new(SlotWaker {
                mask: Arc::clone(self),
                bit: 1_u64 << slot,
            }))
        };
        (0..n).map(waker).collect()
    }

    fn fire(&self, bit: u64) {
        // ORDERING: Release hands what happened before the wake-up to the Acquire of `take`.
        if self.bits.fetch_or(bit, Release) == 0 {
            self.task.wake();
        }
    }

    /// All bits set since the last time. The driver has noted its waker before.
    pub(crate) fn take(&self) -> u64 {
        // ORDERING: only a look whether there is anything: a bit that it misses is followed by a wake-up.
        if self.bits.load(Relaxed) == 0 {
            return 0;
        }
        // ORDERING: Acquire pairs with the Release of every `fire` whose bit it takes.
        self.bits.swap(0, Acquire)
    }
}

struct SlotWaker {
    mask: Arc<Mask>,
    bit: u64,
}

impl Wake for SlotWaker {
    fn wake(self: Arc<Self>) {
        self.mask.fire(self.bit);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.mask.fire(self.bit);
    }
}
