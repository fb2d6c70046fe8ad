//! A circuit breaker as a pure state machine.
//!
//! # States
//! ```text
//!                  failure_threshold failures in a row
//!        CLOSED ────────────────────────────────────────▶ OPEN ◀─┐
//!          ▲                                               │     │ a probe fails
//!          │ a probe succeeds       reset_timeout is over, │     │
//!          │                        or retry_now           ▼     │
//!          └────────────────────────────────────────── HALF-OPEN ┘
//! ```
//! `trip` leads to OPEN and `reset` to CLOSED from everywhere.
//!
//! # Invariants
//! 1. Permits are numbered in the order they are granted, and each state begins with a number of
//!    its own (`first_ticket`). A permit with a lower number belongs to the past: its result
//!    changes nothing.
//! 2. In HALF-OPEN at most `probes_max` permits are both unreported and within their lease.
//! 3. `clock` is the latest time of any call that changed something; no call acts at an earlier
//!    time, so a clock that goes back shortens and lengthens nothing.
//! 4. A refused call, a stale report and a question change nothing, `clock` included. (A report
//!    after the end of its lease vacates the place that it no longer had a right to.)
//!
//! # Cost
//! No allocation; some compares per call, plus a look at `probes_max` places while half-open.
//!
//! # Sources
//! Michael Nygard, *Release It!*, 2007 (the pattern). Added here: half-open is a state with a
//! bounded number of probes, each with a lease, and results carry the number of their permit.

use core::cell::Cell;
use core::error::Error;
use core::fmt;
use core::time::Duration;

use crate::probes::Probes;
use crate::{Config, Guard};

/// A circuit breaker: refuses calls for a while after too many of them failed in a row, then lets a
/// few through to see.
///
/// It is for one thread at a time (`Send`, not `Sync`). To share one, put it into a mutex and use
/// [`Permit`]s.
///
/// # Time
/// `now` is the time since any fixed moment, the same for all calls, and should not go back. If it
/// does, the breaker stays where it was: a call with an earlier `now` acts at the latest time that
/// changed anything. Sums saturate: a moment that cannot be expressed is the last one,
/// `Duration::MAX`, and at that moment whatever was to happen then does.
///
/// # What counts
/// Within one closed period, results count in the order in which they are reported. A result counts
/// only for the period in which its permit was granted: a success of an old call does not close a
/// breaker that newer calls opened, and an old failure does not open one that has just closed.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use hyperia_breaker::{Breaker, Config, Open, State};
///
/// let at = Duration::from_secs;
/// let breaker = Breaker::new(Config {
///     failure_threshold: 2,
///     reset_timeout: at(10),
///     ..Config::default()
/// });
///
/// breaker.try_acquire(at(0))?.failure(at(1));
/// breaker.try_acquire(at(1))?.failure(at(2));
/// assert_eq!(breaker.try_acquire(at(11)).unwrap_err(), Open { retry_at: at(12) });
///
/// let probe = breaker.try_acquire(at(12))?; // one call may try
/// assert!(breaker.try_acquire(at(12)).is_err()); // not two
/// probe.success(at(13));
/// assert_eq!(breaker.state(at(13)), State::Closed);
/// # Ok::<(), Open>(())
/// ```
#[derive(Debug)]
pub struct Breaker {
    config: Config,
    phase: Cell<Phase>,
    /// The number of the next permit.
    ticket: Cell<u64>,
    /// The number of the first permit of this phase (invariant 1).
    first_ticket: Cell<u64>,
    /// The latest time that changed anything (invariant 3).
    clock: Cell<Duration>,
    /// The calls under way while half-open; empty otherwise.
    probes: Probes,
}

/// The state as it was last changed; an `Open` whose time is over behaves as `HalfOpen` already.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Calls pass; so many have failed since the last success.
    Closed { failures: u32 },
    /// Calls are refused until then.
    Open { retry_at: Duration },
    /// A few calls pass.
    HalfOpen,
}

/// What a [`Breaker`] would do with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Calls pass.
    Closed,
    /// Calls are refused.
    Open {
        /// When the first call may try again; `Duration::MAX` is never.
        retry_at: Duration,
    },
    /// At most `probes_max` calls at a time pass; their results decide.
    HalfOpen,
}

/// The refusal of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// When it makes sense to ask again: the end of the waiting time or, while half-open, of the
    /// next lease. A place can become free earlier, when a probe reports.
    pub retry_at: Duration,
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("circuit breaker is open")
    }
}

impl Error for Open {}

/// Leave to make one call, as plain data.
///
/// Hand it back with the result: [`Breaker::success`], [`Breaker::failure`] or [`Breaker::cancel`],
/// of the breaker that granted it (another one would take it for one of its own). One that is lost
/// costs nothing while the breaker is closed, and while it is half-open it holds a probe's place
/// until its lease ends.
#[derive(Debug, PartialEq, Eq, Hash)]
#[must_use = "report the result of the call, or cancel the permit: a probe's place stays taken until its lease ends"]
pub struct Permit {
    ticket: u64,
}

impl Permit {
    /// For the guard, which must hand over what it cannot move out of itself. Never two of them are
    /// reported.
    pub(crate) const fn duplicate(&self) -> Self {
        Self {
            ticket: self.ticket,
        }
    }
}

impl Breaker {
    /// Makes a closed breaker.
    ///
    /// # Panics
    /// If `failure_threshold`, `probes_max` or `probe_lease` is zero, or `probes_max` is above
    /// [`Config::PROBES_MAX`].
    #[must_use]
    #[track_caller]
    pub const fn new(config: Config) -> Self {
        assert!(
            config.failure_threshold > 0,
            "failure_threshold must be greater than zero"
        );
        assert!(
            config.probes_max > 0,
            "probes_max must be greater than zero"
        );
        assert!(
            config.probes_max <= Config::PROBES_MAX,
            "probes_max must be at most 8"
        );
        assert!(
            !config.probe_lease.is_zero(),
            "probe_lease must be greater than zero"
        );
        Self {
            config,
            phase: Cell::new(Phase::Closed { failures: 0 }),
            ticket: Cell::new(0),
            first_ticket: Cell::new(0),
            clock: Cell::new(Duration::ZERO),
            probes: Probes::new(),
        }
    }

    /// The numbers it was made with.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Asks for leave to make one call.
    ///
    /// # Errors
    /// [`Open`] if calls are refused now. A refusal changes nothing: it is no failure, and it does not put off the
    /// time of the next try.
    pub fn try_acquire_permit(&self, now: Duration) -> Result<Permit, Open> {
        let now = self.at(now);
        let ticket = self.ticket.get();
        match self.phase.get() {
            Phase::Closed { .. } => {}
            Phase::Open { retry_at } if now < retry_at => return Err(Open { retry_at }),
            Phase::Open { .. } => {
                self.enter(Phase::HalfOpen);
                // All places are free, so this grants one.
                self.lease_probe(ticket, now)?;
            }
            Phase::HalfOpen => self.lease_probe(ticket, now)?,
        }
        self.clock.set(now);
        // At a thousand million permits a second this lasts for 584 years.
        self.ticket.set(ticket + 1);
        Ok(Permit { ticket })
    }

    /// [`try_acquire_permit`](Self::try_acquire_permit) with a guard that gives the permit back when it is dropped.
    ///
    /// # Errors
    /// [`Open`] if calls are refused now; a refusal changes nothing.
    pub fn try_acquire(&self, now: Duration) -> Result<Guard<'_>, Open> {
        self.try_acquire_permit(now)
            .map(|permit| Guard::new(self, permit))
    }

    /// Reports that the call of `permit` went well: the failures counted so far are forgotten, and
    /// a half-open breaker closes.
    ///
    /// Ignored if `permit` is of an earlier period or its lease is over.
    pub fn success(&self, permit: Permit, now: Duration) {
        let now = self.at(now);
        match self.phase.get() {
            Phase::Closed { .. } if self.is_current(&permit) => {
                self.clock.set(now);
                self.phase.set(Phase::Closed { failures: 0 });
            }
            Phase::HalfOpen if self.probes.settle(permit.ticket, now, &self.config) => {
                self.clock.set(now);
                self.enter(Phase::Closed { failures: 0 });
            }
            _ => {}
        }
    }

    /// Reports that the call of `permit` failed: opens the breaker if it was one failure too many,
    /// or a probe.
    ///
    /// Ignored if `permit` is of an earlier period or its lease is over.
    pub fn failure(&self, permit: Permit, now: Duration) {
        let now = self.at(now);
        match self.phase.get() {
            Phase::Closed { failures } if self.is_current(&permit) => {
                self.clock.set(now);
                let failures = failures.saturating_add(1);
                if failures >= self.config.failure_threshold {
                    self.open(now);
                } else {
                    self.phase.set(Phase::Closed { failures });
                }
            }
            Phase::HalfOpen if self.probes.settle(permit.ticket, now, &self.config) => {
                self.open(now);
            }
            _ => {}
        }
    }

    /// Gives `permit` back without a result: the call was not made, or was given up. Nothing is
    /// counted; a probe's place is free again.
    pub fn cancel(&self, permit: Permit) {
        self.probes.release(permit.ticket);
    }

    /// What the breaker would do with a call now. Asking changes nothing.
    ///
    /// While half-open a call can still be refused, when all probes are under way.
    #[must_use]
    pub fn state(&self, now: Duration) -> State {
        match self.phase.get() {
            Phase::Closed { .. } => State::Closed,
            Phase::Open { retry_at } if self.at(now) < retry_at => State::Open { retry_at },
            Phase::Open { .. } | Phase::HalfOpen => State::HalfOpen,
        }
    }

    /// Opens the breaker as of `now`, whatever was reported. Permits granted before no longer
    /// count.
    pub fn trip(&self, now: Duration) {
        self.open(self.at(now));
    }

    /// Ends the waiting time: if the breaker is open, the next call may try at once. Otherwise
    /// nothing happens.
    pub fn retry_now(&self) {
        if let Phase::Open { .. } = self.phase.get() {
            self.enter(Phase::HalfOpen);
        }
    }

    /// Closes the breaker, whatever was reported. Permits granted before no longer count.
    pub fn reset(&self) {
        self.enter(Phase::Closed { failures: 0 });
    }

    /// The time at which a call acts (invariant 3).
    fn at(&self, now: Duration) -> Duration {
        now.max(self.clock.get())
    }

    /// Whether the permit was granted in this phase (invariant 1).
    fn is_current(&self, permit: &Permit) -> bool {
        permit.ticket >= self.first_ticket.get()
    }

    fn lease_probe(&self, ticket: u64, now: Duration) -> Result<(), Open> {
        self.probes
            .lease(ticket, now, &self.config)
            .map_err(|retry_at| Open { retry_at })
    }

    fn open(&self, now: Duration) {
        self.clock.set(now);
        self.enter(Phase::Open {
            retry_at: now.saturating_add(self.config.reset_timeout),
        });
    }

    /// Begins a phase: all permits granted so far are of the past.
    fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.first_ticket.set(self.ticket.get());
        self.probes.clear();
    }
}
