//! The wait group, and its block.

use crate::SCHEDULES;
use hyperia_sync::WaitGroup;
use hyperia_test::schedules_at_every_poll;
use shuttle::sync::atomic::Ordering::SeqCst;
use shuttle::sync::atomic::{AtomicBool, AtomicUsize};
use shuttle::thread;
use std::future::{Future, poll_fn};
use std::pin::pin;

/// Catches a wait that looks and then joins, so that the last token goes by unseen; one that ends with a token left;
/// and one that is left out because its neighbour leaves while everybody is woken.
#[test]
fn a_wait_ends_when_the_last_token_has_gone() {
    let polls = schedules_at_every_poll("WaitGroup: wait", SCHEDULES, |patience| {
        let group = WaitGroup::new();
        let done = AtomicUsize::new(0);
        let (first, second) = (group.token(), group.token());
        thread::scope(|scope| {
            let done = &done;
            scope.spawn(move || {
                done.fetch_add(1, SeqCst);
                drop(first);
            });
            scope.spawn(|| {
                if patience.wait_for(group.wait()).is_some() {
                    assert_eq!(done.load(SeqCst), 3);
                }
            });
            scope.spawn(|| {
                patience.wait_to_end(group.wait());
                assert_eq!(done.load(SeqCst), 3);
            });
            let third = second.clone();
            done.fetch_add(1, SeqCst);
            drop(second);
            done.fetch_add(1, SeqCst);
            drop(third);
        });
        assert_eq!(group.tokens(), 0);
    });
    assert!(polls >= 2);
}

/// Catches a wait that had begun and misses that there were no tokens for a moment. (That the block is freed by the
/// last one, and once, is for loom to see: memory is the real one here.)
#[test]
fn a_wait_that_has_begun_ends_though_a_token_follows() {
    let polls = schedules_at_every_poll("WaitGroup: wait, again", SCHEDULES, |patience| {
        let group = WaitGroup::new();
        let has_begun = AtomicBool::new(false);
        let token = group.token();
        thread::scope(|scope| {
            scope.spawn(|| patience.wait_for(group.wait()));
            let begun = scope.spawn(|| {
                let mut wait = pin!(group.wait());
                patience.wait_to_end(poll_fn(|cx| {
                    let poll = wait.as_mut().poll(cx);
                    if poll.is_pending() {
                        has_begun.store(true, SeqCst);
                    }
                    poll
                }));
            });
            scope.spawn(|| patience.wait_for(group.wait()));
            let enough = has_begun.load(SeqCst);
            drop(token);
            let next = group.token();
            if enough {
                begun.join().expect("a task panicked");
            }
            drop(next);
        });
        // A token that outlives the group, or not.
        let last = group.token();
        let other = thread::spawn(move || drop(last));
        drop(group);
        other.join().expect("a task panicked");
    });
    assert!(polls >= 2);
}
