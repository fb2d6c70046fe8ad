//! `cargo xtask verify`: the long checks, each callable alone.
mod fuzz;
mod mutate;
mod sanitize;
mod seeds;
mod trial;

use crate::arguments::Arguments;
use crate::report::{Report, Tally};
use crate::suite;
use crate::test_all::models::{has_models, has_schedules, loom_cargo, run_schedules, targets};
use crate::workspace::Workspace;
use std::process::ExitCode;
use std::time::Duration;

type Step = fn(&Workspace, &Arguments, &mut Tally<'_>);

const STEPS: &[(&str, Step)] = &[
    ("loom", loom),
    ("shuttle", shuttle),
    ("stress", stress),
    ("asan", sanitize::asan),
    ("tsan", sanitize::tsan),
    ("fuzz", fuzz::fuzz),
    ("seeds", seeds::seeds),
    ("mutate", mutate::mutate),
];

/// Preemptions per execution: one more than test-all, then loom's most, as good as unbounded.
const PREEMPTIONS: [&str; 2] = ["4", "255"];
/// Seconds after which one model stops deepening.
const MODEL_SECONDS: &str = "300";
/// For one binary of models, each of which may use its seconds.
const MODELS_DEADLINE: Duration = Duration::from_secs(3 * 3600);
/// How many times the schedules of test-all, other ones and deeper.
const SCHEDULES: (&str, &str) = ("HYPERIA_SHUTTLE_TIMES", "30");
/// For one binary of them, some seconds in test-all.
const SCHEDULES_DEADLINE: Duration = Duration::from_secs(3600);
/// How often each test binary runs in `stress`.
const ROUNDS: usize = 20;
const STRESS_DEADLINE: Duration = Duration::from_secs(180);

/// The names of the steps, in order.
pub(crate) fn names() -> Vec<&'static str> {
    STEPS.iter().map(|(name, _)| *name).collect()
}

/// The steps, the name for two of them, and what `fuzz` has targets for.
fn allowed(workspace: &Workspace) -> Vec<&str> {
    let mut allowed = names();
    allowed.push(sanitize::NAME);
    allowed.extend(fuzz::targets(workspace));
    allowed
}

/// Runs the command.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode, String> {
    let mut arguments = Arguments::parse(
        arguments,
        &allowed(workspace),
        &[fuzz::SECONDS_FLAG],
        workspace,
    )?;
    if arguments.steps.iter().any(|step| step == sanitize::NAME) {
        let steps = sanitize::STEPS.map(str::to_owned);
        arguments.steps.extend(steps);
    }
    if fuzz::targets(workspace).any(|target| arguments.steps.iter().any(|step| step == target)) {
        arguments.steps.push(fuzz::NAME.to_owned());
    }
    let mut report = Report::default();
    for (name, step) in STEPS {
        if arguments.wants_step(name) {
            report.step(name, |tally| step(workspace, &arguments, tally));
        }
    }
    Ok(report.finish())
}

/// All models, deeper than test-all has time for.
fn loom(workspace: &Workspace, arguments: &Arguments, tally: &mut Tally<'_>) {
    for package in workspace.crates() {
        if !package.has_loom || !has_models(package) || !arguments.wants_crate(&package.name) {
            continue;
        }
        let mut command = loom_cargo(workspace, &["test", "--release", "-p", &package.name]);
        let binaries = match suite::build(command.args(targets(package))) {
            Ok(binaries) => binaries,
            Err(why) => {
                tally.fail(why);
                continue;
            }
        };
        for preemptions in PREEMPTIONS {
            let depth = [
                ("LOOM_MAX_PREEMPTIONS", preemptions),
                ("LOOM_MAX_DURATION", MODEL_SECONDS),
            ];
            for binary in &binaries {
                let ran = suite::run(binary, &["--show-output"], &depth, MODELS_DEADLINE);
                for line in ran
                    .outcome
                    .stdout
                    .lines()
                    .filter(|line| line.starts_with("model "))
                {
                    tally.say(format!("preemptions {preemptions}: {line}"));
                }
                tally.pass(ran.passed);
                for failure in &ran.failures {
                    let what = format!("{}, preemptions {preemptions}: {failure}", binary.label);
                    tally.fail(ran.outcome.explain(&what));
                }
            }
        }
    }
}

/// All schedules, and more of them; `HYPERIA_SHUTTLE_TIMES` says how many times, if it is set.
fn shuttle(workspace: &Workspace, arguments: &Arguments, tally: &mut Tally<'_>) {
    let (name, usual) = SCHEDULES;
    let times = std::env::var(name).unwrap_or_else(|_| usual.to_owned());
    for package in workspace.crates() {
        if has_schedules(package) && arguments.wants_crate(&package.name) {
            let times = [(name, times.as_str())];
            run_schedules(workspace, &package.name, &times, SCHEDULES_DEADLINE, tally);
        }
    }
}

/// Every test binary, again and again: what is rare in one run is likelier in twenty.
fn stress(workspace: &Workspace, arguments: &Arguments, tally: &mut Tally<'_>) {
    for package in workspace.crates() {
        if !package.is_default || !arguments.wants_crate(&package.name) {
            continue;
        }
        let mut command = workspace.cargo(&["test", "--release", "--lib", "--tests"]);
        let binaries = match suite::build(command.args(["-p", &package.name])) {
            Ok(binaries) => binaries,
            Err(why) => {
                tally.fail(why);
                continue;
            }
        };
        for binary in &binaries {
            let mut passed = 0;
            for round in 1..=ROUNDS {
                let ran = suite::run(binary, &[], &[], STRESS_DEADLINE);
                passed += ran.passed;
                for failure in &ran.failures {
                    let what = format!("{}, round {round}: {failure}", binary.label);
                    tally.fail(ran.outcome.explain(&what));
                }
            }
            tally.pass(passed);
            if passed == 0 {
                continue;
            }
            tally.say(format!(
                "{}: {passed} passed in {ROUNDS} rounds",
                binary.label
            ));
        }
    }
}
