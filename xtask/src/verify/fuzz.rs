//! Coverage-guided fuzzing: the programs of hyperia-fuzz, built as cargo-fuzz does, without the need to have it.
//! libFuzzer is compiled by the crate that wraps it, the rest is instrumented by the nightly; its std is not.
use crate::arguments::Arguments;
use crate::process::{self, BUILD_DEADLINE, Outcome};
use crate::report::Tally;
use crate::sanitizer::{ADDRESS_FLAGS, TARGET, is_supported};
use crate::workspace::{Package, Workspace};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Of the step.
pub(super) const NAME: &str = "fuzz";
/// How long each target runs.
pub(super) const SECONDS_FLAG: &str = "seconds N";
const SECONDS: u64 = 60;

const PACKAGE: &str = "hyperia-fuzz";
const FEATURE: &str = "libfuzzer";
/// What libFuzzer reads: a counter per edge, a table of their places, and both sides of comparisons.
const COVERAGE_FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing";
/// Longer inputs are slower and say nothing new.
const LENGTH_MAX: &str = "-max_len=1024";
/// Seconds for one input, after which it counts as a crash.
const INPUT_SECONDS: &str = "-timeout=20";
/// To begin and to end.
const MARGIN: Duration = Duration::from_secs(120);

/// The names of the targets.
pub(super) fn targets(workspace: &Workspace) -> impl Iterator<Item = &str> {
    package(workspace)
        .into_iter()
        .flat_map(|package| package.targets("bin"))
}

fn package(workspace: &Workspace) -> Option<&Package> {
    workspace.crates().find(|package| package.name == PACKAGE)
}

/// Builds and runs the targets that are asked for, or all.
pub(super) fn fuzz(workspace: &Workspace, arguments: &Arguments, tally: &mut Tally<'_>) {
    let is_named = |target: &&str| arguments.steps.iter().any(|step| step == target);
    let (named, others): (Vec<_>, Vec<_>) = targets(workspace).partition(is_named);
    let targets = if named.is_empty() { others } else { named };
    let Some(package) = package(workspace).filter(|package| arguments.wants_crate(&package.name))
    else {
        return tally.no_cases("fuzz targets");
    };
    if targets.is_empty() {
        return tally.fail("fuzz: no targets");
    }
    if let Some(what) = missing(workspace, tally) {
        return tally.skip(format!("fuzz: {what}"));
    }
    let folder = workspace.target.join("fuzz");
    let seconds = arguments.number("seconds").unwrap_or(SECONDS);
    for target in targets {
        let result = build(workspace, &folder, target)
            .and_then(|program| run(&program, &folder, package, target, seconds))
            .map(|line| tally.say(line));
        tally.check(result);
    }
}

/// What cannot be done without and is not there.
fn missing(workspace: &Workspace, tally: &Tally<'_>) -> Option<&'static str> {
    if !is_supported() {
        return Some("set up for x86-64 Linux only");
    }
    let Some(version) = workspace.nightly() else {
        return Some("no nightly toolchain");
    };
    // As the build script of the crate with libFuzzer looks for it.
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    let mut compiler = Command::new(compiler);
    let answer = process::run(compiler.arg("--version"), Duration::from_secs(60));
    if !answer.is_success() {
        return Some("no C++ compiler");
    }
    tally.say(version);
    tally.say(answer.stdout.lines().next().unwrap_or_default());
    None
}

/// Builds one program; its path.
fn build(workspace: &Workspace, folder: &Path, target: &str) -> Result<PathBuf, String> {
    let mut command = workspace.cargo(&["+nightly", "build", "--release", "--target", TARGET]);
    command.args(["-p", PACKAGE, "--features", FEATURE, "--bin", target]);
    let build = folder.join("build");
    command
        .env("RUSTFLAGS", format!("{COVERAGE_FLAGS} {ADDRESS_FLAGS}"))
        .env("CARGO_TARGET_DIR", &build)
        .env("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only")
        .env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true");
    let outcome = process::run(&mut command, BUILD_DEADLINE);
    if outcome.is_success() {
        Ok(build.join(TARGET).join("release").join(target))
    } else {
        Err(outcome.explain(&format!("build of the fuzz target {target}")))
    }
}

/// Runs one program; a line about what it did, or why that is a failure.
fn run(
    program: &Path,
    folder: &Path,
    package: &Package,
    target: &str,
    seconds: u64,
) -> Result<String, String> {
    let [corpus, crashes] = ["corpus", "crashes"].map(|name| folder.join(name).join(target));
    for new in [&corpus, &crashes] {
        std::fs::create_dir_all(new).map_err(|error| format!("{}: {error}", new.display()))?;
    }
    let mut command = Command::new(program);
    // New inputs go to the first folder.
    command
        .args([&corpus, &package.root.join("corpus").join(target)])
        .arg(format!("-artifact_prefix={}/", crashes.display()))
        .arg(format!("-max_total_time={seconds}"))
        .args(["-print_final_stats=1", LENGTH_MAX, INPUT_SECONDS]);
    let limit = Duration::from_secs(seconds) + MARGIN;
    let outcome = process::run(&mut command, limit);
    judge(&outcome, target)
}

fn judge(outcome: &Outcome, target: &str) -> Result<String, String> {
    let said = Said::read(&outcome.stderr);
    if !outcome.is_success() {
        let panic = said.panic.as_deref().unwrap_or("no panic");
        let what = match &said.input {
            Some(path) => format!("fuzz {target}: a crash ({panic}); the input is {path}"),
            None => format!("fuzz {target}: no input was kept"),
        };
        return Err(outcome.explain(&what));
    }
    for (count, what) in [
        (said.counters, "coverage counters"),
        (said.covered, "edges covered"),
        (said.executions, "executions"),
    ] {
        if count == 0 {
            return Err(outcome.explain(&format!("fuzz {target}: 0 {what}")));
        }
    }
    let seconds = outcome.time.as_secs_f64();
    Ok(format!(
        "{target}: {} executions in {seconds:.0} s ({:.0}/s), {} of {} edges covered, {} inputs in the corpus, \
         no crash",
        said.executions,
        said.executions as f64 / seconds,
        said.covered,
        said.counters,
        said.corpus,
    ))
}

/// What libFuzzer prints.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    /// How many edges have a counter.
    counters: u64,
    /// How many of them were reached.
    covered: u64,
    executions: u64,
    /// Inputs that each reach something.
    corpus: u64,
    /// The file with the input that crashed.
    input: Option<String>,
    /// What a panic said, or the first line of that.
    panic: Option<String>,
}

impl Said {
    fn read(text: &str) -> Self {
        let mut said = Self::default();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if line.contains(" panicked at ") {
                said.panic = lines.next().map(str::to_owned);
            } else if let Some((_, loaded)) = line.split_once("INFO: Loaded ")
                && let Some((_, counters)) = loaded.split_once('(')
                && loaded.contains("inline 8-bit counters")
            {
                said.counters += number(counters);
            } else if let Some((_, reached)) = line.split_once("\tDONE   cov: ") {
                said.covered = number(reached);
                said.corpus = reached
                    .split_once("corp: ")
                    .map_or(0, |(_, corpus)| number(corpus));
            } else if let Some(count) = line.strip_prefix("stat::number_of_executed_units:") {
                said.executions = number(count);
            } else if let Some((_, path)) = line.split_once("Test unit written to ") {
                said.input = Some(path.trim().to_owned());
            }
        }
        said
    }
}

/// The number at the beginning of `text`; 0 if there is none.
fn number(text: &str) -> u64 {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_digit());
    text[..end.unwrap_or(text.len())].parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::End;

    const SAID: &str = "INFO: Seed: 296163784\n\
        INFO: Loaded 1 modules   (3902 inline 8-bit counters): 3902 [0x55df4cf5a030, 0x55df4cf5af6e), \n\
        INFO: Loaded 1 PC tables (3902 PCs): 3902 [0x55df4cf5af70,0x55df4cf6a350), \n\
        #6\tINITED cov: 715 ft: 4047 corp: 5/209b exec/s: 0 rss: 38Mb\n\
        #35480\tDONE   cov: 812 ft: 9047 corp: 513/20Kb lim: 1024 exec/s: 1144 rss: 457Mb\n\
        Done 35480 runs in 31 second(s)\n\
        stat::number_of_executed_units: 35480\n";

    fn outcome(end: End, stderr: &str) -> Outcome {
        Outcome {
            end,
            stdout: String::new(),
            stderr: stderr.to_owned(),
            time: Duration::from_secs(10),
        }
    }

    #[test]
    fn what_the_fuzzer_did_is_read() {
        let line = judge(&outcome(End::Success, SAID), "wheel").unwrap();
        let expected = "wheel: 35480 executions in 10 s (3548/s), 812 of 3902 edges covered, \
            513 inputs in the corpus, no crash";
        assert_eq!(line, expected);
    }

    #[test]
    fn a_crash_names_its_input() {
        let said = format!(
            "thread '<unnamed>' (1) panicked at src/x.rs:1:2:\n3 came after 4\nstack backtrace:\n\
             artifact_prefix='a/'; Test unit written to a/crash-1\n{SAID}"
        );
        let failed = outcome(End::Failure("failed (77)".into()), &said);
        let why = judge(&failed, "wheel").unwrap_err();
        assert!(
            why.starts_with("fuzz wheel: a crash (3 came after 4); the input is a/crash-1: failed"),
            "{why}"
        );
        let hung = outcome(End::Deadline(Duration::from_secs(180)), SAID);
        assert!(judge(&hung, "wheel").unwrap_err().contains("no input"));
    }

    #[test]
    fn a_run_that_saw_nothing_is_a_failure() {
        for (line, missing) in [
            ("(3902 inline", "0 coverage counters"),
            ("DONE   cov: 812", "0 edges covered"),
            ("executed_units: 35480", "0 executions"),
        ] {
            assert!(SAID.contains(line));
            let nothing = line.replace("3902", "0").replace("812", "0");
            let nothing = SAID.replace(line, &nothing.replace("35480", "0"));
            let why = judge(&outcome(End::Success, &nothing), "wheel").unwrap_err();
            assert!(why.contains(missing), "{why}");
        }
        assert!(judge(&outcome(End::Success, ""), "wheel").is_err());
    }
}
