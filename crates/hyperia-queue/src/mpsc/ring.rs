//! A bounded queue of slots in a ring: many producers, one consumer.
//!
//! # Picture
//! ```text
//!          head: next to pop             tail: next to push        + reserved
//!            │                             │                         │
//!   ┌──────┬─▼────┬──────┬──────┬──────┬───▼──┬──────┬──────┬──────┬─▼────┐
//!   │ free │ full │ full │ full │ full │ free │ free │ free │ free │ free │
//!   └──────┴──────┴──────┴──────┴──────┴──────┴──────┴──────┴──────┴──────┘
//! ```
//! Positions count up for ever and wrap around; the slot of a position is its lowest bits, and the bit above
//! them says whether the lap is even. There are as many slots as the next power of two.
//!
//! | bits of `tail` | meaning |
//! |---|---|
//! | 0 | closed: no push succeeds any more |
//! | 1 to 16 | how many places are reserved: for somebody, but nowhere in particular |
//! | 17 to 63 | the position of the next push |
//!
//! `head` and `limit` are positions in the same place, with 0 below. The *end* is the tail's position plus what
//! is reserved.
//!
//! # Invariants
//! 1. A position is claimed for a push by moving `tail` past it, by compare-exchange and once.
//! 2. Only the consumer stores `head`.
//! 3. `head <= tail <= end <= head + capacity`, as distances. Who moves the end on has seen in `limit`, which
//!    is an older `head` plus the capacity, or in `head`, that there is room. A push of what was reserved
//!    leaves the end where it is.
//! 4. A slot is full when its `lap` bit is that of the position, `true` in even laps; it is filled once in
//!    each lap. Its value is initialized from then until the consumer moves `head` past it.
//! 5. Once `closed` is set, the position of `tail` never changes.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries | Model |
//! |---|---|---|---|---|
//! | fill → pop | `push` stores `lap` | `pop` loads it | the value | `two_producers_fill_what_one_consumer_pops` |
//! | pop → room | `pop` stores `head` | `look_for_room` loads it | that the values were moved out | `a_push_into_a_full_queue_meets_a_pop` |
//! | room → known room | `look_for_room` stores `limit` | `known_room` loads it | the same, from another producer | `room_that_one_producer_saw_is_used_by_another` |
//! | claim → push of a reserved place | `claim` moves `tail` | `push_reserved` loads it | the same, for room that others saw | `room_that_a_push_saw_is_used_by_a_reserved_push` |
//! | close → closed | `close` | whoever says `Closed` | what the closer did before | `a_push_refused_at_full_knows_what_the_closer_did`, `closed_is_said_only_when_nothing_is_left` |
//!
//! The compare-exchange of a simple push is Relaxed. Nothing is reserved then, so what it moves the end past, it
//! moves the position past: no reserved push ever goes there by the room it saw. And it is a read-modify-write,
//! so the release sequences of the claims before go on through it, as they do through `unreserve`.
//!
//! # Progress
//! `push` is lock-free: an attempt fails only because another one succeeded. `pop` is wait-free. A producer that
//! is stopped between claim and fill hides its value and all behind it until it goes on: `pop` says `Empty`
//! meanwhile.
//!
//! A position comes back after 2^47 pushes. A thread stopped between two of its instructions for that many, give
//! or take the capacity, would mistake it.
//!
//! # Cost
//! `push`: one compare-exchange, one store; the line of `head` is looked at when the room that was known is used
//! up. `pop`: no read-modify-write, and no write to the slots. A byte beside each value; nothing is allocated
//! after construction.
//!
//! # Sources
//! The ring of Dmitry Vyukov, *Bounded MPMC queue*, 2010, with one consumer; the remembered room of the spsc
//! ring, here shared by the producers. Added: places that are reserved by number (a place that is held open
//! would keep all behind it), the close.

mod batch;
#[cfg(all(test, hyperia_loom))]
mod loom;
mod reserve;
mod slot;
#[cfg(all(test, not(hyperia_loom)))]
mod tests;

use alloc::boxed::Box;
use core::fmt;
use core::mem::MaybeUninit;

use self::slot::{Slot, lap};
use crate::backoff::Backoff;
use crate::padded::Padded;
use crate::primitive::Ordering::*;
use crate::primitive::{AtomicBool, AtomicU64, UnsafeCell};
use crate::{PopError, PushError};

/// Bit of `tail`: no push succeeds any more.
const CLOSED: u64 = 1;
/// One reserved place.
const RESERVED: u64 = 2;
/// All bits that count reserved places.
const RESERVED_MASK: u64 = 0xffff * RESERVED;
/// One position.
const ONE: u64 = 1 << 17;

/// The position in a tail.
fn position(tail: u64) -> u64 {
    tail & !(ONE - 1)
}

/// The position behind what is claimed and what is reserved.
fn end(tail: u64) -> u64 {
    position(tail).wrapping_add((tail & RESERVED_MASK) * (ONE / RESERVED))
}

/// A bounded queue from many producers to one consumer, without handles: for those who make their own.
///
/// Who wants handles takes [`mpsc::bounded`](super::bounded).
///
/// # Examples
/// ```
/// use hyperia_queue::{PopError, PushError, mpsc::raw::Ring};
///
/// let ring = Ring::new(2);
/// ring.push('a')?;
/// ring.reserve()?;
/// assert_eq!(ring.push('c'), Err(PushError::Full('c')));
/// // SAFETY: one place was reserved above, and is used once.
/// unsafe { ring.push_reserved('b')? };
/// // SAFETY: nobody else pops.
/// unsafe {
///     assert_eq!(ring.pop(), Ok('a'));
///     assert_eq!(ring.pop(), Ok('b'));
///     assert_eq!(ring.pop(), Err(PopError::Empty));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Ring<T> {
    tail: Padded<Tail>,
    /// Next to pop.
    head: Padded<AtomicU64>,
    slots: Box<[Slot<T>]>,
    /// As a distance of positions.
    capacity: u64,
    /// Set after `CLOSED`, on a line that is only read: who finds nothing looks at `tail`, which is the producers', only
    /// when this says so.
    may_be_closed: AtomicBool,
}

/// What the producers share.
struct Tail {
    /// See the table above.
    word: AtomicU64,
    /// How far the end may go, as one of them saw it last; may go back, to what another one saw before.
    limit: AtomicU64,
}

// SAFETY: values are moved in on one thread and out on another, which is what `T: Send` allows; none is reached
// from two threads (invariants 1 and 4), so `T: Sync` is not needed. Popping is unsafe: its callers vouch for
// being alone.
unsafe impl<T: Send> Send for Ring<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Ring<T> {}

impl<T> Ring<T> {
    /// How many places may be reserved at one time.
    pub const MAX_RESERVED: usize = 65_535;

    /// Makes an empty queue with room for `capacity` values, any number from 1.
    ///
    /// # Panics
    /// If `capacity` is zero, above a quarter of `usize::MAX`, or above 2^45.
    #[must_use]
    #[track_caller]
    pub fn new(capacity: usize) -> Self {
        Self::starting_at(capacity, 0)
    }

    /// The same, with the positions beginning at lap number `laps`: tests begin shortly before the wrap-around.
    #[track_caller]
    fn starting_at(capacity: usize, laps: u64) -> Self {
        assert!(capacity > 0, "capacity must be greater than zero");
        assert!(
            capacity <= usize::MAX / 4 && capacity as u64 <= 1 << 45,
            "capacity must be at most usize::MAX / 4 and at most 2^45"
        );
        let slots = capacity.next_power_of_two();
        let start = laps.wrapping_mul(slots as u64 * ONE);
        let capacity = capacity as u64 * ONE;
        let slot = |_| Slot {
            lap: AtomicBool::new(!lap(start, slots)),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        };
        Self {
            tail: Padded(Tail {
                word: AtomicU64::new(start),
                limit: AtomicU64::new(start.wrapping_add(capacity)),
            }),
            head: Padded(AtomicU64::new(start)),
            slots: (0..slots).map(slot).collect(),
            capacity,
            may_be_closed: AtomicBool::new(false),
        }
    }

    /// Pushes a value.
    ///
    /// # Errors
    /// [`PushError::Closed`] if the queue is closed, [`PushError::Full`] if there is no room, or none but what is
    /// reserved; the value is inside.
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
    /// The claim is a read-modify-write; with a sequentially consistent fence in front of what it looks at (which costs
    /// nothing on processors whose read-modify-writes are fences) `look` sees who waits, or that one sees the claim: in
    /// [`is_empty`](Self::is_empty), after a fence of its own.
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
        let mut tail = self.tail.word.load(Relaxed);
        let mut backoff = Backoff::new();
        // Neither closed nor anything reserved.
        while tail & (ONE - 1) == 0 && self.known_room(tail) > 0 {
            let next = tail.wrapping_add(ONE);
            // ORDERING: Relaxed, hands out a position; `known_room` acquired what was in its slot.
            match self
                .tail
                .word
                .compare_exchange_weak(tail, next, Relaxed, Relaxed)
            {
                Ok(_) => {
                    let seen = look();
                    // SAFETY: the exchange claimed the position, and `known_room` saw room for it.
                    unsafe { self.fill(tail, value) };
                    return Ok(seen);
                }
                Err(now) => {
                    tail = now;
                    backoff = backoff.spin();
                }
            }
        }
        self.push_slow(value, look)
    }

    /// Pushes where the fast way does not.
    #[cold]
    #[inline(never)]
    fn push_slow<R>(&self, value: T, look: impl FnOnce() -> R) -> Result<R, PushError<T>> {
        match self.claim(1, ONE) {
            Ok((tail, _)) => {
                let seen = look();
                // SAFETY: `claim` claimed it, and saw room for it.
                unsafe { self.fill(position(tail), value) };
                Ok(seen)
            }
            Err(error) => Err(error.with(value)),
        }
    }

    /// Pops the oldest value.
    ///
    /// # Errors
    /// [`PopError::Empty`] if it is not there yet, and [`PopError::Closed`] if the queue is closed and everything
    /// pushed before has been popped.
    ///
    /// # Safety
    /// No other thread pops, and calls are ordered by happens-before: there is one consumer.
    #[inline]
    pub unsafe fn pop(&self) -> Result<T, PopError> {
        // ORDERING: Relaxed, the consumer's own.
        let head = self.head.load(Relaxed);
        let slot = self.slot(head);
        // ORDERING: Acquire pairs with the Release in `fill`: the value is there before it is read.
        if slot.lap.load(Acquire) != self.lap(head) {
            return Err(self.pop_nothing(head));
        }
        // SAFETY: the slot is full (invariant 4), and read once: `head` moves past it below.
        let value = unsafe { slot.take() };
        self.vacate(head.wrapping_add(ONE));
        Ok(value)
    }

    /// Closes the queue: no later push succeeds, to a reserved place neither. `true` if this call did it. What was
    /// pushed before is still popped.
    pub fn close(&self) -> bool {
        // ORDERING: Release pairs with the Acquire of whoever says `Closed`: carries what was done before the
        // close.
        let is_first = self.tail.word.fetch_or(CLOSED, Release) & CLOSED == 0;
        // ORDERING: Relaxed, a hint to look at `tail`; whoever is woken after the close sees it.
        self.may_be_closed.store(true, Relaxed);
        is_first
    }

    /// Whether the queue is closed; there may still be something to pop.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        // ORDERING: Acquire pairs with that Release in `close`, for whoever acts on the answer.
        self.tail.word.load(Acquire) & CLOSED != 0
    }

    /// How many values there are: exact when no other call is under way, otherwise a number between 0 and the
    /// capacity that may be out of date.
    #[must_use]
    pub fn len(&self) -> usize {
        // ORDERING: Relaxed, both: a hint. In this order the tail may only be too new.
        let head = self.head.load(Relaxed);
        // ORDERING: Relaxed, as for the head above.
        let tail = self.tail.word.load(Relaxed);
        let len = position(tail).wrapping_sub(head);
        // As a signed number it is negative if this tail is older than this head all the same.
        let len = if len > u64::MAX / 2 { 0 } else { len };
        (len.min(self.capacity) / ONE) as usize
    }

    /// Whether there is nothing to pop; as exact as [`len`](Self::len).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many values there is room for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        (self.capacity / ONE) as usize
    }

    /// Pops and drops whatever is ready; a value whose drop panics does not keep the others alive.
    ///
    /// # Safety
    /// As for [`pop`](Self::pop).
    pub unsafe fn clear(&self) {
        struct Rest<'a, T>(&'a Ring<T>);
        impl<T> Drop for Rest<'_, T> {
            fn drop(&mut self) {
                // SAFETY: the contract of `clear`, in which this lives.
                while let Ok(value) = unsafe { self.0.pop() } {
                    drop(value);
                }
            }
        }
        let rest = Rest(self);
        // SAFETY: the contract of this function.
        while let Ok(value) = unsafe { self.pop() } {
            drop(value);
        }
        drop(rest);
    }

    /// The slot of a position.
    #[inline(always)]
    fn slot(&self, position: u64) -> &Slot<T> {
        let index = self.index(position);
        debug_assert!(index < self.slots.len());
        // SAFETY: the number of slots is a power of two, so the mask keeps the index below it.
        unsafe { self.slots.get_unchecked(index) }
    }

    #[inline(always)]
    fn index(&self, position: u64) -> usize {
        (position / ONE) as usize & (self.slots.len() - 1)
    }

    #[inline(always)]
    fn lap(&self, position: u64) -> bool {
        lap(position, self.slots.len())
    }

    /// How many values there is room for behind the end of `tail`, as far as a producer has seen.
    #[inline(always)]
    fn known_room(&self, tail: u64) -> u64 {
        // ORDERING: Acquire pairs with the Release in `look_for_room`: what was in the slots up to `limit` has been
        // moved out.
        self.room(self.tail.limit.load(Acquire), tail)
    }

    /// The same, by a look at the consumer, for the others, too.
    #[cold]
    fn look_for_room(&self, tail: u64) -> u64 {
        // ORDERING: Acquire pairs with the Release in `vacate`: what was in the slots has been moved out.
        let limit = self.head.load(Acquire).wrapping_add(self.capacity);
        // ORDERING: Release passes that on to the Acquire in `known_room`.
        self.tail.limit.store(limit, Release);
        self.room(limit, tail)
    }

    /// From the end of `tail` to `limit`; 0 if one of them is so old that the end lies behind.
    #[inline(always)]
    fn room(&self, limit: u64, tail: u64) -> u64 {
        let room = limit.wrapping_sub(end(tail));
        if room <= self.capacity { room / ONE } else { 0 }
    }

    /// Moves `tail` by `unit` up to `most` times, as often as there is room. Returns what it was, and how often.
    #[track_caller]
    fn claim(&self, most: u64, unit: u64) -> Result<(u64, u64), PushError<()>> {
        // ORDERING: Acquire for the answer `Closed`, which pairs with the Release in `close`.
        let mut tail = self.tail.word.load(Acquire);
        let mut backoff = Backoff::new();
        loop {
            if tail & CLOSED != 0 {
                return Err(PushError::Closed(()));
            }
            let mut room = self.known_room(tail);
            // For none, too, there must be room.
            if room < most.max(1) {
                room = self.look_for_room(tail);
            }
            if room == 0 {
                // ORDERING: Acquire as above. The consumer has seen the pushes up to the `head` just loaded, so
                // this is not older than that: the same tail again says that there was no room, for all that this
                // thread knows of the consumer.
                let now = self.tail.word.load(Acquire);
                if now == tail {
                    return Err(PushError::Full(()));
                }
                tail = now;
                backoff = backoff.spin();
                continue;
            }
            let count = room.min(most);
            assert!(
                unit != RESERVED || tail & RESERVED_MASK != RESERVED_MASK,
                "65,535 places are reserved already"
            );
            let next = tail.wrapping_add(count.wrapping_mul(unit));
            // ORDERING: Release pairs with the Acquire in `push_reserved`, for whom this thread has seen room. On
            // failure Acquire, as above.
            match self
                .tail
                .word
                .compare_exchange_weak(tail, next, Release, Acquire)
            {
                Ok(_) => return Ok((tail, count)),
                Err(now) => {
                    tail = now;
                    backoff = backoff.spin();
                }
            }
        }
    }

    /// Moves a value in and publishes it.
    ///
    /// # Safety
    /// The caller claimed `position`, and what was in its slot before was moved out before that.
    #[inline(always)]
    unsafe fn fill(&self, position: u64, value: T) {
        // SAFETY: the contract is the same.
        unsafe { self.slot(position).fill(self.lap(position), value) };
    }

    /// Gives the slots before `head` to the producers.
    #[inline(always)]
    fn vacate(&self, head: u64) {
        // ORDERING: Release pairs with the Acquire in `look_for_room`: the values have been moved out.
        self.head.store(head, Release);
    }

    /// Why nothing is ready at the head.
    #[cold]
    fn pop_nothing(&self, head: u64) -> PopError {
        // ORDERING: Relaxed, the hint; `tail` decides.
        if !self.may_be_closed.load(Relaxed) {
            return PopError::Empty;
        }
        // ORDERING: Acquire pairs with that Release in `close`: who learns that nothing will come also learns what
        // the closer did before.
        let tail = self.tail.word.load(Acquire);
        // With nothing claimed at the head, and nothing to be claimed ever (invariant 5), nothing will come.
        if tail & CLOSED != 0 && position(tail) == head {
            PopError::Closed
        } else {
            PopError::Empty
        }
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        // SAFETY: with `&mut self` nobody else is in any function, and all pushes are over.
        unsafe { self.clear() };
    }
}

impl<T> fmt::Debug for Ring<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
