//! The handle for producers.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;

use futures_core::FusedFuture;

use crate::queue::{NONE, Outcome};
use crate::shared::{Admission, Shared};
use crate::{
    Builder, Connector, Destination, Events, FlushError, Reason, SendError, Stats, TryEnqueueError,
    Unsent, Verdict,
};

/// Sends messages to one destination. A cheap clone for every producer.
///
/// | Call | Completes when | An accepted message's verdict goes to | Promises |
/// |---|---|---|---|
/// | [`enqueue`](Self::enqueue) | the queue has taken the message, waiting for room | `on_settled` | that it gets exactly one verdict |
/// | [`try_enqueue`](Self::try_enqueue) | at once | `on_settled` | the same |
/// | [`send`](Self::send) | the kernel has every byte, on one connection; or the message failed | the caller | `Ok`: this machine's kernel has it. Not that the peer's application read it: what is under way dies with a connection that is reset |
/// | [`flush`](Self::flush) | every message accepted before has its verdict | – | `Ok`: all that were without one became `Ok` |
/// | [`close`](Self::close), drop of the last clone | at once; [`finished`](Self::finished) waits | – | what was accepted goes out until the drain deadline |
/// | [`abort`](Self::abort) | at once | – | everything pending is failed |
///
/// Only messages of which no byte was written are tried again, on another connection; so a message is received at most
/// once. Messages of one producer arrive in order while exactly one connection is used
/// ([`max_connections(1)`](crate::Builder::max_connections)); several connections keep no order between messages.
///
/// Calls may come from any thread; the work is done by the [`Driver`](crate::Driver).
pub struct Client<M> {
    shared: Arc<Shared<M>>,
}

impl<M: AsRef<[u8]> + Send + 'static> Client<M> {
    /// Begins to make a client for an address, several addresses of one server, or a resolver.
    pub fn builder(destination: impl Into<Destination>) -> Builder<M> {
        Builder::new(destination.into())
    }

    /// Begins to make a client over the user's own connections.
    pub fn builder_with<C: Connector>(connector: C) -> Builder<M, C> {
        Builder::new(connector)
    }

    /// Puts `message` into the queue, waiting for room. Callers that wait are served in order.
    ///
    /// # Errors
    /// [`Unsent`] with the message if the client is closed, or if everything pending was failed while it waited.
    ///
    /// # Cancel safety
    /// Dropped before completion, the future takes the message with it: it was not accepted. Room that had been
    /// handed to it goes to the next in line.
    pub fn enqueue(&self, message: M) -> Enqueue<'_, M> {
        Enqueue {
            admission: Admission::new(&self.shared, message),
        }
    }

    /// Puts `message` into the queue if there is room now and nobody waits for some.
    ///
    /// # Errors
    /// [`TryEnqueueError`] with the message.
    pub fn try_enqueue(&self, message: M) -> Result<(), TryEnqueueError<M>> {
        let mut admission = Admission::new(&self.shared, message);
        let Err(reason) = admission.try_now() else {
            return Ok(());
        };
        match (admission.into_message(), reason) {
            (None, _) => Ok(()), // excluded: a refused message stays
            (Some(message), None) => Err(TryEnqueueError::Full(message)),
            (Some(message), Some(reason)) => Err(TryEnqueueError::Unsent(message, reason)),
        }
    }

    /// Puts `message` into the queue, waiting for room, and waits for its verdict.
    ///
    /// # Errors
    /// [`SendError`] with the message: `Unsent` if not one byte was given to a socket, else `Unknown`.
    ///
    /// # Cancel safety
    /// Dropped before the message is accepted, the future takes it back. Dropped after, the message still goes out
    /// and its verdict goes to `on_settled`.
    pub fn send(&self, message: M) -> SendMessage<'_, M> {
        SendMessage {
            shared: &self.shared,
            admission: Admission::new(&self.shared, message),
        }
    }
}

impl<M> Client<M> {
    pub(crate) fn new(shared: Arc<Shared<M>>) -> Self {
        Self { shared }
    }

    /// Waits until every message accepted before the first poll has its verdict.
    ///
    /// # Errors
    /// [`FlushError`] if some of those still without a verdict then failed: how many.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing for the messages.
    pub fn flush(&self) -> Flush<'_, M> {
        Flush {
            shared: &self.shared,
            key: NONE,
            done: false,
        }
    }

    /// Accepts nothing any more; what was accepted goes out until the drain deadline, then connections are closed in
    /// an orderly way. Callers waiting for room are failed. Does not wait: [`finished`](Self::finished) does.
    ///
    /// The drop of the last clone does the same.
    pub fn close(&self) {
        self.shared.end(Reason::Closed);
    }

    /// Accepts nothing any more, fails everything pending and drops all connections.
    pub fn abort(&self) {
        self.shared.end(Reason::Aborted);
    }

    /// Ends the pause before the next dial, if there is one. The circuit breaker is not asked to hurry.
    pub fn try_now(&self) {
        self.shared.queue.lock().orders.try_now = true;
        self.shared.driver.wake();
    }

    /// Whether the client accepts nothing any more.
    pub fn is_closed(&self) -> bool {
        self.shared.queue.lock().is_ended()
    }

    /// Waits until the driver is done or dropped; returns the final counters.
    pub fn finished(&self) -> Finished<'_, M> {
        Finished {
            shared: &self.shared,
            key: NONE,
            done: false,
        }
    }

    /// The counters, all of one moment. Two kilobytes are copied under the queue's lock: some times a second, not
    /// per message.
    pub fn stats(&self) -> Stats {
        self.shared.queue.lock().snapshot()
    }

    /// What happens to the pool from now on. Every call gives a stream of its own.
    pub fn events(&self) -> Events {
        self.shared.listeners.subscribe()
    }
}

impl<M> Clone for Client<M> {
    fn clone(&self) -> Self {
        self.shared.add_client();
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<M> Drop for Client<M> {
    fn drop(&mut self) {
        self.shared.remove_client();
    }
}

impl<M> fmt::Debug for Client<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// The future of [`Client::enqueue`].
#[must_use = "a future does nothing unless it is polled"]
pub struct Enqueue<'a, M> {
    admission: Admission<'a, M>,
}

// The message is moved, never pinned.
impl<M> Unpin for Enqueue<'_, M> {}

impl<M> Future for Enqueue<'_, M> {
    type Output = Result<(), Unsent<M>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().admission.poll(cx, false)
    }
}

impl<M> FusedFuture for Enqueue<'_, M> {
    fn is_terminated(&self) -> bool {
        self.admission.is_over()
    }
}

/// The future of [`Client::send`].
#[must_use = "a future does nothing unless it is polled"]
pub struct SendMessage<'a, M> {
    shared: &'a Shared<M>,
    /// Holds the ticket once the message is accepted.
    admission: Admission<'a, M>,
}

impl<M> Unpin for SendMessage<'_, M> {}

impl<M> Future for SendMessage<'_, M> {
    type Output = Result<(), SendError<M>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.admission.ticket == NONE {
            return match this.admission.poll(cx, true) {
                // Accepted: the ticket has this task's waker.
                Poll::Pending | Poll::Ready(Ok(())) => Poll::Pending,
                Poll::Ready(Err(Unsent(message, reason))) => {
                    Poll::Ready(Err(SendError::Unsent(message, reason)))
                }
            };
        }
        let waker = cx.waker().clone();
        let (outcome, replaced) = this
            .shared
            .queue
            .lock()
            .poll_ticket(this.admission.ticket, waker);
        drop(replaced); // outside the lock
        let Outcome::Settled(verdict, message) = outcome else {
            return Poll::Pending;
        };
        this.admission.ticket = NONE;
        Poll::Ready(match (verdict, message) {
            (Verdict::Unsent(reason), Some(message)) => Err(SendError::Unsent(message, reason)),
            (Verdict::Unknown(reason), Some(message)) => Err(SendError::Unknown(message, reason)),
            _ => Ok(()),
        })
    }
}

impl<M> FusedFuture for SendMessage<'_, M> {
    fn is_terminated(&self) -> bool {
        self.admission.ticket == NONE && self.admission.is_over()
    }
}

impl<M> Drop for SendMessage<'_, M> {
    fn drop(&mut self) {
        let ticket = self.admission.ticket;
        if ticket != NONE {
            let left = self.shared.queue.lock().abandon_ticket(ticket);
            drop(left); // outside the lock
        }
    }
}

/// The future of [`Client::flush`].
#[must_use = "a future does nothing unless it is polled"]
pub struct Flush<'a, M> {
    shared: &'a Shared<M>,
    key: u32,
    done: bool,
}

impl<M> Future for Flush<'_, M> {
    type Output = Result<(), FlushError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        assert!(!this.done, "polled after completion");
        let waker = cx.waker().clone();
        let (result, unused) = {
            let mut queue = this.shared.queue.lock();
            if this.key == NONE {
                match queue.begin_flush(waker) {
                    Ok(key) => {
                        this.key = key;
                        (None, None)
                    }
                    Err(waker) => (Some(Ok(())), Some(waker)),
                }
            } else {
                queue.poll_flush(this.key, waker)
            }
        };
        drop(unused); // outside the lock
        match result {
            None => Poll::Pending,
            Some(result) => {
                this.key = NONE;
                this.done = true;
                Poll::Ready(result)
            }
        }
    }
}

impl<M> FusedFuture for Flush<'_, M> {
    fn is_terminated(&self) -> bool {
        self.done
    }
}

impl<M> Drop for Flush<'_, M> {
    fn drop(&mut self) {
        if self.key != NONE {
            let waker = self.shared.queue.lock().leave_flush(self.key);
            drop(waker); // outside the lock
        }
    }
}

/// The future of [`Client::finished`].
#[must_use = "a future does nothing unless it is polled"]
pub struct Finished<'a, M> {
    shared: &'a Shared<M>,
    key: u32,
    done: bool,
}

impl<M> Future for Finished<'_, M> {
    type Output = Stats;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Stats> {
        let this = self.get_mut();
        assert!(!this.done, "polled after completion");
        let waker = cx.waker().clone();
        let (finished, unused) = this.shared.queue.lock().poll_finish(&mut this.key, waker);
        drop(unused); // outside the lock
        if !finished {
            return Poll::Pending;
        }
        this.done = true;
        Poll::Ready(this.shared.queue.lock().snapshot())
    }
}

impl<M> FusedFuture for Finished<'_, M> {
    fn is_terminated(&self) -> bool {
        self.done
    }
}

impl<M> Drop for Finished<'_, M> {
    fn drop(&mut self) {
        if self.key != NONE {
            let waker = self.shared.queue.lock().leave_finish(self.key);
            drop(waker); // outside the lock
        }
    }
}

macro_rules! debug_futures {
    ($($name:ident)*) => {$(
        impl<M> fmt::Debug for $name<'_, M> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("terminated", &self.is_terminated())
                    .finish_non_exhaustive()
            }
        }
    )*};
}

debug_futures!(Enqueue SendMessage Flush Finished);
