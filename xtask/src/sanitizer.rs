//! Tests of the crates with unsafe code under AddressSanitizer, where there is a nightly.
use super::{Context, cases};
use crate::report::Tally;
use crate::workspace::Package;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

const TARGET: &str = "x86_64-unknown-linux-gnu";
/// The second flag lets the instrumented crates use the plain std.
const FLAGS: &str = "-Zsanitizer=address -Cunsafe-allow-abi-mismatch=sanitizer";
/// Instrumented code is some times slower.
const DEADLINE: Duration = Duration::from_secs(300);

/// Unit and integration tests; doctests add build time and no new code.
pub(super) fn address(context: &Context<'_>, tally: &mut Tally<'_>) {
    let Some(version) = context.nightly() else {
        return tally.skip("address sanitizer: no nightly toolchain");
    };
    if !cfg!(all(
        target_arch = "x86_64",
        target_os = "linux",
        target_env = "gnu"
    )) {
        return tally.skip("address sanitizer: set up for x86-64 Linux only");
    }
    tally.say(version);
    let crates: Vec<_> = context
        .workspace
        .crates()
        .filter(|package| package.is_default && context.arguments.wants_crate(&package.name))
        .filter(|package| has_unsafe(package))
        .collect();
    if crates.is_empty() {
        return tally.no_cases("crates with unsafe code");
    }
    let mut command = context
        .workspace
        .cargo(&["+nightly", "test", "--lib", "--tests"]);
    command.args(["--target", TARGET]).env("RUSTFLAGS", FLAGS);
    command.env("CARGO_TARGET_DIR", context.workspace.target.join("asan"));
    for package in crates {
        command.args(["-p", &package.name]);
    }
    match path_without_strace(&context.workspace.target.join("asan/no-strace")) {
        Ok(path) => {
            cases::build_and_run(&mut command, &[], &[("PATH", &path)], DEADLINE, tally);
        }
        Err(error) => tally.fail(format!("cannot hide strace: {error}")),
    }
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

fn has_unsafe(package: &Package) -> bool {
    package.rust_files("src").iter().any(|file| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        text.contains("unsafe {") || text.contains("unsafe fn") || text.contains("unsafe impl")
    })
}
