//! The futures of reading and writing.

use std::io::{self, IoSlice};

use hyperia_reactor::{Direction, Ready};

use crate::attempt::{Operation, Socket, is_retry, repeat_future, transfer};
use crate::sys::socket;

/// A result to report, unless nothing has happened.
fn reported<T>(result: io::Result<T>) -> Option<io::Result<T>> {
    match result {
        Err(error) if is_retry(&error) => None,
        done => Some(done),
    }
}

pub(crate) struct ReadInto<'a>(pub(super) &'a mut [u8]);

impl Operation for ReadInto<'_> {
    const DIRECTION: Direction = Direction::Read;
    type Output = usize;

    #[inline]
    fn attempt(&mut self, socket: &Socket, ready: Ready) -> Option<io::Result<usize>> {
        let buf = socket::as_uninit(self.0);
        reported(transfer(socket, ready, buf.len(), |fd| {
            socket::recv(fd, buf, 0)
        }))
    }
}

pub(crate) struct WriteFrom<'a>(pub(super) &'a [u8]);

impl Operation for WriteFrom<'_> {
    const DIRECTION: Direction = Direction::Write;
    type Output = usize;

    #[inline]
    fn attempt(&mut self, socket: &Socket, ready: Ready) -> Option<io::Result<usize>> {
        reported(transfer(socket, ready, self.0.len(), |fd| {
            socket::send(fd, self.0)
        }))
    }
}

pub(crate) struct WriteAllOf<'a> {
    pub(super) buf: &'a [u8],
    /// How many bytes of `buf`, from the front, the kernel has taken.
    pub(super) written: usize,
}

impl Operation for WriteAllOf<'_> {
    const DIRECTION: Direction = Direction::Write;
    type Output = ();

    #[inline]
    fn attempt(&mut self, socket: &Socket, ready: Ready) -> Option<io::Result<()>> {
        let rest = &self.buf[self.written..];
        if rest.is_empty() {
            return Some(Ok(()));
        }
        match reported(transfer(socket, ready, rest.len(), |fd| {
            socket::send(fd, rest)
        }))? {
            Ok(0) => return Some(Err(io::ErrorKind::WriteZero.into())),
            Ok(written) => self.written += written,
            Err(error) => return Some(Err(error)),
        }
        (self.written == self.buf.len()).then_some(Ok(()))
    }
}

pub(crate) struct WriteSlices<'a>(pub(super) &'a [IoSlice<'a>]);

impl Operation for WriteSlices<'_> {
    const DIRECTION: Direction = Direction::Write;
    type Output = usize;

    #[inline]
    fn attempt(&mut self, socket: &Socket, ready: Ready) -> Option<io::Result<usize>> {
        let wanted = self
            .0
            .iter()
            .take(socket::SLICES_MAX)
            .map(|slice| slice.len())
            .sum();
        reported(transfer(socket, ready, wanted, |fd| {
            socket::send_vectored(fd, self.0)
        }))
    }
}

repeat_future! {
    /// The future of [`TcpStream::read`](crate::TcpStream::read).
    Read, ReadInto<'a>, usize
}

repeat_future! {
    /// The future of [`TcpStream::write`](crate::TcpStream::write).
    Write, WriteFrom<'a>, usize
}

repeat_future! {
    /// The future of [`TcpStream::write_all`](crate::TcpStream::write_all).
    WriteAll, WriteAllOf<'a>, ()
}

repeat_future! {
    /// The future of [`TcpStream::write_vectored`](crate::TcpStream::write_vectored).
    WriteVectored, WriteSlices<'a>, usize
}

impl WriteAll<'_> {
    /// How many bytes were written so far: what is lost for the stream if this is dropped now.
    pub fn written(&self) -> usize {
        self.repeat.operation().written
    }
}
