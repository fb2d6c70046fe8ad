//! A channel from many senders to many receivers: each value is received by one of them.
//!
//! | Type | What it is |
//! |---|---|
//! | [`Sender`] | sends; clone it for more of them |
//! | [`Receiver`] | receives; clone it for more of them |
//! | [`RecvStream`] | the values as a `Stream`, to be pinned |
//!
//! # Picture
//! ```text
//!   Sender ──┐  push    ┌───────┐    pop     ┌──▶ Receiver
//!   Sender ──┼─────────▶│ queue ├────────────┼──▶ Receiver
//!   Sender ──┘          └───────┘            └──▶ Receiver
//!      ▲  └──▶ look at the receivers' line ──▶ wake ──▲ │
//!      └────── wake ◀── look at the senders' line ◀─────┘
//! ```
//! A queue, a line of receivers that wait for a value, and a line of senders that wait for room.
//!
//! # Invariants
//! 1. A receiver that waits joins its line, then looks at the queue once more; a sender claims a place, then looks at
//!    that line, and wakes one when the value is there. Between the two, on both sides, stands a sequentially consistent
//!    fence: one sees the other. So a receiver sleeps only when no place is claimed; when one is, and not filled yet, it
//!    is polled again.
//! 2. The same with senders that wait for room, and receivers that claim values. A sender sleeps only when all places
//!    hold values that nobody has claimed.
//! 3. So for each value that is claimed while receivers wait one of them is told, and for each place one of the
//!    senders. Who is told and does not come passes it on. Who is told and finds that another came first has nothing to
//!    pass on, and joins the end of the line.
//! 4. A close stands in the order of the pushes (it is the queue's), and is followed by a wake-up for all.
//!
//! # Ordering
//! | Variables | Fences | Model |
//! |---|---|---|
//! | claimed places; the line of receivers | `Shared::is_value_awaited`; `Line::wait` | `a_value_that_is_sent_reaches_the_receiver` |
//! | claimed values; the line of senders | `Shared::is_room_awaited`; `Line::wait` | `room_that_is_made_reaches_a_sender` |
//!
//! What is sent happens before it is received, and what is received before the send that takes its place: by the
//! queue.
//!
//! # Progress
//! | Operation | Progress |
//! |---|---|
//! | `try_send`, `try_recv` while nobody waits | as the queue: no call waits for another thread |
//! | waiting, waking who does, giving up, closing | block while a holder of the lock of a line is stopped, a few instructions long |
//!
//! A sender that is stopped in the middle of a push hides its value and those behind it; receivers are polled, in vain,
//! until it goes on. So are senders, while a receiver is stopped in the middle of a pop of a full channel.
//!
//! # Cancel safety
//! | Dropped | What happens |
//! |---|---|
//! | [`SendFuture`] | what it has not sent is dropped |
//! | [`SendMany`] | what it has not sent is still in the vector |
//! | [`Recv`], [`RecvMany`], [`RecvStream`] | nothing was taken |
//!
//! A wake-up that one of them had got goes to the next one, and its waker is dropped at once. One that is *forgotten*
//! while it waits keeps its place in the line, and a wake-up that it gets is lost.
//!
//! # Cost
//! | | bytes | allocations | locked instructions |
//! |---|---|---|---|
//! | `bounded`; `unbounded` | 768 + 16 for each place with a `u64`; 1,392 with it | 2 | |
//! | `Sender`, `Receiver` | 8 | 0 | 2 to clone one, 2 to drop it |
//! | [`SendFuture`]; [`SendMany`] | 64 + value; 72 | 0 | |
//! | [`Recv`]; [`RecvMany`]; [`RecvStream`] | 64; 80; 64 | 0 | |
//! | `try_send`, `send` when there is room; `send_many` | | as the queue | 1; 1 in all |
//! | `try_recv`, `recv` when there is a value; `recv_many` | | 0 | 1, unbounded 2; the same in all |
//!
//! A fence counts as one. Bytes on 64 bits, up to padding.
//!
//! # Examples
//! ```
//! use hyperia_sync::mpmc;
//! use hyperia_wait::block_on;
//!
//! let (sender, receiver) = mpmc::bounded(16);
//! std::thread::scope(|scope| {
//!     let workers = [receiver.clone(), receiver].map(|receiver| {
//!         scope.spawn(move || {
//!             let mut sum = 0;
//!             while let Ok(value) = block_on(receiver.recv()) {
//!                 sum += value;
//!             }
//!             sum
//!         })
//!     });
//!     for value in 1..=100 {
//!         block_on(sender.send(value)).unwrap();
//!     }
//!     drop(sender);
//!     let sums = workers.map(|worker| worker.join().unwrap());
//!     assert_eq!(sums.iter().sum::<u32>(), 5050);
//! });
//! ```

mod receiver;
mod recv;
#[path = "../ends/send.rs"]
mod send;
#[path = "../ends/sender.rs"]
mod sender;

use alloc::vec::Vec;

use hyperia_queue::mpmc;
use hyperia_queue::{PopError, PushError};
use hyperia_wait::WaitQueue;

pub use self::receiver::Receiver;
pub use self::recv::{Recv, RecvMany, RecvStream};
pub use self::send::{SendFuture, SendMany};
pub use self::sender::Sender;
use crate::channel::Attempt;
pub use crate::channel::{RecvError, SendError, SendTimeoutError, TryRecvError, TrySendError};
use crate::primitive::{Arc, AtomicUsize, fence_after_rmw};

/// Creates a channel with room for `capacity` values, any number from 1.
///
/// # Panics
/// If `capacity` is zero, or above a quarter of `usize::MAX`.
///
/// # Complexity
/// Two allocations, none afterwards.
#[must_use]
#[track_caller]
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    Shared::channel(Queue::Bounded(mpmc::Queue::bounded(capacity)))
}

/// Creates a channel without a limit: sending never waits. (Receiving panics if more than 8,192 threads do it at the same
/// moment.)
///
/// # Complexity
/// Two allocations; afterwards one per 32 values unless blocks of values are at hand that were received: a channel
/// whose length moves within 128 does not allocate.
#[must_use]
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    Shared::channel(Queue::Unbounded(mpmc::UnboundedQueue::new()))
}

impl<T> Sender<T> {
    /// Returns how many values there are: exact when nobody sends or receives.
    pub fn len(&self) -> usize {
        self.shared.len()
    }

    /// Returns whether there is nothing in the channel; as exact as [`len`](Self::len).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Where the values are.
#[cfg_attr(
    hyperia_shuttle,
    expect(
        clippy::large_enum_variant,
        reason = "the atomics of shuttle are large"
    )
)]
enum Queue<T> {
    Bounded(mpmc::Queue<T>),
    Unbounded(mpmc::UnboundedQueue<T>),
}

/// What the handles share.
struct Shared<T> {
    queue: Queue<T>,
    /// Who waits for a value. Closed with the channel.
    values: WaitQueue,
    /// Who waits for room. Closed with the channel.
    room: WaitQueue,
    /// Senders that live; the last one closes.
    senders: AtomicUsize,
    /// Receivers that live; the last one closes.
    receivers: AtomicUsize,
}

impl<T> Shared<T> {
    fn channel(queue: Queue<T>) -> (Sender<T>, Receiver<T>) {
        let shared = Arc::new(Self {
            queue,
            values: WaitQueue::new(),
            room: WaitQueue::new(),
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(1),
        });
        (Sender::new(Arc::clone(&shared)), Receiver::new(shared))
    }

    #[inline]
    fn push(&self, value: T) -> Result<(), PushError<T>> {
        // SAFETY: the look does not panic.
        let awaited = unsafe {
            match &self.queue {
                Queue::Bounded(queue) => queue.push_looking(value, || self.is_value_awaited())?,
                Queue::Unbounded(queue) => queue.push_looking(value, || self.is_value_awaited())?,
            }
        };
        if awaited {
            self.values.notify_one();
        }
        Ok(())
    }

    fn push_many(&self, values: &mut Vec<T>) -> Result<usize, PushError<()>> {
        if values.is_empty() {
            return Ok(0);
        }
        // SAFETY: the look does not panic.
        let (count, awaited) = unsafe {
            match &self.queue {
                Queue::Bounded(queue) => {
                    queue.push_many_looking(values, || self.is_value_awaited())?
                }
                Queue::Unbounded(queue) => {
                    queue.push_many_looking(values, || self.is_value_awaited())?
                }
            }
        };
        if awaited {
            self.values.notify_many(count);
        }
        Ok(count)
    }

    #[inline]
    fn pop(&self) -> Result<T, PopError> {
        match &self.queue {
            Queue::Bounded(queue) => {
                // SAFETY: the look does not panic.
                let (value, awaited) = unsafe { queue.pop_looking(|| self.is_room_awaited())? };
                if awaited {
                    self.room.notify_one();
                }
                Ok(value)
            }
            Queue::Unbounded(queue) => queue.pop(),
        }
    }

    fn pop_many(&self, values: &mut Vec<T>, limit: usize) -> Result<usize, PopError> {
        if limit == 0 {
            return Ok(0);
        }
        match &self.queue {
            Queue::Bounded(queue) => {
                // SAFETY: the look does not panic.
                let (count, awaited) =
                    unsafe { queue.pop_many_looking(values, limit, || self.is_room_awaited())? };
                if awaited {
                    self.room.notify_many(count);
                }
                Ok(count)
            }
            Queue::Unbounded(queue) => queue.pop_many(values, limit),
        }
    }

    /// Whether anybody waits for a value, looked at when a place was claimed.
    #[inline]
    fn is_value_awaited(&self) -> bool {
        // ORDERING: the claim of a place, a read-modify-write right before, against the line of receivers, looked at
        // after this; with the fence in `Line::wait`.
        fence_after_rmw();
        self.values.has_waiters()
    }

    /// Whether anybody waits for room, looked at when a value was claimed.
    #[inline]
    fn is_room_awaited(&self) -> bool {
        // ORDERING: the claim of a value, a read-modify-write right before, against the line of senders, looked at
        // after this; with the fence in `Line::wait`.
        fence_after_rmw();
        self.room.has_waiters()
    }

    /// What one that waits for a value makes of a pop that found nothing.
    fn after_pop<R>(&self, error: PopError) -> Attempt<Result<R, RecvError>> {
        let is_empty = match &self.queue {
            Queue::Bounded(queue) => queue.is_empty(),
            Queue::Unbounded(queue) => queue.is_empty(),
        };
        match error {
            PopError::Closed => Attempt::Done(Err(RecvError)),
            PopError::Empty if is_empty => Attempt::Wait,
            PopError::Empty => Attempt::Busy,
        }
    }

    /// What one that waits for room makes of a push that found none.
    fn after_full<R>(&self) -> Attempt<R> {
        match &self.queue {
            Queue::Bounded(queue) if !queue.is_full() => Attempt::Busy,
            Queue::Bounded(_) | Queue::Unbounded(_) => Attempt::Wait,
        }
    }

    fn close(&self) -> bool {
        let first = match &self.queue {
            Queue::Bounded(queue) => queue.close(),
            Queue::Unbounded(queue) => queue.close(),
        };
        if first {
            /// Also when a waker of the others panics.
            struct Close<'a>(&'a WaitQueue);
            impl Drop for Close<'_> {
                fn drop(&mut self) {
                    self.0.close();
                }
            }
            let _values = Close(&self.values);
            self.room.close();
        }
        first
    }

    fn is_closed(&self) -> bool {
        match &self.queue {
            Queue::Bounded(queue) => queue.is_closed(),
            Queue::Unbounded(queue) => queue.is_closed(),
        }
    }

    fn len(&self) -> usize {
        match &self.queue {
            Queue::Bounded(queue) => queue.len(),
            Queue::Unbounded(queue) => queue.len(),
        }
    }

    fn capacity(&self) -> Option<usize> {
        match &self.queue {
            Queue::Bounded(queue) => Some(queue.capacity()),
            Queue::Unbounded(_) => None,
        }
    }
}
