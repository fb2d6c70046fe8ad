//! A connection.

use core::fmt;
use core::mem::MaybeUninit;
use core::task::{Context, Poll};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};

use hyperia_reactor::{Direction, Handle, Readiness};

use super::connect::Connect;
use super::io::{
    Read, ReadInto, Write, WriteAll, WriteAllOf, WriteFrom, WriteSlices, WriteVectored,
};
use crate::attempt::{Socket, fd, poll_transfer, try_transfer};
use crate::sys::{option, socket};

/// A TCP connection between this end and another.
///
/// All methods take `&self`: reading and writing are independent, and a reference is enough for either, on
/// any thread.
///
/// | | if it would block | how many may wait |
/// |---|---|---|
/// | [`try_read`](Self::try_read), [`try_write`](Self::try_write), … | fails with `WouldBlock` | – |
/// | [`poll_read`](Self::poll_read), [`poll_write`](Self::poll_write), … | waits | one task per direction: the last that polled |
/// | [`read`](Self::read), [`write`](Self::write), … | waits | any number; whoever is first takes the bytes |
///
/// Dropping it closes the connection at once, as in std: bytes that were written are still sent, but if bytes
/// that arrived were not read, the peer sees a reset, and may lose what it had not yet read. To part
/// orderly: [`shutdown(Write)`](Self::shutdown), read until `Ok(0)`, drop.
///
/// # Examples
/// ```
/// use hyperia_net::{TcpListener, TcpStream};
/// # use hyperia_reactor::Reactor;
/// # let mut reactor = Reactor::new()?;
/// # let handle = reactor.handle();
/// # let (stop, stopped) = (std::sync::Arc::new(()), reactor.waker());
/// # let alive = std::sync::Arc::downgrade(&stop);
/// # let driver = std::thread::spawn(move || {
/// #     while alive.strong_count() > 0 { reactor.poll(None).unwrap(); }
/// # });
/// # hyperia_wait::block_on(async {
/// let listener = TcpListener::bind(&handle, "127.0.0.1:0".parse().unwrap())?;
/// let client = TcpStream::connect(&handle, listener.local_addr()?).await?;
/// let (server, _) = listener.accept().await?;
///
/// client.write_all(b"hello").await?;
/// let mut buf = [0; 16];
/// let n = server.read(&mut buf).await?;
/// assert_eq!(&buf[..n], b"hello");
/// # std::io::Result::Ok(())
/// # })?;
/// # drop(stop);
/// # stopped.wake();
/// # driver.join().unwrap();
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct TcpStream {
    socket: Socket,
}

impl TcpStream {
    /// Connects to `addr`.
    ///
    /// Nothing happens before the future is polled. Dropping it gives up at once.
    pub fn connect(handle: &Handle, addr: SocketAddr) -> Connect {
        Connect::new(handle, addr)
    }

    /// A socket of our own making: nobody else knows the descriptor.
    pub(super) fn from_own(handle: &Handle, fd: OwnedFd) -> io::Result<Self> {
        Ok(Self {
            socket: handle.register(fd)?.assume_unshared(),
        })
    }

    /// Registers a connection made elsewhere, and puts it into non-blocking mode.
    ///
    /// # Errors
    /// If it cannot be registered, for example because it already is; it is closed then.
    pub fn from_std(handle: &Handle, stream: std::net::TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            socket: handle.register(OwnedFd::from(stream))?,
        })
    }

    /// Takes the connection out of the reactor. It stays in non-blocking mode.
    ///
    /// # Errors
    /// If it could not be removed; it is closed then.
    pub fn into_std(self) -> io::Result<std::net::TcpStream> {
        Ok(self.into_socket().into_inner()?.into())
    }

    pub(super) fn from_socket(socket: Socket) -> Self {
        Self { socket }
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(super) fn into_socket(self) -> Socket {
        self.socket
    }

    /// A handle of the reactor that this connection is registered with.
    pub fn handle(&self) -> Handle {
        self.socket.handle()
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// If it is not connected (any more).
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        socket::peer_addr(fd(&self.socket))
    }

    /// The address of this end.
    ///
    /// # Errors
    /// Those of `getsockname(2)`; none is expected.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        socket::local_addr(fd(&self.socket))
    }

    /// Ends reading, writing or both; who waits for it here is woken.
    ///
    /// # Errors
    /// If it is not connected (any more).
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        socket::shutdown(fd(&self.socket), how)
    }

    /// Whether small writes are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    /// Those of `getsockopt(2)`; none is expected.
    pub fn nodelay(&self) -> io::Result<bool> {
        Ok(option::get(fd(&self.socket), option::NODELAY)? != 0)
    }

    /// Sends small writes at once, instead of waiting for an acknowledgement of what was sent before.
    ///
    /// # Errors
    /// Those of `setsockopt(2)`; none is expected.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        option::set(fd(&self.socket), option::NODELAY, nodelay.into())
    }

    /// The time to live of packets sent (`IP_TTL`).
    ///
    /// # Errors
    /// Those of `getsockopt(2)`; none is expected.
    pub fn ttl(&self) -> io::Result<u32> {
        Ok(option::get(fd(&self.socket), option::TTL)?.unsigned_abs())
    }

    /// Sets the time to live of packets sent.
    ///
    /// # Errors
    /// If it is not between 1 and 255.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        let ttl = ttl
            .try_into()
            .map_err(|_too_large| io::ErrorKind::InvalidInput)?;
        option::set(fd(&self.socket), option::TTL, ttl)
    }

    /// Takes the error that is pending on the socket (`SO_ERROR`).
    ///
    /// # Errors
    /// Those of `getsockopt(2)`; none is expected.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        option::take_error(fd(&self.socket))
    }

    /// Waits until there may be something to read, or the end.
    pub fn readable(&self) -> Readiness<'_> {
        self.socket.readable()
    }

    /// Waits until there may be room to write.
    pub fn writable(&self) -> Readiness<'_> {
        self.socket.writable()
    }

    /// Reads into `buf`; 0 is the end of the stream, unless `buf` is empty.
    ///
    /// # Errors
    /// Those of `recv(2)`; [`ReactorGone`](hyperia_reactor::ReactorGone) if it would have to wait for a
    /// reactor that was dropped.
    ///
    /// # Cancel safety
    /// A dropped future has read nothing.
    pub fn read<'a>(&'a self, buf: &'a mut [u8]) -> Read<'a> {
        Read::new(&self.socket, ReadInto(buf))
    }

    /// Writes some of `buf`, at least one byte unless it is empty.
    ///
    /// # Errors
    /// Those of `send(2)`: `BrokenPipe`, without a signal, if writing was ended or the peer has reset; and
    /// [`ReactorGone`](hyperia_reactor::ReactorGone) if it would have to wait for a reactor that was dropped.
    ///
    /// # Cancel safety
    /// A dropped future has written nothing.
    pub fn write<'a>(&'a self, buf: &'a [u8]) -> Write<'a> {
        Write::new(&self.socket, WriteFrom(buf))
    }

    /// Writes all of `buf`.
    ///
    /// # Errors
    /// As [`write`](Self::write); a part may have been written.
    ///
    /// # Cancel safety
    /// A dropped future has written a part that [`written`](WriteAll::written) tells. Others who write at
    /// the same time may come in between.
    pub fn write_all<'a>(&'a self, buf: &'a [u8]) -> WriteAll<'a> {
        WriteAll::new(&self.socket, WriteAllOf { buf, written: 0 })
    }

    /// Writes some of `bufs`, as if they were one; at most 1,024 of them.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    ///
    /// # Cancel safety
    /// A dropped future has written nothing.
    pub fn write_vectored<'a>(&'a self, bufs: &'a [IoSlice<'a>]) -> WriteVectored<'a> {
        WriteVectored::new(&self.socket, WriteSlices(bufs))
    }

    /// Reads into `buf` if something was reported to be there.
    ///
    /// # Errors
    /// `WouldBlock` if not; otherwise those of `recv(2)`.
    #[inline]
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let buf = socket::as_uninit(buf);
        try_transfer(&self.socket, Direction::Read, buf.len(), |fd| {
            socket::recv(fd, buf, 0)
        })
    }

    /// Reads into several buffers, as if they were one, if something was reported to be there.
    ///
    /// # Errors
    /// As [`try_read`](Self::try_read).
    #[inline]
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let wanted = bufs
            .iter()
            .take(socket::SLICES_MAX)
            .map(|buf| buf.len())
            .sum();
        try_transfer(&self.socket, Direction::Read, wanted, |fd| {
            socket::recv_vectored(fd, bufs)
        })
    }

    /// Writes some of `buf` if there was reported to be room.
    ///
    /// # Errors
    /// `WouldBlock` if not; otherwise those of `send(2)`.
    #[inline]
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        try_transfer(&self.socket, Direction::Write, buf.len(), |fd| {
            socket::send(fd, buf)
        })
    }

    /// Writes some of `bufs`, as if they were one, if there was reported to be room.
    ///
    /// # Errors
    /// As [`try_write`](Self::try_write).
    #[inline]
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let wanted = total_len(bufs);
        try_transfer(&self.socket, Direction::Write, wanted, |fd| {
            socket::send_vectored(fd, bufs)
        })
    }

    /// Reads into memory that need not be initialized, if something was reported to be there; returns the
    /// part that now is.
    ///
    /// # Errors
    /// As [`try_read`](Self::try_read).
    #[inline]
    pub fn try_read_uninit<'a>(&self, buf: &'a mut [MaybeUninit<u8>]) -> io::Result<&'a mut [u8]> {
        let wanted = buf.len();
        let len = try_transfer(&self.socket, Direction::Read, wanted, |fd| {
            socket::recv(fd, buf, 0)
        })?;
        // SAFETY: the kernel has just written the first `len` bytes.
        Ok(unsafe { buf[..len].assume_init_mut() })
    }

    /// Reads into `buf`; 0 is the end of the stream, unless `buf` is empty.
    ///
    /// If it must wait, the task of `cx` takes the place of the one that polled for reading before.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    #[inline]
    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let buf = socket::as_uninit(buf);
        poll_transfer(&self.socket, cx, Direction::Read, buf.len(), |fd| {
            socket::recv(fd, buf, 0)
        })
    }

    /// Reads into memory that need not be initialized; returns the part that now is.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    #[inline]
    pub fn poll_read_uninit<'a>(
        &self,
        cx: &mut Context<'_>,
        buf: &'a mut [MaybeUninit<u8>],
    ) -> Poll<io::Result<&'a mut [u8]>> {
        let wanted = buf.len();
        let polled = poll_transfer(&self.socket, cx, Direction::Read, wanted, |fd| {
            socket::recv(fd, buf, 0)
        });
        polled.map_ok(|len| {
            // SAFETY: the kernel has just written the first `len` bytes.
            unsafe { buf[..len].assume_init_mut() }
        })
    }

    /// Reads into several buffers, as if they were one.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    #[inline]
    pub fn poll_read_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let wanted = bufs
            .iter()
            .take(socket::SLICES_MAX)
            .map(|buf| buf.len())
            .sum();
        poll_transfer(&self.socket, cx, Direction::Read, wanted, |fd| {
            socket::recv_vectored(fd, bufs)
        })
    }

    /// Looks at what can be read without taking it.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    #[inline]
    pub fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let buf = socket::as_uninit(buf);
        // A short peek leaves everything to be read, so it never counts as drained: nothing is wanted.
        poll_transfer(&self.socket, cx, Direction::Read, 0, |fd| {
            socket::recv(fd, buf, libc::MSG_PEEK)
        })
    }

    /// Writes some of `buf`, at least one byte unless it is empty.
    ///
    /// If it must wait, the task of `cx` takes the place of the one that polled for writing before.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    #[inline]
    pub fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        poll_transfer(&self.socket, cx, Direction::Write, buf.len(), |fd| {
            socket::send(fd, buf)
        })
    }

    /// Writes some of `bufs`, as if they were one; at most 1,024 of them.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    #[inline]
    pub fn poll_write_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wanted = total_len(bufs);
        poll_transfer(&self.socket, cx, Direction::Write, wanted, |fd| {
            socket::send_vectored(fd, bufs)
        })
    }
}

/// What one call can take of `bufs`.
fn total_len(bufs: &[IoSlice<'_>]) -> usize {
    bufs.iter()
        .take(socket::SLICES_MAX)
        .map(|buf| buf.len())
        .sum()
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TcpStream");
        if let Ok(addr) = self.local_addr() {
            debug.field("addr", &addr);
        }
        if let Ok(peer) = self.peer_addr() {
            debug.field("peer", &peer);
        }
        debug.field("fd", &fd(&self.socket).as_raw_fd()).finish()
    }
}
