//! The receiving end. States, invariants and orderings are those of the channel.

use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::{FusedFuture, FusedStream, Stream};
use hyperia_queue::PopError;
use hyperia_wait::WakerCell;

use super::{Queue, RecvError, Shared, TryRecvError};
use crate::channel::{Alone, Attempt, Borrowed, poll_alone};
use crate::primitive::Arc;

/// The receiving end of a channel: there is one.
///
/// Dropping it closes the channel and drops what is inside. A value whose send is under way at that time is dropped
/// with the last sender.
///
/// As a [`Stream`] it ends when the channel is closed and everything was received.
///
/// # Examples
///
/// It cannot be cloned, unlike that of [`mpmc`](crate::mpmc):
///
/// ```compile_fail
/// let (sender, receiver) = hyperia_sync::mpsc::bounded::<u8>(1);
/// let another = receiver.clone();
/// ```
///
/// ```
/// let (sender, receiver) = hyperia_sync::mpmc::bounded::<u8>(1);
/// let another = receiver.clone();
/// ```
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// Whether it has heard that nothing will come.
    is_finished: bool,
}

impl<T> Receiver<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self {
            shared,
            is_finished: false,
        }
    }

    /// Receives the oldest value, waiting until there is one.
    ///
    /// # Errors
    ///
    /// [`RecvError`] once the channel is closed, or all senders are gone, and everything was received.
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
    /// If the waker of a sender does that waits for room; the value is lost then.
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
    ///
    /// # Complexity
    ///
    /// One look for whom to wake for all of them.
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

    /// Closes the channel: nothing is sent any more, with permits neither. `true` if this call did it.
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

    /// Returns whether there is nothing to receive, nor a value that is being sent.
    pub fn is_empty(&self) -> bool {
        match &self.shared.queue {
            Queue::Bounded(ring) => ring.is_empty(),
            // SAFETY: there is one consumer; while it is borrowed, nobody pops.
            Queue::Unbounded(list) => unsafe { list.is_empty() },
        }
    }

    /// Returns how many values there is room for; `None` if there is no limit.
    pub fn capacity(&self) -> Option<usize> {
        self.shared.capacity()
    }

    #[inline]
    fn pop(&mut self) -> Result<T, PopError> {
        // SAFETY: there is one receiver, and it is borrowed mutably.
        unsafe { self.shared.pop() }
    }

    fn pop_many(&mut self, values: &mut Vec<T>, limit: usize) -> Result<usize, PopError> {
        match &self.shared.queue {
            Queue::Bounded(ring) => {
                // SAFETY: there is one receiver, and it is borrowed mutably.
                let count = unsafe { ring.pop_many(values, limit)? };
                if self.shared.is_room_awaited() {
                    self.shared.room.notify_many(count);
                }
                Ok(count)
            }
            // SAFETY: as above.
            Queue::Unbounded(list) => unsafe { list.pop_many(values, limit) },
        }
    }

    /// What one that waits makes of a pop.
    #[inline]
    fn judge<R>(&mut self, popped: Result<R, PopError>) -> Attempt<Result<R, RecvError>> {
        match popped {
            Ok(result) => Attempt::Done(Ok(result)),
            Err(PopError::Closed) => {
                self.is_finished = true;
                Attempt::Done(Err(RecvError))
            }
            Err(PopError::Empty) if self.is_empty() => Attempt::Wait,
            // A sender is in the middle of a push, and may not have seen the cell when it claimed the place.
            Err(PopError::Empty) => Attempt::Busy,
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
        &self.shared.receiver
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
        /// Also when a waker of one who waits for room panics.
        struct Clear<'a, T>(&'a Shared<T>);
        impl<T> Drop for Clear<'_, T> {
            fn drop(&mut self) {
                match &self.0.queue {
                    // SAFETY: the one receiver is no more.
                    Queue::Bounded(ring) => unsafe { ring.clear() },
                    // SAFETY: as above.
                    Queue::Unbounded(list) => unsafe { list.clear() },
                }
            }
        }
        let clear = Clear(&self.shared);
        // What `poll_recv` left: nobody is to be woken any more.
        let _waker = self.shared.receiver.take();
        self.shared.close();
        drop(clear);
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
            .field("capacity", &self.capacity())
            .field("is_empty", &self.is_empty())
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
