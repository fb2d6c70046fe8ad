//! System calls of a test, counted by strace.
//!
//! What is traced is a *scenario*: a test of this same test binary, run in a process of its own, which finds
//! [`scenario`] set there. Where strace is absent or may not trace, there is nothing to assert: a line says
//! that the measurement was skipped.
//!
//! ```no_run
//! # fn send_a_line() {}
//! use hyperia_test::syscalls::{self, Calls};
//!
//! #[test]
//! fn a_line_costs_one_call() {
//!     let calls = syscalls::difference("a_line_costs_one_call", 500, |size| {
//!         for _ in 0..size {
//!             send_a_line();
//!         }
//!     });
//!     if let Some(calls) = calls {
//!         assert_eq!(calls, Calls::from([("sendto".into(), 500)]));
//!     }
//! }
//! ```
use std::collections::HashMap;
use std::process::Command;

/// Tells the process that is traced what to do.
const SCENARIO: &str = "HYPERIA_SCENARIO";

/// What [`difference`] counts: everything about descriptors and sockets. Memory, locks and threads of the
/// test itself differ from run to run.
const COUNTED: &str = "trace=%network,epoll_ctl,epoll_wait,epoll_pwait,epoll_pwait2,eventfd2,\
                       read,write,readv,writev,poll,ppoll,ioctl,close";

/// System calls by name.
pub type Calls = HashMap<String, i64>;

/// The scenario that this process was started for by [`traced`], if it was.
pub fn scenario() -> Option<String> {
    std::env::var(SCENARIO).ok()
}

/// Runs `test` of this test binary under `strace -f` with `options` and with [`scenario`] set; returns what
/// strace wrote. `None`, after a line that says so, if that lacks `evidence`: it could not trace.
///
/// # Panics
/// If the test was traced and failed.
pub fn traced(test: &str, scenario: &str, options: &[&str], evidence: &str) -> Option<String> {
    let exe = std::env::current_exe().expect("the test binary has a path");
    let log = exe.with_extension(format!("{test}.{scenario}.{}.strace", std::process::id()));
    let output = Command::new("strace")
        .arg("-f")
        .args(options)
        .arg("-o")
        .arg(&log)
        .arg(&exe)
        .args(["--exact", test, "--test-threads=1"])
        .env(SCENARIO, scenario)
        // A leak checker works by ptrace itself, and nothing can be traced twice.
        .env("ASAN_OPTIONS", "detect_leaks=0")
        .output();
    let trace = std::fs::read_to_string(&log).unwrap_or_default();
    // It may not have come to be.
    let _ = std::fs::remove_file(&log);
    match output {
        Ok(output) if trace.contains(evidence) => {
            assert!(output.status.success(), "the scenario failed: {output:?}");
            Some(trace)
        }
        outcome => {
            println!("skipped: {test}, {scenario} (strace cannot be used: {outcome:?})");
            None
        }
    }
}

/// What `size` more of a scenario cost: the calls of a run with `2 * size` without those of one with `size`,
/// and so without what starting, ending and the test harness cost. Calls whose numbers are equal are left out.
///
/// `test` is the name of the test that calls this. In the process that is traced it runs `scenario` instead,
/// and returns `None`; so it does, after a line that says so, where strace cannot trace.
///
/// # Panics
/// If the scenario does.
pub fn difference(test: &str, size: usize, scenario: impl Fn(usize)) -> Option<Calls> {
    if let Some(size) = self::scenario() {
        scenario(size.parse().expect("a size"));
        return None;
    }
    let (once, twice) = (counted(test, size)?, counted(test, 2 * size)?);
    let mut calls = twice;
    for (call, count) in once {
        *calls.entry(call).or_default() -= count;
    }
    calls.retain(|_, count| *count != 0);
    Some(calls)
}

/// The calls of `test` with a scenario of `size`.
fn counted(test: &str, size: usize) -> Option<Calls> {
    const TOTAL: &str = "total";
    let options = ["-c", "-U", "calls,name", "-e", COUNTED];
    let summary = traced(test, &size.to_string(), &options, TOTAL)?;
    let mut calls = Calls::new();
    for line in summary.lines() {
        let mut words = line.split_whitespace();
        if let (Some(count), Some(call), None) = (words.next(), words.next(), words.next())
            && let Ok(count) = count.parse()
            && call != TOTAL
        {
            calls.insert(call.to_owned(), count);
        }
    }
    Some(calls)
}
