//! A bounded queue from many producers to many consumers.
//!
//! # Picture
//! ```text
//!            head: next to pop             tail: next to push
//!              │                             │
//!   ┌──────┬───▼──┬──────┬──────┬──────┬─────▼┬──────┐
//!   │ free │ full │ full │ full │ full │ free │ free │
//!   └──────┴──────┴──────┴──────┴──────┴──────┴──────┘
//! ```
//! A position counts laps and, below them, slots; every slot has a stamp, which is a position too:
//!
//! | bits of a position | meaning |
//! |---|---|
//! | 0 | in `tail`: closed. In a stamp: full. In `head`: 0 |
//! | 1 to n | the slot, below the capacity; n = bits needed for `capacity - 1` |
//! | above | the lap |
//!
//! | stamp of the slot at position `p` | the slot is |
//! |---|---|
//! | `p` | free: whoever moves `tail` past `p` may fill it |
//! | `p` with the full bit | full: whoever moves `head` past `p` may empty it |
//! | that of the lap before, with the full bit | not emptied yet: for a push, the queue is full |
//! | of a later lap | the asker's position is out of date |
//!
//! # Invariants
//! 1. Position `p` is claimed for a push by moving `tail` past it, and for a pop by moving `head`
//!    past it, each by compare-exchange and each once.
//! 2. The stamp of `p`'s slot goes `p`, `p` full, `p` of the next lap; only the claimer of the push
//!    makes the first step and only the claimer of the pop the second.
//! 3. The value of a slot is initialized while its stamp is full.
//! 4. `head` never passes `tail`, and `tail` never passes `head` by more than the capacity.
//! 5. Once `closed` is set, `tail` never changes.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries |
//! |---|---|---|---|
//! | fill → empty | `push` stores the full stamp | `pop` loads the stamp | the value |
//! | empty → refill | `pop` stores the stamp of the next lap | `push` loads the stamp | that the value was moved out |
//! | close → closed | `close` | `pop`, `push` that say `Closed`; `is_closed` | what the closer did before |
//!
//! `head` and `tail` only hand out numbers: their compare-exchanges are relaxed, and the stamps
//! carry the data.
//!
//! # Progress
//! Neither lock-free nor wait-free as a whole: a producer that is stopped between claim and stamp
//! hides its value and all behind it, and a consumer stopped there keeps its slot from being
//! filled. But no call waits for another thread: `pop` says `Empty` and `push` says `Full`
//! meanwhile. A call retries only when another one succeeded: `tests/progress.rs` calls that
//! non-blocking, and measures it.
//!
//! A position comes back after at least 2^62 pushes (2^30 where pointers have 32 bits). A thread
//! stopped between two of its instructions for exactly one such round would mistake it.
//!
//! # Cost
//! One compare-exchange and one store per push, and per pop; the same compare-exchange for a whole
//! batch. One word beside each value; no allocation after construction.
//!
//! # Sources
//! Dmitry Vyukov, *Bounded MPMC queue*, 2010; the laps of crossbeam's `ArrayQueue`, for any
//! capacity. Added here: the closed bit, batches, and the answer where the original waits.

mod batch;
#[cfg(all(test, hyperia_loom))]
mod loom;
mod slot;
#[cfg(all(test, not(hyperia_loom)))]
mod tests;
#[cfg(target_has_atomic = "64")]
mod unbounded;

use alloc::boxed::Box;
use core::fmt;
use core::hint;
use core::panic::{RefUnwindSafe, UnwindSafe};

use self::slot::{FULL, Slot};
use crate::backoff::Backoff;
use crate::padded::Padded;
use crate::primitive::Ordering::*;
use crate::primitive::{AtomicBool, AtomicUsize};
use crate::{PopError, PushError};

#[cfg(target_has_atomic = "64")]
pub use self::unbounded::UnboundedQueue;

/// Bit of `tail`: no push succeeds any more.
const CLOSED: usize = 1;
/// One slot, in a position.
const ONE: usize = 2;

/// A bounded queue from many producers to many consumers.
///
/// Share it by reference or in an `Arc`. Values come out in the order in which their pushes claimed
/// a place; those of one batch stand next to each other.
///
/// # What a call may see of another one under way
/// A push first claims a place and then fills it; a pop first claims a value and then moves it out.
/// While a push is between the two, `pop` says [`PopError::Empty`] if that place is the oldest one,
/// even though later pushes have returned; while a pop is, `push` may say [`PushError::Full`]
/// although there is less in the queue than fits. When no other call is under way, both answers are
/// exact. Nothing is lost by sleeping on them, provided that
///
/// * every push wakes a consumer, and every pop a producer, **after it returns**;
/// * who wants to sleep registers to be woken and then tries once more; between the two, and between
///   a push or pop and the look for whom to wake, stands a sequentially consistent fence or a lock.
///
/// # Examples
/// ```
/// use hyperia_queue::{PopError, PushError, mpmc::Queue};
///
/// let queue = Queue::bounded(2);
/// queue.push('a')?;
/// queue.push('b')?;
/// assert_eq!(queue.push('c'), Err(PushError::Full('c')));
/// assert_eq!(queue.pop(), Ok('a'));
///
/// queue.close();
/// assert_eq!(queue.push('d'), Err(PushError::Closed('d')));
/// assert_eq!(queue.pop(), Ok('b')); // pushed before the close
/// assert_eq!(queue.pop(), Err(PopError::Closed));
/// # Ok::<(), PushError<char>>(())
/// ```
pub struct Queue<T> {
    tail: Padded<AtomicUsize>,
    head: Padded<AtomicUsize>,
    slots: Box<[Slot<T>]>,
    /// The bits of a position below the lap: those of the slot, and the lowest.
    mask: usize,
    /// Those bits of the position behind the last slot.
    end: usize,
    /// Set after `CLOSED`, on a line that is only read: who finds nothing looks at `tail`, which is the producers', only
    /// when this says so.
    may_be_closed: AtomicBool,
}

// SAFETY: values are moved in on one thread and out on another, which is what `T: Send` allows;
// none is reached from two threads (invariants 1 to 3), so `T: Sync` is not needed.
unsafe impl<T: Send> Send for Queue<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Queue<T> {}

// No code of the user runs inside an operation, so a panic never finds the queue half-way.
impl<T> UnwindSafe for Queue<T> {}
impl<T> RefUnwindSafe for Queue<T> {}

impl<T> Queue<T> {
    /// Makes an empty queue with room for `capacity` values, any number from 1.
    ///
    /// # Panics
    /// If `capacity` is zero, or above a quarter of `usize::MAX`.
    #[must_use]
    #[track_caller]
    pub fn bounded(capacity: usize) -> Self {
        assert!(capacity > 0, "capacity must be greater than zero");
        assert!(
            capacity <= usize::MAX / 4,
            "capacity must be at most usize::MAX / 4"
        );
        Self::starting_at(capacity, 0)
    }

    /// The same, with the positions beginning at lap number `laps`: tests begin shortly before the
    /// wrap-around.
    fn starting_at(capacity: usize, laps: usize) -> Self {
        let lap = capacity.next_power_of_two() * ONE;
        let start = laps.wrapping_mul(lap);
        let slot = |index| Slot::new(start + index * ONE);
        Self {
            tail: Padded(AtomicUsize::new(start)),
            head: Padded(AtomicUsize::new(start)),
            slots: (0..capacity).map(slot).collect(),
            mask: lap - 1,
            end: capacity * ONE,
            may_be_closed: AtomicBool::new(false),
        }
    }

    /// Pushes a value.
    ///
    /// # Errors
    /// [`PushError::Closed`] if the queue is closed, [`PushError::Full`] if there is no room; the value is inside.
    ///
    /// # Complexity
    /// One read-modify-write, retried only when another push came first.
    #[inline]
    pub fn push(&self, value: T) -> Result<(), PushError<T>> {
        // SAFETY: this does not panic.
        unsafe { self.push_looking(value, || ()) }
    }

    /// Pushes a value, and looks at something else between the claim and the publication. Returns what was seen.
    ///
    /// For those who wake: the claim is a read-modify-write; with a sequentially consistent fence in front of what it
    /// looks at (which costs nothing on processors whose read-modify-writes are fences) `look` sees who waits, or that
    /// one sees the claim: in [`is_empty`](Self::is_empty), after a fence of its own.
    ///
    /// # Errors
    /// As [`push`](Self::push); then `look` was not run.
    ///
    /// # Safety
    /// `look` does not panic.
    #[inline]
    pub unsafe fn push_looking<R>(
        &self,
        value: T,
        look: impl FnOnce() -> R,
    ) -> Result<R, PushError<T>> {
        // ORDERING: Relaxed, a guess at `tail` that the compare-exchange checks.
        let mut tail = self.tail.load(Relaxed);
        let mut backoff = Backoff::new();
        loop {
            let slot = self.slot(tail);
            // ORDERING: Acquire pairs with the Release by which `vacate` frees the slot: the last
            // value was moved out before this one is moved in.
            if slot.stamp.load(Acquire) == tail {
                // ORDERING: Relaxed, hands out a position to fill; the stamp orders what is done there.
                match self
                    .tail
                    .compare_exchange_weak(tail, self.next(tail), Relaxed, Relaxed)
                {
                    Ok(_) => {
                        let seen = look();
                        // SAFETY: the exchange claimed position `tail`, whose slot is free.
                        unsafe { slot.fill(tail, value) };
                        return Ok(seen);
                    }
                    Err(now) => {
                        tail = now;
                        backoff = backoff.spin();
                    }
                }
            } else {
                if let Err(error) = self.push_nothing(tail) {
                    return Err(error.with(value));
                }
                backoff = backoff.spin();
                // ORDERING: Relaxed, another guess at `tail`.
                tail = self.tail.load(Relaxed);
            }
        }
    }

    /// Pops the oldest value.
    ///
    /// # Errors
    /// [`PopError::Empty`] if there is none, and [`PopError::Closed`] if there will never be one: the queue is closed
    /// and all that was pushed before has been popped, by this caller or others.
    ///
    /// # Complexity
    /// One read-modify-write, retried only when another pop came first.
    #[inline]
    pub fn pop(&self) -> Result<T, PopError> {
        // SAFETY: this does not panic.
        unsafe { self.pop_looking(|| ()) }.map(|(value, ())| value)
    }

    /// Pops the oldest value, and looks at something else between the claim and the time when the place is free, as
    /// [`push_looking`](Self::push_looking) does. Returns what was seen, too. One that waits for room sees the claim in
    /// [`is_full`](Self::is_full).
    ///
    /// # Errors
    /// As [`pop`](Self::pop); then `look` was not run.
    ///
    /// # Safety
    /// `look` does not panic.
    #[inline]
    pub unsafe fn pop_looking<R>(&self, look: impl FnOnce() -> R) -> Result<(T, R), PopError> {
        // ORDERING: Relaxed, a guess at `head` that the compare-exchange checks.
        let mut head = self.head.load(Relaxed);
        let mut backoff = Backoff::new();
        loop {
            let slot = self.slot(head);
            // ORDERING: Acquire pairs with the Release in `fill`: the value is there before it is
            // read.
            if slot.stamp.load(Acquire) == head | FULL {
                // ORDERING: Relaxed, hands out a position to empty; the stamp orders what is done there.
                match self
                    .head
                    .compare_exchange_weak(head, self.next(head), Relaxed, Relaxed)
                {
                    Ok(_) => {
                        let seen = look();
                        // SAFETY: the exchange claimed position `head`, whose slot is full.
                        let value = unsafe { slot.vacate(self.next_lap(head)) };
                        return Ok((value, seen));
                    }
                    Err(now) => {
                        head = now;
                        backoff = backoff.spin();
                    }
                }
            } else {
                self.pop_nothing(head)?;
                backoff = backoff.spin();
                // ORDERING: Relaxed, another guess at `head`.
                head = self.head.load(Relaxed);
            }
        }
    }

    /// Closes the queue: no later push succeeds. `true` if this call did it. What was pushed before
    /// is still popped.
    pub fn close(&self) -> bool {
        // ORDERING: Release pairs with the Acquire of whoever says `Closed`: carries what was done
        // before the close.
        let is_first = self.tail.fetch_or(CLOSED, Release) & CLOSED == 0;
        // ORDERING: Relaxed, a hint to look at `tail`; whoever is woken after the close sees it.
        self.may_be_closed.store(true, Relaxed);
        is_first
    }

    /// Whether the queue is closed; there may still be something to pop.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `close`, for whoever acts on the answer.
        self.tail.load(Acquire) & CLOSED != 0
    }

    /// How many values there are: exact when no other call is under way, otherwise a number between
    /// 0 and the capacity that may be out of date.
    #[must_use]
    pub fn len(&self) -> usize {
        // ORDERING: Relaxed, both: a hint. The clamps below make up for what happened between the
        // two loads.
        let head = self.head.load(Relaxed);
        // ORDERING: Relaxed, as for `head` above.
        let tail = self.tail.load(Relaxed) & !CLOSED;
        let distance = tail.wrapping_sub(head);
        // As a signed number it is negative if this `tail` is older than this `head`.
        if distance > usize::MAX / 2 {
            return 0;
        }
        let slot = |position| (position & self.mask) / ONE;
        let laps = (tail & !self.mask).wrapping_sub(head & !self.mask) / (self.mask + 1);
        let len = (laps.saturating_mul(self.capacity())).saturating_add(slot(tail)) - slot(head);
        len.min(self.capacity())
    }

    /// Whether there is nothing to pop; as exact as [`len`](Self::len).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is no room; as exact as [`len`](Self::len).
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len() == self.capacity()
    }

    /// How many values there is room for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// The slot of a position; its lowest bit does not matter.
    #[inline]
    fn slot(&self, position: usize) -> &Slot<T> {
        let index = (position & self.mask) / ONE;
        debug_assert!(index < self.slots.len());
        // SAFETY: positions begin at slot 0 and are only ever moved on by `next`, which begins a
        // new lap behind the last slot.
        unsafe { self.slots.get_unchecked(index) }
    }

    /// The position after this one; the lowest bit must be 0.
    #[inline]
    fn next(&self, position: usize) -> usize {
        let next = position.wrapping_add(ONE);
        // Never so where the capacity is a power of two: the addition itself begins a new lap.
        if next & self.mask == self.end {
            hint::cold_path();
            return (position | self.mask).wrapping_add(1);
        }
        next
    }

    /// The position of the same slot in the next lap.
    #[inline]
    fn next_lap(&self, position: usize) -> usize {
        position.wrapping_add(self.mask).wrapping_add(1)
    }

    /// What to do when the slot at `tail` is not free: go on from another position, where there is one, or give up.
    ///
    /// A closed `tail` always ends here: its lowest bit is set, and the slot of a position that was
    /// never claimed does not have that stamp.
    #[cold]
    fn push_nothing(&self, tail: usize) -> Result<(), PushError<()>> {
        // ORDERING: Acquire pairs with the Release in `close`: who is told `Closed` knows what the
        // closer did before.
        let now = self.tail.load(Acquire);
        if now & CLOSED != 0 {
            Err(PushError::Closed(()))
        } else if now == tail {
            // So the stamp was not of a later lap.
            Err(PushError::Full(()))
        } else {
            Ok(())
        }
    }

    /// What to do when nothing is ready at `head`: go on from another position, where there is one, or give up.
    #[cold]
    fn pop_nothing(&self, head: usize) -> Result<(), PopError> {
        // ORDERING: Relaxed; the same position again says that the stamp was not of a later lap.
        if self.head.load(Relaxed) != head {
            return Ok(());
        }
        // ORDERING: Relaxed, the hint; `tail` decides.
        if !self.may_be_closed.load(Relaxed) {
            return Err(PopError::Empty);
        }
        // ORDERING: Acquire pairs with the Release in `close`: who learns here that nothing will
        // come also learns what the closer did before.
        let tail = self.tail.load(Acquire);
        // With nothing claimed at the head, and nothing to be claimed ever (invariant 5), nothing
        // will come.
        Err(if tail == head | CLOSED {
            PopError::Closed
        } else {
            PopError::Empty
        })
    }
}

impl<T> Drop for Queue<T> {
    fn drop(&mut self) {
        /// Goes on where the drop of a value panicked.
        struct Rest<'a, T>(&'a Queue<T>);
        impl<T> Drop for Rest<'_, T> {
            fn drop(&mut self) {
                while let Ok(value) = self.0.pop() {
                    drop(value);
                }
            }
        }
        let rest = Rest(self);
        while let Ok(value) = self.pop() {
            drop(value);
        }
        drop(rest);
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
