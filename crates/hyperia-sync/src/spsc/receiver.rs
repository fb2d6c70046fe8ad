//! The receiving end. States, invariants and orderings are those of the channel.

use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::{FusedFuture, FusedStream, Stream};
use hyperia_queue::PopError;
use hyperia_queue::spsc::Consumer;
use hyperia_wait::WakerCell;

use super::{Cells, RecvError, TryRecvError};
use crate::channel::{Alone, Attempt, Borrowed, poll_alone};
use crate::primitive::Arc;

/// The receiving end of a channel: there is one.
///
/// Dropping it closes the channel and drops what is inside. A value whose send is under way at that time is dropped
/// with the sender.
///
/// As a [`Stream`] it ends when the sender has closed the channel, or is gone, and everything was received.
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
    is_finished: bool,
}

impl<T> Receiver<T> {
    pub(super) fn new(consumer: Consumer<T>, cells: Arc<Cells<T>>) -> Self {
        Self {
            consumer,
            cells,
            is_finished: false,
        }
    }

    /// Receives the oldest value, waiting until there is one.
    ///
    /// # Errors
    ///
    /// [`RecvError`] once the sender has closed the channel, or is gone, and everything was received.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready takes nothing.
    #[inline]
    pub fn recv(&mut self) -> Recv<'_, T> {
        Recv {
            receiver: Borrowed::new(self),
        }
    }

    /// Receives the oldest value if there is one.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`].
    ///
    /// # Panics
    ///
    /// If the waker of the sender does, which waits for room; the value is lost then.
    #[inline]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        Ok(self.pop()?)
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
    pub fn recv_many<'a>(&'a mut self, values: &'a mut Vec<T>, limit: usize) -> RecvMany<'a, T> {
        RecvMany {
            receiver: Borrowed::new(self),
            values,
            limit,
        }
    }

    /// Receives what is there, up to `limit` values, the oldest first, and appends them to `values`. Returns how many.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] if there was not even one. With a `limit` of 0, `Ok(0)`.
    pub fn try_recv_many(
        &mut self,
        values: &mut Vec<T>,
        limit: usize,
    ) -> Result<usize, TryRecvError> {
        Ok(self.pop_many(values, limit)?)
    }

    /// Polls for the oldest value; the waker of the last such call is woken when it comes.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    #[inline]
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, RecvError>> {
        poll_alone(self, cx, Self::attempt)
    }

    /// Polls for up to `limit` values, which are appended to `values`; otherwise as
    /// [`poll_recv`](Self::poll_recv).
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        values: &mut Vec<T>,
        limit: usize,
    ) -> Poll<Result<usize, RecvError>> {
        poll_alone(self, cx, |this| this.attempt_many(values, limit))
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
    fn pop(&mut self) -> Result<T, PopError> {
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

    fn pop_many(&mut self, values: &mut Vec<T>, limit: usize) -> Result<usize, PopError> {
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

    /// What one that waits makes of a pop.
    #[inline]
    fn judge<R>(&mut self, popped: Result<R, PopError>) -> Attempt<Result<R, RecvError>> {
        match popped {
            Ok(result) => Attempt::Done(Ok(result)),
            Err(PopError::Empty) => Attempt::Wait,
            Err(PopError::Closed) => {
                self.is_finished = true;
                Attempt::Done(Err(RecvError))
            }
        }
    }

    #[inline]
    fn attempt(&mut self) -> Attempt<Result<T, RecvError>> {
        let popped = self.pop();
        self.judge(popped)
    }

    fn attempt_many(
        &mut self,
        values: &mut Vec<T>,
        limit: usize,
    ) -> Attempt<Result<usize, RecvError>> {
        let popped = self.pop_many(values, limit);
        self.judge(popped)
    }
}

impl<T> Alone for Receiver<T> {
    #[inline]
    fn cell(&self) -> &WakerCell {
        &self.cells.receiver
    }
}

impl<T> Stream for Receiver<T> {
    type Item = T;

    /// Polls for the oldest value, as [`poll_recv`](Self::poll_recv).
    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_recv(cx).map(Result::ok)
    }
}

impl<T> FusedStream for Receiver<T> {
    fn is_terminated(&self) -> bool {
        self.is_finished
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

/// The future of [`Receiver::recv`], which says what it does and what dropping it does.
#[must_use = "futures do nothing unless polled"]
pub struct Recv<'a, T> {
    receiver: Borrowed<'a, Receiver<T>>,
}

impl<T> Future for Recv<'_, T> {
    type Output = Result<T, RecvError>;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.receiver.poll(cx, Receiver::attempt)
    }
}

impl<T> FusedFuture for Recv<'_, T> {
    fn is_terminated(&self) -> bool {
        self.receiver.is_done
    }
}

/// The future of [`Receiver::recv_many`], which says what it does and what dropping it does.
#[must_use = "futures do nothing unless polled"]
pub struct RecvMany<'a, T> {
    receiver: Borrowed<'a, Receiver<T>>,
    values: &'a mut Vec<T>,
    limit: usize,
}

impl<T> Future for RecvMany<'_, T> {
    type Output = Result<usize, RecvError>;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.receiver.poll(cx, |receiver| {
            receiver.attempt_many(this.values, this.limit)
        })
    }
}

impl<T> FusedFuture for RecvMany<'_, T> {
    fn is_terminated(&self) -> bool {
        self.receiver.is_done
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

impl<T> fmt::Debug for Recv<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv")
            .field("is_terminated", &self.receiver.is_done)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for RecvMany<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvMany")
            .field("is_terminated", &self.receiver.is_done)
            .finish_non_exhaustive()
    }
}
