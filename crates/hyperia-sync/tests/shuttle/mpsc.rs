//! The channel of many senders and one receiver, and its permits.

use hyperia_sync::mpsc::{self, TryRecvError};

use crate::ledger::Value;
use crate::many_senders::scenarios_with_many_senders;

scenarios_with_many_senders!(mpsc, "mpsc", mut);

/// One drops its permits, one sends with them; both may give up. Catches room that is lost with a permit, or with a wait
/// for one that was woken, and two permits for one place.
#[test]
fn room_that_was_reserved_comes_back() {
    let polls = schedules_at_every_poll("mpsc: reserve", schedules_of(14), |patience| {
        let ledger = &Ledger::default();
        let (sender, mut receiver) = mpsc::bounded(1);
        let sender = &sender;
        let mut receipts = ledger.receiver();
        thread::scope(|scope| {
            let permit = sender.try_reserve().expect("it is empty");
            scope.spawn(move || {
                let _ = patience.wait_for(sender.reserve());
            });
            let user = scope.spawn(move || {
                let value = ledger.make(1);
                match patience.wait_for(sender.reserve()) {
                    Some(permit) => {
                        let permit = permit.expect("it is open");
                        let id = value.id();
                        ledger.send_ended(id, Some(permit.send(value)));
                        true
                    }
                    None => {
                        ledger.hand_back(value);
                        false
                    }
                }
            });
            let last = scope.spawn(move || {
                let permit = patience.wait_to_end(sender.reserve());
                drop(permit.expect("it is open"));
            });
            drop(permit);
            if user.join().expect("a task panicked") {
                receipts.receive(receiver.try_recv().expect("it was sent"));
            }
            last.join().expect("a task panicked");
        });
        let permit = sender.try_reserve().expect("the room is back");
        assert!(sender.try_reserve().is_err(), "room for two");
        drop(permit);
        ledger.check(Rules::default());
    });
    assert!(polls >= 3);
}

/// Catches a permit that sends after the end was said, and one whose value is neither sent nor handed back.
#[test]
fn a_permit_sends_before_a_close_or_hands_back() {
    let name = "mpsc: reserve, close";
    let polls = schedules_at_every_poll(name, schedules_of(12), |patience| {
        let ledger = &Ledger::default();
        let (sender, mut receiver) = mpsc::bounded(2);
        let sender = &sender;
        thread::scope(|scope| {
            for id in 0..3 {
                scope.spawn(move || {
                    let value = ledger.make(id);
                    match patience.wait_for(sender.reserve()) {
                        Some(Ok(permit)) => {
                            let entry = value.id();
                            ledger.send_ended(entry, Some(permit.send(value)));
                        }
                        Some(Err(_)) | None => ledger.hand_back(value),
                    }
                });
            }
            let mut receipts = ledger.receiver();
            if let Some(Ok(value)) = patience.wait_for(receiver.recv()) {
                receipts.receive(value);
            }
            receiver.close();
            while let Ok(value) = patience.wait_to_end(receiver.recv()) {
                receipts.receive(value);
            }
            // Whoever comes now is refused.
            assert_eq!(sender.try_reserve().err().map(|_| ()), Some(()));
        });
        assert!(matches!(
            receiver.try_recv(),
            Err(TryRecvError::Disconnected)
        ));
        ledger.check(Rules::default());
    });
    assert!(polls >= 2);
}

/// Nobody closes, so that only a send wakes. Catches a value that goes with a receive which is given up, and a receiver
/// that sleeps while a place is claimed and not filled, which hides those that are.
fn receive(name: &str, channel: fn() -> (mpsc::Sender<Value>, mpsc::Receiver<Value>)) {
    let polls = schedules_at_every_poll(name, schedules_of(12), move |patience| {
        let ledger = &Ledger::default();
        let (sender, mut receiver) = channel();
        let sender = &sender;
        thread::scope(|scope| {
            for id in 0..3 {
                scope.spawn(move || {
                    let value = ledger.make(id);
                    let entry = value.id();
                    ledger.send_ended(entry, Some(patience.wait_to_end(sender.send(value))));
                });
            }
            let mut receipts = ledger.receiver();
            if let Some(received) = patience.wait_for(receiver.recv()) {
                receipts.receive(received.expect("it is open"));
            }
            while receipts.count() < 3 {
                let received = patience.wait_to_end(receiver.recv());
                receipts.receive(received.expect("it is open"));
            }
        });
        assert!(matches!(receiver.try_recv(), Err(TryRecvError::Empty)));
        ledger.check(Rules::default());
    });
    assert!(polls >= 2);
}

#[test]
fn a_receive_that_is_given_up_takes_nothing() {
    receive("mpsc: recv", || mpsc::bounded(2));
}

#[test]
fn a_receive_that_is_given_up_takes_nothing_unbounded() {
    receive("mpsc, unbounded: recv", mpsc::unbounded);
}

/// As above, with batches on both sides.
fn receive_many(name: &str, channel: fn() -> (mpsc::Sender<Value>, mpsc::Receiver<Value>)) {
    let polls = schedules_at_every_poll(name, schedules_of(12), move |patience| {
        let ledger = &Ledger::default();
        let (sender, mut receiver) = channel();
        let sender = &sender;
        thread::scope(|scope| {
            for id in 0..2 {
                scope.spawn(move || {
                    let mut values = ledger.make_many(id, 2);
                    let ids: Vec<_> = values.iter().map(Value::id).collect();
                    let sent = patience.wait_to_end(sender.send_many(&mut values));
                    assert!(sent.is_ok());
                    ledger.send_many_ended(ids.into_iter(), values);
                });
            }
            let (mut receipts, mut values) = (ledger.receiver(), Vec::new());
            let _ = patience.wait_for(receiver.recv_many(&mut values, 3));
            receipts.receive_all(values.drain(..));
            while receipts.count() < 4 {
                let received = patience.wait_to_end(receiver.recv_many(&mut values, 3));
                assert_eq!(received.expect("it is open"), values.len());
                receipts.receive_all(values.drain(..));
            }
        });
        ledger.check(Rules::default());
    });
    assert!(polls >= 2);
}

#[test]
fn a_receive_of_many_that_is_given_up_takes_nothing() {
    receive_many("mpsc: recv_many", || mpsc::bounded(3));
}

#[test]
fn a_receive_of_many_that_is_given_up_takes_nothing_unbounded() {
    receive_many("mpsc, unbounded: recv_many", mpsc::unbounded);
}
