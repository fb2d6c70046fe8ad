//! The end: of input, by signals, and with streams that stall or are gone.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::FromRawFd;
use std::process::Stdio;
use std::ptr::null_mut;
use std::time::{Duration, Instant};

use crate::client::{Client, Verdict, command};
use crate::lines;
use crate::server::{Mode, Server, dead_addr};

/// How long an end may take after a signal, whatever stalls.
const EXIT: Duration = Duration::from_millis(1500);

#[test]
fn no_input_is_no_verdict() {
    let server = Server::start(Mode::Read);
    let ended = Client::start(command(server.addr).stdin(Stdio::null())).wait();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(ended.verdicts.list, []);
    assert_eq!(
        server.kill().len(),
        0,
        "nothing to send, nothing to dial for"
    );
}

#[test]
fn a_verdict_does_not_wait_for_the_next_line() {
    let server = Server::start(Mode::Read);
    let mut client = Client::start(command(server.addr).stdin(Stdio::piped()));
    let mut stdin = client.stdin();
    for number in 1..=3 {
        writeln!(stdin, "m{number} hello").expect("the client reads");
        server.wait_for_bytes(number * "m1 hello\n".len());
    }
    drop(stdin);
    assert_eq!(client.wait().verdicts.count(Verdict::Ok), 3);
}

#[test]
fn a_signal_ends_a_run_in_the_middle() {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let server = Server::start(Mode::Read);
        let mut client = Client::start(command(server.addr).stdin(Stdio::piped()));
        let feeder = client.feed(lines(2_000_000));
        server.wait_for_bytes(10_000);
        let signalled = Instant::now();
        client.signal(signal);
        let ended = client.wait();
        assert!(signalled.elapsed() < EXIT, "{:?}", signalled.elapsed());
        assert!(ended.status.success(), "{}", ended.stderr);
        feeder.join().expect("feeding does not panic");
        // Every line that was read, and no other, has a verdict; nothing happened that could fail a line after
        // it was written.
        let verdicts = ended.verdicts.one_each();
        assert!(
            verdicts.len() > 500 && verdicts.len() < 2_000_000,
            "{} lines",
            verdicts.len()
        );
        assert_eq!(ended.verdicts.count(Verdict::Unknown), 0);
        let arrived: usize = server
            .kill()
            .iter()
            .map(|bytes| bytes.split(|byte| *byte == b'\n').count() - 1)
            .sum();
        assert_eq!(arrived, ended.verdicts.count(Verdict::Ok));
    }
}

#[test]
fn a_signal_ends_a_run_whose_server_stalls() {
    let server = Server::start(Mode::Stall);
    // A write timeout that does not help.
    let mut command = command(server.addr);
    let mut client = Client::start(
        command
            .args(["--write-timeout", "1h"])
            .stdin(Stdio::piped()),
    );
    // Long lines fill the kernel's buffers soon.
    let long = "x".repeat(50_000);
    let mut input = Vec::new();
    for number in 1..=2_000 {
        input.extend_from_slice(format!("m{number} {long}\n").as_bytes());
    }
    let feeder = client.feed(input);
    std::thread::sleep(Duration::from_millis(500));
    let signalled = Instant::now();
    client.signal(libc::SIGTERM);
    let ended = client.wait();
    assert!(signalled.elapsed() < EXIT, "{:?}", signalled.elapsed());
    feeder.join().expect("feeding does not panic");
    ended.verdicts.one_each();
    assert!(
        ended.verdicts.count(Verdict::Unsent) > 0,
        "lines were waiting"
    );
    // One MiB of queue holds 20 of these lines; what is in flight was popped from it.
    let failed = ended.verdicts.list.len() - ended.verdicts.count(Verdict::Ok);
    assert!(failed <= 22, "{failed} lines were read ahead");
    server.kill();
}

#[test]
fn a_signal_ends_a_run_that_is_dialing() {
    let mut command = command(dead_addr());
    let knobs = [
        "--attempts",
        "1000",
        "--backoff-min",
        "1h",
        "--backoff-max",
        "1h",
    ];
    let mut client = Client::start(command.args(knobs).stdin(Stdio::piped()));
    let feeder = client.feed(lines(100_000));
    std::thread::sleep(Duration::from_millis(200));
    let signalled = Instant::now();
    client.signal(libc::SIGTERM);
    let ended = client.wait();
    assert!(signalled.elapsed() < EXIT, "{:?}", signalled.elapsed());
    feeder.join().expect("feeding does not panic");
    let read = ended.verdicts.one_each().len();
    assert_eq!(ended.verdicts.count(Verdict::Unsent), read);
    assert!(
        (1..=1024).contains(&read),
        "{read} lines were read ahead of a queue of 1024"
    );
}

#[test]
fn a_signal_ends_a_run_whose_output_stalls() {
    let server = Server::start(Mode::Read);
    let mut client = Client::start_unread(command(server.addr).stdin(Stdio::piped()));
    // Labels so long that reading stops soon.
    let padding = "x".repeat(1000);
    let input: String = (1..=2_000)
        .map(|number| format!("m{number}{padding}\n"))
        .collect();
    let feeder = client.feed(input.into_bytes());
    std::thread::sleep(Duration::from_millis(300));
    // Now there is room in the pipe for some verdicts, not for all that wait: a write of them all would block.
    client.read_stdout(10_000);
    std::thread::sleep(Duration::from_millis(200));
    let before = server.bytes();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(
        server.bytes(),
        before,
        "lines were read although nobody takes their verdicts"
    );
    assert_not_blocked(&client);
    let signalled = Instant::now();
    client.signal(libc::SIGTERM);
    let ended = client.wait();
    assert!(signalled.elapsed() < EXIT, "{:?}", signalled.elapsed());
    feeder.join().expect("feeding does not panic");
    assert_eq!(
        ended.status.code(),
        Some(1),
        "verdicts could not be printed"
    );
    assert!(
        ended.stderr.contains("stdout: timed out"),
        "{}",
        ended.stderr
    );
    server.kill();
}

#[test]
fn a_signal_ends_a_run_on_a_terminal_that_stalls() {
    let server = Server::start(Mode::Read);
    let (mut master, slave) = terminal();
    let stdout = slave.try_clone().expect("there are descriptors");
    let client = Client::start_on(command(server.addr).stdin(slave).stdout(stdout));
    // Nobody reads the terminal, so the verdicts fill it, until nothing is read from it either.
    let input = lines(1_000_000);
    let mut rest = input.as_slice();
    let mut refused = 0;
    while refused < 200 {
        match master.write(rest) {
            Ok(len) => (rest, refused) = (&rest[len..], 0),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
                std::thread::sleep(Duration::from_millis(1));
                refused += 1;
            }
        }
    }
    assert_not_blocked(&client);
    let signalled = Instant::now();
    client.signal(libc::SIGTERM);
    let ended = client.wait();
    assert!(signalled.elapsed() < EXIT, "{:?}", signalled.elapsed());
    assert_eq!(
        ended.status.code(),
        Some(1),
        "verdicts could not be printed"
    );
    assert!(server.bytes() > 0, "lines were read from the terminal");
    server.kill();
}

/// Whether the loop sleeps where it can be woken, and not in a write that nobody reads.
fn assert_not_blocked(client: &Client) {
    match client.system_call() {
        Some(call) => assert_eq!(call, libc::SYS_epoll_pwait2, "the loop is blocked"),
        None => println!("skipped: the kernel does not tell where the loop sleeps"),
    }
}

/// A terminal: the end for whoever sits at it, which does not block, and the end for programs.
fn terminal() -> (File, File) {
    let (mut master, mut slave) = (-1, -1);
    let (name, settings, size) = (null_mut(), null_mut(), null_mut());
    // SAFETY: the first two pointers are to live, writable integers; the others may be null.
    let result = unsafe { libc::openpty(&raw mut master, &raw mut slave, name, settings, size) };
    assert_eq!(result, 0, "there are terminals");
    // SAFETY: F_SETFL takes an integer and no pointer; the descriptor is open.
    let result = unsafe { libc::fcntl(master, libc::F_SETFL, libc::O_NONBLOCK) };
    assert_eq!(result, 0, "terminals can be non-blocking");
    // SAFETY: openpty has just made both descriptors, and nobody else has them.
    unsafe { (File::from_raw_fd(master), File::from_raw_fd(slave)) }
}

#[test]
fn a_run_whose_output_is_gone_ends_by_itself() {
    let server = Server::start(Mode::Read);
    let mut client = Client::start_unread(command(server.addr).stdin(Stdio::piped()));
    let mut stdin = client.stdin();
    client.close_stdout();
    stdin.write_all(&lines(10)).expect("the client reads");
    let ended = client.wait();
    assert_eq!(
        ended.status.code(),
        Some(1),
        "verdicts could not be printed"
    );
    assert!(
        ended.stderr.contains("stdout: Broken pipe"),
        "{}",
        ended.stderr
    );
    server.kill();
}
