//! What a user of `mpmc` can rely on.
#![cfg(all(feature = "std", not(any(hyperia_loom, hyperia_shuttle))))]

mod channels;
#[path = "channels/many_senders.rs"]
mod many_senders;

use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use channels::{Held, Hold, Kind, Shared, model, panics, threads, waits};
use futures_core::{FusedFuture, FusedStream, Stream};
use futures_util::StreamExt;
use hyperia_sync::mpmc::{
    self, RecvError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
use hyperia_test::alloc::{self, CountingAllocator};
use hyperia_test::{CountingWaker, PanicOn, PanicWaker, drop_at_every_poll, poll_once};
use hyperia_wait::{Block, block_on};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

struct Channel;

impl Kind for Channel {
    const SENDS_ALONE: bool = false;
    const RECEIVES_ALONE: bool = false;

    kind_by_methods!(mpmc);
    fn hold<T: Send + 'static>(
        _: Shared<mpmc::Sender<T>>,
        _: std::rc::Rc<Hold<T>>,
    ) -> Option<Held<T>> {
        None
    }

    fn another_sender<T: Send + 'static>(sender: &mpmc::Sender<T>) -> Option<mpmc::Sender<T>> {
        Some(sender.clone())
    }
    fn another_receiver<T: Send + 'static>(
        receiver: &mpmc::Receiver<T>,
    ) -> Option<mpmc::Receiver<T>> {
        Some(receiver.clone())
    }
    fn stream<T: Send + 'static>(receiver: &mut mpmc::Receiver<T>) -> impl Stream<Item = T> {
        receiver.stream()
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
fn waiting_receivers_are_served_in_the_order_in_which_they_came() {
    let (sender, receiver) = mpmc::bounded(4);
    let tasks: Vec<_> = (0..5).map(|_| CountingWaker::new()).collect();
    let mut recvs: Vec<_> = tasks.iter().map(|_| Box::pin(receiver.recv())).collect();
    for (recv, task) in recvs.iter_mut().zip(&tasks) {
        assert!(poll_once(recv.as_mut(), &task.waker()).is_pending());
    }
    let wakes = || tasks.iter().map(|task| task.wakes()).collect::<Vec<_>>();
    assert_eq!(sender.try_send(0), Ok(()));
    assert_eq!(wakes(), [1, 0, 0, 0, 0]);
    // One that was not woken does not come before.
    assert!(noop(recvs[1].as_mut()).is_pending());
    assert_eq!(sender.try_send_many(&mut vec![1, 2, 3]), Ok(3));
    for (value, recv) in recvs[..4].iter_mut().enumerate() {
        assert_eq!(noop(recv.as_mut()), Poll::Ready(Ok(value)));
    }
    assert_eq!(tasks[4].wakes(), 0);
    drop(sender);
    assert_eq!(noop(recvs[4].as_mut()), Poll::Ready(Err(RecvError)));
}

#[test]
fn a_receiver_that_was_woken_and_gives_up_wakes_the_next() {
    let (sender, receiver) = mpmc::unbounded();
    let tasks: Vec<_> = (0..3).map(|_| CountingWaker::new()).collect();
    let mut recvs: Vec<_> = tasks.iter().map(|_| Box::pin(receiver.recv())).collect();
    for (recv, task) in recvs.iter_mut().zip(&tasks) {
        assert!(poll_once(recv.as_mut(), &task.waker()).is_pending());
    }
    assert_eq!(sender.try_send(1), Ok(()));
    drop(recvs.remove(1));
    assert_eq!((tasks[1].live(), tasks[2].wakes()), (0, 0));
    drop(recvs.remove(0));
    assert_eq!(tasks[2].wakes(), 1);
    assert_eq!(noop(recvs[0].as_mut()), Poll::Ready(Ok(1)));
}

#[test]
fn a_stream_that_was_woken_and_is_dropped_wakes_the_next() {
    let (sender, receiver) = mpmc::bounded(1);
    let task = CountingWaker::new();
    let (mut stream, mut recv) = (Box::pin(receiver.stream()), pin!(receiver.recv()));
    assert!(noop(pin!(stream.next())).is_pending());
    assert!(poll_once(recv.as_mut(), &task.waker()).is_pending());
    assert_eq!(sender.try_send(1), Ok(()));
    assert_eq!(task.wakes(), 0);
    drop(stream);
    assert_eq!(task.wakes(), 1);
    assert_eq!(noop(recv), Poll::Ready(Ok(1)));
}

#[test]
fn a_panic_in_one_wake_keeps_no_other_receiver_asleep() {
    let (sender, receiver) = mpmc::bounded::<u8>(1);
    let panicking = PanicWaker::new(PanicOn::Wake);
    let tasks = [CountingWaker::new(), CountingWaker::new()];
    let wakers = [tasks[0].waker(), panicking.waker(), tasks[1].waker()];
    let mut recvs: Vec<_> = wakers.iter().map(|_| Box::pin(receiver.recv())).collect();
    for (recv, waker) in recvs.iter_mut().zip(&wakers) {
        assert!(poll_once(recv.as_mut(), waker).is_pending());
    }
    let close = std::panic::AssertUnwindSafe(|| sender.close());
    assert!(std::panic::catch_unwind(close).is_err());
    assert_eq!((tasks[0].wakes(), tasks[1].wakes()), (1, 1));
}

#[test]
fn the_stream_is_terminated_when_it_has_said_so() {
    let (sender, receiver) = mpmc::bounded(1);
    assert_eq!(sender.try_send(1), Ok(()));
    drop(sender);
    let mut stream = pin!(receiver.stream());
    assert_eq!(block_on(stream.next()), Some(1));
    assert!(!stream.is_terminated());
    for _ in 0..2 {
        assert_eq!(block_on(stream.next()), None);
        assert!(stream.is_terminated());
    }
}

#[test]
fn streams_share_the_values() {
    let (sender, receiver) = mpmc::bounded(10);
    assert_eq!(sender.try_send_many(&mut (0..10).collect()), Ok(10));
    drop(sender);
    let (mut one, mut other) = (pin!(receiver.stream()), pin!(receiver.stream()));
    for value in (0..10).step_by(2) {
        assert_eq!(block_on(one.next()), Some(value));
        assert_eq!(block_on(other.next()), Some(value + 1));
    }
    assert_eq!((block_on(one.next()), block_on(other.next())), (None, None));
}

#[test]
fn a_stream_may_be_dropped_at_every_poll() {
    let polls = drop_at_every_poll(
        || {
            let ends = Rc::new(mpmc::bounded(1));
            let theirs = Rc::clone(&ends);
            (ends, async move { pin!(theirs.1.stream()).next().await })
        },
        |ends, k| {
            if k == 2 {
                assert_eq!(ends.0.try_send(k), Ok(()));
            }
        },
        |ends, k| {
            let left = ends.1.try_recv();
            assert!(left == Err(TryRecvError::Empty) || (k, left) == (2, Ok(2)));
        },
    );
    assert_eq!(polls, 3);
}

#[test]
fn the_last_receiver_closes_and_drops_what_is_inside() {
    let value = Rc::new(());
    for (sender, receiver) in [mpmc::bounded(4), mpmc::unbounded()] {
        let another = receiver.clone();
        assert_eq!(sender.try_send(value.clone()), Ok(()));
        drop(receiver);
        assert!(!sender.is_closed());
        assert_eq!(sender.try_send(value.clone()), Ok(()));
        assert_eq!(
            (Rc::strong_count(&value), sender.len(), another.len()),
            (3, 2, 2)
        );
        drop(another);
        assert!(sender.is_closed() && sender.is_empty());
        assert_eq!(Rc::strong_count(&value), 1);
    }
}

#[test]
fn a_close_by_a_receiver_drains_for_all() {
    for (sender, receiver) in [mpmc::bounded(2), mpmc::unbounded()] {
        let another = receiver.clone();
        assert_eq!(sender.try_send_many(&mut vec![1, 2]), Ok(2));
        assert!(receiver.close() && !another.close() && !sender.close());
        assert_eq!(sender.try_send(3), Err(TrySendError::Disconnected(3)));
        assert!(another.is_closed());
        assert_eq!((receiver.try_recv(), another.try_recv()), (Ok(1), Ok(2)));
        assert_eq!(receiver.recv().block(), Err(RecvError));
        assert_eq!(another.recv().block(), Err(RecvError));
    }
}

#[test]
fn an_unbounded_channel_takes_everything_in_order() {
    let (sender, receiver) = mpmc::unbounded();
    assert_eq!((sender.capacity(), receiver.capacity()), (None, None));
    for value in 0..1_000 {
        assert_eq!(sender.try_send(value), Ok(()));
    }
    assert_eq!(
        sender.send_many(&mut (1_000..2_000).collect()).block(),
        Ok(())
    );
    assert_eq!(sender.send(2_000).block(), Ok(()));
    assert_eq!(sender.len(), 2_001);
    let mut received = Vec::new();
    assert_eq!(receiver.recv_many(&mut received, 500).block(), Ok(500));
    drop(sender);
    received.extend(block_on(receiver.stream().collect::<Vec<_>>()));
    assert!(received.into_iter().eq(0..2_001));
}

#[test]
fn nothing_is_allocated_after_the_construction() {
    let (ends, counts) = alloc::count(|| mpmc::bounded::<u64>(4));
    assert_eq!(counts.allocations, 2);
    let ((_, endless), counts) = alloc::count(|| (drop(ends), mpmc::unbounded::<u64>()));
    println!("unbounded: {} allocations", counts.allocations);
    for (sender, receiver) in [mpmc::bounded(4), endless] {
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
    let (sender, receiver) = mpmc::bounded(1);
    assert_eq!(sender.try_send(1), Ok(()));
    assert_eq!((sender.capacity(), receiver.capacity()), (Some(1), Some(1)));
    assert_eq!(
        format!("{sender:?} {receiver:?}"),
        "Sender { capacity: Some(1), is_closed: false, .. } \
         Receiver { len: 1, capacity: Some(1), is_closed: false, .. }"
    );
    assert_eq!(
        format!("{:?}", sender.send(2)),
        "SendFuture { is_terminated: false, .. }"
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
        format!("{:?}", receiver.stream()),
        "RecvStream { is_terminated: false, .. }"
    );
    assert_eq!(
        format!("{:?}", receiver.recv_many(&mut Vec::new(), 1)),
        "RecvMany { is_terminated: false, .. }"
    );
}

#[test]
#[should_panic(expected = "capacity must be greater than zero")]
fn without_room_there_is_no_channel() {
    let _ = mpmc::bounded::<u8>(0);
}
