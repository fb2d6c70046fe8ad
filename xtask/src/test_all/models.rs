//! Model checkers: loom for orderings, shuttle for protocols.
use super::{Context, cases, check};
use crate::report::Tally;
use crate::workspace::{Package, Workspace};
use std::process::Command;
use std::time::Duration;

/// For one binary of models.
pub(crate) const DEADLINE: Duration = Duration::from_secs(900);

/// Every crate with models: they run, they are counted, and the code passes clippy under the cfg.
pub(super) fn loom(context: &Context<'_>, tally: &mut Tally<'_>) {
    for package in context.workspace.crates() {
        if !package.has_loom || !context.arguments.wants_crate(&package.name) {
            continue;
        }
        let name = package.name.as_str();
        if !has_models(package) {
            tally.no_cases(format!("loom models of {name}"));
            continue;
        }
        let mut clippy = loom_cargo(context.workspace, &["clippy", "--release", "-p", name]);
        let clippy = clippy.args(["--lib", "--tests", "--", "-D", "warnings"]);
        check(
            clippy,
            tally,
            &format!("clippy under the model checker, {name}"),
        );
        let mut command = loom_cargo(context.workspace, &["test", "--release", "-p", name]);
        let command = command.args(targets(package));
        let ran = cases::build_and_run(command, &["--show-output"], &[], DEADLINE, tally);
        let said: String = ran.iter().map(|ran| ran.outcome.stdout.as_str()).collect();
        match count(&said) {
            Ok((models, executions)) => {
                tally.say(format!("{name}: {models} models, {executions} executions"));
            }
            Err(why) => tally.fail(format!("{name}: {why}")),
        }
    }
}

/// `cargo` under the model checker's cfg, in a target folder of its own: nothing there fits the
/// ordinary builds.
pub(crate) fn loom_cargo(workspace: &Workspace, args: &[&str]) -> Command {
    let mut command = workspace.cargo(args);
    command.env("RUSTFLAGS", "--cfg hyperia_loom");
    command.env("CARGO_TARGET_DIR", workspace.target.join("loom"));
    command
}

/// What holds models: the library and, if it is there, tests/loom.rs.
pub(crate) fn targets(package: &Package) -> Vec<&'static str> {
    let mut targets = vec!["--lib"];
    if package.targets("test").any(|name| name == "loom") {
        targets.extend(["--test", "loom"]);
    }
    targets
}

/// Whether a crate has models: tests/loom.rs, or a `loom.rs` somewhere in src/.
pub(crate) fn has_models(package: &Package) -> bool {
    let mut files = package.rust_files("src");
    files.push(package.root.join("tests/loom.rs"));
    files
        .iter()
        .any(|file| file.ends_with("loom.rs") && file.is_file())
}

/// Sums `model NAME: N executions`; an error if there are no models, or one explored nothing.
fn count(said: &str) -> Result<(usize, usize), String> {
    sum(said, "model ", " executions")
}

/// Sums `schedules NAME: N, …` in the same way.
fn count_schedules(said: &str) -> Result<(usize, usize), String> {
    sum(said, "schedules ", ",")
}

/// How many lines say `PREFIX NAME: N END`, and the sum of their numbers.
fn sum(said: &str, prefix: &str, end: &str) -> Result<(usize, usize), String> {
    let mut models = 0;
    let mut sum = 0;
    for line in said.lines().filter_map(|line| line.strip_prefix(prefix)) {
        let Some((name, said)) = line.rsplit_once(": ") else {
            continue;
        };
        let count = said
            .split_once(end)
            .and_then(|(count, _)| count.parse::<usize>().ok());
        let Some(count) = count else { continue };
        if count == 0 {
            return Err(format!("{prefix}{name} explored nothing"));
        }
        models += 1;
        sum += count;
    }
    if models == 0 {
        Err("no models ran".into())
    } else {
        Ok((models, sum))
    }
}

/// Every crate with tests/shuttle.rs: its models run, their schedules are counted, and the code passes clippy
/// under the cfg. A crate without has nothing to say here, unless none has any.
pub(super) fn shuttle(context: &Context<'_>, tally: &mut Tally<'_>) {
    let mut found = false;
    for package in context.workspace.crates() {
        if !has_schedules(package) || !context.arguments.wants_crate(&package.name) {
            continue;
        }
        found = true;
        let name = package.name.as_str();
        let mut clippy = shuttle_cargo(context.workspace, &["clippy", "--release", "-p", name]);
        // The other tests are for the real primitives, some with dependencies that are not there.
        let clippy = clippy.args(["--lib", "--test", "shuttle", "--", "-D", "warnings"]);
        check(clippy, tally, &format!("clippy under shuttle, {name}"));
        run_schedules(context.workspace, name, &[], DEADLINE, tally);
    }
    if !found {
        tally.no_cases("shuttle");
    }
}

/// Runs and counts the schedules of the crate `name`.
pub(crate) fn run_schedules(
    workspace: &Workspace,
    name: &str,
    environment: &[(&str, &str)],
    deadline: Duration,
    tally: &mut Tally<'_>,
) {
    let mut command = shuttle_cargo(workspace, &["test", "--release", "-p", name]);
    let command = command.args(["--test", "shuttle"]);
    let ran = cases::build_and_run(command, &["--show-output"], environment, deadline, tally);
    let said: String = ran.iter().map(|ran| ran.outcome.stdout.as_str()).collect();
    match count_schedules(&said) {
        Ok((models, schedules)) => {
            tally.say(format!("{name}: {models} models, {schedules} schedules"));
        }
        Err(why) => tally.fail(format!("{name}: {why}")),
    }
}

/// `cargo` under shuttle's cfg, in a target folder of its own, as [`loom_cargo`].
pub(crate) fn shuttle_cargo(workspace: &Workspace, args: &[&str]) -> Command {
    let mut command = workspace.cargo(args);
    command.env("RUSTFLAGS", "--cfg hyperia_shuttle");
    command.env("CARGO_TARGET_DIR", workspace.target.join("shuttle"));
    command
}

/// Whether a crate has tests/shuttle.rs, or a folder of that name.
pub(crate) fn has_schedules(package: &Package) -> bool {
    package.targets("test").any(|name| name == "shuttle")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_and_executions_are_summed() {
        let said = "test x ... ok\nmodel a, role 0 in main: 12 executions\nmodel b: 30 executions\n\
            modeling\nmodel c\n";
        assert_eq!(count(said), Ok((2, 42)));
    }

    #[test]
    fn schedules_are_summed() {
        let said = "schedules a: b, c 1: 12, 9 different\nschedules d: 30, 2 different, dropped\n\
            schedules e\n";
        assert_eq!(count_schedules(said), Ok((2, 42)));
        assert!(count_schedules("schedules a: 0, 0 different\n").is_err());
    }

    #[test]
    fn no_models_and_empty_models_are_errors() {
        assert!(
            count("running 3 tests\n")
                .unwrap_err()
                .contains("no models")
        );
        assert!(
            count("model a: 0 executions\n")
                .unwrap_err()
                .contains("explored nothing")
        );
    }
}
