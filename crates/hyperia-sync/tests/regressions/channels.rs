//! Those that need a channel for several values.

use std::num::NonZeroU8;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::thread;

use hyperia_sync::{mpmc, mpsc, spsc};
use hyperia_test::{CountingWaker, poll_once};
use hyperia_wait::{Block, block_on};

/// Runs a body with both ends of an empty channel of each kind that has room for one value.
macro_rules! with_each_channel {
    (|$sender:ident, $receiver:ident| $body:block) => {{
        let (mut $sender, mut $receiver) = spsc::bounded(1);
        $body
        let ($sender, mut $receiver) = mpsc::bounded(1);
        $body
        let ($sender, $receiver) = mpmc::bounded(1);
        $body
    }};
}

/// A receive that was polled is dropped after the value was sent: kanal (issues 24 and 50) had the value in the future.
#[test]
fn kanal_24_50_what_is_sent_stays_when_the_receive_is_given_up() {
    with_each_channel!(|sender, receiver| {
        let task = CountingWaker::new();
        {
            let mut recv = pin!(receiver.recv());
            assert!(poll_once(recv.as_mut(), &task.waker()).is_pending());
            assert_eq!(sender.try_send(7), Ok(()));
        }
        assert_eq!((task.wakes(), task.live()), (1, 0));
        assert_eq!(receiver.try_recv(), Ok(7));
    });
}

/// What a waiting sender has is not taken by a receive that is given up, nor dropped by it.
#[test]
fn kanal_24_50_a_receive_that_is_given_up_leaves_the_value_of_a_waiting_sender() {
    with_each_channel!(|sender, receiver| {
        assert_eq!(sender.try_send(1), Ok(()));
        let mut send = pin!(sender.send(2));
        assert!(poll_once(send.as_mut(), Waker::noop()).is_pending());
        drop(receiver.recv());
        assert_eq!(receiver.recv().block(), Ok(1));
        assert_eq!(poll_once(send.as_mut(), Waker::noop()), Poll::Ready(Ok(())));
        assert_eq!(receiver.recv().block(), Ok(2));
    });
}

/// A `try_send` takes the room that a waiting sender was woken for. That one waits on, and is woken for the next: in
/// thingbuf (issue 83) it was not.
#[test]
fn thingbuf_83_who_loses_the_room_is_woken_for_the_next() {
    macro_rules! scenario {
        ($sender:ident, $receiver:ident) => {{
            assert_eq!($sender.try_send(1), Ok(()));
            let task = CountingWaker::new();
            let mut send = pin!($sender.send(3));
            assert!(poll_once(send.as_mut(), &task.waker()).is_pending());
            for (wakes, value) in (1..4).zip([1, 2, 2]) {
                assert_eq!($receiver.try_recv(), Ok(value));
                assert_eq!(task.wakes(), wakes);
                assert_eq!($sender.try_send(2), Ok(()));
                assert!(poll_once(send.as_mut(), &task.waker()).is_pending());
            }
            assert_eq!($receiver.try_recv(), Ok(2));
            assert_eq!(poll_once(send, &task.waker()), Poll::Ready(Ok(())));
            assert_eq!($receiver.try_recv(), Ok(3));
        }};
    }
    let (sender, mut receiver) = mpsc::bounded(1);
    scenario!(sender, receiver);
    let (sender, receiver) = mpmc::bounded(1);
    scenario!(sender, receiver);
}

/// The channel is closed, and the receiver gone, while room is reserved: thingbuf (issue 100) hung, or wrote where
/// nothing was any more.
#[test]
fn thingbuf_100_a_permit_outlives_the_close_and_the_receiver() {
    let (sender, receiver) = mpsc::bounded(1);
    let value = Arc::new(());
    let permit = sender.try_reserve().unwrap();
    let task = CountingWaker::new();
    let mut send = Box::pin(sender.send(Arc::clone(&value)));
    assert!(poll_once(send.as_mut(), &task.waker()).is_pending());
    drop(receiver);
    assert_eq!(task.wakes(), 1);
    let error = permit.send(Arc::clone(&value)).unwrap_err();
    assert!(Arc::ptr_eq(&error.into_inner(), &value));
    assert!(poll_once(send.as_mut(), &task.waker()).is_ready());
    drop(send);
    drop(sender);
    assert_eq!(Arc::strong_count(&value), 1);
}

/// `try_recv` said "disconnected" while permits were out that could still send (tokio PR 8074). Here a close is final:
/// it may say so, because no permit sends any more.
#[test]
fn tokio_8074_after_disconnected_no_permit_sends() {
    for (sender, mut receiver) in [mpsc::bounded(2), mpsc::unbounded()] {
        let [first, second] = [(); 2].map(|()| sender.try_reserve().unwrap());
        assert_eq!(receiver.try_recv(), Err(mpsc::TryRecvError::Empty));
        assert_eq!(first.send(1), Ok(()));
        assert!(receiver.close());
        assert_eq!(receiver.try_recv(), Ok(1));
        assert_eq!(receiver.try_recv(), Err(mpsc::TryRecvError::Disconnected));
        assert_eq!(second.send(2), Err(mpsc::SendError(2)));
        assert_eq!(receiver.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    }
}

/// A place that was reserved held back what others had sent behind it, though their sends were over (tokio issues 1997
/// and 2020). Here it is a place in number only.
#[test]
fn tokio_1997_2020_a_reserved_place_holds_nothing_back() {
    for (sender, mut receiver) in [mpsc::bounded(3), mpsc::unbounded()] {
        let first = sender.try_reserve().unwrap();
        let second = sender.reserve().block().unwrap();
        assert_eq!(sender.clone().try_send(1), Ok(()));
        assert_eq!(receiver.try_recv(), Ok(1));
        assert_eq!(receiver.try_recv(), Err(mpsc::TryRecvError::Empty));
        assert_eq!(second.send(2), Ok(()));
        assert_eq!(first.send(3), Ok(()));
        assert_eq!(receiver.recv().block(), Ok(2));
        assert_eq!(receiver.recv().block(), Ok(3));
    }
}

/// `is_empty` and `len` were wrong where one block of values ends and the next one begins (tokio PR 6603).
#[test]
fn tokio_6603_empty_is_said_at_every_position_of_a_block() {
    let (sender, mut receiver) = mpsc::unbounded();
    let (many_sender, many_receiver) = mpmc::unbounded();
    for value in 0..200 {
        assert!(receiver.is_empty() && many_receiver.is_empty());
        for _ in 0..2 {
            sender.try_send(value).unwrap();
            many_sender.try_send(value).unwrap();
        }
        assert_eq!(many_receiver.len(), 2);
        for _ in 0..2 {
            assert!(!receiver.is_empty() && !many_receiver.is_empty());
            assert_eq!(receiver.try_recv(), Ok(value));
            assert_eq!(many_receiver.try_recv(), Ok(value));
        }
    }
}

/// A receive was told of a value and given up: the other one was not told, and the value lay there until the next send
/// (flume issue 104).
#[test]
fn flume_104_a_value_whose_receive_was_given_up_does_not_wait_for_the_next() {
    let (sender, receiver) = mpmc::unbounded();
    let tasks = [CountingWaker::new(), CountingWaker::new()];
    let mut second = pin!(receiver.recv());
    {
        let mut first = pin!(receiver.recv());
        assert!(poll_once(first.as_mut(), &tasks[0].waker()).is_pending());
        assert!(poll_once(second.as_mut(), &tasks[1].waker()).is_pending());
        sender.try_send(7).unwrap();
        assert_eq!(tasks.each_ref().map(|task| task.wakes()), [1, 0]);
    }
    assert_eq!(tasks[1].wakes(), 1);
    assert_eq!(poll_once(second, Waker::noop()), Poll::Ready(Ok(7)));
}

/// The receiver has found nothing; the last value is sent, and the sender goes: the receiver was told that nothing comes
/// (flume issue 120).
#[test]
fn flume_120_the_last_value_comes_before_the_end() {
    with_each_channel!(|sender, receiver| {
        let task = CountingWaker::new();
        let mut recv = Box::pin(receiver.recv());
        assert!(poll_once(recv.as_mut(), &task.waker()).is_pending());
        assert_eq!(sender.try_send(7), Ok(()));
        drop(sender);
        assert_eq!(poll_once(recv.as_mut(), &task.waker()), Poll::Ready(Ok(7)));
        drop(recv);
        assert!(receiver.recv().block().is_err());
    });
}

/// A sender without room returned before its value was taken (flume issue 140). There is room for one value at least
/// here; and who finds it taken returns when the value is in the channel, or received.
#[test]
fn flume_140_a_send_without_room_does_not_return() {
    with_each_channel!(|sender, receiver| {
        assert_eq!(sender.try_send(1), Ok(()));
        let mut send = pin!(sender.send(2));
        for _ in 0..10 {
            assert!(poll_once(send.as_mut(), Waker::noop()).is_pending());
        }
        assert_eq!(receiver.try_recv(), Ok(1));
        assert_eq!(poll_once(send, Waker::noop()), Poll::Ready(Ok(())));
        assert_eq!(receiver.try_recv(), Ok(2));
    });
    for channel in [
        || drop(spsc::bounded::<u8>(0)),
        || drop(mpsc::bounded::<u8>(0)),
        || drop(mpmc::bounded::<u8>(0)),
    ] {
        assert!(super::panics(channel));
    }
}

/// A send that is given up takes its value with it, which is all that one can do who has no permits (async-channel
/// issue 87).
#[test]
fn async_channel_87_who_reserves_keeps_the_value() {
    let value = Box::new(7);
    let (mut sender, mut receiver) = spsc::bounded(1);
    sender.try_send(Box::new(1)).unwrap();
    assert!(poll_once(pin!(sender.reserve()), Waker::noop()).is_pending());
    receiver.try_recv().unwrap();
    sender.reserve().block().unwrap().send(value).unwrap();
    let value = receiver.try_recv().unwrap();
    let (sender, mut receiver) = mpsc::bounded(1);
    sender.try_send(Box::new(1)).unwrap();
    assert!(poll_once(pin!(sender.reserve()), Waker::noop()).is_pending());
    receiver.try_recv().unwrap();
    sender.reserve().block().unwrap().send(value).unwrap();
    assert_eq!(receiver.try_recv(), Ok(Box::new(7)));
}

/// Each sender had a place of its own beside the capacity, and a send and a receive in one task did not get past a
/// flush (futures `mpsc`, with a buffer of 0).
#[test]
fn futures_mpsc_there_is_as_much_room_as_was_asked_for() {
    let (sender, mut receiver) = mpsc::bounded(1);
    let senders = [(); 3].map(|()| sender.clone());
    assert_eq!(senders[0].try_send(1), Ok(()));
    for sender in &senders {
        assert_eq!(sender.try_send(2), Err(mpsc::TrySendError::Full(2)));
    }
    assert_eq!(receiver.try_recv(), Ok(1));
    with_each_channel!(|sender, receiver| {
        block_on(async {
            for value in 0..10 {
                sender.send(value).await.unwrap();
                assert_eq!(receiver.recv().await, Ok(value));
            }
        });
    });
}

/// The buffer was freed with another capacity than it was made with (RUSTSEC-2020-0052), values were dropped by two, or
/// by nobody (RUSTSEC-2018-0009): any capacity, any position, some of the values received and the others left.
#[test]
fn rustsec_2020_0052_any_capacity_is_freed_as_it_was_made() {
    let value = Arc::new(());
    macro_rules! scenario {
        ($sender:ident, $receiver:ident, $capacity:expr, $received:expr) => {{
            for _ in 0..$received {
                assert!($sender.try_send(Arc::clone(&value)).is_ok());
                assert!($receiver.try_recv().is_ok());
            }
            for _ in 0..$capacity {
                assert!($sender.try_send(Arc::clone(&value)).is_ok());
            }
            assert!($sender.try_send(Arc::clone(&value)).is_err());
            assert!($receiver.try_recv().is_ok());
            assert_eq!(Arc::strong_count(&value), $capacity);
            drop($receiver);
            assert_eq!(Arc::strong_count(&value), 1, "left inside");
            assert!($sender.try_send(Arc::clone(&value)).is_err());
            drop($sender);
            assert_eq!(Arc::strong_count(&value), 1);
        }};
    }
    for capacity in 1..=9 {
        for received in 0..=capacity {
            let (mut sender, mut receiver) = spsc::bounded(capacity);
            scenario!(sender, receiver, capacity, received);
            let (sender, mut receiver) = mpsc::bounded(capacity);
            scenario!(sender, receiver, capacity, received);
            let (sender, receiver) = mpmc::bounded(capacity);
            scenario!(sender, receiver, capacity, received);
        }
    }
}

/// The last receiver drops what is inside while senders go on: a block was freed by two (RUSTSEC-2025-0024), or read
/// before it was there (crossbeam issue 971).
#[test]
fn rustsec_2025_0024_the_receiver_goes_while_senders_send() {
    let value = Arc::new(());
    macro_rules! scenario {
        ($sender:ident, $receiver:ident, $received:expr) => {{
            thread::scope(|scope| {
                for _ in 0..2 {
                    let sender = $sender.clone();
                    let value = &value;
                    scope.spawn(move || while sender.try_send(Arc::clone(value)).is_ok() {});
                }
                scope.spawn(move || {
                    for _ in 0..$received {
                        let _ = $receiver.try_recv();
                    }
                    drop($receiver);
                });
            });
            drop($sender);
            assert_eq!(Arc::strong_count(&value), 1);
        }};
    }
    for round in 0..100 {
        let (sender, mut receiver) = mpsc::unbounded();
        scenario!(sender, receiver, round);
        let (sender, receiver) = mpmc::unbounded();
        scenario!(sender, receiver, round);
    }
}

/// Slots were zeroed for types that have no zero (RUSTSEC-2022-0019, -0020, -0021).
#[test]
fn any_value_will_do() {
    with_each_channel!(|sender, receiver| {
        assert!(
            sender
                .try_send(("word", NonZeroU8::MIN, Box::new(1)))
                .is_ok()
        );
        let received = receiver.try_recv();
        assert_eq!(received, Ok(("word", NonZeroU8::MIN, Box::new(1))));
    });
    with_each_channel!(|sender, receiver| {
        assert!(sender.try_send(()).is_ok());
        assert_eq!(receiver.try_recv(), Ok(()));
    });
}
