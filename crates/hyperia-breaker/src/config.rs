//! The numbers that decide how a breaker behaves.

use core::time::Duration;

/// How a [`Breaker`](crate::Breaker) behaves.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use hyperia_breaker::Config;
///
/// let config = Config { failure_threshold: 3, ..Config::default() };
/// assert_eq!(config.reset_timeout, Duration::from_secs(30));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Failures in a row, without a success between them, that open the breaker. At least 1; 5 by
    /// default.
    pub failure_threshold: u32,
    /// How long an opened breaker refuses every call. `Duration::MAX` is for ever; 30 s by default.
    pub reset_timeout: Duration,
    /// Calls that a half-open breaker lets through at the same time, 1 to [`Config::PROBES_MAX`]; 1
    /// by default.
    pub probes_max: u32,
    /// After this long without a result a probe counts as lost: its place is given to another call
    /// and its result is ignored. Choose it longer than a call may take. More than zero; 30 s by
    /// default.
    pub probe_lease: Duration,
}

impl Config {
    /// The largest `probes_max`: every probe has a place inside the breaker, which never allocates.
    pub const PROBES_MAX: u32 = 8;
}

impl Default for Config {
    fn default() -> Self {
        Self {
            failure_threshold: 5,
            reset_timeout: Duration::from_secs(30),
            probes_max: 1,
            probe_lease: Duration::from_secs(30),
        }
    }
}
