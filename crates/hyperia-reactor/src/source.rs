//! A registered descriptor.

use core::fmt;
use core::mem::ManuallyDrop;
use core::ptr;
use core::task::{Context, Poll, ready};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use crate::handle::Handle;
use crate::readiness::{Direction, Ready};
use crate::registration::{Readiness, Registration};

/// A descriptor that is registered with a reactor, and what is known about its readiness.
///
/// # Waiting
/// There are two ways, independent of each other and for each [`Direction`]:
///
/// | | who waits | how many |
/// |---|---|---|
/// | [`poll_ready`](Self::poll_ready), [`poll_io`](Self::poll_io) | the task of the last call | one: a later call from another task takes its place |
/// | [`readable`](Self::readable), [`writable`](Self::writable) | futures | any number; all are woken |
///
/// # Readiness
/// Events are edge-triggered: the kernel reports a change once, and it is remembered here until an attempt
/// shows that it is used up. So an operation must be tried until it blocks before a wait can mean
/// anything; [`poll_io`](Self::poll_io) and [`try_io`](Self::try_io) see to that. Whoever writes such a loop
/// himself takes a [`Ready`] first, then tries, and calls [`clear`](Self::clear) exactly when the attempt
/// failed with `WouldBlock`. On stream sockets, and nothing else, [`drained`](Self::drained) after a
/// short read or write saves the attempt that would have blocked.
///
/// Ready means "an attempt may not block", never "it will not": a wait may end in vain.
///
/// # Dropping
/// Dropping a source removes the descriptor from the reactor, then drops `S`, which usually closes it.
/// Removing is needed because the kernel forgets a registration only when *every* duplicate of the
/// descriptor is closed, here or in a child process. A descriptor of which that can be ruled out may skip
/// it: [`assume_unshared`](Self::assume_unshared).
///
/// # Examples
/// ```
/// use hyperia_reactor::{Direction, Reactor};
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
///
/// let mut reactor = Reactor::new()?;
/// let (ours, mut peer) = UnixStream::pair()?;
/// ours.set_nonblocking(true)?;
/// let source = reactor.handle().register(ours)?;
///
/// let driver = std::thread::spawn(move || {
///     peer.write_all(b"hi").unwrap();
///     reactor.poll(None).unwrap();
///     (reactor, peer)
/// });
/// let mut buf = [0; 8];
/// let n = hyperia_wait::block_on(async {
///     loop {
///         source.readable().await?;
///         match source.try_io(Direction::Read, |mut stream| stream.read(&mut buf)) {
///             Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
///             done => return done,
///         }
///     }
/// })?;
/// assert_eq!(&buf[..n], b"hi");
/// # driver.join().unwrap();
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Source<S: AsFd> {
    registration: Registration,
    io: S,
}

impl<S: AsFd> Source<S> {
    pub(crate) fn new(registration: Registration, io: S) -> Self {
        Self { registration, io }
    }

    /// The registered object.
    pub fn get_ref(&self) -> &S {
        &self.io
    }

    /// A handle of the reactor with which this is registered.
    pub fn handle(&self) -> Handle {
        self.registration.handle()
    }

    /// Takes the object out of the reactor.
    ///
    /// # Errors
    /// If it could not be removed; it is dropped then.
    pub fn into_inner(self) -> io::Result<S> {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is not used again and its `Drop` does not run, so both fields are read, and
        // later dropped, once.
        let (registration, io) = unsafe {
            (
                ptr::read(&raw const this.registration),
                ptr::read(&raw const this.io),
            )
        };
        registration.delete(io.as_fd())?;
        Ok(io)
    }

    /// That `direction` is ready, if it is.
    #[inline]
    pub fn ready(&self, direction: Direction) -> Option<Ready> {
        self.registration.slot().word.load().ready(direction)
    }

    /// Waits until `direction` is ready, in the one place that calls of this function share.
    ///
    /// # Errors
    /// [`ReactorGone`](crate::ReactorGone) if it is not ready and the reactor was dropped.
    #[inline]
    pub fn poll_ready(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
    ) -> Poll<io::Result<Ready>> {
        self.registration.slot().poll_cell(cx, direction)
    }

    /// Waits until `direction` is ready, beside any number of others.
    pub fn readiness(&self, direction: Direction) -> Readiness<'_> {
        Readiness::new(&self.registration, direction)
    }

    /// Waits until an attempt to read may not block.
    pub fn readable(&self) -> Readiness<'_> {
        self.readiness(Direction::Read)
    }

    /// Waits until an attempt to write may not block.
    pub fn writable(&self) -> Readiness<'_> {
        self.readiness(Direction::Write)
    }

    /// Says that an attempt made after `ready` was obtained failed with `WouldBlock`.
    ///
    /// The direction is then not ready until the next event, unless one came since. Calling it without
    /// such an attempt can make later waits hang: there may be no further event.
    #[inline]
    pub fn clear(&self, ready: Ready) {
        self.registration.slot().word.clear(ready);
    }

    /// Says that an attempt made after `ready` was obtained moved some bytes, but fewer than asked for.
    ///
    /// For stream sockets only, where that means that there is nothing more for now, and that an event
    /// will come when there is. (A terminal, a pipe in packet mode, a datagram socket end reads early.)
    /// Does nothing if the event also said that there will be no other one, as at the end of a stream.
    #[inline]
    pub fn drained(&self, ready: Ready) {
        self.registration.slot().word.drained(ready);
    }

    /// Lets the next attempt in `direction` happen without an event having been seen.
    ///
    /// Useful where readiness is likely, such as writing to a new connection: a wrong guess costs one
    /// attempt that would block, a right one saves a round through the reactor.
    pub fn assume_ready(&self, direction: Direction) {
        self.registration.slot().word.assume(direction);
    }

    /// Calls `f` if `direction` is ready; if not, or if `f` fails with `WouldBlock`, fails with that.
    ///
    /// `f` must do what it does on this descriptor and in this direction, and fail with `WouldBlock` for
    /// no other reason.
    ///
    /// # Errors
    /// Those of `f`, and `WouldBlock`.
    #[inline]
    pub fn try_io<R>(
        &self,
        direction: Direction,
        f: impl FnOnce(&S) -> io::Result<R>,
    ) -> io::Result<R> {
        let Some(ready) = self.ready(direction) else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        let result = f(&self.io);
        if let Err(error) = &result
            && error.kind() == io::ErrorKind::WouldBlock
        {
            self.clear(ready);
        }
        result
    }

    /// Calls `f`, whenever `direction` is ready, until it does something else than fail with `WouldBlock`.
    ///
    /// Waits as [`poll_ready`](Self::poll_ready) does; `f` as for [`try_io`](Self::try_io).
    ///
    /// # Errors
    /// Those of `f` other than `WouldBlock`; [`ReactorGone`](crate::ReactorGone) instead of waiting for a
    /// reactor that was dropped.
    #[inline]
    pub fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        mut f: impl FnMut(&S) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        loop {
            let ready = ready!(self.poll_ready(cx, direction))?;
            match f(&self.io) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.clear(ready),
                done => return Poll::Ready(done),
            }
        }
    }

    /// Declares that no duplicate of the descriptor exists, so that closing it is enough to remove it.
    ///
    /// Saves a system call when the source is dropped. Whoever makes or lets others make a duplicate later
    /// (lending the descriptor is enough) calls [`mark_shared`](Self::mark_shared), as
    /// [`as_fd`](AsFd::as_fd) of the source does by itself. If the declaration is wrong, as it becomes
    /// while a child of `fork` has not reached its `exec`, the reactor sees events of the closed descriptor
    /// and ignores them: they cost time, nothing else.
    #[must_use]
    pub fn assume_unshared(self) -> Self {
        self.registration.slot().word.set_unshared();
        self
    }

    /// Takes [`assume_unshared`](Self::assume_unshared) back.
    pub fn mark_shared(&self) {
        self.registration.slot().word.set_shared();
    }
}

impl<S: AsFd> Drop for Source<S> {
    fn drop(&mut self) {
        if self.registration.slot().word.is_shared() {
            // Fails only if `S` names another descriptor than it did at first, or closed it: then there
            // is nothing to remove.
            let _ = self.registration.delete(self.io.as_fd());
        }
    }
}

impl<S: AsFd> AsFd for Source<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.mark_shared();
        self.io.as_fd()
    }
}

impl<S: AsFd + fmt::Debug> fmt::Debug for Source<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("io", &self.io)
            .field("readiness", &self.registration)
            .finish()
    }
}
