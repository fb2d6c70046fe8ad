//! `cargo xtask test-all`: what must pass before anything is handed in.
pub(crate) mod cases;
mod examples;
mod features;
pub(crate) mod models;
mod no_std;

use crate::arguments::Arguments;
use crate::process::{self, BUILD_DEADLINE};
use crate::report::{Report, Tally};
use crate::sanitizer;
use crate::tidy;
use crate::workspace::{Package, Workspace};
use std::process::{Command, ExitCode};
use std::time::Duration;

/// What a step gets.
pub(crate) struct Context<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) arguments: Arguments,
}

type Step = fn(&Context<'_>, &mut Tally<'_>);

/// In this order: what is quick and often wrong comes first.
const STEPS: &[(&str, Step)] = &[
    ("fmt", fmt),
    ("tidy", tidy_step),
    ("clippy", clippy),
    ("tests", cases::tests),
    ("fuzz", fuzz),
    ("doctests", cases::doctests),
    ("features", features::features),
    ("no_std", no_std::no_std),
    ("loom", models::loom),
    ("shuttle", models::shuttle),
    ("examples", examples::examples),
    ("benches", benches),
    ("docs", docs),
    ("asan", asan),
];

/// Instrumented code is some times slower.
const SANITIZER_DEADLINE: Duration = Duration::from_secs(300);

/// The names of the steps, in order.
pub(crate) fn names() -> Vec<&'static str> {
    STEPS.iter().map(|(name, _)| *name).collect()
}

/// Runs the command.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode, String> {
    let arguments = Arguments::parse(arguments, &names(), &[], workspace)?;
    let context = Context {
        workspace,
        arguments,
    };
    let mut report = Report::default();
    for (name, step) in STEPS {
        if context.arguments.wants_step(name) {
            report.step(name, |tally| step(&context, tally));
        }
    }
    Ok(report.finish())
}

impl Context<'_> {
    /// `cargo` with `args` and `-p` for each crate asked for; without any, the default members.
    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        let mut command = self.workspace.cargo(args);
        for name in &self.arguments.crates {
            command.args(["-p", name]);
        }
        command
    }
}

/// Runs a build-like command; one case.
pub(crate) fn check(command: &mut Command, tally: &mut Tally<'_>, what: &str) {
    let outcome = process::run(command, BUILD_DEADLINE);
    tally.check(if outcome.is_success() {
        Ok(())
    } else {
        Err(outcome.explain(what))
    });
}

fn fmt(context: &Context<'_>, tally: &mut Tally<'_>) {
    check(
        &mut context.workspace.cargo(&["fmt", "--all", "--check"]),
        tally,
        "cargo fmt",
    );
}

fn tidy_step(context: &Context<'_>, tally: &mut Tally<'_>) {
    tidy::check(context.workspace, tally);
}

fn clippy(context: &Context<'_>, tally: &mut Tally<'_>) {
    let mut command = context.cargo(&["clippy", "--all-targets"]);
    check(
        command.args(["--", "-D", "warnings"]),
        tally,
        "cargo clippy",
    );
}

/// The fuzz targets on inputs that are always the same. Their crate is no default member; of its parts
/// only `verify` builds the programs, which take a C++ compiler.
fn fuzz(context: &Context<'_>, tally: &mut Tally<'_>) {
    const PACKAGE: &str = "hyperia-fuzz";
    if !context.arguments.wants_crate(PACKAGE) {
        return;
    }
    let workspace = context.workspace;
    let mut clippy = workspace.cargo(&["clippy", "--all-targets", "-p", PACKAGE]);
    let clippy = clippy.args(["--", "-D", "warnings"]);
    check(clippy, tally, "clippy of the fuzz targets");
    let mut tests = workspace.cargo(&["test", "--lib", "--tests", "-p", PACKAGE]);
    cases::build_and_run(&mut tests, &[], &[], cases::DEADLINE, tally);
}

/// Benches compile and run once, those against other crates included.
fn benches(context: &Context<'_>, tally: &mut Tally<'_>) {
    for package in context.workspace.crates() {
        if !context.arguments.wants_crate(&package.name) {
            continue;
        }
        let name = package.name.as_str();
        let peers = package.features.iter().any(|feature| feature == "peers");
        let features: &[&str] = if peers { &["--features", "peers"] } else { &[] };
        if peers {
            let mut clippy = context
                .workspace
                .cargo(&["clippy", "--all-targets", "-p", name]);
            let clippy = clippy.args(features).args(["--", "-D", "warnings"]);
            check(clippy, tally, "clippy of the comparison");
        }
        if package.targets("bench").next().is_some() || peers {
            // Without criterion's `--bench` flag every bench runs once.
            let mut command = context.workspace.cargo(&["test", "--benches", "-p", name]);
            if !package.is_default {
                // The step `tests` has left it out.
                command.args(["--lib", "--tests"]);
            }
            cases::build_and_run(command.args(features), &[], &[], cases::DEADLINE, tally);
        }
    }
}

fn docs(context: &Context<'_>, tally: &mut Tally<'_>) {
    let mut command = context.cargo(&["doc", "--no-deps"]);
    check(
        command.env("RUSTDOCFLAGS", "-D warnings"),
        tally,
        "cargo doc",
    );
}

/// Tests of the crates with unsafe code under AddressSanitizer, where there is a nightly.
fn asan(context: &Context<'_>, tally: &mut Tally<'_>) {
    let is_meant = |package: &&Package| {
        package.is_default && context.arguments.wants_crate(&package.name) && has_unsafe(package)
    };
    let load = sanitizer::Load {
        packages: context.workspace.crates().filter(is_meant).collect(),
        is_release: false,
        environment: &[],
        deadline: SANITIZER_DEADLINE,
    };
    sanitizer::address(context.workspace, &load, tally);
}

fn has_unsafe(package: &Package) -> bool {
    package.rust_files("src").iter().any(|file| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        text.contains("unsafe {") || text.contains("unsafe fn") || text.contains("unsafe impl")
    })
}
