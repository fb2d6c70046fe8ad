//! What happens to the pool, as a stream.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Weak};

use futures_core::{FusedStream, Stream};

use crate::primitive::Mutex;
use crate::{BreakerState, Reason, Stats};

/// Events kept for a listener that does not keep up; then the oldest are dropped, and counted.
const BACKLOG_MAX: usize = 256;

/// A connection of the pool. No two connections of a client have the same one (in 2^32 that follow each other in
/// one place).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl ConnectionId {
    /// Its place in the pool, below `max_connections`. Reused by later connections.
    #[must_use]
    pub const fn slot(self) -> usize {
        self.slot as usize
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.slot, self.generation)
    }
}

/// Something that happened to the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A dial began.
    Dialing(ConnectionId),
    /// A connection was made.
    Connected(ConnectionId),
    /// A dial failed.
    DialFailed(ConnectionId, io::ErrorKind),
    /// A connection ended before the client wanted it.
    Lost(ConnectionId, Reason),
    /// A connection is being closed in an orderly way.
    Closing(ConnectionId),
    /// A connection was closed in an orderly way, or at the close deadline.
    Closed(ConnectionId),
    /// The next dial waits until this time of the timers' clock.
    Backoff {
        /// Attempts that failed in a row.
        failed: u32,
        /// When the next one may begin.
        until: Duration,
    },
    /// The breaker changed its state.
    Breaker(BreakerState),
    /// Everything pending was failed.
    Failed {
        /// Why.
        reason: Reason,
        /// How many messages were in the queue; callers waiting for room come on top.
        messages: usize,
    },
    /// The client accepts nothing any more and flushes what it has.
    Draining,
    /// The driver is done. The last event.
    Finished(Box<Stats>),
    /// The listener was too slow: so many events were dropped here.
    Missed(u64),
}

/// The stream of a client's [`Event`]s, from [`Client::events`](crate::Client::events).
///
/// It ends after [`Event::Finished`]. A listener that falls 256 events behind loses the oldest and is told how many.
/// Polled from several tasks, the last one is woken. To await one event: `StreamExt::next` of futures-util, or
/// `poll_fn(|cx| Pin::new(&mut events).poll_next(cx))`.
#[must_use = "a stream does nothing unless it is polled"]
pub struct Events {
    shared: Arc<Listener>,
}

struct Listener {
    state: Mutex<Backlog>,
}

#[derive(Default)]
struct Backlog {
    events: VecDeque<Event>,
    missed: u64,
    ended: bool,
    waker: Option<Waker>,
}

impl Events {
    /// Takes the oldest event, if there is one.
    pub fn try_next(&mut self) -> Option<Event> {
        self.shared.state.lock().pop()
    }
}

impl Backlog {
    fn pop(&mut self) -> Option<Event> {
        match core::mem::take(&mut self.missed) {
            0 => self.events.pop_front(),
            missed => Some(Event::Missed(missed)),
        }
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let waker = cx.waker().clone();
        let replaced;
        {
            let mut state = self.shared.state.lock();
            if let Some(event) = state.pop() {
                return Poll::Ready(Some(event));
            }
            if state.ended {
                return Poll::Ready(None);
            }
            replaced = state.waker.replace(waker);
        }
        drop(replaced); // outside the lock: dropping a waker may run user code
        Poll::Pending
    }
}

impl FusedStream for Events {
    fn is_terminated(&self) -> bool {
        let state = self.shared.state.lock();
        state.ended && state.missed == 0 && state.events.is_empty()
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events")
            .field("waiting", &self.shared.state.lock().events.len())
            .finish_non_exhaustive()
    }
}

/// Where the driver sends events. Without listeners an event costs one lock.
#[derive(Default)]
pub(crate) struct Listeners {
    list: Mutex<ListenersState>,
}

#[derive(Default)]
struct ListenersState {
    listeners: Vec<Weak<Listener>>,
    ended: bool,
}

impl Listeners {
    pub(crate) fn subscribe(&self) -> Events {
        let shared = Arc::new(Listener {
            state: Mutex::new(Backlog::default()),
        });
        let mut list = self.list.lock();
        if list.ended {
            shared.state.lock().ended = true;
        } else {
            list.listeners
                .retain(|listener| listener.strong_count() > 0);
            list.listeners.push(Arc::downgrade(&shared));
        }
        drop(list);
        Events { shared }
    }

    /// Hands `event` to every listener; the wakers to be woken go to `wakers`.
    pub(crate) fn publish(&self, event: &Event, wakers: &mut Vec<Waker>) {
        // Strong handles are dropped outside the lock: the last one of a listener drops its waker.
        let listeners: Vec<_> = {
            let list = self.list.lock();
            list.listeners.iter().filter_map(Weak::upgrade).collect()
        };
        for listener in listeners {
            let mut state = listener.state.lock();
            if state.events.len() == BACKLOG_MAX {
                state.events.pop_front();
                state.missed += 1;
            }
            state.events.push_back(event.clone());
            wakers.extend(state.waker.take());
        }
    }

    /// Ends every stream, now and later.
    pub(crate) fn end(&self, wakers: &mut Vec<Waker>) {
        let listeners = {
            let mut list = self.list.lock();
            list.ended = true;
            core::mem::take(&mut list.listeners)
        };
        for listener in listeners.iter().filter_map(Weak::upgrade) {
            let mut state = listener.state.lock();
            state.ended = true;
            wakers.extend(state.waker.take());
        }
    }
}
