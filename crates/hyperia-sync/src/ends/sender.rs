//! The sending end. States, invariants and orderings are those of the channel.
//!
//! One file for `mpsc` and `mpmc`, which both include it: `super` is the channel, with its `Shared`.

use alloc::vec::Vec;
use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};
#[cfg(feature = "std")]
use core::pin::pin;
#[cfg(feature = "std")]
use core::time::Duration;
#[cfg(feature = "std")]
use std::time::Instant;

#[cfg(feature = "std")]
use hyperia_wait::{Block, Elapsed};

#[cfg(feature = "std")]
use super::SendTimeoutError;
use super::{SendFuture, SendMany, Shared, TrySendError};
use crate::primitive::Arc;
use crate::primitive::Ordering::*;

/// The sending end of a channel; clone it for more of them.
///
/// The channel closes when the last one is dropped.
///
/// # Examples
///
/// It goes to other threads if the values may:
///
/// ```compile_fail
/// let (sender, _receiver) = hyperia_sync::mpsc::bounded::<std::rc::Rc<u8>>(1);
/// std::thread::spawn(move || drop(sender));
/// ```
///
/// ```
/// let (sender, _receiver) = hyperia_sync::mpsc::bounded::<std::sync::Arc<u8>>(1);
/// std::thread::spawn(move || drop(sender)).join().unwrap();
/// ```
pub struct Sender<T> {
    pub(super) shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self { shared }
    }

    /// Sends a value, waiting until there is room. In an unbounded channel there always is.
    ///
    /// # Errors
    ///
    /// [`SendError`](super::SendError) with the value, once the channel is closed or nobody can receive any more. `Ok`
    /// means that it was not; who could receive may still go without having done so.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready drops the value unsent. (With `mpsc`, who wants to keep it waits for the
    /// room alone, by `reserve`.)
    ///
    /// # Panics
    ///
    /// If the waker of a receiver does; the value was sent then.
    #[inline]
    pub fn send(&self, value: T) -> SendFuture<'_, T> {
        SendFuture::new(&self.shared, value)
    }

    /// Sends a value if there is room.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] with the value.
    ///
    /// # Panics
    ///
    /// As [`send`](Self::send).
    #[inline]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        Ok(self.shared.push(value)?)
    }

    /// Sends a value, waiting with this thread for at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`SendTimeoutError`] with the value.
    ///
    /// # Panics
    ///
    /// As [`send`](Self::send); in debug builds also on a thread that drives an event loop.
    #[cfg(feature = "std")]
    #[track_caller]
    pub fn send_timeout(&self, value: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        let mut send = pin!(self.send(value));
        let result = send.as_mut().block_timeout(timeout);
        send.finish(result)
    }

    /// Sends a value, waiting with this thread until `deadline`.
    ///
    /// # Errors
    ///
    /// [`SendTimeoutError`] with the value.
    ///
    /// # Panics
    ///
    /// As [`send_timeout`](Self::send_timeout).
    #[cfg(feature = "std")]
    #[track_caller]
    pub fn send_deadline(&self, value: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        let mut send = pin!(self.send(value));
        let result = send.as_mut().block_deadline(deadline);
        send.finish(result)
    }

    /// Sends all `values`, in order, waiting for room as often as it takes.
    ///
    /// What is sent is taken out of the vector, as much at once as there is room for; values of other senders may
    /// come in between.
    ///
    /// # Errors
    ///
    /// [`SendError`](super::SendError) once the channel is closed or nobody can receive any more; what was not sent is still in
    /// the vector.
    ///
    /// # Cancel safety
    ///
    /// What was not sent is still in the vector.
    ///
    /// # Panics
    ///
    /// As [`send`](Self::send).
    ///
    /// # Complexity
    ///
    /// One claim and one wake-up for as many values as there is room for.
    pub fn send_many<'a>(&'a self, values: &'a mut Vec<T>) -> SendMany<'a, T> {
        SendMany::new(&self.shared, values)
    }

    /// Sends as many of the first `values` as there is room for, and takes them out of the vector. Returns how many.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] if not even one was sent. Without `values`, `Ok(0)`.
    ///
    /// # Panics
    ///
    /// As [`send`](Self::send).
    pub fn try_send_many(&self, values: &mut Vec<T>) -> Result<usize, TrySendError<()>> {
        Ok(self.shared.push_many(values)?)
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

    /// Returns whether nothing can be sent any more: the channel is closed, or the receivers are gone.
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Returns how many values there is room for; `None` if there is no limit.
    pub fn capacity(&self) -> Option<usize> {
        self.shared.capacity()
    }
}

#[cfg(feature = "std")]
impl<T> SendFuture<'_, T> {
    fn finish(
        self: core::pin::Pin<&mut Self>,
        result: Result<Result<(), super::SendError<T>>, Elapsed>,
    ) -> Result<(), SendTimeoutError<T>> {
        match result {
            Ok(result) => Ok(result?),
            Err(Elapsed) => Err(SendTimeoutError::Timeout(
                self.take_value().expect("without a result it was not sent"),
            )),
        }
    }
}

// No code of the user runs while something is half-changed.
impl<T> UnwindSafe for Sender<T> {}
impl<T> RefUnwindSafe for Sender<T> {}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        // ORDERING: Relaxed, because this sender keeps the count above zero.
        self.shared.senders.fetch_add(1, Relaxed);
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // ORDERING: AcqRel pairs with itself: the close by the last sender comes after all that the others did.
        if self.shared.senders.fetch_sub(1, AcqRel) == 1 {
            self.shared.close();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("capacity", &self.capacity())
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
