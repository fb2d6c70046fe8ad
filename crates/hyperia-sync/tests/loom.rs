//! Models of the events, and of the semaphore, which the mutex is made of. (What they are made of is modelled in
//! hyperia-wait; oneshot and the wait group beside their code, the channels in models/channels.rs and
//! models/channel_races.rs.)
#![cfg(hyperia_loom)]

mod models {
    mod channel_races;
    mod channels;
}

use std::sync::Arc;
use std::task::Poll;

use futures_core::FusedFuture;
use hyperia_sync::{AutoResetEvent, ManualResetEvent, Semaphore};
use hyperia_test::{CountingWaker, model_roles, poll_once};
use hyperia_wait::block_on;
use loom::cell::UnsafeCell;
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use loom::sync::atomic::{AtomicBool, AtomicUsize};

struct Shared {
    event: AutoResetEvent,
    before: AtomicBool,
    passed: AtomicUsize,
    counting: Arc<CountingWaker>,
}

fn make() -> Shared {
    Shared {
        event: AutoResetEvent::new(),
        before: AtomicBool::new(false),
        passed: AtomicUsize::new(0),
        counting: CountingWaker::new(),
    }
}

fn set(shared: &Shared) {
    shared.before.store(true, Relaxed);
    shared.event.set();
}

/// Catches a set that is lost, that lets two pass, or that comes without what was done before.
///
/// Floor: one word, touched about three times by each of two threads.
#[test]
fn a_set_lets_one_waiter_pass() {
    model_roles(
        "AutoResetEvent: wait | set",
        10,
        make,
        &[
            |shared| {
                block_on(shared.event.wait());
                assert!(shared.before.load(Relaxed));
            },
            set,
        ],
        |shared| assert!(!shared.event.try_wait()),
    );
}

/// Catches a set that dies with the wait it was given to, and a reset that takes a second one.
///
/// Floor: as above, with a third thread that touches the word once or twice.
#[test]
fn a_set_is_kept_by_a_wait_that_goes_and_taken_by_a_reset() {
    model_roles(
        "AutoResetEvent: poll and drop | set | reset",
        50,
        make,
        &[
            |shared| {
                let mut wait = Box::pin(shared.event.wait());
                if poll_once(wait.as_mut(), &shared.counting.waker()).is_ready() {
                    shared.passed.fetch_add(1, Relaxed);
                }
            },
            set,
            |shared| {
                shared
                    .passed
                    .fetch_add(usize::from(shared.event.reset()), Relaxed);
            },
        ],
        |shared| {
            let left = usize::from(shared.event.try_wait());
            assert_eq!(shared.passed.load(Relaxed) + left, 1);
            assert_eq!(shared.counting.live(), 0);
        },
    );
}

// SAFETY: the value is touched with a permit alone, which is what the models are about; the model checker
// watches.
unsafe impl Sync for Permits {}

/// A semaphore, what is touched with a permit alone, and two tasks.
struct Permits {
    semaphore: Semaphore,
    value: UnsafeCell<u32>,
    tasks: [Arc<CountingWaker>; 2],
    passed: AtomicUsize,
}

impl Permits {
    /// None, in strict order; and with one overtaking.
    const EMPTY: [fn() -> Self; 2] = [|| Self::new(0, 0), || Self::new(0, 1)];
    /// The same with one permit.
    const ONE: [fn() -> Self; 2] = [|| Self::new(1, 0), || Self::new(1, 1)];

    fn new(permits: usize, overtakes_max: u16) -> Self {
        Self {
            semaphore: Semaphore::with_overtakes_max(permits, overtakes_max),
            value: UnsafeCell::new(0),
            tasks: [CountingWaker::new(), CountingWaker::new()],
            passed: AtomicUsize::new(0),
        }
    }

    /// With a permit: nobody else is there, and what others did is seen. The model checker watches.
    fn touch(&self) {
        // SAFETY: whoever has the permit is alone, or the model fails.
        self.value.with_mut(|value| unsafe { *value += 1 });
    }

    /// Polls once, and gives up.
    fn poll_and_leave(&self, task: usize) {
        let mut acquire = Box::pin(self.semaphore.acquire());
        if poll_once(acquire.as_mut(), &self.tasks[task].waker()).is_ready() {
            self.passed.fetch_add(1, Relaxed);
        }
    }
}

/// Catches two with one permit, one who does not see what another did with it, and one who sleeps for ever.
///
/// Floor: each takes, waits or is woken before, in between or after the other's three accesses.
#[test]
fn a_permit_carries_what_was_done_under_it() {
    for make in Permits::ONE {
        let role = |permits: &Permits| {
            let permit = block_on(permits.semaphore.acquire());
            permits.touch();
            drop(permit);
        };
        model_roles(
            "Semaphore: two who take turns",
            10,
            make,
            &[role, role],
            |permits: &Permits| {
                assert_eq!(permits.semaphore.available_permits(), 1);
                // SAFETY: the roles are over.
                let value = permits.value.with(|value| unsafe { *value });
                assert_eq!(value, 2);
            },
        );
    }
}

/// Catches a hand-over that comes without what was done before it, or that frees a waiter too early.
///
/// Floor: the giving falls before, between or after the two polls, and their locks.
#[test]
fn a_permit_handed_over_carries_what_was_done() {
    model_roles(
        "Semaphore: hand over | poll twice, leave",
        6,
        || {
            let permits = Permits::new(1, 0);
            permits
                .semaphore
                .try_acquire()
                .expect("there is one")
                .forget();
            permits
        },
        &[
            |permits: &Permits| {
                permits.touch();
                permits.semaphore.add_permits(1);
            },
            |permits: &Permits| {
                let mut acquire = Box::pin(permits.semaphore.acquire());
                let waker = permits.tasks[0].waker();
                for _ in 0..2 {
                    if let Poll::Ready(permit) = poll_once(acquire.as_mut(), &waker) {
                        permits.touch();
                        drop(permit);
                        return;
                    }
                }
            },
        ],
        |permits: &Permits| {
            // Whoever left it without having looked passed it on.
            assert_eq!(permits.semaphore.available_permits(), 1);
            assert_eq!(permits.tasks[0].live(), 0);
        },
    );
}

/// Catches a list cut by two who join and leave at once.
///
/// Floor: two critical sections each, in any order, and who meets a holder.
#[test]
fn neighbours_leave_at_once() {
    model_roles(
        "Semaphore: join, leave | join, leave",
        6,
        Permits::EMPTY[0],
        &[
            |permits: &Permits| permits.poll_and_leave(0),
            |permits: &Permits| permits.poll_and_leave(1),
        ],
        |permits: &Permits| {
            assert_eq!(permits.passed.load(Relaxed), 0);
            assert!(permits.tasks.iter().all(|task| task.live() == 0));
            permits.semaphore.add_permits(1);
            assert!(
                permits.semaphore.try_acquire().is_some(),
                "nobody is in the line"
            );
        },
    );
}

/// Catches a waiter that is freed while the one who has granted it a permit is still at it.
///
/// Floor: the giving falls before, between or after joining and leaving.
#[test]
fn one_who_leaves_passes_on_what_it_was_granted() {
    for make in Permits::EMPTY {
        model_roles(
            "Semaphore: join, leave | give",
            3,
            make,
            &[
                |permits: &Permits| permits.poll_and_leave(0),
                |permits: &Permits| permits.semaphore.add_permits(1),
            ],
            |permits: &Permits| {
                assert_eq!(permits.semaphore.available_permits(), 1);
                assert_eq!(permits.tasks[0].live(), 0);
            },
        );
    }
}

/// Catches a permit, or a wake-up, that dies with the one who leaves.
///
/// Floor: the giving falls before, between or after the joining of two, the leaving and the second poll.
#[test]
fn the_next_one_gets_what_one_leaves() {
    for make in Permits::EMPTY {
        model_roles(
            "Semaphore: two join, the first leaves | give",
            6,
            make,
            &[
                |permits: &Permits| {
                    let mut first = Box::pin(permits.semaphore.acquire());
                    let mut second = Box::pin(permits.semaphore.acquire());
                    let ready = poll_once(first.as_mut(), &permits.tasks[0].waker()).is_ready();
                    let polled = poll_once(second.as_mut(), &permits.tasks[1].waker());
                    assert!(!ready || first.is_terminated());
                    drop(polled);
                    drop(first);
                    if !second.is_terminated() {
                        let permit = block_on(second);
                        permits.touch();
                        drop(permit);
                    }
                },
                |permits: &Permits| {
                    permits.touch();
                    permits.semaphore.add_permits(1);
                },
            ],
            |permits: &Permits| {
                assert_eq!(permits.semaphore.available_permits(), 1);
                assert!(permits.tasks.iter().all(|task| task.live() == 0));
            },
        );
    }
}

/// Catches one who waits and is not woken because a newcomer took and gave back what it was woken for.
///
/// Floor: the newcomer comes before, in between or after the waiting.
#[test]
fn a_newcomer_leaves_nobody_asleep() {
    for make in Permits::EMPTY {
        model_roles(
            "Semaphore: wait | give, take and give back",
            6,
            make,
            &[
                |permits: &Permits| {
                    let permit = block_on(permits.semaphore.acquire());
                    permits.touch();
                    permit.forget();
                },
                |permits: &Permits| {
                    permits.semaphore.add_permits(1);
                    if let Some(permit) = permits.semaphore.try_acquire() {
                        permits.touch();
                        drop(permit);
                    }
                },
            ],
            |permits: &Permits| assert_eq!(permits.semaphore.available_permits(), 0),
        );
    }
}

/// Catches one who is polled with another waker while it is woken or served, and sleeps for ever.
///
/// Floor: the giving falls before, between or after the locks of the second poll.
#[test]
fn a_new_waker_is_not_missed() {
    for make in Permits::EMPTY {
        model_roles(
            "Semaphore: poll with another waker | give",
            6,
            make,
            &[
                |permits: &Permits| {
                    let mut acquire = Box::pin(permits.semaphore.acquire());
                    if poll_once(acquire.as_mut(), &permits.tasks[0].waker()).is_ready() {
                        return;
                    }
                    if let Poll::Ready(permit) =
                        poll_once(acquire.as_mut(), &permits.tasks[1].waker())
                    {
                        return drop(permit);
                    }
                    let permit = block_on(acquire);
                    drop(permit);
                },
                |permits: &Permits| permits.semaphore.add_permits(1),
            ],
            |permits: &Permits| {
                assert_eq!(permits.semaphore.available_permits(), 1);
                assert!(permits.tasks.iter().all(|task| task.live() == 0));
            },
        );
    }
}
struct Gate {
    event: ManualResetEvent,
    before: AtomicBool,
    begun: AtomicBool,
    seen: AtomicBool,
    counting: Arc<CountingWaker>,
}

fn gate(is_set: bool) -> Gate {
    Gate {
        event: ManualResetEvent::new(is_set),
        before: AtomicBool::new(false),
        begun: AtomicBool::new(false),
        seen: AtomicBool::new(false),
        counting: CountingWaker::new(),
    }
}

fn shut() -> Gate {
    gate(false)
}

fn set_gate(gate: &Gate) {
    gate.before.store(true, Relaxed);
    gate.event.set();
}

/// Catches a set that is seen without what came before it, and a wait that misses it.
///
/// Floor: the look, alone, has two outcomes; the wait a dozen ways.
#[test]
fn what_came_before_a_set_is_seen_by_whoever_looks() {
    model_roles(
        "ManualResetEvent: look | set",
        2,
        shut,
        &[
            |gate| {
                if gate.event.is_set() {
                    assert!(gate.before.load(Relaxed));
                }
            },
            set_gate,
        ],
        |gate| assert!(gate.event.is_set()),
    );
    model_roles(
        "ManualResetEvent: wait | set",
        10,
        shut,
        &[
            |gate| {
                block_on(gate.event.wait());
                assert!(gate.before.load(Relaxed));
            },
            set_gate,
        ],
        |gate| assert!(gate.event.is_set()),
    );
}

/// Catches a reset that takes a set back without seeing what came before it.
///
/// Floor: two changes of one flag, with what leads to them: two orders.
#[test]
fn a_reset_sees_what_came_before_the_set_that_it_takes_back() {
    model_roles(
        "ManualResetEvent: reset | set",
        2,
        shut,
        &[
            |gate| {
                if gate.event.reset() {
                    assert!(gate.before.load(Relaxed));
                }
            },
            set_gate,
        ],
        |_| (),
    );
}

/// Catches work that is left for nobody: a set that changes nothing because it sees the event set, while a reset
/// is under way whose caller then looks and finds nothing.
///
/// Floor: as above.
#[test]
fn a_second_set_is_not_lost_in_a_reset() {
    model_roles(
        "ManualResetEvent: reset and look | set again",
        2,
        || gate(true),
        &[
            |gate: &Gate| {
                assert!(gate.event.reset());
                gate.seen.store(gate.before.load(Relaxed), Relaxed);
            },
            set_gate,
        ],
        |gate| assert!(gate.event.is_set() || gate.seen.load(Relaxed)),
    );
}

/// Catches a pulse that a wait misses though it had begun, or that comes without what was done before.
///
/// Floor: the wait has four steps, the pulse three.
#[test]
fn a_wait_that_has_begun_ends_by_a_set_though_a_reset_follows() {
    model_roles(
        "ManualResetEvent: wait | set, reset",
        10,
        shut,
        &[
            |gate| {
                let mut wait = Box::pin(gate.event.wait());
                if poll_once(wait.as_mut(), &gate.counting.waker()).is_pending() {
                    // ORDERING: Release tells that the wait has begun.
                    gate.begun.store(true, Release);
                    block_on(wait);
                }
                assert!(gate.before.load(Relaxed));
            },
            |gate| {
                // ORDERING: Acquire pairs with the store above.
                let begun = gate.begun.load(Acquire);
                set_gate(gate);
                if begun {
                    gate.event.reset();
                }
            },
        ],
        |gate| assert_eq!(gate.counting.live(), 0),
    );
}

/// Catches a set that ends a wait which began after the reset that took the set back.
///
/// Floor: as above.
#[test]
fn a_set_ends_no_wait_that_begins_after_its_reset() {
    model_roles(
        "ManualResetEvent: wait, reset, wait again | set",
        10,
        shut,
        &[
            |gate| {
                let waker = gate.counting.waker();
                let mut first = Box::pin(gate.event.wait());
                let _ = poll_once(first.as_mut(), &waker);
                if gate.event.reset() {
                    let mut second = Box::pin(gate.event.wait());
                    assert!(poll_once(second.as_mut(), &waker).is_pending());
                    loom::thread::yield_now();
                    assert!(poll_once(second.as_mut(), &waker).is_pending());
                }
            },
            set_gate,
        ],
        |gate| assert_eq!(gate.counting.live(), 0),
    );
}
