//! A handler as a thread of its own, against a reader and against the registry.
//!
//! Floors: two threads with one atomic step each have two interleavings, and the loads may be stale:
//! at least 2 executions.
use super::Entry;
use crate::primitive::AtomicUsize;
use crate::primitive::Ordering::Relaxed;
use hyperia_test::model_roles;
use loom::cell::UnsafeCell;

struct Raised {
    entry: Entry<Action>,
    /// What the interrupted thread did before the signal.
    work: UnsafeCell<usize>,
    seen: AtomicUsize,
}

// SAFETY: `work` is written before the signal and read by who has seen it; the model checks that.
unsafe impl Sync for Raised {}

struct Action(UnsafeCell<usize>);

// SAFETY: written before it is published and only read after; the model checks that.
unsafe impl Sync for Action {}

fn make() -> Raised {
    Raised {
        entry: Entry::new(),
        work: UnsafeCell::new(0),
        seen: AtomicUsize::new(0),
    }
}

fn work_and_raise(state: &Raised) {
    // SAFETY: nobody reads before the signal.
    state.work.with_mut(|work| unsafe { *work = 1 });
    state.entry.raise();
}

fn read(state: &Raised) {
    if state.entry.count() == 1 {
        state.seen.store(1, Relaxed);
        // SAFETY: after the signal.
        assert_eq!(state.work.with(|work| unsafe { *work }), 1);
    }
}

/// Fails if either side of raise → count is Relaxed.
#[test]
fn what_was_done_before_the_signal_is_seen_by_its_reader() {
    model_roles(
        "signal: raise against read",
        2,
        make,
        &[work_and_raise, read],
        |state| {
            assert_eq!(state.entry.count(), 1);
        },
    );
}

/// Fails if either side of chain → previous is Relaxed.
#[test]
fn a_handler_reads_a_complete_action() {
    fn install(state: &Raised) {
        // Leaked as in the registry; the checker forgets it with the execution.
        let action = Box::leak(Box::new(Action(UnsafeCell::new(0))));
        // SAFETY: not published yet.
        action.0.with_mut(|value| unsafe { *value = 7 });
        state.entry.chain(action);
    }
    fn handle(state: &Raised) {
        if let Some(action) = state.entry.previous() {
            // SAFETY: published, and from then on only read.
            assert_eq!(action.0.with(|value| unsafe { *value }), 7);
        }
    }
    model_roles(
        "signal: chain against handler",
        2,
        make,
        &[install, handle],
        |_| (),
    );
}
