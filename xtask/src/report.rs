//! What ran, how long it took, what passed and what did not: the last lines of a run.
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Collects the steps of one run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    steps: Vec<Step>,
    failures: Vec<String>,
    skipped: Vec<String>,
    empty: Vec<String>,
}

#[derive(Debug)]
struct Step {
    name: String,
    passed: usize,
    failed: usize,
    time: Duration,
}

/// The step under way.
#[derive(Debug)]
pub(crate) struct Tally<'a> {
    report: &'a mut Report,
    passed: usize,
    failed: usize,
}

impl Report {
    /// Runs one step.
    pub(crate) fn step(&mut self, name: &str, f: impl FnOnce(&mut Tally<'_>)) {
        println!("== {name}");
        let start = Instant::now();
        let mut tally = Tally {
            report: self,
            passed: 0,
            failed: 0,
        };
        f(&mut tally);
        let (passed, failed) = (tally.passed, tally.failed);
        let step = Step {
            name: name.to_owned(),
            passed,
            failed,
            time: start.elapsed(),
        };
        self.steps.push(step);
    }

    /// Prints failures, table, what was left out and the closing line; the code to exit with.
    pub(crate) fn finish(&self) -> ExitCode {
        print!("{}", self.render());
        if self.failed() == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    fn failed(&self) -> usize {
        self.steps.iter().map(|step| step.failed).sum()
    }

    fn render(&self) -> String {
        let mut text = String::from("\n");
        for failure in &self.failures {
            text += &format!("FAILED {}\n", failure.trim_end());
        }
        text += &format!(
            "{:<12} {:>8} {:>8} {:>9}\n",
            "step", "passed", "failed", "seconds"
        );
        for Step {
            name,
            passed,
            failed,
            time,
        } in &self.steps
        {
            text += &format!(
                "{name:<12} {passed:>8} {failed:>8} {:>9.1}\n",
                time.as_secs_f64()
            );
        }
        let passed: usize = self.steps.iter().map(|step| step.passed).sum();
        let time: Duration = self.steps.iter().map(|step| step.time).sum();
        let list = |names: &[String]| match names {
            [] => String::new(),
            names => format!(" ({})", names.join("; ")),
        };
        text += &format!(
            "{:<12} {passed:>8} {:>8} {:>9.1}\n\n",
            "all",
            self.failed(),
            time.as_secs_f64()
        );
        text += &format!("skipped: {}{}\n", self.skipped.len(), list(&self.skipped));
        text += &format!("0 cases: {}{}\n", self.empty.len(), list(&self.empty));
        text += &format!("{passed} passed, {} failed\n", self.failed());
        text
    }
}

impl Tally<'_> {
    /// Counts `count` cases that passed.
    pub(crate) fn pass(&mut self, count: usize) {
        self.passed += count;
    }

    /// Counts a case that failed; `why` is printed now and again at the end.
    pub(crate) fn fail(&mut self, why: impl Into<String>) {
        let why = why.into();
        println!("  FAILED {}", why.trim_end());
        self.failed += 1;
        self.report.failures.push(why);
    }

    /// Counts one case by its result.
    pub(crate) fn check(&mut self, result: Result<(), String>) {
        match result {
            Ok(()) => self.pass(1),
            Err(why) => self.fail(why),
        }
    }

    /// Prints a line under the step's name.
    pub(crate) fn say(&self, line: impl AsRef<str>) {
        println!("  {}", line.as_ref());
    }

    /// Something optional that is not there.
    pub(crate) fn skip(&mut self, what: impl Into<String>) {
        let what = what.into();
        println!("  skipped: {what}");
        self.report.skipped.push(what);
    }

    /// Something that has nothing to check yet.
    pub(crate) fn no_cases(&mut self, what: impl Into<String>) {
        let what = what.into();
        println!("  0 cases: {what}");
        self.report.empty.push(what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts_over_all_steps() {
        let mut report = Report::default();
        report.step("one", |tally| {
            tally.pass(3);
            tally.no_cases("shuttle");
        });
        report.step("two", |tally| {
            tally.check(Ok(()));
            tally.check(Err("why not".into()));
            tally.skip("no nightly");
        });
        let text = report.render();
        assert!(text.contains("FAILED why not\n"), "{text}");
        assert!(
            text.contains("skipped: 1 (no nightly)\n0 cases: 1 (shuttle)\n"),
            "{text}"
        );
        assert!(text.ends_with("\n4 passed, 1 failed\n"), "{text}");
        assert_eq!(report.finish(), ExitCode::FAILURE);
    }

    #[test]
    fn without_a_failure_the_run_succeeds() {
        let mut report = Report::default();
        report.step("one", |tally| tally.pass(1));
        assert_eq!(report.finish(), ExitCode::SUCCESS);
    }
}
