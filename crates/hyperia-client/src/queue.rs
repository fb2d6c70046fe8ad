//! The one queue between all producers and all connections: plain data under one lock.
//!
//! # Why a lock
//! It needs what a lock-free ring cannot give together: a bound in messages *and* bytes, batches out, a batch's tail
//! back at the front, everything failed in one step, callers waiting for room in line. The driver takes the lock once
//! per batch, a producer once per message for a few instructions.
//!
//! # Invariants
//! 1. Nothing here calls user code: no waker, drop, callback or `as_ref`. What has to be woken or dropped is handed
//!    out and handled after the lock is released.
//! 2. `messages + granted <= limits.messages`, and the same in bytes, except for a message that is alone, and for
//!    what comes back from a lost connection (at most a batch for each).
//! 3. While a caller waits for room, there is no room for the first in line; newcomers stand behind it.
//! 4. `accepted == sent + unsent + unknown + queued + in_flight`, at every release of the lock.
//! 5. Once `ended` is set nothing is accepted and nobody waits for room.

mod flush;
mod room;
mod slab;
mod tickets;

use core::task::Waker;
use core::time::Duration;
use std::collections::VecDeque;

pub(crate) use flush::Settled as Run;
pub(crate) use slab::NONE;
pub(crate) use tickets::Outcome;

use crate::builder::Limits;
use crate::ledger::Ledger;
use crate::{FlushError, Reason, Stats};
use flush::Flushes;
use room::{Look, Room};
use tickets::{Settled, Tickets};

/// One accepted message of so many has its waiting time measured.
const SAMPLE_EVERY: u64 = 64;

/// An accepted message.
#[derive(Debug)]
pub(crate) struct Entry<M> {
    pub(crate) message: M,
    /// Its length when it was accepted.
    pub(crate) len: usize,
    /// Who waits for its verdict; `NONE` if nobody ever did.
    pub(crate) ticket: u32,
    /// For those who flush.
    pub(crate) epoch: u32,
}

/// What the handles ask of the driver.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Orders {
    pub(crate) close: bool,
    pub(crate) abort: bool,
    pub(crate) try_now: bool,
}

#[derive(Debug)]
pub(crate) struct Queue<M> {
    limits: Limits,
    ready: VecDeque<Entry<M>>,
    /// Bytes of `ready`.
    bytes: usize,
    /// Messages that were granted room and are not there yet, and their bytes.
    granted: usize,
    granted_bytes: usize,
    room: Room,
    tickets: Tickets<M>,
    flushes: Flushes,
    in_flight: usize,
    /// The number of the first message of `ready`, for the samples.
    head: u64,
    samples: VecDeque<(u64, Duration)>,
    ended: Option<Reason>,
    /// Handles alive.
    pub(crate) clients: usize,
    pub(crate) orders: Orders,
    /// The driver is to be woken when the queue is at least this long.
    wake_at: usize,
    pub(crate) stats: Stats,
    /// The driver is gone; those who wait for it.
    pub(crate) finished: bool,
    finish_waiters: slab::Slab<Option<Waker>>,
}

/// An accepted message's further needs.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// Wake the driver.
    pub(crate) wake: bool,
    /// Note the time for the message of this number.
    pub(crate) sample: Option<u64>,
    /// The place of the ticket, if one was wanted.
    pub(crate) ticket: u32,
}

/// A refusal; the message comes back, and so does the waker for the ticket.
#[derive(Debug)]
pub(crate) enum Refused {
    Full,
    Ended(Reason),
}

/// What a caller waiting for room finds.
pub(crate) enum RoomLook {
    Waiting,
    /// Room is there: push with [`Queue::push_granted`].
    Granted,
    Failed(Reason),
}

impl<M> Queue<M> {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            ready: VecDeque::new(),
            bytes: 0,
            granted: 0,
            granted_bytes: 0,
            room: Room::new(),
            tickets: Tickets::new(),
            flushes: Flushes::new(),
            in_flight: 0,
            // Far from zero: what comes back lowers it.
            head: 1 << 40,
            samples: VecDeque::new(),
            ended: None,
            clients: 1,
            orders: Orders::default(),
            wake_at: 1,
            stats: Stats::default(),
            finished: false,
            finish_waiters: slab::Slab::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.ready.len()
    }

    // ---- producers ----------------------------------------------------------------------------------------------

    fn has_room(&self, len: usize) -> bool {
        let messages = self.ready.len() + self.granted;
        messages < self.limits.messages
            && (messages == 0 || self.bytes + self.granted_bytes + len <= self.limits.bytes)
    }

    /// Whether a message of `len` bytes would be accepted.
    pub(crate) fn check(&self, len: usize) -> Result<(), Refused> {
        match self.ended {
            Some(reason) => Err(Refused::Ended(reason)),
            None if self.room.is_empty() && self.has_room(len) => Ok(()),
            None => Err(Refused::Full),
        }
    }

    /// Accepts a message for which there is room by [`Self::check`].
    pub(crate) fn push(&mut self, message: M, len: usize, waker: Option<Waker>) -> Accepted {
        self.bytes += len;
        let ticket = match waker {
            Some(waker) => self.tickets.insert(waker),
            None => NONE,
        };
        let epoch = self.flushes.accept();
        let number = self.head.wrapping_add(self.ready.len() as u64);
        self.ready.push_back(Entry {
            message,
            len,
            ticket,
            epoch,
        });
        self.stats.accepted += 1;
        let wake = self.ready.len() >= self.wake_at;
        if wake {
            self.wake_at = usize::MAX;
        }
        Accepted {
            wake,
            sample: number.is_multiple_of(SAMPLE_EVERY).then_some(number),
            ticket,
        }
    }

    /// Notes when the message of that number was accepted.
    pub(crate) fn sample(&mut self, number: u64, at: Duration) {
        let newest = self.samples.back().map_or(0, |sample| sample.0);
        if number >= self.head && number > newest {
            self.samples.push_back((number, at));
        }
    }

    /// Stands in line for room.
    pub(crate) fn wait_for_room(&mut self, len: usize, waker: Waker) -> u32 {
        self.room.push(len, waker)
    }

    pub(crate) fn look(&mut self, key: u32) -> RoomLook {
        match self.room.look(key) {
            Some(Look::Waiting) => RoomLook::Waiting,
            Some(Look::Granted) => RoomLook::Granted,
            Some(Look::Failed(reason)) => RoomLook::Failed(reason),
            None => RoomLook::Failed(Reason::Closed),
        }
    }

    pub(crate) fn has_room_waker(&mut self, key: u32, waker: &Waker) -> bool {
        self.room.has_waker(key, waker)
    }

    pub(crate) fn set_room_waker(&mut self, key: u32, waker: Waker) -> Option<Waker> {
        self.room.set_waker(key, waker)
    }

    /// Turns a grant into room for the push that follows under the same lock.
    pub(crate) fn take_grant(&mut self, key: u32) {
        if let (Some(len), _) = self.room.remove(key) {
            self.granted -= 1;
            self.granted_bytes -= len;
        }
    }

    /// Takes a caller out of the line, or its failure off the books. Those who have room now are to be woken.
    pub(crate) fn leave(&mut self, key: u32, wakers: &mut Vec<Waker>) -> Option<Waker> {
        let (granted, waker) = self.room.remove(key);
        if let Some(len) = granted {
            self.granted -= 1;
            self.granted_bytes -= len;
        }
        self.grant(wakers);
        waker
    }

    /// Hands free room to those first in line.
    fn grant(&mut self, wakers: &mut Vec<Waker>) {
        while let Some(len) = self.room.first_len() {
            if !self.has_room(len) {
                return;
            }
            self.granted += 1;
            self.granted_bytes += len;
            wakers.extend(self.room.grant_first());
        }
    }

    /// Closes intake for good. Callers waiting for room are failed.
    pub(crate) fn end(&mut self, reason: Reason, wakers: &mut Vec<Waker>) {
        if self.ended.is_none() {
            self.ended = Some(reason);
            self.fail_room(reason, wakers);
        }
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.ended.is_some()
    }

    fn fail_room(&mut self, reason: Reason, wakers: &mut Vec<Waker>) {
        self.room.fail_all(reason, wakers);
        (self.granted, self.granted_bytes) = (0, 0);
    }

    // ---- the driver ---------------------------------------------------------------------------------------------

    /// Moves messages into `batch`: at most so many, and so many bytes (but at least one message). Those who get
    /// room by it are to be woken. Returns their bytes.
    pub(crate) fn pop(
        &mut self,
        batch: &mut VecDeque<Entry<M>>,
        messages_max: usize,
        bytes_max: usize,
        ledger: &mut Ledger<M>,
    ) -> usize {
        let queued = self.ready.len();
        let (count, bytes) = if queued <= messages_max && self.bytes <= bytes_max {
            (queued, self.bytes)
        } else {
            self.measure(messages_max, bytes_max)
        };
        if count == 0 {
            return 0;
        }
        if count == queued && batch.is_empty() {
            core::mem::swap(&mut self.ready, batch);
        } else {
            batch.extend(self.ready.drain(..count));
        }
        self.removed(count, bytes);
        while let Some(&(number, at)) = self.samples.front()
            && number < self.head
        {
            self.samples.pop_front();
            ledger.samples.push(at);
        }
        self.grant(&mut ledger.wakers);
        bytes
    }

    fn measure(&self, messages_max: usize, bytes_max: usize) -> (usize, usize) {
        let (mut count, mut bytes) = (0, 0);
        for entry in self.ready.iter().take(messages_max) {
            let more = bytes + entry.len;
            if count > 0 && more > bytes_max {
                break;
            }
            (count, bytes) = (count + 1, more);
        }
        (count, bytes)
    }

    fn removed(&mut self, count: usize, bytes: usize) {
        self.head = self.head.wrapping_add(count as u64);
        self.in_flight += count;
        self.bytes -= bytes;
    }

    /// Puts what a lost connection did not begin back at the front, in its order.
    pub(crate) fn put_back(&mut self, batch: &mut VecDeque<Entry<M>>) {
        let count = batch.len();
        self.in_flight -= count;
        self.head = self.head.wrapping_sub(count as u64);
        self.stats.requeued += count as u64;
        while let Some(entry) = batch.pop_back() {
            self.bytes += entry.len;
            self.ready.push_front(entry);
        }
    }

    /// Fails everything pending in one step: callers waiting for room here, and the messages that come back, which
    /// are in flight until they are settled.
    pub(crate) fn take_all(
        &mut self,
        reason: Reason,
        wakers: &mut Vec<Waker>,
    ) -> VecDeque<Entry<M>> {
        self.fail_room(reason, wakers);
        let taken = core::mem::take(&mut self.ready);
        let bytes = self.bytes;
        self.removed(taken.len(), bytes);
        self.samples.clear();
        taken
    }

    /// Writes verdicts into the books. What is to be woken and dropped stands in the ledger afterwards.
    pub(crate) fn apply(&mut self, ledger: &mut Ledger<M>) {
        let totals = core::mem::take(&mut ledger.totals);
        let stats = &mut self.stats;
        stats.sent += totals.sent;
        stats.sent_bytes += totals.sent_bytes;
        stats.batches += totals.batches;
        stats.received_bytes += totals.received_bytes;
        stats.panics += totals.panics;
        for latency in ledger.latencies.drain(..) {
            stats.latency.record(latency);
        }
        for run in ledger.runs.drain(..) {
            self.in_flight -= run.messages as usize;
            self.flushes.settle(run, &mut ledger.wakers);
            self.stats.unsent += run.unsent;
            self.stats.unknown += run.unknown;
        }
        for (reason, messages) in ledger.failures.drain(..) {
            self.stats.failures.add(reason, messages);
        }
        for (entry, verdict) in ledger.ticketed.drain(..) {
            match self.tickets.settle(entry.ticket, entry.message, verdict) {
                Settled::Wake(waker, delivered) => {
                    ledger.wakers.push(waker);
                    ledger.delivered.extend(delivered);
                }
                Settled::Orphan(message) => ledger.orphans.push((message, verdict)),
            }
        }
    }

    pub(crate) fn has_orders(&self) -> bool {
        self.orders.close || self.orders.abort || self.orders.try_now
    }

    pub(crate) fn set_wake_at(&mut self, len: usize) {
        self.wake_at = len;
    }

    // ---- those who wait for verdicts ------------------------------------------------------------------------------

    pub(crate) fn poll_ticket(&mut self, key: u32, waker: Waker) -> (Outcome<M>, Option<Waker>) {
        self.tickets.poll(key, waker)
    }

    pub(crate) fn abandon_ticket(&mut self, key: u32) -> (Option<Waker>, Option<M>) {
        self.tickets.abandon(key)
    }

    pub(crate) fn begin_flush(&mut self, waker: Waker) -> Result<u32, Waker> {
        self.flushes.begin(waker)
    }

    pub(crate) fn poll_flush(
        &mut self,
        key: u32,
        waker: Waker,
    ) -> (Option<Result<(), FlushError>>, Option<Waker>) {
        self.flushes.poll(key, waker)
    }

    pub(crate) fn leave_flush(&mut self, key: u32) -> Option<Waker> {
        self.flushes.remove(key)
    }

    /// Whether the driver is done; otherwise sets who is to be woken. Returns a waker to be dropped outside the lock.
    pub(crate) fn poll_finish(&mut self, key: &mut u32, waker: Waker) -> (bool, Option<Waker>) {
        if self.finished {
            return (true, Some(waker));
        }
        match self.finish_waiters.get_mut(*key) {
            Some(known) => (false, known.replace(waker)),
            None => {
                *key = self.finish_waiters.insert(Some(waker));
                (false, None)
            }
        }
    }

    /// Takes one out who waited for the end.
    pub(crate) fn leave_finish(&mut self, key: u32) -> Option<Waker> {
        self.finish_waiters.remove(key).flatten()
    }

    pub(crate) fn finish(&mut self, wakers: &mut Vec<Waker>) {
        self.finished = true;
        wakers.extend(self.finish_waiters.iter_mut().filter_map(Option::take));
    }

    /// The counters with what is true at this moment.
    pub(crate) fn snapshot(&mut self) -> Stats {
        self.stats.queue_messages = self.ready.len();
        self.stats.queue_bytes = self.bytes;
        self.stats.in_flight = self.in_flight;
        self.stats.waiting = self.room.len();
        self.stats.clone()
    }

    /// Counts a message that was not accepted.
    pub(crate) fn refuse(&mut self) {
        self.stats.refused += 1;
    }
}
