//! The model helper itself: what it finds, and what it refuses.
#![cfg(hyperia_loom)]
use hyperia_test::{model, model_roles};
use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};
use std::panic::catch_unwind;

/// A one-slot ring in the shape that loom 0.7 overlooks: the producer loads its own tail first.
struct Slot {
    tail: AtomicUsize,
    value: UnsafeCell<u32>,
    publish: Ordering,
}

// SAFETY: `value` is written before `tail` is raised and read after that was seen, if `publish` is
// at least Release: what the models below are about.
unsafe impl Sync for Slot {}

fn slot(publish: Ordering) -> Slot {
    Slot {
        tail: AtomicUsize::new(0),
        value: UnsafeCell::new(0),
        publish,
    }
}

fn produce(slot: &Slot) {
    let tail = slot.tail.load(Relaxed);
    // SAFETY: nobody reads before `tail` is raised below.
    slot.value.with_mut(|value| unsafe { *value = 7 });
    slot.tail.store(tail + 1, slot.publish);
}

fn consume(slot: &Slot) {
    if slot.tail.load(Acquire) == 1 {
        // SAFETY: `tail` was raised, so the value is there and nobody writes any more.
        slot.value.with(|value| assert_eq!(unsafe { *value }, 7));
    }
}

#[test]
fn a_released_value_is_seen() {
    // Two outcomes at least in each placement: the consumer comes too early, or not.
    model_roles("slot", 2, || slot(Release), &[produce, consume], consume);
}

#[test]
fn a_relaxed_publish_is_found() {
    let result = catch_unwind(|| {
        model_roles(
            "relaxed slot",
            1,
            || slot(Relaxed),
            &[produce, consume],
            |_| (),
        );
    });
    assert!(result.is_err(), "the data race was overlooked");
}

#[test]
fn too_few_executions_fail() {
    let result = catch_unwind(|| model("lonely", 2, || ()));
    let message = *result.unwrap_err().downcast::<String>().unwrap();
    assert!(
        message.contains("1 executions, at least 2 were expected"),
        "{message}"
    );
    model("lonely", 1, || ());
}

#[test]
fn each_role_is_in_main_once() {
    use std::sync::atomic::AtomicUsize;
    static CALLS: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];
    fn role<const N: usize>(_: &()) {
        CALLS[N].fetch_add(1, Relaxed);
    }
    static CHECKS: AtomicUsize = AtomicUsize::new(0);
    model_roles(
        "three",
        1,
        || (),
        &[role::<0>, role::<1>, role::<2>],
        |()| {
            CHECKS.fetch_add(1, Relaxed);
        },
    );
    let checks = CHECKS.load(Relaxed);
    assert!(checks >= 3, "one execution per placement at least");
    for calls in &CALLS {
        assert_eq!(
            calls.load(Relaxed),
            checks,
            "every role ran in every execution"
        );
    }
}
