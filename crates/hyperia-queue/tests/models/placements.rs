//! How this crate's models are run.

use std::vec::Vec;

use loom::sync::Arc;

/// Runs `roles` over one state in every placement: each on the main thread with the others spawned,
/// and all of them spawned; then `check`s the state.
///
/// The floor is for the last placement. loom 0.7 overlooks branches in which a thread's own load
/// hides an earlier access of the same atomic, and a role on the main thread, where everything
/// begins, suffers most: of two pushes against two pops it explores between 2 and 49 executions
/// there, and 169 with both spawned.
#[track_caller]
pub(crate) fn in_all_placements<S: Send + Sync + 'static>(
    name: &str,
    min_executions: usize,
    make: fn() -> S,
    roles: &[fn(&S)],
    check: fn(&S),
) {
    hyperia_test::model_roles(name, 1, make, roles, check);
    let roles = roles.to_vec();
    hyperia_test::model(
        &std::format!("{name}, all spawned"),
        min_executions,
        move || {
            let state = Arc::new(make());
            let spawn = |&role: &fn(&S)| {
                let state = Arc::clone(&state);
                loom::thread::spawn(move || role(&state))
            };
            let threads: Vec<_> = roles.iter().map(spawn).collect();
            threads
                .into_iter()
                .for_each(|thread| thread.join().expect("a role panicked"));
            check(&state);
        },
    );
}
