//! The sending end. States, invariants and orderings are those of the channel.

use alloc::vec::Vec;
use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};
#[cfg(feature = "std")]
use core::time::Duration;
#[cfg(feature = "std")]
use std::time::Instant;

use hyperia_queue::PushError;
use hyperia_queue::spsc::Producer;
#[cfg(feature = "std")]
use hyperia_wait::Block;
use hyperia_wait::WakerCell;

#[cfg(feature = "std")]
use super::SendTimeoutError;
use super::{Cells, Permit, Reserve, SendFuture, SendMany, TrySendError};
use crate::channel::Alone;
use crate::primitive::Arc;

/// The sending end of a channel: there is one.
///
/// The channel closes when it is dropped.
///
/// # Examples
///
/// It cannot be cloned, unlike that of [`mpsc`](crate::mpsc):
///
/// ```compile_fail
/// let (sender, receiver) = hyperia_sync::spsc::bounded::<u8>(1);
/// let another = sender.clone();
/// ```
///
/// ```
/// let (sender, receiver) = hyperia_sync::mpsc::bounded::<u8>(1);
/// let another = sender.clone();
/// ```
pub struct Sender<T> {
    producer: Producer<T>,
    cells: Arc<Cells<T>>,
}

impl<T> Sender<T> {
    pub(super) fn new(producer: Producer<T>, cells: Arc<Cells<T>>) -> Self {
        Self { producer, cells }
    }

    /// Sends a value, waiting until there is room.
    ///
    /// # Errors
    ///
    /// [`SendError`](super::SendError) with the value, once the channel is closed or the receiver is gone. `Ok` means
    /// that it was not; a receiver may still go without having received the value.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready drops the value, unless it was received meanwhile. Who wants to keep it waits for the room alone:
    /// `sender.reserve().await?.send(value)`.
    ///
    /// # Panics
    ///
    /// If the receiver's waker does; the value was sent then.
    #[inline]
    pub fn send(&mut self, value: T) -> SendFuture<'_, T> {
        SendFuture::new(self, value)
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
    pub fn try_send(&mut self, value: T) -> Result<(), TrySendError<T>> {
        Ok(self.push(value)?)
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
    pub fn send_timeout(&mut self, value: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        let mut send = self.send(value);
        let result = (&mut send).block_timeout(timeout);
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
    pub fn send_deadline(
        &mut self,
        value: T,
        deadline: Instant,
    ) -> Result<(), SendTimeoutError<T>> {
        let mut send = self.send(value);
        let result = (&mut send).block_deadline(deadline);
        send.finish(result)
    }

    /// Sends all `values`, in order, waiting for room as often as it takes.
    ///
    /// What is sent is taken out of the vector, as much at once as there is room for.
    ///
    /// # Errors
    ///
    /// [`SendError`](super::SendError) once the channel is closed or the receiver is gone; what was not sent is still in
    /// the vector.
    ///
    /// # Cancel safety
    ///
    /// What was not sent is still in the vector.
    ///
    /// # Panics
    ///
    /// As [`send`](Self::send).
    pub fn send_many<'a>(&'a mut self, values: &'a mut Vec<T>) -> SendMany<'a, T> {
        SendMany::new(self, values)
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
    pub fn try_send_many(&mut self, values: &mut Vec<T>) -> Result<usize, TrySendError<()>> {
        Ok(self.push_many(values)?)
    }

    /// Waits until there is room for a value.
    ///
    /// # Errors
    ///
    /// [`SendError`](super::SendError) once the channel is closed or the receiver is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost with the future, nor with the permit.
    pub fn reserve(&mut self) -> Reserve<'_, T> {
        Reserve::new(self)
    }

    /// Reserves room for a value if there is any.
    ///
    /// # Errors
    ///
    /// [`TrySendError`].
    pub fn try_reserve(&mut self) -> Result<Permit<'_, T>, TrySendError<()>> {
        self.look_for_room()?;
        Ok(Permit::new(self))
    }

    /// Closes the channel: nothing is sent any more. `true` if this call did it.
    ///
    /// What was sent before is still received.
    ///
    /// # Panics
    ///
    /// If the receiver's waker does; the channel is closed all the same.
    pub fn close(&self) -> bool {
        let first = self.producer.close();
        self.cells.receiver.wake();
        first
    }

    /// Returns whether nothing can be sent any more: the channel is closed, or the receiver is gone.
    pub fn is_closed(&self) -> bool {
        self.producer.is_closed()
    }

    /// Returns how many values there are; at most, while the receiver is at work.
    pub fn len(&self) -> usize {
        self.producer.len()
    }

    /// Returns whether there is nothing in the channel.
    pub fn is_empty(&self) -> bool {
        self.producer.is_empty()
    }

    /// Returns how many values there is room for.
    pub fn capacity(&self) -> usize {
        self.producer.capacity()
    }

    /// Leaves a value for which there is no room in the mailbox; fails if the last one is still being taken out.
    pub(super) fn post(&mut self, value: T) -> Result<(), T> {
        // SAFETY: there is one sender, and it is borrowed mutably.
        unsafe { self.cells.mailbox.put(value) }
    }

    /// Takes the value back from the mailbox, unless it was received.
    pub(super) fn unpost(&mut self) -> Option<T> {
        // SAFETY: there is one sender, and it is borrowed mutably.
        unsafe { self.cells.mailbox.take_back() }
    }

    /// Whether the value in the mailbox was not received yet.
    pub(super) fn is_posted(&self) -> bool {
        self.cells.mailbox.is_full()
    }

    #[inline]
    pub(super) fn push(&mut self, value: T) -> Result<(), PushError<T>> {
        self.producer.push(value)?;
        self.cells.pushed();
        Ok(())
    }

    pub(super) fn push_many(&mut self, values: &mut Vec<T>) -> Result<usize, PushError<()>> {
        let count = self.producer.push_many(values)?;
        if count > 0 {
            self.cells.pushed();
        }
        Ok(count)
    }

    /// Whether a push would succeed.
    pub(super) fn look_for_room(&self) -> Result<(), PushError<()>> {
        if self.producer.is_closed() {
            Err(PushError::Closed(()))
        } else if self.producer.len() == self.producer.capacity() {
            Err(PushError::Full(()))
        } else {
            Ok(())
        }
    }
}

// SAFETY: a channel has one sender, and its cell is reached for registering through it alone.
unsafe impl<T> Alone for Sender<T> {
    fn cell(&self) -> &WakerCell {
        &self.cells.sender
    }
}

// No code of the user runs while something is half-changed.
impl<T> UnwindSafe for Sender<T> {}
impl<T> RefUnwindSafe for Sender<T> {}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
