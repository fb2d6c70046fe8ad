//! Every interleaving of the smallest interesting cases. Each model says what it would catch.
//!
//! The roles do not block: they look once, as the last thing they do, and the check at the end asks
//! whether everybody was reached. A lost wake-up is then somebody who neither saw the condition nor was
//! woken, and the models stay small.
//!
//! Floors: two threads that each touch the state word two or three times meet in tens of ways, three
//! threads in hundreds. They are there to notice a model that explores nothing.
#![cfg(hyperia_loom)]

mod wait_queue;
mod waker_cell;

use loom::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Three roles around a lock make too many executions with the usual three preemptions: here they get
/// two. Otherwise as `hyperia_test::model_roles`, which has no such choice.
#[track_caller]
fn three_roles<S: Send + Sync + 'static>(
    name: &str,
    min_executions: usize,
    make: fn() -> S,
    roles: [fn(&S); 3],
    check: fn(&S),
) {
    for main in 0..roles.len() {
        let executions = std::sync::Arc::new(AtomicUsize::new(0));
        let counted = executions.clone();
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound.get_or_insert(2);
        builder.max_branches = 10_000;
        builder.check(move || {
            counted.fetch_add(1, Relaxed);
            let state = Arc::new(make());
            let threads = [0, 1, 2]
                .into_iter()
                .filter(|&role| role != main)
                .map(|role| {
                    let state = state.clone();
                    loom::thread::spawn(move || roles[role](&state))
                });
            let threads: Vec<_> = threads.collect();
            loom::thread::yield_now();
            roles[main](&state);
            for thread in threads {
                thread.join().expect("a role panicked");
            }
            check(&state);
        });
        let executions = executions.load(Relaxed);
        println!("model {name}, role {main} in main: {executions} executions");
        assert!(
            executions >= min_executions,
            "model {name}: only {executions} executions"
        );
    }
}
