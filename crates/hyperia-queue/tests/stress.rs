//! Many threads, every value accounted for: exactly once, and in order for each producer (the shape
//! of RUSTSEC-2021-0093, in which two consumers took one value). Bounded by the number of values,
//! not by time.
#![cfg(not(hyperia_loom))]

mod common;

use std::thread;

use common::Random;
use hyperia_queue::mpmc::{Queue, UnboundedQueue};
use hyperia_queue::mpsc::{self, unbounded};
use hyperia_queue::spsc;
use hyperia_queue::{PopError, PushError};

/// Values per producer.
const VALUES: usize = 20_000;

/// On the heap, so that a sanitizer sees one that is taken twice.
struct Value(Box<usize>);

fn value(producer: usize, index: usize) -> Value {
    Value(Box::new(producer * VALUES + index))
}

/// Every value of `producers` producers is in `popped` once; each list has each producer's values
/// in order.
fn assert_exactly_once(popped: &[Vec<Value>], producers: usize) {
    let mut is_popped = vec![false; producers * VALUES];
    for values in popped {
        let mut next = vec![0; producers];
        for &index in values.iter().map(|value| &*value.0) {
            assert!(!is_popped[index], "value {index} was popped twice");
            is_popped[index] = true;
            let producer = index / VALUES;
            assert!(
                index >= next[producer],
                "value {index} came after {}",
                next[producer]
            );
            next[producer] = index + 1;
        }
    }
    assert!(
        is_popped.iter().all(|&is_popped| is_popped),
        "a value was lost"
    );
}

#[test]
fn mpmc_pops_everything_exactly_once() {
    for (seed, capacity, producers, consumers) in [
        (1, 1, 2, 2),
        (2, 3, 2, 2),
        (3, 7, 3, 1),
        (4, 64, 1, 3),
        (5, 1000, 3, 3),
    ] {
        let queue = Queue::bounded(capacity);
        let popped: Vec<_> = thread::scope(|scope| {
            let queue = &queue;
            let pushers: Vec<_> = (0..producers)
                .map(|producer| scope.spawn(move || push_all(queue, producer, seed)))
                .collect();
            let poppers: Vec<_> = (0..consumers)
                .map(|consumer| scope.spawn(move || pop_all(queue, seed * 100 + consumer)))
                .collect();
            pushers
                .into_iter()
                .for_each(|pusher| pusher.join().unwrap());
            queue.close();
            poppers
                .into_iter()
                .map(|popper| popper.join().unwrap())
                .collect()
        });
        assert_exactly_once(&popped, producers);
    }
}

fn push_all(queue: &Queue<Value>, producer: usize, seed: u64) {
    let mut random = Random::new(seed * 10 + producer as u64);
    let (mut index, mut batch) = (0, Vec::new());
    while index < VALUES {
        let count = (1 + random.below(8)).min(VALUES - index);
        batch.extend((index..index + count).map(|index| value(producer, index)));
        index += count;
        while let Some(mut first) = (!batch.is_empty()).then(|| batch.remove(0)) {
            // One by itself, the others as a batch.
            while let Err(error) = queue.push(first) {
                assert!(error.is_full());
                first = error.into_inner();
                thread::yield_now();
            }
            if queue.push_many(&mut batch).is_err() {
                thread::yield_now();
            }
        }
    }
}

fn pop_all(queue: &Queue<Value>, seed: u64) -> Vec<Value> {
    let mut random = Random::new(seed);
    let mut popped = Vec::new();
    loop {
        let result = match random.below(4) {
            0 => queue.pop_many(&mut popped, 1 + random.below(10)).map(drop),
            _ => queue.pop().map(|value| popped.push(value)),
        };
        match result {
            Ok(()) => {}
            Err(PopError::Empty) => thread::yield_now(),
            Err(PopError::Closed) => return popped,
        }
    }
}

/// Also the shape of crossbeam issue 971: a producer that goes on while others drain, and the end of
/// it.
#[test]
fn unbounded_mpmc_pops_everything_exactly_once() {
    for (seed, producers, consumers) in [(1, 1, 1), (2, 2, 2), (3, 3, 1), (4, 1, 3), (5, 3, 3)] {
        let queue = UnboundedQueue::new();
        let popped: Vec<_> = thread::scope(|scope| {
            let queue = &queue;
            let pushers: Vec<_> = (0..producers)
                .map(|producer| scope.spawn(move || push_all_unbounded(queue, producer, seed)))
                .collect();
            let poppers: Vec<_> = (0..consumers)
                .map(|consumer| {
                    scope.spawn(move || pop_all_unbounded(queue, seed * 100 + consumer))
                })
                .collect();
            pushers
                .into_iter()
                .for_each(|pusher| pusher.join().unwrap());
            queue.close();
            poppers
                .into_iter()
                .map(|popper| popper.join().unwrap())
                .collect()
        });
        assert_exactly_once(&popped, producers);
        assert_eq!(queue.len(), 0);
    }
}

fn push_all_unbounded(queue: &UnboundedQueue<Value>, producer: usize, seed: u64) {
    let mut random = Random::new(seed * 10 + producer as u64);
    let (mut index, mut batch) = (0, Vec::new());
    while index < VALUES {
        if random.below(4) > 0 {
            queue.push(value(producer, index)).unwrap();
            index += 1;
        } else {
            let count = random.below(100).min(VALUES - index);
            batch.extend((index..index + count).map(|index| value(producer, index)));
            index += count;
            assert_eq!(queue.push_many(&mut batch), Ok(count));
        }
    }
}

fn pop_all_unbounded(queue: &UnboundedQueue<Value>, seed: u64) -> Vec<Value> {
    let mut random = Random::new(seed);
    let mut popped = Vec::new();
    loop {
        let result = match random.below(4) {
            0 => queue.pop_many(&mut popped, 1 + random.below(50)).map(drop),
            _ => queue.pop().map(|value| popped.push(value)),
        };
        match result {
            Ok(()) => {}
            Err(PopError::Empty) => thread::yield_now(),
            Err(PopError::Closed) => return popped,
        }
    }
}

/// Closed at some time among pushes and batches: what was accepted is popped, what was refused came back,
/// as a whole.
#[test]
fn a_close_among_pushes_splits_accepted_from_refused_in_the_unbounded_queue() {
    for round in 0..100 {
        let queue = UnboundedQueue::new();
        thread::scope(|scope| {
            let pushers: Vec<_> = (0..2)
                .map(|_| {
                    let queue = &queue;
                    scope.spawn(move || {
                        let mut accepted = 0;
                        while accepted < VALUES && queue.push(1).is_ok() {
                            let mut batch = vec![1_usize; 40];
                            accepted += 1;
                            accepted += queue.push_many(&mut batch).unwrap_or(0);
                            assert!(batch.is_empty() || batch.len() == 40);
                        }
                        accepted
                    })
                })
                .collect();
            let popper = scope.spawn(|| {
                let mut count = 0;
                loop {
                    match queue.pop() {
                        Ok(value) => count += value,
                        Err(PopError::Empty) => thread::yield_now(),
                        Err(PopError::Closed) => break count,
                    }
                }
            });
            for _ in 0..round {
                thread::yield_now();
            }
            queue.close();
            let accepted = pushers
                .into_iter()
                .map(|pusher| pusher.join().unwrap())
                .sum();
            assert_eq!(popper.join().unwrap(), accepted);
        });
    }
}

#[test]
fn mpsc_pops_everything_exactly_once() {
    for (seed, producers) in [(1, 1), (2, 2), (3, 4)] {
        let (producer, mut consumer) = unbounded();
        let threads: Vec<_> = (0..producers)
            .map(|number| {
                let producer = producer.clone();
                thread::spawn(move || {
                    let mut random = Random::new(seed * 10 + number as u64);
                    let (mut index, mut batch) = (0, Vec::new());
                    while index < VALUES {
                        if random.below(4) > 0 {
                            producer.push(value(number, index)).unwrap();
                            index += 1;
                        } else {
                            let count = random.below(100).min(VALUES - index);
                            batch.extend((index..index + count).map(|index| value(number, index)));
                            index += count;
                            assert_eq!(producer.push_many(&mut batch), Ok(count));
                        }
                    }
                })
            })
            .collect();
        drop(producer);
        let mut random = Random::new(seed);
        let mut popped = Vec::new();
        loop {
            match consumer.pop_many(&mut popped, 1 + random.below(50)) {
                Ok(_) => {}
                Err(PopError::Empty) => thread::yield_now(),
                Err(PopError::Closed) => break,
            }
        }
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        assert_exactly_once(&[popped], producers);
    }
}

#[test]
fn bounded_mpsc_pops_everything_exactly_once() {
    for (seed, capacity, producers) in [(1, 1, 2), (2, 3, 2), (3, 7, 4), (4, 64, 3), (5, 1000, 4)] {
        let (producer, mut consumer) = mpsc::bounded(capacity);
        let threads: Vec<_> = (0..producers)
            .map(|number| {
                let producer = producer.clone();
                thread::spawn(move || push_all_bounded(&producer, number, seed))
            })
            .collect();
        drop(producer);
        let mut random = Random::new(seed);
        let mut popped = Vec::new();
        loop {
            let result = match random.below(4) {
                0 => consumer.pop().map(|value| popped.push(value)),
                _ => consumer
                    .pop_many(&mut popped, 1 + random.below(50))
                    .map(drop),
            };
            match result {
                Ok(()) => {}
                Err(PopError::Empty) => thread::yield_now(),
                Err(PopError::Closed) => break,
            }
        }
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        assert_exactly_once(&[popped], producers);
    }
}

/// One by one, in batches, and to reserved places, some of which are given back.
fn push_all_bounded(producer: &mpsc::BoundedProducer<Value>, number: usize, seed: u64) {
    let mut random = Random::new(seed * 10 + number as u64);
    let (mut index, mut batch) = (0, Vec::new());
    while index < VALUES {
        let pushed = match random.below(4) {
            0 => {
                let end = (index + 1 + random.below(8)).min(VALUES);
                batch.extend((index..end).map(|index| value(number, index)));
                let pushed = producer.push_many(&mut batch);
                batch.clear();
                pushed
            }
            1 => producer.reserve().map(|place| {
                // Others push meanwhile.
                thread::yield_now();
                place.push(value(number, index)).unwrap();
                1
            }),
            2 => producer.reserve().map(|_given_back| 0),
            _ => match producer.push(value(number, index)) {
                Ok(()) => Ok(1),
                Err(error) => {
                    assert!(error.is_full());
                    Err(PushError::Full(()))
                }
            },
        };
        match pushed {
            Ok(count) => index += count,
            Err(error) => {
                assert!(error.is_full());
                thread::yield_now();
            }
        }
    }
}

/// Closed at some time among pushes, reservations and pushes to them: what was accepted is popped, what was
/// refused came back.
#[test]
fn a_close_among_bounded_mpsc_pushes_splits_accepted_from_refused() {
    for round in 0..200 {
        let (producer, mut consumer) = mpsc::bounded(1 + round % 5);
        let threads: Vec<_> = (0..2)
            .map(|number| {
                let producer = producer.clone();
                thread::spawn(move || {
                    let mut accepted = 0;
                    while !producer.is_closed() {
                        let place = producer.reserve();
                        accepted += usize::from(producer.push(value(number, 0)).is_ok());
                        if let Ok(place) = place {
                            accepted += usize::from(place.push(value(number, 1)).is_ok());
                        }
                    }
                    accepted
                })
            })
            .collect();
        let mut popped = Vec::new();
        for _ in 0..round {
            let _ = consumer.pop_many(&mut popped, 3);
        }
        producer.close();
        loop {
            match consumer.pop_many(&mut popped, 3) {
                Ok(_) => {}
                Err(PopError::Empty) => thread::yield_now(),
                Err(PopError::Closed) => break,
            }
        }
        let accepted: usize = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum();
        assert_eq!(popped.len(), accepted);
    }
}

#[test]
fn spsc_pops_everything_exactly_once() {
    for (seed, capacity) in [(1, 1), (2, 3), (3, 7), (4, 64), (5, 1000)] {
        let (mut producer, mut consumer) = spsc::bounded(capacity);
        let thread = thread::spawn(move || {
            let mut random = Random::new(seed * 10);
            let (mut index, mut batch) = (0, Vec::new());
            while index < VALUES {
                let end = (index + 1 + random.below(capacity + 1)).min(VALUES);
                let result = match random.below(3) {
                    0 => producer.push(value(0, index)).map(|()| 1).map_err(drop),
                    1 => producer
                        .push_iter((index..end).map(|index| value(0, index)))
                        .map_err(drop),
                    _ => {
                        batch.extend((index..end).map(|index| value(0, index)));
                        let result = producer.push_many(&mut batch).map_err(drop);
                        batch.clear();
                        result
                    }
                };
                match result {
                    Ok(count) => index += count,
                    Err(()) => thread::yield_now(),
                }
            }
        });
        let mut random = Random::new(seed);
        let mut popped = Vec::new();
        loop {
            let result = match random.below(4) {
                0 => consumer.pop().map(|value| popped.push(value)),
                1 => consumer
                    .peek()
                    .map(|peeked| popped.push(Value(peeked.0.clone())))
                    .map(|()| {
                        assert_eq!(consumer.advance(1), 1);
                    }),
                2 => {
                    let seen = consumer.peek_many(1 + random.below(50));
                    let count = seen.map(|(first, second)| {
                        popped.extend(first.iter().chain(second).map(|seen| Value(seen.0.clone())));
                        first.len() + second.len()
                    });
                    count.map(|count| assert_eq!(consumer.advance(count), count))
                }
                _ => consumer
                    .pop_many(&mut popped, 1 + random.below(50))
                    .map(drop),
            };
            match result {
                Ok(()) => {}
                Err(PopError::Empty) => thread::yield_now(),
                Err(PopError::Closed) => break,
            }
        }
        thread.join().unwrap();
        assert_exactly_once(&[popped], 1);
    }
}

/// Closed by the consumer at some time among pushes: what was accepted is popped, what was refused came
/// back, and `Closed` is heard once the producer has noticed.
#[test]
fn a_close_by_the_spsc_consumer_splits_accepted_from_refused() {
    for round in 0..400 {
        let (mut producer, mut consumer) = spsc::bounded(16);
        let thread = thread::spawn(move || {
            let mut accepted = 0;
            loop {
                match producer.push(1) {
                    Ok(()) => accepted += 1,
                    Err(PushError::Full(_)) => thread::yield_now(),
                    // It lives on in the result.
                    Err(PushError::Closed(_)) => return (accepted, producer),
                }
            }
        });
        let mut popped = 0;
        for _ in 0..round {
            popped += consumer.pop().unwrap_or(0);
        }
        consumer.close();
        loop {
            match consumer.pop() {
                Ok(value) => popped += value,
                Err(PopError::Empty) => thread::yield_now(),
                Err(PopError::Closed) => break,
            }
        }
        let (accepted, producer) = thread.join().unwrap();
        assert_eq!((popped, producer.len()), (accepted, 0));
    }
}

/// Closed at some time among pushes: what was accepted is popped, what was refused came back.
#[test]
fn a_close_among_pushes_splits_accepted_from_refused() {
    for round in 0..40 {
        let queue = Queue::bounded(16);
        let (producer, mut consumer) = unbounded();
        thread::scope(|scope| {
            let pushers: Vec<_> = (0..2)
                .map(|_| {
                    let (queue, producer) = (&queue, producer.clone());
                    scope.spawn(move || {
                        let (mut bounded, mut unbounded) = (0, 0);
                        loop {
                            match queue.push(1) {
                                Ok(()) => bounded += 1,
                                Err(PushError::Full(_)) => thread::yield_now(),
                                Err(PushError::Closed(_)) => break,
                            }
                        }
                        while unbounded < VALUES && producer.push(1).is_ok() {
                            unbounded += 1;
                        }
                        (bounded, unbounded)
                    })
                })
                .collect();
            let popper = scope.spawn(|| {
                let mut count = 0;
                loop {
                    match queue.pop() {
                        Ok(value) => count += value,
                        Err(PopError::Empty) => thread::yield_now(),
                        Err(PopError::Closed) => break count,
                    }
                }
            });
            for _ in 0..round {
                thread::yield_now();
            }
            queue.close();
            for _ in 0..round % 20 {
                thread::yield_now();
            }
            producer.close();
            let accepted: Vec<(usize, usize)> = pushers
                .into_iter()
                .map(|pusher| pusher.join().unwrap())
                .collect();
            let bounded: usize = accepted.iter().map(|counts| counts.0).sum();
            let unbounded: usize = accepted.iter().map(|counts| counts.1).sum();
            assert_eq!(popper.join().unwrap(), bounded);
            let mut popped = Vec::new();
            let _ = consumer.pop_many(&mut popped, usize::MAX);
            assert_eq!(popped.len(), unbounded);
            assert_eq!(consumer.pop(), Err(PopError::Closed));
        });
    }
}
