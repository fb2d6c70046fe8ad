//! Sending that may wait for room.
//!
//! One file for `mpsc` and `mpmc`, which both include it: `super` is the channel, with its `Shared`.

use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use futures_core::FusedFuture;
use hyperia_queue::PushError;

use super::{SendError, Shared};
use crate::channel::{Attempt, Line};

/// The future of [`Sender::send`](super::Sender::send), which says what it does and what dropping it does.
#[must_use = "futures do nothing unless polled"]
pub struct SendFuture<'a, T> {
    shared: &'a Shared<T>,
    /// `None` once it was sent, or handed back. Not pinned.
    value: Option<T>,
    /// Pinned with the future.
    line: Line<'a>,
}

impl<'a, T> SendFuture<'a, T> {
    #[inline]
    pub(super) fn new(shared: &'a Shared<T>, value: T) -> Self {
        Self {
            shared,
            value: Some(value),
            line: Line::new(),
        }
    }

    /// The parts; the line pinned.
    #[inline]
    fn project(self: Pin<&mut Self>) -> (&'a Shared<T>, &mut Option<T>, Pin<&mut Line<'a>>) {
        // SAFETY: `line` is pinned with the future: it is reached through this pin only, and dropped in its place.
        // The others are not pinned.
        unsafe {
            let this = self.get_unchecked_mut();
            (
                this.shared,
                &mut this.value,
                Pin::new_unchecked(&mut this.line),
            )
        }
    }

    /// Takes the value back, if it was not sent.
    #[cfg(feature = "std")]
    pub(super) fn take_value(self: Pin<&mut Self>) -> Option<T> {
        self.project().1.take()
    }
}

impl<T> Future for SendFuture<'_, T> {
    type Output = Result<(), SendError<T>>;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (shared, slot, line) = self.project();
        line.poll(&shared.room, cx, || {
            let value = slot
                .take()
                .expect("`SendFuture` polled again after it was ready");
            match shared.push(value) {
                Ok(()) => Attempt::Done(Ok(())),
                Err(PushError::Closed(value)) => Attempt::Done(Err(SendError(value))),
                Err(PushError::Full(value)) => {
                    *slot = Some(value);
                    shared.after_full()
                }
            }
        })
    }
}

impl<T> FusedFuture for SendFuture<'_, T> {
    fn is_terminated(&self) -> bool {
        self.value.is_none()
    }
}

/// The future of [`Sender::send_many`](super::Sender::send_many), which says what it does and what dropping it does.
#[must_use = "futures do nothing unless polled"]
pub struct SendMany<'a, T> {
    /// `None` once the output was returned.
    shared: Option<&'a Shared<T>>,
    values: &'a mut Vec<T>,
    /// Pinned with the future.
    line: Line<'a>,
}

impl<'a, T> SendMany<'a, T> {
    pub(super) fn new(shared: &'a Shared<T>, values: &'a mut Vec<T>) -> Self {
        Self {
            shared: Some(shared),
            values,
            line: Line::new(),
        }
    }
}

impl<T> Future for SendMany<'_, T> {
    type Output = Result<(), SendError<()>>;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `line` is pinned with the future: it is reached through this pin only, and dropped in its place.
        // The others are not pinned.
        let (place, values, mut line) = unsafe {
            let Self {
                shared,
                values,
                line,
            } = self.get_unchecked_mut();
            (shared, &mut **values, Pin::new_unchecked(line))
        };
        let shared = place.expect("`SendMany` polled again after it was ready");
        loop {
            let sent = ready!(line.as_mut().poll(
                &shared.room,
                cx,
                || match shared.push_many(values) {
                    Ok(_) => Attempt::Done(Ok(())),
                    Err(PushError::Closed(())) => Attempt::Done(Err(SendError(()))),
                    Err(PushError::Full(())) => shared.after_full(),
                }
            ));
            if sent.is_err() || values.is_empty() {
                *place = None;
                return Poll::Ready(sent);
            }
        }
    }
}

impl<T> FusedFuture for SendMany<'_, T> {
    fn is_terminated(&self) -> bool {
        self.shared.is_none()
    }
}

// The values are moved as wholes; nothing in here is half-changed when a waker panics.
impl<T> core::panic::UnwindSafe for SendFuture<'_, T> {}
impl<T> core::panic::RefUnwindSafe for SendFuture<'_, T> {}

impl<T> fmt::Debug for SendFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendFuture")
            .field("is_terminated", &self.is_terminated())
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for SendMany<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendMany")
            .field("len", &self.values.len())
            .field("is_terminated", &self.is_terminated())
            .finish_non_exhaustive()
    }
}
