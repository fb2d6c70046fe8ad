//! Floors, written down before the first run of each: two threads of three and four operations on one word, a cell and
//! a payload have some tens of interleavings within three preemptions, three threads of two and three some hundreds. A
//! model below that explores one placement only.

use core::task::Poll;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Waker;

use hyperia_test::{model_roles, model_roles_in_main};
use hyperia_wait::WakerCell;
use loom::sync::atomic::AtomicU32;
use loom::sync::atomic::Ordering::Relaxed;

use super::Mask;

struct State {
    cell: Arc<WakerCell>,
    mask: Arc<Mask>,
    wakers: Vec<Waker>,
    /// Written before a wake-up, read by the driver after: the edge "fire → take".
    payload: [AtomicU32; 2],
}

fn make() -> State {
    let cell = Arc::new(WakerCell::new());
    let mask = Mask::new(Arc::clone(&cell));
    State {
        wakers: mask.wakers(2),
        cell,
        mask,
        payload: [AtomicU32::new(0), AtomicU32::new(0)],
    }
}

/// Sleeps until the wanted bits have come, as the driver does. With three threads it lets the others begin (`polled`), or
/// the model takes minutes.
fn drive(state: &State, wanted: u64, payload: u32, mut polled: bool) {
    let mut seen = 0;
    loom::future::block_on(poll_fn(|cx| {
        if polled {
            // A registration that meets a wake-up wakes its own task: the waking thread must get its turn.
            loom::thread::yield_now();
        }
        polled = true;
        state.cell.register(cx.waker());
        let bits = state.mask.take();
        for slot in 0..2_usize {
            if bits & (1 << slot) != 0 {
                assert_eq!(state.payload[slot].load(Relaxed), payload);
            }
        }
        seen |= bits;
        if seen == wanted {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }));
}

/// The edge "fire → take": fails if a bit does not carry what came before it.
#[test]
fn a_bit_carries_what_came_before_it() {
    model_roles(
        "mask: a connection wakes a sleeping driver",
        20,
        make,
        &[
            |state| {
                state.payload[0].store(7, Relaxed);
                state.wakers[0].wake_by_ref();
            },
            |state| drive(state, 1, 7, false),
        ],
        |_| {},
    );
}

/// Hangs if a wake-up is lost: the second connection relies on the first one's.
#[test]
fn every_bit_reaches_a_driver_that_sleeps() {
    // Not all spawned: that takes a minute and finds the same.
    model_roles_in_main(
        "mask: two connections wake a sleeping driver",
        200,
        make,
        &[
            |state| state.wakers[0].wake_by_ref(),
            |state| state.wakers[1].wake_by_ref(),
            |state| drive(state, 3, 0, true),
        ],
        |_| {},
    );
}
