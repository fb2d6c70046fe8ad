//! Room that is reserved for a value to come.

use core::fmt;
use core::future::Future;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::FusedFuture;
use hyperia_queue::PushError;

use super::{Queue, SendError, Sender, Shared, TrySendError};
use crate::channel::{Attempt, Line};

impl<T> Sender<T> {
    /// Waits until there is room, and reserves it for one value.
    ///
    /// # Errors
    ///
    /// [`SendError`](super::SendError) once the channel is closed or the receiver is gone.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future, or the permit, leaves the room to the next one.
    ///
    /// # Panics
    ///
    /// If 65,535 places are reserved already.
    pub fn reserve(&self) -> Reserve<'_, T> {
        Reserve::new(&self.shared)
    }

    /// Reserves room for one value if there is any.
    ///
    /// # Errors
    ///
    /// [`TrySendError`].
    ///
    /// # Panics
    ///
    /// As [`reserve`](Self::reserve).
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        Ok(Permit::new(&self.shared)?)
    }
}

/// Room for one value, given back when this is dropped.
///
/// Made by [`Sender::reserve`](super::Sender::reserve). A place in number only: what others send meanwhile is received
/// before.
#[must_use = "dropping it gives the room back"]
pub struct Permit<'a, T> {
    shared: &'a Shared<T>,
}

impl<'a, T> Permit<'a, T> {
    pub(super) fn new(shared: &'a Shared<T>) -> Result<Self, PushError<()>> {
        match &shared.queue {
            Queue::Bounded(ring) => ring.reserve()?,
            Queue::Unbounded(list) if list.is_closed() => return Err(PushError::Closed(())),
            Queue::Unbounded(_) => {}
        }
        Ok(Self { shared })
    }

    /// Sends the value. Never waits.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value, if the channel was closed meanwhile or the receiver is gone.
    ///
    /// # Panics
    ///
    /// If the receiver's waker does; the value was sent then.
    pub fn send(self, value: T) -> Result<(), SendError<T>> {
        let shared = self.shared;
        mem::forget(self);
        let look = || shared.is_awaited();
        let pushed = match &shared.queue {
            // SAFETY: this was the right to one place, and is no more. The look does not panic.
            Queue::Bounded(ring) => unsafe { ring.push_reserved_looking(value, look) },
            // SAFETY: the look does not panic.
            Queue::Unbounded(list) => unsafe { list.push_looking(value, look) },
        };
        let is_awaited = pushed.map_err(|error| SendError(error.into_inner()))?;
        shared.pushed(is_awaited);
        Ok(())
    }
}

impl<T> Drop for Permit<'_, T> {
    /// Gives the room back, and wakes whoever waits for it.
    ///
    /// # Panics
    ///
    /// If the waker of that one does; the room is given back all the same.
    fn drop(&mut self) {
        if let Queue::Bounded(ring) = &self.shared.queue {
            // SAFETY: this is the right to one place; `send` forgets it.
            unsafe { ring.unreserve() };
            if self.shared.is_room_awaited() {
                self.shared.room.notify_one();
            }
        }
    }
}

/// The future of [`Sender::reserve`](super::Sender::reserve), which says what it does and what dropping it does.
#[must_use = "futures do nothing unless polled"]
pub struct Reserve<'a, T> {
    /// `None` once the output was returned.
    shared: Option<&'a Shared<T>>,
    /// Pinned with the future.
    line: Line<'a>,
}

impl<'a, T> Reserve<'a, T> {
    pub(super) fn new(shared: &'a Shared<T>) -> Self {
        Self {
            shared: Some(shared),
            line: Line::new(),
        }
    }
}

impl<'a, T> Future for Reserve<'a, T> {
    type Output = Result<Permit<'a, T>, SendError<()>>;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `line` is pinned with the future: it is reached through this pin only, and dropped in its place.
        // The other is not pinned.
        let (slot, line) = unsafe {
            let this = self.get_unchecked_mut();
            (&mut this.shared, Pin::new_unchecked(&mut this.line))
        };
        let shared = slot.expect("`Reserve` polled again after it was ready");
        let poll = line.poll(&shared.room, cx, || match Permit::new(shared) {
            Ok(permit) => Attempt::Done(Ok(permit)),
            Err(PushError::Closed(())) => Attempt::Done(Err(SendError(()))),
            Err(PushError::Full(())) => Attempt::Wait,
        });
        if poll.is_ready() {
            *slot = None;
        }
        poll
    }
}

impl<T> FusedFuture for Reserve<'_, T> {
    fn is_terminated(&self) -> bool {
        self.shared.is_none()
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
