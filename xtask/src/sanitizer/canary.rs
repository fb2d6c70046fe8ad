//! A small package with one bug per sanitizer and one test without: it shows that the flags, the runtime and,
//! for ThreadSanitizer, the instrumented std are at work.
use crate::process::Outcome;
use crate::suite;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The bug that a sanitizer must find.
#[derive(Debug)]
pub(super) struct Bug {
    /// The test that has it.
    pub(super) test: &'static str,
    /// What must be in the report.
    pub(super) report: &'static str,
}

const DEADLINE: Duration = Duration::from_secs(120);
const SOUND: &str = "nothing_is_wrong";

const MANIFEST: &str = r#"[package]
name = "canary"
version = "0.0.0"
edition = "2024"

[lib]
path = "canary.rs"

# Not a member of the workspace around it.
[workspace]
"#;

/// What is ordered by code of std alone looks like a race where that is not instrumented: the last handle
/// frees what the others have used, a scope and a channel hand over.
const SOURCE: &str = r#"
#![cfg(test)]
use std::hint::black_box;
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

struct Cell(std::cell::UnsafeCell<u64>);
unsafe impl Sync for Cell {}

#[test]
fn nothing_is_wrong() {
    for _ in 0..200 {
        let (sender, receiver) = mpsc::channel();
        let shared = Arc::new([const { Cell(std::cell::UnsafeCell::new(0)) }; 2]);
        for index in 0..2 {
            let (shared, sender) = (Arc::clone(&shared), sender.clone());
            thread::spawn(move || {
                unsafe { *shared[index].0.get() += 1 };
                drop(shared);
                sender.send(Box::new(index)).unwrap();
            });
        }
        drop((shared, sender));
        assert_eq!(receiver.iter().map(|index| *index).sum::<usize>(), 1);
    }
}

#[test]
fn two_threads_write_without_an_order() {
    let cell = Cell(std::cell::UnsafeCell::new(0));
    // Of a thread that has ended before the other begins, the sanitizer may know nothing any more.
    let both_live = Barrier::new(2);
    let write = || {
        both_live.wait();
        unsafe { black_box(&cell).0.get().write_volatile(1) };
    };
    thread::scope(|scope| {
        scope.spawn(write);
        scope.spawn(write);
    });
}

#[test]
fn a_block_is_read_after_it_was_freed() {
    let block = Box::into_raw(Box::new(7_u64));
    drop(unsafe { Box::from_raw(black_box(block)) });
    assert!(unsafe { black_box(block).read_volatile() } < u64::MAX);
}
"#;

/// Builds the package in `folder` with `command` and runs it, with the bug and without.
pub(super) fn sings(
    folder: &Path,
    mut command: Command,
    bug: &Bug,
    environment: &[(&str, &str)],
) -> Result<(), String> {
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(folder.join("Cargo.toml"), MANIFEST))
        .and_then(|()| std::fs::write(folder.join("canary.rs"), SOURCE));
    written.map_err(|error| format!("cannot write {}: {error}", folder.display()))?;
    // Apart, or an std that is built for one workspace would be out of date for the other.
    command.env("CARGO_TARGET_DIR", folder.join("build"));
    let binaries = suite::build(command.arg("--lib").current_dir(folder))?;
    let [binary] = &binaries[..] else {
        return Err(format!("canary: {} test binaries", binaries.len()));
    };
    let run = |test| suite::run(binary, &["--exact", test], environment, DEADLINE);
    let sound = run(SOUND);
    if !sound.failures.is_empty() || sound.passed != 1 {
        let what = "canary: a report where nothing is wrong";
        return Err(sound.outcome.explain(what));
    }
    let found = run(bug.test).outcome;
    if is_report(&found, bug) {
        Ok(())
    } else {
        Err(found.explain(&format!("canary: no `{}` in {}", bug.report, bug.test)))
    }
}

fn is_report(outcome: &Outcome, bug: &Bug) -> bool {
    !outcome.is_success() && outcome.stderr.contains(bug.report)
}
