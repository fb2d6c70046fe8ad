//! What a user of the unbounded queue between many and many can rely on.
#![cfg(not(hyperia_loom))]

mod common;

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;

use common::{Counter, Random};
use hyperia_queue::mpmc::UnboundedQueue;
use hyperia_queue::{PopError, PushError};

/// Values in a block.
const BLOCK: usize = 32;

#[test]
fn values_come_out_in_the_order_they_went_in() {
    let queue = UnboundedQueue::new();
    assert_eq!(queue.pop(), Err(PopError::Empty));
    for value in 0..1000 {
        queue.push(value).unwrap();
    }
    for value in 0..1000 {
        assert_eq!(queue.pop(), Ok(value));
    }
    assert_eq!(queue.pop(), Err(PopError::Empty));
}

#[test]
fn it_counts_exactly_at_every_place_of_a_block() {
    let queue = UnboundedQueue::new();
    for shift in 0..2 * BLOCK {
        for count in 0..=2 * BLOCK + 1 {
            for value in 0..count {
                assert_eq!(queue.len(), value);
                assert_eq!(queue.is_empty(), value == 0);
                queue.push(value).unwrap();
            }
            for value in 0..count {
                assert_eq!(queue.len(), count - value);
                assert_eq!(queue.pop(), Ok(value));
            }
            assert!(queue.is_empty());
            assert_eq!(queue.pop(), Err(PopError::Empty), "{count} from {shift} on");
        }
        queue.push(shift).unwrap();
        assert_eq!(queue.pop(), Ok(shift));
    }
}

#[test]
fn what_was_pushed_before_a_close_is_popped_and_then_it_says_closed() {
    for before in 0..=BLOCK {
        for inside in [0, 1, 2, BLOCK - 1, BLOCK, BLOCK + 1] {
            let queue = UnboundedQueue::new();
            for value in 0..before {
                queue.push(value).unwrap();
                assert_eq!(queue.pop(), Ok(value));
            }
            for value in 0..inside {
                queue.push(value).unwrap();
            }
            assert!(!queue.is_closed());
            assert!(queue.close());
            assert!(!queue.close(), "it was closed already");
            assert!(queue.is_closed());
            assert_eq!(queue.push(9), Err(PushError::Closed(9)));
            let mut batch = vec![9; 100];
            assert_eq!(queue.push_many(&mut batch), Err(PushError::Closed(())));
            assert_eq!(batch, [9; 100], "they stay where they are");
            assert_eq!(queue.len(), inside);
            assert_eq!(queue.is_empty(), inside == 0);
            for value in 0..inside {
                assert_eq!(queue.pop(), Ok(value));
            }
            assert_eq!(queue.pop(), Err(PopError::Closed));
            assert_eq!(queue.pop_many(&mut Vec::new(), 1), Err(PopError::Closed));
            assert_eq!(queue.len(), 0);
        }
    }
}

/// The shape of RUSTSEC-2018-0009 (a popped value was also dropped by the reclamation) and of
/// RUSTSEC-2025-0024 (what was left was dropped twice with the queue).
#[test]
fn every_value_is_dropped_once() {
    for pushed in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 10 * BLOCK] {
        for popped in [0, 1, BLOCK, pushed] {
            let popped = popped.min(pushed);
            let counter = Counter::default();
            let queue = UnboundedQueue::new();
            for value in 0..pushed {
                queue.push(counter.make(value)).ok().unwrap();
            }
            for value in 0..popped {
                assert_eq!(*queue.pop().ok().unwrap().value, value);
            }
            assert_eq!(counter.dropped(), popped);
            drop(queue);
            counter.assert_all_dropped_once();
        }
    }
}

/// The shape of RUSTSEC-2022-0021: nothing is ever a value before it was pushed.
#[test]
fn values_that_are_never_zero_come_out_as_they_went_in() {
    let queue = UnboundedQueue::<NonZeroU64>::new();
    for value in (1..100).filter_map(NonZeroU64::new) {
        queue.push(value).unwrap();
        assert_eq!(queue.pop(), Ok(value));
    }
    let text = String::from("borrowed");
    let queue = UnboundedQueue::<&str>::new();
    queue.push(&text).unwrap();
    assert_eq!(queue.pop(), Ok("borrowed"));
    assert_eq!(queue.pop(), Err(PopError::Empty));
}

/// The shape of RUSTSEC-2022-0029: a consumer sees the place before what is in it.
#[test]
fn what_a_value_points_to_is_there_when_it_is_popped() {
    let queue = UnboundedQueue::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            for index in 0..20_000_usize {
                queue.push(Box::new([index; 4])).unwrap();
            }
            queue.close();
        });
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    match queue.pop() {
                        Ok(value) => assert_eq!(*value, [value[0]; 4]),
                        Err(PopError::Empty) => thread::yield_now(),
                        Err(PopError::Closed) => break,
                    }
                }
            });
        }
    });
}

#[test]
fn values_without_a_size_in_memory_are_counted_all_the_same() {
    let queue = UnboundedQueue::new();
    let mut values = vec![(); 100];
    assert_eq!(queue.push_many(&mut values), Ok(100));
    assert_eq!(queue.pop(), Ok(()));
    assert_eq!(queue.len(), 99);
    assert_eq!(queue.pop_many(&mut values, usize::MAX), Ok(99));
    assert_eq!(queue.pop(), Err(PopError::Empty));
}

#[test]
fn values_with_a_great_alignment_are_where_they_belong() {
    #[derive(Debug, PartialEq)]
    #[repr(align(256))]
    struct Aligned(usize);
    let queue = UnboundedQueue::new();
    for value in 0..100 {
        queue.push(Aligned(value)).unwrap();
    }
    for value in 0..100 {
        assert_eq!(queue.pop(), Ok(Aligned(value)));
    }
}

#[test]
fn more_values_than_there_can_be_are_refused_and_stay() {
    let queue = UnboundedQueue::new();
    let mut values = vec![(); usize::MAX];
    let result = catch_unwind(AssertUnwindSafe(|| queue.push_many(&mut values)));
    assert!(result.is_err());
    assert_eq!(values.len(), usize::MAX);
    assert!(queue.is_empty());
    queue.push(()).unwrap();
    // A vector without room for one more: nothing is taken, and nobody is left looking.
    let result = catch_unwind(AssertUnwindSafe(|| queue.pop_many(&mut values, 2)));
    assert!(result.is_err());
    assert_eq!(queue.len(), 1);
    assert_eq!(queue.pop(), Ok(()));
}

#[test]
fn batches_stand_together_whatever_their_length() {
    for before in [0, 1, BLOCK - 1, BLOCK] {
        for count in [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK, 5 * BLOCK + 1] {
            let queue = UnboundedQueue::new();
            let mut values: Vec<_> = (0..before).collect();
            assert_eq!(queue.push_many(&mut values), Ok(before));
            values.extend(before..before + count);
            assert_eq!(queue.push_many(&mut values), Ok(count));
            assert!(values.is_empty());
            assert_eq!(queue.len(), before + count);
            for limit in [1, 2, usize::MAX] {
                let expected = limit.min(before + count - values.len());
                let result = queue.pop_many(&mut values, limit);
                assert_eq!(result.unwrap_or(0), expected);
            }
            assert!(values.iter().copied().eq(0..before + count));
        }
    }
}

#[test]
fn an_empty_batch_is_nothing() {
    let queue = UnboundedQueue::<u8>::new();
    assert_eq!(queue.push_many(&mut Vec::new()), Ok(0));
    assert_eq!(queue.pop_many(&mut Vec::new(), 0), Ok(0));
    queue.close();
    assert_eq!(queue.push_many(&mut Vec::new()), Ok(0));
    assert_eq!(queue.pop_many(&mut Vec::new(), 0), Ok(0));
}

#[test]
fn a_value_whose_drop_panics_does_not_keep_the_others_alive() {
    for panicking in [0, 2, BLOCK - 1, BLOCK, 99] {
        let counter = Counter::default();
        let queue = UnboundedQueue::new();
        for value in 0..100 {
            let make = if value == panicking {
                Counter::make_panicking
            } else {
                Counter::make
            };
            queue.push(make(&counter, value)).ok().unwrap();
        }
        assert!(catch_unwind(AssertUnwindSafe(|| drop(queue))).is_err());
        counter.assert_all_dropped_once();
    }
}

/// The shape of crossbeam issue 523: a length computed from words that move.
#[test]
fn len_is_never_wild_while_others_push_and_pop() {
    let queue = UnboundedQueue::new();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for value in 0..20_000 {
                while queue.len() > 100 {
                    thread::yield_now();
                }
                queue.push(value).unwrap();
            }
        });
        scope.spawn(|| {
            for expected in 0..20_000 {
                loop {
                    match queue.pop() {
                        Ok(value) => break assert_eq!(value, expected),
                        Err(_) => thread::yield_now(),
                    }
                }
            }
            is_over.store(true, SeqCst);
        });
        while !is_over.load(SeqCst) {
            // A block more while the consumer goes from one to the next.
            assert!(queue.len() <= 101 + BLOCK);
            thread::yield_now();
        }
    });
    assert_eq!(queue.len(), 0);
}

/// The shape of flume issue 120: found empty, then pushed and closed, then heard "closed" with a value
/// inside.
#[test]
fn the_last_value_before_the_end_is_not_lost() {
    for round in 0..2_000 {
        let queue = Arc::new(UnboundedQueue::new());
        let thread = thread::spawn({
            let queue = Arc::clone(&queue);
            move || {
                queue.push(round).unwrap();
                queue.close();
            }
        });
        let mut popped = Vec::new();
        loop {
            match queue.pop() {
                Ok(value) => popped.push(value),
                Err(PopError::Empty) => thread::yield_now(),
                Err(PopError::Closed) => break,
            }
        }
        assert_eq!(popped, [round]);
        thread.join().unwrap();
    }
}

#[test]
fn random_calls_agree_with_a_deque() {
    for seed in 1..=300 {
        let mut random = Random::new(seed);
        let queue = UnboundedQueue::new();
        let (mut model, mut next) = (VecDeque::new(), 0);
        for step in 0..300 {
            match random.below(4) {
                0 => {
                    queue.push(next).unwrap();
                    model.push_back(next);
                    next += 1;
                }
                1 => {
                    let mut values: Vec<_> = (next..next + random.below(100)).collect();
                    model.extend(&values);
                    next += values.len();
                    assert_eq!(queue.push_many(&mut values.clone()), Ok(values.len()));
                    values.clear();
                }
                2 => assert_eq!(
                    queue.pop().ok(),
                    model.pop_front(),
                    "seed {seed}, step {step}"
                ),
                _ => {
                    let limit = random.below(150);
                    let mut values = Vec::new();
                    let count = queue.pop_many(&mut values, limit).unwrap_or(0);
                    let expected: Vec<_> = model.drain(..limit.min(model.len())).collect();
                    assert_eq!(values, expected, "seed {seed}, step {step}");
                    assert_eq!(count, expected.len());
                }
            }
            assert_eq!(queue.len(), model.len(), "seed {seed}, step {step}");
        }
    }
}

#[test]
fn it_reads_well() {
    let queue = UnboundedQueue::default();
    queue.push(1).unwrap();
    assert_eq!(
        format!("{queue:?}"),
        "UnboundedQueue { len: 1, is_closed: false, .. }"
    );
}
