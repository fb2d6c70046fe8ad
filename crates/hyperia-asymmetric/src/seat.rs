//! A number per living thread: what belongs to it belongs to one thread at a time.
//!
//! # Invariants
//! 1. A thread has one of `Seats` at most, from when it first asks until it ends.
//! 2. Whoever has a seat knows that heavy fences work.
//!
//! # Cost
//! One load of a thread-local word. The first call in a thread: an addition to the list of the thread's
//! destructors, and one locked instruction; as much at its end.

/// How many seats there are: every number that [`seat`] returns is less.
pub const SEATS: usize = 64;

/// The seat of the calling thread: a number less than [`SEATS`] that no other living thread has.
///
/// The first answer stands for the life of the thread: one that got `None` gets none later, though seats become
/// free. Ask where the thread begins if it matters.
///
/// `None` if all are taken, if the thread is about to end (its thread-local destructors are running), if
/// the system has no heavy fences, and without `std`. A thread keeps its seat until it ends; then the next
/// one gets it, and everything that the old one did happens before.
///
/// # Examples
///
/// ```
/// use hyperia_asymmetric::seat;
///
/// if let Some(mine) = seat() {
///     assert_eq!(seat(), Some(mine));
///     std::thread::spawn(move || assert_ne!(seat(), Some(mine))).join().unwrap();
/// }
/// ```
///
/// # Complexity
///
/// One thread-local load, after the first call in a thread. It may be called inside a global allocator.
#[inline(always)]
pub fn seat() -> Option<usize> {
    thread::seat()
}

#[cfg(all(feature = "std", not(hyperia_loom)))]
mod thread {
    //! Threads take a seat when they first ask, and give it back when they end.

    use core::cell::Cell;

    use super::SEATS;
    use crate::seats::Seats;
    use crate::sys;

    /// The thread has not asked yet.
    const UNASKED: usize = usize::MAX;
    /// The thread has none and gets none any more.
    const NONE: usize = usize::MAX - 1;

    static TAKEN: Seats = Seats::new();

    std::thread_local! {
        // Constant and without a destructor: reading it is one load, at any time in a thread's life.
        static SEAT: Cell<usize> = const { Cell::new(UNASKED) };
        static LEAVE: Leave = const { Leave };
    }

    /// Gives the seat back when the thread ends.
    struct Leave;

    impl Drop for Leave {
        fn drop(&mut self) {
            // Before the seat is free: from here on this thread has none.
            let seat = SEAT.replace(NONE);
            if seat < SEATS {
                TAKEN.give_back(seat);
            }
        }
    }

    #[inline(always)]
    pub(super) fn seat() -> Option<usize> {
        let seat = SEAT.get();
        if seat < SEATS { Some(seat) } else { ask(seat) }
    }

    #[cold]
    fn ask(seat: usize) -> Option<usize> {
        if seat == NONE {
            return None;
        }
        // What follows may allocate, and the allocator may ask again.
        SEAT.set(NONE);
        if !sys::is_supported() || LEAVE.try_with(|_| ()).is_err() {
            return None;
        }
        let seat = TAKEN.take()?;
        SEAT.set(seat);
        Some(seat)
    }
}

#[cfg(all(not(feature = "std"), not(hyperia_loom)))]
mod thread {
    #[inline(always)]
    pub(super) fn seat() -> Option<usize> {
        None
    }
}

#[cfg(hyperia_loom)]
mod thread {
    //! In a model a thread sits where it says.

    use core::cell::Cell;

    use crate::primitive::SEAT;

    pub(super) fn seat() -> Option<usize> {
        SEAT.with(Cell::get)
    }

    pub(super) fn sit(seat: Option<usize>) {
        SEAT.with(|cell| cell.set(seat));
    }
}

/// Says where this thread of a model sits. No two threads may sit on the same seat.
#[cfg(hyperia_loom)]
#[doc(hidden)]
pub fn sit(seat: Option<usize>) {
    thread::sit(seat);
}
