//! What a user of `mpsc` can rely on.
#![cfg(all(feature = "std", not(any(hyperia_loom, hyperia_shuttle))))]

mod channels;
#[path = "channels/many_senders.rs"]
mod many_senders;

use std::cell::RefCell;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use channels::{Held, Hold, Kind, Order, Shared, model, panics, threads, waits};
use futures_core::{FusedFuture, FusedStream, Stream};
use futures_util::StreamExt;
use hyperia_sync::mpsc::{
    self, RecvError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
use hyperia_test::alloc::{self, CountingAllocator};
use hyperia_test::{CountingWaker, drop_at_every_poll, poll_once};
use hyperia_wait::{Block, block_on};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

struct Channel;

impl Kind for Channel {
    const SENDS_ALONE: bool = false;
    const RECEIVES_ALONE: bool = true;

    kind_by_methods!(mpsc);
    hold_by_reserve!(mpsc);

    fn another_sender<T: Send + 'static>(sender: &mpsc::Sender<T>) -> Option<mpsc::Sender<T>> {
        Some(sender.clone())
    }
    fn another_receiver<T: Send + 'static>(_: &mpsc::Receiver<T>) -> Option<mpsc::Receiver<T>> {
        None
    }
    fn stream<T: Send + 'static>(receiver: &mut mpsc::Receiver<T>) -> impl Stream<Item = T> {
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
    many_senders {
        waiting_senders_are_served_in_the_order_in_which_they_came
        a_newcomer_may_take_the_room_and_the_one_that_was_woken_waits_again
        one_who_was_woken_and_gives_up_wakes_the_next
        a_close_lets_all_who_wait_go_with_their_values_and_drains
        a_panic_in_one_wake_keeps_no_other_sender_asleep
        the_last_sender_closes_and_no_other
    }
}

fn noop<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    poll_once(future, Waker::noop())
}

#[test]
fn an_unbounded_channel_takes_everything_in_order() {
    let (sender, mut receiver) = mpsc::unbounded();
    assert_eq!((sender.capacity(), receiver.capacity()), (None, None));
    for value in 0..1_000 {
        assert_eq!(sender.try_send(value), Ok(()));
    }
    assert_eq!(
        sender.send_many(&mut (1_000..2_000).collect()).block(),
        Ok(())
    );
    assert_eq!(sender.send(2_000).block(), Ok(()));
    assert_eq!(sender.reserve().block().unwrap().send(2_001), Ok(()));
    let mut received = Vec::new();
    assert_eq!(receiver.recv_many(&mut received, 500).block(), Ok(500));
    assert!(!receiver.is_empty());
    drop(sender);
    while let Some(value) = block_on(receiver.next()) {
        received.push(value);
    }
    assert!(received.into_iter().eq(0..2_002));
    assert!(receiver.is_empty() && receiver.is_terminated());
}

#[test]
fn an_unbounded_channel_that_is_closed_hands_back_and_drains() {
    let (sender, mut receiver) = mpsc::unbounded();
    assert_eq!(sender.try_send(1), Ok(()));
    let permit = sender.try_reserve().unwrap();
    assert!(receiver.close() && !sender.close());
    assert_eq!(permit.send(2), Err(SendError(2)));
    assert!(matches!(
        sender.try_reserve(),
        Err(TrySendError::Disconnected(()))
    ));
    assert!(matches!(sender.reserve().block(), Err(SendError(()))));
    assert_eq!(sender.send(3).block(), Err(SendError(3)));
    assert_eq!(receiver.recv().block(), Ok(1));
    assert_eq!(receiver.recv().block(), Err(RecvError));
}

#[test]
fn a_close_by_the_receiver_drains() {
    let (sender, mut receiver) = mpsc::bounded(1);
    assert_eq!(sender.try_send(1), Ok(()));
    let mut send = pin!(sender.send(2));
    assert!(noop(send.as_mut()).is_pending());
    assert!(receiver.close() && !receiver.close() && !sender.close());
    assert_eq!(noop(send), Poll::Ready(Err(SendError(2))));
    assert_eq!(receiver.recv().block(), Ok(1));
    assert_eq!(receiver.recv().block(), Err(RecvError));
}

#[test]
fn a_permit_holds_room_and_gives_it_back() {
    let (sender, mut receiver) = mpsc::bounded(1);
    let permit = sender.reserve().block().unwrap();
    assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
    assert!(matches!(sender.try_reserve(), Err(TrySendError::Full(()))));
    let task = CountingWaker::new();
    let mut send = pin!(sender.send(1));
    assert!(poll_once(send.as_mut(), &task.waker()).is_pending());
    drop(permit);
    assert_eq!(task.wakes(), 1);
    assert_eq!(noop(send), Poll::Ready(Ok(())));
    assert_eq!(receiver.try_recv(), Ok(1));
    let permit = sender.try_reserve().unwrap();
    assert_eq!(permit.send(2), Ok(()));
    let mut received = Vec::new();
    assert_eq!(receiver.recv_many(&mut received, 9).block(), Ok(1));
    assert_eq!(received, [2]);
}

#[test]
fn a_permit_wakes_the_receiver_and_outlives_it() {
    let (sender, mut receiver) = mpsc::bounded(2);
    let (first, second) = (sender.try_reserve().unwrap(), sender.try_reserve().unwrap());
    let task = CountingWaker::new();
    {
        let mut recv = pin!(receiver.recv());
        assert!(poll_once(recv.as_mut(), &task.waker()).is_pending());
        assert_eq!(first.send(1), Ok(()));
        assert_eq!(task.wakes(), 1);
        assert_eq!(noop(recv), Poll::Ready(Ok(1)));
    }
    drop(receiver);
    assert_eq!(second.send(2), Err(SendError(2)));
}

#[test]
fn a_reserve_may_be_dropped_at_every_poll() {
    let polls = drop_at_every_poll(
        || {
            let (sender, receiver) = mpsc::bounded(1);
            assert_eq!(sender.try_send(1), Ok(()));
            let ends = Rc::new((sender, RefCell::new(receiver)));
            let theirs = Rc::clone(&ends);
            (ends, async move { theirs.0.reserve().await.map(drop) })
        },
        |ends, k| {
            if k == 2 {
                assert_eq!(ends.1.borrow_mut().try_recv(), Ok(1));
            }
        },
        |ends, _| {
            let _ = ends.1.borrow_mut().try_recv();
            assert_eq!(ends.0.try_send(2), Ok(()));
            assert_eq!(ends.1.borrow_mut().try_recv(), Ok(2));
        },
    );
    assert_eq!(polls, 3);
}

#[test]
fn a_reserve_that_was_woken_and_gives_up_wakes_the_next() {
    let (sender, mut receiver) = mpsc::bounded(1);
    assert_eq!(sender.try_send(1), Ok(()));
    let tasks = [CountingWaker::new(), CountingWaker::new()];
    let (mut first, mut second) = (Box::pin(sender.reserve()), Box::pin(sender.reserve()));
    assert!(poll_once(first.as_mut(), &tasks[0].waker()).is_pending());
    assert!(poll_once(second.as_mut(), &tasks[1].waker()).is_pending());
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!((tasks[0].wakes(), tasks[1].wakes()), (1, 0));
    drop(first);
    assert_eq!((tasks[0].live(), tasks[1].wakes()), (0, 1));
    assert!(noop(second.as_mut()).is_ready());
    assert!(second.is_terminated());
}

#[test]
fn room_for_many_wakes_as_many() {
    let (sender, mut receiver) = mpsc::bounded(3);
    assert_eq!(sender.try_send_many(&mut vec![0, 1, 2]), Ok(3));
    let tasks: Vec<_> = (0..4).map(|_| CountingWaker::new()).collect();
    let mut sends: Vec<_> = (3..7).map(|value| Box::pin(sender.send(value))).collect();
    for (send, task) in sends.iter_mut().zip(&tasks) {
        assert!(poll_once(send.as_mut(), &task.waker()).is_pending());
    }
    assert_eq!(receiver.try_recv_many(&mut Vec::new(), 9), Ok(3));
    let wakes: Vec<_> = tasks.iter().map(|task| task.wakes()).collect();
    assert_eq!(wakes, [1, 1, 1, 0]);
}

#[test]
fn a_receiver_polled_by_hand_leaves_its_last_waker() {
    let (sender, mut receiver) = mpsc::bounded(1);
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
fn nothing_is_allocated_after_the_construction() {
    let (ends, counts) = alloc::count(|| mpsc::bounded::<u64>(4));
    assert_eq!(counts.allocations, 2);
    let ((_, endless), counts) = alloc::count(|| (drop(ends), mpsc::unbounded::<u64>()));
    println!("unbounded: {} allocations", counts.allocations);
    for (sender, mut receiver) in [mpsc::bounded(4), endless] {
        let (mut many, mut received) = (Vec::with_capacity(4), Vec::with_capacity(4));
        let task = CountingWaker::new();
        let waker = task.waker();
        let mut pass = || {
            for round in 0..100 {
                many.extend([round; 4]);
                assert!(noop(pin!(sender.send_many(&mut many))).is_ready());
                let mut send = pin!(sender.send(round));
                let waits = poll_once(send.as_mut(), &waker).is_pending();
                assert_eq!(waits, sender.capacity().is_some());
                assert_eq!(receiver.try_recv_many(&mut received, 4), Ok(4));
                if waits {
                    assert!(poll_once(send, &waker).is_ready());
                }
                assert_eq!(receiver.try_recv(), Ok(round));
                assert!(poll_once(pin!(receiver.recv()), &waker).is_pending());
                received.clear();
            }
        };
        // Until its blocks go round.
        pass();
        let ((), counts) = alloc::count(pass);
        assert_eq!((counts.allocations, counts.deallocations), (0, 0));
    }
}

#[test]
fn ends_say_what_they_are() {
    let (sender, mut receiver) = mpsc::bounded(1);
    assert_eq!((sender.capacity(), receiver.capacity()), (Some(1), Some(1)));
    assert_eq!(
        format!("{sender:?} {receiver:?}"),
        "Sender { capacity: Some(1), is_closed: false, .. } \
         Receiver { capacity: Some(1), is_empty: true, is_closed: false, .. }"
    );
    assert_eq!(
        format!("{:?}", sender.send(2)),
        "SendFuture { is_terminated: false, .. }"
    );
    assert_eq!(
        format!("{:?}", sender.reserve()),
        "Reserve { is_terminated: false, .. }"
    );
    assert_eq!(format!("{:?}", sender.try_reserve()), "Ok(Permit { .. })");
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
}

#[test]
#[should_panic(expected = "capacity must be greater than zero")]
fn without_room_there_is_no_channel() {
    let _ = mpsc::bounded::<u8>(0);
}
