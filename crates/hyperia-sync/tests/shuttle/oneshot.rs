//! The channel for one value, from either side.

use crate::SCHEDULES;
use hyperia_sync::oneshot::{self, TryRecvError};
use hyperia_test::schedules_at_every_poll;
use shuttle::thread;
use std::future::poll_fn;
use std::sync::Arc;

/// A relay over two channels. Catches a value that is lost, or dropped twice, when its receiver gives up while it is
/// sent; and a receiver that sleeps for ever.
#[test]
fn a_value_is_received_handed_back_or_dropped_once() {
    let polls = schedules_at_every_poll("oneshot: recv", SCHEDULES, |patience| {
        // Who has it counts.
        let value = Arc::new(());
        let (first, received_first) = oneshot::channel();
        let (second, received_second) = oneshot::channel();
        thread::scope(|scope| {
            let sent = Arc::clone(&value);
            let sender = scope.spawn(move || first.send(sent).is_ok());
            let relay = scope.spawn(move || {
                // Otherwise both ends go, and with them the value, if it was there.
                let received = patience.wait_for(received_first.recv())?;
                Some(second.send(received.expect("it is sent")).is_ok())
            });
            let last = scope.spawn(move || patience.wait_for(received_second.recv()));
            let sent = sender.join().expect("a task panicked");
            let relayed = relay.join().expect("a task panicked");
            let last = last.join().expect("a task panicked");
            match (relayed, last) {
                (Some(relayed), last) => {
                    assert!(sent, "received, and handed back");
                    assert!(relayed || last.is_none());
                    if let Some(last) = last {
                        assert!(Arc::ptr_eq(&last.expect("it is relayed"), &value));
                    }
                }
                (None, Some(last)) => assert!(last.is_err(), "nobody has sent it"),
                (None, None) => (),
            }
        });
        assert_eq!(Arc::strong_count(&value), 1, "the value is left somewhere");
    });
    assert!(polls >= 2);
}

/// Catches a receiver that gives up waiting, and finds neither the value nor that it may still come.
#[test]
fn who_gives_up_waiting_has_the_receiver_still() {
    let polls = schedules_at_every_poll("oneshot: into_receiver", SCHEDULES, |patience| {
        let value = Arc::new(());
        let (sender, receiver) = oneshot::channel();
        thread::scope(|scope| {
            let sent = Arc::clone(&value);
            scope.spawn(move || sender.send(sent).expect("it is waited for"));
            scope.spawn(|| {
                let mut recv = receiver.recv();
                if patience.wait_for(&mut recv).is_some() {
                    return;
                }
                let receiver = recv.into_receiver().expect("it was not ready");
                let receiver = match receiver.try_recv() {
                    Ok(_) => return,
                    Err(TryRecvError::Empty(receiver)) => receiver,
                    Err(TryRecvError::Disconnected) => panic!("the value is lost"),
                };
                let received = patience.wait_to_end(receiver.recv());
                assert!(received.is_ok(), "the value is lost");
            });
        });
        assert_eq!(Arc::strong_count(&value), 1, "the value is left somewhere");
    });
    assert!(polls >= 2);
}

/// Catches a sender that sleeps for ever because the receiver has gone unseen; a waker that is left, or woken after
/// it was taken back; and a value that is sent to nobody and not handed back.
#[test]
fn a_sender_sees_the_receiver_go() {
    let polls = schedules_at_every_poll("oneshot: poll_disconnected", SCHEDULES, |patience| {
        let value = Arc::new(());
        let (mut sender, receiver) = oneshot::channel();
        thread::scope(|scope| {
            let sent = Arc::clone(&value);
            let sender = scope.spawn(move || {
                let gone = patience.wait_for(poll_fn(|cx| sender.poll_disconnected(cx)));
                let sent = sender.send(sent);
                assert!(gone.is_none() || sent.is_err(), "sent to nobody");
                sent.is_ok()
            });
            let receiver = scope.spawn(move || {
                drop(receiver);
            });
            receiver.join().expect("a task panicked");
            sender.join().expect("a task panicked")
        });
        assert_eq!(Arc::strong_count(&value), 1, "the value is left somewhere");
    });
    assert!(polls >= 2);
}
