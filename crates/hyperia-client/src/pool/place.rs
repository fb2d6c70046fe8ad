//! The places of the pool: what each is at, and the counts that go with it.

use core::time::Duration;

use hyperia_breaker::Permit;

use super::{Action, Phase, Pool};
use crate::{ConnectionId, Event};

#[derive(Debug)]
pub(super) struct Place {
    pub(super) generation: u32,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) enum State {
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
pub(super) struct Live {
    pub(super) round: u32,
    /// When its age will have proved it; `MAX` once it is proved.
    pub(super) stable_at: Duration,
    /// It has bytes that the socket did not take.
    pub(super) busy: bool,
    /// While busy: when the peer must have taken a byte.
    pub(super) write_deadline: Duration,
    pub(super) read_deadline: Duration,
    /// While not busy: when it is closed for being idle.
    pub(super) idle_deadline: Duration,
}

impl Live {
    pub(super) fn deadline(&self) -> Duration {
        let mode = if self.busy {
            self.write_deadline
        } else {
            self.idle_deadline
        };
        mode.min(self.read_deadline).min(self.stable_at)
    }
}

impl Pool {
    /// The state of the place if it is still the same connection's (invariant 2).
    pub(super) fn state(&mut self, id: ConnectionId) -> Option<&mut State> {
        let place = self.places.get_mut(id.slot())?;
        (place.generation == id.generation).then_some(&mut place.state)
    }

    /// Takes the state out and counts it down (invariant 1).
    pub(super) fn free(&mut self, id: ConnectionId) -> State {
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

    pub(super) fn ids(&self) -> impl Iterator<Item = ConnectionId> + use<> {
        let generations: [u32; crate::builder::CONNECTIONS_MAX] =
            core::array::from_fn(|slot| self.places.get(slot).map_or(0, |p| p.generation));
        let len = self.places.len();
        (0..len).map(move |slot| ConnectionId {
            slot: slot as u32,
            generation: generations[slot],
        })
    }

    pub(super) fn arm(&mut self, deadline: Duration) {
        self.earliest = self.earliest.min(deadline);
    }

    pub(super) fn next_deadline(&self) -> Duration {
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

    pub(super) fn tell(&mut self, event: Event) {
        self.actions.push_back(Action::Tell(event));
    }
}
