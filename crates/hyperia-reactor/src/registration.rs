//! A slot that is owned, and the waits on it.

use core::fmt;
use core::pin::Pin;
use core::ptr::NonNull;
use core::task::{Context, Poll, ready};
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use futures_core::FusedFuture;
use hyperia_wait::Wait;

use crate::handle::{Handle, Shared};
use crate::readiness::{Direction, Ready};
use crate::slot::Slot;

/// Owns one slot, for one descriptor.
pub(crate) struct Registration {
    shared: Arc<Shared>,
    /// In the table of `shared`, owned by this registration.
    slot: NonNull<Slot>,
}

// SAFETY: the slot is used through shared references only, and `Slot` is `Sync` (asserted below); the
// table it lies in is owned by `shared`, which may be sent and shared.
unsafe impl Send for Registration {}
// SAFETY: as above.
unsafe impl Sync for Registration {}

const _: () = {
    const fn assert_sync<T: Send + Sync>() {}
    assert_sync::<Slot>();
    assert_sync::<Shared>();
};

impl Registration {
    /// Adds `fd` to the reactor.
    pub(crate) fn new(shared: &Arc<Shared>, fd: BorrowedFd<'_>) -> io::Result<Self> {
        let slot = shared.slots.acquire()?;
        // From here on a failure gives the slot back, by dropping this.
        let registration = Self {
            shared: Arc::clone(shared),
            slot,
        };
        shared.epoll.add(fd, registration.slot().token())?;
        Ok(registration)
    }

    /// Removes `fd`, with which this was made, from the reactor.
    pub(crate) fn delete(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.shared.epoll.delete(fd)
    }

    pub(crate) fn handle(&self) -> Handle {
        Handle {
            shared: Arc::clone(&self.shared),
        }
    }

    #[inline]
    pub(crate) fn slot(&self) -> &Slot {
        // SAFETY: slots are freed with their table only (invariant 1 of `slots`), which `shared` keeps
        // alive, and nobody has exclusive access to one.
        unsafe { self.slot.as_ref() }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.shared.slots.release(self.slot());
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.slot().word, f)
    }
}

/// Waits until a descriptor is ready in one direction.
///
/// Made by [`Source::readable`](crate::Source::readable) and
/// [`Source::writable`](crate::Source::writable). Any number of these may wait for the same direction; an
/// event wakes them all.
///
/// # Errors
/// [`ReactorGone`](crate::ReactorGone) if the reactor is dropped before the descriptor is ready.
///
/// # Cancel safety
/// Dropping it takes nothing: readiness is a state, not a message.
#[must_use = "futures do nothing unless polled"]
pub struct Readiness<'a> {
    registration: &'a Registration,
    direction: Direction,
    is_done: bool,
    /// In the queue of `direction`, once this was polled in vain.
    wait: Option<Wait<'a>>,
}

impl<'a> Readiness<'a> {
    pub(crate) fn new(registration: &'a Registration, direction: Direction) -> Self {
        Self {
            registration,
            direction,
            is_done: false,
            wait: None,
        }
    }

    /// The fields, with `wait` pinned.
    fn project(
        self: Pin<&mut Self>,
    ) -> (
        &'a Registration,
        Direction,
        &mut bool,
        Pin<&mut Option<Wait<'a>>>,
    ) {
        // SAFETY: `wait` is the one field that is pinned: it is handed out pinned only, there is no
        // `Drop` that could move it, and `Readiness` is `Unpin` only if `Wait` is. Nothing else is moved
        // out here.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above.
        let wait = unsafe { Pin::new_unchecked(&mut this.wait) };
        (this.registration, this.direction, &mut this.is_done, wait)
    }
}

impl Future for Readiness<'_> {
    type Output = io::Result<Ready>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (registration, direction, is_done, wait) = self.project();
        assert!(!*is_done, "polled after it was ready");
        let result = ready!(registration.slot().poll_queue(cx, direction, wait));
        *is_done = true;
        Poll::Ready(result)
    }
}

impl FusedFuture for Readiness<'_> {
    fn is_terminated(&self) -> bool {
        self.is_done
    }
}

impl fmt::Debug for Readiness<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness")
            .field("direction", &self.direction)
            .field("is_done", &self.is_done)
            .finish_non_exhaustive()
    }
}
