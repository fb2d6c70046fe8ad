//! The channel with one on either side, and the mailbox of a sender that waits.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use hyperia_sync::spsc::{self, TryRecvError};
use hyperia_test::schedules_at_every_poll;
use shuttle::thread;

use crate::ledger::{Ledger, Rules};
use crate::{SCHEDULES, schedules_of};

/// What a sender waits with may be received.
const RULES: Rules = Rules {
    receivers_go: false,
    has_mailbox: true,
};

/// Catches a value that is taken back and received, or neither, when its sender gives up; one that is left in the
/// mailbox though there is room, so that both sleep; a receiver that does not hear of the close.
#[test]
fn a_value_is_received_or_taken_back() {
    // In some schedule each of them happens.
    let (received, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (some_received, some_dropped) = (Arc::clone(&received), Arc::clone(&dropped));
    let polls = schedules_at_every_poll("spsc: send", SCHEDULES, move |patience| {
        let ledger = Ledger::default();
        let (mut sender, mut receiver) = spsc::bounded(1);
        let mut given_up = 0;
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..3 {
                    let value = ledger.make(0);
                    let id = value.id();
                    let outcome = patience.wait_for(sender.send(value));
                    given_up += usize::from(outcome.is_none());
                    ledger.send_ended(id, outcome);
                }
                sender.close();
            });
            scope.spawn(|| {
                let mut receipts = ledger.receiver();
                while let Ok(value) = patience.wait_to_end(receiver.recv()) {
                    receipts.receive(value);
                }
            });
        });
        drop((sender, receiver));
        let in_time = ledger.check(RULES);
        // ORDERING: Relaxed, counts.
        received.fetch_add(in_time, Relaxed);
        dropped.fetch_add(given_up - in_time, Relaxed);
    });
    assert!(polls >= 3);
    let seen = [some_received, some_dropped].map(|count| count.load(Relaxed) > 0);
    assert_eq!(seen, [true, true], "received in time; taken back");
}

/// Catches the rest of a batch that is lost or sent twice, and a sender that sleeps though there is room.
#[test]
fn what_a_batch_has_not_sent_is_left() {
    let polls = schedules_at_every_poll("spsc: send_many", schedules_of(12), |patience| {
        let ledger = Ledger::default();
        let (mut sender, mut receiver) = spsc::bounded(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                for count in [3, 2] {
                    let mut values = ledger.make_many(0, count);
                    let first = values[0].id();
                    if let Some(sent) = patience.wait_for(sender.send_many(&mut values)) {
                        assert!(sent.is_ok() && values.is_empty());
                    }
                    ledger.send_many_ended(first..first + count, values);
                }
                sender.close();
            });
            scope.spawn(|| {
                let mut receipts = ledger.receiver();
                while let Ok(value) = patience.wait_to_end(receiver.recv()) {
                    receipts.receive(value);
                }
            });
        });
        drop((sender, receiver));
        ledger.check(Rules::default());
    });
    assert!(polls >= 3);
}

/// Catches room that goes with a permit or with a wait for one, and a permit without room.
#[test]
fn room_is_there_for_who_waited_for_it() {
    let polls = schedules_at_every_poll("spsc: reserve", SCHEDULES, |patience| {
        let ledger = Ledger::default();
        let (mut sender, mut receiver) = spsc::bounded(1);
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..3 {
                    // One that is dropped, and one that is used.
                    let _ = patience.wait_for(sender.reserve());
                    let value = ledger.make(0);
                    match patience.wait_for(sender.reserve()) {
                        Some(permit) => {
                            let permit = permit.expect("it is open");
                            let id = value.id();
                            ledger.send_ended(id, Some(permit.send(value)));
                        }
                        None => ledger.hand_back(value),
                    }
                }
                sender.close();
            });
            scope.spawn(|| {
                let mut receipts = ledger.receiver();
                while let Ok(value) = patience.wait_to_end(receiver.recv()) {
                    receipts.receive(value);
                }
            });
        });
        assert!(sender.is_empty());
        drop((sender, receiver));
        ledger.check(Rules::default());
    });
    assert!(polls >= 3);
}

/// Catches a value that goes with a receive which is given up, and a side that sleeps for ever, the sender with its
/// value in the mailbox.
#[test]
fn a_receive_that_is_given_up_takes_nothing() {
    let polls = schedules_at_every_poll("spsc: recv", SCHEDULES, |patience| {
        let ledger = Ledger::default();
        let (mut sender, mut receiver) = spsc::bounded(1);
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..4 {
                    let value = ledger.make(0);
                    let id = value.id();
                    ledger.send_ended(id, Some(patience.wait_to_end(sender.send(value))));
                }
            });
            scope.spawn(|| {
                let mut receipts = ledger.receiver();
                for _ in 0..2 {
                    if let Some(received) = patience.wait_for(receiver.recv()) {
                        receipts.receive(received.expect("it is open"));
                    }
                }
                if let Ok(value) = receiver.try_recv() {
                    receipts.receive(value);
                }
                while receipts.count() < 4 {
                    let received = patience.wait_to_end(receiver.recv());
                    receipts.receive(received.expect("it is open"));
                }
            });
        });
        assert!(matches!(receiver.try_recv(), Err(TryRecvError::Empty)));
        drop((sender, receiver));
        ledger.check(Rules::default());
    });
    assert!(polls >= 2);
}

/// As above, with batches on both sides.
#[test]
fn a_receive_of_many_that_is_given_up_takes_nothing() {
    let polls = schedules_at_every_poll("spsc: recv_many", schedules_of(13), |patience| {
        let ledger = Ledger::default();
        let (mut sender, mut receiver) = spsc::bounded(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut values = ledger.make_many(0, 3);
                let sent = patience.wait_to_end(sender.send_many(&mut values));
                assert!(sent.is_ok());
                ledger.send_many_ended(0..3, values);
                // Through the mailbox, if the others are there still.
                let value = ledger.make(0);
                ledger.send_ended(3, Some(patience.wait_to_end(sender.send(value))));
            });
            scope.spawn(|| {
                let (mut receipts, mut values) = (ledger.receiver(), Vec::new());
                for _ in 0..2 {
                    let _ = patience.wait_for(receiver.recv_many(&mut values, 2));
                }
                receipts.receive_all(values.drain(..));
                while receipts.count() < 4 {
                    let received = patience.wait_to_end(receiver.recv_many(&mut values, 2));
                    assert_eq!(received.expect("it is open"), values.len());
                    receipts.receive_all(values.drain(..));
                }
            });
        });
        drop((sender, receiver));
        ledger.check(Rules::default());
    });
    assert!(polls >= 2);
}

/// Catches a sender that sleeps though the receiver is gone, a value that is neither with it nor with the channel, and
/// one that is left in the mailbox.
#[test]
fn a_receiver_that_goes_lets_the_sender_go() {
    let name = "spsc: send, the receiver goes";
    let polls = schedules_at_every_poll(name, SCHEDULES, |patience| {
        let ledger = Ledger::default();
        let (mut sender, mut receiver) = spsc::bounded(1);
        thread::scope(|scope| {
            scope.spawn(|| {
                for wait in 0..3 {
                    let value = ledger.make(0);
                    let id = value.id();
                    let send = sender.send(value);
                    let outcome = if wait == 1 {
                        patience.wait_for(send)
                    } else {
                        Some(patience.wait_to_end(send))
                    };
                    ledger.send_ended(id, outcome);
                }
            });
            scope.spawn(|| {
                let mut receipts = ledger.receiver();
                if let Some(received) = patience.wait_for(receiver.recv()) {
                    receipts.receive(received.expect("it is open"));
                }
                drop(receiver);
            });
        });
        drop(sender);
        ledger.check(Rules {
            receivers_go: true,
            ..RULES
        });
    });
    assert!(polls >= 2);
}
