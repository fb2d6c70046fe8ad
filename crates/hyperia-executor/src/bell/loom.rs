//! The handshake between an executor that goes to sleep and those who bring it work.
//!
//! Floors: two threads with a fence each and two or three Relaxed accesses, preempted at most three
//! times, cannot have fewer than 10 interleavings that differ; three threads, 100.
use super::Bell;
use crate::primitive::Ordering::{self, *};
use core::task::Waker;
use hyperia_test::{CountingWaker, model_roles};
use loom::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::Arc;

struct Sleep {
    counting: Arc<CountingWaker>,
    bell: Bell,
    /// Stands for the queue: how many tasks were pushed. Relaxed, so that only the fences order it.
    pushed: AtomicUsize,
    /// What the executor saw after it armed.
    seen: AtomicUsize,
    slept: AtomicBool,
}

const STORE: Ordering = Relaxed;

fn awake() -> Sleep {
    let counting = CountingWaker::new();
    let waker: Waker = counting.waker();
    let bell = Bell::new(waker);
    bell.disarm();
    Sleep {
        counting,
        bell,
        pushed: AtomicUsize::new(0),
        seen: AtomicUsize::new(0),
        slept: AtomicBool::new(false),
    }
}

fn push(sleep: &Sleep) {
    sleep.pushed.fetch_add(1, STORE);
    sleep.bell.ring_remote();
}

fn sleep(sleep: &Sleep) {
    sleep.bell.arm();
    let seen = sleep.pushed.load(Relaxed);
    sleep.seen.store(seen, STORE);
    sleep.slept.store(seen == 0, STORE);
}

/// Fails if a fence is missing: the executor sleeps on work that nobody rings for.
#[test]
fn work_is_seen_or_the_bell_rings() {
    model_roles(
        "bell: push against sleep",
        10,
        awake,
        &[push, sleep],
        |state| {
            let rings = state.counting.wakes();
            assert!(rings <= 1);
            assert!(
                !state.slept.load(Relaxed) || rings == 1,
                "asleep with work and without a ring"
            );
        },
    );
}

/// Fails if the ring is not elected by the exchange: two pushers would both ring one sleep.
#[test]
fn two_pushers_ring_one_sleep_at_most_once() {
    model_roles(
        "bell: two pushes",
        100,
        awake,
        &[push, push, sleep],
        |state| {
            let rings = state.counting.wakes();
            assert!(rings <= 1, "{rings} rings for one sleep");
            assert!(!state.slept.load(Relaxed) || rings == 1);
        },
    );
}

/// Fails if a sleeper that found work and went back to sleep could lose the ring of its second sleep.
#[test]
fn every_sleep_has_its_own_ring() {
    fn sleep_twice(state: &Sleep) {
        sleep(state);
        if !state.slept.load(Relaxed) {
            // Takes what it saw and sleeps again.
            state.bell.disarm();
            let taken = state.seen.load(Relaxed);
            state.bell.arm();
            let seen = state.pushed.load(Relaxed);
            state.seen.store(seen, STORE);
            state.slept.store(seen == taken, STORE);
        }
    }
    model_roles(
        "bell: two sleeps",
        100,
        awake,
        &[push, push, sleep_twice],
        |state| {
            let rings = state.counting.wakes();
            assert!(rings <= 2);
            let missed = state.pushed.load(Relaxed) - state.seen.load(Relaxed);
            assert!(
                !state.slept.load(Relaxed) || missed == 0 || rings >= 1,
                "asleep with {missed} tasks and {rings} rings"
            );
        },
    );
}
