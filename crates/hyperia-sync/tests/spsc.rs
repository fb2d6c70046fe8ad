//! What a user of `spsc` can rely on.
#![cfg(all(feature = "std", not(any(hyperia_loom, hyperia_shuttle))))]

mod channels;

use std::cell::RefCell;
use std::mem;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use channels::{Held, Hold, Kind, Order, Shared, model, panics, threads, waits};
use futures_core::{FusedFuture, FusedStream, Stream};
use futures_util::StreamExt;
use hyperia_sync::spsc::{
    self, RecvError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
use hyperia_test::alloc::{self, CountingAllocator};
use hyperia_test::{CountingWaker, drop_at_every_poll, poll_once};
use hyperia_wait::{Block, block_on};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

struct Channel;

impl Kind for Channel {
    const SENDS_ALONE: bool = true;
    const RECEIVES_ALONE: bool = true;

    kind_by_methods!(spsc);
    hold_by_reserve!(spsc mut);

    fn another_sender<T: Send + 'static>(_: &spsc::Sender<T>) -> Option<spsc::Sender<T>> {
        None
    }
    fn another_receiver<T: Send + 'static>(_: &spsc::Receiver<T>) -> Option<spsc::Receiver<T>> {
        None
    }
    fn stream<T: Send + 'static>(receiver: &mut spsc::Receiver<T>) -> impl Stream<Item = T> {
        receiver
    }
}

channel_tests! { Channel:
    model {
        random_operations_do_what_a_list_does
    }
    waits {
        values_come_out_in_the_order_they_were_sent
        a_full_channel_hands_the_value_back
        without_a_receiver_every_value_comes_back
        without_a_sender_what_was_sent_is_received_and_then_the_end
        a_close_by_the_sender_drains
        a_waiting_receiver_is_woken_by_a_value_and_by_the_end
        a_waiting_sender_is_woken_by_room_and_by_the_end
        many_values_are_sent_in_parts_and_what_is_left_stays
        a_poll_with_another_waker_wakes_the_new_one
        polls_with_the_same_waker_clone_it_once
        one_who_gives_up_drops_its_waker_and_is_not_woken
        a_send_that_does_not_come_in_time_hands_the_value_back
        room_in_time_ends_a_long_timeout
        futures_are_terminated_after_their_output_and_panic_then
        a_recv_may_be_dropped_at_every_poll
        a_send_may_be_dropped_at_every_poll
        a_send_of_many_may_be_dropped_at_every_poll
        a_stream_ends_after_the_last_value
        a_stream_that_waits_is_woken
        ends_work_within_combinators
    }
    panics {
        a_panic_in_the_wake_of_a_receiver_has_sent_the_value
        a_panic_in_the_wake_of_a_sender_has_made_room
        a_panic_in_the_clone_of_a_waker_loses_nothing
        a_panic_in_the_drop_of_a_waker_loses_nothing_of_others
        a_panic_in_the_drop_of_a_waker_that_is_woken_comes_out_of_the_send_that_is_done
        a_value_whose_drop_panics_leaves_the_others_to_be_dropped
        values_without_a_size_are_counted_and_dropped
        a_waker_may_send_and_receive
    }
    threads {
        threads_receive_each_value_once_and_in_order
        a_receiver_that_goes_lets_every_thread_that_sends_go
    }
}

fn noop<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    poll_once(future, Waker::noop())
}

/// A channel for one value, which is taken.
fn full<T>(value: T) -> (spsc::Sender<T>, spsc::Receiver<T>) {
    let (mut sender, receiver) = spsc::bounded(1);
    assert!(sender.try_send(value).is_ok());
    (sender, receiver)
}

#[test]
fn a_value_whose_sender_waits_can_be_received() {
    let (mut sender, mut receiver) = full(1);
    let task = CountingWaker::new();
    let mut send = pin!(sender.send(2));
    assert!(poll_once(send.as_mut(), &task.waker()).is_pending());
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!((receiver.len(), receiver.is_empty()), (0, true));
    assert_eq!(
        receiver.try_recv(),
        Ok(2),
        "though nobody has polled the sender"
    );
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert!(!send.is_terminated());
    assert_eq!(noop(send), Poll::Ready(Ok(())));
    assert_eq!((task.wakes(), task.live()), (1, 0));
}

#[test]
fn a_value_whose_sender_waits_is_received_after_the_others() {
    let (mut sender, mut receiver) = spsc::bounded(3);
    assert_eq!(sender.try_send_many(&mut vec![0, 1, 2]), Ok(3));
    let mut received = Vec::new();
    {
        let mut send = pin!(sender.send(3));
        assert!(noop(send.as_mut()).is_pending());
        assert_eq!(receiver.try_recv_many(&mut received, 9), Ok(3));
        assert_eq!(receiver.try_recv_many(&mut received, 0), Ok(0));
        assert_eq!(receiver.try_recv_many(&mut received, 9), Ok(1));
        assert_eq!(noop(send), Poll::Ready(Ok(())));
    }
    // Sent when there is room, it goes the usual way.
    assert_eq!(sender.try_send_many(&mut vec![4, 5, 6]), Ok(3));
    let mut send = pin!(sender.send(7));
    assert!(noop(send.as_mut()).is_pending());
    assert_eq!(receiver.recv_many(&mut received, 1).block(), Ok(1));
    assert_eq!(noop(send), Poll::Ready(Ok(())));
    assert_eq!(receiver.recv_many(&mut received, 9).block(), Ok(3));
    assert_eq!(received, [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn a_value_whose_sender_gives_up_is_taken_back_or_was_received() {
    let value = Arc::new(());
    let (mut sender, mut receiver) = full(None);
    // Dropped.
    let mut send = Box::pin(sender.send(Some(value.clone())));
    assert!(noop(send.as_mut()).is_pending());
    drop(send);
    assert_eq!(Arc::strong_count(&value), 1);
    // Handed back.
    let back = sender.send_timeout(Some(value.clone()), Duration::ZERO);
    assert_eq!(back, Err(SendTimeoutError::Timeout(Some(value.clone()))));
    drop(back);
    assert_eq!(receiver.try_recv(), Ok(None));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    // Received, and then dropped.
    assert_eq!(sender.try_send(None), Ok(()));
    let mut send = Box::pin(sender.send(Some(value.clone())));
    assert!(noop(send.as_mut()).is_pending());
    assert_eq!(receiver.try_recv(), Ok(None));
    assert_eq!(receiver.try_recv(), Ok(Some(value.clone())));
    drop(send);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn a_value_whose_sender_waits_comes_back_from_a_receiver_that_goes() {
    let (mut sender, receiver) = full(1);
    let mut send = pin!(sender.send(2));
    assert!(noop(send.as_mut()).is_pending());
    drop(receiver);
    assert_eq!(noop(send), Poll::Ready(Err(SendError(2))));
}

#[test]
fn a_value_whose_sender_was_forgotten_is_received_or_dropped_with_the_channel() {
    let value = Arc::new(());
    for is_received in [false, true] {
        let (mut sender, mut receiver) = full(None);
        let mut send = sender.send(Some(value.clone()));
        assert!(noop(Pin::new(&mut send)).is_pending());
        mem::forget(send);
        // While it is there others wait without leaving theirs.
        {
            let mut send = sender.send(Some(value.clone()));
            assert!(noop(Pin::new(&mut send)).is_pending());
            assert_eq!(receiver.try_recv(), Ok(None));
            if is_received {
                assert_eq!(receiver.try_recv(), Ok(Some(value.clone())));
                assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
            }
            assert_eq!(noop(Pin::new(&mut send)), Poll::Ready(Ok(())));
        }
        assert_eq!(receiver.try_recv(), Ok(Some(value.clone())));
        sender.close();
        if !is_received {
            assert_eq!(Arc::strong_count(&value), 2);
        }
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
        drop((sender, receiver));
        assert_eq!(Arc::strong_count(&value), 1);
    }
}

#[test]
fn a_permit_sends_without_waiting_and_loses_nothing_when_dropped() {
    let (mut sender, mut receiver) = full(1);
    let task = CountingWaker::new();
    {
        let mut reserve = pin!(sender.reserve());
        assert!(poll_once(reserve.as_mut(), &task.waker()).is_pending());
        assert_eq!(receiver.try_recv(), Ok(1));
        assert_eq!((task.wakes(), task.live()), (1, 0));
        let Poll::Ready(Ok(permit)) = noop(reserve.as_mut()) else {
            panic!("there is room");
        };
        assert!(reserve.is_terminated());
        assert_eq!(permit.send(2), Ok(()));
    }
    assert!(matches!(sender.try_reserve(), Err(TrySendError::Full(()))));
    assert_eq!(receiver.try_recv(), Ok(2));
    drop(sender.try_reserve().unwrap());
    let permit = sender.reserve().block().unwrap();
    drop(receiver);
    assert_eq!(permit.send(3), Err(SendError(3)));
    assert!(matches!(
        sender.try_reserve(),
        Err(TrySendError::Disconnected(()))
    ));
    assert!(matches!(sender.reserve().block(), Err(SendError(()))));
}

#[test]
fn a_reserve_may_be_dropped_at_every_poll() {
    let polls = drop_at_every_poll(
        || {
            let (sender, receiver) = full(1);
            let ends = Rc::new((RefCell::new(sender), RefCell::new(receiver)));
            let theirs = Rc::clone(&ends);
            #[expect(clippy::await_holding_refcell_ref, reason = "it has it alone")]
            let reserve = async move { theirs.0.borrow_mut().reserve().await.map(drop) };
            (ends, reserve)
        },
        |ends, k| {
            if k == 2 {
                assert_eq!(ends.1.borrow_mut().try_recv(), Ok(1));
            }
        },
        |ends, _| {
            let _ = ends.1.borrow_mut().try_recv();
            assert_eq!(ends.0.borrow_mut().try_send(2), Ok(()));
            assert_eq!(ends.1.borrow_mut().try_recv(), Ok(2));
        },
    );
    assert_eq!(polls, 3);
}

#[test]
fn a_receiver_polled_by_hand_leaves_its_last_waker() {
    let (mut sender, mut receiver) = spsc::bounded(1);
    let [old, new] = [CountingWaker::new(), CountingWaker::new()];
    for task in [&old, &new] {
        let waker = task.waker();
        assert!(
            receiver
                .poll_recv(&mut Context::from_waker(&waker))
                .is_pending()
        );
    }
    assert_eq!(sender.try_send(1), Ok(()));
    assert_eq!((old.wakes(), old.live(), new.wakes()), (0, 0, 1));
    let mut values = Vec::new();
    let waker = new.waker();
    let mut cx = Context::from_waker(&waker);
    assert_eq!(
        receiver.poll_recv_many(&mut cx, &mut values, 9),
        Poll::Ready(Ok(1))
    );
    assert!(
        receiver
            .poll_recv_many(&mut cx, &mut values, 9)
            .is_pending()
    );
    assert_eq!(new.live(), 2);
    drop(receiver);
    assert_eq!((new.live(), new.wakes()), (1, 1), "nobody is woken in vain");
}

#[test]
fn the_stream_is_terminated_when_it_has_said_so() {
    let (sender, mut receiver) = full(1);
    drop(sender);
    assert!(!receiver.is_terminated());
    assert_eq!(block_on(receiver.next()), Some(1));
    assert!(!receiver.is_terminated());
    assert_eq!(block_on(receiver.next()), None);
    assert!(receiver.is_terminated());
}

#[test]
fn nothing_is_allocated_after_the_construction() {
    let ((mut sender, mut receiver), counts) = alloc::count(|| spsc::bounded(4));
    assert_eq!(counts.allocations, 3);
    let (mut many, mut received) = (Vec::with_capacity(4), Vec::with_capacity(4));
    let task = CountingWaker::new();
    let waker = task.waker();
    // Where this thread waits, once for all.
    block_on(async {});
    let ((), counts) = alloc::count(|| {
        for round in 0..100 {
            many.extend([round; 4]);
            assert_eq!(sender.send_many(&mut many).block(), Ok(()));
            let mut send = pin!(sender.send(round));
            assert!(poll_once(send.as_mut(), &waker).is_pending());
            assert_eq!(receiver.recv_many(&mut received, 4).block(), Ok(4));
            assert!(poll_once(send, &waker).is_ready());
            assert_eq!(receiver.recv().block(), Ok(round));
            assert!(poll_once(pin!(receiver.recv()), &waker).is_pending());
            received.clear();
        }
    });
    assert_eq!((counts.allocations, counts.deallocations), (0, 0));
}

#[test]
fn ends_say_what_they_are() {
    let (mut sender, mut receiver) = full(1);
    assert_eq!(
        (sender.len(), sender.capacity(), sender.is_empty()),
        (1, 1, false)
    );
    assert_eq!(
        (receiver.len(), receiver.capacity(), receiver.is_empty()),
        (1, 1, false)
    );
    assert_eq!(
        format!("{sender:?} {receiver:?}"),
        "Sender { len: 1, capacity: 1, is_closed: false, .. } \
         Receiver { len: 1, capacity: 1, is_closed: false, .. }"
    );
    assert_eq!(
        format!("{:?}", sender.send(2)),
        "SendFuture { is_terminated: false, .. }"
    );
    assert_eq!(
        format!("{:?}", sender.reserve()),
        "Reserve { is_terminated: false, .. }"
    );
    assert_eq!(
        format!("{:?}", sender.send_many(&mut vec![1])),
        "SendMany { len: 1, is_terminated: false, .. }"
    );
    assert_eq!(
        format!("{:?}", receiver.recv()),
        "Recv { is_terminated: false, .. }"
    );
    assert_eq!(
        format!("{:?}", receiver.recv_many(&mut Vec::new(), 1)),
        "RecvMany { is_terminated: false, .. }"
    );
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(format!("{:?}", sender.try_reserve()), "Ok(Permit { .. })");
}

#[test]
#[should_panic(expected = "capacity must be greater than zero")]
fn without_room_there_is_no_channel() {
    let _ = spsc::bounded::<u8>(0);
}

#[test]
fn errors_say_what_happened() {
    fn says(error: impl std::error::Error, debug: &str, display: &str) {
        assert_eq!(
            (&*format!("{error:?}"), &*error.to_string()),
            (debug, display)
        );
    }
    // Of values without `Debug`.
    struct Value;
    let closed = "sending on a closed channel";
    says(SendError(Value), "SendError { .. }", closed);
    says(
        TrySendError::Full(Value),
        "Full(..)",
        "sending on a full channel",
    );
    says(
        TrySendError::Disconnected(Value),
        "Disconnected(..)",
        closed,
    );
    let late = "timed out waiting for room in a channel";
    says(SendTimeoutError::Timeout(Value), "Timeout(..)", late);
    says(
        SendTimeoutError::Disconnected(Value),
        "Disconnected(..)",
        closed,
    );
    let ended = "receiving from an empty and closed channel";
    says(RecvError, "RecvError", ended);
    says(TryRecvError::Disconnected, "Disconnected", ended);
    says(
        TryRecvError::Empty,
        "Empty",
        "receiving from an empty channel",
    );
    assert_eq!(SendError(1).into_inner(), 1);
    assert_eq!(TrySendError::Full(2).into_inner(), 2);
    assert_eq!(SendTimeoutError::Timeout(3).into_inner(), 3);
    assert_eq!(
        TrySendError::from(SendError(4)),
        TrySendError::Disconnected(4)
    );
    assert_eq!(
        SendTimeoutError::from(SendError(5)),
        SendTimeoutError::Disconnected(5)
    );
    assert_eq!(TryRecvError::from(RecvError), TryRecvError::Disconnected);
}
