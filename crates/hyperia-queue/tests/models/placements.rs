//! How this crate's models are run.

/// Runs `roles` over one state in every placement, then `check`s the state.
///
/// The floor is for the placement in which all roles are spawned. With a role on the main thread loom
/// explores little of a queue, whose owners load and store their own index: between 2 and 49
/// executions of two pushes against two pops, where there are 169 with both spawned.
#[track_caller]
pub(crate) fn in_all_placements<S: Send + Sync + 'static>(
    name: &str,
    min_executions: usize,
    make: fn() -> S,
    roles: &[fn(&S)],
    check: fn(&S),
) {
    hyperia_test::model_roles_in_main(name, 1, make, roles, check);
    hyperia_test::model_roles_spawned(name, min_executions, make, roles, check);
}
