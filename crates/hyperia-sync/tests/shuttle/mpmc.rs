//! The channel of many senders and many receivers, and its stream.

use std::future::poll_fn;
use std::pin::pin;

use futures_core::Stream;
use hyperia_sync::mpmc;
use shuttle::sync::atomic::Ordering::SeqCst;
use shuttle::sync::atomic::{AtomicBool, AtomicUsize};

use crate::ledger::Value;
use crate::many_senders::scenarios_with_many_senders;

scenarios_with_many_senders!(mpmc, "mpmc");

/// One value that goes round: who has it is alone, and sends it again.
struct Round {
    sender: mpmc::Sender<()>,
    receiver: mpmc::Receiver<()>,
    is_taken: AtomicBool,
}

impl Round {
    fn new((sender, receiver): (mpmc::Sender<()>, mpmc::Receiver<()>)) -> Self {
        Self {
            sender,
            receiver,
            is_taken: AtomicBool::new(false),
        }
    }

    fn pass_on(&self) {
        assert!(!self.is_taken.swap(true, SeqCst), "two with one value");
        self.is_taken.store(false, SeqCst);
        assert!(self.sender.try_send(()).is_ok(), "there was room before");
    }

    fn check(&self) {
        assert!(self.receiver.try_recv().is_ok(), "the value is lost");
        assert!(self.receiver.try_recv().is_err());
    }
}

/// Two may give up, one of them when it was woken for the value. Catches a value that goes with them, a wake-up that
/// does, and a receiver that sleeps while a place is claimed and not filled.
fn receive(name: &str, channel: fn() -> (mpmc::Sender<()>, mpmc::Receiver<()>)) {
    let polls = schedules_at_every_poll(name, schedules_of(15), move |patience| {
        let round = &Round::new(channel());
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    if patience.wait_for(round.receiver.recv()).is_some() {
                        round.pass_on();
                    }
                });
            }
            scope.spawn(|| {
                assert!(patience.wait_to_end(round.receiver.recv()).is_ok());
                round.pass_on();
            });
            round.pass_on();
        });
        round.check();
    });
    assert!(polls >= 2);
}

#[test]
fn a_value_reaches_one_who_still_waits() {
    receive("mpmc: recv", || mpmc::bounded(1));
}

#[test]
fn a_value_reaches_one_who_still_waits_unbounded() {
    receive("mpmc, unbounded: recv", mpmc::unbounded);
}

/// As above, in streams, each of which keeps its place in the line while the future of an item is given up, until it is
/// dropped.
#[test]
fn a_value_reaches_a_stream_that_still_waits() {
    let polls = schedules_at_every_poll("mpmc: stream", schedules_of(21), |patience| {
        let round = &Round::new(mpmc::bounded(1));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut stream = pin!(round.receiver.stream());
                    for _ in 0..2 {
                        let next = poll_fn(|cx| stream.as_mut().poll_next(cx));
                        if patience.wait_for(next).is_some() {
                            round.pass_on();
                        }
                    }
                });
            }
            scope.spawn(|| {
                let mut stream = pin!(round.receiver.stream());
                let next = poll_fn(|cx| stream.as_mut().poll_next(cx));
                assert!(patience.wait_to_end(next).is_some());
                round.pass_on();
            });
            round.pass_on();
        });
        round.check();
    });
    assert!(polls >= 2);
}

/// Nothing more is sent until they are through. Catches one who sleeps though three values came at once.
#[test]
fn values_that_come_at_once_reach_all_who_wait() {
    let name = "mpmc: recv, many values";
    let polls = schedules_at_every_poll(name, schedules_of(13), |patience| {
        let ledger = &Ledger::default();
        let (sender, receiver) = mpmc::bounded(3);
        let receiver = &receiver;
        thread::scope(|scope| {
            for id in 0..3 {
                scope.spawn(move || {
                    let received = if id == 2 {
                        patience.wait_for(receiver.recv())
                    } else {
                        Some(patience.wait_to_end(receiver.recv()))
                    };
                    if let Some(received) = received {
                        ledger.receiver().receive(received.expect("it is open"));
                    }
                });
            }
            let mut values = ledger.make_many(0, 3);
            assert_eq!(sender.try_send_many(&mut values).ok(), Some(3));
            ledger.send_many_ended(0..3, values);
        });
        if let Ok(value) = receiver.try_recv() {
            ledger.receiver().receive(value);
        }
        ledger.check(Rules::default());
    });
    assert!(polls >= 2);
}

/// Batches against batches: one who gives up, one who receives until the end. Catches values that go with a receive, or
/// are received twice, and a side that sleeps though the other has done its part.
#[test]
fn a_receive_of_many_that_is_given_up_takes_nothing() {
    let name = "mpmc: recv_many";
    let polls = schedules_at_every_poll(name, schedules_of(19), |patience| {
        let ledger = &Ledger::default();
        let (sender, receiver) = mpmc::bounded(2);
        let receiver = &receiver;
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut values = Vec::new();
                let _ = patience.wait_for(receiver.recv_many(&mut values, 2));
                ledger.receiver().receive_all(values);
            });
            scope.spawn(move || {
                let (mut receipts, mut values) = (ledger.receiver(), Vec::new());
                while patience
                    .wait_to_end(receiver.recv_many(&mut values, 2))
                    .is_ok()
                {
                    receipts.receive_all(values.drain(..));
                }
            });
            scope.spawn(move || {
                let mut values = ledger.make_many(0, 4);
                assert!(patience.wait_to_end(sender.send_many(&mut values)).is_ok());
                ledger.send_many_ended(0..4, values);
            });
        });
        ledger.check(Rules::default());
    });
    assert!(polls >= 2);
}

/// A receiver and a sender each, of several, go in the middle. Catches a last one that closes for those who are left,
/// and one who sleeps for ever after the last of the others has gone.
#[test]
fn the_last_one_to_go_lets_the_others_go() {
    let name = "mpmc: recv, ends go";
    let polls = schedules_at_every_poll(name, schedules_of(19), |patience| {
        let ledger = &Ledger::default();
        let (sender, receiver) = mpmc::bounded(1);
        let (senders_gone, receivers_gone) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let take = |receiver: mpmc::Receiver<Value>, is_patient: bool| {
            let mut receipts = ledger.receiver();
            for _ in 0..2 {
                let received = if is_patient {
                    Some(patience.wait_to_end(receiver.recv()))
                } else {
                    patience.wait_for(receiver.recv())
                };
                match received {
                    Some(Ok(value)) => receipts.receive(value),
                    Some(Err(_)) => assert_eq!(senders_gone.load(SeqCst), 2),
                    None => (),
                }
            }
            receivers_gone.fetch_add(1, SeqCst);
        };
        let give = |sender: mpmc::Sender<Value>, id, is_patient: bool| {
            for _ in 0..2 {
                let value = ledger.make(id);
                let entry = value.id();
                let outcome = if is_patient {
                    Some(patience.wait_to_end(sender.send(value)))
                } else {
                    patience.wait_for(sender.send(value))
                };
                if let Some(Err(_)) = outcome {
                    assert_eq!(receivers_gone.load(SeqCst), 2);
                }
                ledger.send_ended(entry, outcome);
            }
            senders_gone.fetch_add(1, SeqCst);
        };
        let (sender_2, receiver_2) = (sender.clone(), receiver.clone());
        thread::scope(|scope| {
            scope.spawn(|| take(receiver, true));
            scope.spawn(|| take(receiver_2, false));
            scope.spawn(|| give(sender, 0, true));
            give(sender_2, 1, false);
        });
        ledger.check(Rules {
            receivers_go: true,
            ..Rules::default()
        });
    });
    assert!(polls >= 2);
}
