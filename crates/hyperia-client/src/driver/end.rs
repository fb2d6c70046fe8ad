//! How things end: everything pending fails, the driver is done, the driver is dropped.

use std::sync::Arc;

use super::Driver;
use super::connection::Link;
use crate::ledger::wake_all;
use crate::pool::Pool;
use crate::{Connector, Event, Reason, Stats, Verdict};

impl<M: AsRef<[u8]>, C: Connector> Driver<M, C> {
    /// Fails everything pending, once.
    pub(super) fn fail_all(&mut self, reason: Reason) {
        let shared = Arc::clone(&self.shared);
        let mut taken = {
            let mut queue = shared.queue.lock();
            queue.apply(&mut self.desk.ledger);
            queue.take_all(reason, &mut self.desk.ledger.wakers)
        };
        let messages = taken.len();
        self.desk
            .settle(&mut taken, messages, Verdict::Unsent(reason));
        self.with_queue(|_| ());
        self.tell(&Event::Failed { reason, messages });
    }

    pub(super) fn tell(&mut self, event: &Event) {
        let mut wakers = Vec::new();
        self.shared.listeners.publish(event, &mut wakers);
        wake_all(&mut wakers, &mut self.desk.ledger.totals.panics);
    }

    pub(super) fn publish(stats: &mut Stats, pool: &Pool) {
        let tally = pool.tally();
        stats.dialing = pool.dialing();
        stats.live = pool.live();
        stats.idle = pool.idle();
        stats.closing = pool.closing();
        stats.breaker = pool.gate();
        stats.dials = tally.dials;
        stats.dials_failed = tally.dials_failed;
        stats.connected = tally.connected;
        stats.reconnects = tally.reconnects;
        stats.lost = tally.lost;
    }

    /// The end: intake stays closed, everybody who waits is told.
    pub(super) fn finish(&mut self) -> Stats {
        self.done = true;
        let mut wakers = Vec::new();
        let shared = Arc::clone(&self.shared);
        let stats = {
            let mut queue = shared.queue.lock();
            queue.apply(&mut self.desk.ledger);
            queue.end(Reason::Closed, &mut wakers);
            Self::publish(&mut queue.stats, &self.pool);
            queue.finish(&mut wakers);
            queue.snapshot()
        };
        self.desk.ledger.finish(&mut self.desk.on_settled);
        self.tell(&Event::Finished(Box::new(stats.clone())));
        shared.listeners.end(&mut wakers);
        wake_all(&mut wakers, &mut self.desk.ledger.totals.panics);
        stats
    }
}

impl<M: AsRef<[u8]>, C: Connector> Drop for Driver<M, C> {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        // First: what is accepted from here on would find nobody to settle it. Handlers and other threads try.
        let mut wakers = Vec::new();
        self.shared.queue.lock().end(Reason::Closed, &mut wakers);
        wake_all(&mut wakers, &mut self.desk.ledger.totals.panics);
        for slot in 0..self.links.len() {
            match &self.links[slot] {
                Link::Empty => {}
                Link::Dialing(..) => self.clear(slot),
                Link::Open(_) => self.abandon(slot, Reason::Closed),
            }
        }
        self.pool.abort();
        while self.pool.next_action().is_some() {}
        self.fail_all(Reason::Closed);
        self.finish();
    }
}
