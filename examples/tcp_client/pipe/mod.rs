//! `--pipe`: the lines of standard input are the messages, and each gets exactly one verdict.
//!
//! ```text
//!   stdin ──▶ reader ──enqueue──▶ client's queue ──▶ driver ──▶ connections
//!               ▲                                      │ on_settled
//!               └──── room ──── board ◀────────────────┘
//!                                 └── text ──▶ writer ──▶ stdout
//! ```
//!
//! | What happens | What follows |
//! |---|---|
//! | end of input | every line gets its verdict, the connections are closed in an orderly way, exit 0 |
//! | SIGINT, SIGTERM | no further line is read; those read have [`GRACE`] to leave, then they are failed; exit 0 if every verdict could be written |
//! | stdout is gone | as for a signal, exit 1: nobody is left to tell |
//! | stdout stalls | reading stops until it goes on; after a signal it has until [`EXIT`], then exit 1 |
//! | stdin fails | as at its end, exit 1 |
//! | an unfinished line at a signal | not a line: no message, no verdict |

mod board;
mod stdio;

use std::fmt::Write;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::pin;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyperia_client::{Client, Stats, Unsent};
use hyperia_examples::lines::{Line, LineCutter};
use hyperia_examples::trouble::last_trouble;
use hyperia_rt::{EventLoop, LoopHandle};
use hyperia_signal::{Signal, Signals};
use hyperia_wait::{Either, WaitQueue, race};

use self::board::{Board, Fate};
use self::stdio::{Stdio, report};
use crate::args::{Addresses, ClientKnobs};

/// After a signal, how long lines already read may take to leave.
const GRACE: Duration = Duration::from_millis(600);

/// After a signal, when the program ends at the latest, whatever stalls.
const EXIT: Duration = Duration::from_millis(1_100);

/// The most bytes of one read.
const READ_BYTES: usize = 64 * 1024;

/// Runs to the end of the input or a signal.
pub(crate) fn run(addresses: &Addresses, knobs: &ClientKnobs) -> io::Result<ExitCode> {
    let mut event_loop = EventLoop::new()?;
    let handle = event_loop.handle().clone();
    event_loop.block_on(pump(handle, addresses.0.clone(), knobs))
}

async fn pump(
    handle: LoopHandle,
    addresses: Vec<SocketAddr>,
    knobs: &ClientKnobs,
) -> io::Result<ExitCode> {
    let timers = handle.timers();
    let signals = Signals::new(handle.reactor(), &[Signal::INTERRUPT, Signal::TERMINATE])?;
    let stdin = Stdio::stdin(handle.reactor())?;
    let stdout = Stdio::stdout(handle.reactor())?;

    let board = Arc::new(Board::new(knobs.queue_messages as usize, knobs.queue_bytes));
    let settled = Arc::clone(&board);
    let (client, driver) = knobs
        .builder(addresses)
        .on_settled(move |line: Vec<u8>, verdict| settled.settle(&line, verdict.into()))
        .build(handle.reactor(), timers);
    let mut events = client.events();
    let driver = handle.spawn(driver);
    let cutter = LineCutter::new(knobs.queue_bytes);
    // Closed, once and for good, when no further line is to be read.
    let stop = Rc::new(WaitQueue::new());
    let reader = handle.spawn(read_lines(
        stdin,
        cutter,
        client.clone(),
        Arc::clone(&board),
        Rc::clone(&stop),
    ));
    let writer = handle.spawn(write_verdicts(stdout, Arc::clone(&board), Rc::clone(&stop)));
    handle
        .spawn(stop_on_signal(signals, Rc::clone(&stop)))
        .detach();

    // The end, whatever brought it about: no more input, every verdict known, connections closed, all written.
    let orderly = async {
        let input = reader.await;
        board.settled().await;
        client.close();
        let stats = driver.await;
        board.finish();
        (input, writer.await, stats)
    };
    // After a stop it has to come in time: the reader's lines and the queue fail, then the connections.
    let in_time = async {
        let _ = stop.wait().await;
        client.close();
        timers.sleep(GRACE).await;
        client.abort();
        timers.sleep(EXIT - GRACE).await;
    };
    let (input, output, stats) = match race(pin!(orderly), pin!(in_time)).await {
        Either::Left((ends, _)) => ends,
        Either::Right(_) => (Ok(()), Err(ErrorKind::TimedOut.into()), client.stats()),
    };
    let trouble = last_trouble(&mut events);
    Ok(conclude(&board, &stats, trouble, input, output))
}

/// Says on standard error what became of the lines, and chooses the exit code.
fn conclude(
    board: &Board,
    stats: &Stats,
    trouble: Option<String>,
    input: io::Result<()>,
    output: io::Result<()>,
) -> ExitCode {
    let mut text = format!("tcp_client: {}\n", board.shares());
    let _ = writeln!(
        text,
        "tcp_client: {} dials, {} failed, {} reconnects, {} connections lost, {:.1} lines a write",
        stats.dials,
        stats.dials_failed,
        stats.reconnects,
        stats.lost,
        stats.sent as f64 / stats.batches.max(1) as f64
    );
    if let Some(trouble) = trouble {
        let _ = writeln!(text, "tcp_client: last: {trouble}");
    }
    let mut code = ExitCode::SUCCESS;
    for (stream, result) in [("stdin", input), ("stdout", output)] {
        if let Err(error) = result {
            let _ = writeln!(text, "tcp_client: {stream}: {error}");
            code = ExitCode::FAILURE;
        }
    }
    report(&text);
    code
}

async fn stop_on_signal(mut signals: Signals, stop: Rc<WaitQueue>) {
    // It fails only once the loop is gone.
    if signals.recv().await.is_ok() {
        stop.close();
    }
}

/// Reads lines until the input ends or `stop` is closed, and hands each to the client.
async fn read_lines(
    stdin: Stdio,
    mut cutter: LineCutter,
    client: Client<Vec<u8>>,
    board: Arc<Board>,
    stop: Rc<WaitQueue>,
) -> io::Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = async {
            let room = board.room(cutter.pending()).await.min(buffer.len());
            poll_fn(|cx| stdin.poll_read(cx, &mut buffer[..room])).await
        };
        let len = match race(pin!(stop.wait()), pin!(read)).await {
            Either::Left(_) => return Ok(()),
            Either::Right((read, _)) => read?,
        };
        let mut bytes = &buffer[..len];
        while let Some(line) = cutter.next_line(&mut bytes) {
            submit(line, &client, &board).await;
        }
        if len == 0 {
            if let Some(line) = cutter.finish() {
                submit(line, &client, &board).await;
            }
            return Ok(());
        }
    }
}

/// Hands one line to the client; if that refuses it, the verdict is known at once.
async fn submit(line: Line, client: &Client<Vec<u8>>, board: &Board) {
    match line {
        Line::Message(line) => {
            board.add(&line);
            if let Err(Unsent(line, _reason)) = client.enqueue(line).await {
                board.settle(&line, Fate::Unsent);
            }
        }
        Line::TooLong(start) => {
            board.add(&start);
            board.settle(&start, Fate::Unsent);
        }
    }
}

/// Writes verdicts as they come, all there are in one go, until the last. If that fails nobody reads them:
/// then it closes `stop`.
async fn write_verdicts(stdout: Stdio, board: Arc<Board>, stop: Rc<WaitQueue>) -> io::Result<()> {
    let written = write_all_verdicts(&stdout, &board).await;
    if written.is_err() {
        stop.close();
    }
    written
}

async fn write_all_verdicts(stdout: &Stdio, board: &Board) -> io::Result<()> {
    let mut text = Vec::new();
    while board.take_text(&mut text).await {
        let mut rest = text.as_slice();
        while !rest.is_empty() {
            let written = poll_fn(|cx| stdout.poll_write(cx, rest)).await?;
            rest = &rest[written..];
        }
        text.clear();
    }
    Ok(())
}
