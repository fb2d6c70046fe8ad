//! A pooled TCP client for one destination that reconnects by itself and accounts for every message.
//!
//! | Type | What it is |
//! |---|---|
//! | [`Client`] | the handle for producers: `enqueue`, `try_enqueue`, `send`, `flush`, `close` |
//! | [`Driver`] | one future that owns every connection and does all the work; spawn it or await it |
//! | [`Builder`] | the knobs, all with defaults |
//! | [`Destination`] | an address, several of them, or a resolver |
//! | [`Verdict`], [`Reason`] | what became of a message, and why |
//! | [`Unsent`], [`TryEnqueueError`], [`SendError`], [`FlushError`] | errors; a message always comes back |
//! | [`Stats`], [`Latency`], [`Failures`], [`BreakerState`] | the counters |
//! | [`Events`], [`Event`], [`ConnectionId`] | what happens to the pool, as a stream |
//! | [`OnRead`] | takes what the peer sends, with backpressure |
//! | [`Connector`], [`Transport`] | connections of another kind: TLS, a handshake first, a simulated network |
//! | [`TcpConnector`], [`TcpConnect`] | TCP, the default |
//!
//! Producers put messages into one queue, bounded in messages and bytes. The driver opens connections on demand, up to
//! a bound, takes batches from the queue and hands each to the kernel in one call. A connection that is lost is made
//! again with backoff; a circuit breaker guards the dials; every accepted message gets exactly one [`Verdict`].
//! [`Client`] has the table of what each call promises, and what it cannot.
//!
//! There is no hidden task, thread, lookup or global: the client is made with the handle of a reactor and with timers,
//! and runs wherever its driver is polled.

#![forbid(unsafe_code)]

mod batch;
mod builder;
mod client;
mod contain;
mod destination;
mod driver;
mod event;
mod latency;
mod ledger;
mod mask;
mod pool;
mod primitive;
mod queue;
mod shared;
mod stats;
mod transport;
mod verdict;

pub use builder::Builder;
pub use client::{Client, Enqueue, Finished, Flush, SendMessage};
pub use destination::Destination;
pub use driver::Driver;
pub use event::{ConnectionId, Event, Events};
pub use hyperia_net::Keepalive;
pub use latency::Latency;
pub use stats::{BreakerState, Failures, Stats};
pub use transport::tcp::{TcpConnect, TcpConnector};
pub use transport::{Connector, OnRead, Transport};
pub use verdict::{FlushError, Reason, SendError, TryEnqueueError, Unsent, Verdict};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
