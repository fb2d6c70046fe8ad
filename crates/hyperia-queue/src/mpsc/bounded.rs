//! The ends of a bounded queue. States, invariants and orderings are those of the [ring](super::raw::Ring).

use alloc::vec::Vec;
use core::fmt;
use core::mem;
use core::panic::{RefUnwindSafe, UnwindSafe};

use super::ring::Ring;
use crate::primitive::Ordering::*;
use crate::primitive::{Arc, AtomicUsize};
use crate::{PopError, PushError};

/// Makes an empty queue with room for `capacity` values, any number from 1: its first producer and its consumer.
///
/// # Examples
/// ```
/// use hyperia_queue::{PushError, mpsc};
///
/// let (producer, mut consumer) = mpsc::bounded(2);
/// let place = producer.reserve()?; // for what is not there yet
/// producer.push('a')?;
/// assert_eq!(producer.push('c'), Err(PushError::Full('c')));
/// place.push('b')?;
/// assert_eq!((consumer.pop(), consumer.pop()), (Ok('a'), Ok('b')));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
/// If `capacity` is zero, above a quarter of `usize::MAX`, or above 2^45.
///
/// # Complexity
/// Two allocations: what the handles share, and as many slots as the next power of two.
#[must_use]
#[track_caller]
pub fn bounded<T>(capacity: usize) -> (BoundedProducer<T>, BoundedConsumer<T>) {
    let shared = Arc::new(Shared {
        ring: Ring::new(capacity),
        producers: AtomicUsize::new(1),
    });
    (
        BoundedProducer {
            shared: Arc::clone(&shared),
        },
        BoundedConsumer { shared },
    )
}

struct Shared<T> {
    ring: Ring<T>,
    /// Producers that live; the last one closes.
    producers: AtomicUsize,
}

/// The pushing end of a [`bounded`] queue.
pub struct BoundedProducer<T> {
    shared: Arc<Shared<T>>,
}

/// The popping end of a [`bounded`] queue.
///
/// Dropping it closes the queue and drops what is inside. The value of a push that is under way at that time is
/// dropped with the last producer.
pub struct BoundedConsumer<T> {
    shared: Arc<Shared<T>>,
}

impl<T> BoundedProducer<T> {
    /// Pushes a value.
    ///
    /// # Errors
    /// [`PushError::Closed`] if the queue is closed, [`PushError::Full`] if there is no room, or none but what is
    /// reserved (see [what a producer sees](super#what-a-producer-sees)); the value is inside.
    ///
    /// # Complexity
    /// One read-modify-write, retried only when another push came first.
    #[inline]
    pub fn push(&self, value: T) -> Result<(), PushError<T>> {
        self.shared.ring.push(value)
    }

    /// Pushes as many of the first `values` as there is room for, next to each other, and removes them from
    /// `values`. Returns how many.
    ///
    /// # Errors
    /// As [`push`](Self::push), if not even one was pushed. Without `values`, `Ok(0)`.
    ///
    /// # Complexity
    /// One read-modify-write for all of them; what stays in `values` is moved to its front.
    pub fn push_many(&self, values: &mut Vec<T>) -> Result<usize, PushError<()>> {
        self.shared.ring.push_many(values)
    }

    /// Reserves a place, for a push that cannot be refused for want of room.
    ///
    /// A place in number only: what others push meanwhile comes out before. A reservation that is forgotten
    /// ([`mem::forget`]) keeps its place for good.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    ///
    /// # Panics
    /// If 65,535 places are reserved already.
    ///
    /// # Complexity
    /// One read-modify-write, retried only when another one came first.
    #[track_caller]
    pub fn reserve(&self) -> Result<Reservation<'_, T>, PushError<()>> {
        self.shared.ring.reserve()?;
        Ok(Reservation(&self.shared.ring))
    }

    /// Closes the queue: no later push succeeds. `true` if this call did it.
    pub fn close(&self) -> bool {
        self.shared.ring.close()
    }

    /// Whether the queue is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.ring.is_closed()
    }

    /// How many values there are: exact when no other call is under way, otherwise a number between 0 and the
    /// capacity that may be out of date.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.ring.len()
    }

    /// Whether there is nothing in the queue; as exact as [`len`](Self::len).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shared.ring.is_empty()
    }

    /// How many values there is room for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.ring.capacity()
    }
}

impl<T> BoundedConsumer<T> {
    /// Pops the oldest value.
    ///
    /// # Errors
    /// [`PopError::Empty`] if it is not there yet (see [what a consumer sees](super#what-a-consumer-sees)), and
    /// [`PopError::Closed`] if the queue is closed and everything pushed before has been popped.
    ///
    /// # Complexity
    /// A few loads and stores, no read-modify-write.
    #[inline]
    pub fn pop(&mut self) -> Result<T, PopError> {
        // SAFETY: there is one consumer, and it is borrowed mutably.
        unsafe { self.shared.ring.pop() }
    }

    /// Pops up to `limit` values, the oldest first, and appends them to `values`. Returns how many.
    ///
    /// # Errors
    /// As [`pop`](Self::pop), if there was not even one. With a `limit` of 0, `Ok(0)`.
    ///
    /// # Complexity
    /// No read-modify-write; `values` grows as it needs to, before anything is taken.
    pub fn pop_many(&mut self, values: &mut Vec<T>, limit: usize) -> Result<usize, PopError> {
        // SAFETY: there is one consumer, and it is borrowed mutably.
        unsafe { self.shared.ring.pop_many(values, limit) }
    }

    /// Closes the queue: no later push succeeds. `true` if this call did it. What was pushed before is still
    /// popped.
    pub fn close(&self) -> bool {
        self.shared.ring.close()
    }

    /// Whether the queue is closed; there may still be something to pop.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.ring.is_closed()
    }

    /// How many values there are, with those whose push is under way: exact when no other call is.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.ring.len()
    }

    /// Whether there is nothing in the queue, not even a value whose push is under way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shared.ring.is_empty()
    }

    /// How many values there is room for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.ring.capacity()
    }
}

/// A place in a [`bounded`] queue, given back when this is dropped.
#[must_use = "dropping it gives the place back"]
pub struct Reservation<'a, T>(&'a Ring<T>);

impl<T> Reservation<'_, T> {
    /// Pushes a value to the place.
    ///
    /// # Errors
    /// [`PushError::Closed`] with the value, if the queue was closed meanwhile; never [`PushError::Full`].
    pub fn push(self, value: T) -> Result<(), PushError<T>> {
        let ring = self.0;
        mem::forget(self);
        // SAFETY: this was the right to one place, and is no more.
        unsafe { ring.push_reserved(value) }
    }
}

impl<T> Drop for Reservation<'_, T> {
    fn drop(&mut self) {
        // SAFETY: this is the right to one place; `push` forgets it.
        unsafe { self.0.unreserve() };
    }
}

// No code of the user runs inside an operation, so a panic never finds the queue half-way. (A drop of what is
// left inside goes on when the drop of a value panics.)
impl<T> UnwindSafe for BoundedProducer<T> {}
impl<T> RefUnwindSafe for BoundedProducer<T> {}
impl<T> UnwindSafe for BoundedConsumer<T> {}
impl<T> RefUnwindSafe for BoundedConsumer<T> {}
impl<T> UnwindSafe for Reservation<'_, T> {}
impl<T> RefUnwindSafe for Reservation<'_, T> {}

impl<T> Clone for BoundedProducer<T> {
    fn clone(&self) -> Self {
        // ORDERING: Relaxed, because this producer keeps the count above zero.
        self.shared.producers.fetch_add(1, Relaxed);
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> Drop for BoundedProducer<T> {
    fn drop(&mut self) {
        // ORDERING: AcqRel pairs with itself: the close by the last producer comes after all that the others did.
        if self.shared.producers.fetch_sub(1, AcqRel) == 1 {
            self.shared.ring.close();
        }
    }
}

impl<T> Drop for BoundedConsumer<T> {
    fn drop(&mut self) {
        self.shared.ring.close();
        // SAFETY: this is the one consumer, borrowed mutably.
        unsafe { self.shared.ring.clear() };
    }
}

impl<T> fmt::Debug for BoundedProducer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BoundedProducer")
            .field(&self.shared.ring)
            .finish()
    }
}

impl<T> fmt::Debug for BoundedConsumer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BoundedConsumer")
            .field(&self.shared.ring)
            .finish()
    }
}

impl<T> fmt::Debug for Reservation<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reservation").field(self.0).finish()
    }
}
