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
    let mut models = 0;
    let mut executions = 0;
    for line in said.lines().filter_map(|line| line.strip_prefix("model ")) {
        let Some((name, count)) = line.rsplit_once(": ") else {
            continue;
        };
        let count = count
            .strip_suffix(" executions")
            .and_then(|count| count.parse::<usize>().ok());
        let Some(count) = count else { continue };
        if count == 0 {
            return Err(format!("model {name} explored nothing"));
        }
        models += 1;
        executions += count;
    }
    if models == 0 {
        Err("no models ran".into())
    } else {
        Ok((models, executions))
    }
}

/// No crate has shuttle tests yet; said aloud rather than silently green.
pub(super) fn shuttle(context: &Context<'_>, tally: &mut Tally<'_>) {
    let mut found = false;
    for package in context.workspace.crates() {
        if !package.targets("test").any(|name| name == "shuttle")
            || !context.arguments.wants_crate(&package.name)
        {
            continue;
        }
        found = true;
        let mut command = context
            .workspace
            .cargo(&["test", "--release", "--test", "shuttle"]);
        command
            .args(["-p", &package.name])
            .env("RUSTFLAGS", "--cfg hyperia_shuttle");
        command.env("CARGO_TARGET_DIR", context.workspace.target.join("shuttle"));
        cases::build_and_run(&mut command, &[], &[], DEADLINE, tally);
    }
    if !found {
        tally.no_cases("shuttle");
    }
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
