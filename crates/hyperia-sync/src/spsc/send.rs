//! Sending that may wait for room.

use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use futures_core::FusedFuture;
use hyperia_queue::PushError;
#[cfg(feature = "std")]
use hyperia_wait::Elapsed;

#[cfg(feature = "std")]
use super::SendTimeoutError;
use super::{SendError, Sender};
use crate::channel::{Attempt, Borrowed};

/// The future of [`Sender::send`], which says what it does and what dropping it does.
#[must_use = "futures do nothing unless polled"]
pub struct SendFuture<'a, T> {
    sender: Borrowed<'a, Sender<T>>,
    value: Value<T>,
}

/// Where the value is.
enum Value<T> {
    Here(T),
    /// In the mailbox, or received from there.
    Posted,
    /// Sent, or handed back.
    Gone,
}

impl<'a, T> SendFuture<'a, T> {
    #[inline]
    pub(super) fn new(sender: &'a mut Sender<T>, value: T) -> Self {
        Self {
            sender: Borrowed::new(sender),
            value: Value::Here(value),
        }
    }

    /// Takes the value, unless it was sent or received.
    fn take(&mut self) -> Option<T> {
        match mem::replace(&mut self.value, Value::Gone) {
            Value::Here(value) => Some(value),
            Value::Posted => self.sender.end().unpost(),
            Value::Gone => None,
        }
    }

    #[cfg(feature = "std")]
    pub(super) fn finish(
        mut self,
        result: Result<Result<(), SendError<T>>, Elapsed>,
    ) -> Result<(), SendTimeoutError<T>> {
        match result {
            Ok(result) => Ok(result?),
            Err(Elapsed) => match self.take() {
                Some(value) => Err(SendTimeoutError::Timeout(value)),
                None => Ok(()),
            },
        }
    }
}

// Nothing is pinned in here, whatever `T` is.
impl<T> Unpin for SendFuture<'_, T> {}

impl<T> Future for SendFuture<'_, T> {
    type Output = Result<(), SendError<T>>;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { sender, value } = &mut *self;
        sender.poll(cx, |sender| match mem::replace(value, Value::Gone) {
            Value::Here(own) => attempt(sender, own, value),
            Value::Posted => attempt_posted(sender, value),
            Value::Gone => unreachable!("it was not sent"),
        })
    }
}

/// Sends a value, or leaves it in the mailbox if there is no room.
#[inline]
fn attempt<T>(
    sender: &mut Sender<T>,
    value: T,
    slot: &mut Value<T>,
) -> Attempt<Result<(), SendError<T>>> {
    match sender.push(value) {
        Ok(()) => Attempt::Done(Ok(())),
        Err(PushError::Closed(value)) => Attempt::Done(Err(SendError(value))),
        Err(PushError::Full(value)) => {
            *slot = match sender.post(value) {
                Ok(()) => Value::Posted,
                Err(value) => Value::Here(value),
            };
            Attempt::Wait
        }
    }
}

/// Sends the value that was left in the mailbox, if it is still there and there is room.
#[cold]
fn attempt_posted<T>(
    sender: &mut Sender<T>,
    slot: &mut Value<T>,
) -> Attempt<Result<(), SendError<T>>> {
    if !sender.is_posted() {
        return Attempt::Done(Ok(()));
    }
    if let Err(PushError::Full(())) = sender.look_for_room() {
        *slot = Value::Posted;
        return Attempt::Wait;
    }
    match sender.unpost() {
        Some(value) => attempt(sender, value, slot),
        None => Attempt::Done(Ok(())),
    }
}

impl<T> Drop for SendFuture<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if let Value::Posted = self.value {
            drop(self.take());
        }
    }
}

impl<T> FusedFuture for SendFuture<'_, T> {
    fn is_terminated(&self) -> bool {
        self.sender.is_done()
    }
}

/// The future of [`Sender::send_many`], which says what it does and what dropping it does.
#[must_use = "futures do nothing unless polled"]
pub struct SendMany<'a, T> {
    sender: Borrowed<'a, Sender<T>>,
    values: &'a mut Vec<T>,
}

impl<'a, T> SendMany<'a, T> {
    pub(super) fn new(sender: &'a mut Sender<T>, values: &'a mut Vec<T>) -> Self {
        Self {
            sender: Borrowed::new(sender),
            values,
        }
    }
}

impl<T> Future for SendMany<'_, T> {
    type Output = Result<(), SendError<()>>;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { sender, values } = &mut *self;
        sender.poll(cx, |sender| {
            loop {
                match sender.push_many(values) {
                    Ok(_) if values.is_empty() => return Attempt::Done(Ok(())),
                    Ok(_) => {}
                    Err(PushError::Closed(())) => return Attempt::Done(Err(SendError(()))),
                    Err(PushError::Full(())) => return Attempt::Wait,
                }
            }
        })
    }
}

impl<T> FusedFuture for SendMany<'_, T> {
    fn is_terminated(&self) -> bool {
        self.sender.is_done()
    }
}

/// Room for one value.
///
/// Made by [`Sender::reserve`]. While it lives nobody else can send, so the room stays.
#[must_use = "it is for sending"]
pub struct Permit<'a, T> {
    sender: &'a mut Sender<T>,
}

impl<'a, T> Permit<'a, T> {
    pub(super) fn new(sender: &'a mut Sender<T>) -> Self {
        Self { sender }
    }

    /// Sends the value. Never waits.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value, if the receiver has gone meanwhile.
    ///
    /// # Panics
    ///
    /// If the receiver's waker does; the value was sent then.
    pub fn send(self, value: T) -> Result<(), SendError<T>> {
        self.sender
            .push(value)
            .map_err(|error| SendError(error.into_inner()))
    }
}

/// The future of [`Sender::reserve`], which says what it does and what dropping it does.
#[must_use = "futures do nothing unless polled"]
pub struct Reserve<'a, T> {
    /// `None` once the output was returned.
    sender: Option<Borrowed<'a, Sender<T>>>,
}

impl<'a, T> Reserve<'a, T> {
    pub(super) fn new(sender: &'a mut Sender<T>) -> Self {
        Self {
            sender: Some(Borrowed::new(sender)),
        }
    }
}

impl<'a, T> Future for Reserve<'a, T> {
    type Output = Result<Permit<'a, T>, SendError<()>>;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let sender = self
            .sender
            .as_mut()
            .expect("polled again after it was ready");
        let room = ready!(sender.poll(cx, |sender| match sender.look_for_room() {
            Ok(()) => Attempt::Done(Ok(())),
            Err(PushError::Closed(())) => Attempt::Done(Err(SendError(()))),
            Err(PushError::Full(())) => Attempt::Wait,
        }));
        let sender = self.sender.take().expect("seen above");
        Poll::Ready(room.map(|()| Permit::new(sender.into_inner())))
    }
}

impl<T> FusedFuture for Reserve<'_, T> {
    fn is_terminated(&self) -> bool {
        self.sender.is_none()
    }
}

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

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Reserve<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reserve")
            .field("is_terminated", &self.is_terminated())
            .finish_non_exhaustive()
    }
}
