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
mod slots;
mod vacancies;

use core::fmt;
use core::time::Duration;

use crate::time::{duration, nanos};

pub(crate) use levels::{Batch, Budget, Levels, Progress};
pub use slab::Key;
use slab::{NIL, Slab};

#[cfg(feature = "std")]
pub(crate) use nodes::Before;
pub(crate) use nodes::Nodes;
#[cfg(feature = "std")]
pub(crate) use slots::Place;

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
/// timer. Deadlines are exact to the nanosecond.
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
    levels: Levels<Slab<T>>,
    due: Batch<u32>,
}

impl<T> Wheel<T> {
    /// Creates an empty wheel at time 0. Allocates nothing.
    pub const fn new() -> Self {
        Self {
            levels: Levels::new(Slab::new()),
            due: Batch::new(NIL),
        }
    }

    /// Creates an empty wheel at time 0 with room for `capacity` timers.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            levels: Levels::new(Slab::with_capacity(capacity)),
            due: Batch::new(NIL),
        }
    }

    /// Returns how many timers there are.
    pub const fn len(&self) -> usize {
        self.slab().len()
    }

    /// Returns whether there are no timers.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The wheel's time: the latest one given to [`advance`](Self::advance), 584 years at most, or an
    /// earlier moment while that has left work for the next call.
    pub const fn elapsed(&self) -> Duration {
        duration(self.levels.elapsed())
    }

    /// Inserts a timer. A deadline that has passed is due at the next [`advance`](Self::advance);
    /// one beyond 584 years never is.
    ///
    /// # Panics
    ///
    /// If there are 2,147,483,648 timers already.
    #[inline]
    pub fn insert(&mut self, deadline: Duration, value: T) -> Key {
        let deadline = nanos(deadline);
        let key = self.slab_mut().occupy(deadline, value);
        self.levels.insert(key.index, deadline);
        key
    }

    /// Removes a timer and returns its value, or `None` if it is gone already.
    #[inline]
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let index = self.slab().live(key)?;
        self.levels.remove(index);
        self.slab_mut().vacate(index).map(|(_, value)| value)
    }

    /// Gives a timer another deadline. Returns false if it is gone already.
    ///
    /// A later deadline is only written down: the timer moves when its old place comes up. That
    /// makes putting off a timeout again and again the cheapest thing to do with it.
    #[inline]
    pub fn reset(&mut self, key: Key, deadline: Duration) -> bool {
        let Some(index) = self.slab().live(key) else {
            return false;
        };
        let deadline = nanos(deadline);
        let later = deadline >= self.slab().deadline(index);
        self.slab_mut().set_deadline(index, deadline);
        if !later {
            self.levels.remove(index);
            self.levels.insert(index, deadline);
        }
        true
    }

    /// Returns the value of a timer, or `None` if it is gone.
    pub fn get(&self, key: Key) -> Option<&T> {
        self.slab().value(key)
    }

    /// Returns the value of a timer for change, or `None` if it is gone.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.slab_mut().value_mut(key)
    }

    /// Returns the deadline of a timer, or `None` if it is gone. `Duration::MAX` is never.
    pub fn deadline(&self, key: Key) -> Option<Duration> {
        let index = self.slab().live(key)?;
        Some(duration(self.slab().deadline(index)))
    }

    /// Returns when to call [`advance`](Self::advance) next, or `None` if no timer is ever due.
    ///
    /// Never late. It is the deadline of the earliest timer, with two exceptions, in which it is a
    /// moment before that, so that one call of `advance` per level may find nothing due: more than
    /// 64 timers share the slot that is nearest, or a timer there was reset to later. While
    /// `advance` has left something that is due, it is a moment that has passed.
    ///
    /// # Complexity
    ///
    /// Reads at most 64 timers.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.levels.next_deadline().map(duration)
    }

    /// Moves the time to `now` and hands out what is due. Returns true if there is more to do,
    /// which is so only after `budget` ran out: call again, for as little as the time in between
    /// allows. (A budget of 0 handles nothing: then a loop until it returns false has no end.)
    ///
    /// `now` is a time, not a difference. One before the wheel's time counts as the wheel's time.
    ///
    /// Timers come in the order of the wheel's slots, and out of a slot of at most 64 in the order of their
    /// deadlines; equal ones in no particular order. Whoever calls this at each
    /// [`next_deadline`](Self::next_deadline) sees all of them in order, since slots get narrower as
    /// their time comes. After a jump of `now` a slot that is over and holds more, a crowd, comes as it
    /// lies. A call that runs out of budget in the midst of a crowd whose time has begun lets others
    /// overtake it in the calls that follow, so that a crowd delays only itself.
    ///
    /// If `expire` panics, its timer is gone; the others stay.
    ///
    /// # Complexity
    ///
    /// `budget` bounds how many timers are handed out or moved; at most 64 more are looked at. A timer moves
    /// at most ten times between arming and firing, usually two or three times. Empty time costs nothing.
    ///
    /// A timer that comes due while there is work left waits for no more calls than that work has budgets,
    /// as long as less comes overdue than is handed out, and the budget is two at least.
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
            let progress = self.levels.collect(now, &mut budget, &mut self.due);
            let handing = Handing(self);
            while let Some((deadline, index)) = handing.0.due.pop() {
                if let Some((key, value)) = handing.0.slab_mut().vacate(index) {
                    let deadline = duration(deadline);
                    expire(Expired {
                        key,
                        deadline,
                        value,
                    });
                }
            }
            drop(handing);
            match progress {
                Progress::Done => return false,
                Progress::Full => {}
                Progress::More => return true,
            }
        }
    }

    const fn slab(&self) -> &Slab<T> {
        &self.levels.slots.nodes
    }

    #[inline]
    const fn slab_mut(&mut self) -> &mut Slab<T> {
        &mut self.levels.slots.nodes
    }

    /// Removes all timers. The time stays, and old keys stay stale.
    pub fn clear(&mut self) {
        for index in 0..self.slab().entries() {
            if let Some(key) = self.slab().key(index) {
                drop(self.remove(key));
            }
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

/// Timers on their way to the caller. Those it does not get to, because it panics, go back.
struct Handing<'a, T>(&'a mut Wheel<T>);

impl<T> Drop for Handing<'_, T> {
    fn drop(&mut self) {
        while let Some((deadline, index)) = self.0.due.pop() {
            self.0.levels.insert(index, deadline);
        }
    }
}

#[cfg(all(test, not(hyperia_loom)))]
mod bounds;
