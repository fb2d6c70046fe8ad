//! The knobs of a client.

use core::fmt;
use core::time::Duration;

use hyperia_net::Keepalive;

use crate::driver::{OnSettled, Parts};
use crate::pool::Policy;
use crate::transport::tcp::{TcpConnector, TcpOptions};
use crate::{Client, Connector, Destination, Driver, OnRead, Verdict};

/// The most connections a client can have: one bit each in a word.
pub(crate) const CONNECTIONS_MAX: usize = 64;

/// The knobs of a client; every one has a default.
///
/// | Knob | Default | What it decides |
/// |---|---|---|
/// | [`max_connections`](Self::max_connections) | 4 | connections at a time, in whatever state |
/// | [`max_dials`](Self::max_dials) | 2 | dials at a time; 1 while the destination fails |
/// | [`keep_idle`](Self::keep_idle) | 0 | live connections that are not closed for being idle |
/// | [`queue_messages`](Self::queue_messages) | 1,024 | messages in the queue |
/// | [`queue_bytes`](Self::queue_bytes) | 1 MiB | bytes in the queue |
/// | [`connect_timeout`](Self::connect_timeout) | 5 s | one dial, resolver and handshake included |
/// | [`write_timeout`](Self::write_timeout) | 10 s | a write during which the peer takes no byte |
/// | [`read_timeout`](Self::read_timeout) | never | a connection from which no byte comes |
/// | [`idle_timeout`](Self::idle_timeout) | 60 s | a connection with nothing to write |
/// | [`drain_timeout`](Self::drain_timeout) | 5 s | flushing after a close |
/// | [`close_timeout`](Self::close_timeout) | 1 s | from our FIN to the peer's |
/// | [`attempts`](Self::attempts) | 5 | failed dials in a row until everything pending is failed |
/// | [`backoff`](Self::backoff) | 50 ms to 2 s | pause between dials: doubles, drawn from zero to that |
/// | [`stable_after`](Self::stable_after) | 1 s | age at which a connection counts as good; a byte read does at once |
/// | [`reconnect_idle`](Self::reconnect_idle) | yes | dial again when the last connection is lost and nothing is queued |
/// | [`breaker`](Self::breaker) | 5 failures, 2 s | circuit breaker on dials |
/// | [`wait_for_breaker`](Self::wait_for_breaker) | no | whether messages wait for an open breaker or fail at once |
/// | [`nodelay`](Self::nodelay) | yes | `TCP_NODELAY` |
/// | [`keepalive`](Self::keepalive) | off | TCP keepalive |
/// | [`user_timeout`](Self::user_timeout) | off | `TCP_USER_TIMEOUT` |
/// | [`seed`](Self::seed) | clock and address | the jitter |
/// | [`on_settled`](Self::on_settled) | count only | gets every message back with its verdict |
/// | [`on_read`](Self::on_read) | count only | gets what the peer sends |
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder<M, D = Destination> {
    pub(crate) destination: D,
    pub(crate) policy: Policy,
    pub(crate) limits: Limits,
    pub(crate) tcp: TcpOptions,
    pub(crate) seed: Option<u64>,
    pub(crate) on_settled: Option<OnSettled<M>>,
    pub(crate) on_read: Option<Box<dyn OnRead>>,
}

/// What the queue may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            messages: 1024,
            bytes: 1 << 20,
        }
    }
}

impl<M, D> Builder<M, D> {
    pub(crate) fn new(destination: D) -> Self {
        Self {
            destination,
            policy: Policy::default(),
            limits: Limits::default(),
            tcp: TcpOptions::default(),
            seed: None,
            on_settled: None,
            on_read: None,
        }
    }

    /// At most so many connections at a time, counting those being made and those being closed: 1 to 64, 4 by
    /// default. With 1, messages of one producer arrive in the order in which they were accepted.
    ///
    /// # Panics
    /// If `n` is 0 or above 64.
    #[track_caller]
    pub fn max_connections(mut self, n: usize) -> Self {
        assert!(
            (1..=CONNECTIONS_MAX).contains(&n),
            "max_connections must be 1 to 64"
        );
        self.policy.connections_max = n;
        self
    }

    /// At most so many dials at a time; 2 by default. While the destination fails it is 1.
    ///
    /// # Panics
    /// If `n` is 0.
    #[track_caller]
    pub fn max_dials(mut self, n: usize) -> Self {
        assert!(n > 0, "max_dials must be greater than zero");
        self.policy.dials_max = n;
        self
    }

    /// So many live connections are not closed for being idle; 0 by default. None is opened for it.
    pub fn keep_idle(mut self, n: usize) -> Self {
        self.policy.keep_idle = n;
        self
    }

    /// The queue holds at most so many messages; 1,024 by default.
    ///
    /// # Panics
    /// If `n` is 0, or does not fit into 31 bits.
    #[track_caller]
    pub fn queue_messages(mut self, n: usize) -> Self {
        assert!(
            n > 0 && n <= i32::MAX as usize,
            "queue_messages must be greater than zero and fit into 31 bits"
        );
        self.limits.messages = n;
        self
    }

    /// The queue holds at most so many bytes; 1 MiB by default. A message larger than that is accepted when the
    /// queue is empty, alone.
    ///
    /// # Panics
    /// If `n` is 0.
    #[track_caller]
    pub fn queue_bytes(mut self, n: usize) -> Self {
        assert!(n > 0, "queue_bytes must be greater than zero");
        self.limits.bytes = n;
        self
    }

    /// How long one dial may take, resolver and handshake included; 5 s by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.policy.connect_timeout = timeout;
        self
    }

    /// How long a write may wait without the peer taking a single byte; 10 s by default. Then the connection is
    /// given up.
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.policy.write_timeout = timeout;
        self
    }

    /// How long a connection may go without a byte from the peer; for ever by default. For peers that answer or
    /// send heartbeats.
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.policy.read_timeout = timeout;
        self
    }

    /// After how long without anything to write a connection is closed; 60 s by default.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.policy.idle_timeout = timeout;
        self
    }

    /// How long a closed client goes on flushing; 5 s by default. What is left then is `Unsent(DrainTimeout)`.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.policy.drain_timeout = timeout;
        self
    }

    /// How long a connection being closed waits for the peer to close too; 1 s by default. Until then what the peer
    /// sends is read: closing with unread input would reset the connection and destroy what is under way.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.policy.close_timeout = timeout;
        self
    }

    /// How many dials in a row may fail, while there is no connection, until everything pending is failed; 5 by
    /// default. The client stays usable: the next message begins anew.
    ///
    /// # Panics
    /// If `n` is 0.
    #[track_caller]
    pub fn attempts(mut self, n: u32) -> Self {
        assert!(n > 0, "attempts must be greater than zero");
        self.policy.attempts = n;
        self
    }

    /// The pause after the first failed dial is up to `min`, after each further one up to twice that of the last, at
    /// most `max`, drawn evenly from zero to the bound (full jitter); 50 ms to 2 s by default.
    ///
    /// It is the destination's, not a connection's, and is forgotten only when a connection has proved itself: by a
    /// byte read, or by the age of [`stable_after`](Self::stable_after).
    ///
    /// # Panics
    /// If `max` is less than `min`.
    #[track_caller]
    pub fn backoff(mut self, min: Duration, max: Duration) -> Self {
        assert!(min <= max, "the least backoff must not exceed the greatest");
        self.policy.backoff_min = min;
        self.policy.backoff_max = max;
        self
    }

    /// At what age a connection counts as good, if no byte was read from it before; 1 s by default.
    pub fn stable_after(mut self, age: Duration) -> Self {
        self.policy.stable_after = age;
        self
    }

    /// Whether the loss of the last connection leads to one new dial although nothing is queued, so that the next
    /// message finds a connection; yes by default. It gives up after [`attempts`](Self::attempts) connections or
    /// dials in a row that came to nothing.
    pub fn reconnect_idle(mut self, yes: bool) -> Self {
        self.policy.reconnect_idle = yes;
        self
    }

    /// After so many failed dials in a row the circuit breaker opens; after `reset_timeout` it lets one dial try.
    /// 5 and 2 s by default.
    ///
    /// # Panics
    /// If `failure_threshold` is 0.
    #[track_caller]
    pub fn breaker(mut self, failure_threshold: u32, reset_timeout: Duration) -> Self {
        assert!(
            failure_threshold > 0,
            "failure_threshold must be greater than zero"
        );
        self.policy.failure_threshold = failure_threshold;
        self.policy.reset_timeout = reset_timeout;
        self
    }

    /// Whether messages that need a dial wait while the breaker is open; by default they fail at once as
    /// `Unsent(BreakerOpen)`.
    ///
    /// With it a full queue holds producers back while the server is down; without it they are told as fast as they
    /// ask, which costs what their asking costs.
    pub fn wait_for_breaker(mut self, yes: bool) -> Self {
        self.policy.wait_for_breaker = yes;
        self
    }

    /// Whether TCP connections send small segments at once; yes by default, the client coalesces by itself.
    pub fn nodelay(mut self, yes: bool) -> Self {
        self.tcp.nodelay = yes;
        self
    }

    /// TCP keepalive; off by default. Finds a silent death while nothing is sent; the write timeout and
    /// [`user_timeout`](Self::user_timeout) do while something is.
    pub fn keepalive(mut self, keepalive: Keepalive) -> Self {
        self.tcp.keepalive = Some(keepalive);
        self
    }

    /// `TCP_USER_TIMEOUT`: how long sent bytes may stay unacknowledged before the kernel gives the connection up;
    /// the kernel's retransmission limit (about 15 minutes) by default.
    pub fn user_timeout(mut self, timeout: Duration) -> Self {
        self.tcp.user_timeout = Some(timeout);
        self
    }

    /// Where the jitter starts; by default drawn from the clock and the address of the client's memory.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// `handler` gets every accepted message back with its verdict, on the driver's task, except those whose `send`
    /// future is still there and returns it. Without a handler verdicts are only counted.
    ///
    /// A panic in it is caught and counted; the driver goes on.
    pub fn on_settled(mut self, handler: impl FnMut(M, Verdict) + Send + 'static) -> Self {
        self.on_settled = Some(Box::new(handler));
        self
    }

    /// `handler` gets what the peer sends, on the driver's task. Without one it is read, counted and thrown away.
    ///
    /// A panic in it is caught and counted, and ends the connection.
    pub fn on_read(mut self, handler: impl OnRead) -> Self {
        self.on_read = Some(Box::new(handler));
        self
    }
}

impl<M: AsRef<[u8]> + Send + 'static> Builder<M, Destination> {
    /// Makes the handle for producers and the future that does the work. Nothing happens until the driver is polled:
    /// spawn it or await it.
    #[must_use = "nothing is sent unless the driver is polled"]
    pub fn build(
        self,
        reactor: &hyperia_net::Handle,
        timers: &hyperia_timer::Timers,
    ) -> (Client<M>, Driver<M>) {
        let connector =
            TcpConnector::new(self.destination, self.tcp, reactor.clone(), timers.clone());
        Driver::start(
            connector,
            Parts {
                policy: self.policy,
                limits: self.limits,
                seed: self.seed,
                on_settled: self.on_settled,
                on_read: self.on_read,
            },
            timers,
        )
    }
}

impl<M: AsRef<[u8]> + Send + 'static, C: Connector> Builder<M, C> {
    /// As [`build`](Builder::build), over the user's own connections; the TCP knobs have no effect.
    #[must_use = "nothing is sent unless the driver is polled"]
    pub fn build_with(self, timers: &hyperia_timer::Timers) -> (Client<M>, Driver<M, C>) {
        Driver::start(
            self.destination,
            Parts {
                policy: self.policy,
                limits: self.limits,
                seed: self.seed,
                on_settled: self.on_settled,
                on_read: self.on_read,
            },
            timers,
        )
    }
}

impl<M, D: fmt::Debug> fmt::Debug for Builder<M, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("destination", &self.destination)
            .field("policy", &self.policy)
            .field("limits", &self.limits)
            .field("tcp", &self.tcp)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}
