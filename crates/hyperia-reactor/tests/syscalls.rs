//! How many system calls things cost, counted by strace (skipped, with a line that says so, where that is
//! absent or may not trace).
#![cfg(not(hyperia_loom))]

mod common;

use std::collections::HashMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::time::Duration;

use common::{pair, settle};
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

#[test]
fn an_idle_loop_makes_no_system_call_but_the_wait() {
    let calls = difference(
        "an_idle_loop_makes_no_system_call_but_the_wait",
        200,
        |size| {
            let mut reactor = Reactor::new().unwrap();
            let (_source, _peer) = pair(&reactor);
            settle(&mut reactor);
            for _ in 0..size {
                reactor.poll(Some(Duration::from_nanos(1))).unwrap();
            }
        },
    );
    if let Some(calls) = calls {
        assert_eq!(calls, Calls::from([("epoll_pwait2".into(), 200)]));
    }
}

#[test]
fn a_wake_costs_nothing_while_the_reactor_is_awake() {
    let calls = difference(
        "a_wake_costs_nothing_while_the_reactor_is_awake",
        200,
        |size| {
            let mut reactor = Reactor::new().unwrap();
            let waker = reactor.waker();
            for _ in 0..size {
                for _ in 0..10 {
                    waker.wake_by_ref();
                }
                reactor.poll(None).unwrap();
            }
        },
    );
    if let Some(calls) = calls {
        assert_eq!(calls, Calls::from([("epoll_pwait2".into(), 200)]));
    }
}

#[test]
fn any_number_of_wakes_make_at_most_one_write_between_two_waits() {
    let calls = difference(
        "any_number_of_wakes_make_at_most_one_write_between_two_waits",
        200,
        |size| {
            let mut reactor = Reactor::new().unwrap();
            let waker = reactor.waker();
            let calls = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&calls);
            let caller = std::thread::spawn(move || {
                for _ in 0..20 * size {
                    count.fetch_add(1, AcqRel);
                    waker.wake_by_ref();
                }
            });
            let mut polls = 0;
            while calls.load(Acquire) < 20 * size {
                reactor.poll(None).unwrap();
                polls += 1;
            }
            caller.join().unwrap();
            // The same number of waits in every run, so that the difference tells the writes.
            assert!(polls <= 20 * size + 1);
            for _ in polls..=20 * size {
                reactor.poll(Some(Duration::ZERO)).unwrap();
            }
        },
    );
    if let Some(calls) = calls {
        let writes = calls.get("write").copied().unwrap_or(0);
        let waits = calls["epoll_pwait2"];
        assert_eq!(waits, 20 * 200);
        assert!(writes <= waits, "{writes} writes in {waits} waits");
        assert!(!calls.contains_key("read"), "{calls:?}");
    }
}

#[test]
fn registering_and_dropping_cost_one_call_each() {
    let calls = difference("registering_and_dropping_cost_one_call_each", 200, |size| {
        let reactor = Reactor::new().unwrap();
        let (ours, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
        for _ in 0..size {
            drop(reactor.handle().register(&ours).unwrap());
        }
    });
    if let Some(calls) = calls {
        assert_eq!(calls, Calls::from([("epoll_ctl".into(), 400)]));
    }
}

#[test]
fn an_unshared_descriptor_is_not_removed_unless_it_was_lent() {
    let name = "an_unshared_descriptor_is_not_removed_unless_it_was_lent";
    let calls = difference(name, 100, |size| {
        let reactor = Reactor::new().unwrap();
        for _ in 0..size {
            let (unshared, _peer) = pair(&reactor);
            drop(unshared.assume_unshared());
            let (lent, _peer) = pair(&reactor);
            let lent = lent.assume_unshared();
            let _ = std::os::fd::AsFd::as_fd(&lent);
            drop(lent);
        }
    });
    if let Some(calls) = calls {
        // Two additions and one removal each time.
        assert_eq!(calls["epoll_ctl"], 300, "{calls:?}");
    }
}
