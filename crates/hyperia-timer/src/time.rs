//! Time inside the crate: nanoseconds since an epoch in one `u64`, the largest of which means
//! never.

use core::time::Duration;

/// The moment that does not come. Nothing is ever due at it.
pub(crate) const NEVER: u64 = u64::MAX;

const NANOS_PER_SEC: u64 = 1_000_000_000;

/// Converts to nanoseconds; what does not fit into 584 years is [`NEVER`].
#[inline]
pub(crate) const fn nanos(duration: Duration) -> u64 {
    match duration.as_secs().checked_mul(NANOS_PER_SEC) {
        Some(nanos) => nanos.saturating_add(duration.subsec_nanos() as u64),
        None => NEVER,
    }
}

/// Converts back; [`NEVER`] becomes [`Duration::MAX`].
#[inline]
pub(crate) const fn duration(nanos: u64) -> Duration {
    if nanos == NEVER {
        Duration::MAX
    } else {
        Duration::from_nanos(nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_comes_back_and_what_does_not_is_never() {
        for value in [0, 1, NANOS_PER_SEC, NEVER - 1] {
            assert_eq!(nanos(duration(value)), value);
        }
        assert_eq!(duration(NEVER), Duration::MAX);
        assert_eq!(nanos(Duration::MAX), NEVER);
        assert_eq!(
            nanos(Duration::from_nanos(NEVER) + Duration::from_nanos(1)),
            NEVER
        );
        assert_eq!(
            nanos(Duration::from_secs(u64::MAX / NANOS_PER_SEC + 1)),
            NEVER
        );
    }
}
