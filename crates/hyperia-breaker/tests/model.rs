//! Random calls against a breaker and against a naive model of it, which keeps everything that ever
//! happened.

use std::time::Duration;

use hyperia_breaker::{Breaker, Config, Open, Permit, State};

/// Marsaglia, *Xorshift RNGs*, 2003.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// What the model remembers of each permit ever granted.
struct Call {
    period: usize,
    granted: u128,
    is_settled: bool,
}

/// One entry per period; the last one is the present.
enum Period {
    /// The results that counted, in order: `true` is a success.
    Closed(Vec<bool>),
    Open {
        since: u128,
    },
    HalfOpen,
}

/// Times are in nanoseconds, and end at `END`.
struct Model {
    config: Config,
    periods: Vec<Period>,
    calls: Vec<Call>,
    clock: u128,
}

const END: u128 = Duration::MAX.as_nanos();

fn duration(nanos: u128) -> Duration {
    Duration::new(
        (nanos / 1_000_000_000) as u64,
        (nanos % 1_000_000_000) as u32,
    )
}

impl Model {
    fn retry_at(&self, since: u128) -> u128 {
        END.min(since + self.config.reset_timeout.as_nanos())
    }

    fn lease_end(&self, call: &Call) -> u128 {
        END.min(call.granted + self.config.probe_lease.as_nanos())
    }

    fn is_under_way(&self, call: &Call, now: u128) -> bool {
        let period = self.periods.len() - 1;
        let is_over = now > call.granted && now >= self.lease_end(call);
        call.period == period && !call.is_settled && !is_over
    }

    fn state(&self, now: u128) -> State {
        match *self.periods.last().unwrap() {
            Period::Closed(_) => State::Closed,
            Period::Open { since } if now.max(self.clock) < self.retry_at(since) => State::Open {
                retry_at: duration(self.retry_at(since)),
            },
            Period::Open { .. } | Period::HalfOpen => State::HalfOpen,
        }
    }

    /// The number of the call, or when to come back.
    fn acquire(&mut self, now: u128) -> Result<usize, Open> {
        let now = now.max(self.clock);
        match self.state(now) {
            State::Closed => {}
            State::Open { retry_at } => return Err(Open { retry_at }),
            State::HalfOpen => {
                if let Period::Open { .. } = self.periods.last().unwrap() {
                    self.periods.push(Period::HalfOpen);
                }
                let probes: Vec<_> = self
                    .calls
                    .iter()
                    .filter(|call| self.is_under_way(call, now))
                    .collect();
                if probes.len() >= self.config.probes_max as usize {
                    let next = probes
                        .iter()
                        .map(|call| self.lease_end(call))
                        .min()
                        .unwrap();
                    return Err(Open {
                        retry_at: duration(next),
                    });
                }
            }
        }
        self.clock = now;
        self.calls.push(Call {
            period: self.periods.len() - 1,
            granted: now,
            is_settled: false,
        });
        Ok(self.calls.len() - 1)
    }

    fn report(&mut self, call: usize, now: u128, is_success: bool) {
        let now = now.max(self.clock);
        let period = self.periods.len() - 1;
        let counts = match self.periods[period] {
            Period::Closed(_) => self.calls[call].period == period,
            Period::Open { .. } => false,
            Period::HalfOpen => self.is_under_way(&self.calls[call], now),
        };
        self.calls[call].is_settled = true;
        if !counts {
            return;
        }
        self.clock = now;
        match &mut self.periods[period] {
            Period::Closed(results) => {
                results.push(is_success);
                let in_a_row = results
                    .iter()
                    .rev()
                    .take_while(|&&is_success| !is_success)
                    .count();
                if in_a_row >= self.config.failure_threshold as usize {
                    self.periods.push(Period::Open { since: now });
                }
            }
            Period::HalfOpen if is_success => self.periods.push(Period::Closed(Vec::new())),
            Period::HalfOpen | Period::Open { .. } => {
                self.periods.push(Period::Open { since: now });
            }
        }
    }
}

/// One life: random steps from a seed. Returns how many periods there were.
fn live(seed: u64) -> usize {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let config = Config {
        failure_threshold: 1 + random.below(4) as u32,
        reset_timeout: duration(random.below(40) as u128),
        probes_max: 1 + random.below(Config::PROBES_MAX as usize) as u32,
        probe_lease: duration(1 + random.below(30) as u128),
    };
    let breaker = Breaker::new(config);
    let mut model = Model {
        config,
        periods: vec![Period::Closed(Vec::new())],
        calls: Vec::new(),
        clock: 0,
    };
    let mut now: u128 = match random.below(4) {
        0 => 0,
        1 => 1_000,
        2 => END / 2,
        _ => END - random.below(200) as u128,
    };
    let mut permits: Vec<(Permit, usize)> = Vec::new();
    for step in 0..200 {
        now = match random.below(20) {
            0 => now.saturating_sub(random.below(50) as u128), // the clock goes back
            1..=9 => END.min(now + random.below(20) as u128),
            _ => now,
        };
        let time = duration(now);
        match random.below(16) {
            0..=6 => {
                let granted = breaker.try_acquire_permit(time);
                let expected = model.acquire(now);
                match (granted, expected) {
                    (Ok(permit), Ok(call)) => permits.push((permit, call)),
                    (granted, expected) => {
                        assert_eq!(granted.err(), expected.err(), "seed {seed}, step {step}");
                    }
                }
            }
            kind @ 7..=13 if !permits.is_empty() => {
                let (permit, call) = permits.swap_remove(random.below(permits.len()));
                match kind {
                    7 | 8 => {
                        breaker.success(permit, time);
                        model.report(call, now, true);
                    }
                    9..=11 => {
                        breaker.failure(permit, time);
                        model.report(call, now, false);
                    }
                    12 => {
                        breaker.cancel(permit);
                        model.calls[call].is_settled = true;
                    }
                    // Lost.
                    _ => {}
                }
            }
            14 if random.below(4) == 0 => match random.below(3) {
                0 => {
                    breaker.trip(time);
                    model.clock = model.clock.max(now);
                    model.periods.push(Period::Open { since: model.clock });
                }
                1 => {
                    breaker.reset();
                    model.periods.push(Period::Closed(Vec::new()));
                }
                _ => {
                    breaker.retry_now();
                    if let Period::Open { .. } = model.periods.last().unwrap() {
                        model.periods.push(Period::HalfOpen);
                    }
                }
            },
            _ => {}
        }
        let later = END.min(now + random.below(60) as u128);
        for when in [now, later] {
            let expected = model.state(when);
            assert_eq!(
                breaker.state(duration(when)),
                expected,
                "seed {seed}, step {step}"
            );
        }
    }
    model.periods.len()
}

#[test]
fn random_lives_agree_with_the_model() {
    let periods: usize = (1..=4_000).map(live).sum();
    println!("seeds 1 to 4000: {periods} periods");
    assert!(
        periods > 40_000,
        "the lives are too dull: {periods} periods"
    );
}
