//! What the client counts.

use core::time::Duration;

use crate::{Latency, Reason};

/// A look at the client's counters, all taken at one moment.
///
/// `accepted == sent + unsent + unknown + queue_messages + in_flight` always holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections being made.
    pub dialing: usize,
    /// Connections that carry messages.
    pub live: usize,
    /// Of the live ones, those with nothing to write.
    pub idle: usize,
    /// Connections being closed in an orderly way.
    pub closing: usize,

    /// Messages in the queue.
    pub queue_messages: usize,
    /// Their bytes.
    pub queue_bytes: usize,
    /// Messages that a connection has taken from the queue and not yet handed over whole.
    pub in_flight: usize,
    /// Callers waiting for room.
    pub waiting: usize,

    /// Messages accepted so far.
    pub accepted: u64,
    /// Messages refused because the client was closed, or while their callers waited for room.
    pub refused: u64,
    /// Messages with the verdict `Ok`.
    pub sent: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Messages with the verdict `Unsent`.
    pub unsent: u64,
    /// Messages with the verdict `Unknown`.
    pub unknown: u64,
    /// The failed ones by kind.
    pub failures: Failures,
    /// Messages that a lost connection gave back to the queue, no byte written.
    pub requeued: u64,
    /// Bytes received from the peer.
    pub received_bytes: u64,
    /// Batches written; `sent / batches` is how many messages share one.
    pub batches: u64,

    /// Dials started.
    pub dials: u64,
    /// Dials that failed.
    pub dials_failed: u64,
    /// Connections made.
    pub connected: u64,
    /// Of these, those that came after a connection was lost or a dial had failed.
    pub reconnects: u64,
    /// Connections that ended before the client wanted it.
    pub lost: u64,
    /// The circuit breaker.
    pub breaker: BreakerState,

    /// Panics of handlers, wakers, messages and transports that were caught.
    pub panics: u64,
    /// From acceptance to the kernel, sampled: one message of 64.
    pub latency: Latency,
}

/// What the circuit breaker does with dials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// Dials pass.
    #[default]
    Closed,
    /// Dials are refused.
    Open {
        /// Until then, on the clock of the timers given to the builder.
        retry_at: Duration,
    },
    /// One dial at a time passes; its result decides.
    HalfOpen,
}

/// Failed messages by kind of [`Reason`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failures {
    /// [`Reason::Closed`].
    pub closed: u64,
    /// [`Reason::Aborted`].
    pub aborted: u64,
    /// [`Reason::DrainTimeout`].
    pub drain_timeout: u64,
    /// [`Reason::ConnectFailed`].
    pub connect_failed: u64,
    /// [`Reason::BreakerOpen`].
    pub breaker_open: u64,
    /// [`Reason::ConnectionLost`] and [`Reason::Idle`].
    pub connection_lost: u64,
    /// [`Reason::WriteTimeout`] and [`Reason::ReadTimeout`].
    pub timeout: u64,
    /// [`Reason::Panicked`].
    pub panicked: u64,
}

impl Failures {
    pub(crate) fn add(&mut self, reason: Reason, n: u64) {
        *match reason {
            Reason::Closed => &mut self.closed,
            Reason::Aborted => &mut self.aborted,
            Reason::DrainTimeout => &mut self.drain_timeout,
            Reason::ConnectFailed(_) => &mut self.connect_failed,
            Reason::BreakerOpen { .. } => &mut self.breaker_open,
            Reason::ConnectionLost(_) | Reason::Idle => &mut self.connection_lost,
            Reason::WriteTimeout | Reason::ReadTimeout => &mut self.timeout,
            Reason::Panicked => &mut self.panicked,
        } += n;
    }
}
