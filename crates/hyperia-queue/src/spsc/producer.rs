//! The pushing end. States, invariants and orderings are those of the queue.

use alloc::vec::Vec;
use core::fmt;
use core::mem::ManuallyDrop;
use core::panic::{RefUnwindSafe, UnwindSafe};

use super::{ENDED, REFUSED, Shared};
use crate::PushError;
use crate::primitive::Arc;
use crate::primitive::Ordering::*;

/// The pushing end of a [`bounded`](super::bounded) queue.
///
/// Dropping it closes the queue; what is inside is still popped.
pub struct Producer<T> {
    /// Taken out by the drop alone.
    shared: ManuallyDrop<Arc<Shared<T>>>,
    /// What `Shared::tail` is.
    tail: usize,
    /// The first position that is not known to be free: the capacity behind a `head` of some time ago.
    limit: usize,
}

impl<T> Producer<T> {
    pub(super) fn new(shared: Arc<Shared<T>>, start: usize) -> Self {
        let limit = start.wrapping_add(shared.capacity);
        Self {
            shared: ManuallyDrop::new(shared),
            tail: start,
            limit,
        }
    }

    /// Pushes a value.
    ///
    /// # Errors
    /// [`PushError::Closed`] if the queue is closed, [`PushError::Full`] if there is no room; the value is inside.
    ///
    /// # Complexity
    /// A few loads and stores, no read-modify-write.
    #[inline]
    pub fn push(&mut self, value: T) -> Result<(), PushError<T>> {
        if let Err(error) = self.make_room(1) {
            return Err(error.with(value));
        }
        // SAFETY: there is room at `tail`.
        unsafe { self.fill(value) };
        self.publish();
        Ok(())
    }

    /// Pushes what the iterator yields, as long as there is room; all of it is published together, at
    /// the end. Returns how many there were.
    ///
    /// The iterator is not asked for a value for which there is no room. Room that comes up meanwhile may be
    /// left to the next call, so this ends also if the iterator does not. If the iterator panics, what it
    /// had yielded is pushed.
    ///
    /// # Examples
    /// ```
    /// let (mut producer, mut consumer) = hyperia_queue::spsc::bounded(3);
    /// let mut numbers = 0..;
    /// assert_eq!(producer.push_iter(&mut numbers), Ok(3));
    /// assert_eq!(numbers.next(), Some(3));
    /// assert_eq!(consumer.pop(), Ok(0));
    /// ```
    ///
    /// # Errors
    /// As [`push`](Self::push), if there is no room for even one or the queue is closed; then the iterator
    /// is not asked.
    ///
    /// # Complexity
    /// One store that the consumer notices, however many there are.
    #[inline]
    pub fn push_iter(
        &mut self,
        values: impl IntoIterator<Item = T>,
    ) -> Result<usize, PushError<()>> {
        self.make_room(1)?;
        let batch = Batch(self);
        let start = batch.0.tail;
        let mut values = values.into_iter();
        batch.0.fill_room(&mut values);
        if batch.0.known_room() == 0 {
            // There may be more values, and more room than was known. A close has come too late for this
            // push, and is noticed by the next: not before this one is published (invariant 4).
            batch.0.limit = batch.0.shared.limit();
            batch.0.fill_room(&mut values);
        }
        Ok(batch.0.tail.wrapping_sub(start))
    }

    /// Pushes as many of the first `values` as there is room for, and removes them from `values`. Returns
    /// how many.
    ///
    /// # Examples
    /// ```
    /// let (mut producer, _consumer) = hyperia_queue::spsc::bounded(2);
    /// let mut values = vec![1, 2, 3];
    /// assert_eq!(producer.push_many(&mut values), Ok(2));
    /// assert_eq!(values, [3]);
    /// ```
    ///
    /// # Errors
    /// As [`push`](Self::push), if not even one was pushed. Without `values`, `Ok(0)`.
    ///
    /// # Complexity
    /// As [`push_iter`](Self::push_iter); what stays in `values` is moved to its front.
    #[inline]
    pub fn push_many(&mut self, values: &mut Vec<T>) -> Result<usize, PushError<()>> {
        if values.is_empty() {
            return Ok(0);
        }
        self.make_room(values.len())?;
        let count = self.known_room().min(values.len());
        Batch(self).0.fill_room(&mut values.drain(..count));
        Ok(count)
    }

    /// Closes the queue: no later push succeeds. `true` if this call did it, and not the consumer before.
    pub fn close(&self) -> bool {
        self.shared.end()
    }

    /// Whether the queue is closed: no later push succeeds. The consumer may go by it that this has been
    /// noticed, as by a push that fails.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.notice_close()
    }

    /// How many values there are: at least as many as are left when this returns, at most the capacity.
    #[must_use]
    pub fn len(&self) -> usize {
        // ORDERING: Relaxed, a count that only shrinks meanwhile; nothing is done to the slots.
        self.tail.wrapping_sub(self.shared.head.load(Relaxed))
    }

    /// Whether everything has been popped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many values there is room for, when there are none.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.capacity
    }

    /// Succeeds if there is room for one value at least; looks for more than is known if that is less than
    /// `wanted`.
    #[inline(always)]
    fn make_room(&mut self, wanted: usize) -> Result<(), PushError<()>> {
        // ORDERING: Relaxed: whoever is told `Closed` looks again, with Acquire.
        let closed = self.shared.closed.load(Relaxed);
        if closed != 0 || self.known_room() < wanted {
            self.limit = self.shared.look_for_room(self.tail)?;
        }
        Ok(())
    }

    /// How much room is known to be there.
    #[inline(always)]
    fn known_room(&self) -> usize {
        self.limit.wrapping_sub(self.tail)
    }

    /// Moves in what the iterator yields, as long as there is room that is known of.
    #[inline(always)]
    fn fill_room(&mut self, values: &mut impl Iterator<Item = T>) {
        let room = self.known_room();
        for value in values.take(room) {
            // SAFETY: there is room for `room` of them, and these are at most that many.
            unsafe { self.fill(value) };
        }
    }

    /// Moves a value in, behind the others; it is not published yet.
    ///
    /// # Safety
    /// `tail` is before `limit`.
    #[inline(always)]
    unsafe fn fill(&mut self, value: T) {
        debug_assert_ne!(self.tail, self.limit);
        self.shared.slot(self.tail).with_mut(|place| {
            // SAFETY: positions from the published tail to `limit` are free, and the producer's alone
            // (invariant 3); by the contract `tail` is one of them, and it is moved on below.
            unsafe { (*place).write(value) };
        });
        self.tail = self.tail.wrapping_add(1);
    }

    /// Hands over what was moved in.
    #[inline(always)]
    fn publish(&self) {
        // ORDERING: Release pairs with the Acquire of `tail` in `look`: carries the values.
        self.shared.tail.store(self.tail, Release);
    }
}

/// Publishes what was moved in, also if an iterator panics.
struct Batch<'a, T>(&'a mut Producer<T>);

impl<T> Drop for Batch<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.0.publish();
    }
}

/// What the producer does with what is shared.
impl<T> Shared<T> {
    /// Closes the queue for good: the producer pushes no more. `true` if nobody had closed it.
    fn end(&self) -> bool {
        // ORDERING: Release pairs with the Acquire in `pop_nothing`, which says `Closed`: carries the last
        // `tail`, and what was done before the close.
        self.closed.fetch_or(ENDED, Release) == 0
    }

    /// Whether the queue is closed; if the consumer did it, lets it know.
    fn notice_close(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `refuse`: who is told so knows what the
        // consumer did before.
        let closed = self.closed.load(Acquire);
        if closed == REFUSED {
            self.end();
        }
        closed != 0
    }

    /// Looks how much room there is for a producer at `tail`. Returns the limit, if that is not `tail`.
    ///
    /// By value, so that what the producer knows may stay in registers.
    #[cold]
    #[inline(never)]
    fn look_for_room(&self, tail: usize) -> Result<usize, PushError<()>> {
        if self.notice_close() {
            return Err(PushError::Closed(()));
        }
        let limit = self.limit();
        if limit == tail {
            return Err(PushError::Full(()));
        }
        Ok(limit)
    }

    /// The first position that is not free.
    #[inline]
    fn limit(&self) -> usize {
        // ORDERING: Acquire pairs with the Release in `vacate`: what was in the slots before
        // `head` has been moved out before something is moved in.
        self.head.load(Acquire).wrapping_add(self.capacity)
    }
}

// Code of the user runs inside `push_iter` alone, which leaves the queue whole when it panics.
impl<T> UnwindSafe for Producer<T> {}
impl<T> RefUnwindSafe for Producer<T> {}

impl<T> Drop for Producer<T> {
    #[inline]
    fn drop(&mut self) {
        self.close();
        // Moved out first, so that the positions may stay in registers for as long as the producer does in
        // one function: the drop of an `Arc` takes the address of what it is in.
        // SAFETY: the producer is not used any more.
        drop(unsafe { ManuallyDrop::take(&mut self.shared) });
    }
}

impl<T> fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
