//! A reactor that sleeps until there is work, and one or two callers that bring it. The bell is a lock and
//! a condition variable in the place of the eventfd; the work is relaxed, so that only the word orders it.

use hyperia_test::model_roles;
use loom::sync::atomic::AtomicU32;
use loom::sync::atomic::Ordering::Relaxed;
use loom::sync::{Condvar, Mutex};

use super::Wakeup;

struct Loop {
    wakeup: Wakeup,
    /// One bit per caller.
    work: AtomicU32,
    /// Writes to the bell so far, and how many of them the reactor has seen.
    rings: Mutex<(u32, u32)>,
    rung: Condvar,
    /// Waits that the reactor entered.
    sleeps: AtomicU32,
}

fn idle() -> Loop {
    Loop {
        wakeup: Wakeup::new(),
        work: AtomicU32::new(0),
        rings: Mutex::new((0, 0)),
        rung: Condvar::new(),
        sleeps: AtomicU32::new(0),
    }
}

/// Polls until the work in `wanted` is there: what an event loop does that looks for work after each poll.
fn run_until(state: &Loop, wanted: u32) {
    while state.work.load(Relaxed) & wanted != wanted {
        if state.wakeup.fall_asleep() {
            state.sleeps.fetch_add(1, Relaxed);
            let mut rings = state.rings.lock().expect("no panic");
            while rings.0 == rings.1 {
                rings = state.rung.wait(rings).expect("no panic");
            }
            rings.1 = rings.0;
        }
        state.wakeup.rise();
    }
}

fn call(state: &Loop, work: u32) {
    state.work.fetch_add(work, Relaxed);
    if state.wakeup.call() {
        state.rings.lock().expect("no panic").0 += 1;
        state.rung.notify_one();
    }
}

/// At most one ring per sleep. (A ring that comes late ends the next sleep instead.)
fn no_ring_too_many(state: &Loop) {
    let rings = state.rings.lock().expect("no panic").0;
    let sleeps = state.sleeps.load(Relaxed);
    assert!(rings <= sleeps, "{rings} rings in {sleeps} sleeps");
}

/// Deadlocks if a call falls between the look at the work and the sleep and is lost.
/// Floor: the caller's two steps against three of the reactor's.
#[test]
fn a_call_is_never_lost() {
    fn reactor(state: &Loop) {
        run_until(state, 1);
    }
    fn caller(state: &Loop) {
        call(state, 1);
    }
    model_roles("one caller", 5, idle, &[reactor, caller], no_ring_too_many);
}

/// Deadlocks if the second of two calls hides the first, or is hidden by it.
#[test]
fn two_calls_are_one_wake_up_and_both_are_seen() {
    fn reactor(state: &Loop) {
        run_until(state, 3);
    }
    fn first(state: &Loop) {
        call(state, 1);
    }
    fn second(state: &Loop) {
        call(state, 2);
    }
    model_roles(
        "two callers",
        50,
        idle,
        &[reactor, first, second],
        no_ring_too_many,
    );
}
