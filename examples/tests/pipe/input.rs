//! Which bytes are a line, where they may come from, and what the command line accepts.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::process::Stdio;

use crate::client::{Client, Ended, Verdict, command};
use crate::lines;
use crate::server::{Mode, Server, dead_addr};

/// Sends `input` over one connection, and returns what arrived beside the verdicts.
fn run(input: &[u8], knobs: &[&str]) -> (Ended, Vec<u8>) {
    let server = Server::start(Mode::Read);
    let mut command = command(server.addr);
    let mut client = Client::start(
        command
            .args(["--connections", "1"])
            .args(knobs)
            .stdin(Stdio::piped()),
    );
    client
        .feed(input.to_vec())
        .join()
        .expect("feeding does not panic");
    let ended = client.wait();
    (ended, server.kill().concat())
}

fn verdicts(ended: &Ended) -> Vec<(&str, Verdict)> {
    ended
        .verdicts
        .list
        .iter()
        .map(|(label, verdict)| (label.as_str(), *verdict))
        .collect()
}

#[test]
fn lines_arrive_byte_for_byte() {
    let input = b"plain\n\n  \n  indented word\r\ntab\tbed\nnul\0inside\n\xFF\xFE bytes\nlast without newline";
    let (ended, arrived) = run(input, &[]);
    assert_eq!(arrived, input);
    let labels: Vec<&str> = verdicts(&ended).iter().map(|(label, _)| *label).collect();
    let expected = [
        "plain",
        "-",
        "-",
        "indented",
        "tab",
        "nul\0inside",
        "\u{FFFD}\u{FFFD}",
        "last",
    ];
    assert_eq!(labels, expected);
    assert_eq!(ended.verdicts.count(Verdict::Ok), expected.len());
}

#[test]
fn a_line_longer_than_the_queue_is_unsent() {
    let long = format!("long {}\n", "x".repeat(300_000));
    let endless = "y".repeat(200);
    let input = format!(
        "before\n{long}after\nfits {}\n{endless}",
        "z".repeat(64 - 6)
    );
    let (ended, arrived) = run(input.as_bytes(), &["--queue-bytes", "64B"]);
    let mut verdicts = verdicts(&ended);
    verdicts.sort_by_key(|(label, _)| *label);
    let cut = "y".repeat(64);
    let expected = [
        ("after", Verdict::Ok),
        ("before", Verdict::Ok),
        ("fits", Verdict::Ok),
        ("long", Verdict::Unsent),
        (cut.as_str(), Verdict::Unsent),
    ];
    assert_eq!(verdicts, expected);
    assert_eq!(
        arrived,
        format!("before\nafter\nfits {}\n", "z".repeat(64 - 6)).as_bytes()
    );
}

#[test]
fn a_line_as_long_as_the_queue_goes_through() {
    let mut input = format!("big {}\n", "x".repeat((1 << 20) - 5)).into_bytes();
    assert_eq!(input.len(), 1 << 20);
    input.extend_from_slice(&lines(10));
    let (ended, arrived) = run(&input, &[]);
    assert_eq!(ended.verdicts.count(Verdict::Ok), 11);
    assert_eq!(arrived, input);
}

#[test]
fn a_file_can_be_standard_input() {
    let path = std::env::temp_dir().join(format!("hyperia-pipe-{}", std::process::id()));
    std::fs::write(&path, lines(5_000)).expect("there is room for a small file");
    let server = Server::start(Mode::Read);
    let file = File::open(&path).expect("it was just written");
    let ended = Client::start(command(server.addr).stdin(file)).wait();
    std::fs::remove_file(&path).expect("it is ours");
    assert_eq!(ended.verdicts.one_each().len(), 5_000);
    assert_eq!(ended.verdicts.count(Verdict::Ok), 5_000);
    server.kill();
}

#[test]
fn streams_shared_with_others_stay_blocking() {
    let server = Server::start(Mode::Read);
    let (input, writer) = std::io::pipe().expect("there are descriptors");
    let shared = input.try_clone().expect("there are descriptors");
    let client = Client::start(command(server.addr).stdin(input));
    (&writer).write_all(&lines(10)).expect("the client reads");
    server.wait_for_bytes(lines(10).len());
    // SAFETY: F_GETFL takes no further argument and changes nothing; the descriptor is open.
    let flags = unsafe { libc::fcntl(shared.as_raw_fd(), libc::F_GETFL) };
    assert!(flags >= 0 && flags & libc::O_NONBLOCK == 0, "{flags:#o}");
    drop((shared, writer));
    assert_eq!(client.wait().verdicts.count(Verdict::Ok), 10);
    server.kill();
}

#[test]
fn a_wrong_command_line_says_what_was_wrong_and_what_is_allowed() {
    for (arguments, wrong) in [
        (
            &["--write-timeout", "5"][..],
            "the unit is missing: use ns, us, ms, s, m or h, as in 500ms",
        ),
        (
            &["--queue-bytes", "1MB"],
            "unknown unit \"MB\": use B, KiB, MiB or GiB, as in 1MiB",
        ),
        (&["--queue-bytes", "0B"], "must be at least 1B"),
        (&["--connections", "65"], "65 is not in 1..=64"),
        (
            &["--backoff-min", "1s"],
            "--backoff-min must not exceed --backoff-max",
        ),
    ] {
        let ended = Client::start(command(dead_addr()).args(arguments).stdin(Stdio::null())).wait();
        assert_eq!(ended.status.code(), Some(2));
        assert!(ended.stderr.contains(wrong), "{}", ended.stderr);
        assert!(ended.stderr.contains(arguments[0]), "{}", ended.stderr);
    }
}
