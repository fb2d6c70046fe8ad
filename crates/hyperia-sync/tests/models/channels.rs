//! Models of the channels: who waits for a value or for room is woken, and nothing is lost by giving up.
//!
//! The queues behind them are modelled in hyperia-queue; three and more tasks at once are left to shuttle. In every model of two roles each of them touches the queue, the
//! fence and who waits, three times at least: tens of executions.
#![expect(
    unused_mut,
    reason = "some ends are shared, where the macros below are for all"
)]

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hyperia_sync::mpsc::{RecvError, TryRecvError, TrySendError};
use hyperia_sync::{mpmc, mpsc, spsc};
use hyperia_test::{CountingWaker, model_roles, model_roles_in_main, poll_once};
use hyperia_wait::block_on;

use hyperia_test::tracked::{Counted, Counter, Fact, Log};

/// The ends of a channel, for the roles to take.
struct State<S, R> {
    senders: Mutex<Vec<S>>,
    receivers: Mutex<Vec<R>>,
    counter: Counter,
    /// In the order of one receiver.
    received: Log,
    fact: Fact,
    second_fact: Fact,
    counting: Arc<CountingWaker>,
}

impl<S, R> State<S, R> {
    fn new((sender, receiver): (S, R)) -> Self {
        Self {
            senders: Mutex::new(vec![sender]),
            receivers: Mutex::new(vec![receiver]),
            counter: Counter::default(),
            received: Log::default(),
            fact: Fact::new(),
            second_fact: Fact::new(),
            counting: CountingWaker::new(),
        }
    }

    fn sender(&self) -> S {
        self.senders.lock().unwrap().pop().unwrap()
    }

    fn receiver(&self) -> R {
        self.receivers.lock().unwrap().pop().unwrap()
    }

    fn put_back_sender(&self, sender: S) {
        self.senders.lock().unwrap().push(sender);
    }

    fn put_back_receiver(&self, receiver: R) {
        self.receivers.lock().unwrap().push(receiver);
    }

    fn note(&self, counted: Counted) {
        self.received.push(counted.value);
    }

    fn finish(&self) {
        self.senders.lock().unwrap().clear();
        self.receivers.lock().unwrap().clear();
        self.counter.assert_all_dropped_once();
    }
}

/// The models that hold for each kind of channel.
macro_rules! models_of_each_kind {
    ($kind:ident, $module:ident, $name:literal) => {
        mod $module {
            use super::*;

            type State = super::State<$kind::Sender<Counted>, $kind::Receiver<Counted>>;

            fn empty() -> State {
                State::new($kind::bounded(1))
            }

            /// With the value 0 inside.
            fn full() -> State {
                let state = empty();
                let mut sender = state.sender();
                assert!(sender.try_send(state.counter.make(0)).is_ok());
                state.put_back_sender(sender);
                state
            }

            /// Catches a receiver that sleeps although there is a value, and a value that comes without what was done
            /// before.
            #[test]
            fn a_value_that_is_sent_reaches_the_receiver() {
                model_roles(
                    concat!($name, ": send | recv"),
                    20,
                    empty,
                    &[
                        |state: &State| {
                            let mut sender = state.sender();
                            state.fact.establish();
                            assert!(sender.try_send(state.counter.make(1)).is_ok());
                            state.put_back_sender(sender);
                        },
                        |state: &State| {
                            let mut receiver = state.receiver();
                            state.note(block_on(receiver.recv()).expect("it is open"));
                            state.fact.assert();
                            state.put_back_receiver(receiver);
                        },
                    ],
                    |state: &State| {
                        assert_eq!(state.received.values(), [1]);
                        state.finish();
                    },
                );
            }

            /// Catches a receiver whose waker is replaced while a value comes, so that neither is woken and nobody looks.
            #[test]
            fn a_value_reaches_a_receiver_whose_waker_changes() {
                model_roles(
                    concat!($name, ": send | recv, polled with another waker before"),
                    50,
                    empty,
                    &[
                        |state: &State| {
                            let mut sender = state.sender();
                            assert!(sender.try_send(state.counter.make(1)).is_ok());
                            state.put_back_sender(sender);
                        },
                        |state: &State| {
                            let mut receiver = state.receiver();
                            {
                                let mut recv = pin!(receiver.recv());
                                let polled = match poll_once(recv.as_mut(), Waker::noop()) {
                                    Poll::Ready(received) => received,
                                    Poll::Pending => block_on(recv),
                                };
                                state.note(polled.expect("it is open"));
                            }
                            state.put_back_receiver(receiver);
                        },
                    ],
                    |state: &State| {
                        assert_eq!(state.received.values(), [1]);
                        state.finish();
                    },
                );
            }

            /// Catches a sender that sleeps although there is room, and room that is used before it is made.
            #[test]
            fn room_that_is_made_reaches_a_sender() {
                model_roles(
                    concat!($name, ": send to a full one | recv"),
                    20,
                    full,
                    &[
                        |state: &State| {
                            let mut sender = state.sender();
                            assert!(block_on(sender.send(state.counter.make(1))).is_ok());
                            state.put_back_sender(sender);
                        },
                        |state: &State| {
                            let mut receiver = state.receiver();
                            state.note(receiver.try_recv().expect("it is full"));
                            state.put_back_receiver(receiver);
                        },
                    ],
                    |state: &State| {
                        let mut receiver = state.receiver();
                        state.note(receiver.try_recv().expect("it was sent"));
                        assert_eq!(state.received.values(), [0, 1]);
                        drop(receiver);
                        state.finish();
                    },
                );
            }

            /// Catches a value that is received and dropped, or neither, when its sender gives up.
            #[test]
            fn a_send_that_is_dropped_was_received_or_not() {
                model_roles(
                    concat!($name, ": poll send, drop it | recv, recv"),
                    20,
                    full,
                    &[
                        |state: &State| {
                            let counting = CountingWaker::new();
                            let mut sender = state.sender();
                            {
                                let mut send = pin!(sender.send(state.counter.make(1)));
                                let _ = poll_once(send.as_mut(), &counting.waker());
                            }
                            state.put_back_sender(sender);
                        },
                        |state: &State| {
                            let mut receiver = state.receiver();
                            for _ in 0..2 {
                                let _ = receiver.try_recv().map(|counted| state.note(counted));
                            }
                            state.put_back_receiver(receiver);
                        },
                    ],
                    |state: &State| {
                        let mut receiver = state.receiver();
                        while let Ok(counted) = receiver.try_recv() {
                            state.note(counted);
                        }
                        let received = state.received.values();
                        assert!(received == [0] || received == [0, 1], "{received:?}");
                        drop(receiver);
                        state.finish();
                    },
                );
            }

            /// Catches the last value lost between "empty" and "disconnected" (the shape of flume issue 120), and a
            /// receiver that is not told. (That the last value may come at the same time is modelled with the queues.)
            #[test]
            fn the_end_of_the_sender_comes_after_its_last_value() {
                model_roles(
                    concat!($name, ": drop the sender | recv, recv"),
                    10,
                    full,
                    &[
                        |state: &State| {
                            let sender = state.sender();
                            state.fact.establish();
                            drop(sender);
                        },
                        |state: &State| {
                            let mut receiver = state.receiver();
                            state.note(block_on(receiver.recv()).expect("it comes first"));
                            assert_eq!(block_on(receiver.recv()).err(), Some(RecvError));
                            state.fact.assert();
                        },
                    ],
                    |state| {
                        assert_eq!(state.received.values(), [0]);
                        state.finish();
                    },
                );
            }

            /// Catches a sender that is not told, and a value that is dropped twice or never.
            #[test]
            fn the_end_of_the_receiver_reaches_a_waiting_sender() {
                model_roles(
                    concat!($name, ": send to a full one | drop"),
                    10,
                    full,
                    &[
                        |state: &State| {
                            let mut sender = state.sender();
                            if let Err(error) = block_on(sender.send(state.counter.make(1))) {
                                assert_eq!(error.into_inner().value, 1);
                            }
                            state.put_back_sender(sender);
                        },
                        |state: &State| drop(state.receiver()),
                    ],
                    State::finish,
                );
            }
        }
    };
}

models_of_each_kind!(spsc, spsc_ends, "spsc");

/// The first value waits in the mailbox, the second one as well. Catches a value that is taken from there although an
/// older one is in the queue by now.
#[test]
fn what_is_sent_comes_in_order() {
    type State = super::channels::State<spsc::Sender<Counted>, spsc::Receiver<Counted>>;
    // The outcome stands in the order alone; with both roles spawned loom takes twice as long for the same.
    model_roles_in_main(
        "spsc: send, try to send | recv, recv",
        20,
        || {
            let state = State::new(spsc::bounded(1));
            let mut sender = state.sender();
            assert!(sender.try_send(state.counter.make(0)).is_ok());
            state.put_back_sender(sender);
            state
        },
        &[
            |state: &State| {
                let mut sender = state.sender();
                let counting = CountingWaker::new();
                for value in 1..3 {
                    let mut send = pin!(sender.send(state.counter.make(value)));
                    for _ in 0..2 {
                        if poll_once(send.as_mut(), &counting.waker()).is_ready() {
                            break;
                        }
                    }
                }
                state.put_back_sender(sender);
            },
            |state: &State| {
                let mut receiver = state.receiver();
                for _ in 0..2 {
                    let _ = receiver.try_recv().map(|counted| state.note(counted));
                }
                state.put_back_receiver(receiver);
            },
        ],
        |state: &State| {
            let mut receiver = state.receiver();
            while let Ok(counted) = receiver.try_recv() {
                state.note(counted);
            }
            assert!(state.received.values().is_sorted(), "out of order");
            drop(receiver);
            state.finish();
        },
    );
}
models_of_each_kind!(mpsc, mpsc_ends, "mpsc");
models_of_each_kind!(mpmc, mpmc_ends, "mpmc");

/// The models with several senders.
macro_rules! models_of_many_senders {
    ($kind:ident, $module:ident, $name:literal) => {
        mod $module {
            use super::*;

            type State = super::State<$kind::Sender<Counted>, $kind::Receiver<Counted>>;

            /// Two senders and the value 0 inside.
            fn full() -> State {
                let state = State::new($kind::bounded(1));
                let sender = state.sender();
                assert!(sender.try_send(state.counter.make(0)).is_ok());
                state.put_back_sender(sender.clone());
                state.put_back_sender(sender);
                state
            }

            /// Catches a receiver that hears of the end, and not of all that came before it.
            ///
            /// Floor: three roles that touch one count or the queue.
            #[test]
            fn the_end_of_the_last_sender_carries_what_all_did() {
                model_roles(
                    concat!(
                        $name,
                        ": drop a sender | drop a sender | try_recv, try_recv"
                    ),
                    20,
                    || {
                        let state = State::new($kind::bounded(1));
                        let sender = state.sender();
                        state.put_back_sender(sender.clone());
                        state.put_back_sender(sender);
                        state
                    },
                    &[
                        |state: &State| {
                            let sender = state.sender();
                            state.fact.establish();
                            drop(sender);
                        },
                        |state: &State| {
                            let sender = state.sender();
                            state.second_fact.establish();
                            drop(sender);
                        },
                        |state: &State| {
                            let mut receiver = state.receiver();
                            for _ in 0..2 {
                                if receiver.try_recv().err() == Some(TryRecvError::Disconnected) {
                                    state.fact.assert();
                                    state.second_fact.assert();
                                }
                            }
                            state.put_back_receiver(receiver);
                        },
                    ],
                    State::finish,
                );
            }

            /// Catches a close that leaves somebody asleep, and a value that is accepted and not received.
            #[test]
            fn a_close_wakes_both_sides_and_drains() {
                model_roles(
                    concat!($name, ": close | send to a full one | recv until it ends"),
                    50,
                    full,
                    &[
                        |state: &State| {
                            let sender = state.sender();
                            let mut expected = vec![0];
                            if block_on(sender.send(state.counter.make(1))).is_ok() {
                                expected.push(1);
                            }
                            sender.close();
                            let mut receiver = state.receiver();
                            while let Ok(counted) = block_on(receiver.recv()) {
                                state.note(counted);
                            }
                            assert_eq!(state.received.values(), expected);
                            state.put_back_receiver(receiver);
                        },
                        |state: &State| assert!(state.sender().close()),
                    ],
                    State::finish,
                );
            }
        }
    };
}

models_of_many_senders!(mpsc, mpsc_many, "mpsc");
models_of_many_senders!(mpmc, mpmc_many, "mpmc");

/// Catches room that is not given back, or that nobody is told of.
#[test]
fn the_room_of_a_dropped_permit_reaches_a_sender() {
    model_roles(
        "mpsc: reserve, drop | send",
        20,
        || {
            let state = State::new(mpsc::bounded(1));
            let sender = state.sender();
            state.put_back_sender(sender.clone());
            state.put_back_sender(sender);
            state
        },
        &[
            |state: &State<mpsc::Sender<Counted>, mpsc::Receiver<Counted>>| {
                let sender = state.sender();
                drop(sender.try_reserve());
                state.put_back_sender(sender);
            },
            |state: &State<mpsc::Sender<Counted>, mpsc::Receiver<Counted>>| {
                let sender = state.sender();
                assert!(block_on(sender.send(state.counter.make(1))).is_ok());
                state.put_back_sender(sender);
            },
        ],
        |state: &State<mpsc::Sender<Counted>, mpsc::Receiver<Counted>>| {
            let mut receiver = state.receiver();
            state.note(receiver.try_recv().expect("it was sent"));
            drop(receiver);
            state.finish();
        },
    );
}

/// Catches a sender that hears of the end, and not of all that came before it.
///
/// Floor: three roles that touch one count or the queue.
#[test]
fn the_end_of_the_last_receiver_carries_what_all_did() {
    type State = super::channels::State<mpmc::Sender<Counted>, mpmc::Receiver<Counted>>;
    model_roles(
        "mpmc: drop a receiver | drop a receiver | try_send, try_send",
        20,
        || {
            let state = State::new(mpmc::bounded(2));
            let receiver = state.receiver();
            state.put_back_receiver(receiver.clone());
            state.put_back_receiver(receiver);
            state
        },
        &[
            |state: &State| {
                let receiver = state.receiver();
                state.fact.establish();
                drop(receiver);
            },
            |state: &State| {
                let receiver = state.receiver();
                state.second_fact.establish();
                drop(receiver);
            },
            |state: &State| {
                let sender = state.sender();
                for value in 0..2 {
                    let sent = sender.try_send(state.counter.make(value));
                    if let Err(TrySendError::Disconnected(_)) = sent {
                        state.fact.assert();
                        state.second_fact.assert();
                    }
                }
                state.put_back_sender(sender);
            },
        ],
        State::finish,
    );
}

/// Catches a send that was received while it gave up, and does not know what the receiver did before.
#[test]
fn a_send_that_gives_up_too_late_sees_what_came_before_its_end() {
    type State = super::channels::State<spsc::Sender<Counted>, spsc::Receiver<Counted>>;
    model_roles(
        "spsc: send_timeout of nothing | fact, recv, recv",
        20,
        || {
            let state = State::new(spsc::bounded(1));
            let mut sender = state.sender();
            assert!(sender.try_send(state.counter.make(0)).is_ok());
            state.put_back_sender(sender);
            state
        },
        &[
            |state: &State| {
                let mut sender = state.sender();
                let sent = sender.send_timeout(state.counter.make(1), Duration::ZERO);
                if sent.is_ok() {
                    state.fact.assert();
                }
                drop(sent);
                state.put_back_sender(sender);
            },
            |state: &State| {
                let mut receiver = state.receiver();
                state.fact.establish();
                for _ in 0..2 {
                    let _ = receiver.try_recv().map(|counted| state.note(counted));
                }
                state.put_back_receiver(receiver);
            },
        ],
        State::finish,
    );
}

/// Models of the ends that wait alone.
macro_rules! models_of_a_lone_receiver {
    ($kind:ident, $module:ident, $name:literal) => {
        mod $module {
            use super::*;

            type State = super::State<$kind::Sender<Counted>, $kind::Receiver<Counted>>;

            fn empty() -> State {
                State::new($kind::bounded(1))
            }

            fn send(state: &State) {
                let mut sender = state.sender();
                let _ = sender.try_send(state.counter.make(1));
                state.put_back_sender(sender);
            }

            /// Catches a value that is missed because the waker was there already, so that nothing was stored.
            #[test]
            fn a_value_reaches_a_receiver_that_polls_again() {
                model_roles(
                    concat!($name, ": send | poll_recv twice, with the same waker"),
                    20,
                    empty,
                    &[send, |state: &State| {
                        let mut receiver = state.receiver();
                        block_on(poll_fn(|cx| {
                            for _ in 0..2 {
                                if let Poll::Ready(received) = receiver.poll_recv(cx) {
                                    state.note(received.expect("it is open"));
                                    return Poll::Ready(());
                                }
                            }
                            Poll::Pending
                        }));
                        state.put_back_receiver(receiver);
                    }],
                    |state: &State| {
                        assert_eq!(state.received.values(), [1]);
                        state.finish();
                    },
                );
            }

            /// Catches a waker that is woken and dropped by both sides, or by none.
            #[test]
            fn a_receiver_that_goes_takes_its_waker_along() {
                model_roles(
                    concat!($name, ": send | poll_recv, drop"),
                    10,
                    empty,
                    &[send, |state: &State| {
                        let mut receiver = state.receiver();
                        let waker = state.counting.waker();
                        let _ = receiver.poll_recv(&mut Context::from_waker(&waker));
                        drop(receiver);
                    }],
                    |state: &State| {
                        state.finish();
                        assert_eq!(state.counting.live(), 0);
                    },
                );
            }
        }
    };
}

models_of_a_lone_receiver!(spsc, spsc_alone, "spsc");
models_of_a_lone_receiver!(mpsc, mpsc_alone, "mpsc");
