//! Models of the ledger, with two stripes. A role sits on the seats of the stripes it counts in, on which
//! no other role sits; without a seat it counts in the shared word.

use std::pin::Pin;
use std::sync::Mutex;
use std::task::Waker;

use hyperia_test::{CountingWaker, model, model_roles, poll_once};
use hyperia_wait::block_on;
use loom::cell::UnsafeCell;

use hyperia_asymmetric::sit;

use super::{ALL_BIASES, Ledger, ONE};
use crate::account::Account;
use crate::drained::{Book, Drained};
use crate::primitive::Ordering::Relaxed;

/// Plain memory: each access is checked to be ordered with the others.
struct Block(UnsafeCell<u32>);

// SAFETY: that accesses are ordered is what the models check.
unsafe impl Sync for Block {}
// SAFETY: a number.
unsafe impl Send for Block {}

struct State {
    ledger: Ledger,
    blocks: [Block; 2],
}

/// Where no stripe is.
const NOWHERE: Option<usize> = None;

/// A ledger with one block allocated in each of `stripes`.
fn with_blocks(stripes: &[usize]) -> State {
    let ledger = Ledger::new();
    for &stripe in stripes {
        sit(Some(stripe));
        assert!(ledger.open(10).is_some());
    }
    sit(NOWHERE);
    State {
        ledger,
        blocks: [Block(UnsafeCell::new(0)), Block(UnsafeCell::new(0))],
    }
}

/// A wait that was polled before the roles begin.
struct Waiting {
    state: &'static State,
    /// Only one role uses it, so its lock is no part of the model.
    drained: Mutex<Pin<Box<Drained<'static>>>>,
}

/// With a block allocated in each of `stripes`.
fn waiting(stripes: &[usize]) -> Waiting {
    let state: &'static State = Box::leak(Box::new(with_blocks(stripes)));
    let mut drained = Box::pin(state.drained());
    assert!(poll_once(drained.as_mut(), Waker::noop()).is_pending());
    Waiting {
        state,
        drained: Mutex::new(drained),
    }
}

impl State {
    fn drained(&self) -> Drained<'_> {
        Drained::new(Book::Ledger(&self.ledger), &self.ledger.queue)
    }

    fn allocate(&self, seat: Option<usize>) {
        sit(seat);
        assert!(self.ledger.open(10).is_some());
    }

    fn free(&self, seat: Option<usize>) {
        sit(seat);
        self.ledger.close(10, true);
    }

    /// Writes to a block, then frees it.
    fn use_and_free(&self, block: usize, seat: Option<usize>) {
        // SAFETY: nobody else touches the block before its free is seen.
        self.blocks[block].0.with_mut(|block| unsafe { *block = 1 });
        self.free(seat);
    }

    /// All blocks are free: writes to them again.
    fn reuse(&self, blocks: usize) {
        for block in &self.blocks[..blocks] {
            block.0.with_mut(|block| {
                // SAFETY: nothing is live, and who freed it came before.
                let written = unsafe { &mut *block };
                assert_eq!(*written, 1, "too early");
                *written = 2;
            });
        }
    }

    /// Nothing is live, and the next wait sees it at once.
    fn is_drained(&self) {
        sit(NOWHERE);
        assert_eq!((self.ledger.blocks(), self.ledger.bytes()), (0, 0));
        let mut drained = Box::pin(self.drained());
        assert!(poll_once(drained.as_mut(), Waker::noop()).is_ready());
        drop(drained);
        assert_eq!(*self.ledger.waiting.lock(), 0);
    }
}

/// Catches a free that is not carried by its stripe, or by the shared word; a zero that nobody sees.
/// Floor: the free has two places to be counted, before, between and after the three steps of a collapse.
#[test]
fn a_free_happens_before_the_end_of_the_wait() {
    model_roles::<State>(
        "ledger: free in stripe 1 | wait",
        12,
        || with_blocks(&[0]),
        &[
            |state| state.use_and_free(0, Some(1)),
            |state| {
                block_on(state.drained());
                state.reuse(1);
            },
        ],
        |state| state.is_drained(),
    );
}

/// Catches a last free that does not carry the ones before it to a wait that it wakes: the wait was polled
/// before the frees began. Floor: two frees in either order, and the look of the second poll before, between
/// and after what each of them does.
#[test]
fn two_frees_happen_before_the_end_of_the_wait() {
    model_roles::<Waiting>(
        "ledger: free | free | poll again",
        20,
        || waiting(&[0, 0]),
        &[
            |waiting| waiting.state.use_and_free(0, Some(0)),
            |waiting| waiting.state.use_and_free(1, Some(1)),
            |waiting| {
                let mut drained = waiting.drained.lock().unwrap();
                if poll_once(drained.as_mut(), Waker::noop()).is_ready() {
                    waiting.state.reuse(2);
                }
            },
        ],
        |waiting| {
            let mut drained = waiting.drained.lock().unwrap();
            assert!(
                drained.is_terminated() || poll_once(drained.as_mut(), Waker::noop()).is_ready(),
                "never"
            );
            drop(drained);
            waiting.state.is_drained();
        },
    );
}

/// Catches a zero that is none: BIAS that goes too early or comes too late, a stripe that is read twice or
/// not at all. The pair crosses the stripes, in the order in which a collapse visits them and against
/// it. Floor: four operations at any of the eight steps of two collapses and two reopenings.
#[test]
fn a_block_that_stays_is_never_overlooked() {
    fn pairs(state: &State) {
        for (from, to) in [(0, 1), (1, 0)] {
            state.allocate(Some(from));
            state.free(Some(to));
        }
    }
    fn two_waits(state: &State) {
        let counting = CountingWaker::new();
        for _ in 0..2 {
            let mut drained = Box::pin(state.drained());
            let poll = poll_once(drained.as_mut(), &counting.waker());
            assert!(poll.is_pending(), "zero, with a block live");
        }
        assert_eq!(counting.wakes(), 0);
    }
    model_roles::<State>(
        "ledger: allocate, free, allocate, free | wait, wait; one block stays",
        200,
        || with_blocks(&[0]),
        &[pairs, two_waits],
        |state| {
            assert_eq!(state.ledger.blocks(), 1);
            state.free(Some(1));
            state.is_drained();
        },
    );
}

/// The same without the block, giving up in between: catches a count that does not survive being moved.
/// Floor: two operations at any of the steps of a collapse and a reopening.
#[test]
fn a_wait_that_gave_up_leaves_the_count_whole() {
    model_roles::<State>(
        "ledger: allocate, free | give up",
        20,
        || with_blocks(&[]),
        &[
            |state| {
                state.allocate(Some(0));
                state.free(Some(1));
            },
            |state| {
                let mut gives_up = Box::pin(state.drained());
                let _either = poll_once(gives_up.as_mut(), Waker::noop());
            },
        ],
        |state| state.is_drained(),
    );
}

/// Catches an allocation in a stripe that is open before the BIAS is there, or does not know of it: its
/// thread, or who gets the block, could count in `shared` before BIAS and make a zero that is none.
/// (The checker's read-modify-writes always meet the newest value, so such a zero itself never shows;
/// a plain load may meet an old one.) Floor: before, between and after the two steps of a reopening.
#[test]
fn an_open_stripe_implies_the_bias() {
    model_roles::<State>(
        "ledger: allocate | reopen",
        3,
        || {
            let state = with_blocks(&[]);
            state.ledger.enter();
            state
        },
        &[
            |state| {
                let stripe = &state.ledger.stripes[0];
                // Seen open at once, or when it came to settling.
                let mut was_open = stripe.count(ONE);
                if !was_open {
                    let due = stripe.settle();
                    was_open = due == 0;
                    if !was_open {
                        state.ledger.add(due, true);
                    }
                }
                if was_open {
                    let shared = state.ledger.shared.blocks.load(Relaxed);
                    assert!(shared >= ALL_BIASES, "open, no bias");
                }
            },
            |state| state.ledger.leave(),
        ],
        |state| assert_eq!(state.ledger.blocks(), 1),
    );
}

/// Catches a waiter who is left out: all who were pending are woken by the last free. Floor: the free at
/// any of the five steps of two first polls, of which one collapses.
#[test]
fn the_last_free_wakes_all() {
    model("ledger: free | two waits", 12, || {
        let state: &'static State = Box::leak(Box::new(with_blocks(&[1])));
        let free = loom::thread::spawn(move || state.free(Some(0)));
        loom::thread::yield_now();
        let waits = [(); 2].map(|()| {
            let counting = CountingWaker::new();
            let mut drained = Box::pin(state.drained());
            let is_ready = poll_once(drained.as_mut(), &counting.waker()).is_ready();
            (is_ready, counting, drained)
        });
        free.join().unwrap();
        for (is_ready, counting, _) in &waits {
            assert!(*is_ready || counting.wakes() > 0, "left out");
        }
        drop(waits);
        state.is_drained();
    });
}

/// Catches a thread without a seat that is overlooked: it frees what one with a seat has allocated. Floor: the
/// free before, between and after the steps of a collapse.
#[test]
fn a_thread_without_a_seat_counts() {
    model_roles::<State>(
        "ledger: free without a seat | wait",
        6,
        || with_blocks(&[0]),
        &[
            |state| state.use_and_free(0, NOWHERE),
            |state| {
                block_on(state.drained());
                state.reuse(1);
            },
        ],
        |state| state.is_drained(),
    );
}

/// Catches a free that makes zero and tells of it later: it would end a wait that began after the next
/// allocation. The first wait was polled before, which spares preemptions. Floor: the free before, between
/// and after the looks of three polls.
#[test]
fn a_late_wake_up_ends_no_later_wait() {
    fn wait_again(waiting: &Waiting) {
        let state = waiting.state;
        let mut first = waiting.drained.lock().unwrap();
        if poll_once(first.as_mut(), Waker::noop()).is_pending() {
            return;
        }
        state.allocate(Some(1));
        let mut second = Box::pin(state.drained());
        for _ in 0..2 {
            let poll = poll_once(second.as_mut(), Waker::noop());
            assert!(poll.is_pending(), "a block is live");
        }
        state.free(Some(1));
        assert!(poll_once(second.as_mut(), Waker::noop()).is_ready());
    }
    model_roles::<Waiting>(
        "ledger: free | poll again, allocate, wait",
        6,
        || waiting(&[0]),
        &[|waiting| waiting.state.use_and_free(0, Some(0)), wait_again],
        |waiting| {
            let mut first = waiting.drained.lock().unwrap();
            assert!(
                first.is_terminated() || poll_once(first.as_mut(), Waker::noop()).is_ready(),
                "never"
            );
            drop(first);
            waiting.state.is_drained();
        },
    );
}

/// Catches a zero that does not carry what the freeing thread did when nobody is told of it: a free inside the
/// global allocator takes no lock. Floor: the free before, between and after the steps of a collapse.
#[test]
fn a_free_that_tells_nobody_is_seen_with_what_came_before_it() {
    model_roles::<State>(
        "ledger: free in the global allocator | poll",
        6,
        || with_blocks(&[0]),
        &[
            |state| {
                // SAFETY: nobody else touches the block before its free is seen.
                state.blocks[0].0.with_mut(|block| unsafe { *block = 1 });
                sit(Some(1));
                state.ledger.close(10, false);
            },
            |state| {
                let mut drained = Box::pin(state.drained());
                for _ in 0..2 {
                    if poll_once(drained.as_mut(), Waker::noop()).is_ready() {
                        return state.reuse(1);
                    }
                }
            },
        ],
        |state| state.is_drained(),
    );
}
