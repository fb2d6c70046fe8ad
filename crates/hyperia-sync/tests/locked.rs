//! Locked instructions, as the README says.
#![cfg(not(hyperia_loom))]

use std::pin::pin;
use std::task::Waker;

use hyperia_sync::{AutoResetEvent, ManualResetEvent, WaitGroup};
use hyperia_test::locked::assert_counts;
use hyperia_test::poll_once;

#[test]
fn an_auto_reset_event_costs_what_it_says() {
    let event = AutoResetEvent::new();
    assert_counts(&[
        ("AutoResetEvent: set", 1, &|| event.set()),
        ("AutoResetEvent: set, wait", 2, &|| {
            event.set();
            assert!(poll_once(pin!(event.wait()), Waker::noop()).is_ready());
        }),
        ("AutoResetEvent: wait that has to, given up", 2, &|| {
            event.reset();
            assert!(poll_once(pin!(event.wait()), Waker::noop()).is_pending());
        }),
    ]);
}

#[test]
fn a_manual_reset_event_costs_what_it_says() {
    let (is_set, event) = (ManualResetEvent::new(true), ManualResetEvent::new(false));
    assert_counts(&[
        ("ManualResetEvent: set while set", 1, &|| is_set.set()),
        ("ManualResetEvent: wait while set", 0, &|| {
            assert!(poll_once(pin!(is_set.wait()), Waker::noop()).is_ready());
        }),
        ("ManualResetEvent: set; reset", 3, &|| {
            event.set();
            assert!(event.reset());
        }),
        ("ManualResetEvent: reset while not set", 0, &|| {
            assert!(!event.reset());
        }),
        ("ManualResetEvent: wait that has to, given up", 2, &|| {
            assert!(poll_once(pin!(event.wait()), Waker::noop()).is_pending());
        }),
        ("ManualResetEvent: wait, set, last poll, reset", 4, &|| {
            let mut wait = pin!(event.wait());
            assert!(poll_once(wait.as_mut(), Waker::noop()).is_pending());
            event.set();
            assert!(poll_once(wait, Waker::noop()).is_ready());
            event.reset();
        }),
    ]);
}

#[test]
fn a_wait_group_costs_what_it_says() {
    let (group, busy) = (WaitGroup::new(), WaitGroup::new());
    let token = busy.token();
    assert!(poll_once(pin!(busy.wait()), Waker::noop()).is_pending());
    assert_counts(&[
        ("WaitGroup: a token made and dropped", 2, &|| {
            drop(group.token())
        }),
        (
            "WaitGroup: a token cloned and dropped, while one waits",
            2,
            &|| {
                drop(token.clone());
            },
        ),
        ("WaitGroup: wait without tokens", 0, &|| {
            assert!(poll_once(pin!(group.wait()), Waker::noop()).is_ready());
        }),
        ("WaitGroup: a second wait with tokens, given up", 2, &|| {
            assert!(poll_once(pin!(busy.wait()), Waker::noop()).is_pending());
        }),
        ("WaitGroup: token, first wait, drop, last poll", 7, &|| {
            let token = group.token();
            let mut wait = pin!(group.wait());
            assert!(poll_once(wait.as_mut(), Waker::noop()).is_pending());
            drop(token);
            assert!(poll_once(wait, Waker::noop()).is_ready());
        }),
    ]);
}
