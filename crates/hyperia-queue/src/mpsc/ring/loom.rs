//! Models that need positions at the end of their range.

use alloc::vec::Vec;
use std::sync::Mutex;

use crate::placements::in_all_placements;

use super::Ring;

struct State {
    ring: Ring<usize>,
    popped: Mutex<Vec<usize>>,
}

impl State {
    /// In its last lap.
    fn new() -> Self {
        Self {
            ring: Ring::starting_at(1, u64::MAX),
            popped: Mutex::default(),
        }
    }

    fn pop(&self) {
        // SAFETY: one role pops, and the main thread after it has ended.
        if let Ok(value) = unsafe { self.ring.pop() } {
            self.popped.lock().unwrap().push(value);
        }
    }

    fn pop_twice(&self) {
        self.pop();
        self.pop();
        assert!(self.ring.len() <= 1);
    }

    fn check(&self) {
        self.pop();
        let popped = self.popped.lock().unwrap();
        assert!(*popped == [1] || *popped == [1, 2], "{popped:?}");
        assert_eq!(self.ring.len(), 0);
        assert!(self.ring.push(3).is_ok() && self.ring.push(4).is_err());
    }
}

/// Would catch a position, a limit, a lap or a length computed with an overflow, or a slot filled twice when the
/// position wraps to 0. Two claims, of which the second looks at the consumer, and two pops: tens of executions.
#[test]
fn the_position_wraps_around_between_push_and_pop() {
    in_all_placements(
        "mpsc ring wrap-around, capacity 1",
        30,
        State::new,
        &[
            |state: &State| {
                // The second one is refused unless the first was popped meanwhile.
                for value in 1..=2 {
                    let _ = state.ring.push(value);
                }
            },
            State::pop_twice,
        ],
        State::check,
    );
}

/// The same, and an end that wraps around before the position does. Twice as many steps: tens of executions.
#[test]
fn the_end_wraps_around_with_what_is_reserved() {
    in_all_placements(
        "mpsc ring wrap-around, reserved",
        30,
        State::new,
        &[
            |state: &State| {
                for value in 1..=2 {
                    if state.ring.reserve().is_ok() {
                        // SAFETY: the place was reserved just now.
                        assert!(unsafe { state.ring.push_reserved(value) }.is_ok());
                    }
                }
            },
            State::pop_twice,
        ],
        State::check,
    );
}
