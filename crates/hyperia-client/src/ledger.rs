//! What the driver has settled and not yet written into the queue's books: batched, so that a batch of messages costs
//! one lock.

use core::mem::needs_drop;
use core::task::Waker;
use core::time::Duration;
use std::collections::VecDeque;

use crate::batch::Complete;
use crate::contain::contain;
use crate::driver::OnSettled;
use crate::queue::{Entry, NONE, Run};
use crate::{Reason, Verdict};

/// Verdicts go in through [`Ledger::settle`], [`Queue::apply`](crate::queue::Queue::apply) writes them into the books
/// under the lock, and [`Ledger::finish`] does what must be done outside of it. The vectors keep their memory.
#[derive(Debug)]
pub(crate) struct Ledger<M> {
    pub(crate) totals: Totals,
    /// Verdicts by epoch.
    pub(crate) runs: Vec<Run>,
    pub(crate) failures: Vec<(Reason, u64)>,
    /// Messages with a ticket.
    pub(crate) ticketed: Vec<(Entry<M>, Verdict)>,
    /// When sampled messages of the batch just popped were accepted.
    pub(crate) samples: Vec<Duration>,
    pub(crate) latencies: Vec<Duration>,

    /// After `apply`: to be woken.
    pub(crate) wakers: Vec<Waker>,
    /// After `apply`: to be dropped.
    pub(crate) delivered: Vec<M>,
    /// After `apply`: their futures are gone, so `on_settled` gets them.
    pub(crate) orphans: Vec<(M, Verdict)>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) sent: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) batches: u64,
    pub(crate) received_bytes: u64,
    pub(crate) panics: u64,
}

impl<M> Ledger<M> {
    pub(crate) const fn new() -> Self {
        Self {
            totals: Totals {
                sent: 0,
                sent_bytes: 0,
                batches: 0,
                received_bytes: 0,
                panics: 0,
            },
            runs: Vec::new(),
            failures: Vec::new(),
            ticketed: Vec::new(),
            samples: Vec::new(),
            latencies: Vec::new(),
            wakers: Vec::new(),
            delivered: Vec::new(),
            orphans: Vec::new(),
        }
    }

    /// Gives the first `count` messages their verdict: the handler gets them, or they are dropped; those with a
    /// ticket wait for [`Queue::apply`](crate::queue::Queue::apply).
    pub(crate) fn settle(
        &mut self,
        entries: &mut VecDeque<Entry<M>>,
        count: usize,
        verdict: Verdict,
        handler: &mut Option<OnSettled<M>>,
    ) {
        let mut left = count;
        while left > 0 && !entries.is_empty() {
            let mut panics = 0;
            contain(&mut panics, || {
                while left > 0 {
                    let Some(entry) = entries.pop_front() else {
                        break;
                    };
                    left -= 1;
                    self.note(entry.epoch, entry.len, verdict);
                    if entry.ticket != NONE {
                        self.ticketed.push((entry, verdict));
                    } else if let Some(handler) = handler {
                        handler(entry.message, verdict);
                    }
                }
            });
            self.totals.panics += panics;
        }
    }

    /// Settles what was written whole.
    pub(crate) fn settle_complete(
        &mut self,
        entries: &mut VecDeque<Entry<M>>,
        complete: Complete,
        handler: &mut Option<OnSettled<M>>,
    ) {
        let Complete {
            count,
            bytes,
            uniform,
        } = complete;
        let (None, Some(epoch)) = (&handler, uniform) else {
            return self.settle(entries, count, Verdict::Ok, handler);
        };
        if count == 0 {
            return;
        }
        self.totals.sent += count as u64;
        self.totals.sent_bytes += bytes as u64;
        self.run(epoch, count as u64, 0, 0);
        if !needs_drop::<M>() {
            entries.drain(..count);
            return;
        }
        // Not `drain`: two panics inside one call of it abort the process.
        let mut left = count;
        while left > 0 {
            contain(&mut self.totals.panics, || {
                while left > 0 {
                    left -= 1;
                    drop(entries.pop_front());
                }
            });
        }
    }

    fn note(&mut self, epoch: u32, len: usize, verdict: Verdict) {
        let (unsent, unknown) = match verdict {
            Verdict::Ok => {
                self.totals.sent += 1;
                self.totals.sent_bytes += len as u64;
                (0, 0)
            }
            Verdict::Unsent(reason) => {
                self.fail(reason);
                (1, 0)
            }
            Verdict::Unknown(reason) => {
                self.fail(reason);
                (0, 1)
            }
        };
        self.run(epoch, 1, unsent, unknown);
    }

    fn run(&mut self, epoch: u32, messages: u64, unsent: u64, unknown: u64) {
        match self.runs.last_mut() {
            Some(run) if run.epoch == epoch => {
                run.messages += messages;
                run.unsent += unsent;
                run.unknown += unknown;
            }
            _ => self.runs.push(Run {
                epoch,
                messages,
                unsent,
                unknown,
            }),
        }
    }

    fn fail(&mut self, reason: Reason) {
        match self.failures.last_mut() {
            Some((last, messages)) if *last == reason => *messages += 1,
            _ => self.failures.push((reason, 1)),
        }
    }

    /// After the lock: messages to the handler, then whoever waits is woken. User code may panic; everything is done
    /// all the same. What it adds to the books waits for the next `apply`.
    pub(crate) fn finish(&mut self, handler: &mut Option<OnSettled<M>>) {
        let panics = &mut self.totals.panics;
        for message in self.delivered.drain(..) {
            contain(panics, || drop(message));
        }
        for (message, verdict) in self.orphans.drain(..) {
            contain(panics, || {
                if let Some(handler) = handler {
                    handler(message, verdict);
                }
            });
        }
        wake_all(&mut self.wakers, panics);
    }
}

/// Wakes everybody, whatever some of the wakers do.
pub(crate) fn wake_all(wakers: &mut Vec<Waker>, panics: &mut u64) {
    for waker in wakers.drain(..) {
        contain(panics, || waker.wake());
    }
}
