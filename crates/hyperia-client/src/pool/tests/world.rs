//! A world that does to the pool whatever can happen, and keeps its own account of what must be true.

use core::time::Duration;
use std::io::ErrorKind;

use super::super::{Action, Policy, Pool};
use crate::{BreakerState, ConnectionId, Event, Reason};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Dialing { since: Duration },
    Idle,
    Busy { since: Duration },
    Closing { since: Duration },
}

/// How often the interesting things happened.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) dials: u64,
    pub(super) connected: u64,
    pub(super) fail_all: u64,
    pub(super) breaker_fail: u64,
    pub(super) stale: u64,
    pub(super) dropped: u64,
    pub(super) closed: u64,
    pub(super) redials: u64,
    pub(super) half_open: u64,
    pub(super) recoveries: u64,
}

impl Seen {
    pub(super) fn add(&mut self, other: &Self) {
        self.dials += other.dials;
        self.connected += other.connected;
        self.fail_all += other.fail_all;
        self.breaker_fail += other.breaker_fail;
        self.stale += other.stale;
        self.dropped += other.dropped;
        self.closed += other.closed;
        self.redials += other.redials;
        self.half_open += other.half_open;
        self.recoveries += other.recoveries;
    }
}

pub(super) struct World {
    seed: u64,
    random: u64,
    pool: Pool,
    policy: Policy,
    now: Duration,
    known: Vec<(ConnectionId, Known)>,
    /// Connections that are gone: what comes for them must change nothing.
    past: Vec<ConnectionId>,
    backlog: usize,
    /// Losses since the last dial that left no connection: what a dial without backlog is owed to.
    redial_owed: bool,
    /// Dials failed since there was a connection, or everything was failed.
    failed: u32,
    ending: bool,
    finished: bool,
    pub(super) seen: Seen,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut pick = |n: u64| {
            random = next(random);
            (random >> 33) % n
        };
        let ms = |n: u64| Duration::from_millis(n);
        let backoff_min = ms(pick(20));
        let policy = Policy {
            connections_max: 1 + pick(5) as usize,
            dials_max: 1 + pick(4) as usize,
            keep_idle: pick(3) as usize,
            connect_timeout: ms(1 + pick(50)),
            write_timeout: ms(1 + pick(50)),
            read_timeout: if pick(3) == 0 {
                ms(1 + pick(200))
            } else {
                Duration::MAX
            },
            idle_timeout: if pick(3) == 0 {
                Duration::MAX
            } else {
                ms(1 + pick(80))
            },
            drain_timeout: ms(pick(100)),
            close_timeout: ms(pick(30)),
            attempts: 1 + pick(6) as u32,
            backoff_min,
            backoff_max: backoff_min + ms(pick(60)),
            stable_after: ms(pick(40)),
            reconnect_idle: pick(2) == 0,
            failure_threshold: 1 + pick(6) as u32,
            reset_timeout: ms(1 + pick(100)),
            wait_for_breaker: pick(2) == 0,
        };
        Self {
            seed,
            random,
            pool: Pool::new(policy),
            policy,
            now: ms(1000),
            known: Vec::new(),
            past: Vec::new(),
            backlog: 0,
            redial_owed: false,
            failed: 0,
            ending: false,
            finished: false,
            seen: Seen::default(),
        }
    }

    fn pick(&mut self, n: usize) -> usize {
        self.random = next(self.random);
        (self.random >> 33) as usize % n
    }

    fn word(&mut self) -> u64 {
        self.random = next(self.random);
        self.random
    }

    pub(super) fn live_and_die(&mut self) {
        let steps = 20 + self.pick(100);
        for _ in 0..steps {
            self.step();
            if self.finished {
                return;
            }
        }
        if self.pick(2) == 0 && !self.ending {
            self.server_returns();
        }
        self.end();
    }

    fn step(&mut self) {
        match self.pick(16) {
            0..3 => self.backlog += 1 + self.pick(5),
            3..6 => self.advance_some(),
            6..9 => self.dial_ends(),
            9 => self.lose(1),
            10 => self.lose(2),
            11 => self.write(),
            12 => self.receive(),
            13 => self.stale(),
            14 => self.peer_closed(),
            _ => match self.pick(12) {
                0 => self.pool.try_now(),
                1 if self.pick(3) == 0 => self.order_close(),
                _ => {}
            },
        }
        self.settle();
    }

    fn order_close(&mut self) {
        self.pool.close(self.now);
        self.ending = true;
    }

    fn advance_some(&mut self) {
        // Sometimes to the pool's own deadline, sometimes anywhere: its timers may be polled late.
        let earliest = self.pool.earliest();
        self.now = if self.pick(2) == 0 && earliest < self.now + Duration::from_secs(1) {
            self.now.max(earliest)
        } else {
            self.now + Duration::from_micros(self.pick(20_000) as u64)
        };
        let word = self.word();
        self.pool.timer(self.now, word);
        assert!(
            self.pool.earliest() > self.now || self.policy_has_zero(),
            "seed {}: a timer is left behind",
            self.seed
        );
    }

    fn policy_has_zero(&self) -> bool {
        self.policy.stable_after.is_zero()
            || self.policy.close_timeout.is_zero()
            || self.policy.drain_timeout.is_zero()
    }

    fn dial_ends(&mut self) {
        let dialing = |known: &Known| matches!(known, Known::Dialing { .. });
        let Some(id) = self.choose(dialing) else {
            return;
        };
        if self.pick(2) == 0 {
            assert!(self.pool.dialed(id, self.now), "seed {}", self.seed);
            self.set(id, Known::Idle);
            self.redial_owed = false;
            self.failed = 0;
            self.seen.connected += 1;
        } else {
            let word = self.word();
            self.pool
                .dial_failed(id, ErrorKind::ConnectionRefused, self.now, word);
            self.forget(id);
        }
    }

    fn lose(&mut self, count: usize) {
        for _ in 0..count {
            let live = |known: &Known| matches!(known, Known::Idle | Known::Busy { .. });
            let Some(id) = self.choose(live) else {
                return;
            };
            // What it had taken comes back.
            if let Some(Known::Busy { .. }) = self.get(id) {
                self.backlog += self.pick(3);
            }
            let reason = Reason::ConnectionLost(ErrorKind::ConnectionReset);
            let word = self.word();
            self.pool.lost(id, reason, self.now, word);
            self.lost(id);
        }
    }

    fn lost(&mut self, id: ConnectionId) {
        self.forget(id);
        if self.count(|k| matches!(k, Known::Idle | Known::Busy { .. })) == 0 {
            self.redial_owed = true;
            self.failed = 0;
        }
    }

    fn write(&mut self) {
        let live = |known: &Known| matches!(known, Known::Idle | Known::Busy { .. });
        let Some(id) = self.choose(live) else {
            return;
        };
        if self.pick(2) == 0 {
            self.pool.blocked(id, self.now);
            self.set(id, Known::Busy { since: self.now });
        } else {
            self.pool.served(id, self.now);
            self.set(id, Known::Idle);
        }
    }

    fn receive(&mut self) {
        let live = |known: &Known| matches!(known, Known::Idle | Known::Busy { .. });
        if let Some(id) = self.choose(live) {
            self.pool.received(id, self.now);
        }
    }

    fn peer_closed(&mut self) {
        let closing = |known: &Known| matches!(known, Known::Closing { .. });
        if let Some(id) = self.choose(closing) {
            self.pool.closed(id);
            self.forget(id);
            self.seen.closed += 1;
        }
    }

    /// I19: whatever comes for a connection of the past changes nothing.
    fn stale(&mut self) {
        if self.past.is_empty() {
            return;
        }
        let index = self.pick(self.past.len());
        let id = self.past[index];
        let before = format!("{:?}", self.pool);
        let word = self.word();
        assert!(!self.pool.dialed(id, self.now), "seed {}", self.seed);
        self.pool
            .dial_failed(id, ErrorKind::ConnectionRefused, self.now, word);
        self.pool.lost(id, Reason::WriteTimeout, self.now, word);
        self.pool.closed(id);
        self.pool.blocked(id, self.now);
        self.pool.served(id, self.now);
        self.pool.received(id, self.now);
        assert_eq!(before, format!("{:?}", self.pool), "seed {}", self.seed);
        self.seen.stale += 1;
    }

    /// What the driver does after every event.
    fn settle(&mut self) {
        self.obey();
        // Idle connections take what there is.
        if self.count(|k| *k == Known::Idle) > 0 && !self.ending {
            self.backlog = 0;
        }
        for _ in 0..4 {
            self.pool.evaluate(self.backlog, self.now);
            if !self.obey() {
                break;
            }
        }
        self.check();
    }

    /// Carries out the actions; true if something was failed or dropped, so that the pool is to be asked again.
    fn obey(&mut self) -> bool {
        let mut again = false;
        while let Some(action) = self.pool.next_action() {
            match action {
                Action::Dial(id) => self.dial(id),
                Action::Cancel(id) => {
                    let known = self.get(id);
                    assert!(
                        matches!(known, Some(Known::Dialing { .. })),
                        "seed {}: {known:?}",
                        self.seed
                    );
                    self.forget(id);
                }
                Action::Close(id) => {
                    // I20: nothing that has bytes to write is closed.
                    assert_eq!(self.get(id), Some(Known::Idle), "seed {}", self.seed);
                    self.set(id, Known::Closing { since: self.now });
                    if self.count(|k| matches!(k, Known::Idle | Known::Busy { .. })) == 0 {
                        self.failed = 0;
                    }
                }
                Action::Drop(id, reason) => {
                    let known = self.get(id);
                    assert!(known.is_some(), "seed {}", self.seed);
                    if let Some(Known::Busy { .. }) = known {
                        self.backlog += self.pick(3);
                    }
                    if let Some(Known::Closing { .. }) = known {
                        self.forget(id);
                    } else {
                        assert_ne!(reason, Reason::Closed, "seed {}", self.seed);
                        self.lost(id);
                    }
                    self.seen.dropped += 1;
                    again = true;
                }
                Action::FailAll(reason) => {
                    let carriers = self.count(|k| !matches!(k, Known::Closing { .. }));
                    match reason {
                        // I12: only when nothing is left that could carry a message.
                        Reason::ConnectFailed(_) => assert_eq!(carriers, 0, "seed {}", self.seed),
                        Reason::BreakerOpen { retry_at } => {
                            assert_eq!(carriers, 0, "seed {}", self.seed);
                            assert!(retry_at > self.now && !self.policy.wait_for_breaker);
                            self.seen.breaker_fail += 1;
                        }
                        _ => assert!(self.ending, "seed {}: {reason:?}", self.seed),
                    }
                    self.backlog = 0;
                    self.redial_owed = false;
                    self.failed = 0;
                    self.seen.fail_all += 1;
                    again = true;
                }
                Action::Tell(Event::Breaker(BreakerState::HalfOpen)) => self.seen.half_open += 1,
                Action::Tell(Event::DialFailed(..)) => self.failed += 1,
                Action::Tell(_) => {}
                Action::Finish => self.finished = true,
            }
        }
        again
    }

    fn dial(&mut self, id: ConnectionId) {
        // I19: never a number that was there before.
        assert!(!self.past.contains(&id), "seed {}", self.seed);
        // I18, I16: a dial is owed to backlog, or to the loss of the last connection, and that only once.
        let dialing = self.count(|k| matches!(k, Known::Dialing { .. }));
        let live = self.count(|k| matches!(k, Known::Idle | Known::Busy { .. }));
        let idle = self.count(|k| *k == Known::Idle);
        let demand = self.backlog > dialing + idle;
        if !demand {
            assert!(
                self.redial_owed && self.policy.reconnect_idle && live + dialing == 0,
                "seed {}: a dial that nobody needs",
                self.seed
            );
            self.seen.redials += 1;
        }
        // I24: with a breaker that is not closed only one at a time.
        if self.pool.gate() != BreakerState::Closed {
            assert_eq!(dialing, 0, "seed {}", self.seed);
        }
        assert!(dialing < self.policy.dials_max, "seed {}", self.seed);
        // I21: a dead server costs a cycle no more dials than it has attempts.
        assert!(
            live > 0 || self.failed + (dialing as u32) < self.policy.attempts,
            "seed {}: one dial too many",
            self.seed
        );
        self.known.push((id, Known::Dialing { since: self.now }));
        self.seen.dials += 1;
    }

    fn check(&mut self) {
        let seed = self.seed;
        let dialing = self.count(|k| matches!(k, Known::Dialing { .. }));
        let idle = self.count(|k| *k == Known::Idle);
        let busy = self.count(|k| matches!(k, Known::Busy { .. }));
        let closing = self.count(|k| matches!(k, Known::Closing { .. }));
        // I15
        assert_eq!(
            (dialing, idle, idle + busy, closing),
            (
                self.pool.dialing(),
                self.pool.idle(),
                self.pool.live(),
                self.pool.closing()
            ),
            "seed {seed}"
        );
        assert!(
            self.known.len() <= self.policy.connections_max,
            "seed {seed}"
        );
        // I17: demand is never left without somebody who sees to it.
        let wakes = self.pool.earliest() != Duration::MAX;
        if self.backlog > 0 && idle + busy + dialing == 0 && !self.finished {
            assert!(wakes || closing > 0, "seed {seed}: stuck");
        }
        if self.redial_owed
            && self.policy.reconnect_idle
            && !self.ending
            && self.pool.redial
            && idle + busy + dialing == 0
        {
            assert!(wakes, "seed {seed}: nobody dials again");
        }
        // I34: everything ends by itself.
        for (id, known) in &self.known {
            let bound = match *known {
                Known::Dialing { since } => since + self.policy.connect_timeout,
                Known::Busy { since } => since + self.policy.write_timeout,
                Known::Closing { since } => since + self.policy.close_timeout,
                Known::Idle => continue,
            };
            assert!(
                self.pool.earliest() <= bound,
                "seed {seed}: {id} has no deadline"
            );
        }
    }

    /// I22, I26: with a server that takes every dial, traffic flows within the longest pause (and the breaker's), no
    /// matter what was before.
    fn server_returns(&mut self) {
        self.seen.recoveries += 1;
        let pause = self
            .policy
            .backoff_max
            .max(self.policy.reset_timeout)
            .max(self.policy.connect_timeout);
        // Dials under way and connections that close were the old server's.
        let until = self.now + pause + self.policy.connect_timeout + self.policy.close_timeout;
        loop {
            self.backlog = self.backlog.max(1);
            self.settle();
            if self.count(|k| matches!(k, Known::Idle | Known::Busy { .. })) > 0 {
                return;
            }
            if let Some(id) = self.choose(|k| matches!(k, Known::Dialing { .. })) {
                assert!(self.pool.dialed(id, self.now));
                self.set(id, Known::Idle);
                self.redial_owed = false;
                continue;
            }
            let fails_fast = self.backlog == 0;
            let next = if fails_fast {
                match self.pool.gate() {
                    BreakerState::Open { retry_at } => retry_at,
                    _ => self.now + Duration::from_millis(1),
                }
            } else {
                self.pool.earliest()
            };
            self.now = self.now.max(next);
            assert!(self.now <= until, "seed {}: no traffic", self.seed);
            let word = self.word();
            self.pool.timer(self.now, word);
        }
    }

    /// Every life ends: by drain or by abort, with all places free and nothing pending.
    fn end(&mut self) {
        if self.pick(3) == 0 {
            self.ending = true;
            self.pool.abort();
            self.settle();
            // I29: at once.
            assert!(self.finished, "seed {}: abort waits", self.seed);
        } else if !self.ending {
            self.order_close();
            self.settle();
            if self.backlog == 0 && self.count(|k| matches!(k, Known::Busy { .. })) == 0 {
                // I29: nothing to send, so a dial is given up at once.
                assert_eq!(self.pool.dialing(), 0, "seed {}", self.seed);
            }
        }
        let until = self.now + self.policy.drain_timeout + self.policy.close_timeout;
        while !self.finished {
            self.now = self.now.max(self.pool.earliest());
            assert!(
                self.now <= until + Duration::from_millis(1),
                "seed {}: the end has no end",
                self.seed
            );
            let word = self.word();
            self.pool.timer(self.now, word);
            self.settle();
        }
        assert!(
            self.known.is_empty() && self.backlog == 0,
            "seed {}",
            self.seed
        );
        assert_eq!(
            (self.pool.dialing(), self.pool.live(), self.pool.closing()),
            (0, 0, 0)
        );
    }

    fn choose(&mut self, wanted: fn(&Known) -> bool) -> Option<ConnectionId> {
        let fitting: Vec<_> = self
            .known
            .iter()
            .filter(|(_, known)| wanted(known))
            .map(|(id, _)| *id)
            .collect();
        if fitting.is_empty() {
            return None;
        }
        let index = self.pick(fitting.len());
        Some(fitting[index])
    }

    fn count(&self, wanted: fn(&Known) -> bool) -> usize {
        self.known.iter().filter(|(_, known)| wanted(known)).count()
    }

    fn get(&self, id: ConnectionId) -> Option<Known> {
        let found = self.known.iter().find(|(known, _)| *known == id);
        found.map(|(_, known)| *known)
    }

    fn set(&mut self, id: ConnectionId, known: Known) {
        if let Some(place) = self.known.iter_mut().find(|(known, _)| *known == id) {
            place.1 = known;
        }
    }

    fn forget(&mut self, id: ConnectionId) {
        self.known.retain(|(known, _)| *known != id);
        self.past.push(id);
    }
}

fn next(word: u64) -> u64 {
    // Xorshift64*: Vigna, 2016.
    let mut x = word;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    x.wrapping_mul(0x2545_f491_4f6c_dd1d)
}
