//! Random operations on the wheel, each compared with an ordered map that does the same.
//!
//! Every run starts its clock near a power of 64 (where digits carry) or near the end of time, so
//! that every level's wrap is crossed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hyperia_timer::wheel::{Key, Wheel};

/// Operations over all runs.
const OPERATIONS: usize = 1_100_000;

struct Random(u64);

impl Random {
    /// splitmix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// A span whose order of magnitude is as random as itself, up to `2^bits`.
    fn span(&mut self, bits: u64) -> u64 {
        let bits = self.below(bits + 1);
        self.next() >> (63 - bits.min(63))
    }
}

#[derive(Clone, Copy)]
struct Timer {
    key: Key,
    deadline: u64,
    /// When it can be handed out in order: overdue timers come as they come.
    rank: u64,
    /// It was reset to later, and the wheel may not know yet.
    lazy: bool,
}

#[derive(Default)]
struct Model {
    timers: BTreeMap<u64, Timer>,
    by_deadline: BTreeSet<(u64, u64)>,
    ids: u64,
    fired: usize,
}

impl Model {
    fn insert(&mut self, wheel: &mut Wheel<u64>, now: u64, deadline: u64) {
        let id = self.ids;
        self.ids += 1;
        let key = wheel.insert(Duration::from_nanos(deadline), id);
        // u64::MAX is never, as is everything that does not fit.
        self.by_deadline.insert((deadline, id));
        self.timers.insert(
            id,
            Timer {
                key,
                deadline,
                rank: deadline.max(now),
                lazy: false,
            },
        );
    }

    fn pick(&self, random: &mut Random) -> Option<u64> {
        let from = random.below(self.ids.max(1));
        let (&id, _) = self
            .timers
            .range(from..)
            .next()
            .or(self.timers.first_key_value())?;
        Some(id)
    }

    fn remove(&mut self, id: u64) -> Timer {
        let timer = self.timers.remove(&id).expect("picked from the map");
        assert!(self.by_deadline.remove(&(timer.deadline, id)));
        timer
    }

    fn earliest(&self) -> Option<u64> {
        self.by_deadline
            .first()
            .map(|first| first.0)
            .filter(|&deadline| deadline != u64::MAX)
    }

    /// Advances both and compares; `budget` of `usize::MAX` also compares the order.
    fn advance(&mut self, wheel: &mut Wheel<u64>, now: u64, budget: usize) {
        let mut last = 0;
        let mut steps = 0;
        let ordered = self.timers.len() <= 64;
        loop {
            let mut touched = 0;
            let more = wheel.advance(Duration::from_nanos(now), budget, |expired| {
                touched += 1;
                let timer = self.remove(expired.value);
                assert_eq!(expired.key, timer.key);
                assert_eq!(expired.deadline, Duration::from_nanos(timer.deadline));
                assert!(
                    timer.deadline <= now,
                    "{} fired early, at {now}",
                    timer.deadline
                );
                if budget == usize::MAX && ordered {
                    assert!(last <= timer.rank, "{} fired after {last}", timer.rank);
                    last = timer.rank;
                }
                self.fired += 1;
            });
            assert!(
                touched <= budget,
                "{touched} handed out for a budget of {budget}"
            );
            if !more {
                break;
            }
            assert_ne!(
                budget,
                usize::MAX,
                "work left over though the budget was endless"
            );
            if self.earliest().is_some_and(|deadline| deadline <= now) {
                let next = wheel.next_deadline().expect("there is work left");
                assert!(
                    next <= Duration::from_nanos(now),
                    "{next:?} is late: timers are due"
                );
            }
            steps += 1;
            assert!(steps < 20_000, "no end of work at {now}");
        }
        // Time does not end, but `u64::MAX` is never.
        let due = self
            .earliest()
            .filter(|&deadline| deadline <= now.min(u64::MAX - 1));
        assert_eq!(due, None, "not fired by {now}");
        assert_eq!(wheel.elapsed(), Duration::from_nanos(now.min(u64::MAX - 1)));
        assert_eq!(wheel.len(), self.timers.len());
    }

    fn check_next(&self, wheel: &Wheel<u64>, now: u64) {
        let next = wheel.next_deadline().map(|next| next.as_nanos() as u64);
        let earliest = self.earliest();
        match (next, earliest) {
            (Some(next), Some(earliest)) => {
                assert!(
                    next <= earliest.max(now),
                    "next deadline {next} is late for {earliest}"
                );
            }
            (None, Some(earliest)) => panic!("no next deadline, but {earliest}"),
            // A re-armed timer may hide that nothing is ever due.
            (Some(_), None) => assert!(self.timers.values().any(|timer| timer.lazy)),
            (None, None) => {}
        }
        if self.timers.len() <= 64 && !self.timers.values().any(|timer| timer.lazy) {
            assert_eq!(
                next, earliest,
                "the next deadline is exact when nothing is crowded"
            );
        }
    }
}

fn run(seed: u64, start: u64, operations: usize, population: u64) -> usize {
    let mut random = Random(seed);
    let mut wheel = Wheel::new();
    let mut model = Model::default();
    let mut stale = Vec::new();
    let mut now = start;
    wheel.advance(
        Duration::from_nanos(start),
        usize::MAX,
        |_: hyperia_timer::wheel::Expired<u64>| panic!("nothing was inserted"),
    );
    // How far into the future this run looks, in bits of nanoseconds.
    let reach = 6 + random.below(52);
    for _ in 0..operations {
        match random.below(16) {
            0..=5 => {
                let room = population.saturating_sub(model.timers.len() as u64);
                // Now and then many for one moment, which fills a slot beyond a batch.
                let count = if random.below(64) == 0 {
                    room.min(200)
                } else {
                    room.min(1)
                };
                let shared = random.span(reach);
                for _ in 0..count {
                    let deadline = match random.below(32) {
                        0 => now.saturating_sub(random.span(20)),
                        1 => now,
                        2 => u64::MAX,
                        3 => u64::MAX - 1 - random.below(3),
                        _ if count > 1 => now.saturating_add(shared).saturating_add(random.span(8)),
                        _ => now.saturating_add(random.span(reach)),
                    };
                    model.insert(&mut wheel, now, deadline);
                }
            }
            6..=7 => {
                if let Some(id) = model.pick(&mut random) {
                    let timer = model.remove(id);
                    assert_eq!(wheel.remove(timer.key), Some(id));
                    stale.push(timer.key);
                }
            }
            8..=10 => {
                if let Some(id) = model.pick(&mut random) {
                    let deadline = match random.below(8) {
                        0 => now.saturating_sub(random.span(20)),
                        1 => u64::MAX,
                        _ => now.saturating_add(random.span(reach)),
                    };
                    let mut timer = model.remove(id);
                    assert!(wheel.reset(timer.key, Duration::from_nanos(deadline)));
                    timer.lazy =
                        (timer.lazy || deadline > timer.deadline) && deadline >= timer.deadline;
                    timer.deadline = deadline;
                    timer.rank = deadline.max(now);
                    model.by_deadline.insert((deadline, id));
                    model.timers.insert(id, timer);
                }
            }
            11 => {
                if let Some(&key) = stale.get(random.below(stale.len().max(1) as u64) as usize) {
                    assert_eq!(wheel.remove(key), None);
                    assert!(!wheel.reset(key, Duration::ZERO));
                    assert_eq!((wheel.get(key), wheel.deadline(key)), (None, None));
                }
            }
            12..=13 => {
                // To the next deadline, as a driver does.
                if let Some(next) = wheel.next_deadline() {
                    now = now.max(next.as_nanos() as u64);
                    model.advance(&mut wheel, now, usize::MAX);
                }
            }
            14 => {
                now = now.saturating_add(random.span(reach)).min(u64::MAX - 1);
                let budget = if random.below(2) == 0 {
                    usize::MAX
                } else {
                    1 + random.below(40) as usize
                };
                model.advance(&mut wheel, now, budget);
            }
            _ => {
                // Back in time: counts as now.
                let back = now.saturating_sub(random.span(reach));
                wheel.advance(Duration::from_nanos(back), usize::MAX, |expired| {
                    let timer = model.remove(expired.value);
                    assert!(timer.deadline <= now);
                });
                assert_eq!(wheel.elapsed(), Duration::from_nanos(now));
            }
        }
        model.check_next(&wheel, now);
    }
    // What is left is still all there.
    for (id, timer) in &model.timers {
        assert_eq!(wheel.get(timer.key), Some(id));
        assert_eq!(wheel.remove(timer.key), Some(*id));
    }
    assert!(wheel.is_empty() && wheel.next_deadline().is_none());
    model.fired
}

fn starts() -> Vec<u64> {
    let mut starts = vec![
        0,
        u64::MAX - 1,
        u64::MAX - 2,
        u64::MAX - (1 << 20),
        u64::MAX - (1 << 40),
    ];
    for level in 1..=10 {
        let carry = 1u64 << (6 * level);
        starts.extend([
            carry - 1,
            carry,
            carry.saturating_sub(2_000),
            carry * 3 - 1,
            carry.saturating_mul(15),
        ]);
    }
    starts.dedup();
    starts
}

#[test]
fn a_wheel_does_what_an_ordered_map_does() {
    let starts = starts();
    let operations = OPERATIONS / 2 / starts.len() + 1;
    let mut fired = 0;
    for (seed, &start) in starts.iter().enumerate() {
        // Few timers, for the exact next deadline; and more than any batch or slot takes at once.
        fired += run(seed as u64, start, operations, 60);
        fired += run(seed as u64 + 1000, start, operations, 1000);
    }
    assert!(fired > OPERATIONS / 20, "only {fired} timers fired");
}

/// A driver that waits for the next deadline, as loops do, wakes for nothing at most once per
/// level.
#[test]
fn waiting_for_the_next_deadline_wakes_at_most_once_per_level_for_nothing() {
    let mut random = Random(7);
    let mut wheel = Wheel::new();
    let mut deadlines = BTreeSet::new();
    for id in 0..20_000u64 {
        let deadline = random.span(44);
        wheel.insert(Duration::from_nanos(deadline), id);
        deadlines.insert(deadline);
    }
    let mut wakes = 0;
    let mut fired = 0;
    while let Some(next) = wheel.next_deadline() {
        wakes += 1;
        wheel.advance(next, usize::MAX, |expired| {
            assert_eq!(expired.deadline, next, "fired exactly at its deadline");
            fired += 1;
        });
    }
    assert_eq!(fired, 20_000);
    let idle = wakes - deadlines.len();
    assert!(idle <= deadlines.len() * 11, "{idle} wakes for nothing");
    // Crowded slots come by the thousand: in fact they are few.
    assert!(
        idle <= deadlines.len() / 10,
        "{idle} wakes for nothing, {} deadlines",
        deadlines.len()
    );
}
