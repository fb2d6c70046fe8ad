//! Floors: two threads of two and three operations that touch one word and the cell have some tens of interleavings
//! within three preemptions; a model below that explores one placement only.

use core::task::Poll;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Waker;

use hyperia_test::model_roles;
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

fn fire(state: &State, slot: usize) {
    state.payload[slot].store(7, Relaxed);
    state.wakers[slot].wake_by_ref();
}

/// Sleeps until both bits have come, as the driver does.
fn drive(state: &State) {
    let mut seen = 0;
    loom::future::block_on(poll_fn(|cx| {
        // A registration that meets a wake-up wakes its own task: the waking thread must get its turn.
        loom::thread::yield_now();
        state.cell.register(cx.waker());
        let bits = state.mask.take();
        for slot in 0..2 {
            if bits & (1 << slot) != 0 {
                assert_eq!(state.payload[slot].load(Relaxed), 7);
            }
        }
        seen |= bits;
        if seen == 3 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }));
}

/// Would hang if a wake-up were lost, and report a race if a bit did not carry what came before it.
#[test]
fn every_bit_reaches_a_driver_that_sleeps() {
    model_roles(
        "mask: two connections wake a sleeping driver",
        40,
        make,
        &[|state| fire(state, 0), |state| fire(state, 1), drive],
        |_| {},
    );
}
