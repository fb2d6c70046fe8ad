//! How many system calls things cost, counted by strace (skipped, with a line that says so, where that is
//! absent or may not trace).
#![cfg(not(hyperia_loom))]

mod common;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::time::Duration;

use common::{pair, settle};
use hyperia_reactor::Reactor;
use hyperia_test::syscalls::{Calls, difference};

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
