//! What the programs do without a peer of somebody else's: start one, move bytes, compare, end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};

use hyperia_examples::tally::Tally;

/// A program. Cargo builds the examples for `cargo test`, but names no variable after them.
fn program(name: &str) -> Command {
    let mut path: PathBuf = std::env::current_exe().expect("a test has a path");
    path.pop(); // the name of this test
    path.pop(); // deps
    path.push("examples");
    path.push(name);
    assert!(
        path.exists(),
        "{} is missing: `cargo build --examples` makes it",
        path.display()
    );
    Command::new(path)
}

/// Held by whoever runs the client with a sink of its own, which wants one port.
static PORT: Mutex<()> = Mutex::new(());

fn run(name: &str, arguments: &[&str]) -> (Output, String) {
    let output = program(name)
        .args(arguments)
        .output()
        .expect("the program starts");
    let text = String::from_utf8(output.stdout.clone()).expect("it prints text");
    (output, text)
}

/// The words of the first line that begins with `word`.
fn words<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    let line = text.lines().find(|line| line.starts_with(word));
    line.unwrap_or_else(|| panic!("no line begins with {word}: {text}"))
        .split_whitespace()
        .collect()
}

/// Whether the summary says that what was received is what was sent, and how many messages that was.
fn agreed(text: &str) -> u64 {
    let (sent, received) = (words(text, "sent"), words(text, "received"));
    assert_eq!(sent[1..7], received[1..7], "{text}");
    assert_eq!(received[7..], ["agrees"], "{text}");
    sent[1].parse().expect("a number of messages")
}

fn interrupt(child: &Child) {
    let pid = libc::pid_t::try_from(child.id()).expect("pids are small");
    // SAFETY: kill takes two numbers; the child was not waited for yet, so the pid is still its own.
    let result = unsafe { libc::kill(pid, libc::SIGINT) };
    assert_eq!(result, 0, "the child is there to be interrupted");
}

#[test]
fn the_client_sends_all_of_its_load_to_its_own_sink() {
    let _port = PORT.lock().unwrap_or_else(PoisonError::into_inner);
    let knobs = [
        "--messages",
        "200001",
        "--message-size",
        "8B",
        "--producers",
        "3",
    ];
    let (output, text) = run("tcp_client", &knobs);
    assert!(output.status.success(), "{text}");
    assert_eq!(agreed(&text), 200_001);
    assert_eq!(
        words(&text, "failed"),
        ["failed", "0", "unsent", "0", "unknown"]
    );
}

#[test]
fn the_client_takes_a_free_port_if_its_own_is_taken() {
    let _port = PORT.lock().unwrap_or_else(PoisonError::into_inner);
    // Either this succeeds, or another program has it.
    let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 9000));
    let (output, text) = run("tcp_client", &["--messages", "1000"]);
    assert!(output.status.success(), "{text}");
    assert!(
        text.starts_with("127.0.0.1:9000 is taken: the sink listens on 127.0.0.1:"),
        "{text}"
    );
    assert_eq!(agreed(&text), 1000);
}

#[test]
fn the_client_drains_when_it_is_interrupted() {
    let _port = PORT.lock().unwrap_or_else(PoisonError::into_inner);
    let mut child = program("tcp_client")
        .args(["--messages", "1000000000"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdout = BufReader::new(child.stdout.take().expect("it is a pipe"));
    let mut text = String::new();
    // Until the first live line, which stands under the header.
    while !text.contains("s\n") {
        assert_ne!(
            stdout.read_line(&mut text).expect("it prints text"),
            0,
            "{text}"
        );
    }
    interrupt(&child);
    stdout.read_to_string(&mut text).expect("it prints text");
    assert!(child.wait().expect("it ends").success(), "{text}");
    let messages = agreed(&text);
    assert!(messages > 0 && messages < 1_000_000_000, "{text}");
    assert_eq!(
        words(&text, "failed"),
        ["failed", "0", "unsent", "0", "unknown"]
    );
    assert!(text.contains("throughput"), "{text}");
}

#[test]
fn the_client_does_not_know_what_a_foreign_server_received() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    let addr = listener.local_addr().expect("it is bound").to_string();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the client connects");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("the client sends");
        bytes
    });
    let (output, text) = run(
        "tcp_client",
        &[
            "--addr",
            &addr,
            "--messages",
            "100",
            "--connections",
            "1",
            "--producers",
            "1",
        ],
    );
    assert!(output.status.success(), "{text}");
    assert_eq!(words(&text, "received")[..2], ["received", "unknown:"]);
    let bytes = server.join().expect("reading does not panic");
    assert_eq!(bytes.len(), 100 * 64);
    assert!(bytes.starts_with(b"0000000000000000...."));
    assert!(bytes.ends_with(b"...\n"));
}

#[test]
fn the_client_counts_what_it_could_not_send() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    let addr = listener.local_addr().expect("it is bound").to_string();
    drop(listener);
    let (output, text) = run("tcp_client", &["--addr", &addr, "--messages", "50000"]);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("a dial failed: connection refused"), "{text}");
    assert_eq!(words(&text, "sent")[1], "0");
    assert_eq!(
        words(&text, "failed"),
        ["failed", "50000", "unsent", "0", "unknown"]
    );
}

#[test]
fn the_client_refuses_a_port_that_is_no_destination() {
    let (output, _) = run("tcp_client", &["--addr", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(2));
    let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        wrong.contains("port 0 is no destination; allowed are 1 to 65535"),
        "{wrong}"
    );
}

#[test]
fn the_server_says_where_it_cannot_listen() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    let addr = listener.local_addr().expect("it is bound").to_string();
    let (output, _) = run("tcp_server", &["--addr", &addr]);
    assert_eq!(output.status.code(), Some(1));
    let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        wrong.contains(&format!("cannot listen on {addr}: ")),
        "{wrong}"
    );
}

/// A server for others, what it is going to print, and where it listens.
fn start_server(arguments: &[&str]) -> (Child, BufReader<ChildStdout>, String) {
    let mut child = program("tcp_server")
        .args(["--addr", "127.0.0.1:0"])
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdout = BufReader::new(child.stdout.take().expect("it is a pipe"));
    let mut text = String::new();
    stdout.read_line(&mut text).expect("it prints text");
    let addr = text
        .split([' ', ','])
        .nth(2)
        .expect("it says where it listens")
        .to_owned();
    (child, stdout, addr)
}

#[test]
fn the_server_serves_its_own_load_and_ends() {
    for arguments in [&[][..], &["--echo"]] {
        let (output, text) = run("tcp_server", arguments);
        assert!(output.status.success(), "{text}");
        assert_eq!(
            words(&text, "received")[..3],
            ["received", "200000", "lines,"]
        );
    }
}

#[test]
fn the_server_ends_gracefully_when_it_is_interrupted() {
    let (mut child, mut stdout, addr) = start_server(&[]);
    let (output, _) = run("tcp_client", &["--addr", &addr, "--messages", "1000"]);
    assert!(output.status.success());
    interrupt(&child);
    let mut text = String::new();
    stdout.read_to_string(&mut text).expect("it prints text");
    assert!(child.wait().expect("it ends").success(), "{text}");
    assert_eq!(
        words(&text, "received")[..5],
        ["received", "1000", "lines,", "64000", "bytes,"]
    );
}

#[test]
fn a_connection_of_the_server_holds_one_buffer_however_much_it_reads() {
    for arguments in [&[][..], &["--echo"]] {
        let (_, text) = run("tcp_server", arguments);
        let ends: Vec<_> = text
            .lines()
            .filter(|line| line.ends_with(", closed"))
            .collect();
        assert_eq!(ends.len(), 4, "{text}");
        for line in ends {
            assert!(line.contains(" 50000 lines, 988890 bytes, "), "{line}");
            assert!(line.contains(", peak memory 262144 bytes, "), "{line}");
        }
        assert_eq!(
            words(&text, "memory")[1..],
            ["0", "blocks,", "0", "bytes", "live"]
        );
    }
}

#[test]
fn the_server_names_who_outstays_its_grace() {
    let (mut child, mut stdout, addr) = start_server(&["--echo"]);
    let mut peer = TcpStream::connect(addr).expect("the server listens");
    peer.write_all(b"hello\n").expect("the server reads");
    peer.read_exact(&mut [0; 6]).expect("the server echoes");
    interrupt(&child);
    // `peer` ends nothing.
    let mut text = String::new();
    stdout.read_to_string(&mut text).expect("it prints text");
    assert!(child.wait().expect("it ends").success(), "{text}");
    let mut heard = Tally::default();
    heard.add_line(b"hello\n");
    let name = peer.local_addr().expect("it is connected");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines,
        [
            &format!("{name} cut off with 1 blocks, 262144 bytes live"),
            "not drained in time: 1 blocks, 262144 bytes were live",
            &format!("received {heard}"),
            "memory   0 blocks, 0 bytes live",
        ]
    );
}

#[test]
fn pooled_messages_arrive_and_all_buffers_come_back() {
    let (output, text) = run("pooled_messages", &[]);
    assert!(output.status.success(), "{text}");
    let (sent, received) = (words(&text, "sent"), words(&text, "received"));
    assert_eq!(sent[1..], received[1..]);
    assert_eq!(sent[1..3], ["200000", "lines,"]);
    let pool = words(&text, "pool");
    let built: usize = pool[1].parse().expect("a number of buffers");
    assert!((1..=64).contains(&built), "{text}");
    assert!(
        text.ends_with(" for 200000 messages, 64 of 64 back\n"),
        "{text}"
    );
}

#[test]
fn the_shortest_program_ends() {
    let (output, text) = run("event_loop", &[]);
    assert!(output.status.success());
    assert!(
        text.starts_with("1048576 bytes went to 127.0.0.1:"),
        "{text}"
    );
}
