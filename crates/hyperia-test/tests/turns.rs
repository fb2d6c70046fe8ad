//! A loop turned by hand and on another thread.
use hyperia_test::CountingWaker;
use hyperia_test::turns::{self, Turning};
use std::io;
use std::sync::mpsc::{self, TryRecvError};
use std::task::{Poll, Waker};

#[test]
fn turns_are_taken_until_it_is_done_and_no_longer() {
    let turned = std::cell::Cell::new(0);
    let turn = |left| {
        assert!(left <= turns::HANG);
        turned.set(turned.get() + 1);
        Ok(0)
    };
    turns::turn_until(turn, || turned.get() == 3);
    assert_eq!(turned.get(), 3);
}

#[test]
fn a_future_is_polled_between_turns() {
    let mut turned = 0;
    let mut polls = 0;
    let third = std::future::poll_fn(|_| {
        polls += 1;
        if polls == 3 {
            Poll::Ready(7)
        } else {
            Poll::Pending
        }
    });
    let turn = |_| {
        turned += 1;
        Ok(0)
    };
    assert_eq!(turns::drive(turn, third), 7);
    assert_eq!((turned, polls), (2, 3));
}

#[test]
#[should_panic = "a turn of the loop"]
fn a_turn_that_fails_fails_the_test() {
    turns::turn_until(|_| Err(io::ErrorKind::Other.into()), || false);
}

#[test]
fn the_thread_turns_until_it_is_stopped_and_is_woken_for_that() {
    let waker = CountingWaker::new();
    let (turned, turn) = mpsc::channel();
    let turning = Turning::start(waker.waker(), move || {
        turned.send(()).expect("the test still counts");
        std::thread::yield_now();
        Ok(0)
    });
    for _ in 0..3 {
        turn.recv_timeout(turns::HANG).unwrap();
    }
    drop(turning);
    assert_eq!(waker.wakes(), 1);
    // The thread has ended and with it what it counted with.
    turn.try_iter().for_each(drop);
    assert_eq!(turn.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
#[should_panic = "joined.is_ok()"]
fn a_turn_that_fails_on_the_thread_fails_the_test() {
    let (turned, turn) = mpsc::channel();
    let turning = Turning::start(Waker::noop().clone(), move || {
        turned.send(()).expect("the test waits");
        Err(io::ErrorKind::Other.into())
    });
    turn.recv_timeout(turns::HANG).unwrap();
    drop(turning);
}
