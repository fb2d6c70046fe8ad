//! Without --pipe: sends a bounded load, shows it live, and compares what was received with what was sent.
//!
//! ```text
//!   producers ──enqueue──▶ client ──▶ connections ──▶ sink (ours, unless --addr names another)
//!                             │ on_settled               │
//!                             ▼                          ▼
//!                       tally of what was sent  ==  tally of what was received
//! ```
//!
//! The sink is a task of the same loop: one thread sends and receives, so the throughput shown is that of
//! both ends together.

use std::cell::RefCell;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyperia_client::{Client, Stats, Verdict};
use hyperia_examples::sink::Sink;
use hyperia_examples::tally::Tally;
use hyperia_examples::trouble::last_trouble;
use hyperia_net::TcpListener;
use hyperia_rt::{EventLoop, LoopHandle};
use hyperia_signal::{Signal, Signals};

use crate::args::{Args, DEMO_ADDR, Load};
use crate::samples::{Sample, header, picture, show};

/// Between two looks at the client's counters.
const SAMPLE_PERIOD: Duration = Duration::from_millis(50);

/// Looks from one live line to the next: 250 ms.
const SAMPLES_PER_LINE: u32 = 5;

/// How long the sink may take to read what is still on its way once the client is done.
const SINK_PATIENCE: Duration = Duration::from_secs(2);

/// Runs the demonstration to its end.
pub(crate) fn run(args: &Args) -> io::Result<ExitCode> {
    let mut event_loop = EventLoop::new()?;
    let handle = event_loop.handle().clone();
    event_loop.block_on(demonstrate(handle, args))
}

async fn demonstrate(handle: LoopHandle, args: &Args) -> io::Result<ExitCode> {
    let signals = Signals::new(handle.reactor(), &[Signal::INTERRUPT, Signal::TERMINATE])?;

    // The peer: ours, unless another one was named.
    let (addresses, sink) = match &args.addr {
        Some(addresses) => (addresses.0.clone(), None),
        None => {
            let listener = listen(&handle)?;
            let address = listener.local_addr()?;
            let sink = Rc::new(Sink::default());
            handle
                .spawn(Rc::clone(&sink).serve(listener, handle.clone()))
                .detach();
            (vec![address], Some(sink))
        }
    };

    // The client, and the task that runs it.
    let outcome = Arc::new(Mutex::new(Outcome::default()));
    let settled = Arc::clone(&outcome);
    let (client, driver) = args
        .client
        .builder(addresses)
        .on_settled(move |message: Vec<u8>, verdict| {
            settled
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .count(&message, verdict);
        })
        .build(handle.reactor(), handle.timers());
    let mut events = client.events();
    let driver = handle.spawn(driver);

    // The load, the eyes on it, and the way to end it early.
    let start = handle.timers().now();
    let producers: Vec<_> = shares(&args.load)
        .map(|(first, end)| {
            handle.spawn(produce(client.clone(), first, end, args.load.message_size))
        })
        .collect();
    let samples = Rc::new(RefCell::new(Vec::new()));
    let watcher = handle.spawn(watch(client.clone(), handle.clone(), Rc::clone(&samples)));
    let interrupts = handle.spawn(drain_on_signal(client.clone(), signals));

    let mut refused = 0;
    for producer in producers {
        refused += producer.await;
    }
    client.close();
    let stats = driver.await;
    let span = handle.timers().now() - start;
    if let Some(sink) = &sink {
        wait_for(sink, &handle).await;
    }
    drop((watcher, interrupts));

    let mut outcome = *outcome.lock().unwrap_or_else(PoisonError::into_inner);
    outcome.unsent += refused;
    let received = sink.map(|sink| sink.received());
    let agree = outcome.agrees_with(received);
    // Nobody reads any more (`| head`): the exit code is all that is left to give.
    let _ = summarize(&stats, outcome, received, agree, span, &samples.borrow());
    if let Some(trouble) = last_trouble(&mut events) {
        let _ = writeln!(io::stdout(), "          last: {trouble}");
    }
    // A server that is not ours says nothing: there it must have taken everything.
    let complete = received.is_some() || outcome.failed() == 0;
    Ok(if agree && complete {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Listens on the usual address, or on a free port if somebody else does.
fn listen(handle: &LoopHandle) -> io::Result<TcpListener> {
    match TcpListener::bind(handle.reactor(), DEMO_ADDR) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let listener = TcpListener::bind(handle.reactor(), any)?;
            println!(
                "{DEMO_ADDR} is taken: the sink listens on {} instead",
                listener.local_addr()?
            );
            Ok(listener)
        }
        listener => listener,
    }
}

/// Cuts the load into one range of message numbers for each producer.
fn shares(load: &Load) -> impl Iterator<Item = (u64, u64)> {
    let (messages, producers) = (load.messages, load.producers);
    let cut =
        move |index: u64| (u128::from(messages) * u128::from(index) / u128::from(producers)) as u64;
    (0..producers).map(move |index| (cut(index), cut(index + 1)))
}

/// Sends the messages numbered `first..end`, each a line of `size` bytes, until the client is closed. Returns how
/// many came back without having been accepted, because everything pending was failed while they waited for room.
async fn produce(client: Client<Vec<u8>>, first: u64, end: u64, size: usize) -> u64 {
    let mut refused = 0;
    let mut template = vec![b'.'; size];
    template[size - 1] = b'\n';
    for number in first..end {
        let mut line = template.clone();
        write_hex(&mut line[..size - 1], number);
        match client.enqueue(line).await {
            Ok(()) => {}
            Err(_) if client.is_closed() => break,
            Err(_) => refused += 1,
        }
    }
    refused
}

/// Writes the last digits of `number`, as many as fit, at most 16.
fn write_hex(line: &mut [u8], number: u64) {
    for (nibble, digit) in line.iter_mut().take(16).rev().enumerate() {
        *digit = b"0123456789abcdef"[(number >> (4 * nibble)) as usize & 0xF];
    }
}

/// Closes the client at the first signal, so that it drains; aborts it at the second.
async fn drain_on_signal(client: Client<Vec<u8>>, mut signals: Signals) -> io::Result<()> {
    signals.recv().await?;
    client.close();
    signals.recv().await?;
    client.abort();
    Ok(())
}

/// Looks at the client now and then, keeps what it sees and shows some of it.
async fn watch(client: Client<Vec<u8>>, handle: LoopHandle, samples: Rc<RefCell<Vec<Sample>>>) {
    let timers = handle.timers();
    let start = timers.now();
    // Where this fails nobody reads, here and below.
    let _ = writeln!(io::stdout(), "{}", header());
    // The last look, and the last one that was shown.
    let mut last = (client.stats(), start);
    let mut shown = last.clone();
    for count in 1_u32.. {
        timers.sleep(SAMPLE_PERIOD).await;
        let look = (client.stats(), timers.now());
        samples
            .borrow_mut()
            .push(Sample::between(&last, &look, start));
        if count.is_multiple_of(SAMPLES_PER_LINE) {
            let line = Sample::between(&shown, &look, start).line(&look);
            let _ = show_live(&line);
            shown = look.clone();
        }
        last = look;
    }
}

/// Shows the live line: on a terminal over the last one, cut off at the right edge, else below it.
fn show_live(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    if stdout.is_terminal() {
        // Back to the left, wrapping off, the line, the rest erased, wrapping on.
        write!(stdout, "\r\x1b[?7l{line}\x1b[K\x1b[?7h")?;
    } else {
        writeln!(stdout, "{line}")?;
    }
    stdout.flush()
}

/// Waits until the sink has read the end of every connection.
async fn wait_for(sink: &Sink, handle: &LoopHandle) {
    let deadline = handle.timers().now() + SINK_PATIENCE;
    while sink.connections() > 0 && handle.timers().now() < deadline {
        handle.timers().sleep(Duration::from_millis(1)).await;
    }
}

/// What became of the messages.
#[derive(Clone, Copy, Debug, Default)]
struct Outcome {
    /// Those handed to the kernel whole.
    sent: Tally,
    unsent: u64,
    unknown: u64,
}

impl Outcome {
    fn count(&mut self, message: &[u8], verdict: Verdict) {
        match verdict {
            Verdict::Ok => self.sent.add_line(message),
            Verdict::Unsent(_) => self.unsent += 1,
            Verdict::Unknown(_) => self.unknown += 1,
        }
    }

    fn failed(&self) -> u64 {
        self.unsent + self.unknown
    }

    /// Whether the sink received what was sent. Of messages with an unknown fate it may have received any;
    /// whatever a foreign server received cannot disagree.
    fn agrees_with(&self, received: Option<Tally>) -> bool {
        match received {
            None => true,
            Some(received) if self.unknown == 0 => received == self.sent,
            Some(received) => {
                let most = self.sent.messages + self.unknown;
                (self.sent.messages..=most).contains(&received.messages)
            }
        }
    }
}

fn summarize(
    stats: &Stats,
    outcome: Outcome,
    received: Option<Tally>,
    agree: bool,
    span: Duration,
    samples: &[Sample],
) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if out.is_terminal() {
        writeln!(out)?;
    }
    write!(out, "{}", picture(samples))?;
    let seconds = span.as_secs_f64();
    let sent = outcome.sent;
    writeln!(
        out,
        "\nsent      {:>12} messages {:>14} bytes  checksum {:016x}",
        sent.messages, sent.bytes, sent.checksum
    )?;
    match received {
        None => writeln!(out, "received       unknown: it is not our server")?,
        Some(received) => writeln!(
            out,
            "received  {:>12} messages {:>14} bytes  checksum {:016x}  {}",
            received.messages,
            received.bytes,
            received.checksum,
            if agree { "agrees" } else { "DOES NOT AGREE" }
        )?,
    }
    writeln!(
        out,
        "failed    {:>12} unsent {:>8} unknown",
        outcome.unsent, outcome.unknown
    )?;
    writeln!(
        out,
        "took      {seconds:>11.2}s {:>11.3} M msg/s {:>11.1} MiB/s",
        sent.messages as f64 / seconds / 1e6,
        sent.bytes as f64 / seconds / f64::from(1 << 20)
    )?;
    writeln!(
        out,
        "latency   p50 {}  p99 {}  p99.9 {} (from the queue to the kernel)",
        show(stats.latency.quantile(0.5)),
        show(stats.latency.quantile(0.99)),
        show(stats.latency.quantile(0.999))
    )?;
    writeln!(
        out,
        "network   {} dials, {} failed; {} reconnects; {:.1} messages a write",
        stats.dials,
        stats.dials_failed,
        stats.reconnects,
        stats.sent as f64 / stats.batches.max(1) as f64
    )
}
