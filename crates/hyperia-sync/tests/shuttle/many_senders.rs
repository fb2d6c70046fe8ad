//! What holds for both channels of many senders.

/// The scenarios for such a channel, `$kind::bounded`; with `mut` if its receiver is borrowed mutably.
macro_rules! scenarios_with_many_senders {
    ($kind:ident, $name:literal $(, $mut:tt)?) => {
        use hyperia_test::schedules_at_every_poll;
        use shuttle::thread;

        use crate::ledger::{Ledger, Rules};
        use crate::schedules_of;

        /// Two may give up, one of them when it was woken for the room. Catches room that goes with them, a sender that
        /// sleeps though there is room, and a value that is sent and dropped.
        #[test]
        fn room_reaches_one_who_still_waits() {
            let polls =
                schedules_at_every_poll(concat!($name, ": send"), schedules_of(19), |patience| {
                    let ledger = &Ledger::default();
                    let (sender, $($mut)? receiver) = $kind::bounded(1);
                    thread::scope(|scope| {
                        for id in 0..2 {
                            let sender = sender.clone();
                            scope.spawn(move || {
                                let value = ledger.make(id);
                                let id = value.id();
                                let outcome = patience.wait_for(sender.send(value));
                                ledger.send_ended(id, outcome);
                            });
                        }
                        scope.spawn(move || {
                            for _ in 0..2 {
                                let value = ledger.make(2);
                                let id = value.id();
                                let sent = patience.wait_to_end(sender.send(value));
                                ledger.send_ended(id, Some(sent));
                            }
                        });
                        let mut receipts = ledger.receiver();
                        while let Ok(value) = patience.wait_to_end(receiver.recv()) {
                            receipts.receive(value);
                        }
                    });
                    drop(receiver);
                    ledger.check(Rules::default());
                });
            assert!(polls >= 3);
        }

        /// Catches a rest that is lost or sent twice, and one of many values who swallows the room for others.
        #[test]
        fn what_a_batch_has_not_sent_is_left() {
            let polls = schedules_at_every_poll(
                concat!($name, ": send_many"),
                schedules_of(14),
                |patience| {
                    let ledger = &Ledger::default();
                    let (sender, $($mut)? receiver) = $kind::bounded(2);
                    thread::scope(|scope| {
                        let many = sender.clone();
                        scope.spawn(move || {
                            let mut values = ledger.make_many(0, 3);
                            let ids: Vec<_> = values.iter().map(|value| value.id()).collect();
                            let _ = patience.wait_for(many.send_many(&mut values));
                            ledger.send_many_ended(ids.into_iter(), values);
                        });
                        scope.spawn(move || {
                            let mut values = ledger.make_many(1, 2);
                            let ids: Vec<_> = values.iter().map(|value| value.id()).collect();
                            let sent = patience.wait_to_end(sender.send_many(&mut values));
                            assert!(sent.is_ok() && values.is_empty());
                            ledger.send_many_ended(ids.into_iter(), values);
                        });
                        let (mut receipts, mut values) = (ledger.receiver(), Vec::new());
                        while patience
                            .wait_to_end(receiver.recv_many(&mut values, 2))
                            .is_ok()
                        {
                            receipts.receive_all(values.drain(..));
                        }
                    });
                    drop(receiver);
                    ledger.check(Rules::default());
                },
            );
            assert!(polls >= 3);
        }

        /// Nothing more is received until they are through. Catches one who sleeps though three places became free at
        /// once.
        #[test]
        fn room_that_comes_at_once_reaches_all_who_wait() {
            let polls = schedules_at_every_poll(
                concat!($name, ": send, room for many"),
                schedules_of(9),
                |patience| {
                    let ledger = &Ledger::default();
                    let (sender, $($mut)? receiver) = $kind::bounded(3);
                    let sender = &sender;
                    let mut values = ledger.make_many(3, 3);
                    assert_eq!(sender.try_send_many(&mut values).ok(), Some(3));
                    ledger.send_many_ended(0..3, values);
                    let mut values = Vec::new();
                    thread::scope(|scope| {
                        for id in 0..3 {
                            scope.spawn(move || {
                                let value = ledger.make(id);
                                let entry = value.id();
                                let send = sender.send(value);
                                let outcome = if id == 2 {
                                    patience.wait_for(send)
                                } else {
                                    Some(patience.wait_to_end(send))
                                };
                                ledger.send_ended(entry, outcome);
                            });
                        }
                        assert_eq!(receiver.try_recv_many(&mut values, 9).ok(), Some(3));
                    });
                    let rest = receiver.try_recv_many(&mut values, 9).ok();
                    assert!(matches!(rest, Some(2 | 3)));
                    ledger.receiver().receive_all(values);
                    drop(receiver);
                    ledger.check(Rules::default());
                },
            );
            assert!(polls >= 2);
        }

        /// Closed by a sender while others wait, on either side, and nobody goes. Catches a close that wakes one side
        /// only, and a value that is accepted after the end was said.
        #[test]
        fn a_close_ends_all_waits() {
            let polls =
                schedules_at_every_poll(concat!($name, ": close"), schedules_of(9), |patience| {
                    let ledger = &Ledger::default();
                    let (sender, $($mut)? receiver) = $kind::bounded(1);
                    let sender = &sender;
                    thread::scope(|scope| {
                        for id in 0..2 {
                            scope.spawn(move || {
                                for _ in 0..2 {
                                    let value = ledger.make(id);
                                    let entry = value.id();
                                    let send = sender.send(value);
                                    let outcome = if id == 0 {
                                        patience.wait_for(send)
                                    } else {
                                        Some(patience.wait_to_end(send))
                                    };
                                    ledger.send_ended(entry, outcome);
                                }
                            });
                        }
                        scope.spawn(|| {
                            sender.close();
                        });
                        let mut receipts = ledger.receiver();
                        while let Ok(value) = patience.wait_to_end(receiver.recv()) {
                            receipts.receive(value);
                        }
                    });
                    assert!(receiver.try_recv().is_err(), "sent after the end");
                    drop(receiver);
                    ledger.check(Rules::default());
                });
            assert!(polls >= 2);
        }

        /// The receiver is dropped at some time. Catches a sender that sleeps though nobody will receive, and a value
        /// that is left inside.
        #[test]
        fn a_receiver_that_goes_lets_all_senders_go() {
            let polls = schedules_at_every_poll(
                concat!($name, ": send, the receiver goes"),
                schedules_of(14),
                |patience| {
                    let ledger = &Ledger::default();
                    let (sender, $($mut)? receiver) = $kind::bounded(1);
                    thread::scope(|scope| {
                        for id in 0..2 {
                            let sender = sender.clone();
                            scope.spawn(move || {
                                let value = ledger.make(id);
                                let id = value.id();
                                let outcome = patience.wait_for(sender.send(value));
                                ledger.send_ended(id, outcome);
                            });
                        }
                        scope.spawn(move || {
                            for _ in 0..2 {
                                let value = ledger.make(2);
                                let id = value.id();
                                let sent = patience.wait_to_end(sender.send(value));
                                ledger.send_ended(id, Some(sent));
                            }
                        });
                        if let Some(Ok(value)) = patience.wait_for(receiver.recv()) {
                            ledger.receiver().receive(value);
                        }
                        drop(receiver);
                    });
                    ledger.check(Rules {
                        receivers_go: true,
                        ..Rules::default()
                    });
                },
            );
            assert!(polls >= 2);
        }
    };
}

pub(crate) use scenarios_with_many_senders;
