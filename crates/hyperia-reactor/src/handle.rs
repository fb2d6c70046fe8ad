//! What the reactor shares with its sources and wakers.

use core::fmt;
use core::task::Waker;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::task::Wake;

use crate::registration::Registration;
use crate::slots::Slots;
use crate::source::Source;
use crate::sys::epoll::Epoll;
use crate::sys::eventfd::EventFd;
use crate::wakeup::Wakeup;

/// Token of the bell: no slot has this index.
pub(crate) const BELL: u64 = u64::MAX;

/// Lives as long as the reactor or anything made with it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) epoll: Epoll,
    pub(crate) slots: Slots,
    pub(crate) wakeup: Wakeup,
    bell: EventFd,
}

impl Shared {
    pub(crate) fn new() -> io::Result<Self> {
        let epoll = Epoll::new()?;
        let bell = EventFd::new()?;
        epoll.add_read(bell.as_fd(), BELL)?;
        Ok(Self {
            epoll,
            slots: Slots::new(),
            wakeup: Wakeup::new(),
            bell,
        })
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.wakeup.call() {
            // An eventfd of our own, written with eight bytes: the one documented error is a full
            // counter, which `ring` handles. There is nobody to report another one to.
            let rung = self.bell.ring();
            debug_assert!(rung.is_ok(), "{rung:?}");
        }
    }
}

/// Registers descriptors with a [`Reactor`](crate::Reactor), from any thread.
///
/// Cheap to clone. It may outlive the reactor: then [`register`](Self::register) fails.
///
/// # Examples
/// ```
/// use hyperia_reactor::{Direction, Reactor};
/// use std::io::Read;
/// use std::os::unix::net::UnixStream;
///
/// let mut reactor = Reactor::new()?;
/// let (receiver, sender) = UnixStream::pair()?;
/// receiver.set_nonblocking(true)?;
/// let source = reactor.handle().register(receiver)?;
///
/// // Nothing was reported yet, so nothing is tried.
/// let early = source.try_io(Direction::Read, |mut stream| stream.read(&mut [0; 8]));
/// assert_eq!(early.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
///
/// drop(sender);
/// reactor.poll(None)?;
/// let end = source.try_io(Direction::Read, |mut stream| stream.read(&mut [0; 8]))?;
/// assert_eq!(end, 0);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Handle {
    pub(crate) shared: Arc<Shared>,
}

impl Handle {
    /// Adds a descriptor to the reactor, for both directions and for as long as the source lives.
    ///
    /// The descriptor should be in non-blocking mode; that is not checked, and not changed. (In blocking
    /// mode the attempt that should fail with `WouldBlock` stops its thread instead.) One `epoll_ctl`; no
    /// allocation unless there are more registrations than ever before.
    ///
    /// # Errors
    /// Those of `epoll_ctl(2)`: the descriptor is already registered here (`AlreadyExists`), it is of a
    /// kind that is always ready, such as a regular file (`PermissionDenied`), or a limit is reached.
    /// [`ReactorGone`](crate::ReactorGone) if the reactor was dropped. `io` is dropped in all these cases.
    pub fn register<S: AsFd>(&self, io: S) -> io::Result<Source<S>> {
        let registration = Registration::new(&self.shared, io.as_fd())?;
        Ok(Source::new(registration, io))
    }

    /// A waker that ends the reactor's present wait, or its next one.
    ///
    /// Any number of wakes between two waits cost at most one system call together; none if the reactor
    /// is not waiting.
    pub fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.shared))
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}
