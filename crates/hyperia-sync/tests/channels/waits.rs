//! Waiting, giving up, and the ends.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use futures_core::FusedFuture;
use futures_util::future::{self, Either, FutureExt};
use futures_util::stream::StreamExt;
use hyperia_sync::mpsc::{RecvError, SendError, SendTimeoutError, TryRecvError, TrySendError};
use hyperia_test::{CountingWaker, drop_at_every_poll, poll_once};
use hyperia_wait::{Block, block_on};

use super::{Kind, Ledger};

const LONG: Duration = Duration::from_secs(3600);

fn noop<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    poll_once(future, Waker::noop())
}

pub(crate) fn values_come_out_in_the_order_they_were_sent<K: Kind>() {
    for capacity in [1, 2, 3, 64] {
        let (mut sender, mut receiver) = K::bounded(capacity);
        let mut received = 0;
        for value in 0..1_000 {
            if let Err(TrySendError::Full(value)) = K::try_send(&mut sender, value) {
                assert_eq!(K::try_recv(&mut receiver), Ok(received));
                received += 1;
                assert_eq!(K::send(&mut sender, value).block(), Ok(()));
            }
        }
        assert_eq!(received, 1_000 - capacity);
        for value in received..1_000 {
            assert_eq!(K::recv(&mut receiver).block(), Ok(value));
        }
        assert_eq!(K::try_recv(&mut receiver), Err(TryRecvError::Empty));
    }
}

pub(crate) fn a_full_channel_hands_the_value_back<K: Kind>() {
    let (mut sender, _receiver) = K::bounded(1);
    assert_eq!(K::try_send(&mut sender, String::from("kept")), Ok(()));
    let back = K::try_send(&mut sender, String::from("back"));
    assert_eq!(back, Err(TrySendError::Full("back".into())));
    let mut values = vec![String::from("many")];
    let none = K::try_send_many(&mut sender, &mut values);
    assert_eq!(none, Err(TrySendError::Full(())));
    assert_eq!(values, ["many"]);
    assert_eq!(K::try_send_many(&mut sender, &mut Vec::new()), Ok(0));
    assert_eq!(K::send_many(&mut sender, &mut Vec::new()).block(), Ok(()));
}

pub(crate) fn without_a_receiver_every_value_comes_back<K: Kind>() {
    let (mut sender, receiver) = K::bounded(2);
    assert_eq!(K::try_send(&mut sender, 0), Ok(()));
    drop(receiver);
    let back = K::try_send(&mut sender, 1);
    assert_eq!(back, Err(TrySendError::Disconnected(1)));
    assert_eq!(K::send(&mut sender, 2).block(), Err(SendError(2)));
    let back = K::send_timeout(&mut sender, 3, LONG);
    assert_eq!(back, Err(SendTimeoutError::Disconnected(3)));
    let back = K::send_deadline(&mut sender, 4, Instant::now() + LONG);
    assert_eq!(back, Err(SendTimeoutError::Disconnected(4)));
    let mut values = vec![5, 6];
    let none = K::try_send_many(&mut sender, &mut values);
    assert_eq!(none, Err(TrySendError::Disconnected(())));
    let none = K::send_many(&mut sender, &mut values).block();
    assert_eq!(none, Err(SendError(())));
    assert_eq!(values, [5, 6]);
}

pub(crate) fn without_a_sender_what_was_sent_is_received_and_then_the_end<K: Kind>() {
    let (mut sender, mut receiver) = K::bounded(3);
    let mut values = vec![1, 2, 3];
    assert_eq!(K::try_send_many(&mut sender, &mut values), Ok(3));
    drop(sender);
    assert!(K::is_closed(&receiver));
    let mut received = Vec::new();
    assert_eq!(K::try_recv_many(&mut receiver, &mut received, 0), Ok(0));
    assert_eq!(K::recv(&mut receiver).block(), Ok(1));
    assert_eq!(K::recv_many(&mut receiver, &mut received, 9).block(), Ok(2));
    assert_eq!(received, [2, 3]);
    let end = K::recv_many(&mut receiver, &mut received, 9).block();
    assert_eq!(end, Err(RecvError));
    assert_eq!(K::recv(&mut receiver).block(), Err(RecvError));
    assert_eq!(K::try_recv(&mut receiver), Err(TryRecvError::Disconnected));
}

pub(crate) fn a_close_by_the_sender_drains<K: Kind>() {
    let (mut sender, mut receiver) = K::bounded(2);
    assert_eq!(K::try_send(&mut sender, 1), Ok(()));
    assert!(K::close(&mut sender) && !K::close(&mut sender));
    assert_eq!(
        K::try_send(&mut sender, 2),
        Err(TrySendError::Disconnected(2))
    );
    assert_eq!(K::recv(&mut receiver).block(), Ok(1));
    assert_eq!(K::recv(&mut receiver).block(), Err(RecvError));
}

pub(crate) fn a_waiting_receiver_is_woken_by_a_value_and_by_the_end<K: Kind>() {
    let (mut sender, mut receiver) = K::bounded(1);
    let task = CountingWaker::new();
    {
        let mut recv = pin!(K::recv(&mut receiver));
        assert!(poll_once(recv.as_mut(), &task.waker()).is_pending());
        assert_eq!(K::try_send(&mut sender, 1), Ok(()));
        assert_eq!((task.wakes(), task.live()), (1, 0));
        assert_eq!(noop(recv), Poll::Ready(Ok(1)));
    }
    let mut recv = pin!(K::recv(&mut receiver));
    assert!(poll_once(recv.as_mut(), &task.waker()).is_pending());
    drop(sender);
    assert_eq!((task.wakes(), task.live()), (2, 0));
    assert_eq!(noop(recv), Poll::Ready(Err(RecvError)));
}

pub(crate) fn a_waiting_sender_is_woken_by_room_and_by_the_end<K: Kind>() {
    let (mut sender, mut receiver) = K::bounded(1);
    assert_eq!(K::try_send(&mut sender, 1), Ok(()));
    let task = CountingWaker::new();
    {
        let mut send = pin!(K::send(&mut sender, 2));
        assert!(poll_once(send.as_mut(), &task.waker()).is_pending());
        assert_eq!(K::try_recv(&mut receiver), Ok(1));
        assert_eq!((task.wakes(), task.live()), (1, 0));
        assert_eq!(noop(send), Poll::Ready(Ok(())));
    }
    let mut send = pin!(K::send(&mut sender, 3));
    assert!(poll_once(send.as_mut(), &task.waker()).is_pending());
    drop(receiver);
    assert_eq!((task.wakes(), task.live()), (2, 0));
    assert_eq!(noop(send), Poll::Ready(Err(SendError(3))));
}

pub(crate) fn many_values_are_sent_in_parts_and_what_is_left_stays<K: Kind>() {
    let (mut sender, mut receiver) = K::bounded(2);
    let mut values: Vec<_> = (0..7).collect();
    let mut received = Vec::new();
    {
        let task = CountingWaker::new();
        let mut send = pin!(K::send_many(&mut sender, &mut values));
        for parts in 0..3 {
            assert!(poll_once(send.as_mut(), &task.waker()).is_pending());
            assert_eq!(task.wakes(), parts);
            assert_eq!(K::try_recv_many(&mut receiver, &mut received, 9), Ok(2));
        }
    }
    assert_eq!((&*received, &*values), (&[0, 1, 2, 3, 4, 5][..], &[6][..]));
    assert_eq!(K::send_many(&mut sender, &mut values).block(), Ok(()));
    assert_eq!(K::try_recv(&mut receiver), Ok(6));
}

pub(crate) fn a_poll_with_another_waker_wakes_the_new_one<K: Kind>() {
    let (mut sender, mut receiver) = K::bounded(1);
    let [old, new] = [CountingWaker::new(), CountingWaker::new()];
    {
        let mut recv = pin!(K::recv(&mut receiver));
        assert!(poll_once(recv.as_mut(), &old.waker()).is_pending());
        assert!(poll_once(recv.as_mut(), &new.waker()).is_pending());
        assert_eq!(old.live(), 0);
        assert_eq!(K::try_send(&mut sender, 1), Ok(()));
        assert_eq!((old.wakes(), new.wakes()), (0, 1));
    }
    let mut send = pin!(K::send(&mut sender, 2));
    assert!(poll_once(send.as_mut(), &old.waker()).is_pending());
    assert!(poll_once(send.as_mut(), &new.waker()).is_pending());
    assert_eq!(old.live(), 0);
    assert_eq!(K::try_recv(&mut receiver), Ok(1));
    assert_eq!((old.wakes(), new.wakes()), (0, 2));
    assert_eq!(noop(send), Poll::Ready(Ok(())));
}

pub(crate) fn polls_with_the_same_waker_clone_it_once<K: Kind>() {
    let (mut sender, mut receiver) = K::bounded(1);
    let task = CountingWaker::new();
    let waker = task.waker();
    {
        let mut recv = pin!(K::recv(&mut receiver));
        for _ in 0..5 {
            assert!(poll_once(recv.as_mut(), &waker).is_pending());
        }
    }
    assert_eq!((task.clones(), task.live()), (1, 1));
    assert_eq!(K::try_send(&mut sender, 1), Ok(()));
    let mut send = pin!(K::send(&mut sender, 2));
    for _ in 0..5 {
        assert!(poll_once(send.as_mut(), &waker).is_pending());
    }
    assert_eq!(task.clones(), 2);
}

pub(crate) fn one_who_gives_up_drops_its_waker_and_is_not_woken<K: Kind>() {
    let (mut sender, mut receiver) = K::bounded(1);
    let task = CountingWaker::new();
    assert!(poll_once(pin!(K::recv(&mut receiver)), &task.waker()).is_pending());
    let mut values = Vec::new();
    assert!(
        poll_once(
            pin!(K::recv_many(&mut receiver, &mut values, 9)),
            &task.waker()
        )
        .is_pending()
    );
    assert_eq!(task.live(), 0);
    assert_eq!(K::try_send(&mut sender, 1), Ok(()));
    assert!(poll_once(pin!(K::send(&mut sender, 2)), &task.waker()).is_pending());
    values.push(3);
    assert!(poll_once(pin!(K::send_many(&mut sender, &mut values)), &task.waker()).is_pending());
    assert_eq!(task.live(), 0);
    assert_eq!(K::try_recv(&mut receiver), Ok(1));
    assert_eq!(task.wakes(), 0);
    assert_eq!(K::try_recv(&mut receiver), Err(TryRecvError::Empty));
}

pub(crate) fn a_send_that_does_not_come_in_time_hands_the_value_back<K: Kind>() {
    let (mut sender, mut receiver) = K::bounded(1);
    assert_eq!(K::send_timeout(&mut sender, 1, Duration::ZERO), Ok(()));
    let back = K::send_timeout(&mut sender, String::from("2").len(), Duration::ZERO);
    assert_eq!(back, Err(SendTimeoutError::Timeout(1)));
    let back = K::send_deadline(&mut sender, 3, Instant::now());
    assert_eq!(back, Err(SendTimeoutError::Timeout(3)));
    assert_eq!(K::try_recv(&mut receiver), Ok(1));
    assert_eq!(K::try_recv(&mut receiver), Err(TryRecvError::Empty));
    assert_eq!(
        K::send_deadline(&mut sender, 4, Instant::now() + LONG),
        Ok(())
    );
    assert_eq!(K::try_recv(&mut receiver), Ok(4));
}

pub(crate) fn room_in_time_ends_a_long_timeout<K: Kind>() {
    let (mut sender, mut receiver) = K::bounded(1);
    assert_eq!(K::try_send(&mut sender, 1), Ok(()));
    thread::scope(|scope| {
        scope.spawn(move || {
            assert_eq!(K::send_timeout(&mut sender, 2, LONG), Ok(()));
        });
        assert_eq!(K::recv(&mut receiver).block(), Ok(1));
        assert_eq!(K::recv(&mut receiver).block(), Ok(2));
    });
}

pub(crate) fn futures_are_terminated_after_their_output_and_panic_then<K: Kind>() {
    fn ends<F: FusedFuture>(future: F) {
        let mut future = pin!(future);
        assert!(!future.is_terminated());
        assert!(noop(future.as_mut()).is_ready());
        assert!(future.is_terminated());
        let again = catch_unwind(AssertUnwindSafe(|| noop(future).is_ready())).unwrap_err();
        let message = again.downcast_ref::<String>().cloned();
        let message = message.unwrap_or_else(|| again.downcast_ref::<&str>().unwrap().to_string());
        assert!(
            message.contains("polled again after it was ready"),
            "{message}"
        );
    }
    let (mut sender, mut receiver) = K::bounded(4);
    let mut values = vec![2, 3];
    ends(K::send(&mut sender, 1));
    ends(K::send_many(&mut sender, &mut values));
    ends(K::recv(&mut receiver));
    ends(K::recv_many(&mut receiver, &mut values, 9));
    assert_eq!(values, [2, 3]);
    drop(receiver);
    ends(K::send(&mut sender, 4));
    ends(K::send_many(&mut sender, &mut values));
}

pub(crate) fn a_recv_may_be_dropped_at_every_poll<K: Kind>() {
    let polls = drop_at_every_poll(
        || {
            let (sender, receiver) = K::bounded(1);
            let ends = Rc::new((RefCell::new(sender), RefCell::new(receiver)));
            let theirs = Rc::clone(&ends);
            #[expect(clippy::await_holding_refcell_ref, reason = "it has it alone")]
            let recv = async move { K::recv(&mut theirs.1.borrow_mut()).await };
            (ends, recv)
        },
        |ends, k| {
            if k == 2 {
                assert_eq!(K::try_send(&mut ends.0.borrow_mut(), k), Ok(()));
            }
        },
        |ends, k| {
            // Nothing was taken.
            let left = K::try_recv(&mut ends.1.borrow_mut());
            assert!(left == Err(TryRecvError::Empty) || (k, left) == (2, Ok(2)));
        },
    );
    assert_eq!(polls, 3);
}

pub(crate) fn a_send_may_be_dropped_at_every_poll<K: Kind>() {
    let ledger = Ledger::default();
    let polls = drop_at_every_poll(
        || {
            let (mut sender, receiver) = K::bounded(1);
            assert!(K::try_send(&mut sender, ledger.make()).is_ok());
            let ends = Rc::new((RefCell::new(sender), RefCell::new(receiver)));
            let (theirs, value) = (Rc::clone(&ends), ledger.make());
            #[expect(clippy::await_holding_refcell_ref, reason = "it has it alone")]
            let send = async move { K::send(&mut theirs.0.borrow_mut(), value).await };
            (ends, send)
        },
        |ends, k| {
            if k == 2 {
                assert!(K::try_recv(&mut ends.1.borrow_mut()).is_ok());
            }
        },
        |ends, _| {
            // Dropped unsent: what was there before is there alone, and room is as it was.
            let last = ledger.made() - 1;
            assert!(ledger.is_dropped(last));
            let (mut sender, mut receiver) = (ends.0.borrow_mut(), ends.1.borrow_mut());
            while K::try_recv(&mut receiver).is_ok_and(|value| value.id < last) {}
            assert!(K::try_send(&mut sender, ledger.make()).is_ok());
            assert!(K::try_recv(&mut receiver).is_ok_and(|value| value.id == last + 1));
        },
    );
    assert_eq!(polls, 3);
    assert_eq!(ledger.live(), 0);
}

pub(crate) fn a_send_of_many_may_be_dropped_at_every_poll<K: Kind>() {
    type Left = Rc<RefCell<Vec<usize>>>;
    let polls = drop_at_every_poll(
        || {
            let (sender, receiver) = K::bounded(1);
            let ends = Rc::new((RefCell::new(sender), RefCell::new(receiver)));
            let left: Left = Rc::new(RefCell::new(vec![0, 1, 2]));
            let (theirs, values) = (Rc::clone(&ends), Rc::clone(&left));
            #[expect(clippy::await_holding_refcell_ref, reason = "it has them alone")]
            let send = async move {
                K::send_many(&mut theirs.0.borrow_mut(), &mut values.borrow_mut()).await
            };
            ((ends, left, RefCell::new(Vec::new())), send)
        },
        |(ends, _, received), _| {
            let _ = K::try_recv_many(&mut ends.1.borrow_mut(), &mut received.borrow_mut(), 9);
        },
        |(ends, left, received), _| {
            let _ = K::try_recv_many(&mut ends.1.borrow_mut(), &mut received.borrow_mut(), 9);
            let all: Vec<_> = [received.take(), left.take()].concat();
            assert_eq!(all, [0, 1, 2]);
        },
    );
    assert_eq!(polls, 3);
}

pub(crate) fn a_stream_ends_after_the_last_value<K: Kind>() {
    let (mut sender, mut receiver) = K::bounded(8);
    K::try_send_many(&mut sender, &mut (0..8).collect()).unwrap();
    {
        let mut stream = pin!(K::stream(&mut receiver));
        let first: Vec<_> = block_on(stream.as_mut().take(3).collect());
        assert_eq!(first, [0, 1, 2]);
        assert_eq!(block_on(stream.next()), Some(3));
    }
    drop(sender);
    let even = K::stream(&mut receiver).filter(|value| future::ready(value % 2 == 0));
    let rest: Vec<_> = block_on(even.map(|value| value * 10).collect());
    assert_eq!(rest, [40, 60]);
    assert_eq!(block_on(pin!(K::stream(&mut receiver)).next()), None);
}

pub(crate) fn a_stream_that_waits_is_woken<K: Kind>() {
    let (mut sender, mut receiver) = K::bounded(1);
    let task = CountingWaker::new();
    let mut stream = pin!(K::stream(&mut receiver));
    for value in 0..3 {
        assert!(poll_once(pin!(stream.next()), &task.waker()).is_pending());
        assert_eq!(K::try_send(&mut sender, value), Ok(()));
        assert_eq!(task.wakes(), value + 1);
        assert_eq!(noop(pin!(stream.next())), Poll::Ready(Some(value)));
    }
    assert!(poll_once(pin!(stream.next()), &task.waker()).is_pending());
    drop(sender);
    assert_eq!((task.wakes(), task.live()), (4, 0));
    assert_eq!(block_on(stream.next()), None);
}

pub(crate) fn ends_work_within_combinators<K: Kind>() {
    let (mut sender, mut receiver) = K::bounded(1);
    // Joined: each side lets the other go on.
    let both = future::join(
        async {
            for value in 0..100 {
                K::send(&mut sender, value).await.unwrap();
            }
        },
        async {
            for value in 0..100 {
                assert_eq!(K::recv(&mut receiver).await, Ok(value));
            }
        },
    );
    block_on(both);
    // The loser of a select loses nothing.
    {
        let recv = Box::pin(K::recv(&mut receiver));
        let Either::Right(((), recv)) = block_on(future::select(recv, future::ready(()))) else {
            unreachable!("nothing was sent");
        };
        assert_eq!(K::try_send(&mut sender, 1), Ok(()));
        assert_eq!(block_on(recv), Ok(1));
    }
    // Fused by the combinator, it may be polled after its end.
    let mut recv = Box::pin(K::recv(&mut receiver).fuse());
    drop(sender);
    assert_eq!(noop(recv.as_mut()), Poll::Ready(Err(RecvError)));
    assert!(noop(recv.as_mut()).is_pending());
}
