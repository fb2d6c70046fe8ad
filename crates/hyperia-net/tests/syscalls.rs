//! How many system calls traffic costs, counted by strace (skipped, with a line that says so, where that is
//! absent or may not trace).
#![cfg(not(hyperia_loom))]

mod common;

use std::net::Shutdown;
use std::task::{Context, Poll, Waker};

use common::{any_port, drive, own_pair};
use hyperia_net::{TcpListener, TcpStream};
use hyperia_reactor::Reactor;
use hyperia_test::syscalls::difference;

/// Polls the reactor until there is something to read, and reads it.
fn receive(reactor: &mut Reactor, stream: &TcpStream) -> usize {
    let mut cx = Context::from_waker(Waker::noop());
    let mut buf = [0; 256];
    loop {
        match stream.poll_read(&mut cx, &mut buf) {
            Poll::Ready(read) => return read.unwrap(),
            Poll::Pending => reactor.poll(None).unwrap(),
        };
    }
}

#[test]
fn a_round_trip_costs_six_calls() {
    let calls = difference("a_round_trip_costs_six_calls", 500, |size| {
        let mut reactor = Reactor::new().unwrap();
        let (client, server) = own_pair(&mut reactor);
        let message = [7; 64];
        for _ in 0..size {
            assert_eq!(client.try_write(&message).unwrap(), 64);
            assert_eq!(receive(&mut reactor, &server), 64);
            assert_eq!(server.try_write(&message).unwrap(), 64);
            assert_eq!(receive(&mut reactor, &client), 64);
        }
    });
    if let Some(calls) = calls {
        let expected = [
            ("epoll_pwait2", 1_000),
            ("sendto", 1_000),
            ("recvfrom", 1_000),
        ];
        assert_eq!(
            calls,
            expected
                .map(|(call, count)| (call.to_owned(), count))
                .into()
        );
    }
}

#[test]
fn many_connections_share_the_wait() {
    const CONNECTIONS: usize = 64;
    let calls = difference("many_connections_share_the_wait", 50, |size| {
        let mut reactor = Reactor::new().unwrap();
        let pairs: Vec<_> = (0..CONNECTIONS).map(|_| own_pair(&mut reactor)).collect();
        for _ in 0..size {
            for (client, _) in &pairs {
                client.try_write(b"x").unwrap();
            }
            for (_, server) in &pairs {
                assert_eq!(receive(&mut reactor, server), 1);
                server.try_write(b"x").unwrap();
            }
            for (client, _) in &pairs {
                assert_eq!(receive(&mut reactor, client), 1);
            }
        }
    });
    if let Some(calls) = calls {
        let total: i64 = calls.values().sum();
        let round_trips = 50.0 * CONNECTIONS as f64;
        let each = total as f64 / round_trips;
        assert!(each <= 4.1, "{each} calls per round trip: {calls:?}");
    }
}

#[test]
fn the_life_of_a_connection_costs_eighteen_calls() {
    let name = "the_life_of_a_connection_costs_eighteen_calls";
    let calls = difference(name, 100, |size| {
        let mut reactor = Reactor::new().unwrap();
        let handle = reactor.handle();
        let listener = TcpListener::bind(&handle, any_port()).unwrap();
        let addr = listener.local_addr().unwrap();
        for _ in 0..size {
            let client = drive(&mut reactor, TcpStream::connect(&handle, addr)).unwrap();
            let (server, _) = drive(&mut reactor, listener.accept()).unwrap();
            assert_eq!(client.try_write(b"x").unwrap(), 1);
            assert_eq!(receive(&mut reactor, &server), 1);
            assert_eq!(server.try_write(b"x").unwrap(), 1);
            assert_eq!(receive(&mut reactor, &client), 1);
            client.shutdown(Shutdown::Write).unwrap();
            assert_eq!(receive(&mut reactor, &server), 0);
        }
    });
    if let Some(calls) = calls {
        let total: i64 = calls.values().sum();
        assert_eq!(total, 18 * 100, "{calls:?}");
        // No removal before closing: nobody else knows these descriptors.
        assert_eq!(calls["epoll_ctl"], 200);
    }
}
