//! A channel from many senders to one receiver.
//!
//! | Type | What it is |
//! |---|---|
//! | [`Sender`] | sends; clone it for more of them |
//! | [`Receiver`] | receives; there is one; a `Stream` |
//! | [`Permit`] | room for one value, to be sent without waiting |
//!
//! # Picture
//! ```text
//!   Sender ──┐  push    ┌──────────────────────┐    pop
//!   Sender ──┼─────────▶│ queue: ring or list  ├──────────▶ Receiver
//!   Sender ──┘          └──────────────────────┘
//!      ▲    └──▶ look at the cell ──▶ wake ──────────────────▲ │
//!      └──────── wake ◀── look at the line ◀───────────────────┘
//! ```
//! A queue, a cell for the waker of the receiver, and a line of senders that wait for room.
//!
//! # Invariants
//! 1. The receiver registers in the cell, then looks at the queue once more; a sender claims a place, then looks at
//!    the cell, and wakes when the value is there. Between the two, on both sides, stands a sequentially consistent
//!    fence: one sees the other. So the receiver sleeps only when no place is claimed. When one is, and not filled yet,
//!    it is polled again.
//! 2. The same with the line for those who wait for room: they join, and look at the queue once more; whoever
//!    makes room (a receive, a permit that is dropped) does so, and then looks at the line.
//! 3. For each place that becomes free while somebody waits, one is told. Who is told and does not come passes it
//!    on. Who is told and finds the place taken by another has nothing to pass on, and joins the end of the line.
//! 4. A close stands in the order of the pushes (it is the queue's), and is followed by a wake-up for all.
//!
//! # Ordering
//! | Variables | Fences | Model |
//! |---|---|---|
//! | claims; the cell | `Shared::is_awaited`; `wait_alone` | `a_value_that_is_sent_reaches_the_receiver` |
//! | room; the line | `Shared::is_room_awaited`; `Line::wait` | `room_that_is_made_reaches_a_sender` |
//!
//! What is sent happens before it is received, and what is received before the send that takes its place: by the
//! queue.
//!
//! # Progress
//! | Operation | Progress |
//! |---|---|
//! | `try_send`, `try_recv` while nobody waits | as the queue: lock-free |
//! | waking the receiver, registering it | wait-free |
//! | waiting for room, waking who does, giving up, closing | block while a holder of the lock of the line is stopped, a few instructions long |
//!
//! A sender that is stopped in the middle of a push hides its value and those behind it from the receiver, which
//! is polled, in vain, until that sender goes on.
//!
//! # Cancel safety
//! | Dropped | What happens |
//! |---|---|
//! | [`SendFuture`] | what it has not sent is dropped; with [`reserve`](Sender::reserve) it stays with the caller |
//! | [`SendMany`] | what it has not sent is still in the vector |
//! | [`Reserve`], [`Permit`] | the room is for the next one |
//! | [`Recv`], [`RecvMany`] | nothing was taken |
//!
//! A wake-up that one of them had got goes to the next one, and its waker is dropped at once. One that is *forgotten*
//! while it waits for room keeps its place in the line, and a wake-up that it gets is lost.
//!
//! # Cost
//! | | bytes | allocations | locked instructions |
//! |---|---|---|---|
//! | `bounded`; `unbounded` | 768 + 16 for each place with a `u64`; 1,392 with it | 2 | |
//! | `Sender`; `Receiver` | 8; 16 | 0 | 2 to clone a sender, 2 to drop it |
//! | [`SendFuture`]; [`SendMany`]; [`Reserve`]; [`Permit`] | 64 + value; 72; 56; 8 | 0 | |
//! | [`Recv`]; [`RecvMany`] | 16; 32 | 0 | |
//! | `try_send`, `send` when there is room; `send_many` | | as the queue | 1; 1 in all |
//! | `try_recv`, `recv` when there is a value; `recv_many` | | 0 | 1, unbounded 0; the same in all |
//! | `try_reserve`, and the permit dropped | | 0 | 3 |
//!
//! A fence counts as one. Bytes on 64 bits, up to padding.
//!
//! # Examples
//! ```
//! use hyperia_sync::mpsc;
//! use hyperia_wait::block_on;
//!
//! let (sender, mut receiver) = mpsc::bounded(16);
//! std::thread::scope(|scope| {
//!     for id in 0..2 {
//!         let sender = sender.clone();
//!         scope.spawn(move || block_on(sender.send(id)).unwrap());
//!     }
//!     drop(sender);
//!     let mut received = Vec::new();
//!     while let Ok(id) = block_on(receiver.recv()) {
//!         received.push(id);
//!     }
//!     received.sort();
//!     assert_eq!(received, [0, 1]);
//! });
//! ```

mod permit;
mod receiver;
#[path = "../ends/recv.rs"]
mod recv;
#[path = "../ends/send.rs"]
mod send;
#[path = "../ends/sender.rs"]
mod sender;

use alloc::vec::Vec;

use hyperia_queue::mpsc::raw::{List, Ring};
use hyperia_queue::{PopError, PushError};
use hyperia_wait::{WaitQueue, WakeBatch, WakerCell};

pub use self::permit::{Permit, Reserve};
pub use self::receiver::Receiver;
pub use self::recv::{Recv, RecvMany};
pub use self::send::{SendFuture, SendMany};
pub use self::sender::Sender;
use crate::channel::Attempt;
pub use crate::channel::{RecvError, SendError, SendTimeoutError, TryRecvError, TrySendError};
use crate::primitive::Ordering::*;
use crate::primitive::{Arc, AtomicUsize, fence, fence_after_rmw};

/// Creates a channel with room for `capacity` values, any number from 1.
///
/// # Panics
/// If `capacity` is zero, above a quarter of `usize::MAX`, or above 2^45.
///
/// # Complexity
/// Two allocations, none afterwards.
#[must_use]
#[track_caller]
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    Shared::channel(Queue::Bounded(Ring::new(capacity)))
}

/// Creates a channel without a limit: sending never waits.
///
/// # Complexity
/// Two allocations; afterwards one per 32 values unless blocks of values are at hand that were received: a channel
/// whose length moves within 128 does not allocate.
#[must_use]
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    Shared::channel(Queue::Unbounded(List::new()))
}

/// Where the values are.
enum Queue<T> {
    Bounded(Ring<T>),
    Unbounded(List<T>),
}

/// What the handles share.
struct Shared<T> {
    queue: Queue<T>,
    /// The receiver, when it waits.
    receiver: WakerCell,
    /// Who waits for room. Closed with the channel.
    room: WaitQueue,
    /// Senders that live; the last one closes.
    senders: AtomicUsize,
}

impl<T> Shared<T> {
    fn channel(queue: Queue<T>) -> (Sender<T>, Receiver<T>) {
        let shared = Arc::new(Self {
            queue,
            receiver: WakerCell::new(),
            room: WaitQueue::new(),
            senders: AtomicUsize::new(1),
        });
        (Sender::new(Arc::clone(&shared)), Receiver::new(shared))
    }

    #[inline]
    fn push(&self, value: T) -> Result<(), PushError<T>> {
        // SAFETY: the look does not panic.
        let is_awaited = unsafe {
            match &self.queue {
                Queue::Bounded(ring) => ring.push_looking(value, || self.is_awaited())?,
                Queue::Unbounded(list) => list.push_looking(value, || self.is_awaited())?,
            }
        };
        self.pushed(is_awaited);
        Ok(())
    }

    fn push_many(&self, values: &mut Vec<T>) -> Result<usize, PushError<()>> {
        if values.is_empty() {
            return Ok(0);
        }
        // SAFETY: the look does not panic.
        let (count, is_awaited) = unsafe {
            match &self.queue {
                Queue::Bounded(ring) => ring.push_many_looking(values, || self.is_awaited())?,
                Queue::Unbounded(list) => list.push_many_looking(values, || self.is_awaited())?,
            }
        };
        self.pushed(is_awaited);
        Ok(count)
    }

    /// Whether the receiver waits, looked at when a place was claimed.
    #[inline]
    fn is_awaited(&self) -> bool {
        // ORDERING: the claim, a read-modify-write right before, against the cell, looked at after this; with the fence
        // in `wait_alone`.
        fence_after_rmw();
        self.receiver.is_registered()
    }

    /// Wakes the receiver, if it waited when the place was claimed.
    #[inline]
    fn pushed(&self, is_awaited: bool) {
        if is_awaited {
            self.receiver.wake();
        }
    }

    /// # Safety
    /// There is one consumer: the caller is the receiver.
    #[inline]
    unsafe fn pop(&self) -> Result<T, PopError> {
        match &self.queue {
            Queue::Bounded(ring) => {
                // SAFETY: the contract is the same.
                let value = unsafe { ring.pop()? };
                if self.is_room_awaited() {
                    self.room.notify_one();
                }
                Ok(value)
            }
            // SAFETY: the contract is the same.
            Queue::Unbounded(list) => unsafe { list.pop() },
        }
    }

    /// Whether anybody waits for room, looked at after some was made.
    #[inline]
    fn is_room_awaited(&self) -> bool {
        // ORDERING: the queue, in which room was made before, against the line, looked at after this; with the fence in
        // `Line::wait`.
        fence(SeqCst);
        self.room.has_waiters()
    }

    /// What one that waits for room makes of a push that found none: whoever makes some looks at the line afterwards.
    fn after_full<R>(&self) -> Attempt<R> {
        Attempt::Wait
    }

    fn close(&self) -> bool {
        let first = match &self.queue {
            Queue::Bounded(ring) => ring.close(),
            Queue::Unbounded(list) => list.close(),
        };
        if first {
            // Its drop wakes the receiver, also when a waker of the others panics.
            let mut receiver = WakeBatch::new();
            if let Some(waker) = self.receiver.take() {
                receiver.push(waker);
            }
            self.room.close();
        }
        first
    }

    fn is_closed(&self) -> bool {
        match &self.queue {
            Queue::Bounded(ring) => ring.is_closed(),
            Queue::Unbounded(list) => list.is_closed(),
        }
    }

    fn capacity(&self) -> Option<usize> {
        match &self.queue {
            Queue::Bounded(ring) => Some(ring.capacity()),
            Queue::Unbounded(_) => None,
        }
    }
}
