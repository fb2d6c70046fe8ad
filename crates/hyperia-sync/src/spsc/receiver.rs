//! The receiving end. States, invariants and orderings are those of the channel.

use alloc::vec::Vec;
use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};

use hyperia_queue::PopError;
use hyperia_queue::spsc::Consumer;
use hyperia_wait::WakerCell;

use super::Cells;
use crate::channel::{Alone, Attempt};
use crate::primitive::Arc;

/// The receiving end of a channel: there is one.
///
/// Dropping it closes the channel and drops what is inside. A value whose send is under way at that time is dropped
/// with the sender.
///
/// As a [`Stream`](futures_core::Stream) it ends when the sender has closed the channel, or is gone, and everything was received.
///
/// # Examples
///
/// It is used by one at a time:
///
/// ```compile_fail
/// let (sender, mut receiver) = hyperia_sync::spsc::bounded::<u8>(1);
/// let (first, second) = (receiver.recv(), receiver.recv());
/// drop((first, second));
/// ```
///
/// ```
/// let (sender, mut receiver) = hyperia_sync::spsc::bounded::<u8>(1);
/// drop(receiver.recv());
/// drop(receiver.recv());
/// ```
pub struct Receiver<T> {
    consumer: Consumer<T>,
    cells: Arc<Cells<T>>,
    /// Whether it has heard that nothing will come.
    pub(super) is_finished: bool,
}

impl<T> Receiver<T> {
    pub(super) fn new(consumer: Consumer<T>, cells: Arc<Cells<T>>) -> Self {
        Self {
            consumer,
            cells,
            is_finished: false,
        }
    }

    /// Returns whether the sender has closed the channel, or is gone; there may still be something to receive.
    pub fn is_closed(&self) -> bool {
        self.consumer.is_closed()
    }

    /// Returns how many values there are, not counting one whose sender waits; at least, while the sender is at work.
    pub fn len(&self) -> usize {
        self.consumer.len()
    }

    /// Returns whether there is nothing to receive, or a value at most whose sender waits.
    pub fn is_empty(&self) -> bool {
        self.consumer.is_empty()
    }

    /// Returns how many values there is room for.
    pub fn capacity(&self) -> usize {
        self.consumer.capacity()
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Result<T, PopError> {
        let value = match self.consumer.pop() {
            Err(PopError::Empty) => self.pop_posted()?,
            popped => popped?,
        };
        self.cells.popped();
        Ok(value)
    }

    /// What comes next after the queue was found empty: the value in the mailbox, if it is the oldest.
    fn pop_posted(&mut self) -> Result<T, PopError> {
        let post = self.cells.mailbox.look().ok_or(PopError::Empty)?;
        // What its sender has sent since the queue was empty is older, and seen by now.
        match self.consumer.pop() {
            Err(PopError::Empty) => {}
            popped => return popped,
        }
        // If it is gone its sender has taken it back, and looks at the cell should it send it.
        self.cells.mailbox.take(post).ok_or(PopError::Empty)
    }

    pub(super) fn pop_many(
        &mut self,
        values: &mut Vec<T>,
        limit: usize,
    ) -> Result<usize, PopError> {
        let count = match self.consumer.pop_many(values, limit) {
            Ok(0) => return Ok(0),
            Err(PopError::Empty) => {
                // Before anything is taken, because it may panic.
                values.reserve(1);
                values.push(self.pop_posted()?);
                1
            }
            popped => popped?,
        };
        self.cells.popped();
        Ok(count)
    }

    /// What one that waits makes of a pop that found nothing.
    #[inline]
    pub(super) fn after_empty<R>(&self) -> Attempt<R> {
        Attempt::Wait
    }
}

// SAFETY: a channel has one receiver, and its cell is reached for registering through it alone.
unsafe impl<T> Alone for Receiver<T> {
    #[inline]
    fn cell(&self) -> &WakerCell {
        &self.cells.receiver
    }
}

// Nothing is pinned in here, whatever `T` is.
impl<T> Unpin for Receiver<T> {}

// No code of the user runs while something is half-changed.
impl<T> UnwindSafe for Receiver<T> {}
impl<T> RefUnwindSafe for Receiver<T> {}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // What `poll_recv` left: nobody is to be woken any more.
        let _waker = self.cells.receiver.take();
        self.consumer.close();
        self.cells.sender.wake();
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
