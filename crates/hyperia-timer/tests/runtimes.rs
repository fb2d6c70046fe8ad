//! Sleeps under three executors, none of which knows of timers: the test drives them, with a clock
//! of its own.
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::future::{Future, poll_fn};
use std::task::{Poll, Waker};
use std::time::Duration;

use hyperia_timer::{Elapsed, ManualClock, Timers};

const SECOND: Duration = Duration::from_secs(1);

/// Runs a future that sleeps, and drives its timers from within the same task.
async fn driven<F: Future>(make: impl FnOnce(Timers) -> F) -> F::Output {
    let clock = ManualClock::new();
    let timers = Timers::new(clock.clone(), Waker::noop().clone());
    let mut future = Box::pin(make(timers.clone()));
    let mut turns = 0;
    poll_fn(move |cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(output);
        }
        turns += 1;
        assert!(turns < 100, "the sleeps do not end");
        // Waiting, in this test: the clock jumps to the deadline, and `advance` wakes this task.
        let deadline = timers.next_deadline().expect("pending without a timer");
        clock.set(deadline);
        while timers.advance(deadline) {}
        Poll::Pending
    })
    .await
}

async fn scenario() {
    driven(|timers| async move {
        let start = timers.now();
        timers.sleep(5 * SECOND).await;
        assert_eq!(timers.now() - start, 5 * SECOND);
        timers.sleep_until(start + 7 * SECOND).await;
        assert_eq!(timers.now() - start, 7 * SECOND);
        assert_eq!(
            timers.timeout(SECOND, timers.sleep(3600 * SECOND)).await,
            Err(Elapsed)
        );
        assert_eq!(
            timers.timeout(3600 * SECOND, timers.sleep(SECOND)).await,
            Ok(())
        );
        assert_eq!(timers.now() - start, 9 * SECOND);
    })
    .await;
}

#[test]
fn under_block_on() {
    hyperia_wait::block_on(scenario());
}

#[test]
fn under_tokio() {
    // Without its time driver.
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(scenario());
}

#[test]
fn under_tokio_in_a_task() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async { tokio::spawn(scenario()).await.unwrap() });
}

#[test]
fn under_smol() {
    smol::block_on(scenario());
    smol::block_on(smol::spawn(scenario()));
}
