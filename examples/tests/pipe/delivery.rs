//! Every line gets exactly one verdict, and the verdict is true.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::client::{Client, Verdict, command};
use crate::lines;
use crate::server::{Mode, Server, dead_addr};

/// The default bound of the queue: more can never be in flight.
const QUEUE: usize = 1024;

#[test]
fn every_line_is_ok_and_arrives_once() {
    const LINES: usize = 200_000;
    let server = Server::start(Mode::Read);
    let mut client = Client::start(command(server.addr).stdin(Stdio::piped()));
    let feeder = client.feed(lines(LINES));
    let ended = client.wait();
    feeder.join().expect("feeding does not panic");

    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(ended.verdicts.one_each().len(), LINES);
    assert_eq!(ended.verdicts.count(Verdict::Ok), LINES);
    let summary =
        format!("{LINES} lines: {LINES} ok (100.000 %), 0 unsent (0.000 %), 0 unknown (0.000 %)");
    assert!(ended.stderr.contains(&summary), "{}", ended.stderr);

    let connections = server.kill();
    assert!(
        (1..=4).contains(&connections.len()),
        "{} connections",
        connections.len()
    );
    let received = received(&connections);
    assert_eq!(received.whole.len(), LINES);
    assert_eq!(received.tails, [""; 0]);
}

#[test]
fn one_connection_keeps_the_order() {
    let server = Server::start(Mode::Read);
    let mut command = command(server.addr);
    let mut client = Client::start(command.args(["--connections", "1"]).stdin(Stdio::piped()));
    client
        .feed(lines(20_000))
        .join()
        .expect("feeding does not panic");
    let ended = client.wait();
    assert_eq!(ended.verdicts.count(Verdict::Ok), 20_000);
    assert_eq!(server.kill(), [lines(20_000)]);
}

#[test]
fn a_server_that_is_killed_and_returns_costs_at_most_what_was_in_flight() {
    const LINES: usize = 200_000;
    let first = Server::start(Mode::Read);
    let addr = first.addr;
    let mut command = command(addr);
    // More attempts than the default, so that the pause below is surely within the window for retries.
    let mut client = Client::start(
        command
            .args(["--attempts", "50", "--breaker-failures", "50"])
            .stdin(Stdio::piped()),
    );
    let feeder = client.feed(lines(LINES));

    first.wait_for_bytes(100_000);
    let mut connections = first.kill();
    std::thread::sleep(Duration::from_millis(50));
    let second = Server::start_at(addr, Mode::Read);

    let ended = client.wait();
    feeder.join().expect("feeding does not panic");
    connections.extend(second.kill());
    let verdicts = ended.verdicts.one_each();
    assert_eq!(verdicts.len(), LINES);
    let unknown = ended.verdicts.count(Verdict::Unknown);
    assert!(unknown <= QUEUE, "{unknown} lines are unknown");
    assert_eq!(
        ended.verdicts.count(Verdict::Unsent),
        0,
        "the server was back in time"
    );
    check(&verdicts, &connections);
}

#[test]
fn a_server_that_is_killed_again_and_again_gets_no_line_twice() {
    const LINES: usize = 100_000;
    let mut server = Server::start(Mode::Read);
    let addr = server.addr;
    let mut client = Client::start(command(addr).stdin(Stdio::piped()));
    let feeder = client.feed(lines(LINES));
    let mut connections = Vec::new();
    for round in 1..=8 {
        // The client may have given up for good in the meantime, so this cannot wait for bytes.
        std::thread::sleep(Duration::from_millis(10 * round));
        connections.extend(server.kill());
        server = Server::start_at(addr, Mode::Read);
    }
    let ended = client.wait();
    feeder.join().expect("feeding does not panic");
    connections.extend(server.kill());
    let verdicts = ended.verdicts.one_each();
    assert_eq!(verdicts.len(), LINES);
    let unknown = ended.verdicts.count(Verdict::Unknown);
    assert!(unknown <= 8 * QUEUE, "{unknown} lines are unknown");
    check(&verdicts, &connections);
}

#[test]
fn without_a_server_every_line_is_unsent_and_little_is_done_for_it() {
    const LINES: usize = 1000;
    let mut client = Client::start(command(dead_addr()).stdin(Stdio::piped()));
    let feeder = client.feed(lines(LINES));
    let ended = client.wait();
    feeder.join().expect("feeding does not panic");
    assert!(ended.status.success(), "{}", ended.stderr);
    let why = "last: a dial failed: connection refused";
    assert!(ended.stderr.contains(why), "{}", ended.stderr);
    assert_eq!(ended.verdicts.one_each().len(), LINES);
    assert_eq!(ended.verdicts.count(Verdict::Unsent), LINES);
    assert!(
        ended.cpu < Duration::from_millis(250),
        "{:?} on a processor",
        ended.cpu
    );
}

#[test]
fn lines_go_out_again_soon_after_the_server_returns() {
    let addr = dead_addr();
    let mut client = Client::start(command(addr).stdin(Stdio::piped()));
    let mut stdin = client.stdin();
    // Until every attempt has failed and the breaker is open.
    let mut fed = 0;
    let mut feed = |until: &dyn Fn() -> bool| {
        for _ in 0..2000 {
            fed += 1;
            writeln!(stdin, "m{fed} hello").expect("the client reads");
            std::thread::sleep(Duration::from_millis(2));
            if until() {
                return true;
            }
        }
        false
    };
    let down = Instant::now();
    feed(&|| down.elapsed() > Duration::from_millis(700));
    let server = Server::start_at(addr, Mode::Read);
    let up = Instant::now();
    assert!(feed(&|| server.bytes() > 0), "nothing arrived");
    let recovery = up.elapsed();
    drop(stdin);
    let ended = client.wait();
    check(&ended.verdicts.one_each(), &server.kill());
    // 300 ms is the longest backoff and how long the breaker stays open; the rest is for a busy machine.
    assert!(recovery < Duration::from_millis(1000), "{recovery:?}");
}

/// What all connections brought.
#[derive(Debug)]
struct Received {
    /// The lines, without their newlines. None came twice.
    whole: HashSet<String>,
    /// What the connections that ended in the middle of a line brought of it.
    tails: Vec<String>,
}

fn received(connections: &[Vec<u8>]) -> Received {
    let mut received = Received {
        whole: HashSet::new(),
        tails: Vec::new(),
    };
    for connection in connections {
        let text = std::str::from_utf8(connection).expect("what was sent was text");
        let (whole, tail) = text.rsplit_once('\n').unwrap_or(("", text));
        for line in whole.lines() {
            let label = line
                .strip_suffix(" hello")
                .expect("a line is whole, and begins at its beginning");
            assert!(
                received.whole.insert(label.to_owned()),
                "{label} came twice"
            );
        }
        if !tail.is_empty() {
            received.tails.push(tail.to_owned());
        }
    }
    received
}

/// Whether what arrived fits the verdicts.
fn check(verdicts: &HashMap<&str, Verdict>, connections: &[Vec<u8>]) {
    // That each whole line begins at its beginning and ends at its end also says that no connection continued
    // what another had begun.
    let received = received(connections);
    for label in &received.whole {
        assert_ne!(
            verdicts.get(label.as_str()),
            Some(&Verdict::Unsent),
            "{label} was unsent, yet arrived"
        );
        assert!(
            verdicts.contains_key(label.as_str()),
            "{label} was never sent"
        );
    }
    for tail in &received.tails {
        assert!(
            tail.starts_with('m') && "m0123456789 hello".len() > tail.len(),
            "{tail:?} is no beginning of a line"
        );
    }
}
