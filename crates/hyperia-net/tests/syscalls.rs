//! How many system calls traffic costs, counted by strace (skipped, with a line that says so, where that is
//! absent or may not trace).
#![cfg(not(hyperia_loom))]

mod common;

use std::collections::HashMap;
use std::net::Shutdown;
use std::process::Command;
use std::task::{Context, Poll, Waker};

use common::{any_port, drive, own_pair};
use hyperia_net::{TcpListener, TcpStream};
use hyperia_reactor::Reactor;

/// Names the scenario to run instead of the tests, and its size.
const SCENARIO: &str = "HYPERIA_SCENARIO_SIZE";

/// What is counted: everything about descriptors and sockets. Memory, locks and threads of the test itself
/// differ from run to run.
const TRACED: &str = "trace=%network,epoll_ctl,epoll_wait,epoll_pwait,epoll_pwait2,eventfd2,\
                      read,write,readv,writev,poll,ppoll,ioctl,close";

/// System calls by name.
type Calls = HashMap<String, i64>;

/// Runs this test binary's `name` under strace, with `size` for the scenario.
fn traced(name: &str, size: usize) -> Option<Calls> {
    let exe = std::env::current_exe().unwrap();
    let summary = exe.with_extension(format!("{name}.{size}.{}.strace", std::process::id()));
    let output = Command::new("strace")
        .args(["-f", "-c", "-U", "calls,name", "-e", TRACED, "-o"])
        .arg(&summary)
        .arg(&exe)
        .args(["--exact", name, "--test-threads=1"])
        .env(SCENARIO, size.to_string())
        .output();
    let text = std::fs::read_to_string(&summary).unwrap_or_default();
    let _ = std::fs::remove_file(&summary);
    match output {
        Ok(output) if output.status.success() && text.contains("epoll") => {}
        outcome => {
            println!("skipped: {name} (strace cannot be used: {outcome:?})");
            return None;
        }
    }
    let mut calls = Calls::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if let (Some(count), Some(call), None) = (words.next(), words.next(), words.next())
            && let Ok(count) = count.parse()
        {
            calls.insert(call.to_owned(), count);
        }
    }
    Some(calls)
}

/// Either runs the scenario (in the traced process) or measures it: what `size` more of it cost.
fn difference(name: &str, size: usize, scenario: impl Fn(usize)) -> Option<Calls> {
    if let Ok(size) = std::env::var(SCENARIO) {
        scenario(size.parse().unwrap());
        return None;
    }
    let (once, twice) = (traced(name, size)?, traced(name, 2 * size)?);
    let mut calls: Calls = twice
        .into_iter()
        .map(|(call, count)| {
            let before = once.get(&call).copied().unwrap_or(0);
            (call, count - before)
        })
        .collect();
    calls.remove("total");
    calls.retain(|_, count| *count != 0);
    Some(calls)
}

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
