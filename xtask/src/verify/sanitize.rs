//! The crates whose threads share memory, under the sanitizers, with long stress tests.
use crate::arguments::Arguments;
use crate::report::Tally;
use crate::sanitizer::{self, Load};
use crate::workspace::Workspace;
use std::time::Duration;

/// One name for both steps.
pub(super) const NAME: &str = "sanitize";
pub(super) const STEPS: [&str; 2] = ["asan", "tsan"];

const CRATES: [&str; 8] = [
    "hyperia-wait",
    "hyperia-asymmetric",
    "hyperia-queue",
    "hyperia-sync",
    "hyperia-timer",
    "hyperia-pool",
    "hyperia-alloc",
    "hyperia-executor",
];
/// What each stress test does that asks.
const OPERATIONS: (&str, &str) = ("HYPERIA_STRESS_OPERATIONS", "10000000");
/// For one binary. Ten million operations take minutes, a hang takes for ever.
const DEADLINE: Duration = Duration::from_secs(1800);

pub(super) fn asan(workspace: &Workspace, arguments: &Arguments, tally: &mut Tally<'_>) {
    sanitizer::address(workspace, &load(workspace, arguments), tally);
}

pub(super) fn tsan(workspace: &Workspace, arguments: &Arguments, tally: &mut Tally<'_>) {
    sanitizer::thread(workspace, &load(workspace, arguments), tally);
}

fn load<'a>(workspace: &'a Workspace, arguments: &Arguments) -> Load<'a> {
    let packages = workspace.crates().filter(|package| {
        let name = package.name.as_str();
        CRATES.contains(&name) && arguments.wants_crate(name)
    });
    Load {
        packages: packages.collect(),
        is_release: true,
        environment: &[OPERATIONS],
        deadline: DEADLINE,
    }
}
