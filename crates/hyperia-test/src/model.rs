//! Model checking that cannot be silently empty: executions are counted and have a floor, and
//! every role runs in every placement.
//!
//! # Why several placements
//! loom 0.7 overlooks executions when a spawned thread loads an atomic and then stores to it while
//! the main thread only loads it (its issues 166 and 392): a model that looks right runs once and
//! passes. So every role runs once on the main thread, after a yield; and once all of them are
//! spawned, because the main thread, where everything begins, suffers most: of two pushes against
//! two pops of a bounded queue loom explores 2 and 19 executions with a role in main, 169 with none
//! there. The floor catches what is left.
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

/// Runs `roles` concurrently over one state, once per placement, then `check`s the state: each role
/// once on the main thread with the others spawned ([`model_roles_in_main`]), and all of them spawned
/// ([`model_roles_spawned`]).
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
    model_roles_in_main(name, min_executions, make, roles, check);
    model_roles_spawned(name, min_executions, make, roles, check);
}

/// The placements of [`model_roles`] in which each role once runs on the main thread, after a yield.
///
/// # Panics
/// As [`model_roles`].
#[track_caller]
pub fn model_roles_in_main<S: Send + Sync + 'static>(
    name: &str,
    min_executions: usize,
    make: fn() -> S,
    roles: &[fn(&S)],
    check: fn(&S),
) {
    for main in 0..roles.len() {
        let name = format!("{name}, role {main} in main");
        place(&name, min_executions, make, roles, Some(main), check);
    }
}

/// The placement of [`model_roles`] in which all roles are spawned and the main thread only joins:
/// where loom overlooks least.
///
/// # Panics
/// As [`model_roles`].
#[track_caller]
pub fn model_roles_spawned<S: Send + Sync + 'static>(
    name: &str,
    min_executions: usize,
    make: fn() -> S,
    roles: &[fn(&S)],
    check: fn(&S),
) {
    let name = format!("{name}, all spawned");
    place(&name, min_executions, make, roles, None, check);
}

#[track_caller]
fn place<S: Send + Sync + 'static>(
    name: &str,
    min_executions: usize,
    make: fn() -> S,
    roles: &[fn(&S)],
    main: Option<usize>,
    check: fn(&S),
) {
    assert!(!roles.is_empty(), "model {name}: no roles");
    let roles = roles.to_vec();
    model(name, min_executions, move || {
        let state = Arc::new(make());
        let threads: Vec<_> = (0..roles.len())
            .filter(|&index| Some(index) != main)
            .map(|index| {
                let state = Arc::clone(&state);
                let role = roles[index];
                loom::thread::spawn(move || role(&state))
            })
            .collect();
        if let Some(main) = main {
            // Lets the others go first: see the header.
            loom::thread::yield_now();
            roles[main](&state);
        }
        for thread in threads {
            thread.join().expect("a role panicked");
        }
        check(&state);
    });
}
