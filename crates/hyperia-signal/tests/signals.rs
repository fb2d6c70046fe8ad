//! What a user can rely on when waiting for signals.
#![cfg(not(hyperia_loom))]
mod common;

use common::{alone, raise};
use futures_core::{FusedFuture, FusedStream, Stream};
use futures_util::{FutureExt, StreamExt};
use hyperia_reactor::{Reactor, ReactorGone};
use hyperia_signal::{Signal, Signals, ctrl_c};
use hyperia_test::{CountingWaker, drop_at_every_poll, poll_once};
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Waker};
use std::thread;

/// Lets the reactor see what there is to see, without waiting.
fn turn(reactor: &mut Reactor) {
    while reactor.poll(Some(std::time::Duration::ZERO)).unwrap() > 0 {}
}

/// What a first look finds, without waiting.
fn try_recv(signals: &mut Signals) -> Option<Signal> {
    match pin!(signals.recv()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(signal) => Some(signal.unwrap()),
        Poll::Pending => None,
    }
}

#[test]
fn a_raised_signal_wakes_its_waiter_and_is_received() {
    let _turn = alone();
    let mut reactor = Reactor::new().unwrap();
    let mut signals = Signals::new(&reactor.handle(), &[Signal::USER1]).unwrap();
    turn(&mut reactor);
    let counting = CountingWaker::new();
    let waker = counting.waker();
    let mut recv = pin!(signals.recv());
    assert!(poll_once(recv.as_mut(), &waker).is_pending());
    assert!(!recv.is_terminated());
    raise(Signal::USER1);
    turn(&mut reactor);
    assert_eq!(counting.wakes(), 1);
    let Poll::Ready(received) = poll_once(recv.as_mut(), &waker) else {
        panic!("woken, so there is a signal");
    };
    assert_eq!(received.unwrap(), Signal::USER1);
    assert!(recv.is_terminated());
}

#[test]
fn a_signal_sent_to_the_process_ends_a_wait_on_any_thread() {
    let _turn = alone();
    let mut reactor = Reactor::new().unwrap();
    let mut signals = Signals::new(&reactor.handle(), &[Signal::HANGUP]).unwrap();
    let waiting = thread::spawn(move || hyperia_wait::block_on(signals.recv()).unwrap());
    // SAFETY: no pointers are involved.
    assert_eq!(unsafe { libc::kill(libc::getpid(), libc::SIGHUP) }, 0);
    while !waiting.is_finished() {
        reactor
            .poll(Some(std::time::Duration::from_millis(1)))
            .unwrap();
    }
    assert_eq!(waiting.join().unwrap(), Signal::HANGUP);
}

#[test]
fn every_instance_sees_every_signal() {
    let _turn = alone();
    let mut first = Reactor::new().unwrap();
    let mut second = Reactor::new().unwrap();
    let set = [Signal::USER1, Signal::USER2];
    let mut instances = [
        Signals::new(&first.handle(), &set).unwrap(),
        Signals::new(&first.handle(), &set).unwrap(),
        Signals::new(&second.handle(), &set).unwrap(),
    ];
    turn(&mut first);
    turn(&mut second);
    for round in 1..4 {
        let counting = CountingWaker::new();
        let waker = counting.waker();
        for signals in &mut instances {
            let polled = Pin::new(signals).poll_next(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
        }
        raise(Signal::USER1);
        turn(&mut first);
        turn(&mut second);
        assert_eq!(counting.wakes(), 3, "round {round}");
        for signals in &mut instances {
            assert_eq!(try_recv(signals), Some(Signal::USER1));
            assert_eq!(try_recv(signals), None);
        }
    }
}

#[test]
fn an_instance_receives_its_own_set_only() {
    let _turn = alone();
    let reactor = Reactor::new().unwrap();
    let mut one = Signals::new(&reactor.handle(), &[Signal::USER1]).unwrap();
    let mut two = Signals::new(&reactor.handle(), &[Signal::USER2]).unwrap();
    raise(Signal::USER2);
    assert_eq!(try_recv(&mut one), None);
    assert_eq!(try_recv(&mut two), Some(Signal::USER2));
}

#[test]
fn different_signals_are_all_received_and_none_hides_another() {
    let _turn = alone();
    let reactor = Reactor::new().unwrap();
    let set = [Signal::USER1, Signal::USER2, Signal::HANGUP];
    let mut signals = Signals::new(&reactor.handle(), &set).unwrap();
    for signal in set {
        raise(signal);
    }
    let mut received = Vec::new();
    for _ in 0..3 {
        received.push(try_recv(&mut signals).unwrap());
        // One that comes again and again.
        raise(Signal::USER1);
    }
    received.sort();
    received.dedup();
    assert_eq!(received.len(), 3, "{received:?}");
}

#[test]
fn the_same_signal_twice_before_it_is_received_is_one() {
    let _turn = alone();
    let reactor = Reactor::new().unwrap();
    let mut signals = Signals::new(&reactor.handle(), &[Signal::USER1]).unwrap();
    raise(Signal::USER1);
    raise(Signal::USER1);
    assert_eq!(try_recv(&mut signals), Some(Signal::USER1));
    assert_eq!(try_recv(&mut signals), None);
}

#[test]
fn a_signal_named_twice_in_a_set_is_named_once() {
    let _turn = alone();
    let reactor = Reactor::new().unwrap();
    let set = [Signal::USER1, Signal::USER1];
    let mut signals = Signals::new(&reactor.handle(), &set).unwrap();
    raise(Signal::USER1);
    assert_eq!(try_recv(&mut signals), Some(Signal::USER1));
    assert_eq!(try_recv(&mut signals), None);
}

#[test]
fn signals_from_before_do_not_count() {
    let _turn = alone();
    let mut reactor = Reactor::new().unwrap();
    let keep = Signals::new(&reactor.handle(), &[Signal::USER1]).unwrap();
    raise(Signal::USER1);
    let mut later = Signals::new(&reactor.handle(), &[Signal::USER1]).unwrap();
    turn(&mut reactor);
    assert_eq!(try_recv(&mut later), None);
    drop(keep);
}

/// Defect 46 of the original: cancelling a wait left its event set, and the next wait returned at once.
#[test]
fn defect_46_a_cancelled_wait_does_not_make_the_next_one_return_at_once() {
    let _turn = alone();
    let mut reactor = Reactor::new().unwrap();
    let handle = reactor.handle();
    let mut signals = Signals::new(&handle, &[Signal::USER1]).unwrap();
    for _ in 0..3 {
        // Cancelled after a poll, and unpolled; then cancelled as a whole.
        assert_eq!(try_recv(&mut signals), None);
        drop(signals.recv());
        drop(Signals::new(&handle, &[Signal::USER1]).unwrap());
        turn(&mut reactor);
        assert_eq!(try_recv(&mut signals), None);
    }
    let mut interrupted = pin!(ctrl_c(&handle));
    let noop = Waker::noop();
    assert!(poll_once(interrupted.as_mut(), noop).is_pending());
    interrupted.set(ctrl_c(&handle));
    turn(&mut reactor);
    assert!(poll_once(interrupted.as_mut(), noop).is_pending());
    raise(Signal::INTERRUPT);
    assert!(poll_once(interrupted.as_mut(), noop).is_ready());
}

/// Defect 46 of the original: the handler scheduled a task, which takes locks and memory. Interrupted in the
/// middle of an allocation, it would wait for itself.
#[test]
fn defect_46_a_storm_of_signals_into_a_thread_that_allocates_neither_hangs_nor_loses_the_last() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let _turn = alone();
    let mut reactor = Reactor::new().unwrap();
    let mut signals = Signals::new(&reactor.handle(), &[Signal::USER1]).unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let allocating = thread::spawn(move || {
        // SAFETY: no pointers are involved.
        sender.send(unsafe { libc::pthread_self() }).unwrap();
        let mut kept = Vec::new();
        while !STOP.load(Relaxed) {
            kept.push(vec![1_u8; 1 + kept.len() % 5000]);
            if kept.len() > 100 {
                kept.clear();
            }
        }
    });
    let target = receiver.recv().unwrap();
    let mut received = 0;
    for _ in 0..5000 {
        // SAFETY: the thread lives until it is joined below.
        assert_eq!(unsafe { libc::pthread_kill(target, libc::SIGUSR1) }, 0);
        received += usize::from(try_recv(&mut signals).is_some());
        turn(&mut reactor);
    }
    STOP.store(true, Relaxed);
    allocating.join().unwrap();
    // The thread has handled what was sent to it, and none of it is left unseen.
    received += usize::from(try_recv(&mut signals).is_some());
    assert!(received > 0);
    assert_eq!(try_recv(&mut signals), None);
}

#[test]
fn a_wait_may_be_dropped_after_every_poll_and_loses_no_signal() {
    let _turn = alone();
    let reactor = std::cell::RefCell::new(Reactor::new().unwrap());
    let handle = reactor.borrow().handle();
    let signals = std::cell::RefCell::new(Signals::new(&handle, &[Signal::USER1]).unwrap());
    let polls = drop_at_every_poll(
        || {
            // Begins afresh.
            while try_recv(&mut signals.borrow_mut()).is_some() {}
            turn(&mut reactor.borrow_mut());
            let raised = std::cell::Cell::new(false);
            let recv = std::future::poll_fn(|cx| signals.borrow_mut().poll_recv(cx));
            (raised, recv)
        },
        |raised, k| {
            if k == 2 {
                raise(Signal::USER1);
                raised.set(true);
            }
            turn(&mut reactor.borrow_mut());
        },
        |raised, k| {
            let left = try_recv(&mut signals.borrow_mut()).is_some();
            assert_eq!(left, raised.get(), "dropped after {k} polls");
        },
    );
    assert_eq!(polls, 3);
}

#[test]
fn the_stream_goes_through_combinators() {
    let _turn = alone();
    let reactor = Reactor::new().unwrap();
    let set = [Signal::USER1, Signal::USER2];
    let signals = Signals::new(&reactor.handle(), &set).unwrap();
    let mut names = signals
        .filter(|signal| std::future::ready(*signal != Signal::USER2))
        .map(|signal| signal.to_string());
    raise(Signal::USER2);
    raise(Signal::USER1);
    assert_eq!(names.next().now_or_never(), Some(Some("SIGUSR1".into())));
    assert_eq!(names.next().now_or_never(), None);
}

#[test]
fn a_reactor_that_is_gone_ends_waits_with_an_error_and_streams() {
    let _turn = alone();
    let reactor = Reactor::new().unwrap();
    let handle = reactor.handle();
    let mut signals = Signals::new(&handle, &[Signal::USER1]).unwrap();
    raise(Signal::USER1);
    drop(reactor);
    // What came before is not lost.
    assert_eq!(try_recv(&mut signals), Some(Signal::USER1));
    let error = hyperia_wait::block_on(signals.recv()).unwrap_err();
    assert!(is_gone(&error), "{error:?}");
    assert!(!signals.is_terminated());
    assert_eq!(hyperia_wait::block_on(signals.next()), None);
    assert!(signals.is_terminated());

    let error = Signals::new(&handle, &[Signal::USER1]).unwrap_err();
    assert!(is_gone(&error), "{error:?}");
    let error = hyperia_wait::block_on(ctrl_c(&handle)).unwrap_err();
    assert!(is_gone(&error), "{error:?}");
}

fn is_gone(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(|inner| inner.is::<ReactorGone>())
}

#[test]
fn ctrl_c_watches_from_the_call_on() {
    let _turn = alone();
    let reactor = Reactor::new().unwrap();
    let mut interrupted = pin!(ctrl_c(&reactor.handle()));
    raise(Signal::INTERRUPT);
    assert!(!interrupted.is_terminated());
    let polled = poll_once(interrupted.as_mut(), Waker::noop());
    assert!(matches!(polled, Poll::Ready(Ok(()))));
    assert!(interrupted.is_terminated());
}

#[test]
fn signals_are_received_under_tokio_and_smol() {
    let _turn = alone();
    let mut reactor = Reactor::new().unwrap();
    let handle = reactor.handle();
    let waker = reactor.waker();
    static STOP: AtomicBool = AtomicBool::new(false);
    let driver = thread::spawn(move || {
        while !STOP.load(Relaxed) {
            reactor.poll(None).unwrap();
        }
    });
    let receive = async || {
        let mut signals = Signals::new(&handle, &[Signal::USER2])?;
        let mut raised = false;
        std::future::poll_fn(|cx| {
            let poll = signals.poll_recv(cx);
            if !std::mem::replace(&mut raised, true) {
                assert!(poll.is_pending());
                raise(Signal::USER2);
            }
            poll
        })
        .await
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    assert_eq!(runtime.block_on(receive()).unwrap(), Signal::USER2);
    assert_eq!(smol::block_on(receive()).unwrap(), Signal::USER2);
    assert_eq!(hyperia_wait::block_on(receive()).unwrap(), Signal::USER2);
    STOP.store(true, Relaxed);
    waker.wake();
    driver.join().unwrap();
}

#[test]
fn types_say_what_they_are() {
    let _turn = alone();
    let reactor = Reactor::new().unwrap();
    let set = [Signal::USER1, Signal::from_raw(40)];
    let mut signals = Signals::new(&reactor.handle(), &set).unwrap();
    assert_eq!(format!("{signals:?}"), "Signals([SIGUSR1, signal 40])");
    assert!(format!("{:?}", signals.recv()).starts_with("Recv {"));
    assert!(format!("{:?}", ctrl_c(&reactor.handle())).contains("SIGINT"));
}
