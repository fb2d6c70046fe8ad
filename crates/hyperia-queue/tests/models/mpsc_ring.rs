//! Models of the bounded queue with one consumer.

use std::sync::Mutex;

use loom::sync::atomic::AtomicBool;
use loom::sync::atomic::Ordering::{Acquire, Release};

use super::placements::in_all_placements;
use hyperia_queue::mpsc::raw::Ring;
use hyperia_queue::mpsc::{BoundedConsumer, BoundedProducer, bounded};
use hyperia_queue::{PopError, PushError};
use hyperia_test::tracked::{Counted, Counter, Fact, Log};

/// A ring that the roles share. One role at most pops; the main thread does before and after.
struct State {
    ring: Ring<Counted>,
    counter: Counter,
    popped: Log,
    accepted: Log,
    facts: [Fact; 2],
    flag: AtomicBool,
}

impl State {
    /// A queue with the values 0 and up `inside`, and places `reserved`.
    fn new(capacity: usize, inside: usize, reserved: usize) -> Self {
        let state = Self {
            ring: Ring::new(capacity),
            counter: Counter::default(),
            popped: Log::default(),
            accepted: Log::default(),
            facts: [Fact::new(), Fact::new()],
            flag: AtomicBool::new(false),
        };
        (0..inside).for_each(|value| assert_eq!(state.push(value), Ok(())));
        (0..reserved).for_each(|_| state.ring.reserve().unwrap());
        state
    }

    fn note(
        &self,
        value: usize,
        result: Result<(), PushError<Counted>>,
    ) -> Result<(), PushError<()>> {
        match result {
            Ok(()) => {
                self.accepted.push(value);
                Ok(())
            }
            Err(error) => {
                let is_full = error.is_full();
                assert_eq!(error.into_inner().value, value, "it comes back");
                Err(if is_full {
                    PushError::Full(())
                } else {
                    PushError::Closed(())
                })
            }
        }
    }

    fn push(&self, value: usize) -> Result<(), PushError<()>> {
        let result = self.ring.push(self.counter.make(value));
        self.note(value, result)
    }

    fn try_push(&self, value: usize) {
        let _ = self.push(value);
    }

    /// To one of the places that were reserved: each role that does so uses one.
    fn push_reserved(&self, value: usize) -> Result<(), PushError<()>> {
        // SAFETY: `new` has reserved as many places as there are roles that push to one, or the role has.
        let result = unsafe { self.ring.push_reserved(self.counter.make(value)) };
        self.note(value, result)
    }

    /// Returns how many values were pushed.
    fn push_many(&self, values: &[usize]) -> Result<usize, PushError<()>> {
        let mut batch = values
            .iter()
            .map(|&value| self.counter.make(value))
            .collect();
        let result = self.ring.push_many(&mut batch);
        let count = result.unwrap_or(0);
        assert_eq!(batch.len(), values.len() - count);
        values[..count]
            .iter()
            .for_each(|&value| self.accepted.push(value));
        result
    }

    fn pop(&self) -> Result<(), PopError> {
        // SAFETY: one role pops, and the main thread before it begins and after it has ended.
        unsafe { self.ring.pop() }.map(|counted| self.popped.push(counted.value))
    }

    fn pop_times(&self, times: usize) {
        for _ in 0..times {
            let _ = self.pop();
        }
    }

    fn pop_many(&self, limit: usize) {
        let mut values = Vec::new();
        // SAFETY: as in `pop`.
        let _ = unsafe { self.ring.pop_many(&mut values, limit) };
        values
            .iter()
            .for_each(|counted| self.popped.push(counted.value));
    }

    /// Pops what is left; returns why it ended. What was accepted came out, once.
    fn drain(&self) -> PopError {
        loop {
            if let Err(error) = self.pop() {
                assert_eq!(self.popped.sorted(), self.accepted.sorted());
                assert_eq!(self.ring.len(), 0);
                self.counter.assert_all_dropped_once();
                return error;
            }
        }
    }

    fn close_with_a_fact(&self) {
        self.facts[0].establish();
        assert!(self.ring.close());
    }

    /// A call that was refused by the close knows what came before it.
    fn assert_fact_if_closed<T>(&self, result: Result<T, PushError<()>>) {
        if let Err(PushError::Closed(())) = result {
            self.facts[0].assert();
        }
    }
}

fn drain_all(state: &State) {
    assert_eq!(state.drain(), PopError::Empty);
}

fn drain_closed(state: &State) {
    assert_eq!(state.drain(), PopError::Closed);
}

/// Edge fill → pop: would catch a value that is read before it is written, one popped twice, and one lost.
/// Thousands of executions: two claims and a pop, each with a load before it.
#[test]
fn two_producers_fill_what_one_consumer_pops() {
    in_all_placements(
        "mpsc ring, fill",
        1000,
        || State::new(2, 0, 0),
        &[
            |state: &State| assert_eq!(state.push(10), Ok(())),
            |state: &State| assert_eq!(state.push(20), Ok(())),
            |state: &State| state.pop_times(1),
        ],
        |state| {
            drain_all(state);
            assert_eq!(state.popped.sorted(), [10, 20]);
        },
    );
}

/// The same for a batch that is popped.
#[test]
fn a_batch_that_is_popped_was_filled() {
    in_all_placements(
        "mpsc ring, fill, pop_many",
        300,
        || State::new(2, 0, 0),
        &[
            |state: &State| assert_eq!(state.push(10), Ok(())),
            |state: &State| assert_eq!(state.push(20), Ok(())),
            |state: &State| state.pop_many(2),
        ],
        drain_all,
    );
}

/// Edge pop → room, at full, where every slot is filled again at once: would catch a value written over one
/// that is being moved out. Hundreds of executions: two pushes with three or four loads each, two pops.
#[test]
fn a_push_into_a_full_queue_meets_a_pop() {
    in_all_placements(
        "mpsc ring, full",
        100,
        || State::new(1, 1, 0),
        &[
            |state: &State| {
                state.try_push(10);
                state.try_push(11);
            },
            |state: &State| state.pop_times(2),
        ],
        |state| {
            drain_all(state);
            assert_eq!(state.popped.values(), state.accepted.values());
        },
    );
}

/// The same for batches, in a ring with a slot more than there is room for. Some executions: a batch is one claim.
#[test]
fn a_batch_into_a_full_queue_meets_a_batch_that_is_popped() {
    in_all_placements(
        "mpsc ring, full, batches",
        20,
        || State::new(3, 3, 0),
        &[
            |state: &State| {
                let _ = state.push_many(&[10, 11]);
                let _ = state.push_many(&[12, 13]);
            },
            |state: &State| state.pop_many(2),
        ],
        |state| {
            drain_all(state);
            assert_eq!(state.popped.values(), state.accepted.values());
        },
    );
}

/// Edge room → known room: one producer looks at the consumer, the other relies on that. Would catch a slot
/// filled before it was emptied, and more in the queue than fits. Thousands of executions: three threads.
#[test]
fn room_that_one_producer_saw_is_used_by_another() {
    in_all_placements(
        "mpsc ring, known room",
        1000,
        || State::new(2, 2, 0),
        &[
            |state: &State| state.try_push(10),
            |state: &State| state.try_push(20),
            |state: &State| state.pop_many(2),
        ],
        drain_all,
    );
}

/// Edge claim → push of a reserved place: the queue is full up to what is reserved; a push sees the pop and
/// takes the free place, so that the reserved push goes to the slot that was popped, by what another one saw.
/// Hundreds of executions: three threads, of which one has two steps before it fills.
#[test]
fn room_that_a_push_saw_is_used_by_a_reserved_push() {
    in_all_placements(
        "mpsc ring, reserved after a push",
        300,
        || State::new(2, 1, 1),
        &[
            |state: &State| state.try_push(10),
            |state: &State| assert_eq!(state.push_reserved(20), Ok(())),
            |state: &State| state.pop_times(1),
        ],
        drain_all,
    );
}

/// The same, seen by a batch.
#[test]
fn room_that_a_batch_saw_is_used_by_a_reserved_push() {
    in_all_placements(
        "mpsc ring, reserved after a batch",
        300,
        || State::new(3, 2, 1),
        &[
            |state: &State| {
                let _ = state.push_many(&[10, 11]);
            },
            |state: &State| assert_eq!(state.push_reserved(20), Ok(())),
            |state: &State| state.pop_many(2),
        ],
        drain_all,
    );
}

/// The same, seen by a reservation: two reserved pushes, either of which may get the slot that was popped.
#[test]
fn room_that_a_reservation_saw_is_used_by_another() {
    in_all_placements(
        "mpsc ring, reserved after reserved",
        300,
        || State::new(2, 1, 1),
        &[
            |state: &State| {
                if state.ring.reserve().is_ok() {
                    assert_eq!(state.push_reserved(10), Ok(()));
                }
            },
            |state: &State| assert_eq!(state.push_reserved(20), Ok(())),
            |state: &State| state.pop_times(1),
        ],
        drain_all,
    );
}

/// A place that is given back and taken again: the end goes back and comes again, by somebody who saw room for
/// himself. Would catch a place counted twice or lost, and a fill by what the one who gave up saw. Tens of
/// executions: one step against three claims and a pop.
#[test]
fn a_place_given_back_is_room_for_a_push() {
    in_all_placements(
        "mpsc ring, unreserve",
        20,
        || State::new(1, 0, 1),
        &[
            // SAFETY: `new` reserved the place.
            |state: &State| unsafe { state.ring.unreserve() },
            |state: &State| {
                state.try_push(10);
                state.try_push(20);
                state.pop_times(1);
                state.try_push(21);
            },
        ],
        |state| {
            drain_all(state);
            assert_eq!(state.push(30), Ok(()), "the place is free");
            assert_eq!(state.push(31), Err(PushError::Full(())));
            drain_all(state);
        },
    );
}

/// A reserved push never fails for want of room, whoever pushes meanwhile: would catch a place that others
/// take. Hundreds of executions: a claim, a reserved claim, and a second look.
#[test]
fn what_is_reserved_is_not_given_to_others() {
    in_all_placements(
        "mpsc ring, reserved",
        20,
        || State::new(2, 0, 1),
        &[
            |state: &State| {
                assert_eq!(state.push(10), Ok(()));
                assert_eq!(state.push(11), Err(PushError::Full(())));
            },
            |state: &State| assert_eq!(state.push_reserved(20), Ok(())),
        ],
        drain_all,
    );
}

/// Batches next to each other, and as much of them as there is room for. Hundreds of executions: two claims and
/// a pop of three slots.
#[test]
fn a_batch_stays_together() {
    in_all_placements(
        "mpsc ring, batches",
        100,
        || State::new(3, 0, 0),
        &[
            |state: &State| assert_eq!(state.push_many(&[10, 11]), Ok(2)),
            |state: &State| assert_eq!(state.push(20), Ok(())),
            |state: &State| state.pop_many(3),
        ],
        |state| {
            drain_all(state);
            let popped = state.popped.values();
            let first = popped.iter().position(|&value| value == 10).unwrap();
            assert_eq!(popped[first + 1], 11);
        },
    );
}

/// A push that has returned hides only behind one that is under way: would catch `Empty` where the oldest value
/// is there. Thousands of executions: two claims, a flag, a pop.
#[test]
fn a_push_is_hidden_only_by_one_before_it() {
    in_all_placements(
        "mpsc ring, hidden",
        300,
        || State::new(2, 0, 0),
        &[
            |state: &State| assert_eq!(state.push(10), Ok(())),
            |state: &State| {
                assert_eq!(state.push(20), Ok(()));
                state.flag.store(true, Release);
            },
            |state: &State| {
                if state.flag.load(Acquire) && state.pop().is_err() {
                    assert_eq!(state.ring.len(), 2, "the other one came first");
                    assert!(!state.ring.is_empty());
                }
            },
        ],
        |state| {
            drain_all(state);
            assert_eq!(state.popped.sorted(), [10, 20]);
        },
    );
}

/// A pop that has returned made room: would catch `Full` from a look that mixes an old tail with a new head, or
/// the other way round. Thousands of executions: a flag between a pop and one of two pushes.
#[test]
fn a_pop_that_returned_has_made_room() {
    in_all_placements(
        "mpsc ring, room",
        1000,
        || State::new(2, 2, 0),
        &[
            |state: &State| {
                state.pop_many(2);
                state.flag.store(true, Release);
            },
            |state: &State| state.try_push(10),
            |state: &State| {
                let was_popped = state.flag.load(Acquire);
                let result = state.push(20);
                assert!(result.is_ok() || !was_popped);
            },
        ],
        drain_all,
    );
}

/// `len` at any time: would catch one that mixes two times into a number beyond the capacity. Hundreds of
/// executions: three loads against two claims and a pop.
#[test]
fn len_is_never_above_the_capacity() {
    in_all_placements(
        "mpsc ring, len",
        100,
        || State::new(2, 2, 0),
        &[
            |state: &State| assert!(state.ring.len() <= 2),
            |state: &State| {
                state.try_push(10);
                state.try_push(11);
            },
            |state: &State| state.pop_many(2),
        ],
        drain_all,
    );
}

/// Close and push are one order: would catch a push that succeeds after `Closed` was seen, and a value that is
/// accepted but not popped. Tens of executions: three claims of one word.
#[test]
fn a_push_comes_before_the_close_or_fails() {
    in_all_placements(
        "mpsc ring, close and push",
        20,
        || State::new(3, 0, 0),
        &[
            |state: &State| {
                let first = state.push(10);
                let second = state.push(11);
                assert!(first.is_ok() || second.is_err());
                state.assert_fact_if_closed(second);
            },
            State::close_with_a_fact,
        ],
        drain_closed,
    );
}

/// Edge close → closed, for a push that finds the queue full, and then closed. Tens of executions: two words.
#[test]
fn a_push_refused_at_full_knows_what_the_closer_did() {
    in_all_placements(
        "mpsc ring, close at full",
        10,
        || State::new(1, 1, 0),
        &[
            |state: &State| state.assert_fact_if_closed(state.push(10)),
            State::close_with_a_fact,
        ],
        drain_closed,
    );
}

/// The same for a batch, at its first look or after losing a claim. Tens of executions, as above.
#[test]
fn a_refused_batch_knows_what_the_closer_did() {
    in_all_placements(
        "mpsc ring, close and batch",
        10,
        || State::new(3, 0, 0),
        &[
            |state: &State| state.assert_fact_if_closed(state.push_many(&[10, 11])),
            State::close_with_a_fact,
        ],
        drain_closed,
    );
}

/// The same for a reservation, and for the push that it was made for: the value comes back. Tens of executions.
#[test]
fn a_reservation_meets_the_close() {
    in_all_placements(
        "mpsc ring, close and reserve",
        10,
        || State::new(2, 0, 0),
        &[
            |state: &State| {
                let reserved = state.ring.reserve();
                state.assert_fact_if_closed(reserved);
                if reserved.is_ok() {
                    state.assert_fact_if_closed(state.push_reserved(10));
                }
            },
            State::close_with_a_fact,
        ],
        drain_closed,
    );
}

/// The same with places that were reserved before, of which one is used and one given back. Tens of
/// executions: three changes of one word, and the close.
#[test]
fn a_reserved_push_comes_before_the_close_or_fails() {
    in_all_placements(
        "mpsc ring, close and push_reserved",
        20,
        || State::new(2, 0, 2),
        &[
            |state: &State| state.assert_fact_if_closed(state.push_reserved(10)),
            // SAFETY: `new` reserved two places, the other one is for the other role.
            |state: &State| unsafe { state.ring.unreserve() },
            State::close_with_a_fact,
        ],
        drain_closed,
    );
}

/// Edge close → closed, for `is_closed`. Two executions at least: before and after.
#[test]
fn is_closed_knows_what_the_closer_did() {
    in_all_placements(
        "mpsc ring, is_closed",
        2,
        || State::new(1, 0, 0),
        &[
            |state: &State| {
                if state.ring.is_closed() {
                    state.facts[0].assert();
                }
            },
            State::close_with_a_fact,
        ],
        drain_closed,
    );
}

/// Close and pop: would catch `Closed` before everything accepted was popped, and without what the closer did;
/// a reservation outstanding is no reason to wait. Hundreds of executions: a push, a close, three pops.
#[test]
fn closed_is_said_only_when_nothing_is_left() {
    in_all_placements(
        "mpsc ring, close and pop",
        100,
        || State::new(3, 1, 1),
        &[
            |state: &State| {
                assert_eq!(state.push(10), Ok(()));
                state.close_with_a_fact();
            },
            |state: &State| {
                for _ in 0..3 {
                    if state.pop() == Err(PopError::Closed) {
                        assert_eq!(state.popped.values(), [0, 10]);
                        state.facts[0].assert();
                    }
                }
            },
        ],
        drain_closed,
    );
}

/// The ends, each taken by one role; the locks are never waited for.
struct Ends {
    producers: [Mutex<Option<BoundedProducer<Counted>>>; 2],
    consumer: Mutex<Option<BoundedConsumer<Counted>>>,
    counter: Counter,
    facts: [Fact; 2],
}

impl Ends {
    fn new(capacity: usize, inside: usize) -> Self {
        let (producer, consumer) = bounded(capacity);
        let counter = Counter::default();
        for value in 0..inside {
            assert!(producer.push(counter.make(value)).is_ok());
        }
        Self {
            producers: [
                Mutex::new(Some(producer.clone())),
                Mutex::new(Some(producer)),
            ],
            consumer: Mutex::new(Some(consumer)),
            counter,
            facts: [Fact::new(), Fact::new()],
        }
    }

    fn producer(&self, index: usize) -> BoundedProducer<Counted> {
        self.producers[index].lock().unwrap().take().unwrap()
    }

    fn consumer(&self) -> BoundedConsumer<Counted> {
        self.consumer.lock().unwrap().take().unwrap()
    }

    /// Drops the ends that are left and checks that every value was dropped once.
    fn finish(&self) {
        for producer in &self.producers {
            drop(producer.lock().unwrap().take());
        }
        drop(self.consumer.lock().unwrap().take());
        self.counter.assert_all_dropped_once();
    }
}

/// Edge close → closed, and the count of producers: whoever hears `Closed` knows what every producer did before
/// it was dropped. Would catch a weak close, a weak count, and the last value lost between "empty" and "closed"
/// (the shape of flume issue 120). Hundreds of executions.
#[test]
fn closed_by_the_last_producer_carries_what_all_did() {
    in_all_placements(
        "mpsc ring, last producer",
        300,
        || Ends::new(1, 0),
        &[
            |ends: &Ends| {
                let producer = ends.producer(0);
                ends.facts[0].establish();
                drop(producer);
            },
            |ends: &Ends| {
                let producer = ends.producer(1);
                assert!(producer.push(ends.counter.make(20)).is_ok());
                ends.facts[1].establish();
                drop(producer);
            },
            |ends: &Ends| {
                let mut consumer = ends.consumer();
                let mut popped = 0;
                for _ in 0..2 {
                    match consumer.pop() {
                        Ok(_) => popped += 1,
                        Err(PopError::Empty) => {}
                        Err(PopError::Closed) => {
                            assert_eq!(popped, 1);
                            ends.facts.iter().for_each(Fact::assert);
                        }
                    }
                }
                *ends.consumer.lock().unwrap() = Some(consumer);
            },
        ],
        Ends::finish,
    );
}

/// A consumer that is dropped while a producer pushes, also to a place it has reserved (the shape of
/// RUSTSEC-2025-0024 and of crossbeam issue 971): would catch a value dropped twice or never, and one written
/// into memory that is gone. Hundreds of executions: three changes of the word against a close and a drain.
#[test]
fn dropping_the_consumer_races_with_a_producer() {
    in_all_placements(
        "mpsc ring, drop",
        300,
        || Ends::new(3, 1),
        &[
            |ends: &Ends| {
                let producer = ends.producer(0);
                let place = producer.reserve();
                let _ = producer.push(ends.counter.make(10));
                if let Ok(place) = place {
                    let _ = place.push(ends.counter.make(20));
                }
            },
            |ends: &Ends| drop(ends.consumer()),
        ],
        Ends::finish,
    );
}
