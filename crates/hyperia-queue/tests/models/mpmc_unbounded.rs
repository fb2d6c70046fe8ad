//! Models of the unbounded queue between many producers and many consumers.

use super::placements::in_all_placements;
use hyperia_queue::mpmc::UnboundedQueue;
use hyperia_queue::{PopError, PushError};

use hyperia_test::tracked::{Counted, Counter, Fact, Log};

struct State {
    queue: UnboundedQueue<Counted>,
    counter: Counter,
    accepted: Log,
    popped: Log,
    fact: Fact,
}

impl State {
    /// With values 0 and up already inside, from the second place of a block of three on: the next one is the last.
    fn new(inside: usize) -> Self {
        Self::shifted(1, inside)
    }

    /// The same after `before` values came and went, so that the first place is another one, and a
    /// block may be spare.
    fn shifted(before: usize, inside: usize) -> Self {
        let counter = Counter::default();
        let queue = UnboundedQueue::new();
        for value in 0..before {
            assert!(queue.push(counter.make(value)).is_ok());
            assert!(queue.pop().is_ok());
        }
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

    fn push_many(&self, values: std::ops::Range<usize>) {
        let mut batch: Vec<_> = values
            .clone()
            .map(|value| self.counter.make(value))
            .collect();
        match self.queue.push_many(&mut batch) {
            Ok(count) => {
                assert_eq!((count, batch.len()), (values.len(), 0));
                values.for_each(|value| self.accepted.push(value));
            }
            Err(error) => {
                assert!(error.is_closed());
                assert_eq!(batch.len(), values.len(), "all or none");
            }
        }
    }

    fn pop(&self) -> Result<(), PopError> {
        self.queue
            .pop()
            .map(|counted| self.popped.push(counted.value))
    }

    /// Into a vector that has to grow, for which a call goes away from the queue and comes back.
    fn pop_many(&self, limit: usize) -> Result<usize, PopError> {
        self.pop_many_into(Vec::new(), limit)
    }

    /// Into a vector that has room.
    fn pop_many_at_once(&self, limit: usize) -> Result<usize, PopError> {
        self.pop_many_into(Vec::with_capacity(limit), limit)
    }

    fn pop_many_into(&self, mut values: Vec<Counted>, limit: usize) -> Result<usize, PopError> {
        let result = self.queue.pop_many(&mut values, limit);
        assert_eq!(values.len(), result.unwrap_or(0));
        values
            .iter()
            .for_each(|counted| self.popped.push(counted.value));
        result
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

/// Edges fill → empty and empty → spent: would catch a value read before it is written, one read twice,
/// and a block used again while a value is still being read. A hundred executions: two claims against
/// three pops, over the end of a block.
#[test]
fn pushes_and_pops_cross_a_block_boundary() {
    in_all_placements(
        "mpmc unbounded boundary",
        100,
        || State::new(1),
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
        |state| state.assert_exactly_once(1),
    );
}

/// Edge install → claim: one producer brings a block, another may be the first to write into it. Would
/// catch a slot claimed twice, and a block used before its slots are empty. Thousands of executions: two
/// claims and two pops.
#[test]
fn two_producers_cross_a_block_boundary() {
    in_all_placements(
        "mpmc unbounded 2p1c",
        1000,
        || State::new(1),
        &[
            |state: &State| state.push(10),
            |state: &State| state.push(20),
            |state: &State| {
                let _ = state.pop();
                let _ = state.pop();
            },
        ],
        |state| state.assert_exactly_once(1),
    );
}

/// Edges leave → enter, look → leave, stray → spent: two consumers at the last slot of a block (the shape
/// of RUSTSEC-2021-0093: two take one value). One takes it and leaves the block while the other looks at
/// it. Would catch a value popped twice, and a block looked at after its use has ended. Tens of executions:
/// four read-modify-writes on one word, whose order is nearly all there is.
#[test]
fn two_consumers_meet_at_the_last_slot_of_a_block() {
    in_all_placements(
        "mpmc unbounded last slot",
        50,
        || State::shifted(2, 2),
        &[
            |state: &State| {
                let _ = state.pop();
            },
            |state: &State| {
                let _ = state.pop();
            },
        ],
        |state| {
            assert_eq!(state.popped.sorted(), [0, 1], "nothing hides what is there");
            state.assert_exactly_once(2);
        },
    );
}

/// Edge look → claim ahead: one consumer finds two values, takes the first and says of the other that it is ready; another
/// one takes that without a look. Would catch a value that is taken before it is there, for the one who takes it. Hundreds
/// of executions: two pushes, two pops.
#[test]
fn a_value_that_another_one_has_seen_is_there() {
    in_all_placements(
        "mpmc unbounded ahead",
        300,
        || State::shifted(0, 0),
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
        |state| state.assert_exactly_once(0),
    );
}

/// Edge claim → leave with a slot that was taken without a look: who leaves the block knows it by the look before. Would
/// catch a block used again while that value is moved out. Hundreds of executions: two calls against three. (With the look and
/// the claim on two threads it passed, too, in 1.2 million executions, which are too many for every day.)
#[test]
fn who_leaves_a_block_knows_of_a_slot_that_was_taken_unseen() {
    in_all_placements(
        "mpmc unbounded ahead, left",
        300,
        || State::shifted(0, 1),
        &[
            |state: &State| {
                state.push(10);
                let _ = state.pop();
                let _ = state.pop();
            },
            |state: &State| {
                state.push(20);
                let _ = state.pop();
            },
        ],
        |state| state.assert_exactly_once(1),
    );
}

/// Would catch `is_empty` in a queue in which there are values that nobody pops: a `head` of before its block was used
/// again looks like the `tail` of now. Tens of executions: two loads against four calls.
#[test]
fn a_queue_that_is_never_empty_does_not_look_so() {
    in_all_placements(
        "mpmc unbounded is_empty",
        20,
        || State::shifted(0, 5),
        &[
            |state: &State| {
                let _ = state.pop();
                let _ = state.pop();
                let _ = state.pop();
                state.push(10);
            },
            |state: &State| assert!(!state.queue.is_empty()),
        ],
        |state| state.assert_exactly_once(5),
    );
}

/// Edge claim → leave: each of two tasks fills one slot of a block, and pops one. Who leaves the block knows of the
/// other's slot only by the claim of the pop there. Would catch a slot taken to be empty again before it was, and so
/// a block used again while its last value is moved out. Hundreds of executions: four read-modify-writes each.
#[test]
fn who_leaves_a_block_knows_of_every_slot_that_was_filled() {
    in_all_placements(
        "mpmc unbounded two that push and pop",
        300,
        || State::new(0),
        &[
            |state: &State| {
                state.push(10);
                let _ = state.pop();
            },
            |state: &State| {
                state.push(20);
                let _ = state.pop();
            },
        ],
        |state| state.assert_exactly_once(0),
    );
}

/// The same where the slot is popped as a batch, which claims in another place, and the block is left by a pop. Hundreds of
/// executions.
#[test]
fn who_leaves_a_block_knows_of_every_slot_that_a_batch_took() {
    in_all_placements(
        "mpmc unbounded a batch that pushes and pops",
        300,
        || State::new(0),
        &[
            |state: &State| {
                state.push(10);
                let _ = state.pop_many_at_once(1);
            },
            |state: &State| {
                state.push(20);
                let _ = state.pop();
            },
        ],
        |state| state.assert_exactly_once(0),
    );
}

/// Edge leave → enter of a batch: a block is left by one, comes back, and is entered by another consumer through the next
/// batch. Would catch one that sees the block as it was in its first use, and pops what is not there. Tens of
/// executions: three claims against one pop.
#[test]
fn who_enters_a_block_behind_a_batch_sees_its_slots_emptied() {
    in_all_placements(
        "mpmc unbounded entered behind a batch",
        20,
        || State::new(3),
        &[
            |state: &State| {
                let _ = state.pop_many_at_once(2);
                state.push(10);
                let _ = state.pop_many_at_once(2);
            },
            |state: &State| {
                let _ = state.pop();
            },
        ],
        |state| state.assert_exactly_once(3),
    );
}

/// The same with batches, which leave a block in the middle of their work. Hundreds of executions.
#[test]
fn two_batches_are_popped_across_the_end_of_a_block() {
    in_all_placements(
        "mpmc unbounded pop_many",
        300,
        || State::new(3),
        &[
            |state: &State| {
                let _ = state.pop_many(2);
            },
            |state: &State| {
                let _ = state.pop_many(3);
            },
        ],
        |state| state.assert_exactly_once(3),
    );
}

/// Edges spent → reuse, empty → spent, look → leave, stray → spent: two consumers leave a block, and a
/// producer brings it back and fills it. Would catch a slot filled while it is still read or looked at.
/// Thousands of executions: three roles.
#[test]
fn a_spent_block_comes_back() {
    in_all_placements(
        "mpmc unbounded reuse",
        1000,
        || State::shifted(2, 2),
        &[
            |state: &State| {
                state.push(10);
                state.push(11);
            },
            |state: &State| {
                let _ = state.pop();
                let _ = state.pop();
            },
            |state: &State| {
                let _ = state.pop();
            },
        ],
        |state| state.assert_exactly_once(2),
    );
}

/// Edge wait → retire: a block that was left while somebody was in it is found spent by whoever leaves
/// the next one. Would catch a block that is forgotten, or taken twice, on that way. Thousands of
/// executions: four pops over two ends of blocks.
#[test]
fn blocks_that_were_left_are_looked_after() {
    in_all_placements(
        "mpmc unbounded retired",
        1000,
        || State::shifted(2, 4),
        &[
            |state: &State| {
                let _ = state.pop();
                let _ = state.pop();
            },
            |state: &State| {
                let _ = state.pop();
                let _ = state.pop();
            },
        ],
        |state| {
            assert_eq!(state.popped.sorted(), [0, 1, 2, 3]);
            state.push_many(10..16);
            state.assert_exactly_once(4);
        },
    );
}

/// A consumer that finds nothing looks at a block while others go on: would catch a block used again under
/// its eyes, and `Empty` where there was a value all the time. Thousands of executions: three roles.
#[test]
fn a_pop_finds_nothing_while_others_go_on() {
    in_all_placements(
        "mpmc unbounded nothing",
        1000,
        || State::shifted(2, 0),
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
        |state| state.assert_exactly_once(0),
    );
}

/// The same with a batch that leaves the block for one that was just brought: would catch a block that
/// another consumer sees before its slots are empty. Thousands of executions: three roles.
#[test]
fn a_batch_leaves_a_block_for_one_that_was_just_brought() {
    in_all_placements(
        "mpmc unbounded batch leaves",
        1000,
        || State::shifted(2, 0),
        &[
            |state: &State| {
                state.push(10);
                state.push(11);
            },
            |state: &State| {
                let _ = state.pop_many(1);
            },
            |state: &State| {
                let _ = state.pop();
            },
        ],
        |state| state.assert_exactly_once(0),
    );
}

/// A pop at a slot whose push is under way, with one behind it that has returned: it says `Empty`, or pops
/// the older value; it never pops the younger one first. Hundreds of executions.
#[test]
fn a_push_under_way_hides_what_is_behind_it() {
    in_all_placements(
        "mpmc unbounded under way",
        300,
        || State::new(0),
        &[
            |state: &State| state.push(10),
            |state: &State| state.push(20),
            |state: &State| match state.pop() {
                Ok(()) | Err(PopError::Empty) => {}
                Err(PopError::Closed) => unreachable!("nobody closes"),
            },
        ],
        |state| {
            let first = state.popped.values();
            state.drain();
            assert_eq!(state.popped.values()[..first.len()], first);
            state.assert_exactly_once(0);
        },
    );
}

/// Batches against single calls on both sides: would catch a batch that is torn apart or whose blocks are
/// seen before they are there. Hundreds of executions.
#[test]
fn batches_and_single_calls_share_the_queue() {
    in_all_placements(
        "mpmc unbounded batches",
        300,
        || State::new(1),
        &[
            |state: &State| state.push_many(10..14),
            |state: &State| state.push(20),
            |state: &State| {
                let _ = state.pop_many(3);
            },
        ],
        |state| {
            state.drain();
            let popped = state.popped.values();
            let first = popped.iter().position(|&value| value == 10).unwrap();
            assert_eq!(popped[first..first + 4], [10, 11, 12, 13], "not torn apart");
            state.assert_exactly_once(1);
        },
    );
}

/// Close and push are one order, at the last slot of a block too. Would catch a push that succeeds after
/// the close, a value that is accepted and not popped, and a block that was brought and is lost. Tens of
/// executions: two claims against one close.
#[test]
fn a_push_comes_before_the_close_or_fails() {
    in_all_placements(
        "mpmc unbounded close and push",
        20,
        || State::new(1),
        &[
            |state: &State| {
                for value in [10, 11] {
                    match state.queue.push(state.counter.make(value)) {
                        Ok(()) => state.accepted.push(value),
                        Err(PushError::Closed(counted)) => assert_eq!(counted.value, value),
                        Err(PushError::Full(_)) => unreachable!("it is never full"),
                    }
                }
            },
            |state: &State| assert!(state.queue.close()),
        ],
        |state| {
            assert_eq!(state.drain(), PopError::Closed);
            assert!(!state.queue.close());
            state.assert_exactly_once(1);
        },
    );
}

/// A batch is pushed as a whole or not at all, whenever the close comes. Ten executions: one claim against
/// one close.
#[test]
fn a_batch_comes_before_the_close_or_fails_as_a_whole() {
    in_all_placements(
        "mpmc unbounded close and batch",
        3,
        || State::new(1),
        &[
            |state: &State| state.push_many(10..13),
            |state: &State| assert!(state.queue.close()),
        ],
        |state| {
            assert_eq!(state.drain(), PopError::Closed);
            state.assert_exactly_once(1);
        },
    );
}

/// Close and pop: would catch `Closed` before everything accepted was popped, and the last value lost
/// between "empty" and "closed" (the shape of flume issue 120). A hundred executions.
#[test]
fn closed_is_said_only_when_nothing_is_left() {
    in_all_placements(
        "mpmc unbounded close and pop",
        100,
        || State::new(1),
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

/// Edge close → closed: a pop that says `Closed`, and a push, know what the closer did before; a push at
/// the last slot of a block too. Tens of executions: loads against one read-modify-write.
#[test]
fn closed_carries_what_the_closer_did() {
    for make in [|| State::new(0), || State::shifted(2, 0)] {
        in_all_placements(
            "mpmc unbounded closed",
            20,
            make,
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
}

/// The same for batches. Tens of executions, as above.
#[test]
fn a_refused_batch_knows_what_the_closer_did() {
    in_all_placements(
        "mpmc unbounded closed, batches",
        20,
        || State::new(0),
        &[
            close_with_a_fact,
            |state: &State| {
                if state.pop_many(1) == Err(PopError::Closed) {
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
        "mpmc unbounded is_closed",
        2,
        || State::new(0),
        &[close_with_a_fact, |state: &State| {
            if state.queue.is_closed() {
                state.fact.assert();
            }
        }],
        |_| {},
    );
}

/// `len` while others push and pop (the shape of crossbeam issue 523): would catch a difference that wraps
/// around to a huge number. Hundreds of executions.
#[test]
fn len_is_never_wild() {
    in_all_placements(
        "mpmc unbounded len",
        300,
        || State::new(1),
        &[
            |state: &State| {
                state.push(10);
            },
            |state: &State| {
                let _ = state.pop();
                let _ = state.pop();
            },
            // Two values, and the three places of a block that a pop leaves meanwhile.
            |state: &State| assert!(state.queue.len() <= 5),
        ],
        |state| {
            let inside = 1 + state.accepted.values().len() - state.popped.values().len();
            assert_eq!(state.queue.len(), inside, "exact when nobody else is at it");
            assert_eq!(state.queue.is_empty(), inside == 0);
            state.assert_exactly_once(1);
        },
    );
}

/// The last handle drops what is left, whichever side it is on (the shape of RUSTSEC-2025-0024, where what
/// was left was dropped twice): would catch a value dropped twice or not at all. Tens of executions: one
/// claim each.
#[test]
fn the_last_owner_drops_what_is_left() {
    use loom::sync::{Arc, Mutex};
    type Handle = Mutex<Option<Arc<UnboundedQueue<Counted>>>>;
    struct Shared {
        handles: [Handle; 2],
        counter: Counter,
    }
    in_all_placements(
        "mpmc unbounded drop",
        20,
        || {
            let queue = Arc::new(UnboundedQueue::new());
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

/// One thread pushes and pops until the first block has come round and `tail` is the word it was.
fn go_round(state: &State) {
    state.push(10);
    let _ = state.pop();
    let _ = state.pop();
    (11..16).for_each(|value| state.push(value));
}

fn check_round(state: &State) {
    state.drain();
    assert_eq!(state.popped.sorted(), [0, 10, 11, 12, 13, 14, 15, 20]);
}

/// A claim of a last slot by a word that went away and came back (invariant 3): the producer looks, the block goes
/// round, and then its exchange succeeds. Would catch an exchange that knows only what the look knew: it must
/// acquire by itself. A hundred executions: the look and the exchange against a dozen steps.
#[test]
fn a_word_that_comes_back_is_claimed_as_if_it_were_new() {
    in_all_placements(
        "mpmc unbounded come back",
        100,
        || State::new(1),
        &[|state: &State| state.push(20), go_round],
        check_round,
    );
}

/// The same for a batch.
#[test]
fn a_word_that_comes_back_is_claimed_by_a_batch() {
    in_all_placements(
        "mpmc unbounded come back, batch",
        100,
        || State::new(1),
        &[|state: &State| state.push_many(20..21), go_round],
        check_round,
    );
}
