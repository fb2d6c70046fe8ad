//! The event with one `set` at a time, going round.

use crate::SCHEDULES;
use hyperia_sync::AutoResetEvent;
use hyperia_test::schedules_at_every_poll;
use shuttle::sync::atomic::AtomicBool;
use shuttle::sync::atomic::Ordering::SeqCst;
use shuttle::thread;

/// An event with one `set` that goes round: who has taken it is alone, and sets again.
#[derive(Default)]
struct Baton {
    event: AutoResetEvent,
    is_taken: AtomicBool,
}

impl Baton {
    fn pass_on(&self) {
        assert!(!self.is_taken.swap(true, SeqCst), "two with one set");
        self.is_taken.store(false, SeqCst);
        self.event.set();
    }
}

/// Catches a set that dies with a wait which gives up, one that two get, one that is stored while somebody waits,
/// and a wait that looks and then joins.
#[test]
fn a_set_goes_to_one_who_is_there_or_stays() {
    let polls = schedules_at_every_poll("AutoResetEvent: wait", SCHEDULES, |patience| {
        let baton = Baton::default();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    if patience.wait_for(baton.event.wait()).is_some() {
                        baton.pass_on();
                    }
                });
            }
            scope.spawn(|| {
                patience.wait_to_end(baton.event.wait());
                baton.pass_on();
            });
            baton.event.set();
        });
        assert!(baton.event.try_wait(), "the set is lost");
        assert!(!baton.event.try_wait());
    });
    assert!(polls >= 2);
}

/// Catches a set that a `reset` takes and a wait gets as well, and one that a `reset` takes from a waiter.
#[test]
fn a_set_is_taken_by_a_reset_or_by_a_wait() {
    let polls = schedules_at_every_poll("AutoResetEvent: wait, reset", SCHEDULES, |patience| {
        let baton = Baton::default();
        thread::scope(|scope| {
            scope.spawn(|| {
                if patience.wait_for(baton.event.wait()).is_some() {
                    baton.pass_on();
                }
            });
            scope.spawn(|| {
                patience.wait_to_end(baton.event.wait());
                baton.pass_on();
            });
            scope.spawn(|| {
                if baton.event.reset() {
                    baton.pass_on();
                }
            });
            baton.event.set();
        });
        assert!(baton.event.reset(), "the set is lost");
        assert!(!baton.event.try_wait());
    });
    assert!(polls >= 2);
}
