//! Which stripe of a ledger a thread counts in: threads take turns, so that sixteen of them have one
//! each. An index that two threads share costs time, never correctness.

#[cfg(not(hyperia_loom))]
use core::cell::Cell;

#[cfg(not(hyperia_loom))]
use crate::primitive::AtomicUsize;
#[cfg(not(hyperia_loom))]
use crate::primitive::Ordering::*;

/// How many stripes a ledger has. Two in a model.
pub(crate) const STRIPES: usize = if cfg!(hyperia_loom) { 2 } else { 16 };

/// The thread has no stripe yet.
#[cfg(not(hyperia_loom))]
const UNASSIGNED: usize = usize::MAX;

/// Threads that have a stripe, ever.
#[cfg(not(hyperia_loom))]
static ASSIGNED: AtomicUsize = AtomicUsize::new(0);

#[cfg(not(hyperia_loom))]
std::thread_local! {
    // Constant and without a destructor: reading it neither allocates nor registers anything, so it may
    // be read inside the global allocator, at any time in a thread's life.
    static STRIPE: Cell<usize> = const { Cell::new(UNASSIGNED) };
}

/// The stripe of the calling thread, less than [`STRIPES`].
#[cfg(not(hyperia_loom))]
#[inline]
pub(crate) fn current() -> usize {
    let stripe = STRIPE.get();
    if stripe < STRIPES { stripe } else { assign() }
}

#[cfg(not(hyperia_loom))]
#[cold]
fn assign() -> usize {
    // ORDERING: only the number matters, and each thread gets another one.
    let stripe = ASSIGNED.fetch_add(1, Relaxed) % STRIPES;
    STRIPE.set(stripe);
    stripe
}

/// In a model all use one stripe; models that want two name them.
#[cfg(hyperia_loom)]
pub(crate) fn current() -> usize {
    0
}
