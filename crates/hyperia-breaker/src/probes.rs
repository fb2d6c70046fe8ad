//! The places of the calls that a half-open breaker lets through, each leased for a limited time.

use core::cell::Cell;
use core::time::Duration;

use crate::Config;

/// One probe that is under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe {
    ticket: u64,
    issued: Duration,
}

impl Probe {
    /// When the lease ends; the last moment of time at the latest.
    fn expires(&self, lease: Duration) -> Duration {
        self.issued.saturating_add(lease)
    }

    /// Whether the lease is over. Where time has come to its last moment, what was issued at that
    /// very moment is not: otherwise no probe could report there, and no limit would hold.
    fn is_over(&self, now: Duration, lease: Duration) -> bool {
        now > self.issued && now >= self.expires(lease)
    }
}

/// At most `Config::PROBES_MAX` probes; which of the places are in use is decided by the caller's
/// `probes_max`.
#[derive(Debug)]
pub(crate) struct Probes([Cell<Option<Probe>>; Config::PROBES_MAX as usize]);

impl Probes {
    pub(crate) const fn new() -> Self {
        Self([const { Cell::new(None) }; Config::PROBES_MAX as usize])
    }

    pub(crate) fn clear(&self) {
        for place in &self.0 {
            place.set(None);
        }
    }

    /// Gives `ticket` one of the first `config.probes_max` places, or says when the next lease
    /// ends.
    pub(crate) fn lease(
        &self,
        ticket: u64,
        now: Duration,
        config: &Config,
    ) -> Result<(), Duration> {
        let mut retry_at = Duration::MAX;
        for place in &self.0[..config.probes_max as usize] {
            match place.get() {
                Some(probe) if !probe.is_over(now, config.probe_lease) => {
                    retry_at = retry_at.min(probe.expires(config.probe_lease));
                }
                _ => {
                    place.set(Some(Probe {
                        ticket,
                        issued: now,
                    }));
                    return Ok(());
                }
            }
        }
        Err(retry_at)
    }

    /// Vacates the place of `ticket`, if it has one. Whether its lease was not over yet.
    pub(crate) fn settle(&self, ticket: u64, now: Duration, config: &Config) -> bool {
        self.release(ticket)
            .is_some_and(|probe| !probe.is_over(now, config.probe_lease))
    }

    /// Vacates the place of `ticket`, if it has one.
    pub(crate) fn release(&self, ticket: u64) -> Option<Probe> {
        let is_its =
            |place: &&Cell<Option<Probe>>| place.get().is_some_and(|probe| probe.ticket == ticket);
        self.0.iter().find(is_its).and_then(Cell::take)
    }
}
