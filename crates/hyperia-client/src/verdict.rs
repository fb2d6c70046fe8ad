//! What became of a message, and the errors that hand it back.

use core::error::Error;
use core::fmt;
use core::time::Duration;
use std::io;

/// What became of an accepted message. Every accepted message gets exactly one.
///
/// | Verdict | What is known | What is not |
/// |---|---|---|
/// | `Ok` | every byte was taken by this machine's kernel, on one connection, in order | whether the peer's application ever reads it: a peer that dies or resets takes what is still under way with it |
/// | `Unsent` | not one byte was given to a socket: the peer can never receive it, sending it again is safe | – |
/// | `Unknown` | at least one byte may have been given to a socket that then died; the rest goes nowhere, ever | whether the peer received it whole |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Every byte was handed to the kernel on one connection.
    Ok,
    /// Not one byte was given to a socket.
    Unsent(Reason),
    /// A write of it was in flight when its connection ended.
    Unknown(Reason),
}

impl Verdict {
    /// Whether every byte was handed to the kernel.
    #[must_use]
    pub const fn is_ok(self) -> bool {
        matches!(self, Self::Ok)
    }

    /// Why the message failed, if it did.
    #[must_use]
    pub const fn reason(self) -> Option<Reason> {
        match self {
            Self::Ok => None,
            Self::Unsent(reason) | Self::Unknown(reason) => Some(reason),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("sent"),
            Self::Unsent(reason) => write!(f, "not sent: {reason}"),
            Self::Unknown(reason) => write!(f, "may have been received: {reason}"),
        }
    }
}

/// Why a message failed or a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The client was closed, or its driver is gone.
    Closed,
    /// [`Client::abort`](crate::Client::abort) was called.
    Aborted,
    /// The client was closed and the drain deadline passed before this message went out.
    DrainTimeout,
    /// All attempts to connect failed; the last one like this. A deadline shows as `TimedOut`.
    ConnectFailed(io::ErrorKind),
    /// The circuit breaker refuses dials, and there is no connection.
    BreakerOpen {
        /// When the next dial may be tried, on the clock of the timers given to the builder.
        retry_at: Duration,
    },
    /// The connection broke. An end of stream from the peer shows as `UnexpectedEof`.
    ConnectionLost(io::ErrorKind),
    /// The peer took no byte for the write timeout.
    WriteTimeout,
    /// The peer sent no byte for the read timeout.
    ReadTimeout,
    /// The connection was idle and no longer needed.
    Idle,
    /// A piece of the user's code panicked: the message's `as_ref`, the transport or a handler.
    Panicked,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("client is closed"),
            Self::Aborted => f.write_str("client was aborted"),
            Self::DrainTimeout => f.write_str("drain deadline passed"),
            Self::ConnectFailed(kind) => write!(f, "could not connect: {kind}"),
            Self::BreakerOpen { .. } => f.write_str("circuit breaker is open"),
            Self::ConnectionLost(kind) => write!(f, "connection lost: {kind}"),
            Self::WriteTimeout => f.write_str("write deadline passed"),
            Self::ReadTimeout => f.write_str("read deadline passed"),
            Self::Idle => f.write_str("connection was idle"),
            Self::Panicked => f.write_str("user code panicked"),
        }
    }
}

/// A message that was not accepted, handed back: not one byte was given to a socket.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Unsent<M>(pub M, pub Reason);

/// Why [`try_enqueue`](crate::Client::try_enqueue) did not accept a message, which comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TryEnqueueError<M> {
    /// There is no room now, or earlier callers still wait for some.
    Full(M),
    /// The client accepts nothing any more.
    Unsent(M, Reason),
}

/// Why [`send`](crate::Client::send) failed. The message comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SendError<M> {
    /// Not one byte was given to a socket: sending it again is safe.
    Unsent(M, Reason),
    /// A write of it was in flight when its connection ended: the peer may have received it.
    Unknown(M, Reason),
}

/// Some of the messages that [`flush`](crate::Client::flush) waited for failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlushError {
    /// How many were given up before a byte of them was written.
    pub unsent: u64,
    /// How many had a write in flight when their connection ended.
    pub unknown: u64,
}

impl<M> Unsent<M> {
    /// Takes the message out.
    pub fn into_message(self) -> M {
        self.0
    }

    /// Why it was not accepted.
    pub const fn reason(&self) -> Reason {
        self.1
    }
}

impl<M> TryEnqueueError<M> {
    /// Takes the message out.
    pub fn into_message(self) -> M {
        match self {
            Self::Full(message) | Self::Unsent(message, _) => message,
        }
    }
}

impl<M> SendError<M> {
    /// Takes the message out.
    pub fn into_message(self) -> M {
        match self {
            Self::Unsent(message, _) | Self::Unknown(message, _) => message,
        }
    }

    /// Why it failed.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Unsent(_, reason) | Self::Unknown(_, reason) => *reason,
        }
    }
}

impl<M> fmt::Debug for Unsent<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unsent")
            .field(&self.1)
            .finish_non_exhaustive()
    }
}

impl<M> fmt::Display for Unsent<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message was not sent: {}", self.1)
    }
}

impl<M> Error for Unsent<M> {}

impl<M> fmt::Debug for TryEnqueueError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("Full(..)"),
            Self::Unsent(_, reason) => f
                .debug_tuple("Unsent")
                .field(reason)
                .finish_non_exhaustive(),
        }
    }
}

impl<M> fmt::Display for TryEnqueueError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("queue is full"),
            Self::Unsent(_, reason) => write!(f, "message was not sent: {reason}"),
        }
    }
}

impl<M> Error for TryEnqueueError<M> {}

impl<M> fmt::Debug for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Unsent(..) => "Unsent",
            Self::Unknown(..) => "Unknown",
        };
        f.debug_tuple(name)
            .field(&self.reason())
            .finish_non_exhaustive()
    }
}

impl<M> fmt::Display for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsent(_, reason) => write!(f, "message was not sent: {reason}"),
            Self::Unknown(_, reason) => write!(f, "message may have been received: {reason}"),
        }
    }
}

impl<M> Error for SendError<M> {}

impl fmt::Display for FlushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} messages were not sent, {} may have been received",
            self.unsent, self.unknown
        )
    }
}

impl Error for FlushError {}
