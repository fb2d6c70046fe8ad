//! Where connections leave verdicts and received bytes.

use core::task::{Context, Poll};
use std::collections::VecDeque;

use super::OnSettled;
use crate::batch::Complete;
use crate::contain::contain;
use crate::ledger::Ledger;
use crate::queue::Entry;
use crate::{ConnectionId, OnRead, Verdict};

/// Handlers and books, apart from the connections that use them.
pub(super) struct Desk<M> {
    pub(super) ledger: Ledger<M>,
    pub(super) on_settled: Option<OnSettled<M>>,
    pub(super) on_read: Option<Box<dyn OnRead>>,
    pub(super) input: Vec<u8>,
}

impl<M> Desk<M> {
    pub(super) fn settle(
        &mut self,
        entries: &mut VecDeque<Entry<M>>,
        count: usize,
        verdict: Verdict,
    ) {
        self.ledger
            .settle(entries, count, verdict, &mut self.on_settled);
    }

    pub(super) fn settle_complete(&mut self, entries: &mut VecDeque<Entry<M>>, complete: Complete) {
        self.ledger
            .settle_complete(entries, complete, &mut self.on_settled);
    }

    /// Offers received bytes to the handler; `None` if it panicked.
    pub(super) fn deliver(
        &mut self,
        id: ConnectionId,
        bytes: &[u8],
        cx: &mut Context<'_>,
    ) -> Option<Poll<()>> {
        match &mut self.on_read {
            None => Some(Poll::Ready(())),
            Some(handler) => contain(&mut self.ledger.totals.panics, || {
                handler.poll_read(id, bytes, cx)
            }),
        }
    }

    pub(super) fn end(&mut self, id: ConnectionId) {
        if let Some(handler) = &mut self.on_read {
            contain(&mut self.ledger.totals.panics, || handler.ended(id));
        }
    }
}
