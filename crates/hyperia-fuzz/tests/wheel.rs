//! The target `wheel` on bytes that are always the same, and on wheels with a fault, which it must find.

use hyperia_fuzz::wheel;
use hyperia_fuzz::wheel::{Queue, Seen};
use hyperia_timer::wheel::{Key, Wheel};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// Byte strings of each run; fewer without optimization, where an operation takes microseconds.
const STRINGS: u64 = if cfg!(debug_assertions) {
    1_500
} else {
    20_000
};
/// Of these a fault must fail at least one.
const STRINGS_FOR_A_FAULT: u64 = 1_000;
const LENGTH_MAX: u64 = 1_024;

/// Bytes of any length up to [`LENGTH_MAX`], by splitmix64.
fn bytes(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x2545_f491_4f6c_dd1d);
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let length = next() % LENGTH_MAX;
    (0..length).map(|_| next() as u8).collect()
}

/// The seeds, with their names, and whatever failed once.
fn corpus() -> Vec<(PathBuf, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/wheel");
    let entries = std::fs::read_dir(folder).expect("the corpus is part of the crate");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("a file of the corpus").path())
        .map(|path| (path.clone(), std::fs::read(path).expect("readable")))
        .collect();
    files.sort();
    files
}

fn seen_in(data: &[u8]) -> Seen {
    let mut seen = Seen::default();
    wheel::run(data, Wheel::new(), &mut seen);
    seen
}

/// Says which string it was, if the test ends with it.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("string {}", self.0);
        }
    }
}

#[test]
fn pseudo_random_bytes_find_no_difference() {
    let mut seen = Seen::default();
    for seed in 0..STRINGS {
        let _named = Named(seed);
        wheel::run(&bytes(seed), Wheel::new(), &mut seen);
    }
    println!("{seen:?}");
    // Each guarantee was put to the test, and often.
    let strings = STRINGS as usize;
    assert!(seen.operations > 100 * strings, "{seen:?}");
    assert!(seen.fired > 100 * strings, "{seen:?}");
    for count in [seen.ordered, seen.exact, seen.later, seen.earlier] {
        assert!(count > strings, "{seen:?}");
    }
    for count in [seen.left, seen.stale, seen.cleared] {
        assert!(count > strings, "{seen:?}");
    }
}

#[test]
fn the_corpus_finds_no_difference() {
    let corpus = corpus();
    assert!(!corpus.is_empty());
    for (path, data) in corpus {
        println!("{}", path.display());
        wheel(&data);
    }
}

#[test]
fn each_seed_of_the_corpus_tests_what_its_name_says() {
    let seen = |name: &str| {
        let corpus = corpus();
        let file = corpus.iter().find(|(path, _)| path.ends_with(name));
        seen_in(&file.expect("a seed of this name").1)
    };
    let carry = seen("carry");
    assert!(carry.fired >= 4 && carry.exact >= 4, "{carry:?}");
    let crowd = seen("crowd-on-a-small-budget");
    assert!(crowd.fired >= 200 && crowd.left >= 200, "{crowd:?}");
    let overtaken = seen("crowd-overtaken");
    assert!(overtaken.fired >= 7 && overtaken.left >= 2, "{overtaken:?}");
    let later = seen("reset-to-later");
    assert!(later.later >= 3 && later.earlier >= 1, "{later:?}");
    let end = seen("end-of-time");
    assert!(end.fired >= 4 && end.ordered >= 2, "{end:?}");
    let stale = seen("stale-keys-after-clear");
    assert!(stale.cleared >= 1 && stale.stale >= 3, "{stale:?}");
}

#[test]
fn any_length_is_a_run_from_nothing_on() {
    let data = bytes(7);
    for length in 0..data.len().min(200) {
        wheel(&data[..length]);
    }
}

/// What can be wrong with a wheel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    FiresEarly,
    LeavesWhatIsDue,
    RoundsDeadlines,
    HandsOutTheOldDeadline,
    HandsOutAnotherKey,
    KeepsNoOrder,
    SpendsMoreThanItsBudget,
    LeavesWorkWithoutALimit,
    HasNoEnd,
    AcceptsStaleKeys,
    ForgetsAValue,
    NextDeadlineIsLate,
    NextDeadlineIsEarly,
    NextDeadlineIsNone,
    NextDeadlineOfACrowdIsNone,
    ResetToEarlierIsLost,
    TimeGoesBack,
    TimeStopsShort,
    TimeRunsAhead,
    ClearLeavesOne,
    CountsOneLess,
}

/// Each fault, and what the target says about it.
const FAULTS: [(Fault, &str); 21] = [
    (Fault::FiresEarly, "is early at"),
    (Fault::LeavesWhatIsDue, "not handed out by"),
    (Fault::RoundsDeadlines, "another deadline"),
    (Fault::HandsOutTheOldDeadline, "has another deadline"),
    (Fault::HandsOutAnotherKey, "has another key"),
    (Fault::KeepsNoOrder, "came after"),
    (Fault::SpendsMoreThanItsBudget, "handed out, budget"),
    (Fault::LeavesWorkWithoutALimit, "work left without a limit"),
    (Fault::HasNoEnd, "no end after"),
    (Fault::AcceptsStaleKeys, "is stale"),
    (Fault::ForgetsAValue, "another value"),
    (Fault::NextDeadlineIsLate, "is late for"),
    (Fault::NextDeadlineIsEarly, "exact for a few"),
    (Fault::NextDeadlineIsNone, "exact for a few"),
    (
        Fault::NextDeadlineOfACrowdIsNone,
        "there is a next deadline while something comes to be due",
    ),
    (Fault::ResetToEarlierIsLost, "another deadline"),
    (Fault::TimeGoesBack, "time went back"),
    (Fault::TimeStopsShort, "not at its goal"),
    (Fault::TimeRunsAhead, "beyond"),
    (Fault::ClearLeavesOne, "len"),
    (Fault::CountsOneLess, "len"),
];

const NANOSECOND: Duration = Duration::from_nanos(1);

/// A wheel with a fault.
struct Faulty {
    wheel: Wheel<u64>,
    fault: Fault,
    keys: BTreeSet<Key>,
    stale: Option<Key>,
    forgotten: u64,
    /// The latest that it was asked for.
    goal: Duration,
}

impl Faulty {
    fn new(fault: Fault) -> Self {
        Self {
            wheel: Wheel::new(),
            fault,
            keys: BTreeSet::new(),
            stale: None,
            forgotten: 0,
            goal: Duration::ZERO,
        }
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn forget(&mut self, key: Key) {
        if self.keys.remove(&key) {
            self.stale = Some(key);
        }
    }
}

impl Queue for Faulty {
    type Key = Key;

    fn insert(&mut self, deadline: Duration, value: u64) -> Key {
        let rounded = match u64::try_from(deadline.as_nanos()) {
            // To the next multiple of 64, as a wheel with ticks does.
            Ok(nanos) if self.is(Fault::RoundsDeadlines) => {
                Duration::from_nanos(nanos.saturating_add(63) & !63)
            }
            _ => deadline,
        };
        let key = self.wheel.insert(rounded, value);
        self.keys.insert(key);
        key
    }

    fn remove(&mut self, key: Key) -> Option<u64> {
        self.forget(key);
        self.wheel.remove(key)
    }

    fn reset(&mut self, key: Key, deadline: Duration) -> bool {
        let is_earlier = self.wheel.deadline(key).is_some_and(|old| deadline < old);
        if is_earlier && self.is(Fault::ResetToEarlierIsLost) {
            return true;
        }
        self.wheel.reset(key, deadline)
    }

    fn get(&self, key: Key) -> Option<&u64> {
        if self.is(Fault::AcceptsStaleKeys) && self.stale == Some(key) {
            return Some(&self.forgotten);
        }
        let is_forgotten = self.keys.last() == Some(&key) && self.keys.len() > 2;
        if self.is(Fault::ForgetsAValue) && is_forgotten {
            return Some(&self.forgotten);
        }
        self.wheel.get(key)
    }

    fn get_mut(&mut self, key: Key) -> Option<&mut u64> {
        self.wheel.get_mut(key)
    }

    fn deadline(&self, key: Key) -> Option<Duration> {
        self.wheel.deadline(key)
    }

    fn len(&self) -> usize {
        let is_wrong = self.is(Fault::CountsOneLess) && self.wheel.len() > 20;
        self.wheel.len() - usize::from(is_wrong)
    }

    fn is_empty(&self) -> bool {
        self.wheel.is_empty()
    }

    fn elapsed(&self) -> Duration {
        let elapsed = self.wheel.elapsed();
        match self.fault {
            Fault::TimeRunsAhead => elapsed.saturating_add(NANOSECOND),
            Fault::FiresEarly => elapsed.min(self.goal),
            _ => elapsed,
        }
    }

    fn next_deadline(&self) -> Option<Duration> {
        let next = self.wheel.next_deadline();
        match self.fault {
            Fault::NextDeadlineIsLate => next.map(|next| next.saturating_add(NANOSECOND)),
            Fault::NextDeadlineIsEarly => next.map(|next| next.saturating_sub(NANOSECOND)),
            Fault::NextDeadlineIsNone => next.filter(|_| self.wheel.len() % 16 != 9),
            Fault::NextDeadlineOfACrowdIsNone => next.filter(|_| self.wheel.len() <= 64),
            _ => next,
        }
    }

    fn advance(
        &mut self,
        now: Duration,
        budget: usize,
        expire: &mut dyn FnMut(Key, Duration, u64),
    ) -> bool {
        self.goal = self.goal.max(now);
        let (mut now, mut budget) = (now, budget);
        match self.fault {
            Fault::FiresEarly => now = now.saturating_add(NANOSECOND),
            Fault::LeavesWhatIsDue if self.wheel.len() % 8 == 3 => return false,
            Fault::TimeStopsShort => now = now.saturating_sub(NANOSECOND),
            Fault::SpendsMoreThanItsBudget => budget = budget.saturating_add(1),
            Fault::HasNoEnd if budget == 1 => return true,
            Fault::TimeGoesBack if now < self.wheel.elapsed() => {
                // A new wheel, at that earlier time.
                self.wheel = Wheel::new();
                self.wheel.advance(now, budget, |_| ());
                return false;
            }
            _ => {}
        }
        let mut out = Vec::new();
        let has_left = self.wheel.advance(now, budget, |expired| out.push(expired));
        if self.is(Fault::KeepsNoOrder) {
            out.reverse();
        }
        let other = self.keys.first().copied();
        let is_old = self.is(Fault::HandsOutTheOldDeadline);
        let (is_other, count) = (self.is(Fault::HandsOutAnotherKey), out.len());
        for mut expired in out {
            self.forget(expired.key);
            if is_old && count > 3 {
                expired.deadline = expired.deadline.saturating_sub(NANOSECOND);
            }
            if is_other && count > 3 {
                expired.key = other.unwrap_or(expired.key);
            }
            expire(expired.key, expired.deadline, expired.value);
        }
        has_left || (self.is(Fault::LeavesWorkWithoutALimit) && count > 10)
    }

    fn clear(&mut self) {
        let keep = self.keys.first().copied();
        if self.is(Fault::ClearLeavesOne) {
            let others: Vec<_> = self.keys.iter().copied().skip(1).collect();
            for key in others {
                self.remove(key);
            }
        } else {
            self.wheel.clear();
            self.keys.clear();
            self.stale = keep;
        }
    }
}

/// The string at which a wheel with this fault fails as `expected`, and what it says.
fn failure(fault: Fault, expected: &str) -> Option<(u64, String)> {
    (0..STRINGS_FOR_A_FAULT).find_map(|seed| {
        let data = bytes(seed);
        let run = AssertUnwindSafe(|| wheel::run(&data, Faulty::new(fault), &mut Seen::default()));
        let why = panic::catch_unwind(run).err()?;
        let text = why.downcast_ref::<String>().map(String::as_str);
        let text = text.or(why.downcast_ref::<&str>().copied())?;
        text.contains(expected)
            .then(|| (seed, text.replace('\n', " ")))
    })
}

thread_local! {
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

#[test]
fn a_wheel_with_a_fault_is_found() {
    // The panics are wanted, their messages are not. Those of other tests stay.
    IS_QUIET.set(true);
    let loud = panic::take_hook();
    panic::set_hook(Box::new(move |why| {
        if !IS_QUIET.get() {
            loud(why);
        }
    }));
    let found = FAULTS.map(|(fault, expected)| failure(fault, expected));
    let sound = failure(Fault::None, "");
    IS_QUIET.set(false);
    for ((fault, _), found) in FAULTS.iter().zip(&found) {
        println!("{fault:?}: {found:?}");
    }
    assert_eq!(sound, None, "without a fault");
    for ((fault, expected), found) in FAULTS.iter().zip(&found) {
        assert!(found.is_some(), "{fault:?}: nothing says `{expected}`");
    }
}
