//! The wait queue against tokio's `Notify`: both drive plain futures, polled by hand or by the same
//! `block_on`.
use hyperia_bench::{Comparison, Load, Sample, measure, measure_threads, version};
use hyperia_wait::{WaitQueue, block_on};
use std::pin::pin;
use std::task::{Context, Waker};
use tokio::sync::Notify;

const WAITERS: usize = 64;

/// What both have.
trait Event: Sync {
    fn set(&self);
    fn wait(&self) -> impl Future<Output = ()>;
    fn set_all(&self);
}

impl Event for WaitQueue {
    fn set(&self) {
        self.notify_one();
    }
    async fn wait(&self) {
        WaitQueue::wait(self).await.expect("nobody closes it");
    }
    fn set_all(&self) {
        self.notify_all();
    }
}

impl Event for Notify {
    fn set(&self) {
        self.notify_one();
    }
    async fn wait(&self) {
        self.notified().await;
    }
    fn set_all(&self) {
        self.notify_waiters();
    }
}

/// The token is there before the wait: nothing suspends.
fn stored(event: &impl Event, operations: u64) -> Sample {
    let mut context = Context::from_waker(Waker::noop());
    measure(|| {
        for _ in 0..operations {
            event.set();
            assert!(pin!(event.wait()).poll(&mut context).is_ready());
        }
    })
}

/// Enqueue, wake, complete; one waiter.
fn suspended(event: &impl Event, operations: u64) -> Sample {
    let mut context = Context::from_waker(Waker::noop());
    measure(|| {
        for _ in 0..operations {
            let mut wait = pin!(event.wait());
            assert!(wait.as_mut().poll(&mut context).is_pending());
            event.set();
            assert!(wait.poll(&mut context).is_ready());
        }
    })
}

/// Many wait, one call wakes them all.
fn broadcast(event: &impl Event, operations: u64) -> Sample {
    let mut context = Context::from_waker(Waker::noop());
    let rounds = operations.div_ceil(WAITERS as u64);
    measure(|| {
        for _ in 0..rounds {
            let mut waits: Vec<_> = (0..WAITERS).map(|_| Box::pin(event.wait())).collect();
            for wait in &mut waits {
                assert!(wait.as_mut().poll(&mut context).is_pending());
            }
            event.set_all();
            for wait in &mut waits {
                assert!(wait.as_mut().poll(&mut context).is_ready());
            }
        }
    })
}

/// Two threads wake each other in turns.
fn ping_pong<E: Event>(there: &E, back: &E, operations: u64) -> Sample {
    let turns = |first: &E, second: &E, begins: bool| {
        for _ in 0..operations {
            if begins {
                first.set();
                block_on(second.wait());
            } else {
                block_on(first.wait());
                second.set();
            }
        }
    };
    measure_threads(vec![
        Box::new(|| turns(there, back, true)),
        Box::new(|| turns(there, back, false)),
    ])
}

fn main() {
    let load = Load::from_args();
    let ours = format!("hyperia-wait {} WaitQueue", version("hyperia-wait"));
    let theirs = format!("tokio {} sync::Notify (feature sync)", version("tokio"));
    let (queue, notify) = (WaitQueue::new(), Notify::new());

    Comparison::new("event, set before the wait", "wait", 2_000_000)
        .checked("every wait is ready at once")
        .not_shown("contention")
        .contender(&ours, |operations| stored(&queue, operations))
        .contender(&theirs, |operations| stored(&notify, operations))
        .run(load);
    Comparison::new("event, wait first, one waiter", "wait", 2_000_000)
        .checked("pending before the wake-up, ready after it")
        .not_shown("a real waker: this one does nothing, so the list alone is measured")
        .contender(&ours, |operations| suspended(&queue, operations))
        .contender(&theirs, |operations| suspended(&notify, operations))
        .run(load);
    Comparison::new(
        format!("event, {WAITERS} waiters woken at once"),
        "waiter",
        1_000_000,
    )
    .checked("all pending before the wake-up, all ready after it")
    .not_shown("the list alone: a box per waiter is in it, the same for both")
    .contender(&ours, |operations| broadcast(&queue, operations))
    .contender(&theirs, |operations| broadcast(&notify, operations))
    .run(load);
    let (back, notify_back) = (WaitQueue::new(), Notify::new());
    Comparison::new("event, two threads in turns", "round trip", 20_000)
        .checked("neither side overtakes the other")
        .not_shown("the events: parking a thread is most of it, and both park by our block_on")
        .contender(&ours, |operations| ping_pong(&queue, &back, operations))
        .contender(&theirs, |operations| {
            ping_pong(&notify, &notify_back, operations)
        })
        .run(load);
}
