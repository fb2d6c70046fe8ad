//! The gate, and a pulse of it.

use crate::SCHEDULES;
use hyperia_sync::ManualResetEvent;
use hyperia_test::schedules_at_every_poll;
use shuttle::sync::atomic::AtomicBool;
use shuttle::sync::atomic::Ordering::SeqCst;
use shuttle::thread;
use std::future::{Future, poll_fn};
use std::pin::pin;

/// Waits, and says when that has begun.
async fn begin(event: &ManualResetEvent, has_begun: &AtomicBool) {
    let mut wait = pin!(event.wait());
    poll_fn(|cx| {
        let poll = wait.as_mut().poll(cx);
        if poll.is_pending() {
            has_begun.store(true, SeqCst);
        }
        poll
    })
    .await;
}

/// Catches a wait that looks and then joins, so that it misses the set; one that misses the pulse though it had
/// begun; and one that is left out because its neighbour leaves while everybody is woken.
#[test]
fn a_pulse_ends_each_wait_that_has_begun() {
    let polls = schedules_at_every_poll("ManualResetEvent: wait", SCHEDULES, |patience| {
        let event = ManualResetEvent::new(false);
        let has_begun = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| patience.wait_for(event.wait()));
            let begun = scope.spawn(|| patience.wait_to_end(begin(&event, &has_begun)));
            scope.spawn(|| patience.wait_for(event.wait()));
            if has_begun.load(SeqCst) {
                event.set();
                assert!(event.reset());
                begun.join().expect("a task panicked");
            }
            event.set();
        });
        assert!(event.is_set());
    });
    assert!(polls >= 2);
}
