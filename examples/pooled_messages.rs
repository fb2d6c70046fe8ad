//! Messages made in buffers of a pool: as many buffers as may be under way, however many messages are sent.
//!
//! ```text
//!   two threads ──get (waits)──▶ buffer ──try_enqueue──▶ client ──▶ connections ──▶ sink (ours)
//!                      ▲                                   │ verdict
//!                      └────────────── pool ◀────drop──────┘
//! ```
//!
//! `cargo run --release --example pooled_messages` takes no arguments and ends by itself. Producers are faster than
//! a socket: what holds them back is the pool, which makes them wait while all of its buffers are under way.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use hyperia_client::Client;
use hyperia_examples::sink::Sink;
use hyperia_examples::tally::Tally;
use hyperia_net::TcpListener;
use hyperia_pool::{OwnedPooled, Pool};
use hyperia_rt::{EventLoop, LoopHandle};
use hyperia_wait::Block;

/// Messages that may be under way at a time.
const BUFFERS: usize = 64;

/// Bytes of the longest message.
const MESSAGE_BYTES_MAX: usize = 4096;

/// What each of the two threads sends.
const MESSAGES: u64 = 100_000;

/// How often the pool had to make a buffer.
static BUILT: AtomicUsize = AtomicUsize::new(0);

/// A message is a buffer on loan: it goes back to the pool when the client drops it.
type Message = OwnedPooled<Vec<u8>>;

fn main() -> io::Result<ExitCode> {
    let mut event_loop = EventLoop::new()?;
    let handle = event_loop.handle().clone();
    event_loop.block_on(run(handle))
}

async fn run(handle: LoopHandle) -> io::Result<ExitCode> {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = TcpListener::bind(handle.reactor(), any_port)?;
    let address = listener.local_addr()?;
    let sink = Rc::new(Sink::default());
    let server = handle.spawn(Rc::clone(&sink).serve(listener, handle.clone()));

    // Makes a buffer when a slot is first used, and clears it each time that it comes back.
    let pool = Arc::new(Pool::new(BUFFERS, new_buffer).with_reset(Vec::clear));

    // Without `on_settled` the driver drops each message as soon as it has its verdict.
    let (client, driver) = Client::builder(address)
        .queue_messages(BUFFERS) // whoever has a buffer finds room
        .queue_bytes(BUFFERS * MESSAGE_BYTES_MAX)
        .build(handle.reactor(), handle.timers());

    let producers = ["one", "two"].map(|name| {
        let (client, pool) = (client.clone(), Arc::clone(&pool));
        thread::spawn(move || produce(name, &client, &pool))
    });
    // The producers have theirs: when the last is gone and everything has its verdict, the driver is done.
    drop(client);
    let stats = driver.await;
    let mut sent = Tally::default();
    for producer in producers {
        sent += producer.join().expect("producers do not panic")?;
    }
    sink.stop();
    server.await?;

    let received = sink.received();
    // ORDERING: Relaxed, the threads are joined.
    let (built, idle) = (BUILT.load(Relaxed), pool.len_idle());
    println!("sent     {sent}");
    println!("received {received}");
    println!(
        "pool     {built} buffers built for {} messages, {idle} of {} back",
        stats.sent,
        pool.capacity()
    );
    let all_is_well = received == sent && stats.sent == sent.messages && idle == pool.capacity();
    Ok(if all_is_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn new_buffer() -> Vec<u8> {
    // ORDERING: Relaxed, a count and nothing else.
    BUILT.fetch_add(1, Relaxed);
    Vec::with_capacity(MESSAGE_BYTES_MAX)
}

/// Sends lines of 64 bytes to 4 KiB: the client copies short ones together, and writes long ones from the buffer
/// itself. Either way it keeps the message until the kernel has all of it.
fn produce(name: &str, client: &Client<Message>, pool: &Arc<Pool<Vec<u8>>>) -> io::Result<Tally> {
    let mut sent = Tally::default();
    for number in 0..MESSAGES {
        // The one place where a producer waits. A task would say `.await`; a thread blocks.
        let mut buffer = pool.get_owned().block();
        write!(buffer, "message {number} of {name} ")?;
        buffer.resize((64 << (number % 7)) - 1, b'.');
        buffer.push(b'\n');
        sent.add_line(&buffer);
        client.try_enqueue(buffer).map_err(io::Error::other)?;
    }
    Ok(sent)
}
