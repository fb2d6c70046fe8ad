//! Waiting for another thread's few instructions.

use crate::primitive::{spin_loop, yield_now};

/// Looks at a taken lock again after this many busy steps at most, then lets other threads run.
const SPINS_MAX: u32 = 64;

/// Waits for the holder of a lock: first busily and doubling, then by yielding.
pub(crate) struct Backoff {
    spins: u32,
}

impl Backoff {
    pub(crate) const fn new() -> Self {
        Self { spins: 1 }
    }

    /// Waits a little, longer than the last time.
    #[cold]
    pub(crate) fn wait(&mut self) {
        if self.spins > SPINS_MAX || cfg!(hyperia_loom) {
            return yield_now();
        }
        for _ in 0..self.spins {
            spin_loop();
        }
        self.spins *= 2;
    }
}
