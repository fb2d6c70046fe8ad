//! A timer wheel as a plain data structure: no clock, no thread, no waker; time is passed in.
//!
//! | Type | What it is |
//! |---|---|
//! | [`Wheel`] | holds values until their deadline; insert, remove and reset in constant time |
//! | [`Key`] | names one timer of a wheel; outlives it safely |
//! | [`Expired`] | a timer whose deadline has come |
//!
//! Times are a [`Duration`] since an epoch of the caller's choice. They are
//! exact to the nanosecond over 584 years; whatever lies beyond, `Duration::MAX` above all, is
//! *never*.

mod due;
mod levels;
mod nodes;
mod slab;

use core::fmt;
use core::iter;
use core::time::Duration;

use crate::time::{duration, nanos};

pub(crate) use due::Due;
pub(crate) use levels::{Budget, Levels, Progress};
pub(crate) use nodes::Nodes;
use slab::{NIL, Slab};

#[cfg(feature = "std")]
pub(crate) use nodes::DETACHED;
pub use slab::Key;

/// How many timers one step takes out of the levels; a slot of up to as many is sorted instead of
/// spread.
const BATCH: usize = 32;

/// A timer whose deadline has come, as [`Wheel::advance`] hands it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Expired<T> {
    /// The key it had.
    pub key: Key,
    /// When it was due.
    pub deadline: Duration,
    /// What it held.
    pub value: T,
}

/// Holds values until their deadline comes.
///
/// Insert, remove and reset take constant time; the next deadline is known without a search; moving
/// the time costs nothing for the time itself, however long, and a bounded number of steps per
/// timer. Timers are handed out in the order of their deadlines, exact to the nanosecond.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use hyperia_timer::wheel::Wheel;
///
/// let mut wheel = Wheel::new();
/// let tea = wheel.insert(Duration::from_secs(180), "tea");
/// wheel.insert(Duration::from_secs(60), "toast");
/// let eggs = wheel.insert(Duration::from_secs(300), "eggs");
/// assert!(wheel.reset(eggs, Duration::from_secs(240)));
/// assert_eq!(wheel.remove(tea), Some("tea"));
/// assert_eq!(wheel.next_deadline(), Some(Duration::from_secs(60)));
///
/// let mut done = Vec::new();
/// let more = wheel.advance(Duration::from_secs(600), usize::MAX, |expired| done.push(expired.value));
/// assert_eq!(done, ["toast", "eggs"]);
/// assert!(!more && wheel.is_empty());
/// ```
pub struct Wheel<T> {
    levels: Levels<u32>,
    slab: Slab<T>,
}

impl<T> Wheel<T> {
    /// Creates an empty wheel at time 0. Allocates nothing.
    pub const fn new() -> Self {
        Self {
            levels: Levels::new(NIL),
            slab: Slab::new(),
        }
    }

    /// Creates an empty wheel at time 0 with room for `capacity` timers.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            slab: Slab::with_capacity(capacity),
            ..Self::new()
        }
    }

    /// Returns how many timers there are.
    pub const fn len(&self) -> usize {
        self.slab.len()
    }

    /// Returns whether there are no timers.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The wheel's time: the latest one given to [`advance`](Self::advance), or an earlier moment
    /// while that has left work for the next call.
    pub const fn elapsed(&self) -> Duration {
        duration(self.levels.elapsed())
    }

    /// Inserts a timer. A deadline that has passed is due at the next [`advance`](Self::advance);
    /// one beyond 584 years never is.
    ///
    /// # Panics
    ///
    /// If there are 4,294,967,295 timers already.
    #[inline]
    pub fn insert(&mut self, deadline: Duration, value: T) -> Key {
        let deadline = nanos(deadline);
        let key = self.slab.occupy(deadline, value);
        self.levels.insert(&mut self.slab, key.index, deadline);
        key
    }

    /// Removes a timer and returns its value, or `None` if it is gone already.
    #[inline]
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let index = self.slab.live(key)?;
        self.levels.remove(&mut self.slab, index);
        self.slab.vacate(index).map(|(_, value)| value)
    }

    /// Gives a timer another deadline. Returns false if it is gone already.
    ///
    /// A later deadline is only written down: the timer moves when its old place comes up. That
    /// makes putting off a timeout again and again the cheapest thing to do with it.
    #[inline]
    pub fn reset(&mut self, key: Key, deadline: Duration) -> bool {
        let Some(index) = self.slab.live(key) else {
            return false;
        };
        let deadline = nanos(deadline);
        let later = deadline >= self.slab.deadline(index);
        self.slab.set_deadline(index, deadline);
        if !later {
            self.levels.remove(&mut self.slab, index);
            self.levels.insert(&mut self.slab, index, deadline);
        }
        true
    }

    /// Returns the value of a timer, or `None` if it is gone.
    pub fn get(&self, key: Key) -> Option<&T> {
        self.slab.value(self.slab.live(key)?)
    }

    /// Returns the value of a timer for change, or `None` if it is gone.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let index = self.slab.live(key)?;
        self.slab.value_mut(index)
    }

    /// Returns the deadline of a timer, or `None` if it is gone. `Duration::MAX` is never.
    pub fn deadline(&self, key: Key) -> Option<Duration> {
        Some(duration(self.slab.deadline(self.slab.live(key)?)))
    }

    /// Returns when to call [`advance`](Self::advance) next, or `None` if no timer is ever due.
    ///
    /// Never late. It is the deadline of the earliest timer, with two exceptions, in which it is a
    /// moment before that, so that one call of `advance` per level may find nothing due: more than
    /// 64 timers share the slot that is nearest, or a timer there was reset to later. While
    /// `advance` has left work, it is a moment that has passed.
    ///
    /// # Complexity
    ///
    /// Reads at most 64 timers.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.levels.next_deadline(&self.slab).map(duration)
    }

    /// Moves the time to `now` and hands out what is due. Returns true if there is more to do,
    /// which is so only after `budget` ran out: call again, for as little as the time in between
    /// allows. (A budget of 0 handles nothing: then a loop until it returns false has no end.)
    ///
    /// A `now` before the wheel's time counts as the wheel's time.
    ///
    /// Timers come in the order of their deadlines; equal deadlines in no particular order. Overdue
    /// ones that were inserted as such come first. The order holds within a call, and from call to
    /// call unless one ran out of budget in the midst of a crowd: of timers whose deadlines lie as
    /// close together as they lie to `now`, more than half a budget. Those may be overtaken, so
    /// that a crowd delays only itself.
    ///
    /// If `expire` panics, its timer is gone; the others stay.
    ///
    /// # Complexity
    ///
    /// `budget` bounds how many timers are handed out or moved. Each timer moves at most ten times
    /// between arming and firing, usually two or three times. Empty time costs nothing.
    pub fn advance<F>(&mut self, now: Duration, budget: usize, mut expire: F) -> bool
    where
        F: FnMut(Expired<T>),
    {
        let now = nanos(now);
        let mut budget = Budget::new(budget);
        loop {
            if self.levels.idle_until(now) {
                return false;
            }
            let mut due = Due::<u32, BATCH>::new(NIL);
            let progress = self
                .levels
                .collect(&mut self.slab, now, &mut budget, &mut due);
            let mut handing = Handing {
                wheel: self,
                due,
                next: 0,
            };
            for expired in iter::from_fn(|| handing.next()) {
                expire(expired);
            }
            drop(handing);
            match progress {
                Progress::Done => return false,
                Progress::Full => {}
                Progress::More => return true,
            }
        }
    }

    /// Removes all timers. The time stays, and old keys stay stale.
    pub fn clear(&mut self) {
        for index in 0..self.slab.entries() {
            self.levels.remove(&mut self.slab, index);
            drop(self.slab.vacate(index));
        }
    }
}

impl<T> Default for Wheel<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Wheel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wheel")
            .field("len", &self.len())
            .field("elapsed", &self.elapsed())
            .field("next_deadline", &self.next_deadline())
            .finish_non_exhaustive()
    }
}

/// Detached entries on their way to the caller. Those it does not get to, because it panics, go
/// back.
struct Handing<'a, T> {
    wheel: &'a mut Wheel<T>,
    due: Due<u32, BATCH>,
    next: usize,
}

impl<T> Handing<'_, T> {
    fn next(&mut self) -> Option<Expired<T>> {
        let &(deadline, index) = self.due.as_slice().get(self.next)?;
        self.next += 1;
        let (key, value) = self.wheel.slab.vacate(index)?;
        Some(Expired {
            key,
            deadline: duration(deadline),
            value,
        })
    }
}

impl<T> Drop for Handing<'_, T> {
    fn drop(&mut self) {
        for &(deadline, index) in &self.due.as_slice()[self.next..] {
            self.wheel
                .levels
                .insert(&mut self.wheel.slab, index, deadline);
        }
    }
}
