//! How long messages waited: a histogram with relative steps.
//!
//! # Layout
//! | buckets | width | covers |
//! |---|---|---|
//! | 0..8 | 1 ns | 0 to 7 ns |
//! | then 8 per octave | an eighth of the octave | up to 2^37 ns, 137 s; the last takes the rest |
//!
//! A reported quantile is the upper edge of its bucket: at most 12.5 % above the true one.

use core::fmt;
use core::time::Duration;

const STEPS: usize = 8;
const STEP_BITS: u32 = STEPS.trailing_zeros();
const OCTAVES: usize = 34;
const BUCKETS: usize = STEPS + OCTAVES * STEPS;

/// A histogram of durations, in buckets at most 12.5 % wide.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use hyperia_client::Latency;
///
/// let mut latency = Latency::default();
/// for us in 1..=100 {
///     latency.record(Duration::from_micros(us));
/// }
/// let half = latency.quantile(0.5).unwrap();
/// assert!((50..57).contains(&half.as_micros()));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Latency {
    counts: [u64; BUCKETS],
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            counts: [0; BUCKETS],
        }
    }
}

impl Latency {
    /// Adds one duration.
    pub fn record(&mut self, duration: Duration) {
        self.counts[bucket(duration)] += 1;
    }

    /// How many durations it holds.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The duration that a share of `q` (0 to 1) does not exceed, to 12.5 %; `None` if it is empty.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let count = self.count();
        // Truncation is wanted: the rank is a whole number, and at least the first.
        let rank = ((count as f64 * q.clamp(0.0, 1.0)).ceil() as u64).max(1);
        let mut seen = 0;
        self.counts.iter().enumerate().find_map(|(index, &n)| {
            seen += n;
            (n > 0 && seen >= rank).then(|| upper_edge(index))
        })
    }

    /// What was added since `earlier`, a copy of the same histogram.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut counts = self.counts;
        for (count, before) in counts.iter_mut().zip(&earlier.counts) {
            *count = count.saturating_sub(*before);
        }
        Self { counts }
    }
}

impl fmt::Debug for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latency")
            .field("count", &self.count())
            .field("p50", &self.quantile(0.5))
            .field("p99", &self.quantile(0.99))
            .finish_non_exhaustive()
    }
}

fn bucket(duration: Duration) -> usize {
    let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    if ns < STEPS as u64 {
        return ns as usize;
    }
    let octave = ns.ilog2() - STEP_BITS;
    let step = (ns >> octave) as usize - STEPS;
    (STEPS + octave as usize * STEPS + step).min(BUCKETS - 1)
}

fn upper_edge(index: usize) -> Duration {
    if index < STEPS {
        return Duration::from_nanos(index as u64);
    }
    let octave = (index - STEPS) / STEPS;
    let step = (index - STEPS) % STEPS;
    Duration::from_nanos((((STEPS + step + 1) as u64) << octave) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_falls_into_a_bucket_whose_edge_is_at_most_an_eighth_above() {
        for ns in (0..4096).chain((12..37).flat_map(|bits| [1 << bits, (1 << bits) - 1])) {
            let edge = upper_edge(bucket(Duration::from_nanos(ns))).as_nanos() as u64;
            assert!(edge >= ns && edge <= ns + ns / 8, "{ns} ns has edge {edge}");
        }
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
    }
}
