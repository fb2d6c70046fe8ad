//! Between our sockets, std's and descriptors.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use hyperia_reactor::{Handle, Source};

use super::listener::TcpListener;
use super::stream::TcpStream;

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket().as_fd()
    }
}

impl AsRawFd for TcpStream {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl TryFrom<(&Handle, std::net::TcpStream)> for TcpStream {
    type Error = io::Error;

    /// As [`from_std`](TcpStream::from_std).
    fn try_from((handle, stream): (&Handle, std::net::TcpStream)) -> io::Result<Self> {
        Self::from_std(handle, stream)
    }
}

impl TryFrom<TcpStream> for std::net::TcpStream {
    type Error = io::Error;

    /// As [`into_std`](TcpStream::into_std).
    fn try_from(stream: TcpStream) -> io::Result<Self> {
        stream.into_std()
    }
}

impl TryFrom<TcpStream> for OwnedFd {
    type Error = io::Error;

    /// As [`into_std`](TcpStream::into_std).
    fn try_from(stream: TcpStream) -> io::Result<Self> {
        stream.into_socket().into_inner()
    }
}

impl From<Source<OwnedFd>> for TcpStream {
    /// Takes over a socket that is registered already. It should be non-blocking.
    fn from(socket: Source<OwnedFd>) -> Self {
        Self::from_socket(socket)
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket().as_fd()
    }
}

impl AsRawFd for TcpListener {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl TryFrom<(&Handle, std::net::TcpListener)> for TcpListener {
    type Error = io::Error;

    /// As [`from_std`](TcpListener::from_std).
    fn try_from((handle, listener): (&Handle, std::net::TcpListener)) -> io::Result<Self> {
        Self::from_std(handle, listener)
    }
}

impl TryFrom<TcpListener> for std::net::TcpListener {
    type Error = io::Error;

    /// As [`into_std`](TcpListener::into_std).
    fn try_from(listener: TcpListener) -> io::Result<Self> {
        listener.into_std()
    }
}

impl TryFrom<TcpListener> for OwnedFd {
    type Error = io::Error;

    /// As [`into_std`](TcpListener::into_std).
    fn try_from(listener: TcpListener) -> io::Result<Self> {
        listener.into_socket().into_inner()
    }
}
