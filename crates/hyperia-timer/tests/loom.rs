//! Every interleaving of an owner and a driver, or of two owners, in the smallest cases that
//! matter.
#![cfg(all(feature = "std", hyperia_loom))]

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use hyperia_test::{CountingWaker, model_roles, poll_once};
use hyperia_timer::{Clock, Sleep, Timers};

/// A clock that stands still: owners find nothing due by themselves, only the driver moves the
/// time.
struct Still;

impl Clock for Still {
    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

const fn at(nanos: u64) -> Duration {
    Duration::from_nanos(nanos)
}

/// A sleep with what its owner has seen. Only one role uses it, so a plain mutex serves.
struct Owner {
    sleep: Mutex<Option<Pin<Box<Sleep<'static>>>>>,
    task: Arc<CountingWaker>,
}

impl Owner {
    fn new(sleep: Sleep<'_>) -> Self {
        Self {
            sleep: Mutex::new(Some(Box::pin(sleep.into_owned()))),
            task: CountingWaker::new(),
        }
    }

    /// One that waits already.
    fn waiting(sleep: Sleep<'_>) -> Self {
        let owner = Self::new(sleep);
        assert!(owner.poll().is_pending());
        owner
    }

    fn poll(&self) -> Poll<()> {
        let mut sleep = self.sleep.lock().unwrap();
        poll_once(
            sleep.as_mut().expect("not dropped").as_mut(),
            &self.task.waker(),
        )
    }

    fn reset(&self, deadline: Duration) {
        self.sleep
            .lock()
            .unwrap()
            .as_mut()
            .expect("not dropped")
            .as_mut()
            .reset(deadline);
    }

    fn drop_sleep(&self) {
        drop(self.sleep.lock().unwrap().take());
    }
}

struct State {
    timers: Timers,
    ring: Arc<CountingWaker>,
    first: Owner,
    second: Owner,
    /// What a driver found when it asked.
    next: Mutex<Option<Option<Duration>>>,
}

impl State {
    fn new(first: impl FnOnce(&Timers) -> Owner, second: impl FnOnce(&Timers) -> Owner) -> Self {
        let ring = CountingWaker::new();
        let timers = Timers::new(Still, ring.waker());
        let (first, second) = (first(&timers), second(&timers));
        Self {
            timers,
            ring,
            first,
            second,
            next: Mutex::new(None),
        }
    }

    fn drive(&self, now: u64) {
        while self.timers.advance(at(now)) {}
    }
}

/// Catches: a wake-up lost between registering and firing; `fired_at` read before it was written
/// (either side of the edge fire → poll Relaxed).
#[test]
fn poll_and_fire() {
    model_roles(
        "poll_and_fire",
        // The poll registers before, during or after the driver's only lock, and the second poll
        // finds any of the three states.
        4,
        || {
            State::new(
                |timers| Owner::new(timers.sleep_until(at(5))),
                |timers| Owner::new(timers.sleep(at(9))),
            )
        },
        &[
            |state: &State| {
                if state.first.poll().is_pending() {
                    let _ = state.first.poll();
                }
            },
            |state: &State| state.drive(10),
        ],
        |state: &State| {
            state.drive(10);
            let mut sleep = state.first.sleep.lock().unwrap();
            let sleep = sleep.as_mut().expect("not dropped");
            let done = futures_core::FusedFuture::is_terminated(sleep);
            assert_eq!(
                state.first.task.wakes(),
                1,
                "every registration is woken, once"
            );
            assert!(done || poll_once(sleep.as_mut(), &state.first.task.waker()).is_ready());
            assert_eq!(state.first.task.live(), 0);
        },
    );
}

/// Catches: the driver touching a node after the owner was told that it may free it; a waker leaked
/// or dropped twice.
#[test]
fn drop_and_fire() {
    model_roles(
        "drop_and_fire",
        // Before, during and after the driver's lock.
        3,
        || {
            let five = |timers: &Timers| Owner::waiting(timers.sleep_until(at(5)));
            State::new(five, five)
        },
        &[
            |state: &State| state.first.drop_sleep(),
            |state: &State| state.drive(10),
        ],
        |state: &State| {
            assert!(state.first.task.wakes() <= 1);
            assert_eq!(state.first.task.live(), 0);
            assert_eq!(state.second.task.wakes(), 1, "the neighbour in the list");
            assert!(state.second.poll().is_ready());
            assert_eq!(state.timers.next_deadline(), None);
        },
    );
}

/// Catches: completing early because the driver fired for the deadline before the reset; never
/// completing because the re-armed node was lost.
#[test]
fn reset_to_later_and_fire() {
    model_roles(
        "reset_to_later_and_fire",
        // The store lies before or after the driver's read; the poll finds the node fired or not.
        4,
        || {
            State::new(
                |timers| Owner::waiting(timers.sleep_until(at(5))),
                |timers| Owner::new(timers.sleep(at(9))),
            )
        },
        &[
            |state: &State| {
                state.first.reset(at(20));
                assert!(state.first.poll().is_pending(), "completed early");
            },
            |state: &State| state.drive(10),
        ],
        |state: &State| {
            assert!(state.first.poll().is_pending(), "completed early");
            state.drive(19);
            assert!(state.first.poll().is_pending(), "completed early");
            state.drive(20);
            assert!(state.first.poll().is_ready());
            assert!((1..=2).contains(&state.first.task.wakes()));
        },
    );
}

/// Catches: a node moved while the driver hands it out; the move not seen.
#[test]
fn reset_to_earlier_and_fire() {
    model_roles(
        "reset_to_earlier_and_fire",
        // The move lies before or after the driver's lock; the poll finds the node fired or not.
        3,
        || {
            State::new(
                |timers| Owner::waiting(timers.sleep_until(at(20))),
                |timers| Owner::new(timers.sleep(at(9))),
            )
        },
        &[
            |state: &State| {
                state.first.reset(at(5));
                let _ = state.first.poll();
            },
            |state: &State| state.drive(20),
        ],
        |state: &State| {
            if futures_core::FusedFuture::is_terminated(
                state.first.sleep.lock().unwrap().as_ref().unwrap(),
            ) {
                assert_eq!(
                    state.timers.next_deadline(),
                    None,
                    "a completed sleep is still in the wheel"
                );
            } else {
                state.drive(20);
                assert!(state.first.poll().is_ready());
            }
            assert!(state.first.task.wakes() >= 1);
        },
    );
}

/// Catches: an earlier deadline that neither the driver sees when it asks nor rings for.
#[test]
fn insert_and_ask() {
    model_roles(
        "insert_and_ask",
        // The insertion comes before or after the question.
        2,
        || {
            State::new(
                |timers| Owner::new(timers.sleep_until(at(5))),
                |timers| Owner::waiting(timers.sleep_until(at(20))),
            )
        },
        &[
            |state: &State| assert!(state.first.poll().is_pending()),
            |state: &State| *state.next.lock().unwrap() = Some(state.timers.next_deadline()),
        ],
        |state: &State| {
            let asked = state.next.lock().unwrap().expect("the driver has asked");
            let rung = state.ring.wakes();
            match asked {
                Some(next) if next == at(5) => assert_eq!(rung, 0, "rung for nothing"),
                Some(next) if next == at(20) => assert_eq!(rung, 1, "the driver would oversleep"),
                other => panic!("the next deadline is {other:?}"),
            }
        },
    );
}

/// Catches: two insertions that ring twice, or not at all.
#[test]
fn two_inserts_ring_once() {
    model_roles(
        "two_inserts_ring_once",
        // Either is first.
        2,
        || {
            let state = State::new(
                |timers| Owner::new(timers.sleep_until(at(5))),
                |timers| Owner::new(timers.sleep_until(at(6))),
            );
            assert_eq!(state.timers.next_deadline(), None);
            state
        },
        &[
            |state: &State| assert!(state.first.poll().is_pending()),
            |state: &State| assert!(state.second.poll().is_pending()),
        ],
        |state: &State| {
            assert_eq!(state.ring.wakes(), 1);
            assert_eq!(state.timers.next_deadline(), Some(at(5)));
        },
    );
}

/// Catches: neighbours in a list that unlink, relink and rearm each other's links.
#[test]
fn neighbours_drop_and_reset() {
    model_roles(
        "neighbours_drop_and_reset",
        // Either is first.
        2,
        || {
            let five = |timers: &Timers| Owner::waiting(timers.sleep_until(at(5)));
            State::new(five, five)
        },
        &[
            |state: &State| state.first.drop_sleep(),
            |state: &State| state.second.reset(at(2)),
        ],
        |state: &State| {
            assert_eq!(state.timers.next_deadline(), Some(at(2)));
            state.drive(2);
            assert!(state.second.poll().is_ready());
            assert_eq!(state.timers.next_deadline(), None);
        },
    );
}

/// Catches: the waker of a later poll lost to a driver that fires at the same time.
#[test]
fn new_waker_and_fire() {
    model_roles(
        "new_waker_and_fire",
        // The driver comes before, between or after the two locks of the poll.
        3,
        || {
            State::new(
                |timers| Owner::waiting(timers.sleep_until(at(5))),
                |timers| Owner::new(timers.sleep(at(9))),
            )
        },
        &[
            |state: &State| {
                // Another task takes over.
                let mut sleep = state.first.sleep.lock().unwrap();
                let sleep = sleep.as_mut().expect("not dropped").as_mut();
                let pending = poll_once(sleep, &state.second.task.waker()).is_pending();
                *state.next.lock().unwrap() = pending.then_some(None);
            },
            |state: &State| state.drive(10),
        ],
        |state: &State| {
            let pending = state.next.lock().unwrap().is_some();
            assert_eq!(
                state.second.task.wakes(),
                usize::from(pending),
                "the last one who waits is woken"
            );
            assert_eq!(state.first.task.wakes(), usize::from(!pending));
            assert_eq!((state.first.task.live(), state.second.task.live()), (0, 0));
        },
    );
}

/// Catches: two drivers of one wheel that hand out a sleep twice.
#[test]
fn two_drivers() {
    model_roles(
        "two_drivers",
        // Either is first.
        2,
        || {
            let five = |timers: &Timers| Owner::waiting(timers.sleep_until(at(5)));
            State::new(five, five)
        },
        &[
            |state: &State| state.drive(10),
            |state: &State| state.drive(7),
        ],
        |state: &State| {
            assert_eq!(
                (state.first.task.wakes(), state.second.task.wakes()),
                (1, 1)
            );
            assert!(state.first.poll().is_ready() && state.second.poll().is_ready());
        },
    );
}

/// Catches: what no two of them show, above all a list cut by an insertion and a removal at the two
/// ends of what the driver takes out.
#[test]
fn insert_and_drop_and_fire() {
    model_roles(
        "insert_and_drop_and_fire",
        // Six orders of three critical sections.
        6,
        || {
            State::new(
                |timers| Owner::new(timers.sleep_until(at(5))),
                |timers| Owner::waiting(timers.sleep_until(at(5))),
            )
        },
        &[
            |state: &State| assert!(state.first.poll().is_pending()),
            |state: &State| state.second.drop_sleep(),
            |state: &State| state.drive(10),
        ],
        |state| {
            assert!(state.second.task.wakes() <= 1);
            assert_eq!(state.second.task.live(), 0);
            state.drive(10);
            assert_eq!(state.first.task.wakes(), 1);
            assert!(state.first.poll().is_ready());
            assert_eq!(state.timers.next_deadline(), None);
        },
    );
}
