//! What whoever accepts connections can rely on.
#![cfg(not(hyperia_loom))]

mod common;

use std::collections::HashSet;
use std::io::ErrorKind;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use common::{any_port, drive, poll_until, settle};
use futures_core::{FusedStream, Stream};
use hyperia_net::{Incoming, ReactorGone, TcpListener, TcpStream};
use hyperia_reactor::Reactor;
use hyperia_test::{CountingWaker, drop_at_every_poll, poll_once};

fn next<'a>(incoming: &mut Incoming<'a>) -> Poll<Option<std::io::Result<TcpStream>>> {
    Pin::new(incoming).poll_next(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn every_connection_of_a_burst_is_accepted_after_one_event() {
    const CONNECTIONS: usize = 20;
    let mut reactor = Reactor::new().unwrap();
    let listener = TcpListener::bind(&reactor.handle(), any_port()).unwrap();
    let addr = listener.local_addr().unwrap();
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|_| std::net::TcpStream::connect(addr).unwrap())
        .collect();
    settle(&mut reactor);
    let ports: HashSet<_> = (0..CONNECTIONS)
        .map(|_| listener.try_accept().unwrap().1.port())
        .collect();
    assert_eq!(ports.len(), CONNECTIONS);
    assert_eq!(
        listener.try_accept().unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    drop(clients);
}

#[test]
fn an_accepted_connection_can_be_written_to_at_once() {
    let mut reactor = Reactor::new().unwrap();
    let listener = TcpListener::bind(&reactor.handle(), any_port()).unwrap();
    let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = drive(&mut reactor, listener.accept()).unwrap();
    assert_eq!(stream.try_write(b"x").unwrap(), 1);
}

#[test]
fn any_number_of_tasks_may_accept() {
    let mut reactor = Reactor::new().unwrap();
    let listener = TcpListener::bind(&reactor.handle(), any_port()).unwrap();
    let counting = CountingWaker::new();
    let mut accepts: Vec<_> = (0..3).map(|_| Box::pin(listener.accept())).collect();
    for accept in &mut accepts {
        assert!(poll_once(accept.as_mut(), &counting.waker()).is_pending());
    }
    let mut clients = Vec::new();
    for left in (0..3).rev() {
        clients.push(std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        settle(&mut reactor);
        accepts.retain_mut(|accept| poll_once(accept.as_mut(), &counting.waker()).is_pending());
        assert_eq!(accepts.len(), left);
    }
}

#[test]
fn incoming_is_a_stream_of_connections() {
    let mut reactor = Reactor::new().unwrap();
    let listener = TcpListener::bind(&reactor.handle(), any_port()).unwrap();
    let mut incoming = listener.incoming();
    assert!(next(&mut incoming).is_pending());
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        poll_until(&mut reactor, || {
            matches!(next(&mut incoming), Poll::Ready(Some(Ok(_))))
        });
    }
    assert!(next(&mut incoming).is_pending());
    assert!(!incoming.is_terminated());
}

#[test]
fn incoming_ends_with_the_reactor() {
    let reactor = Reactor::new().unwrap();
    let listener = TcpListener::bind(&reactor.handle(), any_port()).unwrap();
    let mut incoming = listener.incoming();
    assert!(next(&mut incoming).is_pending());
    drop(reactor);
    let Poll::Ready(Some(Err(error))) = next(&mut incoming) else {
        panic!("no error")
    };
    assert!(error.get_ref().unwrap().is::<ReactorGone>());
    assert!(incoming.is_terminated());
    assert!(matches!(next(&mut incoming), Poll::Ready(None)));
}

#[test]
fn a_connection_that_was_reset_in_the_queue_does_not_stop_the_others() {
    let mut reactor = Reactor::new().unwrap();
    let listener = TcpListener::bind(&reactor.handle(), any_port()).unwrap();
    let addr = listener.local_addr().unwrap();
    let handle = reactor.handle();
    let dead = drive(&mut reactor, TcpStream::connect(&handle, addr)).unwrap();
    hyperia_net::TcpStreamExt::set_linger(&dead, Some(std::time::Duration::ZERO)).unwrap();
    drop(dead);
    let live = std::net::TcpStream::connect(addr).unwrap();
    let mut seen = false;
    poll_until(&mut reactor, || {
        if let Ok((_, from)) = listener.try_accept() {
            seen |= from == live.local_addr().unwrap();
        }
        seen
    });
}

#[test]
fn dropping_an_accept_at_any_poll_loses_no_connection() {
    let polls = drop_at_every_poll(
        || {
            let reactor = Reactor::new().unwrap();
            let listener = TcpListener::bind(&reactor.handle(), any_port()).unwrap();
            let listener = std::rc::Rc::new(listener);
            let acceptor = std::rc::Rc::clone(&listener);
            let accept = async move { acceptor.accept().await };
            let client = std::cell::RefCell::new(None);
            ((std::cell::RefCell::new(reactor), listener, client), accept)
        },
        |(reactor, listener, client), k| {
            if k == 2 {
                let addr = listener.local_addr().unwrap();
                *client.borrow_mut() = Some(std::net::TcpStream::connect(addr).unwrap());
                settle(&mut reactor.borrow_mut());
            }
        },
        |(reactor, listener, client), _| {
            let mut reactor = reactor.into_inner();
            let client = client.into_inner().unwrap_or_else(|| {
                std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap()
            });
            let (_, from) = drive(&mut reactor, listener.accept()).unwrap();
            assert_eq!(from, client.local_addr().unwrap());
        },
    );
    assert_eq!(polls, 3);
}

#[test]
fn a_port_in_use_is_an_error_and_a_closed_one_is_free() {
    let mut reactor = Reactor::new().unwrap();
    let handle = reactor.handle();
    let listener = TcpListener::bind(&handle, any_port()).unwrap();
    let addr = listener.local_addr().unwrap();
    assert_eq!(
        TcpListener::bind(&handle, addr).unwrap_err().kind(),
        ErrorKind::AddrInUse
    );
    // A connection that we closed first lingers, and does not keep the port.
    let client = std::net::TcpStream::connect(addr).unwrap();
    let (server, _) = drive(&mut reactor, listener.accept()).unwrap();
    drop(server);
    drop(listener);
    drop(client);
    TcpListener::bind(&handle, addr).unwrap();
}

#[test]
fn an_error_about_resources_is_told_from_others() {
    let exhausted = |errno| TcpListener::is_exhausted(&std::io::Error::from_raw_os_error(errno));
    for errno in [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM] {
        assert!(exhausted(errno));
    }
    for errno in [libc::ECONNABORTED, libc::EAGAIN, libc::EINVAL] {
        assert!(!exhausted(errno));
    }
}
