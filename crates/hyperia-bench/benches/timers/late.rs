//! How late, or early, sleeps complete.
use std::time::{Duration, Instant};

/// Nanoseconds from when something was due, `length` after `begun`, until now.
pub(crate) fn lateness(begun: Instant, length: Duration) -> i64 {
    let passed = begun.elapsed();
    passed.as_nanos() as i64 - length.as_nanos() as i64
}

/// The lateness of many sleeps, in order.
pub(crate) struct Lateness(Vec<i64>);

impl Lateness {
    pub(crate) fn new(mut nanos: Vec<i64>) -> Self {
        nanos.sort_unstable();
        Self(nanos)
    }

    /// In microseconds: what `percent` of them do not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let index = (self.0.len() - 1) * percent / 100;
        self.0[index] as f64 / 1_000.0
    }

    /// How many completed before their time.
    pub(crate) fn early(&self) -> usize {
        self.0.partition_point(|&nanos| nanos < 0)
    }
}
