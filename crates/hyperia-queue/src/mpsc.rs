//! Queues from many producers to one consumer.
//!
//! | Type | What it is |
//! |---|---|
//! | [`Producer`], [`BoundedProducer`] | pushes; clone it for more of them |
//! | [`Consumer`], [`BoundedConsumer`] | pops; there is one |
//! | [`Reservation`] | a place in a bounded queue, for a push that comes later |
//! | [`raw`] | the queues without these ends, for those who make their own |
//!
//! Values of one producer come out in the order it pushed them; a batch comes out together. The
//! queue closes when either side says so, when the last producer is dropped, and when the consumer
//! is dropped. Bounded queues are there where there are 64-bit atomics.
//!
//! # What a consumer sees
//! A push first claims a place and then fills it, and places are popped in order. So `pop` can say
//! [`PopError::Empty`] although a push has returned: if an earlier place belongs to a producer that
//! has not returned from its push yet. Nothing is lost by sleeping then, provided that **every
//! producer wakes the consumer after its push returns** and the consumer looks again after each
//! wake:
//!
//! * a consumer that was woken for a push sees that value, or `Empty` because of a push ahead of it
//!   that is still under way; the producer of that one is going to wake it again;
//! * when no push is under way, `Empty` means empty.
//!
//! Between registering to be woken and the last look, and between a push and the look for whom to
//! wake, stands a sequentially consistent fence or a lock, as always. The `WakerCell` and the `WaitQueue`
//! of hyperia-wait have that inside: push, then wake; register or join, then pop once more.
//!
//! The queue wakes nobody by itself, at a close neither: who closes, or drops the last producer, wakes
//! the consumer afterwards if it may sleep. [`Consumer::is_empty`] looks at the claims, so it is
//! `false` while a push is under way; so does that of [`BoundedConsumer`].
//!
//! # What a producer sees
//! Of a bounded queue: [`PushError::Full`] knows of every pop that happened before the push, and may overlook one
//! that is under way at the same time. Places that are reserved are no room for others. Who waits for room is
//! woken after each pop, after each reservation that was dropped without a push, and after the close; between
//! registering and the last try stands the same fence or lock.
//!
//! # Examples
//! ```
//! use hyperia_queue::{PopError, PushError, mpsc};
//!
//! let (producer, mut consumer) = mpsc::unbounded();
//! producer.push(1)?;
//! producer.clone().push(2)?;
//! assert_eq!(consumer.pop(), Ok(1));
//!
//! consumer.close();
//! assert_eq!(producer.push(3), Err(PushError::Closed(3)));
//! assert_eq!(consumer.pop(), Ok(2)); // pushed before the close
//! assert_eq!(consumer.pop(), Err(PopError::Closed));
//! # Ok::<(), PushError<i32>>(())
//! ```

mod block;
#[cfg(target_has_atomic = "64")]
mod bounded;
mod list;
#[cfg(target_has_atomic = "64")]
mod ring;

use alloc::vec::Vec;
use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};

#[cfg(target_has_atomic = "64")]
pub use self::bounded::{BoundedConsumer, BoundedProducer, Reservation, bounded};
use self::list::List;
use crate::primitive::Ordering::*;
use crate::primitive::{Arc, AtomicUsize};
use crate::{PopError, PushError};

/// The queues without ends, for those who make their own: a channel with wakers beside the queue needs one
/// allocation then, and one count.
///
/// Popping is unsafe here, because it needs to be known that there is one consumer.
pub mod raw {
    pub use super::list::List;
    #[cfg(target_has_atomic = "64")]
    pub use super::ring::Ring;
}

/// Makes an empty queue without a limit: its first producer and its consumer.
///
/// # Complexity
/// Two allocations: what the handles share, and a first block of 32 places.
#[must_use]
pub fn unbounded<T>() -> (Producer<T>, Consumer<T>) {
    let shared = Arc::new(Shared {
        list: List::new(),
        producers: AtomicUsize::new(1),
    });
    (
        Producer {
            shared: Arc::clone(&shared),
        },
        Consumer { shared },
    )
}

struct Shared<T> {
    list: List<T>,
    /// Producers that live; the last one closes.
    producers: AtomicUsize,
}

/// The pushing end of an [`unbounded`] queue.
pub struct Producer<T> {
    shared: Arc<Shared<T>>,
}

/// The popping end of an [`unbounded`] queue.
///
/// Dropping it closes the queue and drops what is inside. The value of a push that is under way at
/// that time is dropped with the last producer.
pub struct Consumer<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Producer<T> {
    /// Pushes a value.
    ///
    /// # Errors
    /// [`PushError::Closed`] with the value, if the queue is closed; never [`PushError::Full`].
    ///
    /// # Complexity
    /// One read-modify-write, retried only when another push came first. Allocates when a block of
    /// 32 is full and no spent block is at hand.
    #[inline]
    pub fn push(&self, value: T) -> Result<(), PushError<T>> {
        self.shared.list.push(value)
    }

    /// Pushes all `values`, or none: they come out one after the other, in order. Returns how many
    /// there were.
    ///
    /// `values` is empty afterwards and keeps its capacity.
    ///
    /// # Examples
    /// ```
    /// let (producer, mut consumer) = hyperia_queue::mpsc::unbounded();
    /// let mut values = vec![1, 2, 3];
    /// assert_eq!(producer.push_many(&mut values), Ok(3));
    /// assert!(values.is_empty());
    /// assert_eq!(consumer.pop(), Ok(1));
    /// ```
    ///
    /// # Errors
    /// [`PushError::Closed`], if the queue is closed and `values` has any; they stay where they are.
    ///
    /// # Panics
    /// If there are more than `isize::MAX` values, which then are zero-sized; they stay where they are.
    ///
    /// # Complexity
    /// One read-modify-write for all of them.
    pub fn push_many(&self, values: &mut Vec<T>) -> Result<usize, PushError<()>> {
        self.shared.list.push_many(values)
    }

    /// Closes the queue: no later push succeeds. `true` if this call did it.
    pub fn close(&self) -> bool {
        self.shared.list.close()
    }

    /// Whether the queue is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.list.is_closed()
    }
}

impl<T> Consumer<T> {
    /// Pops the oldest value.
    ///
    /// # Errors
    /// [`PopError::Empty`] if it is not there yet (see [what a consumer sees](self#what-a-consumer-sees)), and
    /// [`PopError::Closed`] if the queue is closed and everything pushed before has been popped.
    ///
    /// # Complexity
    /// A few loads and stores, no read-modify-write; every 32 values a block is put aside or freed.
    #[inline]
    pub fn pop(&mut self) -> Result<T, PopError> {
        // SAFETY: there is one consumer, and it is borrowed mutably.
        unsafe { self.shared.list.pop() }
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
        unsafe { self.shared.list.pop_many(values, limit) }
    }

    /// Closes the queue: no later push succeeds. `true` if this call did it. What was pushed before
    /// is still popped.
    pub fn close(&self) -> bool {
        self.shared.list.close()
    }

    /// Whether the queue is closed; there may still be something to pop.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.list.is_closed()
    }

    /// Whether there is nothing in the queue, not even a value whose push is under way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        // SAFETY: there is one consumer; while it is borrowed, nobody pops.
        unsafe { self.shared.list.is_empty() }
    }
}

// No code of the user runs inside an operation, so a panic never finds the queue half-way. (A drop
// of what is left inside goes on when the drop of a value panics.)
impl<T> UnwindSafe for Producer<T> {}
impl<T> RefUnwindSafe for Producer<T> {}
impl<T> UnwindSafe for Consumer<T> {}
impl<T> RefUnwindSafe for Consumer<T> {}

impl<T> Clone for Producer<T> {
    fn clone(&self) -> Self {
        // ORDERING: Relaxed, because this producer keeps the count above zero; it is counted down
        // with AcqRel.
        self.shared.producers.fetch_add(1, Relaxed);
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        // ORDERING: AcqRel pairs with itself: the close by the last producer comes after all that
        // the others did.
        if self.shared.producers.fetch_sub(1, AcqRel) == 1 {
            self.shared.list.close();
        }
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        self.shared.list.close();
        // SAFETY: this is the one consumer, borrowed mutably.
        unsafe { self.shared.list.clear() };
    }
}

impl<T> fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Consumer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("is_empty", &self.is_empty())
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
