//! What a user of the bounded queue can rely on.
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
use hyperia_queue::mpmc::Queue;
use hyperia_queue::{PopError, PushError};

#[test]
fn values_come_out_in_the_order_they_went_in() {
    let queue = Queue::bounded(4);
    for value in 0..4 {
        queue.push(value).unwrap();
    }
    assert_eq!(queue.push(4), Err(PushError::Full(4)));
    for value in 0..4 {
        assert_eq!(queue.pop(), Ok(value));
    }
    assert_eq!(queue.pop(), Err(PopError::Empty));
}

/// The shape of heapless issues 243 and 461: wrong capacities and lengths unless it is a power of
/// two.
#[test]
fn every_capacity_holds_exactly_as_many() {
    for capacity in (1..=40).chain([63, 64, 65, 1000]) {
        let queue = Queue::bounded(capacity);
        assert_eq!(queue.capacity(), capacity);
        for shift in 0..3 * capacity.min(40) {
            for value in 0..capacity {
                assert_eq!(queue.len(), value);
                queue.push(value).unwrap();
            }
            assert_eq!(queue.push(0), Err(PushError::Full(0)));
            for value in 0..capacity {
                assert_eq!(queue.len(), capacity - value);
                assert_eq!(queue.pop(), Ok(value));
            }
            assert!(queue.is_empty());
            // Begin the next round one place further on.
            queue.push(shift).unwrap();
            assert_eq!(queue.pop(), Ok(shift));
        }
    }
}

#[test]
fn what_was_pushed_before_a_close_is_popped_and_then_it_says_closed() {
    for capacity in 1..=5 {
        for inside in 0..=capacity {
            let queue = Queue::bounded(capacity);
            for value in 0..inside {
                queue.push(value).unwrap();
            }
            assert!(!queue.is_closed());
            assert!(queue.close());
            assert!(!queue.close(), "it was closed already");
            assert!(queue.is_closed());
            assert_eq!(
                queue.push(9),
                Err(PushError::Closed(9)),
                "closed rather than full"
            );
            assert_eq!(queue.push_many(&mut vec![9]), Err(PushError::Closed(())));
            assert_eq!(queue.len(), inside);
            for value in 0..inside {
                assert_eq!(queue.pop(), Ok(value));
            }
            assert_eq!(queue.pop(), Err(PopError::Closed));
            assert_eq!(queue.pop_many(&mut Vec::new(), 1), Err(PopError::Closed));
        }
    }
}

/// The shape of RUSTSEC-2018-0009: a popped value is the popper's, and is not dropped again with
/// the queue.
#[test]
fn every_value_is_dropped_once() {
    for (pushed, popped) in [(0, 0), (3, 0), (3, 1), (5, 5), (5, 2)] {
        let counter = Counter::default();
        let queue = Queue::bounded(5);
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

/// The shape of RUSTSEC-2022-0021: nothing is ever a value before it was pushed.
#[test]
fn values_that_are_never_zero_come_out_as_they_went_in() {
    let queue = Queue::<NonZeroU64>::bounded(3);
    for value in (1..100).filter_map(NonZeroU64::new) {
        queue.push(value).unwrap();
        assert_eq!(queue.pop(), Ok(value));
    }
    let text = String::from("borrowed");
    let queue = Queue::<&str>::bounded(3);
    queue.push(&text).unwrap();
    assert_eq!(queue.pop(), Ok("borrowed"));
    assert_eq!(queue.pop(), Err(PopError::Empty));
}

#[test]
fn values_without_a_size_in_memory_are_counted_all_the_same() {
    let queue = Queue::bounded(3);
    let mut values = vec![(); 5];
    assert_eq!(queue.push_many(&mut values), Ok(3));
    assert_eq!(values.len(), 2);
    assert_eq!(queue.pop(), Ok(()));
    assert_eq!(queue.len(), 2);
}

#[test]
fn a_batch_takes_the_room_there_is_and_leaves_the_rest_in_front() {
    let queue = Queue::bounded(5);
    queue.push(0).unwrap();
    let mut values: Vec<_> = (1..8).collect();
    assert_eq!(queue.push_many(&mut values), Ok(4));
    assert_eq!(values, [5, 6, 7]);
    assert_eq!(queue.push_many(&mut values), Err(PushError::Full(())));
    assert_eq!(values, [5, 6, 7]);
    let mut popped = vec![100];
    assert_eq!(queue.pop_many(&mut popped, 2), Ok(2));
    assert_eq!(popped, [100, 0, 1]);
    assert_eq!(queue.push_many(&mut values), Ok(2));
    assert_eq!(queue.pop_many(&mut popped, usize::MAX), Ok(5));
    assert_eq!(popped, [100, 0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(queue.pop_many(&mut popped, 1), Err(PopError::Empty));
}

#[test]
fn an_empty_batch_is_nothing() {
    let queue = Queue::<u8>::bounded(1);
    assert_eq!(queue.push_many(&mut Vec::new()), Ok(0));
    assert_eq!(queue.pop_many(&mut Vec::new(), 0), Ok(0));
    queue.close();
    assert_eq!(queue.push_many(&mut Vec::new()), Ok(0));
    assert_eq!(queue.pop_many(&mut Vec::new(), 0), Ok(0));
}

#[test]
fn a_value_whose_drop_panics_does_not_keep_the_others_alive() {
    let counter = Counter::default();
    let queue = Queue::bounded(8);
    for value in 0..8 {
        let make = if value == 2 {
            Counter::make_panicking
        } else {
            Counter::make
        };
        queue.push(make(&counter, value)).ok().unwrap();
    }
    assert!(catch_unwind(AssertUnwindSafe(|| drop(queue))).is_err());
    counter.assert_all_dropped_once();
}

/// The shape of crossbeam issue 523: a length computed from two words that move.
#[test]
fn len_is_never_above_the_capacity_while_others_push_and_pop() {
    for capacity in [1, 3, 4] {
        let queue = Queue::bounded(capacity);
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                for value in 0..2_000 {
                    while queue.push(value).is_err() {
                        thread::yield_now();
                    }
                }
            });
            scope.spawn(|| {
                for expected in 0..2_000 {
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
                assert!(queue.len() <= capacity);
                thread::yield_now();
            }
        });
        assert_eq!(queue.len(), 0);
    }
}

/// The shape of flume issue 120: found empty, then pushed and closed, then heard "closed" with a
/// value inside.
#[test]
fn the_last_value_before_the_end_is_not_lost() {
    for round in 0..2_000 {
        let queue = Arc::new(Queue::bounded(2));
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
        let capacity = 1 + random.below(20);
        let queue = Queue::bounded(capacity);
        let (mut model, mut next) = (VecDeque::new(), 0);
        for step in 0..300 {
            match random.below(4) {
                0 => {
                    let is_pushed = queue.push(next).is_ok();
                    assert_eq!(
                        is_pushed,
                        model.len() < capacity,
                        "seed {seed}, step {step}"
                    );
                    if is_pushed {
                        model.push_back(next);
                    }
                    next += 1;
                }
                1 => {
                    let mut values: Vec<_> = (next..next + random.below(25)).collect();
                    let count = values.len().min(capacity - model.len());
                    model.extend(&values[..count]);
                    next += values.len();
                    let rest = values[count..].to_vec();
                    assert_eq!(queue.push_many(&mut values).unwrap_or(0), count);
                    assert_eq!(values, rest, "seed {seed}, step {step}");
                }
                2 => assert_eq!(
                    queue.pop().ok(),
                    model.pop_front(),
                    "seed {seed}, step {step}"
                ),
                _ => {
                    let limit = random.below(25);
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
#[should_panic(expected = "capacity must be greater than zero")]
fn no_capacity_is_refused() {
    let _ = Queue::<u8>::bounded(0);
}

#[test]
#[should_panic(expected = "capacity must be at most usize::MAX / 4")]
fn a_capacity_beyond_the_positions_is_refused() {
    let _ = Queue::<u8>::bounded(usize::MAX / 2);
}

#[test]
fn it_reads_well() {
    let queue = Queue::bounded(3);
    queue.push(1).unwrap();
    assert_eq!(
        format!("{queue:?}"),
        "Queue { len: 1, capacity: 3, is_closed: false, .. }"
    );
}
