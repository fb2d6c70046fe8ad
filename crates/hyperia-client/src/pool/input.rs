//! What happens to the pool: dials and connections that end, bytes, orders, time.

use core::time::Duration;
use std::io;

use super::place::{Live, State};
use super::{Action, Phase, Pool};
use crate::{ConnectionId, Event, Reason};

impl Pool {
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
}
