//! The numbers that decide how the pool behaves.

use core::time::Duration;

/// See [`Builder`](crate::Builder) for what each one means.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) connections_max: usize,
    pub(crate) dials_max: usize,
    pub(crate) keep_idle: usize,
    pub(crate) connect_timeout: Duration,
    pub(crate) write_timeout: Duration,
    pub(crate) read_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) drain_timeout: Duration,
    pub(crate) close_timeout: Duration,
    pub(crate) attempts: u32,
    pub(crate) backoff_min: Duration,
    pub(crate) backoff_max: Duration,
    pub(crate) stable_after: Duration,
    pub(crate) reconnect_idle: bool,
    pub(crate) failure_threshold: u32,
    pub(crate) reset_timeout: Duration,
    pub(crate) wait_for_breaker: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            connections_max: 4,
            dials_max: 2,
            keep_idle: 0,
            connect_timeout: Duration::from_secs(5),
            write_timeout: Duration::from_secs(10),
            read_timeout: Duration::MAX,
            idle_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(5),
            close_timeout: Duration::from_secs(1),
            attempts: 5,
            backoff_min: Duration::from_millis(50),
            backoff_max: Duration::from_secs(2),
            stable_after: Duration::from_secs(1),
            reconnect_idle: true,
            failure_threshold: 5,
            reset_timeout: Duration::from_secs(2),
            wait_for_breaker: false,
        }
    }
}

impl Policy {
    /// The pause after `failures` rounds in a row (at least one): evenly from zero to a bound that doubles.
    pub(super) fn pause(&self, failures: u32, random: u64) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let bound = self
            .backoff_min
            .saturating_mul(1 << doublings)
            .min(self.backoff_max);
        let ns = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
        // The upper half of the product: below 2^64, so nothing is cut.
        Duration::from_nanos(((u128::from(ns) * u128::from(random)) >> 64) as u64)
    }
}
