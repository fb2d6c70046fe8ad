//! Models of the count in one word.

use hyperia_test::{model_roles, poll_once};
use hyperia_wait::block_on;
use loom::cell::UnsafeCell;

use super::Tally;
use crate::account::Account;
use crate::drained::{Book, Drained};

/// Two blocks of plain memory: each access is checked to be ordered with the others.
struct State {
    tally: Tally,
    blocks: [UnsafeCell<u32>; 2],
}

// SAFETY: that accesses to the blocks are ordered is what the models check.
unsafe impl Sync for State {}

fn with_two_blocks() -> State {
    let tally = Tally::new();
    for _ in 0..2 {
        assert!(tally.open(10).is_some());
    }
    State {
        tally,
        blocks: [UnsafeCell::new(0), UnsafeCell::new(0)],
    }
}

impl State {
    fn drained(&self) -> Drained<'_> {
        Drained::new(Book::Tally(&self.tally), &self.tally.queue)
    }

    fn use_and_free(&self, block: usize) {
        // SAFETY: nobody else touches the block before its free is seen.
        self.blocks[block].with_mut(|block| unsafe { *block = 1 });
        self.tally.close(10, true);
    }
}

/// Catches a free that the wait, or the last free, does not come after; a zero that nobody sees. Floor:
/// two frees in either order, before, between and after the two steps of a first poll.
#[test]
fn frees_of_a_scope_happen_before_the_end_of_the_wait() {
    model_roles::<State>(
        "tally: free | free | wait",
        12,
        with_two_blocks,
        &[
            |state| state.use_and_free(0),
            |state| state.use_and_free(1),
            |state| {
                block_on(state.drained());
                for block in &state.blocks {
                    // SAFETY: nothing is live, and who freed it came before.
                    block.with_mut(|block| assert_eq!(unsafe { *block }, 1, "too early"));
                }
            },
        ],
        |state| assert!(state.tally.is_zero()),
    );
}

/// Catches a zero that is none, and a peak that is lost. Floor: two operations of a thread against two
/// of the other.
#[test]
fn a_scope_adds_up_and_knows_its_peak() {
    fn allocate_and_free(state: &State, bytes: usize) {
        let live = state.tally.open(bytes).expect("it fits");
        state.tally.opened(live);
        let least = 20 + bytes as u64;
        assert!(live >= least && state.tally.peak() as u64 >= live);
        state.tally.close(bytes, true);
        let mut drained = Box::pin(state.drained());
        let poll = poll_once(drained.as_mut(), std::task::Waker::noop());
        assert!(poll.is_pending(), "zero, with two blocks live");
    }
    model_roles::<State>(
        "tally: allocate, free | allocate, free",
        6,
        with_two_blocks,
        &[
            |state| allocate_and_free(state, 1),
            |state| allocate_and_free(state, 2),
        ],
        |state| {
            assert_eq!((state.tally.blocks(), state.tally.bytes()), (2, 20));
            assert!([22, 23].contains(&state.tally.peak()));
        },
    );
}

/// Catches a free that makes zero and tells of it later: it would end a wait that began after the next
/// allocation. Floor: the free before, between and after the looks of three polls.
#[test]
fn a_late_wake_up_ends_no_later_wait_for_a_scope() {
    fn wait_twice(state: &State) {
        let mut first = Box::pin(state.drained());
        let poll = poll_once(first.as_mut(), std::task::Waker::noop());
        if poll.is_pending() {
            return;
        }
        assert!(state.tally.open(1).is_some());
        let mut second = Box::pin(state.drained());
        for _ in 0..2 {
            let poll = poll_once(second.as_mut(), std::task::Waker::noop());
            assert!(poll.is_pending(), "a block is live");
        }
        state.tally.close(1, true);
        let poll = poll_once(second.as_mut(), std::task::Waker::noop());
        assert!(poll.is_ready());
    }
    model_roles::<State>(
        "tally: free | wait, allocate, wait",
        6,
        || {
            let state = with_two_blocks();
            state.tally.close(10, true);
            state
        },
        &[|state| state.use_and_free(0), wait_twice],
        |state| assert!(state.tally.is_zero()),
    );
}
