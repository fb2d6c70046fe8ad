//! System calls: few for many lines, none for nothing. Both need strace, and say so where it is absent.

use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::client::{Client, Verdict, command};
use crate::lines;
use crate::server::{Mode, Server};

/// `tcp_client` under strace, whose output goes to a file.
fn traced(client: &Command, name: &str) -> Option<(Command, PathBuf)> {
    let probe = Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "true"])
        .status();
    if !probe.is_ok_and(|status| status.success()) {
        println!("skipped: strace is absent, or may not trace");
        return None;
    }
    let path = std::env::temp_dir().join(format!("hyperia-{name}-{}", std::process::id()));
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-qq", "-ttt", "-o"])
        .arg(&path)
        .arg(client.get_program())
        .args(client.get_args());
    Some((strace, path))
}

/// When each system call began, in seconds, and its name.
fn calls(path: PathBuf) -> Vec<(f64, String)> {
    let trace = std::fs::read_to_string(&path).expect("strace wrote it");
    std::fs::remove_file(&path).expect("it is ours");
    let calls = trace.lines().filter_map(|line| {
        // 1234 1700000000.123456 read(0, ...
        let mut words = line.split_whitespace().skip(1);
        let at = words.next()?.parse().ok()?;
        let (name, _) = words.next()?.split_once('(')?;
        Some((at, name.to_owned()))
    });
    calls.collect()
}

#[test]
fn many_lines_share_a_system_call() {
    const LINES: usize = 50_000;
    let server = Server::start(Mode::Read);
    let Some((mut strace, path)) = traced(&command(server.addr), "coalescing") else {
        return;
    };
    let mut client = Client::start(strace.stdin(Stdio::piped()));
    let feeder = client.feed(lines(LINES));
    let ended = client.wait();
    feeder.join().expect("feeding does not panic");
    assert_eq!(ended.verdicts.count(Verdict::Ok), LINES);
    server.kill();

    let mut by_name: HashMap<String, usize> = HashMap::new();
    for (_, name) in calls(path) {
        *by_name.entry(name).or_default() += 1;
    }
    let sends: usize = ["write", "writev", "sendto", "sendmsg"]
        .iter()
        .filter_map(|name| by_name.get(*name))
        .sum();
    // Including the writes of the verdicts.
    assert!(
        sends > 0 && sends <= LINES / 20,
        "{sends} writes for {LINES} lines: {by_name:?}"
    );
    let all: usize = by_name.values().sum();
    assert!(
        all <= LINES / 5,
        "{all} system calls for {LINES} lines: {by_name:?}"
    );
}

#[test]
fn an_idle_loop_only_sleeps() {
    let server = Server::start(Mode::Read);
    let mut client = command(server.addr);
    client.args(["--stable-after", "10ms"]);
    let Some((mut strace, path)) = traced(&client, "idle") else {
        return;
    };
    let mut client = Client::start(strace.stdin(Stdio::piped()));
    let mut stdin = client.stdin();
    stdin.write_all(&lines(10)).expect("the client reads");
    server.wait_for_bytes(lines(10).len());
    std::thread::sleep(Duration::from_millis(1500));
    stdin.write_all(b"m11 hello\n").expect("the client reads");
    drop(stdin);
    assert_eq!(client.wait().verdicts.count(Verdict::Ok), 11);
    server.kill();

    // The longest gap between two calls is the sleep; the one that begins it is the wait.
    let calls = calls(path);
    let gaps = calls
        .windows(2)
        .map(|pair| (pair[1].0 - pair[0].0, pair[0].1.as_str()));
    let (gap, sleeper) = gaps
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .expect("there were calls");
    assert!(gap > 1.0, "the longest sleep was {gap} s, in {sleeper}");
    assert!(sleeper.starts_with("epoll_"), "the loop slept in {sleeper}");
}
