//! More lookers than fit, which no machine has.

use super::UnboundedQueue;
use super::position::{LOOKER, LOOKERS_MAX, lookers};
use crate::primitive::Ordering::*;
use std::panic::catch_unwind;

#[test]
fn a_pop_too_many_panics_and_leaves_no_trace() {
    let queue = UnboundedQueue::new();
    queue.push(1).unwrap();
    // Others that were stopped.
    queue.head.word.fetch_add(LOOKERS_MAX * LOOKER, Relaxed);
    assert!(catch_unwind(|| queue.pop()).is_err());
    assert_eq!(lookers(queue.head.word.load(Relaxed)), LOOKERS_MAX);
    // One of them goes on.
    queue.head.word.fetch_sub(LOOKER, Relaxed);
    assert_eq!(queue.pop(), Ok(1));
    assert_eq!(lookers(queue.head.word.load(Relaxed)), LOOKERS_MAX - 1);
}
