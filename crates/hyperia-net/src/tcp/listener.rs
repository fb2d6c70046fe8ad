//! Accepting connections.

use core::fmt;
use core::task::{Context, Poll, ready};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use hyperia_reactor::{Direction, Handle, Ready};

use super::incoming::{Accept, AcceptOne, Incoming};
use super::stream::TcpStream;
use crate::attempt::{Socket, fd};
use crate::sys::{option, socket};

#[cfg(test)]
mod tests;

/// A socket that listens for TCP connections.
///
/// # Running out of descriptors
/// `accept` fails then (`EMFILE`, `ENFILE`, or a memory error), once per call, and the connection stays in
/// the kernel's queue. Readiness is kept, so that a later call takes it as soon as there is room, without a
/// new connection having to arrive. Until then every call fails at once, without waiting: a loop
/// that ignores the error would spin. Such a loop first closes something or sleeps for a while
/// ([`is_exhausted`](Self::is_exhausted) tells these errors from others).
pub struct TcpListener {
    socket: Socket,
}

impl TcpListener {
    /// Listens on `addr`; port 0 lets the system choose one, which [`local_addr`](Self::local_addr) tells.
    ///
    /// As in std the address may be one that closed connections still linger on (`SO_REUSEADDR`). The queue
    /// of connections not yet accepted is as long as the system permits (`net.core.somaxconn`).
    ///
    /// # Errors
    /// If the address is in use, not ours or not permitted; those of making and registering a socket.
    pub fn bind(handle: &Handle, addr: SocketAddr) -> io::Result<Self> {
        let socket = socket::tcp(addr)?;
        option::set(socket.as_fd(), option::REUSE_ADDR, 1)?;
        socket::bind(socket.as_fd(), addr)?;
        socket::listen(socket.as_fd())?;
        Ok(Self {
            socket: handle.register(socket)?.assume_unshared(),
        })
    }

    /// Registers a listener made elsewhere, and puts it into non-blocking mode.
    ///
    /// # Errors
    /// If it cannot be registered, for example because it already is; it is closed then.
    pub fn from_std(handle: &Handle, listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self {
            socket: handle.register(OwnedFd::from(listener))?,
        })
    }

    /// Takes the listener out of the reactor. It stays in non-blocking mode.
    ///
    /// # Errors
    /// If it could not be removed; it is closed then.
    pub fn into_std(self) -> io::Result<std::net::TcpListener> {
        Ok(self.socket.into_inner()?.into())
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(super) fn into_socket(self) -> Socket {
        self.socket
    }

    /// A handle of the reactor that this listener, and what it accepts, is registered with.
    pub fn handle(&self) -> Handle {
        self.socket.handle()
    }

    /// The address that this listens on.
    ///
    /// # Errors
    /// Those of `getsockname(2)`; none is expected.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        socket::local_addr(fd(&self.socket))
    }

    /// Takes the error that is pending on the socket (`SO_ERROR`).
    ///
    /// # Errors
    /// Those of `getsockopt(2)`; none is expected.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        option::take_error(fd(&self.socket))
    }

    /// Accepts a connection. Any number of tasks may wait; each connection goes to one of them.
    ///
    /// # Errors
    /// Those of `accept(2)`, except those of a single connection that failed while it was queued
    /// (`ECONNABORTED` and pending network errors): the next one is taken then. For the lack of
    /// descriptors see [above](Self#running-out-of-descriptors).
    ///
    /// # Cancel safety
    /// A dropped future has accepted nothing.
    pub fn accept(&self) -> Accept<'_> {
        Accept::new(&self.socket, AcceptOne)
    }

    /// Accepts a connection that was reported to be there.
    ///
    /// # Errors
    /// `WouldBlock` if there is none; otherwise as [`accept`](Self::accept).
    pub fn try_accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        match self.socket.ready(Direction::Read) {
            Some(ready) => accept(&self.socket, ready),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Accepts a connection.
    ///
    /// If it must wait, the task of `cx` takes the place of the one that polled before.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        loop {
            let ready = ready!(self.socket.poll_ready(cx, Direction::Read))?;
            match accept(&self.socket, ready) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }

    /// The connections, as a stream.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming::new(self)
    }

    /// Whether an error of `accept` means that descriptors or memory ran out, so that trying again at once
    /// is no use.
    pub fn is_exhausted(error: &io::Error) -> bool {
        matches!(
            error.raw_os_error(),
            Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)
        )
    }
}

/// Takes the first connection that is in order. `ready` was obtained before.
pub(super) fn accept(listener: &Socket, ready: Ready) -> io::Result<(TcpStream, SocketAddr)> {
    loop {
        match socket::accept(fd(listener)) {
            Ok((socket, addr)) => {
                let stream = TcpStream::from_own(&listener.handle(), socket)?;
                // Nothing was sent yet, so there is room.
                stream.socket().assume_ready(Direction::Write);
                return Ok((stream, addr));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                if error.kind() == io::ErrorKind::WouldBlock {
                    listener.clear(ready);
                }
                return Err(error);
            }
        }
    }
}

/// Errors that `accept(2)` passes on from the connection it took out of the queue, or that say nothing. Each
/// costs the queue an entry, so that retrying ends.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::ECONNABORTED
                | libc::EINTR
                | libc::EPROTO
                | libc::ENOPROTOOPT
                | libc::ENETDOWN
                | libc::EHOSTDOWN
                | libc::ENONET
                | libc::EHOSTUNREACH
                | libc::ENETUNREACH
        )
    )
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TcpListener");
        if let Ok(addr) = self.local_addr() {
            debug.field("addr", &addr);
        }
        debug.field("fd", &fd(&self.socket).as_raw_fd()).finish()
    }
}
