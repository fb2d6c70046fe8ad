//! Runs `tcp_client --pipe` as a process of its own and reads the verdicts.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A run that lasts longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program. Cargo builds the examples for `cargo test`, but names no variable after them.
pub(crate) fn program() -> PathBuf {
    let mut path = std::env::current_exe().expect("a test has a path");
    path.pop(); // the name of this test
    path.pop(); // deps
    path.push("examples/tcp_client");
    assert!(
        path.exists(),
        "{} is missing: `cargo build -p hyperia-examples --examples` in the same profile makes it",
        path.display()
    );
    path
}

/// `tcp_client --pipe --addr ADDR`, its three streams not connected yet.
pub(crate) fn command(addr: SocketAddr) -> Command {
    let mut command = Command::new(program());
    command.args(["--pipe", "--addr", &addr.to_string()]);
    command
}

/// A running client.
#[derive(Debug)]
pub(crate) struct Client {
    child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: JoinHandle<Vec<u8>>,
}

/// A client that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) verdicts: Verdicts,
    pub(crate) stderr: String,
    /// Time on a processor, of the program and the kernel for it.
    pub(crate) cpu: Duration,
}

impl Client {
    /// Starts `command` and reads what it prints. Standard input is as `command` says, a pipe by default.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut client = Self::start_unread(command);
        let stdout = client.child.stdout.take().expect("it is a pipe");
        client.stdout = Some(read_all(stdout));
        client
    }

    /// As [`start`](Self::start), but nobody reads standard output.
    pub(crate) fn start_unread(command: &mut Command) -> Self {
        Self::start_on(command.stdout(Stdio::piped()))
    }

    /// As [`start_unread`](Self::start_unread), but standard output is as `command` says.
    pub(crate) fn start_on(command: &mut Command) -> Self {
        let mut child = command
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stderr = read_all(child.stderr.take().expect("it is a pipe"));
        Self {
            child,
            stdout: None,
            stderr,
        }
    }

    /// Reads so many bytes of the standard output that nobody else reads.
    pub(crate) fn read_stdout(&mut self, len: usize) {
        let stdout = self.child.stdout.as_mut().expect("nobody else reads it");
        stdout
            .read_exact(&mut vec![0; len])
            .expect("so much was written");
    }

    /// The system call in which the client sleeps now; `None` if it runs, or the kernel does not tell.
    pub(crate) fn system_call(&self) -> Option<libc::c_long> {
        let path = format!("/proc/{}/syscall", self.child.id());
        let text = std::fs::read_to_string(path).ok()?;
        text.split_whitespace().next()?.parse().ok()
    }

    /// Closes our end of the standard output that nobody reads.
    pub(crate) fn close_stdout(&mut self) {
        drop(self.child.stdout.take());
    }

    pub(crate) fn stdin(&mut self) -> ChildStdin {
        self.child
            .stdin
            .take()
            .expect("it is a pipe, and taken once")
    }

    /// Writes `lines` in a thread of its own, then closes standard input.
    pub(crate) fn feed(&mut self, lines: Vec<u8>) -> JoinHandle<()> {
        let mut stdin = self.stdin();
        std::thread::spawn(move || {
            // A client that was told to stop does not read all of it.
            let _ = stdin.write_all(&lines);
        })
    }

    pub(crate) fn signal(&self, signal: i32) {
        let pid = libc::pid_t::try_from(self.child.id()).expect("pids are small");
        // SAFETY: kill takes two numbers; the child was not waited for yet, so the pid is still its own.
        let result = unsafe { libc::kill(pid, signal) };
        assert_eq!(result, 0, "the child is there to be signalled");
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> Ended {
        let pid = libc::pid_t::try_from(self.child.id()).expect("pids are small");
        let deadline = Instant::now() + PATIENCE;
        let (status, cpu) = loop {
            if let Some(ended) = wait_now(pid) {
                break ended;
            }
            if Instant::now() > deadline {
                let _ = self.child.kill();
                panic!("the client hangs");
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let stdout = self
            .stdout
            .map(|thread| thread.join().expect("reading does not panic"));
        let stderr = self.stderr.join().expect("reading does not panic");
        Ended {
            status,
            verdicts: Verdicts::parse(&stdout.unwrap_or_default()),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
            cpu,
        }
    }
}

/// `wait4` without waiting: std's `wait` does not tell the processor time.
fn wait_now(pid: libc::pid_t) -> Option<(ExitStatus, Duration)> {
    let mut status = 0;
    // SAFETY: all-zero bytes are a valid `rusage`: it consists of integers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live, writable values of the right types; the pid is our child's.
    let ended = unsafe { libc::wait4(pid, &raw mut status, libc::WNOHANG, &raw mut usage) };
    assert!(ended >= 0, "the child can be waited for");
    let time = |time: libc::timeval| {
        Duration::from_micros((time.tv_sec * 1_000_000 + time.tv_usec).unsigned_abs())
    };
    (ended == pid).then(|| {
        (
            ExitStatus::from_raw(status),
            time(usage.ru_utime) + time(usage.ru_stime),
        )
    })
}

fn read_all(mut stream: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("a pipe can be read");
        bytes
    })
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Ok,
    Unsent,
    Unknown,
}

/// The verdicts of a run, by label, in the order in which they were printed.
#[derive(Debug, Default)]
pub(crate) struct Verdicts {
    pub(crate) list: Vec<(String, Verdict)>,
}

impl Verdicts {
    fn parse(stdout: &[u8]) -> Self {
        let text = String::from_utf8_lossy(stdout);
        assert!(
            text.is_empty() || text.ends_with('\n'),
            "the last verdict is whole"
        );
        let list = text.lines().map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["ok", label] => (label.to_owned(), Verdict::Ok),
                ["err", label, "unsent"] => (label.to_owned(), Verdict::Unsent),
                ["err", label, "unknown"] => (label.to_owned(), Verdict::Unknown),
                _ => panic!("not a verdict: {line:?}"),
            }
        });
        Self {
            list: list.collect(),
        }
    }

    pub(crate) fn count(&self, verdict: Verdict) -> usize {
        self.list
            .iter()
            .filter(|(_, other)| *other == verdict)
            .count()
    }

    /// The verdicts by label. Panics if there is not exactly one for each of `m1` to `mN`, and returns N.
    pub(crate) fn one_each(&self) -> HashMap<&str, Verdict> {
        let by_label: HashMap<&str, Verdict> = self
            .list
            .iter()
            .map(|(label, verdict)| (label.as_str(), *verdict))
            .collect();
        assert_eq!(by_label.len(), self.list.len(), "a label has two verdicts");
        for number in 1..=self.list.len() {
            assert!(
                by_label.contains_key(format!("m{number}").as_str()),
                "m{number} has no verdict"
            );
        }
        by_label
    }
}
