//! The pool of connections as a pure state machine: what happened and the time go in, what is to be done comes out.
//! No I/O, no clock, no messages.
//!
//! # States of a place
//! ```text
//!              demand                   connected                  no longer needed
//!     FREE ─────────────▶ DIALING ──────────────────▶ LIVE ─────────────────────────▶ CLOSING
//!      ▲                    │                          │  idle ⇄ busy                   │
//!      └────────────────────┴──────────────────────────┴────────────────────────────────┘
//!         failed, deadline, given up         lost, deadline           end of stream, deadline
//! ```
//!
//! # Invariants
//! 1. `dialing`, `live`, `busy` and `closing` are the numbers of places in these states; `busy <= live`, and
//!    `dialing + live + closing <= connections_max`.
//! 2. Every place carries a generation, raised whenever it is taken: what comes for an older one changes nothing.
//! 3. A place that is not FREE has a deadline (a live one's may be `MAX` if the policy says never), and `earliest` is
//!    at or before all of them.
//! 4. After [`Pool::evaluate`]: no demand is left without a live connection, a dial, an armed retry or a failure of
//!    everything pending.
//!
//! # Rounds
//! The backoff is the destination's. Dials carry the number of the round in which they began; the first failure of a
//! round ends it and lengthens the pause, the others of the same round do not. A connection lost before it proved itself
//! is such a failure too, though no failed attempt: it did connect. The pause is
//! forgotten when a connection of the *present* round proves itself, by a byte read or by its age.

mod decide;
mod input;
mod place;
mod policy;
#[cfg(all(test, not(hyperia_loom)))]
mod tests;

use core::time::Duration;
use std::collections::VecDeque;

use hyperia_breaker::{Breaker, Config};
use place::{Place, State};

pub(crate) use policy::Policy;

use crate::{BreakerState, ConnectionId, Event, Reason};

/// What the driver has to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Begin a dial.
    Dial(ConnectionId),
    /// Give up a dial.
    Cancel(ConnectionId),
    /// Close in an orderly way: FIN, read to the end.
    Close(ConnectionId),
    /// Drop a connection at once.
    Drop(ConnectionId, Reason),
    /// Fail everything pending: the queue and the callers waiting for room.
    FailAll(Reason),
    /// Tell those who listen.
    Tell(Event),
    /// All is done.
    Finish,
}

/// What the pool counts for [`Stats`](crate::Stats).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) dials: u64,
    pub(crate) dials_failed: u64,
    pub(crate) connected: u64,
    pub(crate) reconnects: u64,
    pub(crate) lost: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// Intake is closed; what is left goes out until the deadline.
    Draining {
        deadline: Duration,
    },
    /// Nothing goes out any more; what turns up is failed with the reason.
    Ending(Reason),
    Finished,
}

#[derive(Debug)]
pub(crate) struct Pool {
    policy: Policy,
    breaker: Breaker,
    places: Box<[Place]>,
    dialing: usize,
    live: usize,
    busy: usize,
    closing: usize,
    phase: Phase,
    /// The number of the present round.
    round: u32,
    /// Rounds in a row that ended in failure, since a connection last proved itself: the exponent of the backoff.
    failures: u32,
    /// Dials of the present cycle that failed.
    attempts: u32,
    /// No dial before this.
    retry_at: Duration,
    /// The last connection was lost: one dial is due even without backlog.
    redial: bool,
    /// Whether the next connection is one made again.
    again: bool,
    gate: BreakerState,
    earliest: Duration,
    tally: Tally,
    actions: VecDeque<Action>,
}

impl Pool {
    pub(crate) fn new(policy: Policy) -> Self {
        let breaker = Breaker::new(Config {
            failure_threshold: policy.failure_threshold,
            reset_timeout: policy.reset_timeout,
            probes_max: 1,
            // Longer than a dial can take, so a lease ends only if a permit were lost.
            probe_lease: policy
                .connect_timeout
                .saturating_mul(2)
                .max(Duration::from_secs(1)),
        });
        let place = |_| Place {
            generation: 0,
            state: State::Free,
        };
        Self {
            policy,
            breaker,
            places: (0..policy.connections_max).map(place).collect(),
            dialing: 0,
            live: 0,
            busy: 0,
            closing: 0,
            phase: Phase::Running,
            round: 0,
            failures: 0,
            attempts: 0,
            retry_at: Duration::ZERO,
            redial: false,
            again: false,
            gate: BreakerState::Closed,
            earliest: Duration::MAX,
            tally: Tally::default(),
            actions: VecDeque::new(),
        }
    }

    pub(crate) fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Self::timer`] wants to be called; may be too early, never too late.
    pub(crate) fn earliest(&self) -> Duration {
        self.earliest
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    pub(crate) fn dialing(&self) -> usize {
        self.dialing
    }

    pub(crate) fn live(&self) -> usize {
        self.live
    }

    pub(crate) fn idle(&self) -> usize {
        self.live - self.busy
    }

    pub(crate) fn closing(&self) -> usize {
        self.closing
    }

    pub(crate) fn gate(&self) -> BreakerState {
        self.gate
    }

    fn total(&self) -> usize {
        self.dialing + self.live + self.closing
    }
}
