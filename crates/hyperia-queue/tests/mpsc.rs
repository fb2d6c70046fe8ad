//! What a user of the unbounded queue can rely on.
#![cfg(not(hyperia_loom))]

mod common;

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Barrier};
use std::thread;

use common::{Counter, Random};
use hyperia_queue::mpsc::unbounded;
use hyperia_queue::{PopError, PushError};

#[test]
fn values_come_out_in_the_order_they_went_in() {
    let (producer, mut consumer) = unbounded();
    for round in 0..3 {
        for value in 0..100 + round {
            producer.push(value).unwrap();
        }
        for value in 0..100 + round {
            assert_eq!(consumer.pop(), Ok(value));
        }
        assert_eq!(consumer.pop(), Err(PopError::Empty));
    }
}

#[test]
fn what_was_pushed_before_a_close_is_popped_and_then_it_says_closed() {
    let (producer, mut consumer) = unbounded();
    producer.push(1).unwrap();
    assert!(consumer.close());
    assert!(!producer.close(), "it was closed already");
    assert!(producer.is_closed() && consumer.is_closed());
    assert_eq!(producer.push(2), Err(PushError::Closed(2)));
    assert_eq!(consumer.pop(), Ok(1));
    assert_eq!(consumer.pop(), Err(PopError::Closed));
    assert_eq!(consumer.pop(), Err(PopError::Closed));
}

#[test]
fn a_close_at_every_place_of_a_block_keeps_what_came_before() {
    for count in 0..100 {
        let (producer, mut consumer) = unbounded();
        for value in 0..count {
            producer.push(value).unwrap();
        }
        producer.close();
        assert_eq!(producer.push(count), Err(PushError::Closed(count)));
        assert_eq!(
            producer.push_many(&mut vec![count; 40]),
            Err(PushError::Closed(()))
        );
        for value in 0..count {
            assert_eq!(consumer.pop(), Ok(value));
        }
        assert_eq!(consumer.pop(), Err(PopError::Closed));
    }
}

#[test]
fn more_zero_sized_values_than_any_allocation_has_bytes_are_refused() {
    let (producer, mut consumer) = unbounded();
    producer.push(()).unwrap();
    let mut values = vec![(); usize::MAX];
    let payload = catch_unwind(AssertUnwindSafe(|| producer.push_many(&mut values))).unwrap_err();
    assert_eq!(
        payload.downcast_ref(),
        Some(&"at most isize::MAX values at once")
    );
    assert_eq!(values.len(), usize::MAX);
    producer.push(()).unwrap();
    assert_eq!(consumer.pop(), Ok(()));
    assert_eq!(consumer.pop(), Ok(()));
    assert_eq!(consumer.pop(), Err(PopError::Empty));
}

#[test]
fn dropping_the_last_producer_closes() {
    let (producer, mut consumer) = unbounded();
    let other = producer.clone();
    producer.push(1).unwrap();
    drop(producer);
    assert!(!consumer.is_closed());
    other.push(2).unwrap();
    drop(other);
    assert_eq!(consumer.pop(), Ok(1));
    assert_eq!(consumer.pop(), Ok(2));
    assert_eq!(consumer.pop(), Err(PopError::Closed));
}

#[test]
fn dropping_the_consumer_closes_and_drops_what_is_inside_at_once() {
    for count in [0, 1, 31, 32, 33, 200] {
        let counter = Counter::default();
        let (producer, consumer) = unbounded();
        for value in 0..count {
            producer.push(counter.make(value)).ok().unwrap();
        }
        drop(consumer);
        assert_eq!(counter.dropped(), count);
        let refused = producer.push(counter.make(count)).unwrap_err();
        assert!(refused.is_closed() && !refused.is_full());
        assert_eq!(*refused.into_inner().value, count);
        drop(producer);
        counter.assert_all_dropped_once();
    }
}

/// The shape of RUSTSEC-2018-0009: a popped value is the popper's, and is not dropped again with
/// the queue.
#[test]
fn every_value_is_dropped_once() {
    let counter = Counter::default();
    let (producer, mut consumer) = unbounded();
    for value in 0..100 {
        producer.push(counter.make(value)).ok().unwrap();
    }
    for value in 0..50 {
        assert_eq!(*consumer.pop().ok().unwrap().value, value);
    }
    assert_eq!(counter.dropped(), 50);
    drop((producer, consumer));
    counter.assert_all_dropped_once();
}

/// The shape of RUSTSEC-2022-0021: nothing is ever a value before it was pushed.
#[test]
fn values_that_are_never_zero_come_out_as_they_went_in() {
    let (producer, mut consumer) = unbounded::<NonZeroU64>();
    for value in (1..100).filter_map(NonZeroU64::new) {
        producer.push(value).unwrap();
        assert_eq!(consumer.pop(), Ok(value));
    }
    let text = String::from("borrowed");
    let (producer, mut consumer) = unbounded::<&str>();
    producer.push(&text).unwrap();
    assert_eq!(consumer.pop(), Ok("borrowed"));
    assert_eq!(consumer.pop(), Err(PopError::Empty));
}

#[test]
fn values_without_a_size_in_memory_are_counted_all_the_same() {
    let (producer, mut consumer) = unbounded();
    assert_eq!(producer.push_many(&mut vec![(); 100]), Ok(100));
    let mut popped = Vec::new();
    assert_eq!(consumer.pop_many(&mut popped, usize::MAX), Ok(100));
    assert_eq!(consumer.pop(), Err(PopError::Empty));
}

/// A block of large values is made in place: it is larger than this thread's stack.
#[test]
fn large_values_do_not_need_a_large_stack() {
    let small = thread::Builder::new().stack_size(112 * 1024);
    let thread = small.spawn(|| {
        let (producer, mut consumer) = unbounded();
        for value in 0..100 {
            producer.push([value; 4 * 1024]).unwrap();
        }
        for value in 0..100_u8 {
            assert_eq!(consumer.pop().unwrap()[4095], value);
        }
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn a_batch_comes_out_in_order_wherever_it_begins_and_ends() {
    for before in [0, 1, 30, 31, 32] {
        for count in [1, 2, 31, 32, 33, 63, 64, 65, 200] {
            let (producer, mut consumer) = unbounded();
            for _ in 0..before {
                producer.push(usize::MAX).unwrap();
                consumer.pop().unwrap();
            }
            let mut values: Vec<usize> = (0..count).collect();
            assert_eq!(producer.push_many(&mut values), Ok(count));
            assert!(values.is_empty() && values.capacity() >= count);
            producer.push(count).unwrap();
            let mut popped = Vec::new();
            assert_eq!(consumer.pop_many(&mut popped, usize::MAX), Ok(count + 1));
            assert_eq!(popped, (0..=count).collect::<Vec<_>>());
        }
    }
}

#[test]
fn an_empty_batch_is_nothing() {
    let (producer, mut consumer) = unbounded::<u8>();
    assert_eq!(producer.push_many(&mut Vec::new()), Ok(0));
    assert_eq!(consumer.pop_many(&mut Vec::new(), 0), Ok(0));
    assert_eq!(consumer.pop_many(&mut Vec::new(), 1), Err(PopError::Empty));
    producer.close();
    assert_eq!(producer.push_many(&mut Vec::new()), Ok(0));
    assert_eq!(consumer.pop_many(&mut Vec::new(), 0), Ok(0));
    assert_eq!(consumer.pop_many(&mut Vec::new(), 1), Err(PopError::Closed));
}

#[test]
fn a_batch_refused_stays_where_it_was() {
    let (producer, consumer) = unbounded();
    consumer.close();
    let mut values: Vec<_> = (0..100).collect();
    assert_eq!(producer.push_many(&mut values), Err(PushError::Closed(())));
    assert_eq!(values, (0..100).collect::<Vec<_>>());
}

#[test]
fn pop_many_keeps_to_its_limit_and_appends() {
    let (producer, mut consumer) = unbounded();
    producer.push_many(&mut (0..10).collect()).unwrap();
    let mut values = vec![100];
    assert_eq!(consumer.pop_many(&mut values, 3), Ok(3));
    assert_eq!(values, [100, 0, 1, 2]);
}

/// The shape of tokio PR 6603: wrong at the end of a block.
#[test]
fn is_empty_is_right_at_every_length() {
    let (producer, mut consumer) = unbounded();
    for count in 1..=100 {
        assert!(consumer.is_empty());
        for value in 0..count {
            producer.push(value).unwrap();
            assert!(!consumer.is_empty());
        }
        for _ in 0..count {
            assert!(!consumer.is_empty());
            consumer.pop().unwrap();
        }
    }
    assert!(consumer.is_empty());
    producer.close();
    assert!(consumer.is_empty(), "closed or not");
}

#[test]
fn a_value_whose_drop_panics_does_not_keep_the_others_alive() {
    for inside in [3, 40, 100] {
        let counter = Counter::default();
        let (producer, consumer) = unbounded();
        for value in 0..inside {
            let is_second = value == 1;
            let make = if is_second {
                Counter::make_panicking
            } else {
                Counter::make
            };
            producer.push(make(&counter, value)).ok().unwrap();
        }
        assert!(catch_unwind(AssertUnwindSafe(|| drop(consumer))).is_err());
        counter.assert_all_dropped_once();
        drop(producer);
        counter.assert_all_dropped_once();
    }
}

/// The shape of flume issue 120: found empty, then pushed and closed, then heard "closed" with a
/// value inside.
#[test]
fn the_last_value_before_the_end_is_not_lost() {
    for round in 0..2_000 {
        let (producer, mut consumer) = unbounded();
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

/// The shape of RUSTSEC-2025-0024 and crossbeam issue 971: the consumer goes while producers are in
/// their first block, or anywhere else.
#[test]
fn dropping_the_consumer_among_pushing_producers_drops_every_value_once() {
    for round in 0..300 {
        let counter = Counter::default();
        let (producer, mut consumer) = unbounded();
        let start = Arc::new(Barrier::new(3));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (producer, counter) = (producer.clone(), counter.clone());
                let start = Arc::clone(&start);
                thread::spawn(move || {
                    start.wait();
                    while producer.push(counter.make(0)).is_ok() {}
                })
            })
            .collect();
        drop(producer);
        start.wait();
        for _ in 0..round % 50 {
            drop(consumer.pop());
        }
        drop(consumer);
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        counter.assert_all_dropped_once();
    }
}

/// What the header promises to whoever sleeps on "empty": a consumer that looks again after each
/// wake-up, which producers give after their push, gets everything.
#[test]
fn a_consumer_that_sleeps_until_woken_after_a_push_gets_everything() {
    const PUSHES: usize = 2_000;
    const PRODUCERS: usize = 3;
    let (producer, mut consumer) = unbounded();
    let is_woken = Arc::new(AtomicBool::new(false));
    let sleeper = thread::current();
    let threads: Vec<_> = (0..PRODUCERS)
        .map(|_| {
            let (producer, is_woken) = (producer.clone(), Arc::clone(&is_woken));
            let sleeper = sleeper.clone();
            thread::spawn(move || {
                for value in 0..PUSHES {
                    producer.push(value).unwrap();
                    is_woken.store(true, SeqCst);
                    sleeper.unpark();
                }
            })
        })
        .collect();
    let mut count = 0;
    while count < PUSHES * PRODUCERS {
        match consumer.pop() {
            Ok(_) => count += 1,
            // Without a wake-up there must be nothing to pop: a lost one would sleep here for ever.
            Err(_) => {
                while !is_woken.swap(false, SeqCst) {
                    thread::park();
                }
            }
        }
    }
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}

#[test]
fn random_calls_agree_with_a_deque() {
    for seed in 1..=300 {
        let mut random = Random::new(seed);
        let (producer, mut consumer) = unbounded();
        let (mut model, mut next) = (VecDeque::new(), 0);
        let mut values = Vec::new();
        for step in 0..300 {
            match random.below(5) {
                0 | 1 => {
                    producer.push(next).unwrap();
                    model.push_back(next);
                    next += 1;
                }
                2 => {
                    let count = random.below(100);
                    values.extend(next..next + count);
                    model.extend(next..next + count);
                    assert_eq!(producer.push_many(&mut values), Ok(count));
                    next += count;
                }
                3 => assert_eq!(
                    consumer.pop().ok(),
                    model.pop_front(),
                    "seed {seed}, step {step}"
                ),
                _ => {
                    let limit = random.below(100);
                    let count = consumer.pop_many(&mut values, limit).unwrap_or(0);
                    let expected: Vec<_> = model.drain(..limit.min(model.len())).collect();
                    assert_eq!(values, expected, "seed {seed}, step {step}");
                    assert_eq!(values.drain(..).count(), count);
                }
            }
            assert_eq!(
                consumer.is_empty(),
                model.is_empty(),
                "seed {seed}, step {step}"
            );
        }
    }
}

#[test]
fn errors_and_handles_read_well() {
    let (producer, consumer) = unbounded::<Box<dyn Fn() + Send>>();
    assert_eq!(format!("{producer:?}"), "Producer { is_closed: false, .. }");
    assert_eq!(
        format!("{consumer:?}"),
        "Consumer { is_empty: true, is_closed: false, .. }"
    );
    consumer.close();
    let error = producer.push(Box::new(|| {})).unwrap_err();
    assert_eq!(
        format!("{error:?}: {error}"),
        "Closed(..): pushing into a closed queue"
    );
    let error = PushError::Full(());
    assert_eq!(
        format!("{error:?}: {error}"),
        "Full(..): pushing into a full queue"
    );
    assert!(error.is_full() && !error.is_closed());
    assert_eq!(PopError::Empty.to_string(), "popping from an empty queue");
    assert_eq!(
        PopError::Closed.to_string(),
        "popping from an empty and closed queue"
    );
}
