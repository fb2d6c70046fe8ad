//! What a user of `mpsc` can rely on.
#![cfg(not(hyperia_loom))]

use std::pin::pin;
use std::task::{Poll, Waker};
use std::time::Duration;

use hyperia_sync::mpsc::{
    self, RecvError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
use hyperia_test::{CountingWaker, poll_once};
use hyperia_wait::{Block, block_on};

#[test]
fn values_come_out_in_the_order_they_were_sent() {
    let (sender, mut receiver) = mpsc::bounded(3);
    block_on(async {
        for value in 0..10 {
            sender.send(value).await.unwrap();
            assert_eq!(receiver.recv().await, Ok(value));
        }
    });
}

#[test]
fn a_full_channel_hands_the_value_back_and_takes_it_when_there_is_room() {
    let (sender, mut receiver) = mpsc::bounded(1);
    assert_eq!(sender.try_send(1), Ok(()));
    assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    let counting = CountingWaker::new();
    let waker = counting.waker();
    let mut send = pin!(sender.send(2));
    assert!(poll_once(send.as_mut(), &waker).is_pending());
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(counting.wakes(), 1);
    assert_eq!(poll_once(send, &waker), Poll::Ready(Ok(())));
    assert_eq!(receiver.try_recv(), Ok(2));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_waiting_receiver_is_woken_by_a_send_and_by_the_end_of_the_last_sender() {
    let (sender, mut receiver) = mpsc::unbounded();
    let counting = CountingWaker::new();
    let waker = counting.waker();
    {
        let mut recv = pin!(receiver.recv());
        assert!(poll_once(recv.as_mut(), &waker).is_pending());
        sender.try_send(1).unwrap();
        assert_eq!(counting.wakes(), 1);
        assert_eq!(poll_once(recv, &waker), Poll::Ready(Ok(1)));
    }
    let mut recv = pin!(receiver.recv());
    assert!(poll_once(recv.as_mut(), &waker).is_pending());
    drop(sender.clone());
    assert_eq!(counting.wakes(), 1);
    drop(sender);
    assert_eq!(counting.wakes(), 2);
    assert_eq!(poll_once(recv, &waker), Poll::Ready(Err(RecvError)));
}

#[test]
fn a_close_lets_waiting_senders_go_with_their_values_and_drains() {
    let (sender, mut receiver) = mpsc::bounded(1);
    sender.try_send(1).unwrap();
    let mut send = pin!(sender.send(2));
    assert!(poll_once(send.as_mut(), Waker::noop()).is_pending());
    assert!(receiver.close());
    assert!(!sender.close());
    assert_eq!(
        poll_once(send, Waker::noop()),
        Poll::Ready(Err(SendError(2)))
    );
    assert_eq!(receiver.recv().block(), Ok(1));
    assert_eq!(receiver.recv().block(), Err(RecvError));
}

#[test]
fn a_permit_holds_room_and_gives_it_back() {
    let (sender, mut receiver) = mpsc::bounded(1);
    let permit = sender.reserve().block().unwrap();
    assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
    let mut send = pin!(sender.send(1));
    assert!(poll_once(send.as_mut(), Waker::noop()).is_pending());
    drop(permit);
    assert_eq!(poll_once(send, Waker::noop()), Poll::Ready(Ok(())));
    assert_eq!(receiver.try_recv(), Ok(1));
    let permit = sender.try_reserve().unwrap();
    assert_eq!(permit.send(2), Ok(()));
    let mut received = Vec::new();
    assert_eq!(receiver.recv_many(&mut received, 9).block(), Ok(1));
    assert_eq!(received, [2]);
}

#[test]
fn many_values_are_sent_in_parts_and_what_is_left_stays() {
    let (sender, mut receiver) = mpsc::bounded(2);
    let mut values = vec![1, 2, 3];
    {
        let mut send = pin!(sender.send_many(&mut values));
        assert!(poll_once(send.as_mut(), Waker::noop()).is_pending());
    }
    assert_eq!(values, [3]);
    let mut received = Vec::new();
    assert_eq!(receiver.try_recv_many(&mut received, 9), Ok(2));
    assert_eq!(sender.send_many(&mut values).block(), Ok(()));
    assert!(values.is_empty());
    assert_eq!(receiver.try_recv_many(&mut received, 9), Ok(1));
    assert_eq!(received, [1, 2, 3]);
}

#[test]
fn a_send_that_does_not_come_in_time_hands_the_value_back() {
    let (sender, _receiver) = mpsc::bounded(1);
    sender.try_send(1).unwrap();
    assert_eq!(
        sender.send_timeout(2, Duration::ZERO),
        Err(SendTimeoutError::Timeout(2))
    );
}
