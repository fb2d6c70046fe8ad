//! Accepted connections, as a future and as a stream.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;
use std::net::SocketAddr;

use futures_core::{FusedStream, Stream};
use hyperia_reactor::{Direction, ReactorGone, Ready};

use super::listener::{TcpListener, accept};
use super::stream::TcpStream;
use crate::attempt::{Operation, Socket, repeat_future};

pub(crate) struct AcceptOne;

impl Operation for AcceptOne {
    const DIRECTION: Direction = Direction::Read;
    type Output = (TcpStream, SocketAddr);

    fn attempt(&mut self, socket: &Socket, ready: Ready) -> Option<io::Result<Self::Output>> {
        match accept(socket, ready) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            done => Some(done),
        }
    }
}

repeat_future! {
    /// The future of [`TcpListener::accept`](crate::TcpListener::accept).
    Accept, AcceptOne, (TcpStream, SocketAddr)
}

/// The connections of a listener, one after another: [`TcpListener::incoming`].
///
/// It goes on after errors (see [there](TcpListener#running-out-of-descriptors) for what to do about
/// those); it ends after [`ReactorGone`], since nothing can follow that.
///
/// It waits as [`poll_accept`](TcpListener::poll_accept) does: of several streams of one listener only the
/// one that was polled last is woken.
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
    is_done: bool,
}

impl<'a> Incoming<'a> {
    pub(super) fn new(listener: &'a TcpListener) -> Self {
        Self {
            listener,
            is_done: false,
        }
    }
}

impl Stream for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_done {
            return Poll::Ready(None);
        }
        let accepted = ready!(self.listener.poll_accept(cx));
        if let Err(error) = &accepted {
            self.is_done = error
                .get_ref()
                .is_some_and(|inner| inner.is::<ReactorGone>());
        }
        Poll::Ready(Some(accepted.map(|(stream, _)| stream)))
    }
}

impl FusedStream for Incoming<'_> {
    fn is_terminated(&self) -> bool {
        self.is_done
    }
}
