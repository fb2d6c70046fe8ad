//! Models of taking and giving back.

extern crate alloc;
use alloc::vec::Vec;

use hyperia_test::model_roles;
use loom::cell::UnsafeCell;

use super::Seats;
use crate::primitive::AtomicU64;

/// Seats, of which two are free, with plain memory that belongs to each of them.
struct State {
    seats: Seats,
    memory: Vec<UnsafeCell<u32>>,
}

// SAFETY: that accesses to the memory are ordered is what the models check.
unsafe impl Sync for State {}

fn with_free(free: usize) -> State {
    State {
        seats: Seats(AtomicU64::new(u64::MAX << free)),
        memory: (0..free).map(|_| UnsafeCell::new(0)).collect(),
    }
}

fn sit_and_leave(state: &State) {
    if let Some(seat) = state.seats.take() {
        // SAFETY: the seat is this thread's; that it is nobody else's is what the model is about.
        state.memory[seat].with_mut(|memory| unsafe { *memory += 1 });
        state.seats.give_back(seat);
    }
}

/// Catches a take without Acquire, or a giving back without Release; a seat that two threads have. Floor:
/// two threads that change one word twice meet in at least six ways.
#[test]
fn a_seat_is_handed_on_with_what_belongs_to_it() {
    model_roles::<State>(
        "seats: sit, leave | sit, leave; one seat",
        6,
        || with_free(1),
        &[sit_and_leave, sit_and_leave],
        |state| assert_eq!(state.seats.take(), Some(0)),
    );
}

/// As above, with a seat that is given back while another one is. Floor: as above.
#[test]
fn two_seats_are_handed_on() {
    model_roles::<State>(
        "seats: sit, leave | sit, leave; two seats",
        6,
        || with_free(2),
        &[sit_and_leave, sit_and_leave],
        |state| assert_eq!((state.seats.take(), state.seats.take()), (Some(0), Some(1))),
    );
}
