//! What a user of the bounded queue with one consumer can rely on.
#![cfg(not(hyperia_loom))]

mod common;

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Barrier};
use std::thread;

use common::{Counted, Counter, Random};
use hyperia_queue::mpsc::raw::Ring;
use hyperia_queue::mpsc::{BoundedProducer, Reservation, bounded};
use hyperia_queue::{PopError, PushError};

const CAPACITIES: [usize; 5] = [1, 2, 3, 5, 64];

/// What a call panics with.
fn message<R>(f: impl FnOnce() -> R) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).map(drop).unwrap_err();
    match payload.downcast::<&str>() {
        Ok(message) => (*message).to_owned(),
        Err(payload) => *payload.downcast::<String>().expect("a text"),
    }
}

#[test]
fn values_come_out_in_the_order_they_went_in() {
    for capacity in CAPACITIES {
        let (producer, mut consumer) = bounded(capacity);
        let other = producer.clone();
        for round in 0..10 {
            for value in 0..capacity {
                [&producer, &other][value % 2].push(value + round).unwrap();
            }
            for value in 0..capacity {
                assert_eq!(consumer.pop(), Ok(value + round));
            }
            assert_eq!(consumer.pop(), Err(PopError::Empty));
        }
    }
}

#[test]
fn it_is_full_at_its_capacity_whatever_that_is() {
    for capacity in (1..70).chain([100, 1000]) {
        let (producer, mut consumer) = bounded(capacity);
        assert_eq!(
            (producer.capacity(), consumer.capacity()),
            (capacity, capacity)
        );
        for value in 0..capacity {
            assert_eq!((producer.len(), consumer.len()), (value, value));
            assert_eq!(producer.is_empty(), value == 0);
            producer.push(value).unwrap();
        }
        assert_eq!(producer.push(7), Err(PushError::Full(7)));
        assert_eq!(producer.reserve().map(drop), Err(PushError::Full(())));
        assert_eq!(producer.push_many(&mut vec![7]), Err(PushError::Full(())));
        assert_eq!((producer.len(), consumer.is_empty()), (capacity, false));
        assert_eq!(consumer.pop(), Ok(0));
        producer.push(capacity).unwrap();
        assert_eq!(producer.push(7), Err(PushError::Full(7)));
    }
}

#[test]
fn a_capacity_that_cannot_be_is_refused() {
    assert_eq!(
        message(|| bounded::<()>(0)),
        "capacity must be greater than zero"
    );
    for capacity in [usize::MAX, (1 << 45) + 1] {
        assert_eq!(
            message(|| Ring::<()>::new(capacity)),
            "capacity must be at most usize::MAX / 4 and at most 2^45"
        );
    }
}

#[test]
fn what_was_pushed_before_a_close_is_popped_and_then_it_says_closed() {
    let (producer, mut consumer) = bounded(3);
    producer.push(1).unwrap();
    assert!(consumer.close());
    assert!(!producer.close(), "it was closed already");
    assert!(producer.is_closed() && consumer.is_closed());
    assert_eq!(producer.push(2), Err(PushError::Closed(2)));
    assert_eq!(producer.push_many(&mut vec![2]), Err(PushError::Closed(())));
    assert_eq!(producer.reserve().map(drop), Err(PushError::Closed(())));
    assert_eq!((producer.len(), consumer.len()), (1, 1));
    assert_eq!(consumer.pop(), Ok(1));
    assert_eq!(consumer.pop(), Err(PopError::Closed));
    assert_eq!(consumer.pop(), Err(PopError::Closed));
}

#[test]
fn a_full_queue_that_is_closed_says_closed() {
    let (producer, mut consumer) = bounded(1);
    producer.push(1).unwrap();
    producer.close();
    assert_eq!(producer.push(2), Err(PushError::Closed(2)));
    assert_eq!(consumer.pop(), Ok(1));
    assert_eq!(consumer.pop(), Err(PopError::Closed));
}

#[test]
fn dropping_the_last_producer_closes() {
    let (producer, mut consumer) = bounded(4);
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
    for capacity in CAPACITIES {
        for count in [0, 1, capacity] {
            let counter = Counter::default();
            let (producer, consumer) = bounded(capacity);
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
}

/// The shape of RUSTSEC-2018-0009: a popped value is the popper's, and is not dropped again with the queue.
#[test]
fn every_value_is_dropped_once() {
    for capacity in CAPACITIES {
        let counter = Counter::default();
        let (producer, mut consumer) = bounded(capacity);
        for value in 0..capacity {
            producer.push(counter.make(value)).ok().unwrap();
        }
        for value in 0..capacity / 2 {
            assert_eq!(*consumer.pop().ok().unwrap().value, value);
        }
        assert_eq!(counter.dropped(), capacity / 2);
        drop((producer, consumer));
        counter.assert_all_dropped_once();
    }
}

#[test]
fn a_ring_without_ends_drops_what_is_inside_with_itself() {
    let counter = Counter::default();
    let ring = Ring::new(5);
    let mut values = (0..4).map(|value| counter.make(value)).collect();
    assert_eq!(ring.push_many(&mut values), Ok(4));
    // SAFETY: nobody else pops.
    drop(unsafe { ring.pop() });
    drop(ring);
    assert_eq!(counter.dropped(), 4);
    counter.assert_all_dropped_once();
}

#[test]
fn a_value_whose_drop_panics_does_not_keep_the_others_alive() {
    for (inside, capacity) in [(3, 3), (3, 64), (64, 64)] {
        let counter = Counter::default();
        let fill = |producer: &BoundedProducer<Counted>| {
            for value in 0..inside {
                let is_second = value == 1;
                let make = if is_second {
                    Counter::make_panicking
                } else {
                    Counter::make
                };
                producer.push(make(&counter, value)).ok().unwrap();
            }
        };
        let (producer, consumer) = bounded(capacity);
        fill(&producer);
        assert_eq!(message(|| drop(consumer)), "the drop of value 1");
        counter.assert_all_dropped_once();
        drop(producer);
        counter.assert_all_dropped_once();
    }
}

/// The shape of RUSTSEC-2022-0021: nothing is ever a value before it was pushed.
#[test]
fn values_that_are_never_zero_come_out_as_they_went_in() {
    let (producer, mut consumer) = bounded::<NonZeroU64>(3);
    for value in (1..100).filter_map(NonZeroU64::new) {
        producer.push(value).unwrap();
        assert_eq!(consumer.pop(), Ok(value));
    }
    let text = String::from("borrowed");
    let (producer, mut consumer) = bounded::<&str>(3);
    producer.push(&text).unwrap();
    assert_eq!(consumer.pop(), Ok("borrowed"));
    assert_eq!(consumer.pop(), Err(PopError::Empty));
}

#[test]
fn as_many_values_without_a_size_as_a_vector_can_hold_go_in_as_far_as_there_is_room() {
    let (producer, mut consumer) = bounded(5);
    let mut values = vec![(); usize::MAX];
    assert_eq!(producer.push_many(&mut values), Ok(5));
    assert_eq!(values.len(), usize::MAX - 5);
    assert_eq!(producer.push_many(&mut values), Err(PushError::Full(())));
    // It would hold more than it can count: refused before anything is taken.
    let mut many = vec![(); usize::MAX - 4];
    assert_eq!(
        message(|| consumer.pop_many(&mut many, 5)),
        "capacity overflow"
    );
    assert_eq!((many.len(), consumer.len()), (usize::MAX - 4, 5));
    assert_eq!(consumer.pop_many(&mut many, 4), Ok(4));
    assert_eq!(many.len(), usize::MAX);
    assert_eq!(consumer.pop(), Ok(()));
    assert_eq!(consumer.pop(), Err(PopError::Empty));
}

#[test]
fn a_batch_goes_in_as_far_as_there_is_room_wherever_it_begins() {
    for capacity in CAPACITIES {
        for before in 0..2 * capacity {
            for inside in 0..capacity {
                let (producer, mut consumer) = bounded(capacity);
                for value in 0..before {
                    producer.push(value).unwrap();
                    consumer.pop().unwrap();
                }
                for _ in 0..inside {
                    producer.push(0).unwrap();
                }
                let mut values: Vec<usize> = (1..=capacity + 1).collect();
                let room = capacity - inside;
                assert_eq!(producer.push_many(&mut values), Ok(room));
                assert_eq!(values, (room + 1..=capacity + 1).collect::<Vec<_>>());
                let mut popped = vec![99];
                assert_eq!(consumer.pop_many(&mut popped, usize::MAX), Ok(capacity));
                assert_eq!(popped[0], 99);
                assert!(popped[1..=inside].iter().all(|&value| value == 0));
                assert_eq!(popped[1 + inside..], (1..=room).collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn an_empty_batch_is_nothing() {
    let (producer, mut consumer) = bounded::<u8>(1);
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
    let (producer, consumer) = bounded(3);
    consumer.close();
    let mut values: Vec<_> = (0..100).collect();
    assert_eq!(producer.push_many(&mut values), Err(PushError::Closed(())));
    assert_eq!(values, (0..100).collect::<Vec<_>>());
}

#[test]
fn pop_many_keeps_to_its_limit_and_appends() {
    let (producer, mut consumer) = bounded(10);
    assert_eq!(producer.push_many(&mut (0..10).collect()), Ok(10));
    let mut values = vec![100];
    assert_eq!(consumer.pop_many(&mut values, 3), Ok(3));
    assert_eq!(values, [100, 0, 1, 2]);
}

#[test]
fn what_is_reserved_is_kept_from_others_and_comes_out_when_it_was_pushed() {
    for capacity in CAPACITIES {
        let (producer, mut consumer) = bounded(capacity);
        for round in 0..3 {
            let place = producer.reserve().unwrap();
            assert_eq!(
                (producer.len(), producer.is_empty()),
                (0, true),
                "not in the queue yet"
            );
            for value in 1..capacity {
                producer.push(value).unwrap();
            }
            assert_eq!(producer.push(7), Err(PushError::Full(7)));
            assert_eq!(producer.push_many(&mut vec![7]), Err(PushError::Full(())));
            place.push(capacity + round).unwrap();
            assert_eq!(producer.push(7), Err(PushError::Full(7)));
            for value in 1..capacity {
                assert_eq!(consumer.pop(), Ok(value), "others came before");
            }
            assert_eq!(consumer.pop(), Ok(capacity + round));
        }
    }
}

#[test]
fn a_reservation_that_is_dropped_gives_its_place_back() {
    for capacity in CAPACITIES {
        let (producer, mut consumer) = bounded(capacity);
        for _ in 0..3 {
            let places: Vec<_> = (0..capacity).map(|_| producer.reserve().unwrap()).collect();
            assert_eq!(producer.push(7), Err(PushError::Full(7)));
            drop(places);
            for value in 0..capacity {
                producer.push(value).unwrap();
            }
            let mut popped = Vec::new();
            assert_eq!(consumer.pop_many(&mut popped, usize::MAX), Ok(capacity));
        }
    }
}

#[test]
fn a_reservation_that_is_forgotten_keeps_its_place() {
    let (producer, mut consumer) = bounded(2);
    std::mem::forget(producer.reserve().unwrap());
    producer.push(1).unwrap();
    assert_eq!(producer.push(2), Err(PushError::Full(2)));
    assert_eq!(consumer.pop(), Ok(1));
    drop(producer);
    assert_eq!(consumer.pop(), Err(PopError::Closed));
}

#[test]
fn a_reservation_after_the_close_hands_the_value_back() {
    let counter = Counter::default();
    let (producer, mut consumer) = bounded(3);
    let places = [producer.reserve().unwrap(), producer.reserve().unwrap()];
    producer.push(counter.make(1)).ok().unwrap();
    let [pushed, dropped] = places;
    consumer.close();
    let refused = pushed.push(counter.make(2)).unwrap_err();
    assert!(refused.is_closed());
    assert_eq!(*refused.into_inner().value, 2);
    drop(dropped);
    assert_eq!(*consumer.pop().ok().unwrap().value, 1);
    assert_eq!(consumer.pop().err(), Some(PopError::Closed));
    counter.assert_all_dropped_once();
}

#[test]
fn an_outstanding_reservation_does_not_keep_a_closed_queue_open() {
    let (producer, mut consumer) = bounded::<u8>(3);
    let place = producer.reserve().unwrap();
    producer.close();
    assert_eq!(consumer.pop(), Err(PopError::Closed));
    drop(consumer);
    assert_eq!(place.push(1), Err(PushError::Closed(1)));
}

#[test]
fn no_more_places_are_reserved_than_can_be_counted() {
    const MAX: usize = Ring::<u8>::MAX_RESERVED;
    assert_eq!(MAX, 65_535);
    let (producer, mut consumer) = bounded(MAX + 5);
    let mut places: Vec<Reservation<'_, usize>> =
        (0..MAX).map(|_| producer.reserve().unwrap()).collect();
    assert_eq!(
        message(|| producer.reserve()),
        "65,535 places are reserved already"
    );
    // Nothing was changed, and the other calls go on.
    for value in 0..5 {
        producer.push(value).unwrap();
    }
    assert_eq!(producer.push(5), Err(PushError::Full(5)));
    assert_eq!(
        producer.reserve().map(drop),
        Err(PushError::Full(())),
        "rather than a panic"
    );
    places.pop().unwrap().push(5).unwrap();
    assert_eq!(producer.push(6), Err(PushError::Full(6)));
    drop(places.pop());
    producer.push(6).unwrap();
    for place in places.drain(..) {
        place.push(7).unwrap();
    }
    for value in 0..7 {
        assert_eq!(consumer.pop(), Ok(value));
    }
    let mut popped = Vec::new();
    assert_eq!(consumer.pop_many(&mut popped, usize::MAX), Ok(MAX - 2));
    assert!(consumer.is_empty());
}

#[test]
fn random_calls_agree_with_a_deque() {
    for capacity in CAPACITIES {
        for seed in 1..=100 {
            let mut random = Random::new(seed + 1000 * capacity as u64);
            // Closed late or never.
            let close_at = random.below(3_000);
            random_calls(capacity, close_at, &mut random);
        }
    }
}

/// Two thousand calls to a queue and to a deque beside it.
fn random_calls(capacity: usize, close_at: usize, random: &mut Random) {
    let (producer, mut consumer) = bounded(capacity);
    let (mut model, mut places) = (VecDeque::new(), Vec::new());
    let mut is_closed = false;
    let (mut values, mut popped) = (Vec::new(), Vec::new());
    for next in 0..2_000 {
        let room = capacity - model.len() - places.len();
        let refusal = if is_closed {
            PushError::Closed(next)
        } else {
            PushError::Full(next)
        };
        let error = match refusal {
            PushError::Closed(_) => PushError::Closed(()),
            PushError::Full(_) => PushError::Full(()),
        };
        if next == close_at {
            assert!([producer.close(), consumer.close()] == [true, false]);
            is_closed = true;
            continue;
        }
        let is_accepted = room > 0 && !is_closed;
        match random.below(9) {
            0 | 1 => {
                let expected = if is_accepted { Ok(()) } else { Err(refusal) };
                assert_eq!(producer.push(next), expected);
                model.extend(is_accepted.then_some(next));
            }
            2 => {
                // Up to twice the room there ever is.
                let count = random.below(2 * capacity + 1);
                values.clear();
                values.extend((0..count).map(|index| next * 1_000 + index));
                let pushed = if is_closed { 0 } else { room.min(count) };
                let expected = if pushed == 0 && count > 0 {
                    Err(error)
                } else {
                    Ok(pushed)
                };
                assert_eq!(producer.push_many(&mut values), expected);
                assert_eq!(values.len(), count - pushed);
                model.extend((0..pushed).map(|index| next * 1_000 + index));
            }
            3 => match producer.reserve() {
                Ok(place) => {
                    assert!(is_accepted);
                    places.push(place);
                }
                Err(found) => {
                    assert!(!is_accepted);
                    assert_eq!(found, error);
                }
            },
            4 => drop(places.pop()),
            5 => {
                if let Some(place) = places.pop() {
                    let expected = if is_closed { Err(refusal) } else { Ok(()) };
                    assert_eq!(place.push(next), expected);
                    model.extend((!is_closed).then_some(next));
                }
            }
            6 | 7 => {
                let nothing = if is_closed {
                    PopError::Closed
                } else {
                    PopError::Empty
                };
                assert_eq!(consumer.pop(), model.pop_front().ok_or(nothing));
            }
            _ => {
                let limit = random.below(capacity + 2);
                let count = limit.min(model.len());
                let nothing = if is_closed {
                    PopError::Closed
                } else {
                    PopError::Empty
                };
                let expected = if count == 0 && limit > 0 {
                    Err(nothing)
                } else {
                    Ok(count)
                };
                popped.clear();
                assert_eq!(consumer.pop_many(&mut popped, limit), expected);
                assert_eq!(popped, model.drain(..count).collect::<Vec<_>>());
            }
        }
        assert_eq!((producer.len(), consumer.len()), (model.len(), model.len()));
        assert_eq!(producer.is_empty(), model.is_empty());
        assert_eq!(consumer.is_closed(), is_closed);
    }
}

#[test]
fn len_is_never_wild_while_others_push_and_pop() {
    for capacity in [1, 3, 64] {
        let (producer, mut consumer) = bounded(capacity);
        let watcher = producer.clone();
        let is_done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                for value in 0..20_000 {
                    while producer.push(value).is_err() {
                        thread::yield_now();
                    }
                }
            });
            scope.spawn(|| {
                let mut count = 0;
                while count < 20_000 {
                    assert!(consumer.len() <= capacity);
                    match consumer.pop() {
                        Ok(_) => count += 1,
                        Err(_) => thread::yield_now(),
                    }
                }
                is_done.store(true, SeqCst);
            });
            while !is_done.load(SeqCst) {
                assert!(watcher.len() <= capacity);
            }
        });
    }
}

/// A place in number only, so it may go to another thread.
#[test]
fn a_reservation_is_used_on_another_thread() {
    let (producer, mut consumer) = bounded(1);
    let place = producer.reserve().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| place.push(7).unwrap());
    });
    assert_eq!(consumer.pop(), Ok(7));
}

/// The shape of flume issue 120: found empty, then pushed and closed, then heard "closed" with a value inside.
#[test]
fn the_last_value_before_the_end_is_not_lost() {
    for round in 0..2_000 {
        let (producer, mut consumer) = bounded(1 + round % 3);
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

/// The shape of RUSTSEC-2025-0024 and crossbeam issue 971: the consumer goes while producers push.
#[test]
fn dropping_the_consumer_among_pushing_producers_drops_every_value_once() {
    for round in 0..300 {
        let counter = Counter::default();
        let (producer, mut consumer) = bounded(1 + round % 7);
        let start = Arc::new(Barrier::new(3));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (producer, counter) = (producer.clone(), counter.clone());
                let start = Arc::clone(&start);
                thread::spawn(move || {
                    start.wait();
                    while !producer.is_closed() {
                        let place = producer.reserve();
                        let _ = producer.push(counter.make(0));
                        if let Ok(place) = place {
                            let _ = place.push(counter.make(1));
                        }
                    }
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

/// What the header promises to whoever sleeps on "empty": a consumer that looks again after each wake-up, which
/// producers give after their push, gets everything.
#[test]
fn a_consumer_that_sleeps_until_woken_after_a_push_gets_everything() {
    const PUSHES: usize = 2_000;
    const PRODUCERS: usize = 3;
    // With room for all, so that nobody else has to be woken.
    let (producer, mut consumer) = bounded(PUSHES * PRODUCERS);
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
fn a_batch_of_none_is_refused_only_where_there_is_no_room() {
    let ring = Ring::new(2);
    let mut none = Vec::new();
    // SAFETY, in all of this: the look does not panic, and nobody else pops.
    // SAFETY: the look does not panic.
    let mut push_none = || unsafe { ring.push_many_looking(&mut none, || 'x') };
    assert_eq!(push_none(), Ok((0, 'x')));
    ring.push(1).unwrap();
    ring.push(2).unwrap();
    assert_eq!(push_none(), Err(PushError::Full(())));
    // SAFETY: nobody else pops.
    unsafe { ring.pop() }.unwrap();
    assert_eq!(push_none(), Ok((0, 'x')));
    ring.close();
    assert_eq!(push_none(), Err(PushError::Closed(())));
}

#[test]
fn handles_read_well() {
    let (producer, consumer) = bounded::<Box<dyn Fn() + Send>>(3);
    producer.push(Box::new(|| {})).ok().unwrap();
    let place = producer.reserve().unwrap();
    let ring = "Ring { len: 1, capacity: 3, is_closed: false, .. }";
    assert_eq!(format!("{producer:?}"), format!("BoundedProducer({ring})"));
    assert_eq!(format!("{consumer:?}"), format!("BoundedConsumer({ring})"));
    assert_eq!(format!("{place:?}"), format!("Reservation({ring})"));
}
