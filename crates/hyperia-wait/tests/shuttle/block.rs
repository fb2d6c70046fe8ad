//! Threads that wait, and races.

use crate::SCHEDULES;
use hyperia_test::schedules_at_every_poll;
use hyperia_wait::{Block, Either, WaitQueue, race};
use shuttle::thread;
use std::pin::pin;

/// Threads and tasks in one queue. Catches a `block` that sleeps on after its wake-up, and a wake-up given to a task
/// which gives up, and not passed on to the thread.
#[test]
fn a_thread_waits_among_tasks() {
    let polls = schedules_at_every_poll("Block: block", SCHEDULES, |patience| {
        let queue = WaitQueue::new();
        thread::scope(|scope| {
            scope.spawn(|| {
                if patience.wait_for(queue.wait()).is_some() {
                    queue.notify_one();
                }
            });
            for _ in 0..2 {
                scope.spawn(|| {
                    assert_eq!(queue.wait().block(), Ok(()));
                    queue.notify_one();
                });
            }
            queue.notify_one();
        });
        assert!(queue.try_wait(), "the notification is lost");
    });
    assert!(polls >= 2);
}

/// Catches a loser whose notification is lost: with the race, when it is dropped, or with the loser that comes
/// back.
#[test]
fn the_loser_of_a_race_loses_nothing() {
    let polls = schedules_at_every_poll("race", SCHEDULES, |patience| {
        let (left, right) = (WaitQueue::new(), WaitQueue::new());
        thread::scope(|scope| {
            scope.spawn(|| left.notify_one());
            scope.spawn(|| right.notify_one());
            let (a, b) = (pin!(left.wait()), pin!(right.wait()));
            match patience.wait_for(race(a, b)) {
                Some(Either::Left((first, b))) => assert_eq!((first, b.block()), (Ok(()), Ok(()))),
                Some(Either::Right((first, a))) => assert_eq!((first, a.block()), (Ok(()), Ok(()))),
                // Both notifications are still to be had, when these are gone.
                None => {}
            }
        });
        // Taken in both queues, or in none.
        assert_eq!(left.try_wait(), right.try_wait());
    });
    assert!(polls >= 2);
}
