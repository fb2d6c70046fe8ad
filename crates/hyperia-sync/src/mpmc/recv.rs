//! Receiving that may wait for a value.

use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::{FusedFuture, FusedStream, Stream};

use super::{RecvError, Shared};
use crate::channel::{Attempt, Line};

/// Waits for values, one after the other.
struct Values<'a, T> {
    /// `None` once the output was returned, or nothing will come.
    shared: Option<&'a Shared<T>>,
    /// Pinned with this.
    line: Line<'a>,
}

impl<'a, T> Values<'a, T> {
    #[inline]
    fn new(shared: &'a Shared<T>) -> Self {
        Self {
            shared: Some(shared),
            line: Line::new(),
        }
    }

    /// Receives by `pop`.
    #[inline]
    fn poll_with<R>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut pop: impl FnMut(&Shared<T>) -> Result<R, hyperia_queue::PopError>,
    ) -> Poll<Result<R, RecvError>> {
        // SAFETY: `line` is pinned with this: it is reached through this pin only, and dropped in its place. The other
        // is not pinned.
        let (place, line) = unsafe {
            let this = self.get_unchecked_mut();
            (&mut this.shared, Pin::new_unchecked(&mut this.line))
        };
        let shared = place.expect("polled again after it was ready");
        let poll = line.poll(&shared.values, cx, || match pop(shared) {
            Ok(result) => Attempt::Done(Ok(result)),
            Err(error) => shared.after_pop(error),
        });
        if poll.is_ready() {
            *place = None;
        }
        poll
    }

    fn is_done(&self) -> bool {
        self.shared.is_none()
    }
}

/// The future of [`Receiver::recv`](super::Receiver::recv), which says what it does and what dropping it does.
#[must_use = "futures do nothing unless polled"]
pub struct Recv<'a, T> {
    /// Pinned with the future.
    values: Values<'a, T>,
}

impl<'a, T> Recv<'a, T> {
    #[inline]
    pub(super) fn new(shared: &'a Shared<T>) -> Self {
        Self {
            values: Values::new(shared),
        }
    }
}

impl<T> Future for Recv<'_, T> {
    type Output = Result<T, RecvError>;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `values` is pinned with the future, and never moved out.
        let values = unsafe { self.map_unchecked_mut(|this| &mut this.values) };
        values.poll_with(cx, Shared::pop)
    }
}

impl<T> FusedFuture for Recv<'_, T> {
    fn is_terminated(&self) -> bool {
        self.values.is_done()
    }
}

/// The future of [`Receiver::recv_many`](super::Receiver::recv_many), which says what it does and what dropping it does.
#[must_use = "futures do nothing unless polled"]
pub struct RecvMany<'a, T> {
    /// Pinned with the future.
    values: Values<'a, T>,
    received: &'a mut Vec<T>,
    limit: usize,
}

impl<'a, T> RecvMany<'a, T> {
    pub(super) fn new(shared: &'a Shared<T>, received: &'a mut Vec<T>, limit: usize) -> Self {
        Self {
            values: Values::new(shared),
            received,
            limit,
        }
    }
}

impl<T> Future for RecvMany<'_, T> {
    type Output = Result<usize, RecvError>;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `values` is pinned with the future, and never moved out. The others are not pinned.
        let (values, received, limit) = unsafe {
            let this = self.get_unchecked_mut();
            (
                Pin::new_unchecked(&mut this.values),
                &mut *this.received,
                this.limit,
            )
        };
        values.poll_with(cx, |shared| shared.pop_many(received, limit))
    }
}

impl<T> FusedFuture for RecvMany<'_, T> {
    fn is_terminated(&self) -> bool {
        self.values.is_done()
    }
}

/// The stream of [`Receiver::stream`](super::Receiver::stream).
#[must_use = "streams do nothing unless polled"]
pub struct RecvStream<'a, T> {
    /// Pinned with the stream. Done when nothing will come.
    values: Values<'a, T>,
}

impl<'a, T> RecvStream<'a, T> {
    pub(super) fn new(shared: &'a Shared<T>) -> Self {
        Self {
            values: Values::new(shared),
        }
    }
}

impl<T> Stream for RecvStream<'_, T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        // SAFETY: `values` is pinned with the stream, and never moved out.
        let mut values = unsafe { self.map_unchecked_mut(|this| &mut this.values) };
        let Some(shared) = values.shared else {
            return Poll::Ready(None);
        };
        let poll = values.as_mut().poll_with(cx, Shared::pop);
        if let Poll::Ready(Ok(_)) = poll {
            // SAFETY: nothing that is pinned is moved.
            unsafe { values.get_unchecked_mut() }.shared = Some(shared);
        }
        poll.map(Result::ok)
    }
}

impl<T> FusedStream for RecvStream<'_, T> {
    fn is_terminated(&self) -> bool {
        self.values.is_done()
    }
}

impl<T> fmt::Debug for Recv<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv")
            .field("is_terminated", &self.values.is_done())
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for RecvMany<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvMany")
            .field("is_terminated", &self.values.is_done())
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for RecvStream<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvStream")
            .field("is_terminated", &self.values.is_done())
            .finish_non_exhaustive()
    }
}
