//! Where a signal handler writes down what it saw, for any number of readers.
//!
//! # Picture
//! ```text
//!   handler, in whatever thread ──▶ count += 1 ──▶ every reader compares with the count it saw last
//! ```
//!
//! # Invariants
//! 1. `count` only grows. It belongs to no reader: each keeps the count it has seen.
//! 2. What `previous` points at is complete before it is published, and lives for ever: a handler may be
//!    using it at any later time.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries | Model |
//! |---|---|---|---|---|
//! | raise → count | `raise` adds | `count` loads | what the interrupted thread did before | `what_was_done_before_the_signal_is_seen_by_its_reader` |
//! | chain → previous | `chain` stores | `previous` loads | the action that it points at | `a_handler_reads_a_complete_action` |
//!
//! # Progress
//! Wait-free, and nothing but these single steps happens in a handler: no lock, no allocation.
//!
//! # Why not a bit per signal
//! A reader that takes a bit takes it from the other readers as well. A count is read by all and taken by
//! none. It would have to overflow between two looks of a reader to be missed.
use crate::primitive::Ordering::*;
use crate::primitive::{AtomicPtr, AtomicUsize};
use core::ptr;

/// One signal's place; `A` is the action that was there before ours.
#[derive(Debug)]
pub(crate) struct Entry<A> {
    /// How often the signal came. Handlers add, readers load.
    count: AtomicUsize,
    /// Null, or what our handler calls after itself. The registry stores, handlers load.
    previous: AtomicPtr<A>,
}

impl<A> Entry<A> {
    #[cfg(not(hyperia_loom))]
    pub(crate) const fn new() -> Self {
        Self {
            count: AtomicUsize::new(0),
            previous: AtomicPtr::new(ptr::null_mut()),
        }
    }
    #[cfg(hyperia_loom)]
    pub(crate) fn new() -> Self {
        Self {
            count: AtomicUsize::new(0),
            previous: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// In a handler: the signal came.
    pub(crate) fn raise(&self) {
        // ORDERING: Release pairs with the Acquire in `count`: a reader that sees the signal sees what
        // the interrupted thread had done.
        self.count.fetch_add(1, Release);
    }

    /// How often the signal came so far.
    pub(crate) fn count(&self) -> usize {
        // ORDERING: Acquire pairs with the Release in `raise`.
        self.count.load(Acquire)
    }

    /// Notes what to call after our handler, for ever (invariant 2).
    pub(crate) fn chain(&self, previous: &'static A) {
        // ORDERING: Release pairs with the Acquire in `previous` and carries the action.
        self.previous
            .store(ptr::from_ref(previous).cast_mut(), Release);
    }

    /// What to call after our handler, or to put back in its place.
    pub(crate) fn previous(&self) -> Option<&'static A> {
        // ORDERING: Acquire pairs with the Release in `chain`: the action is complete.
        let previous = self.previous.load(Acquire);
        // SAFETY: null, or from the `'static` reference given to `chain`, which is never written through.
        unsafe { previous.as_ref() }
    }
}

#[cfg(all(test, hyperia_loom))]
mod loom;
