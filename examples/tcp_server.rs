//! A TCP server: accepts connections, counts the lines it reads, sends them back if asked to.
//!
//! ```text
//! cargo run --release --example tcp_server                                   with a small load of its own
//! cargo run --release --example tcp_server -- --addr 127.0.0.1:9000 --echo   for others, until Ctrl-C
//! ```
//!
//! It prints one line for each connection that ends. Ctrl-C (or SIGTERM) ends it gracefully: it accepts
//! nothing any more, tells its peers so by ending its side of each connection, and goes on reading until
//! they end theirs, for at most a second. It has ended when its connections have freed their memory, which is
//! counted, see the module `sink`; it names those that still held some when the second was over.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::pin::pin;
use std::process::ExitCode;
use std::rc::Rc;

use clap::Parser;
use hyperia_examples::sink::{Ended, Overdue, Sink};
use hyperia_examples::tally::{LineReader, Tally};
use hyperia_net::{TcpListener, TcpStream, parse_addr};
use hyperia_rt::{EventLoop, LoopHandle};
use hyperia_signal::{Signal, Signals};
use hyperia_wait::{Either, race};

/// What the program's own load consists of.
const LOAD_CONNECTIONS: u64 = 4;
const LOAD_LINES: u64 = 50_000;

/// Accepts TCP connections and counts what they send.
#[derive(Debug, Parser)]
#[command(name = "tcp_server")]
struct Args {
    /// Where to listen. Without it: on a free port, for a small load of its own.
    #[arg(long, value_name = "IP:PORT", value_parser = parse_socket_addr)]
    addr: Option<SocketAddr>,

    /// Send every byte back to where it came from.
    #[arg(long)]
    echo: bool,
}

fn parse_socket_addr(text: &str) -> Result<SocketAddr, String> {
    let address = parse_addr(text).map_err(|error| error.to_string())?;
    address
        .socket_addr()
        .ok_or_else(|| "an address to listen on is numbers, not a name".to_owned())
}

fn main() -> io::Result<ExitCode> {
    let args = Args::parse();
    let mut event_loop = EventLoop::new()?;
    let handle = event_loop.handle().clone();
    event_loop.block_on(serve(args, handle))
}

async fn serve(args: Args, handle: LoopHandle) -> io::Result<ExitCode> {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let wanted = args.addr.unwrap_or(any_port);
    let listener = match TcpListener::bind(handle.reactor(), wanted) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("tcp_server: cannot listen on {wanted}: {error}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let address = listener.local_addr()?;
    println!("listening on {address}, Ctrl-C ends");

    let mut signals = Signals::new(handle.reactor(), &[Signal::INTERRUPT, Signal::TERMINATE])?;
    let sink = Rc::new(Sink::new(args.echo, Some(print_end)));
    let mut server = handle.spawn(Rc::clone(&sink).serve(listener, handle.clone()));

    // Until a signal; without --addr until the end of our own load.
    let sent = match args.addr {
        Some(_) => match race(&mut server, pin!(signals.recv())).await {
            Either::Left((failed, _)) => return failed.map(|_| ExitCode::FAILURE),
            Either::Right(_) => None,
        },
        None => match race(
            pin!(load(&handle, address, args.echo)),
            pin!(signals.recv()),
        )
        .await
        {
            Either::Left((sent, _)) => Some(sent?),
            Either::Right(_) => None,
        },
    };
    sink.stop();
    print_overdue(&server.await?);

    let received = sink.received();
    println!("received {received}");
    let memory = sink.memory();
    println!(
        "memory   {} blocks, {} bytes live",
        memory.live_blocks(),
        memory.live_bytes()
    );
    match sent {
        Some(sent) if sent != received => {
            println!("sent     {sent}: DOES NOT AGREE");
            Ok(ExitCode::FAILURE)
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn print_end(ended: &Ended) {
    let how = match &ended.result {
        Ok(()) => "closed".to_owned(),
        Err(error) => format!("failed: {error}"),
    };
    println!(
        "{} {}, {} bytes of a cut line, peak memory {} bytes, {how}",
        ended.peer, ended.received, ended.cut, ended.peak_bytes
    );
}

/// Says which connections had to be cut off, and what was live because of them.
fn print_overdue(overdue: &[Overdue]) {
    let (mut blocks, mut bytes) = (0, 0);
    for connection in overdue {
        println!(
            "{} cut off with {} blocks, {} bytes live",
            connection.peer, connection.blocks, connection.bytes
        );
        blocks += connection.blocks;
        bytes += connection.bytes;
    }
    if !overdue.is_empty() {
        println!("not drained in time: {blocks} blocks, {bytes} bytes were live");
    }
}

/// Sends lines over several connections at a time, and returns what was sent. If the server echoes, it has to
/// send the same back.
async fn load(handle: &LoopHandle, server: SocketAddr, echo: bool) -> io::Result<Tally> {
    let clients: Vec<_> = (0..LOAD_CONNECTIONS)
        .map(|client| handle.spawn(send_lines(handle.clone(), server, client, echo)))
        .collect();
    let mut sent = Tally::default();
    for client in clients {
        sent += client.await?;
    }
    Ok(sent)
}

async fn send_lines(
    handle: LoopHandle,
    server: SocketAddr,
    client: u64,
    echo: bool,
) -> io::Result<Tally> {
    let stream = Rc::new(TcpStream::connect(handle.reactor(), server).await?);
    // Reading goes on beside writing: two ends that only write stop each other once all buffers are full.
    let echoed = handle.spawn(count_to_end(Rc::clone(&stream)));
    let mut sent = Tally::default();
    for number in 0..LOAD_LINES {
        let line = format!("client {client} line {number}\n");
        stream.write_all(line.as_bytes()).await?;
        sent.add_line(line.as_bytes());
    }
    stream.shutdown(Shutdown::Write)?;
    let echoed = echoed.await?;
    if echo && echoed != sent {
        return Err(io::Error::new(
            ErrorKind::InvalidData,
            "the echo is not what was sent",
        ));
    }
    Ok(sent)
}

/// Counts the lines that the peer sends until it ends the stream.
async fn count_to_end(stream: Rc<TcpStream>) -> io::Result<Tally> {
    let mut buffer = vec![0; 64 * 1024];
    let mut lines = LineReader::default();
    let mut tally = Tally::default();
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(tally),
            len => tally += lines.read(&buffer[..len]),
        }
    }
}
