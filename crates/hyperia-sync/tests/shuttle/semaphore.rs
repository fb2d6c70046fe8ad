//! The semaphore, in strict order and with overtaking, for one permit and for many.

use crate::SCHEDULES;
use hyperia_sync::{Permit, Semaphore};
use hyperia_test::{poll_once, schedules, schedules_at_every_poll};
use hyperia_wait::Block;
use shuttle::sync::atomic::AtomicUsize;
use shuttle::sync::atomic::Ordering::SeqCst;
use shuttle::thread;
use std::pin::pin;
use std::task::Waker;

/// Strict order, an overtaking now and then, and the default.
const OVERTAKES: [u16; 3] = [0, 1, 128];

/// A semaphore, and how many of its permits are in use.
struct Permits {
    semaphore: Semaphore,
    all: usize,
    in_use: AtomicUsize,
}

impl Permits {
    fn new(all: usize, overtakes_max: u16) -> Self {
        Self {
            semaphore: Semaphore::with_overtakes_max(all, overtakes_max),
            all,
            in_use: AtomicUsize::new(0),
        }
    }

    /// Uses the permits and gives them back.
    fn use_up(&self, permit: Permit<'_>) {
        let count = permit.permits();
        let before = self.in_use.fetch_add(count, SeqCst);
        assert!(before + count <= self.all, "more permits than there are");
        self.in_use.fetch_sub(count, SeqCst);
        drop(permit);
    }

    /// Everything is back, and nobody is left in the line.
    fn check(&self) {
        assert_eq!(self.semaphore.available_permits(), self.all);
        let all = self.semaphore.try_acquire_many(self.all);
        assert!(all.is_some(), "somebody is left in the line");
    }
}

/// Catches a permit that dies with one who gives up after it was served, one who sleeps because a newcomer took and
/// gave back what it was woken for, and two with one permit.
#[test]
fn a_permit_is_never_lost() {
    for overtakes_max in OVERTAKES {
        let name = format!("Semaphore: acquire, overtaken {overtakes_max} times");
        let polls = schedules_at_every_poll(&name, SCHEDULES, move |patience| {
            let permits = Permits::new(1, overtakes_max);
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        if let Some(permit) = patience.wait_for(permits.semaphore.acquire()) {
                            permits.use_up(permit);
                        }
                    });
                }
                scope.spawn(|| {
                    permits.use_up(patience.wait_to_end(permits.semaphore.acquire()));
                });
                if let Some(permit) = permits.semaphore.try_acquire() {
                    permits.use_up(permit);
                }
            });
            permits.check();
        });
        assert!(polls >= 2);
    }
}

/// Catches one with many permits who is served too few or twice, and one who starves among those who want few.
#[test]
fn many_permits_are_got_at_once_and_never_lost() {
    for overtakes_max in OVERTAKES {
        let name = format!("Semaphore: acquire_many, overtaken {overtakes_max} times");
        let polls = schedules_at_every_poll(&name, SCHEDULES, move |patience| {
            let permits = Permits::new(3, overtakes_max);
            thread::scope(|scope| {
                for count in [1, 2] {
                    let permits = &permits;
                    scope.spawn(move || {
                        let acquire = permits.semaphore.acquire_many(count);
                        if let Some(permit) = patience.wait_for(acquire) {
                            permits.use_up(permit);
                        }
                    });
                }
                scope.spawn(|| {
                    permits.use_up(patience.wait_to_end(permits.semaphore.acquire_many(3)));
                });
                permits.use_up(patience.wait_to_end(permits.semaphore.acquire_many(2)));
            });
            permits.check();
        });
        assert!(polls >= 2);
    }
}

/// Two keep what they get, so nothing is given back that would help the other. Catches one who sleeps though there
/// is a permit, since the one before it has taken its own and did not look at the next.
#[test]
fn permits_that_come_at_once_reach_all_who_wait() {
    for overtakes_max in OVERTAKES {
        let name = format!("Semaphore: add_permits, overtaken {overtakes_max} times");
        let polls = schedules_at_every_poll(&name, SCHEDULES, move |patience| {
            let semaphore = Semaphore::with_overtakes_max(0, overtakes_max);
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| patience.wait_to_end(semaphore.acquire()).forget());
                }
                scope.spawn(|| drop(patience.wait_for(semaphore.acquire())));
                semaphore.add_permits(3);
            });
            assert_eq!(semaphore.available_permits(), 1);
        });
        assert!(polls >= 2);
    }
}

/// Catches those who want few and sleep for ever behind one who wanted many and gave up: whoever leaves must have
/// the next one looked at.
#[test]
fn who_wants_few_is_served_when_who_wants_many_gives_up() {
    for overtakes_max in OVERTAKES {
        let name = format!("Semaphore: acquire_many gives up, overtaken {overtakes_max} times");
        schedules(&name, 8 * SCHEDULES, move || {
            let permits = Permits::new(3, overtakes_max);
            // Not given back before those who want few have had theirs.
            let kept = permits.semaphore.try_acquire().expect("there are three");
            thread::scope(|scope| {
                scope.spawn(|| {
                    let mut many = pin!(permits.semaphore.acquire_many(3));
                    assert!(poll_once(many.as_mut(), Waker::noop()).is_pending());
                });
                let few = [1, 2].map(|count| {
                    let permits = &permits;
                    scope.spawn(move || {
                        permits.use_up(permits.semaphore.acquire_many(count).block());
                    })
                });
                for few in few {
                    few.join().expect("a task panicked");
                }
            });
            drop(kept);
            permits.check();
        });
    }
}
