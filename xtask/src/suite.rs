//! Test binaries: built by cargo, run one by one under a deadline, so that a hang has a name.
use crate::json;
use crate::process::{self, BUILD_DEADLINE, End, Outcome};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A test binary.
#[derive(Clone, Debug)]
pub(crate) struct Binary {
    /// `package kind name`, for reports.
    pub(crate) label: String,
    pub(crate) path: PathBuf,
    pub(crate) is_bench: bool,
    /// The package's folder, where cargo would run it.
    pub(crate) folder: PathBuf,
}

/// What one binary's tests came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) passed: usize,
    /// Names of what failed or hung, with why.
    pub(crate) failures: Vec<String>,
    pub(crate) ignored: usize,
    pub(crate) outcome: Outcome,
}

/// Builds with `command` (a `cargo test --no-run` without its message format) and lists the binaries.
pub(crate) fn build(command: &mut Command) -> Result<Vec<Binary>, String> {
    let outcome = process::run(
        command.args(["--no-run", "--message-format=json"]),
        BUILD_DEADLINE,
    );
    if !outcome.is_success() {
        let errors = rendered(&outcome.stdout);
        return Err(Outcome {
            stdout: errors,
            ..outcome
        }
        .explain("build"));
    }
    let mut binaries = binaries(&outcome.stdout);
    binaries.sort_by(|a, b| a.label.cmp(&b.label));
    Ok(binaries)
}

/// What the compiler had to say in a build with JSON messages.
fn rendered(stdout: &str) -> String {
    stdout
        .lines()
        .filter_map(json::parse)
        .filter(|message| message.get("message").get("level").as_str() == Some("error"))
        .filter_map(|message| {
            message
                .get("message")
                .get("rendered")
                .as_str()
                .map(str::to_owned)
        })
        .collect()
}

fn binaries(stdout: &str) -> Vec<Binary> {
    stdout
        .lines()
        .filter_map(json::parse)
        .filter(|message| message.get("reason").as_str() == Some("compiler-artifact"))
        .filter(|message| message.get("profile").get("test") == &json::Value::Bool(true))
        .filter_map(|message| {
            let folder = Path::new(message.get("manifest_path").as_str()?)
                .parent()?
                .to_owned();
            let target = message.get("target");
            let kind = target.get("kind").items().first()?.as_str()?;
            // Of examples/ and xtask/ the folder says less than the target does.
            let package = folder.file_name()?.to_string_lossy().into_owned();
            Some(Binary {
                label: format!("{package} {kind} {}", target.get("name").as_str()?),
                path: message.get("executable").as_str()?.into(),
                is_bench: kind == "bench",
                folder,
            })
        })
        .collect()
}

/// Runs one binary; at the deadline it is killed and what had started and not finished is named.
pub(crate) fn run(
    binary: &Binary,
    args: &[&str],
    environment: &[(&str, &str)],
    limit: Duration,
) -> Ran {
    let outcome = process::run_with_stacks(&mut command(binary, args, environment), limit);
    verdict(binary, outcome)
}

/// [`run`] that stops at the first test that fails.
pub(crate) fn run_to_first_failure(
    binary: &Binary,
    args: &[&str],
    environment: &[(&str, &str)],
    limit: Duration,
) -> Ran {
    let is_failure = |line: &str| line.starts_with("test ") && line.ends_with(" ... FAILED\n");
    let outcome = process::run_until(&mut command(binary, args, environment), limit, is_failure);
    verdict(binary, outcome)
}

fn command(binary: &Binary, args: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(&binary.path);
    command.envs(environment.iter().copied());
    command
        .args(args)
        .current_dir(&binary.folder)
        .env("CARGO_MANIFEST_DIR", &binary.folder);
    command
}

/// What the run of `binary` came to.
fn verdict(binary: &Binary, outcome: Outcome) -> Ran {
    let mut tally = Tally::read(&outcome.stdout);
    if let End::Deadline(limit) = outcome.end {
        let mut list = Command::new(&binary.path);
        let list = process::run(
            list.args(["--list", "--format", "terse"]),
            Duration::from_secs(20),
        );
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let (running, waiting) = tally.unfinished(&list.stdout, threads);
        for name in running {
            tally
                .failures
                .push(format!("{name}: hung, killed after {} s", limit.as_secs()));
        }
        if waiting > 0 {
            tally
                .failures
                .push(format!("({waiting} more had not started)"));
        }
    }
    // A bench runs once and has no tests by name: its exit code is its verdict.
    if binary.is_bench && outcome.is_success() {
        tally.has_verdict = true;
        tally.passed.insert(binary.label.clone());
    }
    // A crash fails no test by name; nor does a binary that ends well without a verdict.
    if tally.failures.is_empty() && !(outcome.is_success() && tally.has_verdict) {
        tally
            .failures
            .push(format!("{}: crashed or gave no result", binary.label));
    }
    Ran {
        passed: tally.passed.len(),
        failures: tally.failures,
        ignored: tally.ignored,
        outcome,
    }
}

/// What libtest printed.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: BTreeSet<String>,
    failures: Vec<String>,
    ignored: usize,
    has_verdict: bool,
}

impl Tally {
    fn read(stdout: &str) -> Self {
        let mut tally = Self::default();
        for line in stdout.lines() {
            if line.starts_with("test result: ") {
                tally.has_verdict = true;
            }
            let Some((name, result)) = line
                .strip_prefix("test ")
                .and_then(|rest| rest.rsplit_once(" ... "))
            else {
                continue;
            };
            let name = name.trim_end_matches(" - should panic").to_owned();
            match result.split(',').next().unwrap_or_default() {
                "ok" => _ = tally.passed.insert(name),
                "ignored" => tally.ignored += 1,
                result if result.starts_with("FAILED") => tally.failures.push(name),
                _ => {}
            }
        }
        tally
    }

    /// Of the tests that `--list` names: those that had started, which libtest does in order, as
    /// many at a time as there are threads; and how many had not.
    fn unfinished(&self, list: &str, threads: usize) -> (Vec<String>, usize) {
        let mut names: Vec<_> = list
            .lines()
            .filter_map(|line| line.strip_suffix(": test"))
            .filter(|name| !self.passed.contains(*name))
            .filter(|name| !self.failures.iter().any(|failure| failure == name))
            .map(str::to_owned)
            .collect();
        let waiting = names.split_off(names.len().min(threads));
        (names, waiting.len())
    }
}

/// Passed, failed and ignored over all the `test result:` lines of a longer output.
pub(crate) fn sum_results(stdout: &str) -> (usize, usize, usize) {
    let mut sum = (0, 0, 0);
    for line in stdout
        .lines()
        .filter_map(|line| line.strip_prefix("test result: "))
    {
        let count = |what: &str| {
            line.split([';', '.'])
                .find_map(|part| part.trim().strip_suffix(what)?.trim().parse::<usize>().ok())
                .unwrap_or(0)
        };
        sum = (
            sum.0 + count(" passed"),
            sum.1 + count(" failed"),
            sum.2 + count(" ignored"),
        );
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "\nrunning 5 tests\ntest a::one ... ok\ntest b - should panic ... ok\n\
        test c ... ignored, slow\ntest d ... FAILED\n";

    #[test]
    fn results_are_read_by_name() {
        let tally = Tally::read(SAID);
        assert_eq!(tally.passed.len(), 2);
        assert_eq!(
            (tally.failures.as_slice(), tally.ignored),
            (["d".to_owned()].as_slice(), 1)
        );
        assert!(!tally.has_verdict);
    }

    #[test]
    fn a_hang_is_named() {
        let list =
            "a::one: test\nb: test\nd: test\nhangs: test\nlater: test\n\n5 tests, 0 benchmarks";
        let (running, waiting) = Tally::read(SAID).unfinished(list, 1);
        assert_eq!((running, waiting), (vec!["hangs".to_owned()], 1));
    }

    #[test]
    fn a_binary_that_hangs_is_killed_and_named() {
        let folder = std::env::temp_dir().join(format!("xtask-hang-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("binary");
        let script = "#!/bin/sh\nif [ \"$1\" = --list ]; then echo 'quick: test'; echo 'stuck: test'; \
            else echo 'test quick ... ok'; exec sleep 600; fi\n";
        std::fs::write(&path, script).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&path, mode).unwrap();
        let binary = Binary {
            label: "x".into(),
            is_bench: false,
            path,
            folder: folder.clone(),
        };
        let ran = run(&binary, &[], &[], Duration::from_millis(500));
        std::fs::remove_dir_all(folder).unwrap();
        assert_eq!(ran.passed, 1);
        assert_eq!(ran.failures.len(), 1);
        assert!(
            ran.failures[0].starts_with("stuck: hung"),
            "{:?}",
            ran.failures
        );
    }

    #[test]
    fn results_are_summed() {
        let said = "test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; \
            finished in 0.07s\nx\ntest result: FAILED. 1 passed; 2 failed; 3 ignored; 0 measured; 0 \
            filtered out; finished in 0.08s\n";
        assert_eq!(sum_results(said), (5, 2, 3));
    }

    #[test]
    fn artifacts_of_test_profiles_are_listed() {
        let line = r#"{"reason":"compiler-artifact","manifest_path":"/w/crates/x/Cargo.toml","target":{"kind":["test"],"name":"loom"},"profile":{"test":true},"executable":"/t/loom-1"}"#;
        let other = line.replace("\"test\":true", "\"test\":false");
        let found = binaries(&format!("{line}\n{other}\n"));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].label, "x test loom");
    }
}
