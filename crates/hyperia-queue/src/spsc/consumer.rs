//! The popping end. States, invariants and orderings are those of the queue.

use alloc::vec::Vec;
use core::fmt;
use core::mem::ManuallyDrop;
use core::panic::{RefUnwindSafe, UnwindSafe};
#[cfg(not(hyperia_loom))]
use core::slice;

use super::{ENDED, REFUSED, Shared};
use crate::PopError;
use crate::primitive::Arc;
use crate::primitive::Ordering::*;

/// The popping end of a [`bounded`](super::bounded) queue.
///
/// Dropping it closes the queue and drops what is inside. The values of a push that is under way at that
/// time are dropped with the producer.
pub struct Consumer<T> {
    /// Taken out by the drop alone.
    shared: ManuallyDrop<Arc<Shared<T>>>,
    /// What `Shared::head` is.
    head: usize,
    /// What `Shared::tail` was some time ago.
    tail: usize,
}

impl<T> Consumer<T> {
    pub(super) fn new(shared: Arc<Shared<T>>, start: usize) -> Self {
        Self {
            shared: ManuallyDrop::new(shared),
            head: start,
            tail: start,
        }
    }

    /// Pops the oldest value.
    ///
    /// # Errors
    /// [`PopError::Empty`] if there is none, and [`PopError::Closed`] if there will never be one (after a
    /// close by this side not [before the producer knows](super#what-a-close-by-the-consumer-means)).
    ///
    /// # Complexity
    /// A few loads and stores, no read-modify-write.
    #[inline]
    pub fn pop(&mut self) -> Result<T, PopError> {
        self.need(1)?;
        // SAFETY: there is one at `head`.
        let value = unsafe { self.take() };
        self.vacate();
        Ok(value)
    }

    /// Pops up to `limit` values, the oldest first, and appends them to `values`. Returns how many.
    ///
    /// # Errors
    /// As [`pop`](Self::pop), if there was not even one. With a `limit` of 0, `Ok(0)`.
    ///
    /// # Complexity
    /// One store that the producer notices, however many there are; `values` grows as it needs to, before
    /// anything is taken.
    #[inline]
    pub fn pop_many(&mut self, values: &mut Vec<T>, limit: usize) -> Result<usize, PopError> {
        if limit == 0 {
            return Ok(0);
        }
        self.need(limit)?;
        let count = self.known().min(limit);
        values.reserve(count);
        // There is room, so this neither allocates nor panics.
        values.extend((0..count).map(|_| {
            // SAFETY: there are at least `count` of them.
            unsafe { self.take() }
        }));
        self.vacate();
        Ok(count)
    }

    /// The oldest value, which stays where it is.
    ///
    /// # Examples
    /// ```
    /// let (mut producer, mut consumer) = hyperia_queue::spsc::bounded(1);
    /// producer.push(7).unwrap();
    /// assert_eq!(consumer.peek(), Ok(&7));
    /// assert_eq!(consumer.pop(), Ok(7));
    /// ```
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    #[inline]
    pub fn peek(&mut self) -> Result<&T, PopError> {
        self.need(1)?;
        Ok(self.shared.slot(self.head).with(|place| {
            // SAFETY: there is one at `head`; it stays there and is reached by nobody else as long as the
            // consumer is borrowed (invariant 3).
            unsafe { (*place).assume_init_ref() }
        }))
    }

    /// Up to `limit` values, the oldest first, in two slices of which the second one goes on where the first
    /// one ends: it is empty unless the values lie around the end of the ring. They stay where they are
    /// until [`advance`](Self::advance).
    ///
    /// # Examples
    /// ```
    /// let (mut producer, mut consumer) = hyperia_queue::spsc::bounded(8);
    /// producer.push_iter(*b"GET /\r\n").unwrap();
    /// let (line, _) = consumer.peek_many(usize::MAX).unwrap();
    /// let end = line.iter().position(|&byte| byte == b'\r').unwrap();
    /// assert_eq!(&line[..end], b"GET /");
    /// assert_eq!(consumer.advance(end + 2), 7);
    /// ```
    ///
    /// # Errors
    /// As [`pop`](Self::pop), if there was not even one. With a `limit` of 0, two empty slices.
    // The model checker's cells do not lie side by side.
    #[cfg(not(hyperia_loom))]
    #[inline]
    pub fn peek_many(&mut self, limit: usize) -> Result<(&[T], &[T]), PopError> {
        self.need(limit)?;
        let count = self.known().min(limit);
        let start = self.head & (self.shared.slots.len() - 1);
        let before_end = count.min(self.shared.slots.len() - start);
        let slots = self.shared.slots.as_ptr();
        // SAFETY: a slot is laid out as its value; from `start` on there are `before_end` slots in the ring,
        // and the others from its beginning. These are the slots from `head` to a tail that was loaded, which
        // are initialized, stay so, and are reached by nobody else as long as the consumer is borrowed
        // (invariant 3).
        Ok(unsafe {
            (
                slice::from_raw_parts(slots.add(start).cast(), before_end),
                slice::from_raw_parts(slots.cast(), count - before_end),
            )
        })
    }

    /// Drops the `count` oldest values, or all there are if they are fewer. Returns how many.
    ///
    /// If the drop of one panics, it is gone with those before it, and the others are still inside.
    ///
    /// # Complexity
    /// One store that the producer notices, however many there are.
    #[inline]
    pub fn advance(&mut self, count: usize) -> usize {
        /// Hands the places back, also if a drop panics.
        struct Vacate<'a, T>(&'a mut Consumer<T>);
        impl<T> Drop for Vacate<'_, T> {
            fn drop(&mut self) {
                self.0.vacate();
            }
        }
        // If there is nothing, no matter why, nothing is dropped.
        let _ = self.need(count);
        let count = self.known().min(count);
        let batch = Vacate(self);
        let Consumer { shared, head, .. } = &mut *batch.0;
        let end = head.wrapping_add(count);
        // SAFETY: there are at least `count` of them, which the consumer alone reaches (invariant 3) until
        // `head`, which is moved past each before its drop, is stored.
        unsafe { shared.drop_values(head, end) };
        count
    }

    /// Closes the queue: no later push succeeds, except for one that is under way. `true` if this call did
    /// it, and not the producer before. What was pushed is still popped; see
    /// [what it means](super#what-a-close-by-the-consumer-means).
    pub fn close(&self) -> bool {
        self.shared.refuse()
    }

    /// Whether the queue is closed, by whomever; there may still be something to pop.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        // ORDERING: Acquire pairs with that Release in `end`, for whoever acts on the answer.
        self.shared.closed.load(Acquire) != 0
    }

    /// How many values there are: at most as many as there are when this returns, and never more than the
    /// capacity.
    #[must_use]
    pub fn len(&self) -> usize {
        // ORDERING: Relaxed, a count that only grows meanwhile; no value is looked at.
        self.shared.tail.load(Relaxed).wrapping_sub(self.head)
    }

    /// Whether there is nothing to pop.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many values there is room for, when there are none.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.capacity
    }

    /// How many values are known to be there.
    #[inline(always)]
    fn known(&self) -> usize {
        self.tail.wrapping_sub(self.head)
    }

    /// Succeeds if there is one value at least, or none is `wanted`; looks for more than are known if they
    /// are fewer than that.
    #[inline(always)]
    fn need(&mut self, wanted: usize) -> Result<(), PopError> {
        if self.known() < wanted {
            self.tail = self.shared.look();
            if self.tail == self.head {
                self.tail = self.shared.pop_nothing(self.head)?;
            }
        }
        Ok(())
    }

    /// Moves the oldest value out; its place is not handed back yet.
    ///
    /// # Safety
    /// `head` is before `tail`.
    #[inline(always)]
    unsafe fn take(&mut self) -> T {
        debug_assert_ne!(self.head, self.tail);
        let value = self.shared.slot(self.head).with(|place| {
            // SAFETY: positions from `head` to `tail` are initialized, and the consumer's alone (invariant
            // 3); by the contract `head` is one of them, and it is moved on below.
            unsafe { (*place).assume_init_read() }
        });
        self.head = self.head.wrapping_add(1);
        value
    }

    /// Hands back the places of what was moved out or dropped.
    #[inline(always)]
    fn vacate(&self) {
        self.shared.vacate(self.head);
    }
}

/// What the consumer does with what is shared.
impl<T> Shared<T> {
    /// The tail, and with it the values before it.
    #[inline(always)]
    fn look(&self) -> usize {
        // ORDERING: Acquire pairs with the Release in `Producer::publish`: the values are there before they
        // are read.
        self.tail.load(Acquire)
    }

    /// Hands back the places before `head`.
    #[inline(always)]
    pub(super) fn vacate(&self, head: usize) {
        // ORDERING: Release pairs with the Acquire in `limit`: the values have been moved out.
        self.head.store(head, Release);
    }

    /// Closes the queue: the consumer wants no more. `true` if nobody had closed it.
    fn refuse(&self) -> bool {
        // ORDERING: Release pairs with the Acquire in `notice_close`: carries what was done before the close.
        self.closed.fetch_or(REFUSED, Release) == 0
    }

    /// What to do when there seems to be nothing for a consumer at `head`: say whether there will be, unless
    /// there is after all. Then returns the tail.
    ///
    /// By value, so that what the consumer knows may stay in registers.
    #[cold]
    #[inline(never)]
    fn pop_nothing(&self, head: usize) -> Result<usize, PopError> {
        // ORDERING: Acquire pairs with the Release in `end`: brings the last `tail` with all its values, and
        // who learns that nothing will come also learns what the closer did before.
        if self.closed.load(Acquire) & ENDED == 0 {
            return Err(PopError::Empty);
        }
        // ORDERING: Relaxed: it is the last one, and was acquired with `ENDED`.
        let tail = self.tail.load(Relaxed);
        if tail == head {
            return Err(PopError::Closed);
        }
        Ok(tail)
    }
}

// Code of the user, the drops of values, runs inside `advance` and the drop alone, which leave the queue
// whole when it panics.
impl<T> UnwindSafe for Consumer<T> {}
impl<T> RefUnwindSafe for Consumer<T> {}

impl<T> Drop for Consumer<T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the consumer is not used any more. By value, for the reason that is said at `pop_nothing`.
        leave(unsafe { ManuallyDrop::take(&mut self.shared) }, self.head);
    }
}

/// The end of a consumer at `head`.
#[cold]
#[inline(never)]
fn leave<T>(shared: Arc<Shared<T>>, head: usize) {
    shared.refuse();
    let tail = shared.look();
    // SAFETY: these are initialized (invariant 3), and reached by the consumer alone, which is no more.
    unsafe { shared.drop_rest(head, tail) };
}

impl<T> fmt::Debug for Consumer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
