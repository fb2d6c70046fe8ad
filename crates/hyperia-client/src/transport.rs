//! What the client needs from a network: two small traits. TCP is the default; TLS, a handshake of one's own and a
//! simulated network are others.

pub(crate) mod tcp;

use core::future::Future;
use core::task::{Context, Poll};
use std::io::{self, IoSlice};

/// Makes connections to the one destination.
///
/// Whatever must have happened before the first message - a TLS or protocol handshake - belongs into the connect
/// future: the dial's deadline covers it, and a failure of it is a failed dial.
pub trait Connector: Send + 'static {
    /// A connection.
    type Transport: Transport;
    /// A connection being made.
    type Connect: Future<Output = io::Result<Self::Transport>> + Send + 'static;

    /// Begins a dial. Dropping the future gives it up at once.
    fn connect(&mut self) -> Self::Connect;
}

/// A connection: an ordered stream of bytes in each direction.
///
/// One task polls all methods with the same waker; after `Pending`, that waker is woken when the method that
/// returned it can make progress.
///
/// # What the client relies on
/// * An error, or `Pending`, means that not one byte of *this* call was taken. Only then is `Unsent` the truth.
/// * `Ready(Ok(n))` of a write means that `n` bytes are in the hands of the kernel (or whatever stands for it). A
///   transport that encrypts keeps what it made of the bytes and returns `Pending` until all of it is written: after
///   `Pending` the next write begins with the same bytes, or the transport is dropped.
/// * After any error the transport is dropped. Dropping it closes both directions.
pub trait Transport: Send + 'static {
    /// Reads into `buffer`; 0 is the end of the stream.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Writes the beginning of `buffers`, as much as is taken without waiting. The first buffer is never empty.
    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>>;

    /// Ends the writing direction (FIN); reading goes on.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// Takes what the peer sends, from [`Builder::on_read`](crate::Builder::on_read).
///
/// Every closure `FnMut(ConnectionId, &[u8], &mut Context<'_>) -> Poll<()> + Send + 'static` is one.
///
/// # Backpressure
/// `Pending` means that none of `bytes` were taken: the client reads no more from this connection, the peer's window
/// closes, and the same bytes are offered again when the waker in `cx` is woken. Meanwhile the end of the connection
/// shows only when a write fails.
pub trait OnRead: Send + 'static {
    /// Takes all of `bytes`, the next ones received on `connection`, or none of them.
    fn poll_read(
        &mut self,
        connection: crate::ConnectionId,
        bytes: &[u8],
        cx: &mut Context<'_>,
    ) -> Poll<()>;

    /// `connection` is over: nothing more comes from it. Called once for every connection that was made.
    fn ended(&mut self, connection: crate::ConnectionId) {
        let _ = connection;
    }
}

impl<F> OnRead for F
where
    F: FnMut(crate::ConnectionId, &[u8], &mut Context<'_>) -> Poll<()> + Send + 'static,
{
    fn poll_read(
        &mut self,
        connection: crate::ConnectionId,
        bytes: &[u8],
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        self(connection, bytes, cx)
    }
}
