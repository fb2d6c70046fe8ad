//! Positions at the end of their range, which no user reaches.

use super::Queue;
use crate::{PopError, PushError};
use alloc::vec::Vec;

/// Laps after which the next one wraps around, whatever the capacity.
const LAST_LAP: usize = usize::MAX;

#[test]
fn positions_wrap_around_for_any_capacity() {
    for capacity in 1..=9 {
        let queue = Queue::starting_at(capacity, LAST_LAP);
        let mut next = 0;
        for value in 0..10 * capacity {
            while queue.push(value).is_err() {
                assert_eq!(queue.len(), capacity);
                assert_eq!(queue.pop(), Ok(next));
                next += 1;
                assert_eq!(queue.len(), capacity - 1);
            }
        }
        assert!(next >= 9 * capacity, "it went round");
        while let Ok(value) = queue.pop() {
            assert_eq!(value, next);
            next += 1;
        }
        assert_eq!(next, 10 * capacity);
        assert_eq!(queue.len(), 0);
    }
}

#[test]
fn a_full_queue_is_full_across_the_wrap_around() {
    for capacity in 1..=5 {
        for shift in 0..capacity {
            let queue = Queue::starting_at(capacity, LAST_LAP);
            for _ in 0..shift {
                queue.push(0).unwrap();
                queue.pop().unwrap();
            }
            for value in 0..capacity {
                assert_eq!(queue.len(), value);
                queue.push(value).unwrap();
            }
            assert_eq!(queue.push(99), Err(PushError::Full(99)));
            assert_eq!(queue.len(), capacity);
            for value in 0..capacity {
                assert_eq!(queue.pop(), Ok(value));
            }
            assert_eq!(queue.pop(), Err(PopError::Empty));
        }
    }
}

#[test]
fn a_batch_crosses_the_wrap_around() {
    for capacity in 1..=5 {
        for shift in 0..capacity {
            let queue = Queue::starting_at(capacity, LAST_LAP);
            for _ in 0..shift {
                queue.push(0).unwrap();
                queue.pop().unwrap();
            }
            let mut values: Vec<usize> = (0..capacity + 2).collect();
            assert_eq!(queue.push_many(&mut values), Ok(capacity));
            assert_eq!(values, [capacity, capacity + 1]);
            let mut popped = Vec::new();
            assert_eq!(queue.pop_many(&mut popped, usize::MAX), Ok(capacity));
            assert_eq!(popped, (0..capacity).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_queue_closed_at_the_wrap_around_says_so_when_it_is_empty() {
    let queue = Queue::starting_at(1, LAST_LAP);
    queue.push(1).unwrap();
    assert!(queue.close());
    assert_eq!(queue.push(2), Err(PushError::Closed(2)));
    assert_eq!(queue.len(), 1);
    assert_eq!(queue.pop(), Ok(1));
    assert_eq!(queue.pop(), Err(PopError::Closed));
}
