//! Models of the queue between one producer and one consumer.

use std::sync::Mutex;

use super::placements::in_all_placements;
use hyperia_queue::spsc::{Consumer, Producer, bounded};
use hyperia_queue::{PopError, PushError};

use hyperia_test::tracked::{Counted, Counter, Fact, Log};

/// The ends, each taken by one role; the locks are never waited for.
struct State {
    producer: Mutex<Option<Producer<Counted>>>,
    consumer: Mutex<Option<Consumer<Counted>>>,
    counter: Counter,
    accepted: Log,
    popped: Log,
    fact: Fact,
}

impl State {
    /// With values 0 and up already inside.
    fn new(capacity: usize, inside: usize) -> Self {
        let (mut producer, consumer) = bounded(capacity);
        let counter = Counter::default();
        for value in 0..inside {
            assert!(producer.push(counter.make(value)).is_ok());
        }
        Self {
            producer: Mutex::new(Some(producer)),
            consumer: Mutex::new(Some(consumer)),
            counter,
            accepted: Log::default(),
            popped: Log::default(),
            fact: Fact::new(),
        }
    }

    fn producer(&self) -> Producer<Counted> {
        self.producer.lock().unwrap().take().unwrap()
    }

    fn consumer(&self) -> Consumer<Counted> {
        self.consumer.lock().unwrap().take().unwrap()
    }

    fn with_producer(&self, f: impl FnOnce(&mut Producer<Counted>)) {
        let mut producer = self.producer();
        f(&mut producer);
        *self.producer.lock().unwrap() = Some(producer);
    }

    fn with_consumer(&self, f: impl FnOnce(&mut Consumer<Counted>)) {
        let mut consumer = self.consumer();
        f(&mut consumer);
        *self.consumer.lock().unwrap() = Some(consumer);
    }

    fn push(&self, producer: &mut Producer<Counted>, value: usize) -> Result<(), PushError<()>> {
        match producer.push(self.counter.make(value)) {
            Ok(()) => self.accepted.push(value),
            Err(PushError::Full(_)) => return Err(PushError::Full(())),
            Err(PushError::Closed(_)) => return Err(PushError::Closed(())),
        }
        Ok(())
    }

    fn pop(&self, consumer: &mut Consumer<Counted>) -> Result<(), PopError> {
        consumer
            .pop()
            .map(|counted| self.popped.push(counted.value))
    }

    /// Pops what is left; returns why it ended.
    fn drain(&self, consumer: &mut Consumer<Counted>) -> PopError {
        loop {
            if let Err(error) = self.pop(consumer) {
                return error;
            }
        }
    }

    /// Everything accepted, and the `inside` from before, came out once and in order.
    fn assert_in_order(&self, inside: usize) {
        self.with_consumer(|consumer| {
            self.drain(consumer);
            assert_eq!(consumer.len(), 0);
        });
        let expected: Vec<_> = (0..inside).chain(self.accepted.values()).collect();
        assert_eq!(self.popped.values(), expected);
        self.finish();
    }

    /// Drops the ends that are left and checks that every value was dropped once.
    fn finish(&self) {
        drop(self.producer.lock().unwrap().take());
        drop(self.consumer.lock().unwrap().take());
        self.counter.assert_all_dropped_once();
    }
}

/// Edges publish → look and vacate → room with a single slot: would catch a value read before it is
/// written, and one written over a value that is still being read. Thousands of executions: each pop may
/// come before or after each push, and each load may see an older position.
#[test]
fn one_slot_is_filled_and_emptied() {
    in_all_placements(
        "spsc capacity 1",
        1000,
        || State::new(1, 0),
        &[
            |state: &State| {
                state.with_producer(|producer| {
                    for value in 10..13 {
                        let _ = state.push(producer, value);
                        assert!(producer.len() <= 1);
                    }
                });
            },
            |state: &State| {
                state.with_consumer(|consumer| {
                    for _ in 0..3 {
                        let _ = state.pop(consumer);
                        assert!(consumer.len() <= 1);
                    }
                });
            },
        ],
        |state| state.assert_in_order(0),
    );
}

/// The same edges over the end of a ring whose capacity is no power of two: would catch a slot that is
/// filled beyond the capacity, and cached positions that are ahead of the real ones. A thousand executions,
/// as above.
#[test]
fn the_ring_goes_round() {
    in_all_placements(
        "spsc capacity 3",
        500,
        || State::new(3, 3),
        &[
            |state: &State| {
                state.with_producer(|producer| {
                    for value in 10..13 {
                        let _ = state.push(producer, value);
                    }
                });
            },
            |state: &State| {
                state.with_consumer(|consumer| {
                    for _ in 0..4 {
                        let _ = state.pop(consumer);
                    }
                });
            },
        ],
        |state| state.assert_in_order(3),
    );
}

/// The same edges for batches: would catch one that is published before all of it is written, or whose
/// places are handed back before all of it is out. Hundreds of executions: two batches against three
/// calls that take.
#[test]
fn batches_are_published_and_handed_back_whole() {
    in_all_placements(
        "spsc batches",
        200,
        || State::new(2, 1),
        &[
            |state: &State| {
                state.with_producer(|producer| {
                    let mut values = vec![state.counter.make(10), state.counter.make(11)];
                    let count = producer.push_many(&mut values).unwrap_or(0);
                    (10..10 + count).for_each(|value| state.accepted.push(value));
                    let count = producer.push_iter(values).unwrap_or(0);
                    (12 - count..12).for_each(|value| state.accepted.push(value));
                });
            },
            |state: &State| {
                state.with_consumer(|consumer| {
                    let mut values = Vec::new();
                    let _ = consumer.pop_many(&mut values, 2);
                    for counted in &values {
                        state.popped.push(counted.value);
                    }
                    if let Ok(counted) = consumer.peek() {
                        state.popped.push(counted.value);
                        assert_eq!(consumer.advance(1), 1);
                    }
                    let _ = state.pop(consumer);
                });
            },
        ],
        |state| {
            state.with_consumer(|consumer| {
                state.drain(consumer);
            });
            let popped = state.popped.values();
            assert!(popped.is_sorted() && popped[0] == 0, "{popped:?}");
            assert_eq!(popped.len(), 1 + state.accepted.values().len());
            state.finish();
        },
    );
}

/// Edge end → closed: would catch `Closed` before everything was popped, the last value lost between
/// "empty" and "closed" (the shape of flume issue 120), and a closer whose deeds are not known. A hundred
/// executions: two pops against a push and a close.
#[test]
fn closed_is_said_only_when_nothing_is_left() {
    in_all_placements(
        "spsc close and pop",
        50,
        || State::new(2, 0),
        &[
            |state: &State| {
                state.with_producer(|producer| {
                    state.push(producer, 10).unwrap();
                    state.fact.establish();
                    assert!(producer.close());
                    assert_eq!(state.push(producer, 11), Err(PushError::Closed(())));
                });
            },
            |state: &State| {
                state.with_consumer(|consumer| {
                    for _ in 0..2 {
                        if state.pop(consumer) == Err(PopError::Closed) {
                            state.fact.assert();
                            assert_eq!(state.popped.values(), [10]);
                        }
                    }
                });
            },
        ],
        |state| {
            state.with_consumer(|consumer| assert_eq!(state.drain(consumer), PopError::Closed));
            state.assert_in_order(0);
        },
    );
}

/// The same by the drop of the producer. A hundred executions, as above.
#[test]
fn the_end_of_the_producer_is_a_close() {
    in_all_placements(
        "spsc producer goes",
        50,
        || State::new(2, 0),
        &[
            |state: &State| {
                let mut producer = state.producer();
                state.push(&mut producer, 10).unwrap();
            },
            |state: &State| {
                state.with_consumer(|consumer| {
                    for _ in 0..2 {
                        if state.pop(consumer) == Err(PopError::Closed) {
                            assert_eq!(state.popped.values(), [10]);
                        }
                    }
                });
            },
        ],
        |state| state.assert_in_order(0),
    );
}

/// Edge refuse → closed: a push that is refused knows what the consumer did before its close; what was
/// accepted, also during the close, is popped before the consumer hears `Closed`, and it hears that once
/// the producer has noticed. Hundreds of executions: three pushes against a close and two pops.
#[test]
fn a_push_during_the_close_of_the_consumer_succeeds_and_is_popped() {
    in_all_placements(
        "spsc consumer closes",
        300,
        || State::new(3, 0),
        &[
            |state: &State| {
                state.with_producer(|producer| {
                    for value in 10..13 {
                        if state.push(producer, value) == Err(PushError::Closed(())) {
                            state.fact.assert();
                        }
                    }
                });
            },
            |state: &State| {
                state.with_consumer(|consumer| {
                    state.fact.establish();
                    assert!(consumer.close());
                    for _ in 0..2 {
                        if state.pop(consumer) == Err(PopError::Closed) {
                            assert_eq!(state.popped.values(), state.accepted.values());
                        }
                    }
                });
            },
        ],
        |state| {
            state.with_producer(|producer| {
                assert_eq!(state.push(producer, 20), Err(PushError::Closed(())));
            });
            state.with_consumer(|consumer| assert_eq!(state.drain(consumer), PopError::Closed));
            state.assert_in_order(0);
        },
    );
}

/// Both edges for `is_closed`, and both sides closing at once: one of them did it. Tens of executions:
/// two accesses of one word against two.
#[test]
fn one_of_two_closers_did_it_and_is_closed_knows_what_it_did() {
    struct Closers {
        producer: Mutex<Producer<u8>>,
        consumer: Mutex<Consumer<u8>>,
        facts: [Fact; 2],
        closers: Log,
    }
    in_all_placements(
        "spsc two closers",
        20,
        || {
            let (producer, consumer) = bounded(1);
            Closers {
                producer: Mutex::new(producer),
                consumer: Mutex::new(consumer),
                facts: [Fact::new(), Fact::new()],
                closers: Log::default(),
            }
        },
        &[
            |state: &Closers| {
                let producer = state.producer.lock().unwrap();
                if producer.is_closed() {
                    state.facts[1].assert();
                }
                state.facts[0].establish();
                if producer.close() {
                    state.closers.push(0);
                }
            },
            |state: &Closers| {
                let consumer = state.consumer.lock().unwrap();
                if consumer.is_closed() {
                    state.facts[0].assert();
                }
                state.facts[1].establish();
                if consumer.close() {
                    state.closers.push(1);
                }
            },
        ],
        |state| {
            assert_eq!(state.closers.values().len(), 1);
            let popped = state.consumer.lock().unwrap().pop();
            assert_eq!(popped, Err(PopError::Closed));
        },
    );
}

/// The consumer goes while the producer pushes, and then the producer: would catch a value dropped twice
/// or not at all. A thousand executions: each push before or after the close and the look at what is left.
#[test]
fn the_last_owner_drops_what_is_left() {
    in_all_placements(
        "spsc drop",
        500,
        || State::new(2, 1),
        &[
            |state: &State| {
                let mut producer = state.producer();
                let _ = state.push(&mut producer, 10);
                let _ = state.push(&mut producer, 11);
            },
            |state: &State| drop(state.consumer()),
        ],
        State::finish,
    );
}
