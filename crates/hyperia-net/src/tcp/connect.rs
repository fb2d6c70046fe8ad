//! Connecting.

use core::fmt;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use futures_core::FusedFuture;
use hyperia_reactor::{Direction, Handle};

use super::stream::TcpStream;
use crate::sys::socket;

/// The future of [`TcpStream::connect`].
///
/// # Errors
/// What `connect(2)` or, once the attempt is decided, the socket itself (`SO_ERROR`) says: `ConnectionRefused`,
/// `TimedOut` after the system's own limit, `HostUnreachable` and others; those of making and registering a
/// socket; [`ReactorGone`](hyperia_reactor::ReactorGone).
///
/// # Cancel safety
/// Dropping it gives the attempt up and closes the socket at once, whatever state it is in.
#[must_use = "futures do nothing unless polled"]
pub struct Connect {
    state: State,
}

enum State {
    /// Not polled yet.
    Start(Handle, SocketAddr),
    /// The kernel is at it; the stream's writability will tell that it has come to an end.
    Waiting(TcpStream),
    Done,
}

impl Connect {
    pub(super) fn new(handle: &Handle, addr: SocketAddr) -> Self {
        Self {
            state: State::Start(handle.clone(), addr),
        }
    }
}

/// Begins an attempt. The socket is registered *after* that: before, it would be reported as hung up and
/// writable, which says nothing about the connection.
fn start(handle: &Handle, addr: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket::tcp(addr)?;
    let connected = socket::connect(socket.as_fd(), addr)?;
    let stream = TcpStream::from_own(handle, socket)?;
    if connected {
        stream.socket().assume_ready(Direction::Write);
    }
    Ok(stream)
}

impl Future for Connect {
    type Output = io::Result<TcpStream>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Whatever ends the attempt leaves `Done` behind.
        let stream = match mem::replace(&mut self.state, State::Done) {
            State::Start(handle, addr) => start(&handle, addr)?,
            State::Waiting(stream) => stream,
            State::Done => panic!("polled after it was ready"),
        };
        match stream.socket().poll_ready(cx, Direction::Write) {
            Poll::Pending => {
                self.state = State::Waiting(stream);
                Poll::Pending
            }
            Poll::Ready(Err(gone)) => Poll::Ready(Err(gone)),
            Poll::Ready(Ok(_)) => Poll::Ready(match stream.take_error()? {
                None => Ok(stream),
                Some(error) => Err(error),
            }),
        }
    }
}

impl FusedFuture for Connect {
    fn is_terminated(&self) -> bool {
        matches!(self.state, State::Done)
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            State::Start(_, addr) => f.debug_tuple("Connect").field(addr).finish(),
            State::Waiting(stream) => f.debug_tuple("Connect").field(stream).finish(),
            State::Done => f.write_str("Connect(done)"),
        }
    }
}
