//! Models of the mailbox alone.

use alloc::boxed::Box;
use alloc::vec::Vec;
use std::sync::Mutex;

use hyperia_test::{model_roles, model_roles_spawned};

use super::Mailbox;
use crate::primitive::UnsafeCell;

#[derive(Default)]
struct State {
    mailbox: Mailbox<Box<u32>>,
    received: Mutex<Vec<u32>>,
    kept: Mutex<Vec<u32>>,
    /// Written before a value is taken.
    before: Before,
}

/// Something that is written once, and read by who knows that it was.
struct Before(UnsafeCell<bool>);

// SAFETY: the model checker fails on every pair of accesses that are not ordered.
unsafe impl Sync for Before {}

impl Default for Before {
    fn default() -> Self {
        Self(UnsafeCell::new(false))
    }
}

impl State {
    fn put_or_keep(&self, value: u32) {
        // SAFETY: one role puts and takes back.
        if let Err(value) = unsafe { self.mailbox.put(Box::new(value)) } {
            self.kept.lock().unwrap().push(*value);
        }
    }

    fn take_back(&self) {
        // SAFETY: one role puts and takes back.
        if let Some(value) = unsafe { self.mailbox.take_back() } {
            self.kept.lock().unwrap().push(*value);
        }
    }

    fn take(&self) {
        if let Some(value) = self.mailbox.look().and_then(|post| self.mailbox.take(post)) {
            self.received.lock().unwrap().push(*value);
        }
    }

    fn all(&self) -> Vec<u32> {
        let mut all = self.received.lock().unwrap().clone();
        all.extend(self.kept.lock().unwrap().iter());
        all.sort_unstable();
        all
    }
}

impl Default for Mailbox<Box<u32>> {
    fn default() -> Self {
        Self::new()
    }
}

/// Catches a value taken twice, or by both sides, or before it is there.
///
/// Floor: three accesses of one word on each side.
#[test]
fn a_value_left_in_the_mailbox_is_received_once() {
    model_roles(
        "mailbox: put, take back | take | take",
        20,
        State::default,
        &[
            |state: &State| {
                state.put_or_keep(1);
                state.take_back();
            },
            State::take,
            State::take,
        ],
        |state: &State| assert_eq!(state.all(), [1]),
    );
}

/// Catches a value that is put where the last one is still being moved out.
///
/// Floor: as above, with one role less and one value more.
#[test]
fn a_mailbox_is_used_again() {
    // With a role on the main thread loom explores next to nothing here.
    model_roles_spawned(
        "mailbox: put, put | take, take",
        20,
        State::default,
        &[
            |state: &State| {
                state.put_or_keep(1);
                // Lets the other side go on, which loom does not think of here by itself.
                loom::thread::yield_now();
                state.put_or_keep(2);
            },
            |state: &State| {
                state.take();
                state.take();
            },
        ],
        |state| {
            state.take();
            assert_eq!(state.all(), [1, 2]);
        },
    );
}

/// Catches a sender that knows that its value was received, and not what came before that.
///
/// Floor: one look against two stores.
#[test]
fn who_sees_that_a_value_was_taken_sees_what_came_before() {
    model_roles_spawned(
        "mailbox: put, look | take",
        3,
        || {
            let state = State::default();
            state.put_or_keep(1);
            state
        },
        &[
            |state: &State| {
                if !state.mailbox.is_full() {
                    // SAFETY: checked by the model.
                    assert!(state.before.0.with(|before| unsafe { *before }));
                }
            },
            |state: &State| {
                // SAFETY: checked by the model.
                state.before.0.with_mut(|before| unsafe { *before = true });
                state.take();
            },
        ],
        |state: &State| assert_eq!(state.all(), [1]),
    );
}
