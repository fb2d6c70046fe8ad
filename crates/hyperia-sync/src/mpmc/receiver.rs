//! The receiving end. States, invariants and orderings are those of the channel.

use alloc::vec::Vec;
use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};

use super::{Queue, Recv, RecvMany, RecvStream, Shared, TryRecvError};
use crate::primitive::Arc;
use crate::primitive::Ordering::*;

/// The receiving end of a channel; clone it for more of them. Each value is received by one.
///
/// The channel closes when the last one is dropped, which drops what is inside. A value whose send is under way at that
/// time is dropped with the last sender.
///
/// # Examples
///
/// It takes no values that live shorter than what another end expects:
///
/// ```compile_fail
/// let short = String::from("short");
/// let (sender, receiver) = hyperia_sync::mpmc::bounded::<&'static str>(1);
/// let sender: hyperia_sync::mpmc::Sender<&str> = sender;
/// sender.try_send(&short).unwrap();
/// let received: &'static str = receiver.try_recv().unwrap();
/// ```
///
/// ```
/// let short = String::from("short");
/// let (sender, receiver) = hyperia_sync::mpmc::bounded::<&str>(1);
/// let sender: hyperia_sync::mpmc::Sender<&str> = sender;
/// sender.try_send(&short).unwrap();
/// let received: &str = receiver.try_recv().unwrap();
/// ```
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Receiver<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self { shared }
    }

    /// Receives the oldest value, waiting until there is one.
    ///
    /// Those who wait are woken in the order in which they began; one that did not wait may come first.
    ///
    /// # Errors
    ///
    /// [`RecvError`](super::RecvError) once the channel is closed, or all senders are gone, and everything was received.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready takes nothing.
    #[inline]
    pub fn recv(&self) -> Recv<'_, T> {
        Recv::new(&self.shared)
    }

    /// Receives the oldest value if there is one.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`].
    ///
    /// # Panics
    ///
    /// If the waker of a sender does that waits for room; the value is lost then.
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        Ok(self.shared.pop()?)
    }

    /// Receives up to `limit` values, the oldest first, and appends them to `values`, waiting until there is at least
    /// one. Returns how many; 0 if that is the limit.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready takes nothing.
    ///
    /// # Complexity
    ///
    /// One claim for all of them.
    pub fn recv_many<'a>(&'a self, values: &'a mut Vec<T>, limit: usize) -> RecvMany<'a, T> {
        RecvMany::new(&self.shared, values, limit)
    }

    /// Receives what is there, up to `limit` values, the oldest first, and appends them to `values`. Returns how many.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] if there was not even one. With a `limit` of 0, `Ok(0)`.
    pub fn try_recv_many(&self, values: &mut Vec<T>, limit: usize) -> Result<usize, TryRecvError> {
        Ok(self.shared.pop_many(values, limit)?)
    }

    /// Returns the values as a stream, which ends when the channel is closed and everything was received.
    ///
    /// It keeps its place in the line from one poll to the next, so it has to be pinned.
    ///
    /// # Cancel safety
    ///
    /// Dropping it, or a future of one of its items, takes nothing.
    pub fn stream(&self) -> RecvStream<'_, T> {
        RecvStream::new(&self.shared)
    }

    /// Closes the channel: nothing is sent any more. `true` if this call did it.
    ///
    /// What was sent before is still received.
    ///
    /// # Panics
    ///
    /// If a waker of one who waits does; all are woken.
    pub fn close(&self) -> bool {
        self.shared.close()
    }

    /// Returns whether nothing can be sent any more; there may still be something to receive.
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Returns how many values there are: exact when nobody sends or receives.
    pub fn len(&self) -> usize {
        self.shared.len()
    }

    /// Returns whether there is nothing in the channel; as exact as [`len`](Self::len).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many values there is room for; `None` if there is no limit.
    pub fn capacity(&self) -> Option<usize> {
        self.shared.capacity()
    }
}

// No code of the user runs while something is half-changed.
impl<T> UnwindSafe for Receiver<T> {}
impl<T> RefUnwindSafe for Receiver<T> {}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        // ORDERING: Relaxed, because this receiver keeps the count above zero.
        self.shared.receivers.fetch_add(1, Relaxed);
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        /// Also when a waker of one who waits for room panics.
        struct Clear<'a, T>(&'a Queue<T>);
        impl<T> Drop for Clear<'_, T> {
            fn drop(&mut self) {
                self.0.clear();
            }
        }
        // ORDERING: AcqRel pairs with itself: the close by the last receiver comes after all that the others did.
        if self.shared.receivers.fetch_sub(1, AcqRel) == 1 {
            let clear = Clear(&self.shared.queue);
            self.shared.close();
            drop(clear);
        }
    }
}

impl<T> Queue<T> {
    /// Drops what is inside; a value whose drop panics does not keep the others alive.
    fn clear(&self) {
        struct Rest<'a, T>(&'a Queue<T>);
        impl<T> Drop for Rest<'_, T> {
            fn drop(&mut self) {
                self.0.drop_values();
            }
        }
        let rest = Rest(self);
        self.drop_values();
        drop(rest);
    }

    fn drop_values(&self) {
        match self {
            Self::Bounded(queue) => {
                while let Ok(value) = queue.pop() {
                    drop(value);
                }
            }
            Self::Unbounded(queue) => {
                while let Ok(value) = queue.pop() {
                    drop(value);
                }
            }
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
