//! What several test binaries need.
#![allow(dead_code, reason = "no binary uses all of it")]

use std::future::Future;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Poll, Waker};
use std::time::Duration;

use hyperia_reactor::{Direction, Handle, Reactor, Source};
use hyperia_test::poll_once;
use hyperia_test::turns::{self, Turning};

/// Two ends of a stream, the first registered.
pub(crate) fn pair(reactor: &Reactor) -> (Source<UnixStream>, UnixStream) {
    let (ours, peer) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    peer.set_nonblocking(true).unwrap();
    (reactor.handle().register(ours).unwrap(), peer)
}

/// Polls the reactor until `done`; fails if that takes too long.
pub(crate) fn poll_until(reactor: &mut Reactor, done: impl FnMut() -> bool) {
    turns::turn_until(|left| reactor.poll(Some(left)), done);
}

/// Takes all events that are there now.
pub(crate) fn settle(reactor: &mut Reactor) {
    while reactor.poll(Some(Duration::ZERO)).unwrap() > 0 {}
}

/// Runs a future on this thread, polling the reactor in between.
pub(crate) fn drive<F: Future>(reactor: &mut Reactor, future: F) -> F::Output {
    turns::drive(|left| reactor.poll(Some(left)), future)
}

pub(crate) fn poll_noop<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    poll_once(future, Waker::noop())
}

/// Reads what is there into `buf`, by the rules for sources.
pub(crate) fn try_read(source: &Source<UnixStream>, buf: &mut [u8]) -> io::Result<usize> {
    use std::io::Read;
    source.try_io(Direction::Read, |mut stream| stream.read(buf))
}

/// Writes until there is no more room; returns how much.
pub(crate) fn fill(source: &Source<UnixStream>) -> usize {
    let mut total = 0;
    loop {
        match source.try_io(Direction::Write, |mut stream| stream.write(&[7; 65536])) {
            Ok(n) => total += n,
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                return total;
            }
        }
    }
}

/// A reactor on a thread of its own.
pub(crate) struct Driver {
    // Stops before the handle goes.
    _turning: Turning,
    pub(crate) handle: Handle,
}

impl Driver {
    pub(crate) fn start() -> Self {
        let mut reactor = Reactor::new().unwrap();
        let handle = reactor.handle();
        Self {
            _turning: Turning::start(handle.waker(), move || reactor.poll(None)),
            handle,
        }
    }
}
