//! Locked instructions of pushing and popping, as the README says.
#![cfg(not(hyperia_loom))]

use std::cell::RefCell;

use hyperia_queue::mpmc::UnboundedQueue;
use hyperia_queue::spsc::bounded;
use hyperia_queue::{PopError, PushError, mpsc};
use hyperia_test::locked::assert_counts;

#[test]
fn spsc_locks_nothing_but_the_close() {
    let (producer, consumer) = bounded::<u64>(64);
    let (producer, consumer) = (&RefCell::new(producer), &RefCell::new(consumer));
    let (full, _full_consumer) = bounded::<u64>(1);
    let full = &RefCell::new(full);
    full.borrow_mut().push(0).unwrap();
    let values = &RefCell::new(Vec::with_capacity(32));
    assert_counts(&[
        ("push and pop", 0, &|| {
            producer.borrow_mut().push(7).unwrap();
            assert_eq!(consumer.borrow_mut().pop(), Ok(7));
        }),
        ("push that is full", 0, &|| {
            assert_eq!(full.borrow_mut().push(1), Err(PushError::Full(1)));
        }),
        ("pop that is empty", 0, &|| {
            assert_eq!(consumer.borrow_mut().pop(), Err(PopError::Empty));
        }),
        ("32 in and out as vectors", 0, &|| {
            let (mut values, mut consumer) = (values.borrow_mut(), consumer.borrow_mut());
            values.extend(0..32);
            assert_eq!(producer.borrow_mut().push_many(&mut values), Ok(32));
            assert_eq!(consumer.pop_many(&mut values, 32), Ok(32));
            values.clear();
        }),
        ("32 in by an iterator, out as slices", 0, &|| {
            let mut consumer = consumer.borrow_mut();
            assert_eq!(producer.borrow_mut().push_iter(0..32), Ok(32));
            let (first, second) = consumer.peek_many(usize::MAX).unwrap();
            let sum: u64 = first.iter().chain(second).sum();
            assert_eq!((sum, consumer.advance(32)), (496, 32));
        }),
        ("len, is_closed", 0, &|| {
            let (producer, consumer) = (producer.borrow(), consumer.borrow());
            assert!(producer.is_empty() && consumer.is_empty());
            assert!(!producer.is_closed() && !consumer.is_closed());
        }),
    ]);
}

#[test]
fn a_close_is_one_locked_instruction() {
    let (producer, consumer) = bounded::<u64>(1);
    let (ended, mut refusing) = bounded::<u64>(1);
    ended.close();
    assert_eq!(refusing.pop(), Err(PopError::Closed));
    assert_counts(&[
        ("close by the producer", 1, &|| {
            producer.close();
        }),
        ("close by the consumer", 1, &|| {
            consumer.close();
        }),
        ("is_closed of a closed one", 0, &|| {
            assert!(ended.is_closed() && refusing.is_closed());
        }),
    ]);
}

#[test]
fn the_unbounded_mpmc_queue_locks_three_times_for_a_push_and_a_pop() {
    let queue = UnboundedQueue::new();
    let [piled_up, mixed] = [UnboundedQueue::new(), UnboundedQueue::new()];
    // With a spent block at hand, and the warm-up before the count, this comes to the end of a block.
    let last = UnboundedQueue::new();
    for _ in 0..32 + 27 {
        last.push(0_u64).unwrap();
        last.pop().unwrap();
    }
    let empty = UnboundedQueue::<u64>::new();
    let values = &RefCell::new(Vec::with_capacity(16));
    assert_counts(&[
        ("push", 1, &|| queue.push(7).unwrap()),
        ("push and pop", 3, &|| {
            queue.push(7).unwrap();
            assert_eq!(queue.pop(), Ok(7));
        }),
        ("8 pushed, then 8 popped with one look", 8 + 8 + 1, &|| {
            (0..8).for_each(|value| piled_up.push(value).unwrap());
            (0..8).for_each(|value| assert_eq!(piled_up.pop(), Ok(value)));
        }),
        (
            "the same, the second by a batch, which looks",
            8 + 8 + 2,
            &|| {
                let mut values = values.borrow_mut();
                (0..8).for_each(|value| mixed.push(value).unwrap());
                assert_eq!(mixed.pop(), Ok(0));
                assert_eq!(mixed.pop_many(&mut values, 1), Ok(1));
                (2..8).for_each(|value| assert_eq!(mixed.pop(), Ok(value)));
                values.clear();
            },
        ),
        ("push and pop at the end of a block", 7, &|| {
            last.push(7).unwrap();
            assert_eq!(last.pop(), Ok(7));
        }),
        ("pop that is empty", 2, &|| {
            assert_eq!(empty.pop(), Err(PopError::Empty));
        }),
        ("16 in and out as vectors", 3, &|| {
            let mut values = values.borrow_mut();
            values.extend(0..16);
            assert_eq!(empty.push_many(&mut values), Ok(16));
            assert_eq!(empty.pop_many(&mut values, 16), Ok(16));
            values.clear();
        }),
        ("len, is_empty, is_closed", 0, &|| {
            assert_eq!(empty.len(), 0);
            assert!(empty.is_empty() && !empty.is_closed());
        }),
    ]);
}

#[test]
fn a_bounded_mpsc_queue_locks_once_per_push_and_never_per_pop() {
    let (producer, consumer) = mpsc::bounded::<u64>(64);
    let (producer, consumer) = (&producer, &RefCell::new(consumer));
    let (inside, many) = mpsc::bounded::<u64>(64);
    let many = &RefCell::new(many);
    let (full, _full_consumer) = mpsc::bounded::<u64>(1);
    full.push(0).unwrap();
    for value in 0..64 {
        inside.push(value).unwrap();
    }
    let values = &RefCell::new(Vec::with_capacity(64));
    assert_counts(&[
        ("push", 1, &|| {
            // Some are pushed to warm up; there is room for all.
            producer.push(7).unwrap();
        }),
        ("push and pop", 1, &|| {
            producer.push(7).unwrap();
            assert_eq!(consumer.borrow_mut().pop(), Ok(7));
        }),
        ("pop", 0, &|| {
            many.borrow_mut().pop().unwrap();
        }),
        ("push that is full", 0, &|| {
            assert_eq!(full.push(1), Err(PushError::Full(1)));
        }),
        ("pop that is empty", 0, &|| {
            assert_eq!(consumer.borrow_mut().pop(), Err(PopError::Empty));
        }),
        ("reserve, and its push", 2, &|| {
            producer.reserve().unwrap().push(7).unwrap();
            assert_eq!(consumer.borrow_mut().pop(), Ok(7));
        }),
        ("reserve, and give back", 2, &|| {
            drop(producer.reserve().unwrap());
        }),
        ("32 in and out as vectors", 1, &|| {
            let (mut values, mut consumer) = (values.borrow_mut(), consumer.borrow_mut());
            values.clear();
            values.extend(0..32);
            assert_eq!(producer.push_many(&mut values), Ok(32));
            assert_eq!(consumer.pop_many(&mut values, 32), Ok(32));
        }),
        ("len, is_closed", 0, &|| {
            assert!(producer.is_empty() && consumer.borrow().is_empty());
            assert!(!producer.is_closed() && !consumer.borrow().is_closed());
        }),
    ]);
}
