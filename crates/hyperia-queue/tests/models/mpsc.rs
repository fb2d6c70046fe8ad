//! Models of the unbounded queue.

use std::sync::Mutex;

use super::placements::in_all_placements;
use hyperia_queue::mpsc::{Consumer, Producer, unbounded};
use hyperia_queue::{PopError, PushError};

use hyperia_test::tracked::{Counted, Counter, Fact, Log};

/// The ends, each taken by one role; the locks are never waited for.
struct State {
    producers: Vec<Mutex<Option<Producer<Counted>>>>,
    consumer: Mutex<Option<Consumer<Counted>>>,
    counter: Counter,
    popped: Log,
    accepted: Log,
    facts: [Fact; 2],
}

impl State {
    /// `producers` producers and a queue with the values 0 and up `inside`.
    fn new(producers: usize, inside: usize) -> Self {
        let (producer, consumer) = unbounded();
        let counter = Counter::default();
        for value in 0..inside {
            assert!(producer.push(counter.make(value)).is_ok());
        }
        let mut handles = vec![producer];
        while handles.len() < producers {
            handles.push(handles[0].clone());
        }
        Self {
            producers: handles
                .into_iter()
                .map(|handle| Mutex::new(Some(handle)))
                .collect(),
            consumer: Mutex::new(Some(consumer)),
            counter,
            popped: Log::default(),
            accepted: Log::default(),
            facts: [Fact::new(), Fact::new()],
        }
    }

    fn producer(&self, index: usize) -> Producer<Counted> {
        self.producers[index].lock().unwrap().take().unwrap()
    }

    fn consumer(&self) -> Consumer<Counted> {
        self.consumer.lock().unwrap().take().unwrap()
    }

    fn put_back(&self, consumer: Consumer<Counted>) {
        *self.consumer.lock().unwrap() = Some(consumer);
    }

    fn push(&self, producer: &Producer<Counted>, value: usize) {
        if producer.push(self.counter.make(value)).is_ok() {
            self.accepted.push(value);
        }
    }

    fn pop(&self, consumer: &mut Consumer<Counted>) -> Result<(), PopError> {
        consumer
            .pop()
            .map(|counted| self.popped.push(counted.value))
    }

    /// Tries `times` times.
    fn pop_times(&self, times: usize) {
        let mut consumer = self.consumer();
        for _ in 0..times {
            let _ = self.pop(&mut consumer);
        }
        self.put_back(consumer);
    }

    /// Pops what is left; returns why it ended.
    fn drain(&self) -> PopError {
        let mut consumer = self.consumer();
        loop {
            if let Err(error) = self.pop(&mut consumer) {
                self.put_back(consumer);
                return error;
            }
        }
    }

    /// Drops the ends that are left and checks that every value was dropped once.
    fn finish(&self) {
        self.producers
            .iter()
            .for_each(|producer| drop(producer.lock().unwrap().take()));
        drop(self.consumer.lock().unwrap().take());
        self.counter.assert_all_dropped_once();
    }
}

/// Edges publish → read and install → claim: two producers, of which one takes the last slot of the
/// first block and brings the next. Would catch a value read before it is written, one read twice
/// or lost, and a block used before its slots are empty. Thousands of executions: two claims and
/// two pops, each with a load before it.
#[test]
fn two_producers_cross_a_block_boundary() {
    in_all_placements(
        "mpsc boundary",
        1000,
        || State::new(2, 1),
        &[
            |state: &State| state.push(&state.producer(0), 10),
            |state: &State| state.push(&state.producer(1), 20),
            |state: &State| state.pop_times(2),
        ],
        |state| {
            state.drain();
            assert_eq!(state.popped.sorted(), [0, 10, 20]);
            state.finish();
        },
    );
}

/// Edges retire → reuse and install → claim: the consumer reads a block to its end and puts it
/// aside, one producer brings it back, and the other may be the first to write into it. Would catch
/// slots written while the consumer still reads or clears them, and a block put aside twice.
/// Thousands of executions, as above.
#[test]
fn a_spent_block_comes_back() {
    in_all_placements(
        "mpsc reuse",
        1000,
        || State::new(2, 3),
        &[
            |state: &State| state.push(&state.producer(0), 10),
            |state: &State| state.push(&state.producer(1), 20),
            |state: &State| state.pop_times(2),
        ],
        |state| {
            state.drain();
            assert_eq!(state.popped.sorted(), [0, 1, 2, 10, 20]);
            assert_eq!(
                state.popped.values()[..3],
                [0, 1, 2],
                "in the order of their pushes"
            );
            state.finish();
        },
    );
}

/// One thread pushes and pops until the first block has come round and `tail` is the word it was.
fn go_round(state: &State) {
    let producer = state.producer(1);
    let mut consumer = state.consumer();
    state.push(&producer, 10);
    let _ = state.pop(&mut consumer);
    let _ = state.pop(&mut consumer);
    (11..14).for_each(|value| state.push(&producer, value));
    state.put_back(consumer);
}

fn check_round(state: &State) {
    state.drain();
    assert_eq!(state.popped.sorted(), [0, 10, 11, 12, 13, 20]);
    state.finish();
}

/// A claim by a word that went away and came back (invariant 4): the producer looks, the block goes
/// round, and then its exchange succeeds. Would catch an exchange that knows only what the look
/// knew: it must acquire by itself. Hundreds of executions: the look and the exchange against a
/// dozen steps.
#[test]
fn a_word_that_comes_back_is_claimed_as_if_it_were_new() {
    in_all_placements(
        "mpsc come back",
        300,
        || State::new(2, 1),
        &[|state: &State| state.push(&state.producer(0), 20), go_round],
        check_round,
    );
}

/// The same for a batch.
#[test]
fn a_word_that_comes_back_is_claimed_by_a_batch() {
    in_all_placements(
        "mpsc come back, batch",
        300,
        || State::new(2, 1),
        &[
            |state: &State| {
                let mut values = vec![state.counter.make(20)];
                assert_eq!(state.producer(0).push_many(&mut values), Ok(1));
            },
            go_round,
        ],
        check_round,
    );
}

/// Would catch a batch that is torn apart, that loses the blocks it brought, or that touches a
/// block it has published to its end. Hundreds of executions: a batch is a single claim.
#[test]
fn batches_and_single_pushes_share_the_queue() {
    in_all_placements(
        "mpsc batches",
        300,
        || State::new(2, 1),
        &[
            |state: &State| {
                let mut values = (10..14).map(|value| state.counter.make(value)).collect();
                assert_eq!(state.producer(0).push_many(&mut values), Ok(4));
                assert!(values.is_empty());
            },
            |state: &State| state.push(&state.producer(1), 20),
            |state: &State| {
                let mut consumer = state.consumer();
                let mut values = Vec::new();
                let _ = consumer.pop_many(&mut values, 3);
                values
                    .iter()
                    .for_each(|counted| state.popped.push(counted.value));
                state.put_back(consumer);
            },
        ],
        |state| {
            state.drain();
            let popped = state.popped.values();
            let batch = popped.iter().position(|&value| value == 10).unwrap();
            assert_eq!(
                popped[batch..batch + 4],
                [10, 11, 12, 13],
                "next to each other"
            );
            assert_eq!(state.popped.sorted(), [0, 10, 11, 12, 13, 20]);
            state.finish();
        },
    );
}

/// Close and push are one order: would catch a push that succeeds after `Closed` was seen, and a
/// value that is accepted but not popped. Hundreds of executions: three claims of one word.
#[test]
fn a_push_comes_before_the_close_or_fails() {
    in_all_placements(
        "mpsc close and push",
        300,
        || State::new(2, 0),
        &[
            |state: &State| {
                let producer = state.producer(0);
                for value in [10, 11] {
                    match producer.push(state.counter.make(value)) {
                        Ok(()) => state.accepted.push(value),
                        Err(PushError::Closed(counted)) => assert_eq!(counted.value, value),
                        Err(PushError::Full(_)) => unreachable!("it has no limit"),
                    }
                }
            },
            |state: &State| assert!(state.producer(1).close()),
        ],
        |state| {
            assert_eq!(state.drain(), PopError::Closed);
            assert_eq!(state.popped.values(), state.accepted.values());
            state.finish();
        },
    );
}

/// Close and pop: would catch `Closed` before everything accepted was popped. Hundreds of
/// executions.
#[test]
fn closed_is_said_only_when_nothing_is_left() {
    in_all_placements(
        "mpsc close and pop",
        300,
        || State::new(1, 1),
        &[
            |state: &State| {
                let producer = state.producer(0);
                state.push(&producer, 10);
                producer.close();
            },
            |state: &State| {
                let mut consumer = state.consumer();
                for _ in 0..3 {
                    if state.pop(&mut consumer) == Err(PopError::Closed) {
                        assert_eq!(state.popped.values(), [0, 10]);
                    }
                }
                state.put_back(consumer);
            },
        ],
        |state| {
            assert_eq!(state.drain(), PopError::Closed);
            state.finish();
        },
    );
}

/// Edge close → closed, and the count of producers: whoever hears `Closed` knows what every
/// producer did before it was dropped. Would catch a weak close, a weak count, and the last value
/// lost between "empty" and "closed" (the shape of flume issue 120). Hundreds of executions.
#[test]
fn closed_by_the_last_producer_carries_what_all_did() {
    in_all_placements(
        "mpsc last producer",
        300,
        || State::new(2, 0),
        &[
            |state: &State| {
                state.facts[0].establish();
                drop(state.producer(0));
            },
            |state: &State| {
                let producer = state.producer(1);
                state.push(&producer, 20);
                state.facts[1].establish();
                drop(producer);
            },
            |state: &State| {
                let mut consumer = state.consumer();
                for _ in 0..2 {
                    if state.pop(&mut consumer) == Err(PopError::Closed) {
                        assert_eq!(state.popped.values(), [20]);
                        state.facts.iter().for_each(Fact::assert);
                    }
                }
                state.put_back(consumer);
            },
        ],
        |state| {
            assert_eq!(state.drain(), PopError::Closed);
            state.finish();
        },
    );
}

/// What a closer does, and then closes.
fn close_with_a_fact(state: &State) {
    let consumer = state.consumer();
    state.facts[0].establish();
    consumer.close();
    state.put_back(consumer);
}

/// Edge close → closed, for a push that is told so at its first look or after losing a claim. Tens
/// of executions: two words against one close.
#[test]
fn a_refused_push_knows_what_the_closer_did() {
    in_all_placements(
        "mpsc refused push",
        30,
        || State::new(2, 0),
        &[close_with_a_fact, |state: &State| {
            let producer = state.producer(0);
            for value in [10, 11] {
                if producer.push(state.counter.make(value)).is_err() {
                    state.facts[0].assert();
                }
            }
        }],
        State::finish,
    );
}

/// The same for a batch, which stays where it was. Some executions: two words against one close.
#[test]
fn a_refused_batch_knows_what_the_closer_did() {
    in_all_placements(
        "mpsc refused batch",
        10,
        || State::new(2, 0),
        &[close_with_a_fact, |state: &State| {
            let mut values = vec![state.counter.make(20), state.counter.make(21)];
            if state.producer(1).push_many(&mut values).is_err() {
                state.facts[0].assert();
                assert_eq!(values.len(), 2);
            }
        }],
        State::finish,
    );
}

/// The same for `is_closed`. Two executions at least: before and after.
#[test]
fn is_closed_knows_what_the_closer_did() {
    in_all_placements(
        "mpsc is_closed",
        2,
        || State::new(1, 0),
        &[close_with_a_fact, |state: &State| {
            if state.producer(0).is_closed() {
                state.facts[0].assert();
            }
        }],
        State::finish,
    );
}

/// A consumer that is dropped while a producer pushes, in its first block and over its end (the shape
/// of RUSTSEC-2025-0024 and of crossbeam issue 971): would catch a value dropped twice or never, and a
/// block freed twice or while the producer writes into it. Hundreds of executions.
#[test]
fn dropping_the_consumer_races_with_a_producer() {
    in_all_placements(
        "mpsc drop",
        300,
        || State::new(1, 1),
        &[
            |state: &State| {
                let producer = state.producer(0);
                state.push(&producer, 10);
                state.push(&producer, 11);
            },
            |state: &State| drop(state.consumer()),
        ],
        State::finish,
    );
}

/// `is_empty` at a block boundary (the shape of tokio PR 6603), while a push crosses it: would
/// catch "empty" although a place is claimed, and "not empty" when all was popped. Hundreds of
/// executions.
#[test]
fn is_empty_holds_at_a_block_boundary() {
    in_all_placements(
        "mpsc is_empty",
        300,
        || State::new(1, 1),
        &[
            |state: &State| {
                let producer = state.producer(0);
                state.push(&producer, 10);
                state.push(&producer, 11);
            },
            |state: &State| {
                let mut consumer = state.consumer();
                state.pop(&mut consumer).unwrap();
                let was_empty = consumer.is_empty();
                if state.pop(&mut consumer).is_err() && !was_empty {
                    // Claimed, not yet ready: it stays claimed.
                    assert!(!consumer.is_empty());
                }
                state.put_back(consumer);
            },
        ],
        |state| {
            state.drain();
            assert!(state.consumer.lock().unwrap().as_ref().unwrap().is_empty());
            assert_eq!(state.popped.values(), [0, 10, 11]);
            state.finish();
        },
    );
}
