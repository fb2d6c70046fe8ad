//! The ordered map, beside the queue that is compared with it.
//!
//! # What is compared
//! 1. A timer is handed out once, with its key and its deadline of that moment, not before it.
//! 2. After an `advance` that returned false nothing is due any more, and the clock is at its goal;
//!    after one that returned true, which takes a budget, it is not beyond it.
//! 3. No call hands out more than its budget; calls with a budget come to an end.
//! 4. A key whose timer is gone reaches nothing.
//! 5. The next deadline is never later than the earliest one, or than the clock if that is overdue;
//!    `None` means that nothing is ever due.
//! 6. While there are at most [`FEW`] timers, none of them was reset to later and no work is left, the
//!    next deadline is exact.
//! 7. With at most [`FEW`] timers and no work left by a call before, the order of one `advance` without a
//!    limit is by deadline, or by the clock of when a timer got it if that is later.
//! 8. `len`, `is_empty`, `elapsed`, `get`, `get_mut` and `deadline` are right after every operation.

use super::{Queue, Seen};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The moment that does not come.
pub(super) const NEVER: u64 = u64::MAX;
/// Up to so many timers next deadline and order are exact.
pub(super) const FEW: usize = 64;
/// Stale keys that are kept.
const STALE_MAX: usize = 256;
/// Calls with a budget of 1 per timer: each moves ten times at most, once more if it was reset to later.
const STEPS_PER_TIMER: usize = 64;

#[derive(Debug)]
struct Timer<K> {
    key: K,
    deadline: u64,
    /// The deadline, or the clock when it was given if that was later.
    rank: u64,
    /// It was reset to later.
    is_lazy: bool,
}

/// The timers that are alive, and some keys of those that are not.
#[derive(Debug)]
struct Timers<K> {
    by_id: BTreeMap<u64, Timer<K>>,
    by_deadline: BTreeSet<(u64, u64)>,
    ids: u64,
    stale: Vec<K>,
}

impl<K: Copy> Timers<K> {
    fn add(&mut self, id: u64, timer: Timer<K>) {
        self.by_deadline.insert((timer.deadline, id));
        self.by_id.insert(id, timer);
    }

    fn take(&mut self, id: u64) -> Timer<K> {
        let timer = self.by_id.remove(&id).expect("only timers that are alive");
        self.by_deadline.remove(&(timer.deadline, id));
        timer
    }

    /// [`take`](Self::take) of a timer that is gone then.
    fn retire(&mut self, id: u64) -> Timer<K> {
        let timer = self.take(id);
        if self.stale.len() == STALE_MAX {
            let oldest = id as usize % STALE_MAX;
            self.stale.swap_remove(oldest);
        }
        self.stale.push(timer.key);
        timer
    }

    /// The earliest deadline that comes at all.
    fn earliest(&self) -> Option<u64> {
        let first = self.by_deadline.first()?.0;
        (first != NEVER).then_some(first)
    }
}

/// A queue and the map. Each method does the same on both and compares.
pub(super) struct Model<'a, Q: Queue> {
    queue: Q,
    timers: Timers<Q::Key>,
    /// The queue's time, as far as it has been compared.
    clock: u64,
    /// The last `advance` left work.
    has_left: bool,
    pub(super) seen: &'a mut Seen,
}

impl<'a, Q: Queue> Model<'a, Q> {
    pub(super) fn new(queue: Q, seen: &'a mut Seen) -> Self {
        Self {
            queue,
            timers: Timers {
                by_id: BTreeMap::new(),
                by_deadline: BTreeSet::new(),
                ids: 0,
                stale: Vec::new(),
            },
            clock: 0,
            has_left: false,
            seen,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.timers.by_id.len()
    }

    pub(super) fn clock(&self) -> u64 {
        self.clock
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.queue.next_deadline()
    }

    /// The id of one of the timers, or `None` if there are none.
    pub(super) fn id(&self, index: usize) -> Option<u64> {
        let index = index.checked_rem(self.len())?;
        self.timers.by_id.keys().nth(index).copied()
    }

    pub(super) fn deadline(&self, id: u64) -> u64 {
        self.timers.by_id[&id].deadline
    }

    pub(super) fn insert(&mut self, deadline: Duration) {
        let id = self.timers.ids;
        self.timers.ids += 1;
        let key = self.queue.insert(deadline, id);
        let deadline = nanos(deadline);
        let timer = Timer {
            key,
            deadline,
            rank: deadline.max(self.clock),
            is_lazy: false,
        };
        self.timers.add(id, timer);
    }

    pub(super) fn remove(&mut self, id: u64) {
        let timer = self.timers.retire(id);
        assert_eq!(
            self.queue.remove(timer.key),
            Some(id),
            "removed another one"
        );
        self.use_key(timer.key);
    }

    pub(super) fn reset(&mut self, id: u64, deadline: Duration) {
        let mut timer = self.timers.take(id);
        assert!(self.queue.reset(timer.key, deadline), "{id} is gone");
        let deadline = nanos(deadline);
        if deadline > timer.deadline {
            timer.is_lazy = true;
            self.seen.later += 1;
        } else if deadline < timer.deadline {
            self.seen.earlier += 1;
        }
        timer.deadline = deadline;
        timer.rank = deadline.max(self.clock);
        self.timers.add(id, timer);
        self.look(id);
    }

    pub(super) fn look(&mut self, id: u64) {
        let timer = &self.timers.by_id[&id];
        let mut value = id;
        assert_eq!(self.queue.get(timer.key), Some(&id), "another value");
        assert_eq!(self.queue.get_mut(timer.key), Some(&mut value));
        let deadline = self.queue.deadline(timer.key).map(nanos);
        assert_eq!(deadline, Some(timer.deadline), "another deadline");
    }

    pub(super) fn use_stale(&mut self, index: usize) {
        if let Some(index) = index.checked_rem(self.timers.stale.len()) {
            self.use_key(self.timers.stale[index]);
        }
    }

    /// Uses a key whose timer is gone.
    fn use_key(&mut self, key: Q::Key) {
        self.seen.stale += 1;
        assert_eq!(self.queue.get(key), None, "{key:?} is stale");
        assert_eq!(self.queue.get_mut(key), None, "{key:?} is stale");
        assert_eq!(self.queue.deadline(key), None, "{key:?} is stale");
        let now = Duration::from_nanos(self.clock);
        assert!(!self.queue.reset(key, now), "{key:?} is stale");
        assert_eq!(self.queue.remove(key), None, "{key:?} is stale");
    }

    /// Advances once; returns whether that left work.
    pub(super) fn advance(&mut self, now: Duration, budget: usize) -> bool {
        let goal = nanos(now).min(NEVER - 1).max(self.clock);
        let is_ordered = budget == usize::MAX && self.len() <= FEW && !self.has_left;
        let mut last = None;
        let mut fired = 0;
        let timers = &mut self.timers;
        let has_left = self.queue.advance(now, budget, &mut |key, deadline, id| {
            assert!(timers.by_id.contains_key(&id), "{id} was gone already");
            let timer = timers.retire(id);
            assert_eq!(key, timer.key, "{id} has another key");
            assert_eq!(nanos(deadline), timer.deadline, "{id} has another deadline");
            assert!(timer.deadline <= goal, "{deadline:?} is early at {goal}");
            if is_ordered && let Some(last) = last.replace(timer.rank) {
                assert!(last <= timer.rank, "{} came after {last}", timer.rank);
                self.seen.ordered += 1;
            }
            fired += 1;
        });
        self.seen.fired += fired;
        assert!(fired <= budget, "{fired} handed out, budget {budget}");
        let elapsed = nanos(self.queue.elapsed());
        assert!(self.clock <= elapsed, "time went back to {elapsed}");
        assert!(elapsed <= goal, "the clock is at {elapsed}, beyond {goal}");
        if has_left {
            assert_ne!(budget, usize::MAX, "work left without a limit");
            self.seen.left += 1;
        } else {
            assert_eq!(elapsed, goal, "the clock is not at its goal");
            let due = self.timers.earliest().filter(|&earliest| earliest <= goal);
            assert_eq!(due, None, "not handed out by {goal}");
        }
        self.clock = elapsed;
        self.has_left = has_left;
        has_left
    }

    pub(super) fn advance_until_done(&mut self, now: Duration, budget: usize) {
        let steps = STEPS_PER_TIMER * (self.len() + 1);
        let is_done = (0..steps).any(|_| !self.advance(now, budget));
        assert!(is_done, "no end after {steps} calls, budget {budget}");
    }

    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.seen.cleared += 1;
        let keys: Vec<_> = self.timers.by_id.keys().copied().collect();
        for id in keys {
            self.timers.retire(id);
        }
    }

    /// What must be right after every operation.
    pub(super) fn check(&mut self) {
        assert_eq!(self.queue.len(), self.len(), "len");
        assert_eq!(self.queue.is_empty(), self.len() == 0, "is_empty");
        assert_eq!(nanos(self.queue.elapsed()), self.clock, "elapsed");
        let next = self.queue.next_deadline().map(nanos);
        // Whether an overdue one is its deadline or the clock is left open.
        let next = next.map(|next| next.max(self.clock));
        let earliest = self.timers.earliest();
        let earliest = earliest.map(|earliest| earliest.max(self.clock));
        let is_lazy = || self.timers.by_id.values().any(|timer| timer.is_lazy);
        if self.len() <= FEW && !self.has_left && !is_lazy() {
            assert_eq!(next, earliest, "the next deadline is exact for a few");
            self.seen.exact += usize::from(next.is_some());
        } else if let Some(earliest) = earliest {
            let next = next.expect("there is a next deadline while something comes to be due");
            assert!(next <= earliest, "{next} is late for {earliest}");
        }
    }

    /// What is left is still there, and what comes to be due at all is handed out.
    pub(super) fn finish(mut self) {
        let ids: Vec<_> = self.timers.by_id.keys().copied().collect();
        for id in ids {
            self.look(id);
        }
        self.advance(Duration::MAX, usize::MAX);
        self.check();
        while let Some(id) = self.id(0) {
            assert_eq!(self.deadline(id), NEVER);
            self.remove(id);
        }
        self.check();
        for index in 0..self.timers.stale.len() {
            self.use_stale(index);
        }
    }
}

/// What does not fit is [`NEVER`].
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(NEVER)
}
