//! Positions at the end of their range, and numbers at the end of theirs, which no user reaches.

use super::{CLOSED, ONE, RESERVED_MASK, Ring, end, position};
use crate::primitive::Ordering::Relaxed;
use crate::{PopError, PushError};
use alloc::vec::Vec;

/// Laps after which the next one wraps around, whatever the capacity.
const LAST_LAP: u64 = u64::MAX;

fn pop<T>(ring: &Ring<T>) -> Result<T, PopError> {
    // SAFETY: there is one thread.
    unsafe { ring.pop() }
}

/// A ring whose positions wrap around after `before` more values, at most as many as it has slots.
fn before_the_end(capacity: usize, before: usize) -> Ring<usize> {
    let ring = Ring::starting_at(capacity, LAST_LAP);
    for _ in before..capacity.next_power_of_two() {
        ring.push(usize::MAX).unwrap();
        pop(&ring).unwrap();
    }
    ring
}

#[test]
fn positions_wrap_around_for_any_capacity() {
    for capacity in 1..=9 {
        let ring = Ring::starting_at(capacity, LAST_LAP);
        let mut next = 0;
        for value in 0..10 * capacity {
            while ring.push(value).is_err() {
                assert_eq!(ring.len(), capacity);
                assert_eq!(pop(&ring), Ok(next));
                next += 1;
                assert_eq!(ring.len(), capacity - 1);
            }
        }
        assert!(next >= 9 * capacity, "it went round");
        while let Ok(value) = pop(&ring) {
            assert_eq!(value, next);
            next += 1;
        }
        assert_eq!(next, 10 * capacity);
        assert_eq!(ring.len(), 0);
        // ORDERING: Relaxed, one thread.
        assert!(ring.head.load(Relaxed) < u64::MAX / 2, "past the end");
    }
}

#[test]
fn a_full_ring_is_full_across_the_wrap_around() {
    for capacity in 1..=5_usize {
        for before in 0..=capacity.next_power_of_two() {
            let ring = before_the_end(capacity, before);
            for value in 0..capacity {
                assert_eq!(ring.len(), value);
                ring.push(value).unwrap();
            }
            assert_eq!(ring.push(99), Err(PushError::Full(99)));
            assert_eq!(ring.reserve(), Err(PushError::Full(())));
            assert_eq!(ring.len(), capacity);
            for value in 0..capacity {
                assert_eq!(pop(&ring), Ok(value));
            }
            assert_eq!(pop(&ring), Err(PopError::Empty));
        }
    }
}

#[test]
fn a_batch_crosses_the_wrap_around() {
    for capacity in 1..=5_usize {
        for before in 0..=capacity.next_power_of_two() {
            let ring = before_the_end(capacity, before);
            let mut values: Vec<usize> = (0..capacity + 2).collect();
            assert_eq!(ring.push_many(&mut values), Ok(capacity));
            assert_eq!(values, [capacity, capacity + 1]);
            let mut popped = Vec::new();
            // SAFETY: there is one thread.
            let count = unsafe { ring.pop_many(&mut popped, usize::MAX) };
            assert_eq!(count, Ok(capacity));
            assert_eq!(popped, (0..capacity).collect::<Vec<_>>());
        }
    }
}

#[test]
fn what_is_reserved_wraps_around_before_the_position_does() {
    for capacity in 1..=5_usize {
        for before in 0..=capacity.next_power_of_two() {
            let ring = before_the_end(capacity, before);
            for _ in 0..capacity {
                ring.reserve().unwrap();
            }
            assert_eq!(ring.push(99), Err(PushError::Full(99)));
            assert_eq!(ring.len(), 0, "reserved is not pushed");
            for value in 0..capacity {
                // SAFETY: reserved above.
                unsafe { ring.push_reserved(value) }.unwrap();
                assert_eq!(ring.push(99), Err(PushError::Full(99)));
            }
            for value in 0..capacity {
                assert_eq!(pop(&ring), Ok(value));
            }
            assert_eq!(pop(&ring), Err(PopError::Empty));
        }
    }
}

#[test]
fn a_ring_closed_at_the_wrap_around_says_so_when_it_is_empty() {
    let ring = Ring::starting_at(1, LAST_LAP);
    ring.push(1).unwrap();
    assert!(ring.close());
    assert_eq!(ring.push(2), Err(PushError::Closed(2)));
    assert_eq!(ring.len(), 1);
    assert_eq!(pop(&ring), Ok(1));
    assert_eq!(pop(&ring), Err(PopError::Closed));
}

#[test]
fn a_limit_that_went_back_refuses_nothing_and_lets_nothing_in() {
    for laps in [0, LAST_LAP] {
        for capacity in 1..=5 {
            let ring = Ring::starting_at(capacity, laps);
            // ORDERING: Relaxed, both: one thread.
            let old = ring.tail.limit.load(Relaxed);
            for value in 0..5 * capacity {
                // ORDERING: Relaxed, as above.
                ring.tail.limit.store(old, Relaxed);
                ring.push(value).unwrap();
                if ring.len() == capacity {
                    // ORDERING: Relaxed, as above.
                    ring.tail.limit.store(old, Relaxed);
                    assert_eq!(ring.push(99), Err(PushError::Full(99)));
                    assert_eq!(ring.push_many(&mut [99].into()), Err(PushError::Full(())));
                    assert_eq!(pop(&ring), Ok(value + 1 - capacity));
                }
            }
        }
    }
}

#[test]
fn room_is_none_when_either_side_is_older_than_it_can_be() {
    let ring = Ring::<u8>::new(3);
    for start in [0, 7 * ONE, 0_u64.wrapping_sub(2 * ONE)] {
        let at = |distance: i64| start.wrapping_add_signed(distance * ONE as i64);
        for (limit, room) in [(-9, 0), (-1, 0), (0, 0), (1, 1), (3, 3), (4, 0), (9, 0)] {
            assert_eq!(
                ring.room(at(limit), start),
                room,
                "limit {limit} beyond the end"
            );
        }
    }
}

#[test]
fn the_end_is_the_position_and_what_is_reserved() {
    let last = 0_u64.wrapping_sub(ONE);
    for (tail, expected) in [
        (0, 0),
        (CLOSED, 0),
        ((7 * ONE) | CLOSED, 7 * ONE),
        ((7 * ONE) | RESERVED_MASK, (7 + 65_535) * ONE),
        (last | RESERVED_MASK | CLOSED, 65_534 * ONE),
    ] {
        assert_eq!(end(tail), expected, "{tail:#x}");
        assert_eq!(position(tail), tail & !(ONE - 1));
    }
    assert_eq!(CLOSED | RESERVED_MASK | (ONE - 1), ONE - 1);
}
