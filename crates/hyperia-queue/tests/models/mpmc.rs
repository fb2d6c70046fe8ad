//! Models of the bounded queue.

use super::placements::in_all_placements;
use hyperia_queue::mpmc::Queue;
use hyperia_queue::{PopError, PushError};

use hyperia_test::tracked::{Counted, Counter, Fact, Log};

struct State {
    queue: Queue<Counted>,
    counter: Counter,
    accepted: Log,
    popped: Log,
    fact: Fact,
}

impl State {
    /// With values 0 and up already inside.
    fn new(capacity: usize, inside: usize) -> Self {
        let counter = Counter::default();
        let queue = Queue::bounded(capacity);
        for value in 0..inside {
            assert!(queue.push(counter.make(value)).is_ok());
        }
        let (accepted, popped) = (Log::default(), Log::default());
        Self {
            queue,
            counter,
            accepted,
            popped,
            fact: Fact::new(),
        }
    }

    fn push(&self, value: usize) {
        if self.queue.push(self.counter.make(value)).is_ok() {
            self.accepted.push(value);
        }
    }

    fn pop(&self) -> Result<(), PopError> {
        self.queue
            .pop()
            .map(|counted| self.popped.push(counted.value))
    }

    fn drain(&self) -> PopError {
        loop {
            if let Err(error) = self.pop() {
                return error;
            }
        }
    }

    /// Everything accepted, and the `inside` from before, came out once.
    fn assert_exactly_once(&self, inside: usize) {
        self.drain();
        assert_eq!(self.queue.len(), 0);
        let mut expected: Vec<_> = (0..inside).chain(self.accepted.values()).collect();
        expected.sort_unstable();
        assert_eq!(self.popped.sorted(), expected);
        self.counter.assert_all_dropped_once();
    }
}

/// Edges fill → empty and empty → refill with a single slot: would catch a value read before it is
/// written, one written over a value that is still being read, one popped twice. Tens of
/// executions: two pushes against three pops of one slot, where only the order of its stamps counts.
#[test]
fn one_slot_is_filled_and_emptied() {
    in_all_placements(
        "mpmc capacity 1",
        50,
        || State::new(1, 0),
        &[
            |state: &State| {
                state.push(10);
                state.push(11);
            },
            |state: &State| {
                let _ = state.pop();
                let _ = state.pop();
                let _ = state.pop();
            },
        ],
        |state| {
            assert_eq!(
                state.accepted.values().first(),
                Some(&10),
                "there was room for one"
            );
            state.assert_exactly_once(0);
        },
    );
}

/// Two producers and a consumer on a capacity that is no power of two, over the end of a lap: would
/// catch a slot claimed twice and a value lost. Thousands of executions: three claims.
#[test]
fn two_producers_and_a_consumer() {
    in_all_placements(
        "mpmc 2p1c, capacity 3",
        1000,
        || State::new(3, 2),
        &[
            |state: &State| {
                state.push(10);
                state.push(11);
            },
            |state: &State| state.push(20),
            |state: &State| {
                let _ = state.pop();
                let _ = state.pop();
            },
        ],
        |state| state.assert_exactly_once(2),
    );
}

/// Two consumers and a producer (the shape of RUSTSEC-2021-0093: two take one value): would catch a
/// value popped twice or read while its slot is refilled. Thousands of executions: three claims.
#[test]
fn two_consumers_and_a_producer() {
    in_all_placements(
        "mpmc 1p2c, capacity 2",
        1000,
        || State::new(2, 1),
        &[
            |state: &State| {
                state.push(10);
                state.push(11);
            },
            |state: &State| {
                let _ = state.pop();
            },
            |state: &State| {
                let _ = state.pop();
            },
        ],
        |state| state.assert_exactly_once(1),
    );
}

/// Batches against single calls on both sides: would catch a batch that claims a slot which is not
/// free or not full, or that is torn apart. Hundreds of executions.
#[test]
fn batches_and_single_calls_share_the_queue() {
    in_all_placements(
        "mpmc batches",
        300,
        || State::new(2, 1),
        &[
            |state: &State| {
                let mut values = vec![state.counter.make(10), state.counter.make(11)];
                let count = state.queue.push_many(&mut values).unwrap_or(0);
                assert_eq!(values.len(), 2 - count);
                (10..10 + count).for_each(|value| state.accepted.push(value));
            },
            |state: &State| {
                let mut values = Vec::new();
                let count = state.queue.pop_many(&mut values, 2).unwrap_or(0);
                assert_eq!(values.len(), count);
                values
                    .iter()
                    .for_each(|counted| state.popped.push(counted.value));
            },
            |state: &State| {
                let _ = state.pop();
            },
        ],
        |state| state.assert_exactly_once(1),
    );
}

/// Close and push are one order. Would catch a push that succeeds after the close, and a value that
/// is accepted and not popped. Tens of executions: two claims against one close.
#[test]
fn a_push_comes_before_the_close_or_fails() {
    in_all_placements(
        "mpmc close and push",
        30,
        || State::new(2, 0),
        &[
            |state: &State| {
                for value in [10, 11] {
                    match state.queue.push(state.counter.make(value)) {
                        Ok(()) => state.accepted.push(value),
                        Err(PushError::Closed(counted)) => assert_eq!(counted.value, value),
                        Err(PushError::Full(_)) => unreachable!("there is room for both"),
                    }
                }
            },
            |state: &State| assert!(state.queue.close()),
        ],
        |state| {
            assert_eq!(state.drain(), PopError::Closed);
            assert!(!state.queue.close());
            state.assert_exactly_once(0);
        },
    );
}

/// Close and pop: would catch `Closed` before everything accepted was popped, and the last value
/// lost between "empty" and "closed" (the shape of flume issue 120). A hundred executions.
#[test]
fn closed_is_said_only_when_nothing_is_left() {
    in_all_placements(
        "mpmc close and pop",
        100,
        || State::new(2, 1),
        &[
            |state: &State| {
                state.push(10);
                state.queue.close();
            },
            |state: &State| {
                for _ in 0..3 {
                    if state.pop() == Err(PopError::Closed) {
                        assert_eq!(state.popped.values(), [0, 10]);
                    }
                }
            },
        ],
        |state| {
            assert_eq!(state.drain(), PopError::Closed);
            state.assert_exactly_once(1);
        },
    );
}

/// What a closer does, and then closes.
fn close_with_a_fact(state: &State) {
    state.fact.establish();
    state.queue.close();
}

/// Edge close → closed: a pop that says `Closed`, and a push in a role of its own, know what the
/// closer did before. Tens of executions: loads against one read-modify-write.
#[test]
fn closed_carries_what_the_closer_did() {
    in_all_placements(
        "mpmc closed",
        30,
        || State::new(1, 0),
        &[
            close_with_a_fact,
            |state: &State| {
                if state.pop() == Err(PopError::Closed) {
                    state.fact.assert();
                }
            },
            |state: &State| {
                if let Err(PushError::Closed(_)) = state.queue.push(state.counter.make(2)) {
                    state.fact.assert();
                }
            },
        ],
        |_| {},
    );
}

/// The same for batches. Tens of executions, as above.
#[test]
fn a_refused_batch_knows_what_the_closer_did() {
    in_all_placements(
        "mpmc closed, batches",
        30,
        || State::new(1, 0),
        &[
            close_with_a_fact,
            |state: &State| {
                if state
                    .queue
                    .pop_many(&mut Vec::new(), 1)
                    .is_err_and(|e| e == PopError::Closed)
                {
                    state.fact.assert();
                }
            },
            |state: &State| {
                let mut values = vec![state.counter.make(1)];
                if state.queue.push_many(&mut values).is_err() {
                    state.fact.assert();
                    assert_eq!(values.len(), 1, "it stays where it was");
                }
            },
        ],
        |_| {},
    );
}

/// The same for `is_closed`. Two executions at least: before and after.
#[test]
fn is_closed_knows_what_the_closer_did() {
    in_all_placements(
        "mpmc is_closed",
        2,
        || State::new(1, 0),
        &[close_with_a_fact, |state: &State| {
            if state.queue.is_closed() {
                state.fact.assert();
            }
        }],
        |_| {},
    );
}

/// `len` while others push and pop (the shape of crossbeam issue 523): would catch a difference
/// that wraps around to a huge number, or passes the capacity. Hundreds of executions.
#[test]
fn len_is_never_wild() {
    in_all_placements(
        "mpmc len",
        300,
        || State::new(2, 1),
        &[
            |state: &State| {
                state.push(10);
                state.push(11);
            },
            |state: &State| {
                let _ = state.pop();
            },
            |state: &State| assert!(state.queue.len() <= 2),
        ],
        |state| {
            let inside = 1 + state.accepted.values().len() - state.popped.values().len();
            assert_eq!(state.queue.len(), inside, "exact when nobody else is at it");
            state.assert_exactly_once(1);
        },
    );
}

/// The last handle drops what is left, whichever side it is on: would catch a value dropped twice
/// or not at all. Tens of executions: one claim each.
#[test]
fn the_last_owner_drops_what_is_left() {
    use loom::sync::{Arc, Mutex};
    type Handle = Mutex<Option<Arc<Queue<Counted>>>>;
    struct Shared {
        handles: [Handle; 2],
        counter: Counter,
    }
    in_all_placements(
        "mpmc drop",
        20,
        || {
            let queue = Arc::new(Queue::bounded(2));
            let counter = Counter::default();
            assert!(queue.push(counter.make(0)).is_ok());
            let handles = [
                Mutex::new(Some(Arc::clone(&queue))),
                Mutex::new(Some(queue)),
            ];
            Shared { handles, counter }
        },
        &[
            |shared: &Shared| {
                let queue = shared.handles[0].lock().unwrap().take().unwrap();
                let _ = queue.push(shared.counter.make(1));
                let _ = queue.push(shared.counter.make(2));
            },
            |shared: &Shared| {
                let queue = shared.handles[1].lock().unwrap().take().unwrap();
                let _ = queue.pop();
            },
        ],
        |shared| shared.counter.assert_all_dropped_once(),
    );
}
