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

mod policy;
#[cfg(all(test, not(hyperia_loom)))]
mod tests;

use core::time::Duration;
use std::collections::VecDeque;
use std::io;

use hyperia_breaker::{Breaker, Config, Permit, State as Gate};

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

#[derive(Debug)]
struct Place {
    generation: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    Free,
    Dialing {
        permit: Permit,
        round: u32,
        deadline: Duration,
    },
    Live(Live),
    Closing {
        deadline: Duration,
    },
}

#[derive(Clone, Copy, Debug)]
struct Live {
    round: u32,
    /// When its age will have proved it; `MAX` once it is proved.
    stable_at: Duration,
    /// It has bytes that the socket did not take.
    busy: bool,
    /// While busy: when the peer must have taken a byte.
    write_deadline: Duration,
    read_deadline: Duration,
    /// While not busy: when it is closed for being idle.
    idle_deadline: Duration,
}

impl Live {
    fn deadline(&self) -> Duration {
        let mode = if self.busy {
            self.write_deadline
        } else {
            self.idle_deadline
        };
        mode.min(self.read_deadline).min(self.stable_at)
    }
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

    // ---- what happens -------------------------------------------------------------------------------------------

    /// A dial succeeded. False if it was given up meanwhile: the connection is to be dropped.
    pub(crate) fn dialed(&mut self, id: ConnectionId, now: Duration) -> bool {
        let Some(State::Dialing { .. }) = self.state(id) else {
            return false;
        };
        let State::Dialing { permit, round, .. } = self.free(id) else {
            return false;
        };
        self.breaker.success(permit, now);
        let live = Live {
            round,
            stable_at: now.saturating_add(self.policy.stable_after),
            busy: false,
            write_deadline: Duration::MAX,
            read_deadline: now.saturating_add(self.policy.read_timeout),
            idle_deadline: now.saturating_add(self.policy.idle_timeout),
        };
        self.arm(live.deadline());
        self.places[id.slot()].state = State::Live(live);
        self.live += 1;
        self.redial = false;
        self.attempts = 0;
        self.tally.connected += 1;
        self.tally.reconnects += u64::from(core::mem::take(&mut self.again));
        self.tell(Event::Connected(id));
        true
    }

    /// A dial failed.
    pub(crate) fn dial_failed(
        &mut self,
        id: ConnectionId,
        kind: io::ErrorKind,
        now: Duration,
        random: u64,
    ) {
        let Some(State::Dialing { .. }) = self.state(id) else {
            return;
        };
        let State::Dialing { permit, round, .. } = self.free(id) else {
            return;
        };
        self.breaker.failure(permit, now);
        self.tally.dials_failed += 1;
        self.again = true;
        self.tell(Event::DialFailed(id, kind));
        self.attempts = self.attempts.saturating_add(1);
        if round == self.round {
            self.end_round(now, random);
        }
        if self.live + self.dialing == 0 && self.attempts >= self.policy.attempts {
            self.fail_all(Reason::ConnectFailed(kind));
        }
    }

    /// A live connection broke, or one that was closing is gone.
    pub(crate) fn lost(&mut self, id: ConnectionId, reason: Reason, now: Duration, random: u64) {
        match self.state(id) {
            Some(State::Live(_)) => {}
            Some(State::Closing { .. }) => return self.closed(id),
            _ => return,
        }
        let State::Live(live) = self.free(id) else {
            return;
        };
        self.tally.lost += 1;
        self.again = true;
        self.tell(Event::Lost(id, reason));
        if live.stable_at != Duration::MAX && live.round == self.round {
            self.end_round(now, random);
        }
        if self.live == 0 {
            // A new cycle of attempts, and exactly one dial, whoever else is lost at this moment.
            self.attempts = 0;
            self.redial = self.policy.reconnect_idle && self.failures < self.policy.attempts;
            if self.retry_at <= now {
                // All clients of a server that restarts lose it at once: they are not to come back at once.
                self.retry_at = now.saturating_add(self.policy.pause(1, random));
            }
        }
    }

    /// An orderly close is complete.
    pub(crate) fn closed(&mut self, id: ConnectionId) {
        if let Some(State::Closing { .. }) = self.state(id) {
            self.free(id);
            self.tell(Event::Closed(id));
        }
    }

    /// A live connection has bytes that its socket does not take, since `now`.
    pub(crate) fn blocked(&mut self, id: ConnectionId, now: Duration) {
        let deadline = now.saturating_add(self.policy.write_timeout);
        if let Some(State::Live(live)) = self.state(id) {
            live.write_deadline = deadline;
            let was_busy = core::mem::replace(&mut live.busy, true);
            self.busy += usize::from(!was_busy);
            self.arm(deadline);
        }
    }

    /// A live connection has written all it had.
    pub(crate) fn served(&mut self, id: ConnectionId, now: Duration) {
        let deadline = now.saturating_add(self.policy.idle_timeout);
        if let Some(State::Live(live)) = self.state(id) {
            live.idle_deadline = deadline;
            let was_busy = core::mem::replace(&mut live.busy, false);
            self.busy -= usize::from(was_busy);
            self.arm(deadline);
        }
    }

    /// Bytes came from the peer.
    pub(crate) fn received(&mut self, id: ConnectionId, now: Duration) {
        let deadline = now.saturating_add(self.policy.read_timeout);
        if let Some(State::Live(live)) = self.state(id) {
            live.read_deadline = deadline;
            if live.stable_at != Duration::MAX {
                live.stable_at = Duration::MAX;
                let round = live.round;
                self.proved(round);
            }
            self.arm(deadline);
        }
    }

    /// Ends the pause before the next dial.
    pub(crate) fn try_now(&mut self) {
        self.retry_at = Duration::ZERO;
    }

    /// Intake was closed: flush, then close everything.
    pub(crate) fn close(&mut self, now: Duration) {
        if self.phase == Phase::Running {
            let deadline = now.saturating_add(self.policy.drain_timeout);
            self.phase = Phase::Draining { deadline };
            self.redial = false;
            self.arm(deadline);
            self.tell(Event::Draining);
        }
    }

    /// Gives everything up.
    pub(crate) fn abort(&mut self) {
        if matches!(self.phase, Phase::Finished | Phase::Ending(Reason::Aborted)) {
            return;
        }
        self.phase = Phase::Ending(Reason::Aborted);
        for id in self.ids() {
            self.give_up(id, Reason::Aborted, true);
        }
        self.fail_all(Reason::Aborted);
    }

    /// Carries out what is due at `now`.
    pub(crate) fn timer(&mut self, now: Duration, random: u64) {
        if now < self.earliest {
            return;
        }
        for id in self.ids() {
            self.place_timer(id, now, random);
        }
        if let Phase::Draining { deadline } = self.phase
            && deadline <= now
        {
            self.phase = Phase::Ending(Reason::DrainTimeout);
            for id in self.ids() {
                self.give_up(id, Reason::DrainTimeout, false);
            }
            self.fail_all(Reason::DrainTimeout);
        }
        self.earliest = self.next_deadline();
    }

    fn place_timer(&mut self, id: ConnectionId, now: Duration, random: u64) {
        match self.state(id) {
            Some(State::Dialing { deadline, .. }) if *deadline <= now => {
                self.actions.push_back(Action::Cancel(id));
                self.dial_failed(id, io::ErrorKind::TimedOut, now, random);
            }
            Some(State::Closing { deadline }) if *deadline <= now => {
                self.actions.push_back(Action::Drop(id, Reason::Closed));
                self.closed(id);
            }
            Some(State::Live(live)) if live.deadline() <= now => {
                if live.stable_at <= now {
                    live.stable_at = Duration::MAX;
                    let round = live.round;
                    self.proved(round);
                    // Whatever else is due is found by going round again: proved connections come here no more.
                    self.place_timer(id, now, random);
                } else if live.busy && live.write_deadline <= now {
                    self.actions
                        .push_back(Action::Drop(id, Reason::WriteTimeout));
                    self.lost(id, Reason::WriteTimeout, now, random);
                } else if live.read_deadline <= now {
                    self.actions
                        .push_back(Action::Drop(id, Reason::ReadTimeout));
                    self.lost(id, Reason::ReadTimeout, now, random);
                } else if self.live > self.policy.keep_idle {
                    self.begin_close(id, now);
                } else {
                    // Kept though idle: asked again when it has been idle as long once more.
                    self.served(id, now);
                }
            }
            _ => {}
        }
    }

    // ---- what is to be done -------------------------------------------------------------------------------------

    /// Decides about dials, the end of a drain and the end of all, for so many messages that no connection has
    /// taken. Returns the length of the queue at which it wants to be asked again.
    pub(crate) fn evaluate(&mut self, backlog: usize, now: Duration) -> usize {
        let wake_at = self.evaluate_inner(backlog, now);
        let gate = match self.breaker.state(now) {
            Gate::Closed => BreakerState::Closed,
            Gate::Open { retry_at } => BreakerState::Open { retry_at },
            Gate::HalfOpen => BreakerState::HalfOpen,
        };
        if gate != self.gate {
            self.gate = gate;
            self.tell(Event::Breaker(gate));
        }
        wake_at
    }

    fn evaluate_inner(&mut self, backlog: usize, now: Duration) -> usize {
        match self.phase {
            Phase::Running => {}
            // While something is in flight the idle ones stay: they would take over what comes back.
            Phase::Draining { .. } if backlog > 0 => {}
            Phase::Draining { .. } => {
                if self.busy == 0 {
                    for id in self.ids() {
                        self.end_place(id, now);
                    }
                }
                self.finish_if_empty();
                return usize::MAX;
            }
            Phase::Ending(reason) => {
                if backlog > 0 {
                    self.fail_all(reason);
                }
                for id in self.ids() {
                    self.end_place(id, now);
                }
                self.finish_if_empty();
                return usize::MAX;
            }
            Phase::Finished => return usize::MAX,
        }
        loop {
            let none = self.live + self.dialing == 0;
            if backlog <= self.dialing + self.idle() && !(self.redial && none) {
                // An idle connection takes the next message; otherwise one more than all dials is a reason to dial.
                return if self.idle() > 0 { 1 } else { self.dialing + 1 };
            }
            if self.total() >= self.policy.connections_max || self.dialing >= self.dials_max() {
                return usize::MAX;
            }
            if none
                && !self.policy.wait_for_breaker
                && let Gate::Open { retry_at } = self.breaker.state(now)
            {
                self.fail_all(Reason::BreakerOpen { retry_at });
                return 1;
            }
            if now < self.retry_at {
                self.arm(self.retry_at);
                return usize::MAX;
            }
            match self.breaker.try_acquire_permit(now) {
                Ok(permit) => self.dial(permit, now),
                Err(open) => {
                    self.arm(open.retry_at);
                    return usize::MAX;
                }
            }
        }
    }

    fn dials_max(&self) -> usize {
        if self.failures > 0 || self.gate != BreakerState::Closed {
            1
        } else {
            // A cycle costs a dead server no more dials than it has attempts.
            self.policy.dials_max.min(self.policy.attempts as usize)
        }
    }

    fn dial(&mut self, permit: Permit, now: Duration) {
        let free = |place: &Place| matches!(place.state, State::Free);
        let Some(slot) = self.places.iter().position(free) else {
            // Excluded by the check against `connections_max` (invariant 1).
            return self.breaker.cancel(permit);
        };
        let deadline = now.saturating_add(self.policy.connect_timeout);
        let place = &mut self.places[slot];
        place.generation = place.generation.wrapping_add(1);
        place.state = State::Dialing {
            permit,
            round: self.round,
            deadline,
        };
        let id = ConnectionId {
            slot: slot as u32,
            generation: place.generation,
        };
        self.dialing += 1;
        self.tally.dials += 1;
        self.arm(deadline);
        self.tell(Event::Dialing(id));
        self.actions.push_back(Action::Dial(id));
    }

    /// Ends the present round in failure.
    fn end_round(&mut self, now: Duration, random: u64) {
        self.round = self.round.wrapping_add(1);
        self.failures = self.failures.saturating_add(1);
        self.retry_at = now.saturating_add(self.policy.pause(self.failures, random));
        self.tell(Event::Backoff {
            failed: self.failures,
            until: self.retry_at,
        });
    }

    /// A connection proved that the destination works, if it is of the present round.
    fn proved(&mut self, round: u32) {
        if round == self.round {
            self.failures = 0;
            self.retry_at = Duration::ZERO;
        }
    }

    fn fail_all(&mut self, reason: Reason) {
        self.attempts = 0;
        self.redial = false;
        self.actions.push_back(Action::FailAll(reason));
    }

    /// Ends a place on the way to the end: a dial is given up, an idle connection is closed in an orderly way.
    fn end_place(&mut self, id: ConnectionId, now: Duration) {
        match self.state(id) {
            Some(State::Dialing { .. }) => self.give_up(id, Reason::Closed, false),
            Some(State::Live(live)) if !live.busy => self.begin_close(id, now),
            _ => {}
        }
    }

    fn begin_close(&mut self, id: ConnectionId, now: Duration) {
        let deadline = now.saturating_add(self.policy.close_timeout);
        self.free(id);
        self.places[id.slot()].state = State::Closing { deadline };
        self.closing += 1;
        if self.live == 0 {
            self.attempts = 0; // what failed beside it is no part of the next cycle
        }
        self.arm(deadline);
        self.tell(Event::Closing(id));
        self.actions.push_back(Action::Close(id));
    }

    /// Gives up a dial, a busy connection, and with `all` every other one.
    fn give_up(&mut self, id: ConnectionId, reason: Reason, all: bool) {
        match self.state(id) {
            None | Some(State::Free) => return,
            Some(State::Live(live)) if !all && !live.busy => return,
            Some(State::Closing { .. }) if !all => return,
            Some(_) => {}
        }
        match self.free(id) {
            State::Dialing { permit, .. } => {
                self.breaker.cancel(permit);
                self.actions.push_back(Action::Cancel(id));
            }
            _ => {
                self.actions.push_back(Action::Drop(id, reason));
                self.tell(Event::Closed(id));
            }
        }
    }

    fn finish_if_empty(&mut self) {
        if self.total() == 0 && !self.actions.iter().any(|a| matches!(a, Action::FailAll(_))) {
            self.phase = Phase::Finished;
            self.actions.push_back(Action::Finish);
        }
    }

    // ---- places -------------------------------------------------------------------------------------------------

    /// The state of the place if it is still the same connection's (invariant 2).
    fn state(&mut self, id: ConnectionId) -> Option<&mut State> {
        let place = self.places.get_mut(id.slot())?;
        (place.generation == id.generation).then_some(&mut place.state)
    }

    /// Takes the state out and counts it down (invariant 1).
    fn free(&mut self, id: ConnectionId) -> State {
        let state = core::mem::replace(&mut self.places[id.slot()].state, State::Free);
        match &state {
            State::Free => {}
            State::Dialing { .. } => self.dialing -= 1,
            State::Live(live) => {
                self.live -= 1;
                self.busy -= usize::from(live.busy);
            }
            State::Closing { .. } => self.closing -= 1,
        }
        state
    }

    fn ids(&self) -> impl Iterator<Item = ConnectionId> + use<> {
        let generations: [u32; crate::builder::CONNECTIONS_MAX] =
            core::array::from_fn(|slot| self.places.get(slot).map_or(0, |p| p.generation));
        let len = self.places.len();
        (0..len).map(move |slot| ConnectionId {
            slot: slot as u32,
            generation: generations[slot],
        })
    }

    fn arm(&mut self, deadline: Duration) {
        self.earliest = self.earliest.min(deadline);
    }

    fn next_deadline(&self) -> Duration {
        let phase = match self.phase {
            Phase::Draining { deadline } => deadline,
            _ => Duration::MAX,
        };
        let places = self.places.iter().map(|place| match &place.state {
            State::Free => Duration::MAX,
            State::Dialing { deadline, .. } | State::Closing { deadline } => *deadline,
            State::Live(live) => live.deadline(),
        });
        places.fold(phase, Duration::min)
    }

    fn tell(&mut self, event: Event) {
        self.actions.push_back(Action::Tell(event));
    }
}
