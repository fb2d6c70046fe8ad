//! A bounded queue from one producer to one consumer: a ring.
//!
//! | Type | What it is |
//! |---|---|
//! | [`Producer`] | pushes; there is one |
//! | [`Consumer`] | pops, or looks at what is inside without taking it; there is one |
//!
//! # Picture
//! ```text
//!                head: next to pop             tail: next to push
//!                  │                             │
//!   ┌──────┬──────┬▼─────┬──────┬──────┬──────┬──▼───┬──────┐
//!   │ free │ free │ full │ full │ full │ full │ free │ free │   capacity 6: two of the free
//!   └──────┴──────┴──────┴──────┴──────┴──────┴──────┴──────┘   ones may be filled
//! ```
//! Positions count up for ever and wrap around with `usize`; the slot of a position is its lowest
//! bits. There are as many slots as the next power of two, and never more values than the capacity.
//!
//! | bit of `closed` | set by | meaning |
//! |---|---|---|
//! | 0, ended | the producer | no push will ever come: the consumer may say `Closed` |
//! | 1, refused | the consumer | no push shall come: the producer refuses the next one, and sets `ended` |
//!
//! # Invariants
//! 1. Only the producer stores `tail` and only the consumer stores `head`; each knows its own by heart.
//! 2. `head <= tail <= head + capacity`, as distances: each side compares its own position with an
//!    older one of the other side, which errs towards "full" and towards "empty".
//! 3. The slots from `head` to `tail` are initialized; the consumer alone reaches them. The producer
//!    alone reaches the others.
//! 4. Once `ended` is set, `tail` never changes.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries |
//! |---|---|---|---|
//! | publish → look | `push` stores `tail` | `pop` loads `tail` | the values |
//! | vacate → room | `pop` stores `head` | `push` loads `head` | that the values were moved out |
//! | end → closed | the producer sets `ended` | `pop` that says `Closed`; `is_closed` | the last `tail`, and what the closer did before |
//! | refuse → closed | the consumer sets `refused` | `push` that says `Closed`; `is_closed` | what the closer did before |
//!
//! # What a close by the consumer means
//! A push that is under way when the consumer closes succeeds, if it looked before. To know that none
//! is, the consumer would need a fence in every push. So after a close by the consumer, `pop` says
//! [`PopError::Empty`] until the producer has noticed: by a push that fails, by
//! [`Producer::is_closed`], or by its own end. Then, and after a close by the producer at once, it says
//! [`PopError::Closed`], which is always final. A consumer that closes in order to leave pops until it
//! hears either. **Who waits for `Closed` after its own close waits for the producer.**
//!
//! Nobody is woken by the queue itself. Who sleeps on `Empty` or `Full` registers first and then
//! looks once more, and is woken after the push, the pop or the close; between the two, and between
//! those and the look for whom to wake, stands a sequentially consistent fence or a lock. When no
//! other call is under way, both answers are exact.
//!
//! # Progress
//! Wait-free: no call has a loop, but over the values it moves.
//!
//! # Cost
//! No read-modify-write but at the close: a push and a pop are a few loads and stores, of which one
//! is the other's business. The position of the other side is loaded only when what is known of it
//! says "full" or "empty". Two allocations, both at construction: what the ends share, and the slots,
//! which have nothing beside the values.
//!
//! # Sources
//! Leslie Lamport, *Proving the correctness of multiprocess programs*, 1977; the cached remote
//! positions of Nhat Minh Lê, Adrien Guatto, Albert Cohen and Antoniu Pop, *Correct and efficient
//! bounded FIFO queues*, 2013. That an exact close would cost every push a fence: Hagit Attiya and
//! others, *Laws of order*, 2011. Added here: the close, and batches that survive a panic.
//!
//! # Examples
//! ```
//! use hyperia_queue::{PopError, PushError, spsc};
//!
//! let (mut producer, mut consumer) = spsc::bounded(2);
//! producer.push('a')?;
//! producer.push('b')?;
//! assert_eq!(producer.push('c'), Err(PushError::Full('c')));
//! assert_eq!(consumer.pop(), Ok('a'));
//!
//! producer.close();
//! assert_eq!(producer.push('d'), Err(PushError::Closed('d')));
//! assert_eq!(consumer.pop(), Ok('b')); // pushed before the close
//! assert_eq!(consumer.pop(), Err(PopError::Closed));
//! # Ok::<(), PushError<char>>(())
//! ```
//!
//! [`PopError::Empty`]: crate::PopError::Empty
//! [`PopError::Closed`]: crate::PopError::Closed

mod consumer;
mod producer;
#[cfg(all(test, not(hyperia_loom)))]
mod tests;

use alloc::boxed::Box;
use core::mem::MaybeUninit;

pub use self::consumer::Consumer;
pub use self::producer::Producer;
use crate::padded::Padded;
use crate::primitive::Ordering::*;
use crate::primitive::{Arc, AtomicUsize, UnsafeCell};

/// Bit of `closed`: the producer pushes no more.
const ENDED: usize = 1;
/// Bit of `closed`: the consumer wants no more.
const REFUSED: usize = 2;

/// Makes an empty queue with room for `capacity` values, any number from 1: its producer and its
/// consumer.
///
/// # Panics
/// If `capacity` is zero, or above a quarter of `usize::MAX`.
///
/// # Complexity
/// Two allocations: what the ends share, and as many slots as the next power of two.
#[must_use]
#[track_caller]
pub fn bounded<T>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    assert!(capacity > 0, "capacity must be greater than zero");
    assert!(
        capacity <= usize::MAX / 4,
        "capacity must be at most usize::MAX / 4"
    );
    starting_at(capacity, 0)
}

/// The same, with the positions beginning at `start`: tests begin shortly before the wrap-around.
fn starting_at<T>(capacity: usize, start: usize) -> (Producer<T>, Consumer<T>) {
    let slot = |_| UnsafeCell::new(MaybeUninit::uninit());
    let shared = Arc::new(Shared {
        tail: Padded(AtomicUsize::new(start)),
        head: Padded(AtomicUsize::new(start)),
        closed: AtomicUsize::new(0),
        slots: (0..capacity.next_power_of_two()).map(slot).collect(),
        capacity,
    });
    (
        Producer::new(Arc::clone(&shared), start),
        Consumer::new(shared, start),
    )
}

/// A place for one value.
type Slot<T> = UnsafeCell<MaybeUninit<T>>;

/// What both ends reach, in this order: processors that fetch the lines behind `tail` ahead of time find what never
/// changes there, and do not take `head` from the consumer.
#[repr(C)]
struct Shared<T> {
    /// Stored by the consumer.
    head: Padded<AtomicUsize>,
    /// Stored by the producer.
    tail: Padded<AtomicUsize>,
    /// `ENDED`, `REFUSED`. Every push looks at it, so it stands beside what never changes: on the line of
    /// `tail` each look would wait until a consumer that polls gives the line back.
    closed: AtomicUsize,
    /// A power of two of them; see invariant 3.
    slots: Box<[Slot<T>]>,
    capacity: usize,
}

// SAFETY: values are moved in on one thread and out on another, which is what `T: Send` allows; none
// is reached from two threads (invariant 3): the ends hand out references to values only while they
// are borrowed mutably, so `T: Sync` is not needed.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// The slot of a position.
    #[inline(always)]
    fn slot(&self, position: usize) -> &Slot<T> {
        let index = position & (self.slots.len() - 1);
        debug_assert!(index < self.slots.len());
        // SAFETY: the number of slots is a power of two, so the mask keeps the index below it.
        unsafe { self.slots.get_unchecked(index) }
    }

    /// Drops the values from `head` to `tail`, and moves `head` past each of them before its drop.
    ///
    /// # Safety
    /// Those slots are initialized, and the caller alone reaches them; afterwards, also after a panic,
    /// those that `head` was moved past are not.
    unsafe fn drop_values(&self, head: &mut usize, tail: usize) {
        while *head != tail {
            let slot = self.slot(*head);
            *head = head.wrapping_add(1);
            slot.with_mut(|place| {
                // SAFETY: by the contract, and once: `head` was moved past it.
                unsafe { (*place).assume_init_drop() };
            });
        }
    }

    /// Drops the values from `head` to `tail`, the last ones, and hands their places back; goes on when the
    /// drop of one panics.
    ///
    /// # Safety
    /// As for [`drop_values`](Self::drop_values).
    unsafe fn drop_rest(&self, head: usize, tail: usize) {
        struct Rest<'a, T>(&'a Shared<T>, usize, usize);
        impl<T> Drop for Rest<'_, T> {
            fn drop(&mut self) {
                let Self(shared, head, tail) = self;
                // SAFETY: the contract of `drop_rest`; the position is past the value whose drop panicked.
                unsafe { shared.drop_values(head, *tail) };
                shared.vacate(*head);
            }
        }
        let mut rest = Rest(self, head, tail);
        // SAFETY: the contract is the same.
        unsafe { self.drop_values(&mut rest.1, tail) };
    }
}

impl<T> Drop for Shared<T> {
    /// Finds something only if a push was under way when the consumer was dropped, or the consumer was
    /// forgotten.
    fn drop(&mut self) {
        // ORDERING: Relaxed: the ends are gone, and the count of the `Arc` has ordered what they did.
        let head = self.head.load(Relaxed);
        // ORDERING: Relaxed, as for `head`, which was the consumer's; this one was the producer's.
        let tail = self.tail.load(Relaxed);
        // SAFETY: these are initialized (invariant 3), and nobody else is left.
        unsafe { self.drop_rest(head, tail) };
    }
}
