//! What the pool decides: dials, the end of a drain, the end of all.

use core::time::Duration;

use hyperia_breaker::{Permit, State as Gate};

use super::place::{Place, State};
use super::{Action, Phase, Pool};
use crate::{BreakerState, ConnectionId, Event, Reason};

impl Pool {
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

    pub(super) fn evaluate_inner(&mut self, backlog: usize, now: Duration) -> usize {
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

    pub(super) fn dials_max(&self) -> usize {
        if self.failures > 0 || self.gate != BreakerState::Closed {
            1
        } else {
            // A cycle costs a dead server no more dials than it has attempts.
            self.policy.dials_max.min(self.policy.attempts as usize)
        }
    }

    pub(super) fn dial(&mut self, permit: Permit, now: Duration) {
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
    pub(super) fn end_round(&mut self, now: Duration, random: u64) {
        self.round = self.round.wrapping_add(1);
        self.failures = self.failures.saturating_add(1);
        self.retry_at = now.saturating_add(self.policy.pause(self.failures, random));
        self.tell(Event::Backoff {
            failed: self.failures,
            until: self.retry_at,
        });
    }

    /// A connection proved that the destination works, if it is of the present round.
    pub(super) fn proved(&mut self, round: u32) {
        if round == self.round {
            self.failures = 0;
            self.retry_at = Duration::ZERO;
        }
    }

    pub(super) fn fail_all(&mut self, reason: Reason) {
        self.attempts = 0;
        self.redial = false;
        self.actions.push_back(Action::FailAll(reason));
    }

    /// Ends a place on the way to the end: a dial is given up, an idle connection is closed in an orderly way.
    pub(super) fn end_place(&mut self, id: ConnectionId, now: Duration) {
        match self.state(id) {
            Some(State::Dialing { .. }) => self.give_up(id, Reason::Closed, false),
            Some(State::Live(live)) if !live.busy => self.begin_close(id, now),
            _ => {}
        }
    }

    pub(super) fn begin_close(&mut self, id: ConnectionId, now: Duration) {
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
    pub(super) fn give_up(&mut self, id: ConnectionId, reason: Reason, all: bool) {
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

    pub(super) fn finish_if_empty(&mut self) {
        if self.total() == 0 && !self.actions.iter().any(|a| matches!(a, Action::FailAll(_))) {
            self.phase = Phase::Finished;
            self.actions.push_back(Action::Finish);
        }
    }
}
