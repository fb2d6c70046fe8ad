//! An unbounded queue of blocks: many producers, one consumer.
//!
//! # Picture
//! ```text
//!   head (the consumer's)                       tail (one atomic word)
//!   block, index                                block | index | closed
//!     │                                           │
//!     ▼                                           ▼
//!   ┌───┬───┬───┬───┐  next   ┌───┬───┬───┬───┐   next is written together with the last slot,
//!   │ . │ . │ 3 │ 4 ├────────▶│ 5 │   │   │   │   by the producer that claimed it and that had
//!   └───┴───┴───┴───┘         └───┴───┴───┴───┘   the next block ready before
//!     read   ready              ▲ claimed, not yet ready
//! ```
//!
//! | bits of `tail` | meaning |
//! |---|---|
//! | 0 to 4 | index of the next slot to claim, always below `SLOTS` |
//! | 5 | closed: no push succeeds any more |
//! | the rest | the block that slot is in; blocks are aligned to 64 bytes |
//!
//! # States of a slot
//! empty → claimed (`tail` moved past it) → ready → empty again (read), and, once its whole block
//! was read, recycled.
//!
//! # Invariants
//! 1. A slot is claimed by moving `tail` past it by compare-exchange; each is claimed once per use
//!    of its block.
//! 2. `tail` never points past the last slot of a block: the claim of the last slot moves `tail` to
//!    the first slot of a new block, which the claimer brings along. So nobody ever waits for a
//!    block.
//! 3. The consumer leaves a block only after it has read the last slot, hence after every producer
//!    published in it; publishing is a producer's last access. So a block that was left is the
//!    consumer's alone.
//! 4. Nothing of a block is read on the way to a claim: the claim is decided by the word alone. So
//!    a word that comes back with a recycled block means the same as the first time, and there is
//!    no ABA problem.
//! 5. `head` is touched by the consumer only, later by whoever drops the queue.
//! 6. Once `closed` is set, `tail` never changes.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries |
//! |---|---|---|---|
//! | publish → read | `Block::publish` stores `ready` | `Block::ready` loads it | the value; with the last slot, `next` |
//! | install → claim | the claim of a last slot | every later claim (read-modify-writes in between keep the edge) | the new block, with its slots empty |
//! | retire → reuse | `Spares::put` | `Spares::take` | that the slots were read and cleared |
//! | close → closed | `close` | `pop` that says `Closed`, `push` that does | what the closer did before |
//!
//! # Progress
//! `push` is lock-free, apart from the allocator: an attempt fails only because another push or the
//! close succeeded. `pop` is wait-free, also apart from the allocator; so are `close`, `is_closed`,
//! `is_empty`, and a `push` that comes after the close. A producer that is stopped between claim and
//! publish hides the values behind its slot until it goes on: `pop` says `Empty` meanwhile and never
//! waits for it.
//!
//! # Cost
//! `push`: one compare-exchange, two stores. `pop`: one load, one store, no read-modify-write.
//! Every `SLOTS` values a block changes hands: two more read-modify-writes, and an allocation only
//! if no spent block is there.
//!
//! # Sources
//! The chain of blocks is that of crossbeam's SegQueue and of tokio's mpsc list. Different here:
//! block and index are one word, and the next block is brought along by the claim of the last slot,
//! so that there is no intermediate state in which other producers would have to wait, and no
//! reclamation scheme: see invariants 2 to 4.

mod batch;

use core::fmt;
use core::ptr;

use super::block::{Block, SLOTS, Spares};
use crate::backoff::Backoff;
use crate::padded::Padded;
use crate::primitive::Ordering::*;
use crate::primitive::{AtomicBool, AtomicUsize, UnsafeCell};
use crate::{PopError, PushError};

/// Bit of a position: no push succeeds any more. It stands above the index, so that one comparison
/// finds both cases in which a push is not simple: closed, and the last slot of a block.
const CLOSED: usize = 32;
/// The index and closed bits of a position.
const TAG: usize = 63;

const _: () = assert!(SLOTS.is_power_of_two() && SLOTS <= CLOSED);
const _: () = assert!(align_of::<Block<u8>>() > TAG);

/// A place in the queue as one word: the address of a block with index and closed in its low bits.
///
/// An integer, not a pointer: the block in it may have been freed and another one made at the same
/// address between a look and a claim. The pointer is made after the claim and is then that of the
/// block that is there (its provenance was exposed when it was installed).
type Position = usize;

fn position<T>(block: *mut Block<T>, index: usize) -> Position {
    debug_assert!(index < SLOTS);
    block.expose_provenance() | index
}

fn block<T>(position: Position) -> *mut Block<T> {
    ptr::with_exposed_provenance_mut(position & !TAG)
}

fn index(position: Position) -> usize {
    position & TAG & !CLOSED
}

fn is_closed(position: Position) -> bool {
    position & CLOSED != 0
}

/// An unbounded queue from many producers to one consumer, without handles: for those who make their own.
///
/// Who wants handles takes [`mpsc::unbounded`](super::unbounded).
///
/// # Examples
/// ```
/// use hyperia_queue::{PopError, mpsc::raw::List};
///
/// let list = List::new();
/// list.push(1)?;
/// // SAFETY: nobody else pops.
/// assert_eq!(unsafe { list.pop() }, Ok(1));
/// # Ok::<(), hyperia_queue::PushError<i32>>(())
/// ```
pub struct List<T> {
    /// Where the next push claims.
    tail: Padded<AtomicUsize>,
    /// Where the next pop reads (invariant 5).
    head: Padded<UnsafeCell<Head<T>>>,
    spares: Padded<Spares<T>>,
    /// Set after `CLOSED`, on a line that is only read: who finds nothing looks at `tail`, which is the producers', only
    /// when this says so.
    may_be_closed: AtomicBool,
}

struct Head<T> {
    block: *mut Block<T>,
    /// Below `SLOTS`.
    index: usize,
}

// SAFETY: values are moved in on one thread and out on another, which is what `T: Send` allows;
// none is ever reached from two threads (invariants 1 and 3), so `T: Sync` is not needed. The
// pointers inside lead to blocks that the list owns. `pop` and `is_empty` touch `head` and are
// unsafe: their callers vouch for being alone.
unsafe impl<T: Send> Send for List<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for List<T> {}

impl<T> List<T> {
    /// Makes an empty queue.
    #[must_use]
    pub fn new() -> Self {
        let block = Block::new();
        Self {
            tail: Padded(AtomicUsize::new(position(block, 0))),
            head: Padded(UnsafeCell::new(Head { block, index: 0 })),
            spares: Padded(Spares::new()),
            may_be_closed: AtomicBool::new(false),
        }
    }

    /// Pushes a value.
    ///
    /// # Errors
    /// [`PushError::Closed`] with the value, if the queue is closed; never [`PushError::Full`].
    ///
    /// # Complexity
    /// One read-modify-write, retried only when another push came first. Allocates when a block of 32 is full and
    /// no spent block is at hand.
    #[inline]
    pub fn push(&self, value: T) -> Result<(), PushError<T>> {
        // SAFETY: this does not panic.
        unsafe { self.push_looking(value, || ()) }
    }

    /// Pushes a value, and looks at something else between the claim and the publication. Returns what was seen.
    ///
    /// As [`Ring::push_looking`](super::raw::Ring::push_looking), which says what for.
    ///
    /// # Errors
    /// As [`push`](Self::push); then `look` was not run.
    ///
    /// # Safety
    /// `look` does not panic.
    #[inline]
    pub unsafe fn push_looking<R>(
        &self,
        value: T,
        look: impl FnOnce() -> R,
    ) -> Result<R, PushError<T>> {
        // ORDERING: Relaxed, a guess that the compare-exchange checks; nothing is dereferenced
        // before that.
        let mut tail = self.tail.load(Relaxed);
        let mut backoff = Backoff::new();
        loop {
            if tail & TAG >= SLOTS - 1 {
                return self.push_slow(value, look);
            }
            let next = tail + 1;
            // ORDERING: Acquire pairs with the Release of the claim that installed this block: its
            // slots are empty before this thread writes one. Nothing is released here: `publish`
            // does that. On failure nothing but the word is used.
            match self
                .tail
                .compare_exchange_weak(tail, next, Acquire, Relaxed)
            {
                Ok(_) => break,
                Err(now) => {
                    tail = now;
                    backoff = backoff.spin();
                }
            }
        }
        let seen = look();
        let (block, index) = (block(tail), index(tail));
        // SAFETY: the exchange claimed this slot for this thread (invariant 1), and the block lives
        // until it is published (invariant 3).
        unsafe {
            Block::write(block, index, value);
            Block::publish(block, index);
        }
        Ok(seen)
    }

    /// Pushes where the fast way does not: the queue is closed, or the slot is the last of its
    /// block.
    #[cold]
    fn push_slow<R>(&self, value: T, look: impl FnOnce() -> R) -> Result<R, PushError<T>> {
        let mut brought = ptr::null_mut();
        // ORDERING: Acquire pairs with the Release in `close`, so that whoever is told `Closed`
        // knows what the closer did before.
        let mut tail = self.tail.load(Acquire);
        let mut backoff = Backoff::new();
        loop {
            if is_closed(tail) {
                self.put_all(brought);
                return Err(PushError::Closed(value));
            }
            let is_last = index(tail) == SLOTS - 1;
            if is_last && brought.is_null() {
                brought = self.take();
            }
            let next = if is_last {
                position(brought, 0)
            } else {
                tail + 1
            };
            // ORDERING: Acquire as in `push`; Release hands the block that was brought along, with
            // its slots empty, to the claims that follow. On failure Acquire for the answer
            // `Closed`, as above.
            match self.tail.compare_exchange_weak(tail, next, AcqRel, Acquire) {
                Ok(_) => break,
                Err(now) => {
                    tail = now;
                    backoff = backoff.spin();
                }
            }
        }
        let seen = look();
        let (block, index) = (block(tail), index(tail));
        // SAFETY: the exchange claimed this slot (invariant 1), and if it is the last one, with it
        // the right to write `next`; the block lives until it is published (invariant 3).
        unsafe {
            if index == SLOTS - 1 {
                Block::set_next(block, brought);
                brought = ptr::null_mut();
            }
            Block::write(block, index, value);
            Block::publish(block, index);
        }
        // One that an attempt before the last one brought.
        self.put_all(brought);
        Ok(seen)
    }

    /// Pops the oldest value.
    ///
    /// # Errors
    /// [`PopError::Empty`] if it is not there yet, and [`PopError::Closed`] if the queue is closed and everything
    /// pushed before has been popped.
    ///
    /// # Safety
    /// No other thread pops or is in `is_empty`, and calls are ordered by happens-before: there is
    /// one consumer.
    #[inline]
    pub unsafe fn pop(&self) -> Result<T, PopError> {
        self.head.with_mut(|head| {
            // SAFETY: `head` is the consumer's (invariant 5), which the caller is.
            let head = unsafe { &mut *head };
            let Head { block, index } = *head;
            // SAFETY: `head` stands at the oldest slot that was not read, and its block was not
            // left yet.
            if unsafe { Block::ready(block, index, 1) } == 0 {
                return Err(self.pop_nothing(head));
            }
            // SAFETY: the slot is ready, and is read once: `head` moves behind it below.
            let value = unsafe { Block::take(block, index) };
            head.index = index + 1;
            if index == SLOTS - 1 {
                self.retire(head);
            }
            Ok(value)
        })
    }

    /// Leaves a block that was read to its end.
    #[cold]
    fn retire(&self, head: &mut Head<T>) {
        let spent = head.block;
        // SAFETY: the last slot was read, so `next` was written before, and the block is nobody
        // else's any more (invariant 3); all its slots are empty.
        unsafe {
            *head = Head {
                block: Block::next(spent),
                index: 0,
            };
            self.spares.put(spent);
        }
    }

    /// Why nothing is ready at the head.
    #[cold]
    fn pop_nothing(&self, head: &Head<T>) -> PopError {
        // ORDERING: Relaxed, the hint; `tail` decides.
        if !self.may_be_closed.load(Relaxed) {
            return PopError::Empty;
        }
        // ORDERING: Acquire pairs with the Release in `close`: who is told `Closed` knows what the
        // closer did before.
        let tail = self.tail.load(Acquire);
        // With nothing claimed at the head, and nothing to be claimed ever (invariant 6), nothing
        // will come.
        if tail == position(head.block, head.index) | CLOSED {
            PopError::Closed
        } else {
            PopError::Empty
        }
    }

    /// Whether there is nothing in the queue, not even a value whose push is under way.
    ///
    /// # Safety
    /// As for [`pop`](Self::pop), except that several threads may ask at the same time.
    pub unsafe fn is_empty(&self) -> bool {
        // SAFETY: nobody changes `head` meanwhile, by the contract.
        let head = self
            .head
            .with(|head| unsafe { position((*head).block, (*head).index) });
        // ORDERING: Relaxed, nothing is reached through it; the answer is as old as the load.
        let tail = self.tail.load(Relaxed);
        tail & !CLOSED == head
    }

    /// Closes the queue: no later push succeeds. `true` if this call did it. What was pushed before is still popped.
    pub fn close(&self) -> bool {
        // ORDERING: Release pairs with the Acquire of whoever says `Closed`: carries what was done
        // before the close.
        let is_first = self.tail.fetch_or(CLOSED, Release) & CLOSED == 0;
        // ORDERING: Relaxed, a hint to look at `tail`; whoever is woken after the close sees it.
        self.may_be_closed.store(true, Relaxed);
        is_first
    }

    /// Whether the queue is closed; there may still be something to pop.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `close`, for whoever acts on the answer.
        is_closed(self.tail.load(Acquire))
    }

    fn take(&self) -> *mut Block<T> {
        self.spares.take()
    }

    /// Gives back a chain of blocks that were not needed.
    fn put_all(&self, mut first: *mut Block<T>) {
        while !first.is_null() {
            let block = first;
            // SAFETY: the chain is private to this thread, its slots were never used.
            unsafe {
                first = Block::next(block);
                self.spares.put(block);
            }
        }
    }

    /// Pops and drops whatever is ready; a value whose drop panics does not keep the others alive.
    ///
    /// # Safety
    /// As for [`pop`](Self::pop).
    pub unsafe fn clear(&self) {
        struct Rest<'a, T>(&'a List<T>);
        impl<T> Drop for Rest<'_, T> {
            fn drop(&mut self) {
                // SAFETY: the contract of `clear`, in which this lives.
                while let Ok(value) = unsafe { self.0.pop() } {
                    drop(value);
                }
            }
        }
        let rest = Rest(self);
        // SAFETY: the contract of this function.
        while let Ok(value) = unsafe { self.pop() } {
            drop(value);
        }
        drop(rest);
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List")
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

impl<T> Drop for List<T> {
    fn drop(&mut self) {
        struct LastBlock<'a, T>(&'a List<T>);
        impl<T> Drop for LastBlock<'_, T> {
            fn drop(&mut self) {
                // SAFETY: nobody else has the list, and blocks before this one were left, and given
                // away, by `pop`.
                self.0
                    .head
                    .with(|head| unsafe { Block::free((*head).block) });
            }
        }
        let last = LastBlock(self);
        // SAFETY: with `&mut self` nobody else is in any function of the list, and all pushes are
        // over, so that everything claimed is ready.
        unsafe { self.clear() };
        drop(last);
    }
}
