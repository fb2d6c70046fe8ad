//! Receiving where there is one who can.
//!
//! One file for `spsc` and `mpsc`, which both include it: `super` is the channel, with its `Receiver`.

use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::{FusedFuture, FusedStream, Stream};
use hyperia_queue::PopError;

use super::{Receiver, RecvError, TryRecvError};
use crate::channel::{Attempt, Borrowed, poll_alone};

impl<T> Receiver<T> {
    /// Receives the oldest value, waiting until there is one.
    ///
    /// # Errors
    ///
    /// [`RecvError`] once the channel is closed, or nobody can send any more, and everything was received.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready takes nothing.
    ///
    /// # Panics
    ///
    /// A poll does, and loses the value it has, if the waker of a sender does that waits for room, or the drop of the
    /// receiver's own.
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

    /// What one that waits makes of a pop.
    #[inline]
    fn judge<R>(&mut self, popped: Result<R, PopError>) -> Attempt<Result<R, RecvError>> {
        match popped {
            Ok(result) => Attempt::Done(Ok(result)),
            Err(PopError::Empty) => self.after_empty(),
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
        self.receiver.is_done()
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
        self.receiver.is_done()
    }
}

impl<T> fmt::Debug for Recv<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv")
            .field("is_terminated", &self.receiver.is_done())
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for RecvMany<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvMany")
            .field("is_terminated", &self.receiver.is_done())
            .finish_non_exhaustive()
    }
}
