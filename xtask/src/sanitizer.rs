//! Tests under a sanitizer: AddressSanitizer with the nightly's std as it is, ThreadSanitizer with a std that
//! is instrumented like the rest. First a canary shows that the sanitizer reports what it should, and nothing
//! else.
mod canary;
mod toolchain;

use crate::report::Tally;
use crate::test_all::cases;
use crate::workspace::{Package, Workspace};
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use toolchain::Toolchain;

pub(crate) const TARGET: &str = "x86_64-unknown-linux-gnu";
/// The second flag lets the instrumented crates use the plain std.
pub(crate) const ADDRESS_FLAGS: &str = "-Zsanitizer=address -Cunsafe-allow-abi-mismatch=sanitizer";
const THREAD_FLAGS: &str = "-Zsanitizer=thread";
/// The first report ends the process, so that it is the last thing it says.
const THREAD_OPTIONS: (&str, &str) = ("TSAN_OPTIONS", "halt_on_error=1");
/// Tells `hyperia_test::locked` that an atomic operation is a call into the sanitizer, with locks of its own.
/// (AddressSanitizer leaves atomic operations as they are.)
const INSTRUMENTED: (&str, &str) = ("HYPERIA_INSTRUMENTED_ATOMICS", "1");

/// What is run, and how much of it.
#[derive(Debug)]
pub(crate) struct Load<'a> {
    pub(crate) packages: Vec<&'a Package>,
    pub(crate) is_release: bool,
    pub(crate) environment: &'a [(&'a str, &'a str)],
    /// For one test binary; instrumented code is some times slower.
    pub(crate) deadline: Duration,
}

/// Unit and integration tests under AddressSanitizer; doctests add build time and no new code.
pub(crate) fn address(workspace: &Workspace, load: &Load<'_>, tally: &mut Tally<'_>) {
    let Some(version) = workspace.nightly() else {
        return tally.skip("address sanitizer: no nightly toolchain");
    };
    if !is_supported() {
        return tally.skip("address sanitizer: set up for x86-64 Linux only");
    }
    tally.say(version);
    let folder = workspace.target.join("asan");
    let cargo = || {
        let mut command = workspace.cargo(&["+nightly", "test", "--target", TARGET]);
        command.env("RUSTFLAGS", ADDRESS_FLAGS);
        command.env("CARGO_TARGET_DIR", &folder);
        command
    };
    let bug = canary::Bug {
        test: "a_block_is_read_after_it_was_freed",
        report: "AddressSanitizer: heap-use-after-free",
    };
    run(&folder, &cargo, &bug, &[], load, tally);
}

/// Unit and integration tests under ThreadSanitizer, in release, which is what its slowness leaves room for.
pub(crate) fn thread(workspace: &Workspace, load: &Load<'_>, tally: &mut Tally<'_>) {
    if !is_supported() {
        return tally.skip("thread sanitizer: set up for x86-64 Linux only");
    }
    let folder = workspace.target.join("tsan");
    let toolchain = match Toolchain::prepare(&folder) {
        Ok(toolchain) => toolchain,
        Err(why) => return tally.skip(format!("thread sanitizer: {why}")),
    };
    tally.say(&toolchain.version);
    // Each test says so itself, but its output is not shown unless it fails.
    tally.skip("thread sanitizer: counts of locked instructions, which are its own as well");
    let cargo = || {
        let mut command = toolchain.cargo(workspace, &["test", "-Zbuild-std", "--target", TARGET]);
        command.env("RUSTFLAGS", THREAD_FLAGS);
        command.env("CARGO_TARGET_DIR", folder.join("build"));
        command
    };
    let bug = canary::Bug {
        test: "two_threads_write_without_an_order",
        report: "ThreadSanitizer: data race",
    };
    run(
        &folder,
        &cargo,
        &bug,
        &[THREAD_OPTIONS, INSTRUMENTED],
        load,
        tally,
    );
}

pub(crate) fn is_supported() -> bool {
    cfg!(all(
        target_arch = "x86_64",
        target_os = "linux",
        target_env = "gnu"
    ))
}

/// The canary, then the tests. `cargo` is a `cargo test` under the sanitizer.
fn run(
    folder: &Path,
    cargo: &dyn Fn() -> Command,
    bug: &canary::Bug,
    options: &[(&str, &str)],
    load: &Load<'_>,
    tally: &mut Tally<'_>,
) {
    if load.packages.is_empty() {
        return tally.no_cases("crates for the sanitizer");
    }
    let build = |load: &Load<'_>| {
        let mut command = cargo();
        if load.is_release {
            command.arg("--release");
            // So that a report has lines.
            command.env("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only");
        }
        command
    };
    let canary = canary::sings(&folder.join("canary"), build(load), bug, options);
    let is_alive = canary.is_ok();
    tally.check(canary);
    if !is_alive {
        return;
    }
    let path = match path_without_strace(&folder.join("no-strace")) {
        Ok(path) => path,
        Err(error) => return tally.fail(format!("cannot hide strace: {error}")),
    };
    let mut command = build(load);
    command.args(["--lib", "--tests"]);
    for package in &load.packages {
        command.args(["-p", &package.name]);
    }
    let mut environment = vec![("PATH", path.as_str())];
    environment.extend(options);
    environment.extend(load.environment);
    cases::build_and_run(&mut command, &[], &environment, load.deadline, tally);
}

/// A PATH on which strace is one that fails. Tests that count system calls with it then skip: the leak
/// checker does not work in a traced process, and the calls would be the sanitizer's as well.
fn path_without_strace(folder: &Path) -> io::Result<String> {
    std::fs::create_dir_all(folder)?;
    let strace = folder.join("strace");
    std::fs::write(&strace, "#!/bin/sh\nexit 1\n")?;
    std::fs::set_permissions(&strace, Permissions::from_mode(0o755))?;
    let path = std::env::var("PATH").unwrap_or_default();
    Ok(format!("{}:{path}", folder.display()))
}
