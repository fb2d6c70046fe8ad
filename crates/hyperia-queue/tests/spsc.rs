//! What a user of the queue between one producer and one consumer can rely on.
#![cfg(not(hyperia_loom))]

mod common;

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;

use common::{Counter, Random};
use hyperia_queue::spsc::{self, Consumer, bounded};
use hyperia_queue::{PopError, PushError};

#[test]
fn values_come_out_in_the_order_they_went_in() {
    let (mut producer, mut consumer) = bounded(4);
    for value in 0..4 {
        producer.push(value).unwrap();
    }
    assert_eq!(producer.push(4), Err(PushError::Full(4)));
    for value in 0..4 {
        assert_eq!(consumer.peek(), Ok(&value));
        assert_eq!(consumer.pop(), Ok(value));
    }
    assert_eq!(consumer.peek(), Err(PopError::Empty));
    assert_eq!(consumer.pop(), Err(PopError::Empty));
}

/// The shape of heapless issues 144, 243 and 461: wrong capacities and lengths unless it is a power of
/// two, and an endless loop when full where positions wrap around.
#[test]
fn every_capacity_holds_exactly_as_many() {
    for capacity in (1..=40).chain([63, 64, 65, 1000]) {
        let (mut producer, mut consumer) = bounded(capacity);
        assert_eq!(
            (producer.capacity(), consumer.capacity()),
            (capacity, capacity)
        );
        for shift in 0..3 * capacity.min(40) {
            for value in 0..capacity {
                assert_eq!((producer.len(), consumer.len()), (value, value));
                producer.push(value).unwrap();
            }
            assert_eq!(producer.push(0), Err(PushError::Full(0)));
            for value in 0..capacity {
                assert_eq!(
                    (producer.len(), consumer.len()),
                    (capacity - value, capacity - value)
                );
                assert_eq!(consumer.pop(), Ok(value));
            }
            assert!(producer.is_empty() && consumer.is_empty());
            // Begin the next round one place further on.
            producer.push(shift).unwrap();
            assert_eq!(consumer.pop(), Ok(shift));
        }
    }
}

#[test]
fn what_was_pushed_before_a_close_is_popped_and_then_it_says_closed() {
    for capacity in 1..=5 {
        for inside in 0..=capacity {
            for is_producer in [true, false] {
                let (mut producer, mut consumer) = bounded(capacity);
                for value in 0..inside {
                    producer.push(value).unwrap();
                }
                assert!(!producer.is_closed() && !consumer.is_closed());
                if is_producer {
                    assert!(producer.close());
                } else {
                    assert!(consumer.close());
                }
                assert!(
                    !producer.close() && !consumer.close(),
                    "it was closed already"
                );
                assert!(producer.is_closed() && consumer.is_closed());
                assert_eq!(
                    producer.push(9),
                    Err(PushError::Closed(9)),
                    "closed rather than full"
                );
                assert_eq!(producer.push_many(&mut vec![9]), Err(PushError::Closed(())));
                assert_eq!(producer.push_iter([9]), Err(PushError::Closed(())));
                assert_eq!(consumer.len(), inside);
                for value in 0..inside {
                    assert_eq!(consumer.pop(), Ok(value));
                }
                assert_eq!(consumer.pop(), Err(PopError::Closed));
                assert_eq!(consumer.peek(), Err(PopError::Closed));
                assert_eq!(consumer.pop_many(&mut Vec::new(), 1), Err(PopError::Closed));
                assert_eq!(consumer.peek_many(1), Err(PopError::Closed));
                assert_eq!(consumer.advance(1), 0);
            }
        }
    }
}

#[test]
fn a_consumer_that_closed_hears_closed_once_the_producer_has_noticed() {
    let hears = |consumer: &mut Consumer<u8>| consumer.pop().unwrap_err();

    let (mut producer, mut consumer) = bounded(1);
    assert!(consumer.close());
    assert_eq!(hears(&mut consumer), PopError::Empty);
    assert_eq!(producer.push(1), Err(PushError::Closed(1)));
    assert_eq!(hears(&mut consumer), PopError::Closed);

    let (producer, mut consumer) = bounded(1);
    assert!(consumer.close());
    assert!(producer.is_closed());
    assert_eq!(hears(&mut consumer), PopError::Closed);

    let (producer, mut consumer) = bounded(1);
    assert!(consumer.close());
    assert!(!producer.close());
    assert_eq!(hears(&mut consumer), PopError::Closed);

    let (producer, mut consumer) = bounded(1);
    assert!(consumer.close());
    drop(producer);
    assert_eq!(hears(&mut consumer), PopError::Closed);
}

#[test]
fn dropping_the_producer_closes() {
    let (mut producer, mut consumer) = bounded(2);
    producer.push(1).unwrap();
    drop(producer);
    assert!(consumer.is_closed());
    assert_eq!(consumer.pop(), Ok(1));
    assert_eq!(consumer.pop(), Err(PopError::Closed));
}

#[test]
fn dropping_the_consumer_closes_and_drops_what_is_inside_at_once() {
    for count in 0..=5 {
        let counter = Counter::default();
        let (mut producer, consumer) = bounded(5);
        for value in 0..count {
            producer.push(counter.make(value)).ok().unwrap();
        }
        drop(consumer);
        assert_eq!(counter.dropped(), count);
        assert!(producer.is_closed() && producer.is_empty());
        let refused = producer.push(counter.make(count)).unwrap_err();
        assert!(refused.is_closed());
        assert_eq!(*refused.into_inner().value, count);
        drop(producer);
        counter.assert_all_dropped_once();
    }
}

/// The shape of RUSTSEC-2018-0009: a popped value is the popper's, and is not dropped again with the
/// queue, whichever end goes last.
#[test]
fn every_value_is_dropped_once() {
    for (pushed, popped) in [(0, 0), (3, 0), (3, 1), (5, 5), (5, 2)] {
        for is_producer_first in [true, false] {
            let counter = Counter::default();
            let (mut producer, mut consumer) = bounded(5);
            for value in 0..pushed {
                producer.push(counter.make(value)).ok().unwrap();
            }
            for value in 0..popped {
                assert_eq!(*consumer.pop().ok().unwrap().value, value);
            }
            assert_eq!(counter.dropped(), popped);
            if is_producer_first {
                drop(producer);
                drop(consumer);
            } else {
                drop(consumer);
                drop(producer);
            }
            counter.assert_all_dropped_once();
        }
    }
}

/// A consumer that is never dropped neither pops nor frees anything, and keeps what is inside.
#[test]
fn a_forgotten_consumer_leaves_the_producer_in_order() {
    let counter = Counter::default();
    let (mut producer, consumer) = bounded(1);
    // Forgotten in a place that is still reachable, or else leak checkers would rightly complain.
    let _forgotten = std::mem::ManuallyDrop::new(Box::new(consumer));
    producer.push(counter.make(0)).ok().unwrap();
    assert!(producer.push(counter.make(1)).unwrap_err().is_full());
    drop(producer);
    assert_eq!(counter.dropped(), 1);
    drop(std::mem::ManuallyDrop::into_inner(_forgotten));
    counter.assert_all_dropped_once();
}

/// The shape of RUSTSEC-2022-0021: nothing is ever a value before it was pushed.
#[test]
fn values_that_are_never_zero_come_out_as_they_went_in() {
    let (mut producer, mut consumer) = bounded::<NonZeroU64>(3);
    for value in (1..100).filter_map(NonZeroU64::new) {
        producer.push(value).unwrap();
        assert_eq!(consumer.peek_many(9).unwrap().0, [value]);
        assert_eq!(consumer.pop(), Ok(value));
    }
    let text = String::from("borrowed");
    let (mut producer, mut consumer) = bounded::<&str>(3);
    producer.push(&text).unwrap();
    assert_eq!(consumer.pop(), Ok("borrowed"));
    assert_eq!(consumer.pop(), Err(PopError::Empty));
}

#[test]
fn values_without_a_size_in_memory_are_counted_all_the_same() {
    let (mut producer, mut consumer) = bounded(3);
    let mut values = vec![(); 5];
    assert_eq!(producer.push_many(&mut values), Ok(3));
    assert_eq!(values.len(), 2);
    assert_eq!(consumer.pop(), Ok(()));
    assert_eq!((producer.len(), consumer.len()), (2, 2));
    producer.push(()).unwrap();
    assert_eq!(producer.push(()), Err(PushError::Full(())));
    let (first, second) = consumer.peek_many(usize::MAX).unwrap();
    assert_eq!(first.len() + second.len(), 3);
    assert_eq!(consumer.advance(2), 2);
    let mut popped = Vec::new();
    assert_eq!(consumer.pop_many(&mut popped, usize::MAX), Ok(1));
}

#[test]
fn a_batch_takes_the_room_there_is_and_leaves_the_rest_in_front() {
    let (mut producer, mut consumer) = bounded(5);
    producer.push(0).unwrap();
    let mut values: Vec<_> = (1..8).collect();
    assert_eq!(producer.push_many(&mut values), Ok(4));
    assert_eq!(values, [5, 6, 7]);
    assert_eq!(producer.push_many(&mut values), Err(PushError::Full(())));
    assert_eq!(
        producer.push_iter(values.iter().copied()),
        Err(PushError::Full(()))
    );
    assert_eq!(values, [5, 6, 7]);
    let mut popped = vec![100];
    assert_eq!(consumer.pop_many(&mut popped, 2), Ok(2));
    assert_eq!(popped, [100, 0, 1]);
    assert_eq!(producer.push_many(&mut values), Ok(2));
    assert_eq!(consumer.pop_many(&mut popped, usize::MAX), Ok(5));
    assert_eq!(popped, [100, 0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(consumer.pop_many(&mut popped, 1), Err(PopError::Empty));
}

#[test]
fn an_empty_batch_is_nothing() {
    let (mut producer, mut consumer) = bounded::<u8>(1);
    assert_eq!(producer.push_many(&mut Vec::new()), Ok(0));
    assert_eq!(producer.push_iter([]), Ok(0));
    assert_eq!(consumer.pop_many(&mut Vec::new(), 0), Ok(0));
    assert_eq!(consumer.advance(0), 0);
    producer.close();
    assert_eq!(producer.push_many(&mut Vec::new()), Ok(0));
    assert_eq!(consumer.pop_many(&mut Vec::new(), 0), Ok(0));
}

#[test]
fn an_iterator_is_asked_only_for_what_there_is_room_for() {
    let (mut producer, mut consumer) = bounded(3);
    let mut numbers = 0..;
    assert_eq!(producer.push_iter(&mut numbers), Ok(3));
    assert_eq!(producer.push_iter(&mut numbers), Err(PushError::Full(())));
    assert_eq!(consumer.advance(2), 2);
    assert_eq!(producer.push_iter(&mut numbers), Ok(2));
    assert_eq!(numbers.next(), Some(5));
    let (first, second) = consumer.peek_many(usize::MAX).unwrap();
    assert_eq!([first, second].concat(), [2, 3, 4]);
}

#[test]
fn what_an_iterator_yields_is_seen_at_its_end_and_it_may_use_the_other_side() {
    let (mut producer, mut consumer) = bounded(4);
    let values = (0..3).inspect(|_| assert_eq!(consumer.pop(), Err(PopError::Empty)));
    assert_eq!(producer.push_iter(values), Ok(3));
    assert_eq!(consumer.len(), 3);

    // Room that is made meanwhile may be used: here the known room runs out, and there is more.
    let (mut producer, mut consumer) = bounded(2);
    producer.push(0).unwrap();
    producer.push(1).unwrap();
    assert_eq!(consumer.advance(1), 1);
    let mut popped = Vec::new();
    let values = (2..9).inspect(|_| popped.extend(consumer.pop()));
    assert_eq!(producer.push_iter(values), Ok(2));
    assert_eq!((popped, consumer.len()), (vec![1], 2));

    // A close meanwhile comes too late for this push, and does not say `Closed` before it is published.
    let (mut producer, mut consumer) = bounded(2);
    let values = (0..4).inspect(|_| {
        consumer.close();
        assert_eq!(consumer.pop(), Err(PopError::Empty));
    });
    assert_eq!(producer.push_iter(values), Ok(2));
    assert_eq!(consumer.pop(), Ok(0));
    assert_eq!(producer.push_iter([9]), Err(PushError::Closed(())));
    assert_eq!(consumer.pop(), Ok(1));
    assert_eq!(consumer.pop(), Err(PopError::Closed));

    // A consumer that goes meanwhile has not seen them: the producer drops them.
    let counter = Counter::default();
    let (mut producer, consumer) = bounded(4);
    let mut consumer = Some(consumer);
    let values = (0..3).map(|value| {
        drop(consumer.take());
        counter.make(value)
    });
    assert_eq!(producer.push_iter(values).ok(), Some(3));
    assert_eq!(counter.dropped(), 0);
    assert!(producer.is_closed());
    drop(producer);
    counter.assert_all_dropped_once();
}

#[test]
fn what_an_iterator_yielded_before_it_panicked_is_pushed() {
    let counter = Counter::default();
    let (mut producer, mut consumer) = bounded(4);
    let values = (0..4).map(|value| {
        assert_ne!(value, 2, "the iterator");
        counter.make(value)
    });
    assert!(catch_unwind(AssertUnwindSafe(|| producer.push_iter(values))).is_err());
    assert_eq!(consumer.len(), 2);
    producer.push(counter.make(2)).ok().unwrap();
    for value in 0..3 {
        assert_eq!(*consumer.pop().ok().unwrap().value, value);
    }
    assert_eq!(consumer.pop().err(), Some(PopError::Empty));
    counter.assert_all_dropped_once();
}

#[test]
fn slices_show_everything_and_advance_drops_what_it_passes() {
    for capacity in 1..=9 {
        for shift in 0..capacity {
            let counter = Counter::default();
            let (mut producer, mut consumer) = bounded(capacity);
            for value in 0..shift {
                producer.push(counter.make(value)).ok().unwrap();
                assert_eq!(consumer.advance(1), 1);
            }
            let values = (0..capacity).map(|value| counter.make(value));
            assert_eq!(producer.push_iter(values).ok(), Some(capacity));
            for passed in 0..capacity {
                let (first, second) = consumer.peek_many(usize::MAX).unwrap();
                let seen: Vec<_> = first
                    .iter()
                    .chain(second)
                    .map(|counted| *counted.value)
                    .collect();
                assert_eq!(seen, (passed..capacity).collect::<Vec<_>>());
                assert_eq!(counter.dropped(), shift + passed);
                assert_eq!(consumer.advance(1), 1);
                assert_eq!(producer.len(), capacity - passed - 1);
            }
            assert_eq!(consumer.advance(usize::MAX), 0);
            counter.assert_all_dropped_once();
        }
    }
}

#[test]
fn a_value_whose_drop_panics_does_not_keep_the_others_alive() {
    let counter = Counter::default();
    let (mut producer, consumer) = bounded(8);
    for value in 0..8 {
        let make = if value == 2 {
            Counter::make_panicking
        } else {
            Counter::make
        };
        producer.push(make(&counter, value)).ok().unwrap();
    }
    assert!(catch_unwind(AssertUnwindSafe(|| drop(consumer))).is_err());
    counter.assert_all_dropped_once();
}

#[test]
fn a_value_whose_drop_panics_under_the_last_owner_does_not_keep_the_others_alive() {
    let counter = Counter::default();
    let (mut producer, consumer) = bounded(8);
    let mut consumer = Some(consumer);
    let values = (0..5).map(|value| {
        drop(consumer.take());
        match value {
            2 => counter.make_panicking(value),
            _ => counter.make(value),
        }
    });
    assert_eq!(producer.push_iter(values).ok(), Some(5));
    assert!(catch_unwind(AssertUnwindSafe(|| drop(producer))).is_err());
    counter.assert_all_dropped_once();
}

#[test]
fn an_advance_in_which_a_drop_panics_has_passed_that_value_and_no_other_one() {
    let counter = Counter::default();
    let (mut producer, mut consumer) = bounded(5);
    for value in 0..5 {
        let make = if value == 2 {
            Counter::make_panicking
        } else {
            Counter::make
        };
        producer.push(make(&counter, value)).ok().unwrap();
    }
    assert!(catch_unwind(AssertUnwindSafe(|| consumer.advance(4))).is_err());
    assert_eq!(counter.dropped(), 3);
    assert_eq!((producer.len(), consumer.len()), (2, 2));
    for value in 3..5 {
        assert_eq!(*consumer.pop().ok().unwrap().value, value);
    }
    counter.assert_all_dropped_once();
}

/// The shape of crossbeam issue 523: a length computed from two words that move.
#[test]
fn len_is_never_above_the_capacity_and_never_promises_too_much() {
    for capacity in [1, 3, 4] {
        let (mut producer, mut consumer) = bounded(capacity);
        thread::scope(|scope| {
            scope.spawn(move || {
                for value in 0..2_000 {
                    while producer.len() == capacity {
                        thread::yield_now();
                    }
                    assert!(producer.len() < capacity);
                    assert_eq!(producer.push(value), Ok(()), "there was room");
                }
            });
            scope.spawn(move || {
                for expected in 0..2_000 {
                    while consumer.is_empty() {
                        thread::yield_now();
                    }
                    assert!(consumer.len() <= capacity);
                    assert_eq!(consumer.pop(), Ok(expected), "it was there");
                }
            });
        });
    }
}

/// The shape of flume issue 120: found empty, then pushed and closed, then heard "closed" with a value
/// inside.
#[test]
fn the_last_value_before_the_end_is_not_lost() {
    for round in 0..2_000 {
        let (mut producer, mut consumer) = bounded(2);
        let thread = thread::spawn(move || producer.push(round).unwrap());
        let mut popped = Vec::new();
        loop {
            match consumer.pop() {
                Ok(value) => popped.push(value),
                Err(PopError::Empty) => thread::yield_now(),
                Err(PopError::Closed) => break,
            }
        }
        assert_eq!(popped, [round]);
        thread.join().unwrap();
    }
}

/// The shape of iceoryx2 issue 118: what is full never looks empty.
#[test]
fn a_queue_that_is_kept_full_is_never_found_empty() {
    let (mut producer, mut consumer) = bounded(2);
    producer.push(0).unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for value in 1..2_000 {
                while producer.push(value).is_err() {
                    thread::yield_now();
                }
            }
            is_over.store(true, SeqCst);
        });
        for value in 0..1_999 {
            while consumer.len() < 2 && !is_over.load(SeqCst) {
                thread::yield_now();
            }
            assert_eq!(consumer.pop(), Ok(value));
        }
    });
}

#[test]
fn random_calls_agree_with_a_deque() {
    for seed in 1..=300 {
        let mut random = Random::new(seed);
        let capacity = 1 + random.below(20);
        let (mut producer, mut consumer) = bounded(capacity);
        let (mut model, mut next) = (VecDeque::new(), 0);
        for step in 0..300 {
            match random.below(6) {
                0 => {
                    let is_pushed = producer.push(next).is_ok();
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
                    assert_eq!(producer.push_many(&mut values).unwrap_or(0), count);
                    assert_eq!(values, rest, "seed {seed}, step {step}");
                }
                2 => {
                    let values = next..next + random.below(25);
                    let count = producer.push_iter(values).unwrap_or(0);
                    model.extend(next..next + count);
                    next += count;
                }
                3 => assert_eq!(
                    consumer.pop().ok(),
                    model.pop_front(),
                    "seed {seed}, step {step}"
                ),
                4 => {
                    let count = random.below(25);
                    let expected = count.min(model.len());
                    model.drain(..expected);
                    assert_eq!(
                        consumer.advance(count),
                        expected,
                        "seed {seed}, step {step}"
                    );
                }
                _ => {
                    let limit = random.below(25);
                    let mut values = Vec::new();
                    let count = consumer.pop_many(&mut values, limit).unwrap_or(0);
                    let expected: Vec<_> = model.drain(..limit.min(model.len())).collect();
                    assert_eq!(values, expected, "seed {seed}, step {step}");
                    assert_eq!(count, expected.len());
                }
            }
            assert_eq!(producer.len(), model.len(), "seed {seed}, step {step}");
            assert_eq!(consumer.len(), model.len(), "seed {seed}, step {step}");
            assert_eq!(consumer.peek().ok(), model.front());
            let (first, second) = consumer.peek_many(usize::MAX).unwrap_or_default();
            assert!(
                first.iter().chain(second).eq(&model),
                "seed {seed}, step {step}"
            );
        }
    }
}

#[test]
#[should_panic(expected = "capacity must be greater than zero")]
fn no_capacity_is_refused() {
    let _ = spsc::bounded::<u8>(0);
}

#[test]
#[should_panic(expected = "capacity must be at most usize::MAX / 4")]
fn a_capacity_beyond_the_positions_is_refused() {
    let _ = spsc::bounded::<u8>(usize::MAX / 2);
}

#[test]
fn it_reads_well() {
    let (mut producer, consumer) = bounded(3);
    producer.push(1).unwrap();
    assert_eq!(
        format!("{producer:?}"),
        "Producer { len: 1, capacity: 3, is_closed: false, .. }"
    );
    assert_eq!(
        format!("{consumer:?}"),
        "Consumer { len: 1, capacity: 3, is_closed: false, .. }"
    );
}
