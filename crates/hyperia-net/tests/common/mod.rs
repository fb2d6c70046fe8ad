//! What several test binaries need.
#![allow(dead_code, reason = "no binary uses all of it")]

use std::future::Future;
use std::io::ErrorKind;
use std::pin::Pin;
use std::task::{Poll, Waker};
use std::time::Duration;

use hyperia_net::{Handle, TcpListener, TcpStream};
use hyperia_reactor::Reactor;
use hyperia_test::poll_once;
use hyperia_test::turns::{self, Turning};

pub(crate) fn any_port() -> std::net::SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Both ends of a connection, ours and the peer's, which blocks.
pub(crate) fn pair(reactor: &mut Reactor) -> (TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind(any_port()).unwrap();
    let addr = listener.local_addr().unwrap();
    let connect = TcpStream::connect(&reactor.handle(), addr);
    let ours = drive(reactor, connect).unwrap();
    let (peer, _) = listener.accept().unwrap();
    (ours, peer)
}

/// Both ends of a connection, both ours.
pub(crate) fn own_pair(reactor: &mut Reactor) -> (TcpStream, TcpStream) {
    let handle = reactor.handle();
    let listener = TcpListener::bind(&handle, any_port()).unwrap();
    let addr = listener.local_addr().unwrap();
    let client = drive(reactor, TcpStream::connect(&handle, addr)).unwrap();
    let (server, _) = drive(reactor, listener.accept()).unwrap();
    (client, server)
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

/// Writes until there is no more room; returns how much.
pub(crate) fn fill(stream: &TcpStream) -> usize {
    let block = vec![7; 1 << 20];
    let mut total = 0;
    loop {
        match stream.try_write(&block) {
            Ok(n) => total += n,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
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
