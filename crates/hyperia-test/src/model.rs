//! Model checking that cannot be silently empty: executions are counted and have a floor, and
//! every role runs once on the main thread.
//!
//! # Why both placements
//! loom 0.7 overlooks executions when a spawned thread loads an atomic and then stores to it while
//! the main thread only loads it (its issues 166 and 392): a model that looks right runs once and
//! passes. Placing every role once on the main thread, after a yield, finds what one placement
//! overlooks, and the floor catches what is left.
use loom::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

/// Preemptions per execution when `LOOM_MAX_PREEMPTIONS` does not say otherwise.
const PREEMPTIONS: usize = 3;
/// Atomic operations and other switch points per execution.
const BRANCHES_MAX: usize = 10_000;

/// Explores the interleavings of `f`, prints `model NAME: N executions` and fails if there were
/// fewer than `min_executions`.
///
/// `LOOM_MAX_PREEMPTIONS` deepens (or flattens) the search; below 3 the floor does not count.
/// Whoever spawns in `f` yields (`loom::thread::yield_now`) before the main thread's part, or uses
/// [`model_roles`], which does.
///
/// # Panics
/// If an execution fails, or if there were too few.
#[track_caller]
pub fn model(name: &str, min_executions: usize, f: impl Fn() + Send + Sync + 'static) {
    // Plain atomics: the count belongs to the harness, not to the model.
    let executions = std::sync::Arc::new(AtomicUsize::new(0));
    let mut builder = loom::model::Builder::new();
    let preemptions = *builder.preemption_bound.get_or_insert(PREEMPTIONS);
    builder.max_branches = builder.max_branches.max(BRANCHES_MAX);
    builder.check({
        let executions = std::sync::Arc::clone(&executions);
        move || {
            // ORDERING: Relaxed, a count; `check` runs everything before it returns.
            executions.fetch_add(1, Relaxed);
            f();
        }
    });
    // ORDERING: Relaxed, as above.
    let executions = executions.load(Relaxed);
    println!("model {name}: {executions} executions");
    assert!(
        executions >= min_executions || preemptions < PREEMPTIONS,
        "model {name}: {executions} executions, at least {min_executions} were expected: \
         the checker explores too little of it"
    );
}

/// Runs `roles` concurrently over one state, once per placement: each role once on the main
/// thread, after a yield, and the others on threads of their own; then `check`s the state.
///
/// The floor is that of each placement by itself.
///
/// # Panics
/// As [`model`]; also without roles.
#[track_caller]
pub fn model_roles<S: Send + Sync + 'static>(
    name: &str,
    min_executions: usize,
    make: fn() -> S,
    roles: &[fn(&S)],
    check: fn(&S),
) {
    assert!(!roles.is_empty(), "model {name}: no roles");
    for main in 0..roles.len() {
        let roles = roles.to_vec();
        model(
            &format!("{name}, role {main} in main"),
            min_executions,
            move || {
                let state = Arc::new(make());
                let threads: Vec<_> = (0..roles.len())
                    .filter(|&index| index != main)
                    .map(|index| {
                        let state = Arc::clone(&state);
                        let role = roles[index];
                        loom::thread::spawn(move || role(&state))
                    })
                    .collect();
                // Lets the others go first: see the header.
                loom::thread::yield_now();
                roles[main](&state);
                for thread in threads {
                    thread.join().expect("a role panicked");
                }
                check(&state);
            },
        );
    }
}
