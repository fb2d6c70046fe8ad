//! Waiting for another thread's few instructions.

#[cfg(not(hyperia_loom))]
use crate::primitive::spin_loop;
use crate::primitive::yield_now;

/// Looks at a taken lock again after this many busy steps at most, then lets other threads run. At once where
/// a checker decides who runs.
#[cfg(not(hyperia_loom))]
const SPINS_MAX: u32 = if cfg!(hyperia_shuttle) { 0 } else { 64 };

/// Waits for the holder of a lock bit: first busily and twice as long each time, then by letting other threads
/// run (without `std`: busily, for ever).
///
/// For locks whose sections are a few instructions, and have no user code in them.
#[derive(Debug)]
pub struct Backoff {
    spins: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

impl Backoff {
    /// Creates one that has not waited yet.
    pub const fn new() -> Self {
        Self { spins: 1 }
    }

    /// Waits a little, longer than the last time.
    #[cold]
    pub fn wait(&mut self) {
        #[cfg(hyperia_loom)]
        return self.wait_in_model();
        #[cfg(not(hyperia_loom))]
        self.wait_in_earnest();
    }

    #[cfg(not(hyperia_loom))]
    fn wait_in_earnest(&mut self) {
        if self.spins > SPINS_MAX {
            return yield_now();
        }
        for _ in 0..self.spins {
            spin_loop();
        }
        self.spins *= 2;
    }

    #[cfg(hyperia_loom)]
    fn wait_in_model(&mut self) {
        if self.spins > 1 {
            crate::primitive::explore_no_further();
        }
        self.spins = 2;
        yield_now();
    }
}
