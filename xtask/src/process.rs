//! Running commands under a deadline.
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// For builds: generous, because a cold build on a busy machine is slow and rarely hangs.
pub(crate) const BUILD_DEADLINE: Duration = Duration::from_secs(45 * 60);

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Success,
    /// With how it failed, in words.
    Failure(String),
    /// It was killed at its deadline.
    Deadline(Duration),
    /// It was killed after a line that told enough.
    Stopped,
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) end: End,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) time: Duration,
}

impl Outcome {
    pub(crate) fn is_success(&self) -> bool {
        self.end == End::Success
    }

    /// Why it failed and the end of what it said; for a report.
    pub(crate) fn explain(&self, what: &str) -> String {
        let end = match &self.end {
            End::Success => "succeeded".to_owned(),
            End::Failure(how) => how.clone(),
            End::Deadline(limit) => format!("was killed after {} s", limit.as_secs()),
            End::Stopped => "was stopped".to_owned(),
        };
        let said = [last_lines(&self.stderr, 80), last_lines(&self.stdout, 120)].concat();
        format!("{what}: {end}\n{said}")
    }
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().filter(|line| !is_noise(line)).collect();
    let skipped = lines.len().saturating_sub(count);
    let mut result = String::new();
    if skipped > 0 {
        result = format!("    ... {skipped} lines more\n");
    }
    for line in &lines[skipped..] {
        result += &format!("    {line}\n");
    }
    result
}

/// Progress of a build, and frames of std in the stacks of a sanitizer's report.
fn is_noise(line: &str) -> bool {
    let line = line.trim_start();
    let is_frame = line.starts_with('#');
    let is_progress = [
        "Compiling ",
        "Checking ",
        "Downloaded ",
        "Downloading ",
        "Blocking ",
    ]
    .iter()
    .any(|word| line.starts_with(word));
    is_progress || (is_frame && line.contains("/rustlib/src/rust/library/"))
}

/// Runs `command` to its end, or kills it at the deadline.
pub(crate) fn run(command: &mut Command, deadline: Duration) -> Outcome {
    run_watched(command, deadline, |_| false, |_| String::new())
}

/// [`run`] that kills the command after the first line for which `is_enough` is true.
pub(crate) fn run_until(
    command: &mut Command,
    deadline: Duration,
    is_enough: impl Fn(&str) -> bool,
) -> Outcome {
    run_watched(command, deadline, is_enough, |_| String::new())
}

/// [`run`] that, where there is a debugger, ends what a hanging process said with where it hangs.
pub(crate) fn run_with_stacks(command: &mut Command, deadline: Duration) -> Outcome {
    run_watched(command, deadline, |_| false, stacks)
}

/// The stack of each thread of `child`; nothing without gdb, or where it may not look.
fn stacks(child: &Child) -> String {
    let mut gdb = Command::new("gdb");
    gdb.args([
        "-batch",
        "-nx",
        "-ex",
        "thread apply all bt 16",
        "-p",
        &child.id().to_string(),
    ]);
    let outcome = run(&mut gdb, Duration::from_secs(60));
    let is_stack = |line: &&str| line.starts_with("Thread ") || line.starts_with('#');
    outcome
        .stdout
        .lines()
        .filter(is_stack)
        .map(|line| format!("{line}\n"))
        .collect()
}

/// [`run`] for a command that runs others, which must end with it: it gets a process group.
pub(crate) fn run_group(command: &mut Command, deadline: Duration) -> Outcome {
    let kill = |child: &Child| {
        // The group has the child's number. Where there is no `kill`, the child alone must do.
        let group = format!("-{}", child.id());
        let _ = Command::new("kill")
            .args(["-KILL", "--", &group])
            .stderr(Stdio::null())
            .status();
        String::new()
    };
    run_watched(command.process_group(0), deadline, |_| false, kill)
}

fn run_watched(
    command: &mut Command,
    limit: Duration,
    is_enough: impl Fn(&str) -> bool,
    kill: impl Fn(&Child) -> String,
) -> Outcome {
    let start = Instant::now();
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let program = command.get_program().to_string_lossy();
            return Outcome {
                end: End::Failure(format!("cannot start {program}: {error}")),
                stdout: String::new(),
                stderr: String::new(),
                time: start.elapsed(),
            };
        }
    };
    let (sender, lines) = channel();
    read_lines(child.stdout.take(), 0, sender.clone());
    read_lines(child.stderr.take(), 1, sender);
    let mut said = [String::new(), String::new()];
    let mut status = None;
    let mut deadline = start + limit;
    let mut is_stopped = false;
    let end = loop {
        if status.is_none() {
            status = child.try_wait().ok().flatten();
            if status.is_some() {
                // A grandchild may hold the pipes open: what it says is not waited for.
                deadline = deadline.min(Instant::now() + Duration::from_secs(2));
            }
        }
        match lines.recv_timeout(Duration::from_millis(20)) {
            Ok((stream, line)) => {
                is_stopped |= is_enough(&line);
                said[stream] += &line;
            }
            Err(RecvTimeoutError::Disconnected) if status.is_some() => break false,
            // The pipes are closed, the status is about to be there.
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(Duration::from_millis(1)),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if is_stopped || Instant::now() >= deadline {
            break status.is_none();
        }
    };
    if end {
        // What it returns belongs to the report, behind what the process said itself.
        let last = kill(&child);
        // It may have ended by itself in between.
        let _ = child.kill();
        let _ = child.wait();
        // What was said before the kill, and is still in the pipes.
        while let Ok((stream, line)) = lines.recv_timeout(Duration::from_millis(200)) {
            said[stream] += &line;
        }
        said[1] += &last;
    }
    let end = match status {
        Some(status) if status.success() => End::Success,
        Some(status) => End::Failure(format!("failed ({status})")),
        None if is_stopped => End::Stopped,
        None => End::Deadline(limit),
    };
    let [stdout, stderr] = said;
    Outcome {
        end,
        stdout,
        stderr,
        time: start.elapsed(),
    }
}

fn read_lines(
    pipe: Option<impl Read + Send + 'static>,
    stream: usize,
    to: Sender<(usize, String)>,
) {
    let Some(pipe) = pipe else { return };
    std::thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        let mut line = Vec::new();
        while reader
            .read_until(b'\n', &mut line)
            .is_ok_and(|count| count > 0)
        {
            if to
                .send((stream, String::from_utf8_lossy(&line).into_owned()))
                .is_err()
            {
                return;
            }
            line.clear();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn output_and_status_are_kept_apart() {
        let outcome = run(&mut shell("echo out; echo err >&2; exit 3"), LONG);
        assert_eq!(
            (outcome.stdout.as_str(), outcome.stderr.as_str()),
            ("out\n", "err\n")
        );
        assert!(matches!(&outcome.end, End::Failure(how) if how.contains('3')));
        assert!(run(&mut shell("true"), LONG).is_success());
    }

    #[test]
    fn a_hang_ends_at_the_deadline_and_what_was_said_is_kept() {
        let limit = Duration::from_millis(200);
        let outcome = run_group(&mut shell("echo before; sleep 600; echo after"), limit);
        assert_eq!(outcome.end, End::Deadline(limit));
        assert_eq!(outcome.stdout, "before\n");
        assert!(outcome.time < LONG);
    }

    #[test]
    fn a_line_can_be_enough() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two; exec sleep 600"]);
        let outcome = run_until(&mut command, LONG, |line| line == "two\n");
        assert_eq!(
            (outcome.end, outcome.stdout.as_str()),
            (End::Stopped, "one\ntwo\n")
        );
        assert!(outcome.time < LONG);
    }

    #[test]
    fn a_hang_says_where_if_there_is_a_debugger() {
        let outcome = run_with_stacks(Command::new("sleep").arg("600"), Duration::from_millis(200));
        assert!(matches!(outcome.end, End::Deadline(_)));
        assert!(
            outcome.stderr.is_empty() || outcome.stderr.contains("#0"),
            "{}",
            outcome.stderr
        );
    }

    #[test]
    fn the_end_of_what_was_said_is_without_noise() {
        let said =
            "   Compiling x\n#0 f x.rs:1\n#1 drop /r/rustlib/src/rust/library/core/src/x.rs:2\nend";
        assert_eq!(last_lines(said, 9), "    #0 f x.rs:1\n    end\n");
        assert_eq!(last_lines(said, 1), "    ... 1 lines more\n    end\n");
    }

    #[test]
    fn a_program_that_is_not_there_is_a_failure() {
        let outcome = run(&mut Command::new("/nowhere/at-all"), LONG);
        assert!(matches!(&outcome.end, End::Failure(how) if how.contains("cannot start")));
    }
}
