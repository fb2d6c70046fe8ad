//! Connecting: success, failure, giving up.
#![cfg(not(hyperia_loom))]

mod common;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;

use common::{any_port, drive, poll_noop, settle};
use futures_core::FusedFuture;
use hyperia_net::{ReactorGone, TcpListener, TcpStream};
use hyperia_reactor::Reactor;
use hyperia_test::{CountingWaker, drop_at_every_poll, poll_once};

/// An address that nobody listens on: its port is held by a socket that does not listen.
fn refused() -> (SocketAddr, std::os::fd::OwnedFd) {
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
    let listener = std::net::TcpListener::bind(any_port()).unwrap();
    let addr = listener.local_addr().unwrap();
    let client = std::net::TcpStream::connect(addr).unwrap();
    let port_holder = client.local_addr().unwrap();
    // SAFETY: a duplicate that nobody else owns.
    let keep = unsafe { OwnedFd::from_raw_fd(libc::dup(client.as_raw_fd())) };
    (port_holder, keep)
}

#[test]
fn a_connection_is_made() {
    let mut reactor = Reactor::new().unwrap();
    let listener = std::net::TcpListener::bind(any_port()).unwrap();
    let addr = listener.local_addr().unwrap();
    let mut connect = pin!(TcpStream::connect(&reactor.handle(), addr));
    assert!(format!("{connect:?}").contains(&addr.to_string()));
    assert!(!connect.is_terminated());
    let stream = drive(&mut reactor, connect.as_mut()).unwrap();
    assert!(connect.is_terminated());
    assert_eq!(stream.peer_addr().unwrap(), addr);
    // Room to write is known already: no second wait.
    assert_eq!(stream.try_write(b"x").unwrap(), 1);
}

#[test]
fn nothing_happens_before_the_first_poll() {
    let reactor = Reactor::new().unwrap();
    let listener = std::net::TcpListener::bind(any_port()).unwrap();
    listener.set_nonblocking(true).unwrap();
    drop(TcpStream::connect(
        &reactor.handle(),
        listener.local_addr().unwrap(),
    ));
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_refused_port_is_an_error_once() {
    let mut reactor = Reactor::new().unwrap();
    let (addr, _keep) = refused();
    let mut connect = pin!(TcpStream::connect(&reactor.handle(), addr));
    let error = drive(&mut reactor, connect.as_mut()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert!(connect.is_terminated());
    settle(&mut reactor);
}

#[test]
fn an_impossible_address_fails_at_once() {
    let reactor = Reactor::new().unwrap();
    // Port 0 of a multicast address: the kernel refuses to try.
    let connect = pin!(TcpStream::connect(
        &reactor.handle(),
        "224.0.0.1:1".parse().unwrap()
    ));
    let Poll::Ready(Err(error)) = poll_noop(connect) else {
        panic!("tried")
    };
    assert!(error.raw_os_error().is_some(), "{error}");
}

#[test]
fn it_waits_for_writability_and_not_for_readiness_from_before() {
    let mut reactor = Reactor::new().unwrap();
    // A queue of one that is full: the connection cannot be made yet.
    let (listener, addr, _full) = full_backlog();
    let counting = CountingWaker::new();
    let mut connect = pin!(TcpStream::connect(&reactor.handle(), addr));
    for _ in 0..5 {
        assert!(poll_once(connect.as_mut(), &counting.waker()).is_pending());
        settle(&mut reactor);
    }
    assert_eq!(
        counting.wakes(),
        0,
        "an unconnected socket says that it is writable and hung up"
    );
    drop(listener);
}

/// A listener whose queue is full, and the connections in it. Further attempts stay pending: the kernel drops
/// their first packet and tries again a second later.
fn full_backlog() -> (std::net::TcpListener, SocketAddr, Vec<std::net::TcpStream>) {
    use std::os::fd::AsRawFd;
    let listener = std::net::TcpListener::bind(any_port()).unwrap();
    // SAFETY: no pointers are involved.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
    let addr = listener.local_addr().unwrap();
    let first = std::net::TcpStream::connect(addr).unwrap();
    (listener, addr, vec![first])
}

#[test]
fn dropping_it_gives_up_at_once() {
    let mut reactor = Reactor::new().unwrap();
    let (_listener, addr, _full) = full_backlog();
    let mut connect = Box::pin(TcpStream::connect(&reactor.handle(), addr));
    assert!(poll_noop(connect.as_mut()).is_pending());
    let text = format!("{connect:?}");
    let fd = text.split("fd: ").nth(1).unwrap();
    let fd: String = fd.chars().take_while(char::is_ascii_digit).collect();
    let link = format!("/proc/self/fd/{fd}");
    let socket = std::fs::read_link(&link).unwrap();
    drop(connect);
    // Closed. (Another test may have got the number meanwhile, but not this socket.)
    assert!(std::fs::read_link(&link).map_or(true, |now| now != socket));
    settle(&mut reactor);
}

#[test]
fn dropping_it_at_any_poll_leaves_nothing() {
    let polls = drop_at_every_poll(
        || {
            let reactor = Reactor::new().unwrap();
            let listener = TcpListener::bind(&reactor.handle(), any_port()).unwrap();
            let addr = listener.local_addr().unwrap();
            let connect = TcpStream::connect(&reactor.handle(), addr);
            ((std::cell::RefCell::new(reactor), listener), connect)
        },
        |(reactor, _), k| {
            if k > 0 {
                settle(&mut reactor.borrow_mut());
            }
        },
        |(reactor, listener), k| {
            let mut reactor = reactor.into_inner();
            // If a connection was made, its peer sees the end at once.
            if k > 0 {
                let (stream, _) = drive(&mut reactor, listener.accept()).unwrap();
                let read = drive(&mut reactor, stream.read(&mut [0; 1]));
                assert!(matches!(read, Ok(0)) || read.is_err());
            }
        },
    );
    assert_eq!(polls, 2);
}

#[test]
fn dropping_the_reactor_ends_it() {
    let reactor = Reactor::new().unwrap();
    let (_listener, addr, _full) = full_backlog();
    let counting = CountingWaker::new();
    let mut connect = pin!(TcpStream::connect(&reactor.handle(), addr));
    assert!(poll_once(connect.as_mut(), &counting.waker()).is_pending());
    drop(reactor);
    assert_eq!(counting.wakes(), 1);
    let Poll::Ready(Err(error)) = poll_once(connect, &counting.waker()) else {
        panic!("waits")
    };
    assert!(error.get_ref().unwrap().is::<ReactorGone>());
}

#[test]
#[should_panic(expected = "polled after it was ready")]
fn a_finished_attempt_must_not_be_polled() {
    let mut reactor = Reactor::new().unwrap();
    let (addr, _keep) = refused();
    let mut connect = pin!(TcpStream::connect(&reactor.handle(), addr));
    assert!(drive(&mut reactor, connect.as_mut()).is_err());
    let _ = poll_noop(connect);
}
