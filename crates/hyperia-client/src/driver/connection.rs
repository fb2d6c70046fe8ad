//! One place of the pool with its I/O: reads, writes, closes, and accounts for its messages when it ends.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;

use super::desk::Desk;
use crate::batch::Batch;
use crate::contain::contain;
use crate::shared::Shared;
use crate::{ConnectionId, Connector, Reason, Transport, Verdict};

/// Reads of one connection until the others get their turn.
const READS_MAX: usize = 16;

pub(super) enum Link<M, C: Connector> {
    Empty,
    Dialing(ConnectionId, Pin<Box<C::Connect>>),
    Open(Connection<M, C::Transport>),
}

pub(super) struct Connection<M, T> {
    pub(super) id: ConnectionId,
    transport: T,
    pub(super) batch: Batch<M>,
    /// Received bytes that the handler did not take yet.
    held: Vec<u8>,
    pub(super) mode: Mode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Live,
    /// Our FIN is to be sent.
    Finishing,
    /// Our FIN is sent; reads until the peer's.
    Finished,
}

pub(super) enum Read {
    /// Nothing more now. Whether bytes came.
    Pending {
        received: bool,
    },
    /// There may be more, but others wait.
    More,
    Ended(Reason),
}

pub(super) enum Write {
    Done,
    /// The socket takes no more now. Whether it took any.
    Blocked {
        progress: bool,
    },
    Ended(Reason),
}

impl<M: AsRef<[u8]>, T: Transport> Connection<M, T> {
    pub(super) const fn new(id: ConnectionId, transport: T) -> Self {
        Self {
            id,
            transport,
            batch: Batch::new(),
            held: Vec::new(),
            mode: Mode::Live,
        }
    }

    /// Reads all there is, until the end of the stream. After `Pending` this task is woken for more.
    pub(super) fn read(&mut self, desk: &mut Desk<M>, cx: &mut Context<'_>) -> Read {
        let mut received = false;
        for _ in 0..READS_MAX {
            if !self.held.is_empty() {
                match desk.deliver(self.id, &self.held, cx) {
                    None => return Read::Ended(Reason::Panicked),
                    Some(Poll::Pending) => return Read::Pending { received },
                    Some(Poll::Ready(())) => self.held = Vec::new(),
                }
            }
            let Desk { input, ledger, .. } = desk;
            let input = &mut input[..];
            let read = contain(&mut ledger.totals.panics, || {
                self.transport.poll_read(cx, input)
            });
            let n = match read {
                None => return Read::Ended(Reason::Panicked),
                Some(Poll::Pending) => return Read::Pending { received },
                Some(Poll::Ready(Ok(0))) => {
                    return Read::Ended(Reason::ConnectionLost(io::ErrorKind::UnexpectedEof));
                }
                Some(Poll::Ready(Ok(n))) => n.min(input.len()),
                Some(Poll::Ready(Err(error))) if error.kind() == io::ErrorKind::Interrupted => {
                    continue;
                }
                Some(Poll::Ready(Err(error))) => {
                    return Read::Ended(Reason::ConnectionLost(error.kind()));
                }
            };
            received = true;
            ledger.totals.received_bytes += n as u64;
            // The handler gets them from a place of their own only if it does not take them at once.
            let input = core::mem::take(&mut desk.input);
            let taken = desk.deliver(self.id, &input[..n], cx);
            if let Some(Poll::Pending) = taken {
                self.held.extend_from_slice(&input[..n]);
            }
            desk.input = input;
            match taken {
                None => return Read::Ended(Reason::Panicked),
                Some(Poll::Pending) => return Read::Pending { received },
                Some(Poll::Ready(())) => {}
            }
        }
        Read::More
    }

    /// Makes the messages just popped ready to be written. One whose `as_ref` panics is settled and left out.
    pub(super) fn stage(&mut self, desk: &mut Desk<M>) {
        let batch = &mut self.batch;
        while contain(&mut desk.ledger.totals.panics, || batch.stage()).is_none() {
            let index = batch.staging();
            if let Some(entry) = batch.entries.remove(index) {
                let mut alone = [entry].into();
                desk.settle(&mut alone, 1, Verdict::Unsent(Reason::Panicked));
            }
        }
    }

    /// Writes as much as the socket takes; what is complete gets its verdict.
    pub(super) fn write(&mut self, desk: &mut Desk<M>, cx: &mut Context<'_>) -> Write {
        let mut progress = false;
        let empty = self.batch.complete();
        desk.settle_complete(&mut self.batch.entries, empty);
        while !self.batch.is_empty() {
            let (batch, transport) = (&mut self.batch, &mut self.transport);
            let written = contain(&mut desk.ledger.totals.panics, || {
                batch.offer(|slices| transport.poll_write_vectored(cx, slices))
            });
            let n = match written {
                None => {
                    // Nobody knows what it did with what it was offered.
                    let all = batch.entries.len();
                    desk.settle(&mut batch.entries, all, Verdict::Unknown(Reason::Panicked));
                    batch.reset();
                    return Write::Ended(Reason::Panicked);
                }
                Some(Ok(Poll::Pending)) => return Write::Blocked { progress },
                Some(Ok(Poll::Ready(Ok(0)))) => {
                    return Write::Ended(Reason::ConnectionLost(io::ErrorKind::WriteZero));
                }
                Some(Ok(Poll::Ready(Ok(n)))) => n,
                Some(Ok(Poll::Ready(Err(error)))) if error.kind() == io::ErrorKind::Interrupted => {
                    continue;
                }
                Some(Ok(Poll::Ready(Err(error))) | Err(error)) => {
                    return Write::Ended(Reason::ConnectionLost(error.kind()));
                }
            };
            progress = true;
            desk.ledger.totals.batches += 1;
            let complete = batch.advance(n);
            desk.settle_complete(&mut batch.entries, complete);
        }
        Write::Done
    }

    /// One step of an orderly close: FIN, then read to the end. True when it is over.
    pub(super) fn finish(&mut self, desk: &mut Desk<M>, cx: &mut Context<'_>) -> Finish {
        if self.mode == Mode::Finishing {
            let closed = contain(&mut desk.ledger.totals.panics, || {
                self.transport.poll_close(cx)
            });
            match closed {
                Some(Poll::Pending) => {}
                Some(Poll::Ready(Ok(()))) => self.mode = Mode::Finished,
                // Nothing is left to be done for it; its messages have their verdicts.
                Some(Poll::Ready(Err(_))) | None => return Finish::Over,
            }
        }
        match self.read(desk, cx) {
            Read::Pending { .. } => Finish::Pending,
            Read::More => Finish::More,
            Read::Ended(_) => Finish::Over,
        }
    }

    /// The end: a message of which a byte was written is in doubt, the others go back to the front of the queue.
    pub(super) fn abandon(mut self, desk: &mut Desk<M>, shared: &Shared<M>, reason: Reason) {
        if self.batch.is_torn() {
            desk.settle(&mut self.batch.entries, 1, Verdict::Unknown(reason));
        }
        if !self.batch.is_empty() {
            shared.queue.lock().put_back(&mut self.batch.entries);
        }
        desk.end(self.id);
        let panics = &mut desk.ledger.totals.panics;
        contain(panics, || drop(self.transport));
    }
}

pub(super) enum Finish {
    Pending,
    More,
    Over,
}
