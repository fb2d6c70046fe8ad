//! Models that need positions at the end of their range.

use alloc::vec::Vec;
use std::sync::Mutex;

use crate::placements::in_all_placements;

use super::Queue;

struct State {
    queue: Queue<usize>,
    popped: Mutex<Vec<usize>>,
}

impl State {
    fn pop(&self) {
        if let Ok(value) = self.queue.pop() {
            self.popped.lock().unwrap().push(value);
        }
    }
}

/// Would catch a position, a stamp or a length computed with an overflow, or a slot filled twice
/// when the lap number wraps to 0. Two claims on each side, each with a load before it: hundreds of
/// executions.
#[test]
fn the_lap_wraps_around_between_push_and_pop() {
    in_all_placements(
        "mpmc wrap-around, capacity 1",
        100,
        || State {
            queue: Queue::starting_at(1, usize::MAX),
            popped: Mutex::default(),
        },
        &[
            |state: &State| {
                // The second one is refused unless the first was popped meanwhile.
                for value in 1..=2 {
                    let _ = state.queue.push(value);
                }
            },
            |state: &State| {
                state.pop();
                state.pop();
                assert!(state.queue.len() <= 1);
            },
        ],
        |state| {
            state.pop();
            let popped = state.popped.lock().unwrap();
            assert!(*popped == [1] || *popped == [1, 2], "{popped:?}");
            assert_eq!(state.queue.len(), 0);
        },
    );
}
