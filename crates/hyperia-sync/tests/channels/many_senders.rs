//! What holds where several senders wait in a line.

use std::pin::Pin;
use std::task::{Poll, Waker};

use hyperia_sync::mpsc::{SendError, TryRecvError, TrySendError};
use hyperia_test::{CountingWaker, PanicOn, PanicWaker, poll_once};

use crate::channels::Kind;

/// `count` ends, with room for one value, which is taken.
fn full<K: Kind>(count: usize) -> (Vec<K::Sender<usize>>, K::Receiver<usize>) {
    let (mut sender, receiver) = K::bounded(1);
    assert_eq!(K::try_send(&mut sender, 0), Ok(()));
    let others: Vec<_> = (1..count)
        .filter_map(|_| K::another_sender(&sender))
        .collect();
    let senders: Vec<_> = others.into_iter().chain([sender]).collect();
    assert_eq!(senders.len(), count);
    (senders, receiver)
}

type Sends<'a> = Vec<Pin<Box<dyn Future<Output = Result<(), SendError<usize>>> + 'a>>>;

fn sends<K: Kind>(senders: &mut [K::Sender<usize>]) -> Sends<'_> {
    let numbered = senders.iter_mut().enumerate();
    numbered
        .map(|(number, sender)| Box::pin(K::send(sender, number + 1)) as _)
        .collect()
}

pub(crate) fn waiting_senders_are_served_in_the_order_in_which_they_came<K: Kind>() {
    let (mut senders, mut receiver) = full::<K>(5);
    let mut sends = sends::<K>(&mut senders);
    let tasks: Vec<_> = sends.iter().map(|_| CountingWaker::new()).collect();
    for (send, task) in sends.iter_mut().zip(&tasks) {
        assert!(poll_once(send.as_mut(), &task.waker()).is_pending());
    }
    for number in 0..5 {
        assert_eq!(K::try_recv(&mut receiver), Ok(number));
        for (index, task) in tasks.iter().enumerate() {
            assert_eq!(task.wakes(), usize::from(index <= number));
        }
        // One that was not woken does not come before.
        if let Some(send) = sends.get_mut(number + 1) {
            assert!(poll_once(send.as_mut(), &tasks[number + 1].waker()).is_pending());
        }
        assert_eq!(
            poll_once(sends[number].as_mut(), Waker::noop()),
            Poll::Ready(Ok(()))
        );
    }
    assert_eq!(K::try_recv(&mut receiver), Ok(5));
}

pub(crate) fn a_newcomer_may_take_the_room_and_the_one_that_was_woken_waits_again<K: Kind>() {
    let (mut senders, mut receiver) = full::<K>(2);
    let mut newcomer = senders.pop().unwrap();
    let mut sends = sends::<K>(&mut senders);
    let task = CountingWaker::new();
    assert!(poll_once(sends[0].as_mut(), &task.waker()).is_pending());
    assert_eq!(K::try_recv(&mut receiver), Ok(0));
    assert_eq!(K::try_send(&mut newcomer, 9), Ok(()));
    assert!(poll_once(sends[0].as_mut(), &task.waker()).is_pending());
    assert_eq!(K::try_recv(&mut receiver), Ok(9));
    assert_eq!(task.wakes(), 2);
    assert_eq!(
        poll_once(sends[0].as_mut(), Waker::noop()),
        Poll::Ready(Ok(()))
    );
}

pub(crate) fn one_who_was_woken_and_gives_up_wakes_the_next<K: Kind>() {
    let (mut senders, mut receiver) = full::<K>(3);
    let mut sends = sends::<K>(&mut senders);
    let tasks: Vec<_> = sends.iter().map(|_| CountingWaker::new()).collect();
    for (send, task) in sends.iter_mut().zip(&tasks) {
        assert!(poll_once(send.as_mut(), &task.waker()).is_pending());
    }
    assert_eq!(K::try_recv(&mut receiver), Ok(0));
    assert_eq!((tasks[0].wakes(), tasks[1].wakes()), (1, 0));
    // One in the middle leaves the line, then the first.
    drop(sends.remove(1));
    assert_eq!((tasks[1].live(), tasks[2].wakes()), (0, 0));
    drop(sends.remove(0));
    assert_eq!(tasks[2].wakes(), 1);
    assert_eq!(
        poll_once(sends[0].as_mut(), Waker::noop()),
        Poll::Ready(Ok(()))
    );
    assert_eq!(K::try_recv(&mut receiver), Ok(3));
}

pub(crate) fn a_close_lets_all_who_wait_go_with_their_values_and_drains<K: Kind>() {
    let (mut senders, mut receiver) = full::<K>(4);
    let mut closer = senders.pop().unwrap();
    let mut sends = sends::<K>(&mut senders);
    let tasks: Vec<_> = sends.iter().map(|_| CountingWaker::new()).collect();
    for (send, task) in sends.iter_mut().zip(&tasks) {
        assert!(poll_once(send.as_mut(), &task.waker()).is_pending());
    }
    assert!(K::close(&mut closer));
    for (index, (send, task)) in sends.iter_mut().zip(&tasks).enumerate() {
        assert_eq!((task.wakes(), task.live()), (1, 0));
        let back = poll_once(send.as_mut(), Waker::noop());
        assert_eq!(back, Poll::Ready(Err(SendError(index + 1))));
    }
    assert_eq!(
        K::try_send(&mut closer, 9),
        Err(TrySendError::Disconnected(9))
    );
    assert_eq!(K::try_recv(&mut receiver), Ok(0));
    assert_eq!(K::try_recv(&mut receiver), Err(TryRecvError::Disconnected));
}

pub(crate) fn a_panic_in_one_wake_keeps_no_other_sender_asleep<K: Kind>() {
    let (mut senders, receiver) = full::<K>(3);
    let mut sends = sends::<K>(&mut senders);
    let panicking = PanicWaker::new(PanicOn::Wake);
    let tasks = [CountingWaker::new(), CountingWaker::new()];
    let wakers = [tasks[0].waker(), panicking.waker(), tasks[1].waker()];
    for (send, waker) in sends.iter_mut().zip(&wakers) {
        assert!(poll_once(send.as_mut(), waker).is_pending());
    }
    let gone = std::panic::AssertUnwindSafe(|| drop(receiver));
    assert!(std::panic::catch_unwind(gone).is_err());
    assert_eq!((tasks[0].wakes(), tasks[1].wakes()), (1, 1));
    for send in &mut sends {
        assert!(
            poll_once(send.as_mut(), Waker::noop()).map(|sent| sent.is_err()) == Poll::Ready(true)
        );
    }
}

pub(crate) fn the_last_sender_closes_and_no_other<K: Kind>() {
    let (mut senders, mut receiver) = full::<K>(3);
    while let Some(sender) = senders.pop() {
        assert!(!K::is_closed(&receiver));
        drop(sender);
    }
    assert!(K::is_closed(&receiver));
    assert_eq!(K::try_recv(&mut receiver), Ok(0));
    assert_eq!(K::try_recv(&mut receiver), Err(TryRecvError::Disconnected));
}
