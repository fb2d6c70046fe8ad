//! Positions at the end of their range, which no user reaches.

use alloc::vec::Vec;

use super::starting_at;
use crate::{PopError, PushError};

#[test]
fn positions_wrap_around_for_any_capacity() {
    for capacity in 1..=9 {
        for before in 0..=2 * capacity {
            let (mut producer, mut consumer) = starting_at(capacity, 0_usize.wrapping_sub(before));
            let mut next = 0;
            for value in 0..10 * capacity {
                while producer.push(value).is_err() {
                    assert_eq!((producer.len(), consumer.len()), (capacity, capacity));
                    assert_eq!(consumer.peek(), Ok(&next));
                    assert_eq!(consumer.pop(), Ok(next));
                    next += 1;
                    assert_eq!(producer.len(), capacity - 1);
                }
            }
            while let Ok(value) = consumer.pop() {
                assert_eq!(value, next);
                next += 1;
            }
            assert_eq!(next, 10 * capacity);
            assert!(producer.is_empty() && consumer.is_empty());
        }
    }
}

#[test]
fn batches_and_slices_cross_the_wrap_around() {
    for capacity in 1..=5 {
        for before in 0..=capacity {
            let (mut producer, mut consumer) = starting_at(capacity, 0_usize.wrapping_sub(before));
            let mut values: Vec<usize> = (0..capacity + 2).collect();
            assert_eq!(producer.push_many(&mut values), Ok(capacity));
            assert_eq!(values, [capacity, capacity + 1]);
            assert_eq!(producer.push(99), Err(PushError::Full(99)));
            let (first, second) = consumer.peek_many(usize::MAX).unwrap();
            assert_eq!([first, second].concat(), (0..capacity).collect::<Vec<_>>());
            assert_eq!(consumer.advance(1), 1);
            let mut popped = Vec::new();
            let rest = consumer.pop_many(&mut popped, usize::MAX).unwrap_or(0);
            assert_eq!(rest, capacity - 1);
            assert_eq!(popped, (1..capacity).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_queue_closed_at_the_wrap_around_says_so_when_it_is_empty() {
    let (mut producer, mut consumer) = starting_at(1, usize::MAX);
    producer.push(1).unwrap();
    assert!(producer.close());
    assert_eq!(producer.push(2), Err(PushError::Closed(2)));
    assert_eq!(consumer.len(), 1);
    assert_eq!(consumer.pop(), Ok(1));
    assert_eq!(consumer.pop(), Err(PopError::Closed));
}

#[test]
fn what_is_left_across_the_wrap_around_is_dropped() {
    let value = alloc::rc::Rc::new(());
    let (mut producer, consumer) = starting_at(3, usize::MAX);
    for _ in 0..3 {
        producer.push(value.clone()).unwrap();
    }
    drop(consumer);
    assert_eq!(alloc::rc::Rc::strong_count(&value), 1);
}
