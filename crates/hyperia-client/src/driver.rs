//! The future that does the work: carries out what the pool decides, moves messages from the queue to the sockets.
//!
//! # A poll
//! 1. Note the task's waker, then take the bits of the connections that have something to do.
//! 2. For each of those: go on with its dial, read, write or close.
//! 3. What is due by time.
//! 4. While there are messages and a connection whose socket takes some: pop a batch, write it.
//! 5. Let the pool decide about dials; carry out its actions; again from 1 if that gave work.
//! 6. Tell the queue at which length a push is to wake the driver, unless it is that long already. Sleep until the
//!    earliest deadline.
//!
//! # Invariants
//! 1. No user code runs under the queue's lock, and every call of user code is contained: a panic is counted and costs
//!    at most the connection or the message at hand.
//! 2. A place is `Open` or `Dialing` here exactly while the pool has it so, after its actions were carried out.
//! 3. `ready` has the bits of live connections that have nothing unwritten.

mod connection;
mod desk;
mod end;
mod random;

use core::fmt;
use core::future::Future;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::io;
use std::sync::Arc;

use futures_core::FusedFuture;
use hyperia_timer::{Sleep, Timers};

use crate::batch::{BYTES_MAX, MESSAGES_MAX};
use crate::builder::Limits;
use crate::contain::contain;
use crate::ledger::Ledger;
use crate::mask::Mask;
use crate::pool::{Action, Policy, Pool};
use crate::queue::Queue;
use crate::shared::Shared;
use crate::transport::tcp::TcpConnector;
use crate::{Client, ConnectionId, Connector, OnRead, Reason, Stats, Verdict};
use connection::{Connection, Finish, Link, Mode, Read, Write};
use desk::Desk;
use random::Random;

pub(crate) type OnSettled<M> = Box<dyn FnMut(M, Verdict) + Send>;

/// Batches written in one poll until other tasks of the thread get their turn.
const BATCHES_MAX: usize = 32;
/// Rounds of one poll.
const ROUNDS_MAX: usize = 32;
/// Bytes read at once; one buffer for all connections.
const INPUT: usize = 64 * 1024;

/// What the builder has collected.
pub(crate) struct Parts<M> {
    pub(crate) policy: Policy,
    pub(crate) limits: Limits,
    pub(crate) seed: Option<u64>,
    pub(crate) on_settled: Option<OnSettled<M>>,
    pub(crate) on_read: Option<Box<dyn OnRead>>,
}

/// The future that owns every connection of a client and does all the work. It completes with the final counters when
/// the client is closed and everything is flushed or given up.
///
/// Spawn it, or await it beside the producers. It may be moved to another thread, and to another task between polls.
///
/// # Panics
/// If it is polled after it completed.
///
/// # Cancel safety
/// Dropped at any point, it settles every message at once, without unwinding: one of which a byte was written as
/// `Unknown(Closed)`, all others as `Unsent(Closed)`. Later calls of the client get `Unsent(Closed)`.
///
/// # Complexity
/// A poll touches only the connections whose own waker was woken. No allocation per message once its buffers have
/// grown to what the load needs; one per dial.
#[must_use = "nothing is sent unless the driver is polled"]
pub struct Driver<M: AsRef<[u8]>, C: Connector = TcpConnector> {
    shared: Arc<Shared<M>>,
    pool: Pool,
    links: Box<[Link<M, C>]>,
    desk: Desk<M>,
    connector: C,
    mask: Arc<Mask>,
    wakers: Vec<Waker>,
    timers: Timers,
    sleep: Pin<Box<Sleep<'static>>>,
    random: Random,
    now: Duration,
    /// Places to be looked at.
    due: u64,
    /// See invariant 3.
    ready: u64,
    /// Length of the queue when it was last seen.
    backlog: usize,
    done: bool,
}

// Messages, transports and connectors are moved or boxed, never pinned in place.
impl<M: AsRef<[u8]>, C: Connector> Unpin for Driver<M, C> {}

impl<M: AsRef<[u8]>, C: Connector> Driver<M, C> {
    pub(crate) fn start(connector: C, parts: Parts<M>, timers: &Timers) -> (Client<M>, Self) {
        let shared = Shared::new(parts.limits, Some(timers.clone()));
        let mask = Mask::new(Arc::clone(&shared.driver));
        let places = parts.policy.connections_max;
        let seed = parts
            .seed
            .unwrap_or_else(|| Random::seed(Arc::as_ptr(&shared).addr()));
        let driver = Self {
            pool: Pool::new(parts.policy),
            links: (0..places).map(|_| Link::Empty).collect(),
            desk: Desk {
                ledger: Ledger::new(),
                on_settled: parts.on_settled,
                on_read: parts.on_read,
                input: Vec::new(),
            },
            connector,
            wakers: mask.wakers(places),
            mask,
            sleep: Box::pin(timers.sleep_until(Duration::MAX).into_owned()),
            timers: timers.clone(),
            random: Random(seed),
            now: Duration::ZERO,
            due: 0,
            ready: 0,
            backlog: 0,
            done: false,
            shared: Arc::clone(&shared),
        };
        (Client::new(shared), driver)
    }

    /// One lock: the books, then `f`.
    fn with_queue<R>(&mut self, f: impl FnOnce(&mut Queue<M>) -> R) -> R {
        let result = {
            let mut queue = self.shared.queue.lock();
            queue.apply(&mut self.desk.ledger);
            let result = f(&mut queue);
            self.backlog = queue.len();
            result
        };
        self.desk.ledger.finish(&mut self.desk.on_settled);
        result
    }

    /// Steps 1 to 5. True if there may be more to do at once.
    fn round(&mut self, batches: &mut usize) -> (bool, usize) {
        let orders = self.with_queue(|queue| {
            queue.set_wake_at(usize::MAX);
            mem::take(&mut queue.orders)
        });
        if orders.try_now {
            self.pool.try_now();
        }
        if orders.close {
            self.pool.close(self.now);
        }
        if orders.abort {
            self.pool.abort();
        }
        let mut due = self.mask.take() | mem::take(&mut self.due);
        while due != 0 {
            let slot = due.trailing_zeros() as usize;
            due &= due - 1;
            self.poll_place(slot);
        }
        let random = self.random.next();
        self.pool.timer(self.now, random);
        self.act();
        self.serve(batches);
        let wake_at = self.pool.evaluate(self.backlog, self.now);
        let again = self.act();
        (again || self.due != 0, wake_at)
    }

    /// Goes on with what the place is at.
    fn poll_place(&mut self, slot: usize) {
        let Some(waker) = self.wakers.get(slot) else {
            return;
        };
        let mut cx = Context::from_waker(waker);
        match &mut self.links[slot] {
            Link::Empty => {}
            Link::Dialing(id, connect) => {
                let id = *id;
                let panics = &mut self.desk.ledger.totals.panics;
                match contain(panics, || connect.as_mut().poll(&mut cx)) {
                    Some(Poll::Pending) => {}
                    Some(Poll::Ready(Ok(transport))) => self.dialed(id, transport),
                    Some(Poll::Ready(Err(error))) => self.dial_failed(id, error.kind()),
                    None => self.dial_failed(id, io::ErrorKind::Other),
                }
            }
            Link::Open(connection) if connection.mode == Mode::Live => {
                let id = connection.id;
                match connection.read(&mut self.desk, &mut cx) {
                    Read::Ended(reason) => return self.lost(slot, reason),
                    Read::Pending { received: false } => {}
                    Read::Pending { received: true } => self.pool.received(id, self.now),
                    Read::More => {
                        self.pool.received(id, self.now);
                        self.due |= 1 << slot;
                    }
                }
                if !connection.batch.is_empty() {
                    self.write(slot);
                }
            }
            Link::Open(connection) => {
                let id = connection.id;
                match connection.finish(&mut self.desk, &mut cx) {
                    Finish::Pending => {}
                    Finish::More => self.due |= 1 << slot,
                    Finish::Over => {
                        self.pool.closed(id);
                        self.abandon(slot, Reason::Closed);
                    }
                }
            }
        }
    }

    fn dialed(&mut self, id: ConnectionId, transport: C::Transport) {
        let slot = id.slot();
        self.clear(slot);
        if self.pool.dialed(id, self.now) {
            self.links[slot] = Link::Open(Connection::new(id, transport));
            self.ready |= 1 << slot;
            self.poll_place(slot); // a read is pending from the first moment
        } else {
            contain(&mut self.desk.ledger.totals.panics, || drop(transport));
        }
    }

    fn dial_failed(&mut self, id: ConnectionId, kind: io::ErrorKind) {
        self.clear(id.slot());
        let random = self.random.next();
        self.pool.dial_failed(id, kind, self.now, random);
    }

    /// The connection of a place broke.
    fn lost(&mut self, slot: usize, reason: Reason) {
        if let Link::Open(connection) = &self.links[slot] {
            let random = self.random.next();
            self.pool.lost(connection.id, reason, self.now, random);
        }
        self.abandon(slot, reason);
    }

    /// Ends the connection of a place, of which the pool knows.
    fn abandon(&mut self, slot: usize, reason: Reason) {
        self.ready &= !(1 << slot);
        match mem::replace(&mut self.links[slot], Link::Empty) {
            Link::Open(connection) => connection.abandon(&mut self.desk, &self.shared, reason),
            Link::Empty | Link::Dialing(..) => {}
        }
        self.backlog = self.shared.queue.lock().len();
    }

    /// Takes a dial out of its place.
    fn clear(&mut self, slot: usize) {
        let link = mem::replace(&mut self.links[slot], Link::Empty);
        contain(&mut self.desk.ledger.totals.panics, || drop(link));
    }

    /// Writes what the connection of a place has, and tells the pool how far it came.
    fn write(&mut self, slot: usize) {
        let Link::Open(connection) = &mut self.links[slot] else {
            return;
        };
        let id = connection.id;
        let mut cx = Context::from_waker(&self.wakers[slot]);
        let write = connection.write(&mut self.desk, &mut cx);
        let ledger = &mut self.desk.ledger;
        if !ledger.samples.is_empty() {
            let now = self.timers.now();
            let waited = |at| now.saturating_sub(at);
            ledger
                .latencies
                .extend(ledger.samples.drain(..).map(waited));
        }
        match write {
            Write::Done => {
                self.pool.served(id, self.now);
                self.ready |= 1 << slot;
            }
            Write::Blocked { progress } => {
                let was_ready = self.ready & (1 << slot) != 0;
                self.ready &= !(1 << slot);
                if progress || was_ready {
                    self.pool.blocked(id, self.now);
                }
            }
            Write::Ended(reason) => self.lost(slot, reason),
        }
    }

    /// Hands batches to connections that have room, while there are messages.
    fn serve(&mut self, batches: &mut usize) {
        while self.backlog > 0 && self.ready != 0 && *batches > 0 {
            *batches -= 1;
            let slot = self.ready.trailing_zeros() as usize;
            let Link::Open(connection) = &mut self.links[slot] else {
                self.ready &= !(1 << slot);
                continue;
            };
            {
                let mut queue = self.shared.queue.lock();
                let ledger = &mut self.desk.ledger;
                queue.apply(ledger);
                queue.pop(
                    &mut connection.batch.entries,
                    MESSAGES_MAX,
                    BYTES_MAX,
                    ledger,
                );
                self.backlog = queue.len();
            }
            self.desk.ledger.finish(&mut self.desk.on_settled);
            connection.stage(&mut self.desk);
            self.write(slot);
        }
    }

    /// Carries out what the pool decided. True if it has to decide again.
    fn act(&mut self) -> bool {
        let mut again = false;
        while let Some(action) = self.pool.next_action() {
            match action {
                Action::Dial(id) => self.dial(id),
                Action::Cancel(id) => self.clear(id.slot()),
                Action::Close(id) => {
                    let slot = id.slot();
                    if let Link::Open(connection) = &mut self.links[slot] {
                        connection.mode = Mode::Finishing;
                    }
                    self.ready &= !(1 << slot);
                    self.due |= 1 << slot;
                }
                Action::Drop(id, reason) => {
                    self.abandon(id.slot(), reason);
                    again = true;
                }
                Action::FailAll(reason) => {
                    self.fail_all(reason);
                    again = true;
                }
                Action::Tell(event) => self.tell(&event),
                Action::Finish => self.done = true,
            }
        }
        again
    }

    fn dial(&mut self, id: ConnectionId) {
        let panics = &mut self.desk.ledger.totals.panics;
        match contain(panics, || Box::pin(self.connector.connect())) {
            Some(connect) => {
                self.links[id.slot()] = Link::Dialing(id, connect);
                self.due |= 1 << id.slot();
            }
            None => self.dial_failed(id, io::ErrorKind::Other),
        }
    }
}

impl<M: AsRef<[u8]>, C: Connector> Future for Driver<M, C> {
    type Output = Stats;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Stats> {
        let this = self.get_mut();
        assert!(!this.done, "polled after completion");
        if this.desk.input.is_empty() {
            this.desk.input = vec![0; INPUT];
        }
        this.shared.driver.register(cx.waker());
        this.now = this.timers.now();
        let mut batches = BATCHES_MAX;
        for _ in 0..ROUNDS_MAX {
            let (again, wake_at) = this.round(&mut batches);
            if this.done {
                return Poll::Ready(this.finish());
            }
            if batches == 0 {
                break;
            }
            if again {
                continue;
            }
            let shared = Arc::clone(&this.shared);
            let more = {
                let mut queue = shared.queue.lock();
                queue.apply(&mut this.desk.ledger);
                Self::publish(&mut queue.stats, &this.pool);
                let more = queue.has_orders() || queue.len() >= wake_at;
                if !more {
                    queue.set_wake_at(wake_at);
                }
                more
            };
            this.desk.ledger.finish(&mut this.desk.on_settled);
            if more {
                continue;
            }
            let earliest = this.pool.earliest();
            this.sleep.as_mut().reset(earliest);
            if this.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            this.now = this.timers.now();
        }
        // Others of this thread come first, then this one again.
        this.with_queue(|_| ());
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<M: AsRef<[u8]>, C: Connector> FusedFuture for Driver<M, C> {
    fn is_terminated(&self) -> bool {
        self.done
    }
}

impl<M: AsRef<[u8]>, C: Connector> fmt::Debug for Driver<M, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("dialing", &self.pool.dialing())
            .field("live", &self.pool.live())
            .field("closing", &self.pool.closing())
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}
