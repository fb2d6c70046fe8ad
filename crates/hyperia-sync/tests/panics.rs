//! Channels where a waker has panicked, and the future is polled again.
#![cfg(not(any(hyperia_loom, hyperia_shuttle)))]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use hyperia_sync::{mpmc, mpsc};
use hyperia_test::{CountingWaker, PanicOn, PanicWaker, poll_once};

#[test]
fn who_could_not_join_the_line_looks_again() {
    let (sender, receiver) = mpmc::bounded(1);
    let (panics, counting) = (PanicWaker::new(PanicOn::Clone), CountingWaker::new());

    let mut recv = pin!(receiver.recv());
    let polled = catch_unwind(AssertUnwindSafe(|| {
        poll_once(recv.as_mut(), &panics.waker())
    }));
    assert!(polled.is_err());
    // Nobody is in the line who could be told.
    assert_eq!(sender.try_send(1), Ok(()));
    assert_eq!(
        poll_once(recv.as_mut(), &counting.waker()),
        Poll::Ready(Ok(1))
    );

    let (sender, mut receiver) = mpsc::bounded(1);
    assert_eq!(sender.try_send(1), Ok(()));
    let mut send = pin!(sender.send(2));
    let polled = catch_unwind(AssertUnwindSafe(|| {
        poll_once(send.as_mut(), &panics.waker())
    }));
    assert!(polled.is_err());
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(
        poll_once(send.as_mut(), &counting.waker()),
        Poll::Ready(Ok(()))
    );
}
