//! Locked instructions, as the README says.
#![cfg(not(hyperia_loom))]

use std::cell::RefCell;
use std::pin::pin;
use std::task::Waker;

use hyperia_sync::{AutoResetEvent, ManualResetEvent, WaitGroup, mpmc, mpsc, spsc};
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

/// Room for what the operations send, or values for what they receive, with some to spare for the runs before the
/// count.
const CAPACITY: usize = 1_024;

/// The rows of a kind, whose ends are used by `mut` or not: a value that is sent, 16 that are, a value that is received, 16 that are.
macro_rules! assert_channel_costs {
    ($name:literal, $channel:expr, send($($s:tt)?): $send:literal, recv($($r:tt)?): $recv:literal, $recv_many:literal) => {
        let (sender, _receiver) = $channel;
        let sender = RefCell::new(sender);
        // Without the allocation, whose locks are its own.
        let many = RefCell::new(Vec::with_capacity(16));
        let (filled, receiver) = $channel;
        let (filled, receiver) = (RefCell::new(filled), RefCell::new(receiver));
        for value in 0..CAPACITY as u64 {
            assert_eq!(filled.borrow_mut().try_send(value), Ok(()));
        }
        let received = RefCell::new(Vec::with_capacity(CAPACITY));
        assert_counts(&[
            (concat!($name, ": try_send"), $send, &|| {
                assert_eq!(sender.borrow_mut().try_send(1), Ok(()));
            }),
            (concat!($name, ": send while there is room"), $send, &|| {
                let $($s)? sender = sender.borrow_mut();
                assert!(poll_once(pin!(sender.send(1)), Waker::noop()).is_ready());
            }),
            (concat!($name, ": send_many of 16"), $send, &|| {
                let ($($s)? sender, mut many) = (sender.borrow_mut(), many.borrow_mut());
                many.extend(0..16);
                assert!(poll_once(pin!(sender.send_many(&mut many)), Waker::noop()).is_ready());
            }),
            (concat!($name, ": try_recv"), $recv, &|| {
                assert!(receiver.borrow_mut().try_recv().is_ok());
            }),
            (
                concat!($name, ": recv while there is a value"),
                $recv,
                &|| {
                    let $($r)? receiver = receiver.borrow_mut();
                    assert!(poll_once(pin!(receiver.recv()), Waker::noop()).is_ready());
                },
            ),
            (concat!($name, ": recv_many of 16"), $recv_many, &|| {
                let ($($r)? receiver, mut received) = (receiver.borrow_mut(), received.borrow_mut());
                let mut recv = pin!(receiver.recv_many(&mut received, 16));
                assert!(poll_once(recv.as_mut(), Waker::noop()).is_ready());
            }),
        ]);
    };
}

#[test]
fn an_spsc_channel_costs_what_it_says() {
    assert_channel_costs!("spsc", spsc::bounded(CAPACITY), send(mut): 1, recv(mut): 1, 1);
}

#[test]
fn an_mpsc_channel_costs_what_it_says() {
    assert_channel_costs!("mpsc", mpsc::bounded(CAPACITY), send(): 1, recv(mut): 1, 1);
    assert_channel_costs!("mpsc unbounded", mpsc::unbounded(), send(): 1, recv(mut): 0, 0);
}

#[test]
fn an_mpmc_channel_costs_what_it_says() {
    assert_channel_costs!("mpmc", mpmc::bounded(CAPACITY), send(): 1, recv(): 1, 1);
    // Five of 32 values cost one more.
    assert_channel_costs!("mpmc unbounded", mpmc::unbounded(), send(): 1, recv(): 1, 2);
}

#[test]
fn the_ends_of_a_channel_cost_what_they_say() {
    let (sender, receiver) = mpmc::bounded::<u8>(1);
    let (only, _receiver) = mpsc::bounded::<u8>(1);
    assert_counts(&[
        ("mpmc: a sender cloned and dropped", 4, &|| {
            drop(sender.clone())
        }),
        ("mpmc: a receiver cloned and dropped", 4, &|| {
            drop(receiver.clone())
        }),
        ("mpsc: a sender cloned and dropped", 4, &|| {
            drop(only.clone())
        }),
        ("mpsc: room reserved and given back", 3, &|| {
            drop(only.try_reserve())
        }),
    ]);
}
