//! Tests and doctests, under deadlines.
use super::Context;
use crate::process::{self, BUILD_DEADLINE};
use crate::report::Tally;
use crate::suite::{self, Ran};
use std::process::Command;
use std::time::Duration;

/// For one test binary. Tests are quick; who takes this long hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(180);

/// Unit and integration tests of the default members. A plain `cargo test` builds the examples, too,
/// some of which are run as processes by their tests.
pub(super) fn tests(context: &Context<'_>, tally: &mut Tally<'_>) {
    build_and_run(&mut context.cargo(&["test"]), &[], &[], DEADLINE, tally);
}

/// Builds the test binaries of `command` and runs each under the deadline.
pub(crate) fn build_and_run(
    command: &mut Command,
    args: &[&str],
    environment: &[(&str, &str)],
    deadline: Duration,
    tally: &mut Tally<'_>,
) -> Vec<Ran> {
    let binaries = match suite::build(command) {
        Ok(binaries) => binaries,
        Err(why) => {
            tally.fail(why);
            return Vec::new();
        }
    };
    let mut all = Vec::new();
    for binary in binaries {
        let ran = suite::run(&binary, args, environment, deadline);
        let time = ran.outcome.time.as_secs_f64();
        if ran.passed + ran.failures.len() + ran.ignored > 0 {
            let ignored = match ran.ignored {
                0 => String::new(),
                count => format!(", {count} ignored"),
            };
            tally.say(format!(
                "{}: {} passed{ignored} ({time:.1} s)",
                binary.label, ran.passed
            ));
        }
        tally.pass(ran.passed);
        for (index, failure) in ran.failures.iter().enumerate() {
            let what = format!("{}: {failure}", binary.label);
            // What the binary said, once.
            tally.fail(if index == 0 {
                ran.outcome.explain(&what)
            } else {
                what
            });
        }
        all.push(ran);
    }
    all
}

/// Doctests, package by package: they include the READMEs.
pub(super) fn doctests(context: &Context<'_>, tally: &mut Tally<'_>) {
    for package in &context.workspace.packages {
        let is_wanted = context.arguments.wants_crate(&package.name);
        if !is_wanted || package.targets("lib").next().is_none() {
            continue;
        }
        let name = package.name.as_str();
        // Built before the clock starts.
        let mut build = context.workspace.cargo(&["build", "--lib", "-p", name]);
        let outcome = process::run(&mut build, BUILD_DEADLINE);
        if !outcome.is_success() {
            tally.fail(outcome.explain(&format!("cargo build -p {name}")));
            continue;
        }
        let mut command = context.workspace.cargo(&["test", "--doc", "-p", name]);
        let outcome = process::run_group(&mut command, DEADLINE);
        let (passed, failed, ignored) = suite::sum_results(&outcome.stdout);
        let time = outcome.time.as_secs_f64();
        tally.say(format!("{name}: {passed} passed ({time:.1} s)"));
        tally.pass(passed);
        if !outcome.is_success() {
            tally.fail(outcome.explain(&format!("doctests of {name} ({} failed)", failed.max(1))));
        } else if ignored > 0 {
            tally.fail(format!(
                "doctests of {name}: {ignored} ignored; an example must run"
            ));
        } else if passed == 0 && package.is_published {
            tally.fail(format!(
                "doctests of {name}: none; the README must have one"
            ));
        }
    }
}
