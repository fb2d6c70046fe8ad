//! A bounded channel from one sender to one receiver.
//!
//! | Type | What it is |
//! |---|---|
//! | [`Sender`] | sends; there is one |
//! | [`Receiver`] | receives; there is one; a `Stream` |
//! | [`Permit`] | room for one value, to be sent without waiting |
//!
//! # Picture
//! ```text
//!            push    ┌──────┐    pop
//!   Sender ─────────▶│ ring ├──────────▶ Receiver
//!      │             └──────┘               │
//!      └──▶ look at the receiver's cell ──▶ wake
//!      wake ◀── look at the sender's cell ◀─┘
//! ```
//! The queue [`hyperia_queue::spsc`], and a cell for each side's waker.
//!
//! # Invariants
//! 1. The receiver registers in its cell, then looks at the queue once more; the sender pushes, then looks at that cell.
//!    Between the two, on both sides, stands a sequentially consistent fence: one sees the other.
//! 2. The same with the sender, which waits for room, and the receiver, which makes it.
//! 3. A sender that waits with a value leaves it in the mailbox meanwhile. The receiver looks there when the queue is
//!    empty and not closed, and takes what it sees if the queue is empty after that look, too: what was sent before it
//!    comes first. So the values keep their order, and none is received after `Disconnected`.
//! 4. An end is closed first, and the other side woken after that.
//!
//! # Ordering
//! | Variables | Fences | Model |
//! |---|---|---|
//! | the queue; the receiver's cell | `Cells::pushed`; `wait_alone` | `a_value_that_is_sent_reaches_the_receiver` |
//! | the queue, the mailbox; the sender's cell | `Cells::popped`; `wait_alone` | `room_that_is_made_reaches_a_sender` |
//!
//! What is sent happens before it is received, and what is received before the send that takes its place: by the
//! queue.
//!
//! # Progress
//! Wait-free, each call, apart from what wakers do.
//!
//! # Cancel safety
//! | Dropped | What happens |
//! |---|---|
//! | [`SendFuture`] | what was not received meanwhile is dropped, unless it was sent; with [`reserve`](Sender::reserve) it stays with the caller |
//! | [`SendMany`] | what it has not sent is still in the vector |
//! | [`Reserve`], [`Permit`] | nothing |
//! | [`Recv`], [`RecvMany`] | nothing was taken |
//!
//! # Cost
//! | | bytes | allocations | locked instructions |
//! |---|---|---|---|
//! | `bounded` | 584 + a value for each place and one more | 3, without a size 2 | |
//! | `Sender`; `Receiver` | 32; 40 | 0 | |
//! | [`SendFuture`]; [`SendMany`]; [`Reserve`]; [`Permit`] | 24 + value; 24; 16; 8 | 0 | |
//! | [`Recv`]; [`RecvMany`] | 16; 32 | 0 | |
//! | `try_send`, `send` when there is room; `send_many` | | 0 | 1; 1 in all |
//! | `try_recv`, `recv` when there is a value; `recv_many` | | 0 | 1; 1 in all |
//!
//! The one instruction is the fence. Bytes on 64 bits, up to padding.
//!
//! # Why the receiver cannot close and go on receiving
//! The queue tells a consumer that has closed that nothing will come when the producer has noticed, which a sender that
//! sends nothing never does. To know it at once would cost each send another fence. A receiver that has to close and
//! drain takes [`mpsc`](crate::mpsc).
//!
//! # Examples
//! ```
//! use hyperia_sync::spsc;
//! use hyperia_wait::block_on;
//!
//! let (mut sender, mut receiver) = spsc::bounded(16);
//! std::thread::scope(|scope| {
//!     scope.spawn(move || {
//!         for value in 1..=100 {
//!             block_on(sender.send(value)).unwrap();
//!         }
//!     });
//!     let mut sum = 0;
//!     while let Ok(value) = block_on(receiver.recv()) {
//!         sum += value;
//!     }
//!     assert_eq!(sum, 5050);
//! });
//! ```

mod receiver;
#[path = "../ends/recv.rs"]
mod recv;
mod send;
mod sender;

use hyperia_queue::spsc;
use hyperia_wait::WakerCell;

pub use self::receiver::Receiver;
pub use self::recv::{Recv, RecvMany};
pub use self::send::{Permit, Reserve, SendFuture, SendMany};
pub use self::sender::Sender;
use crate::channel::Mailbox;
pub use crate::channel::{RecvError, SendError, SendTimeoutError, TryRecvError, TrySendError};
use crate::primitive::Ordering::*;
use crate::primitive::{Arc, fence};

/// Creates a channel with room for `capacity` values, any number from 1.
///
/// # Panics
/// If `capacity` is zero, or above a quarter of `usize::MAX`.
///
/// # Complexity
/// Three allocations, none afterwards.
#[must_use]
#[track_caller]
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let (producer, consumer) = spsc::bounded(capacity);
    let cells = Arc::new(Cells {
        mailbox: Mailbox::new(),
        receiver: WakerCell::new(),
        sender: WakerCell::new(),
    });
    (
        Sender::new(producer, Arc::clone(&cells)),
        Receiver::new(consumer, cells),
    )
}

/// Who waits.
struct Cells<T> {
    /// The value of a sender that waits for room.
    mailbox: Mailbox<T>,
    receiver: WakerCell,
    sender: WakerCell,
}

impl<T> Cells<T> {
    /// Wakes the receiver if it waits, after a push.
    #[inline]
    fn pushed(&self) {
        // ORDERING: the queue, pushed to before, against the receiver's cell, looked at after this; with the fence in
        // `wait_alone`.
        fence(SeqCst);
        if self.receiver.is_registered() {
            self.receiver.wake();
        }
    }

    /// Wakes the sender if it waits, after a pop.
    #[inline]
    fn popped(&self) {
        // ORDERING: the queue, popped from before, against the sender's cell, looked at after this; with the fence in
        // `wait_alone`.
        fence(SeqCst);
        if self.sender.is_registered() {
            self.sender.wake();
        }
    }
}
