//! The TCP client against what one would write with tokio: a bounded `mpsc` channel, one task that
//! writes through a `BufWriter` and flushes when the channel is empty. Both from four producer tasks
//! to the same sink over loopback, each on one thread.
use hyperia_bench::{Comparison, Load, Sample, measure, version};
use hyperia_client::Client;
use hyperia_rt::EventLoop;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::io::{AsyncWriteExt, BufWriter};
use tokio::sync::mpsc;

const PRODUCERS: u64 = 4;
/// What waits, at most, in either queue.
const QUEUE_MESSAGES: usize = 1024;
const QUEUE_BYTES: usize = 1 << 20;
/// Eight times tokio's default: in its favour.
const WRITE_BUFFER: usize = 64 << 10;
/// Longest that the sink may take for what is on its way.
const PATIENCE: Duration = Duration::from_secs(30);

/// Size of a message, how many are sent in a sample.
const SIZES: [(usize, u64); 4] = [
    (8, 1_000_000),
    (64, 1_000_000),
    (1 << 10, 200_000),
    (64 << 10, 4_000),
];

/// Reads everything from everybody and counts it, on threads that end with the process.
struct Sink {
    addr: SocketAddr,
    bytes: Arc<AtomicU64>,
}

impl Sink {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let addr = listener.local_addr().expect("it is bound");
        let bytes = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&bytes);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("loopback accepts");
                let counter = Arc::clone(&counter);
                std::thread::spawn(move || {
                    let mut buffer = vec![0; 256 << 10];
                    while let Ok(count @ 1..) = stream.read(&mut buffer) {
                        counter.fetch_add(count as u64, Relaxed);
                    }
                });
            }
        });
        Self { addr, bytes }
    }

    /// Times `send`, which sends `bytes`, until the sink has read them.
    fn sample(&self, bytes: u64, send: impl FnOnce()) -> Sample {
        self.bytes.store(0, Relaxed);
        let sample = measure(|| {
            send();
            let start = Instant::now();
            while self.bytes.load(Relaxed) < bytes {
                assert!(start.elapsed() < PATIENCE, "bytes are missing");
                std::thread::yield_now();
            }
        });
        assert_eq!(self.bytes.load(Relaxed), bytes);
        sample
    }
}

/// How many of `operations` producer `index` sends.
fn share(operations: u64, index: u64) -> u64 {
    operations * (index + 1) / PRODUCERS - operations * index / PRODUCERS
}

fn ours(sink: &Sink, connections: usize, message: &'static [u8], operations: u64) -> Sample {
    let mut event_loop = EventLoop::new().expect("descriptors");
    let handle = event_loop.handle().clone();
    let (client, driver) = Client::<&'static [u8]>::builder(sink.addr)
        .max_connections(connections)
        .queue_messages(QUEUE_MESSAGES)
        .queue_bytes(QUEUE_BYTES)
        .build(handle.reactor(), handle.timers());
    sink.sample(operations * message.len() as u64, || {
        event_loop.block_on(async {
            let driver = handle.spawn(driver);
            let producers: Vec<_> = (0..PRODUCERS)
                .map(|index| {
                    let client = client.clone();
                    handle.spawn(async move {
                        for _ in 0..share(operations, index) {
                            assert!(client.enqueue(message).await.is_ok());
                        }
                    })
                })
                .collect();
            for producer in producers {
                producer.await;
            }
            client.close();
            driver.await;
        });
    })
}

fn theirs(sink: &Sink, message: &'static [u8], operations: u64) -> Sample {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build();
    let runtime = runtime.expect("descriptors");
    let capacity = QUEUE_MESSAGES.min(QUEUE_BYTES / message.len());
    sink.sample(operations * message.len() as u64, || {
        runtime.block_on(async {
            let (sender, mut receiver) = mpsc::channel::<&'static [u8]>(capacity);
            let addr = sink.addr;
            let writer = tokio::spawn(async move {
                let stream = tokio::net::TcpStream::connect(addr).await?;
                stream.set_nodelay(true)?;
                let mut stream = BufWriter::with_capacity(WRITE_BUFFER, stream);
                while let Some(message) = receiver.recv().await {
                    stream.write_all(message).await?;
                    while let Ok(message) = receiver.try_recv() {
                        stream.write_all(message).await?;
                    }
                    stream.flush().await?;
                }
                stream.shutdown().await
            });
            for index in 0..PRODUCERS {
                let sender = sender.clone();
                tokio::spawn(async move {
                    for _ in 0..share(operations, index) {
                        sender.send(message).await.expect("the writer lives");
                    }
                });
            }
            drop(sender);
            writer
                .await
                .expect("no panic")
                .expect("loopback does not fail");
        });
    })
}

fn main() {
    let load = Load::from_args();
    let name = format!("hyperia-client {}", version("hyperia-client"));
    let peer = format!(
        "tokio {} mpsc + BufWriter (rt net io-util sync)",
        version("tokio")
    );
    let sink = Sink::start();
    for (size, operations) in SIZES {
        let message: &'static [u8] = vec![b'.'; size].leak();
        let sink = &sink;
        Comparison::new(format!("client, {PRODUCERS} producers, {size} bytes"), "message", operations)
            .checked("the sink has read as many bytes as were sent, and no more")
            .not_shown(
                "latency, a network, or a peer that fails: the peer does not account for messages, does \
                 not reconnect and has one connection. CPU includes the sink and the connect",
            )
            .contender(format!("{name}, 1 connection"), move |operations| {
                ours(sink, 1, message, operations)
            })
            .contender(format!("{name}, up to 4 connections"), move |operations| {
                ours(sink, 4, message, operations)
            })
            .contender(&peer, move |operations| theirs(sink, message, operations))
            .run(load);
    }
}
