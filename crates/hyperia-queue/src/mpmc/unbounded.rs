//! An unbounded queue from many producers to many consumers.
//!
//! # Picture
//! ```text
//!   head (one atomic word)                        tail (one atomic word)
//!   block | lookers | ahead | index               block | index | closed
//!     │                                             │
//!     ▼                                             ▼
//!   ┌───┬───┬───┬───┐   next    ┌───┬───┬───┬───┐   next is written together with the last slot, by
//!   │ . │ 2 │ 3 │ 4 ├──────────▶│ 5 │   │   │   │   the producer that claimed it and that had the next
//!   └───┴───┴───┴───┘           └───┴───┴───┴───┘   block ready before
//!    emptied, or    ready         ▲ claimed, not yet ready
//!    being emptied
//!
//!   left: blocks behind `head` in which somebody is not done yet      spares: spent blocks, kept
//! ```
//! The words are laid out in the module `position`.
//!
//! # States
//! A slot: empty → claimed (`tail` moved past it) → ready → claimed (`head` moved past it) → empty again.
//!
//! A block: in use → left (`head` moved to the next one) → spent (all slots are empty, nobody looks) →
//! kept for the next use, or freed.
//!
//! # Invariants
//! 1. A slot is claimed for a push by moving `tail` past it, and for a pop by moving `head` past it, each
//!    by compare-exchange and each once per use of its block.
//! 2. `tail` never points past the last slot of a block: the claim of the last slot moves `tail` to the
//!    first slot of a new block, which the claimer brings along. So nobody ever waits for a block.
//! 3. Nothing of a block is read on the way to a claim of `tail`: the claim is decided by the word alone.
//!    So a word that comes back with a recycled block means the same as the first time, and there is no
//!    ABA problem.
//! 4. A consumer reads in a block on its way to a claim. It adds itself to the lookers *in the word that
//!    names the block*, so at that time the block is not left. The claim takes it from the count again,
//!    and from then on its slot, which is not empty yet, stands for it. (By invariant 9 it need not look at each.)
//! 5. Who leaves a block thereby learns how many others looked at it. Each of them, finding `head` at
//!    another block, says at the block that it looks no more. So a block is spent when as many have said
//!    so and all slots are empty again; nobody is in it then, producers neither, whose last access was to
//!    make a slot ready.
//! 6. While a thread is among the lookers of a block, or strays in it, that block is not used again, so
//!    neither does its word of `head` come back, and an index in it only grows: no ABA problem either.
//! 7. `head` moves past ready slots only, so it never passes `tail`.
//! 8. Once `closed` is set, `tail` never changes.
//! 9. The slots from the index of `head` on, as many as `ahead` says, are ready, and the last of the block is not among
//!    them: a consumer that has looked says so of those behind its own, with its claim. Ready they stay until `head` has
//!    moved past them. So whoever finds one ahead claims it without being counted and without a look: as with a push
//!    (invariant 3), the word alone decides, at the time of the exchange.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries | Model |
//! |---|---|---|---|---|
//! | fill → empty | `Block::fill` stores `ready` | `Block::count_ready` loads it | the value; with the last slot, `next` | `pushes_and_pops_cross_a_block_boundary` |
//! | install → claim | the claim of a last slot for a push | every later claim for a push (read-modify-writes in between keep the edge) | the new block, with its slots empty | `two_producers_cross_a_block_boundary` |
//! | leave → enter | `pop_last`, `pop_run` | `Head::enter` | the block that `head` moved to | `a_pop_finds_nothing_while_others_go_on`, `who_enters_a_block_behind_a_batch_sees_its_slots_emptied` |
//! | look → leave | `Head::give_up` | `pop_last`, `pop_run` | that who is not counted any more looks no more | the same |
//! | look → claim of what is ahead | the claim of `pop` after a look | the claim without one | the value | `a_value_that_another_one_has_seen_is_there` |
//! | claim → leave | `pop` after a look, `pop_run` | `pop_last`, `pop_run` | that the slot was ready, and so is not empty before it was emptied | `who_leaves_a_block_knows_of_every_slot_that_was_filled`, and the same `…that_a_batch_took`, `who_leaves_a_block_knows_of_a_slot_that_was_taken_unseen` |
//! | empty → spent | `Block::vacate` | `Block::is_spent` | that the value was moved out | `a_spent_block_comes_back` |
//! | stray → spent | `Block::stray_leaves` | `Block::is_spent` | that the stray looks no more | `two_batches_are_popped_across_the_end_of_a_block` |
//! | empty → look | `Block::vacate` | `Block::count_ready` | that `head` moved past the slot | `blocks_that_were_left_are_looked_after` |
//! | wait → retire | `Spent::wait_for` | `Spent::retire` | the chain, and how many strays | the same |
//! | spent → reuse | `Spent::put` | `Spent::take` | all of that | `a_spent_block_comes_back` |
//! | close → closed | `close` | `pop`, `push` that say `Closed`; `is_closed` | what the closer did before | `closed_carries_what_the_closer_did` and its like |
//!
//! # Progress
//! `push` is lock-free, apart from the allocator: an attempt fails only because another push or the close
//! succeeded. `pop` is lock-free likewise: an attempt fails only because another pop succeeded, began, or
//! ended with nothing. Neither waits for another thread. A producer that is stopped between claim and
//! ready hides the values behind its slot until it goes on: `pop` says `Empty` meanwhile. A consumer that
//! is stopped hides nothing, and holds back the memory of the one block that it is in; or, if it was looking
//! after the blocks that were left, of those.
//!
//! # Cost
//! `push`: one compare-exchange, two stores. `pop`: one compare-exchange, one store if the slot is ahead; otherwise
//! one addition more, and a look at eight slots at most: five times for a block in which values pile up. `Empty`: one
//! addition, one compare-exchange. Every `SLOTS` values a block changes hands: four more read-modify-writes, and an
//! allocation only if no spent block is there. A flag beside each value. Memory: what is in the queue, up
//! to four spent blocks, and blocks in which somebody was when they were left: one for each such call,
//! until the next block is left after it.
//!
//! # Why not the obvious design
//! - *Epochs* (crossbeam-epoch): a pin is one locked instruction and one thread-local look-up per pop, as
//!   the count here is one locked instruction; but `pin` needs std, one stopped thread holds back all
//!   memory of the process' queues, and blocks are freed some hundred operations later by whoever comes
//!   along. Here the memory that is held is exactly that above, so it can be asserted.
//! - *Claim first, look afterwards* (crossbeam's SegQueue): nothing needs to be protected on the way to a
//!   claim, but who has claimed a slot that is not ready can only wait for it. Or it spoils the slot, so
//!   that its producer has to push again: then a batch is torn apart, and its order with it.
//! - *A stamp in each slot* (the bounded queue): one read-modify-write less per pop, but the stamp may be
//!   looked at long after `head` has moved on, so that no block could ever be freed.
//!
//! # Sources
//! The chain of blocks is that of crossbeam's SegQueue; block and index in one word, and the next block
//! brought along, are those of this crate's `mpsc`. The count of lookers in the word that names what they
//! look at is the external count of Anthony Williams, *C++ Concurrency in Action*, 2012, section 7.2.4
//! ("split reference counts"); here the internal count is taken over by the slots themselves, as plain
//! stores.

mod batch;
mod block;
mod head;
mod pop;
mod position;
mod spent;
#[cfg(all(test, not(hyperia_loom)))]
mod tests;

use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::ptr;

use self::block::{Block, LAST, SLOTS};
use self::head::Head;
use self::position::{CLOSED, TAG};
use self::spent::Spent;
use crate::PushError;
use crate::backoff::Backoff;
use crate::padded::Padded;
use crate::primitive::Ordering::*;
use crate::primitive::{AtomicBool, AtomicUsize};

/// An unbounded queue from many producers to many consumers.
///
/// Share it by reference or in an `Arc`. Values come out in the order in which their pushes claimed a
/// place; those of one batch stand next to each other. Blocks of 32 places are allocated as the queue
/// grows, and freed as it shrinks, apart from a few. Choose [`Queue`](super::Queue) where there is a
/// limit, and [`mpsc`](crate::mpsc) where there is one consumer: both are faster.
///
/// # What a call may see of another one under way
/// A push first claims a place and then fills it. While one is between the two, `pop` says
/// [`PopError::Empty`](crate::PopError::Empty) if that place is the oldest one, even though later pushes have returned. When no
/// push is under way, `Empty` is exact: a pop under way hides nothing. Nothing is lost by sleeping on it,
/// provided that
///
/// * every push wakes a consumer **after it returns**;
/// * who wants to sleep registers to be woken and then tries once more; between the two, and between a
///   push and the look for whom to wake, stands a sequentially consistent fence or a lock.
///
/// # Examples
/// ```
/// use hyperia_queue::{PopError, PushError, mpmc::UnboundedQueue};
///
/// let queue = UnboundedQueue::new();
/// queue.push('a')?;
/// queue.push('b')?;
/// assert_eq!(queue.pop(), Ok('a'));
///
/// queue.close();
/// assert_eq!(queue.push('c'), Err(PushError::Closed('c')));
/// assert_eq!(queue.pop(), Ok('b')); // pushed before the close
/// assert_eq!(queue.pop(), Err(PopError::Closed));
/// # Ok::<(), PushError<char>>(())
/// ```
pub struct UnboundedQueue<T> {
    tail: Padded<Tail>,
    head: Padded<Head<T>>,
    spent: Padded<Spent<T>>,
    /// Set after `CLOSED`, on a line that is only read: who finds nothing looks at `tail`, which is the producers', only
    /// when this says so.
    may_be_closed: AtomicBool,
}

/// Where the next push claims.
struct Tail {
    word: AtomicUsize,
    /// Blocks that `word` has come to after the first.
    blocks: AtomicUsize,
}

// SAFETY: values are moved in on one thread and out on another, which is what `T: Send` allows; none is
// reached from two threads (invariant 1), so `T: Sync` is not needed. The addresses inside lead to blocks
// that the queue owns.
unsafe impl<T: Send> Send for UnboundedQueue<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for UnboundedQueue<T> {}

// No code of the user runs inside an operation, so a panic never finds the queue half-way.
impl<T> UnwindSafe for UnboundedQueue<T> {}
impl<T> RefUnwindSafe for UnboundedQueue<T> {}

impl<T> UnboundedQueue<T> {
    /// Makes an empty queue.
    ///
    /// # Panics
    /// If the allocator gives out an address above 2^48, here or where a push allocates. None does that
    /// unless the program asks the system for such memory.
    ///
    /// # Complexity
    /// One allocation: a first block of 32 places.
    #[must_use]
    pub fn new() -> Self {
        let block = Block::<T>::new();
        Self {
            tail: Padded(Tail {
                word: AtomicUsize::new(position::tail(block, 0)),
                blocks: AtomicUsize::new(0),
            }),
            head: Padded(Head::new(block)),
            spent: Padded(Spent::new()),
            may_be_closed: AtomicBool::new(false),
        }
    }

    /// Pushes a value.
    ///
    /// # Errors
    /// [`PushError::Closed`] with the value, if the queue is closed; never [`PushError::Full`].
    ///
    /// # Complexity
    /// One read-modify-write, retried only when another push came first. Allocates when a block of 32 is
    /// full and no spent block is at hand.
    #[inline]
    pub fn push(&self, value: T) -> Result<(), PushError<T>> {
        // SAFETY: this does not panic.
        unsafe { self.push_looking(value, || ()) }
    }

    /// Pushes a value, and looks at something else between the claim and the publication. Returns what was
    /// seen.
    ///
    /// As [`Queue::push_looking`](super::Queue::push_looking), which says what for.
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
        // ORDERING: Relaxed, a guess that the compare-exchange checks; nothing is dereferenced before
        // that.
        let mut tail = self.tail.word.load(Relaxed);
        let mut backoff = Backoff::new();
        loop {
            if tail & TAG >= LAST {
                return self.push_slow(value, look);
            }
            // ORDERING: Acquire pairs with the Release of the claim that installed this block: its slots
            // are empty before this thread fills one. Nothing is released here: `fill` does that. On
            // failure nothing but the word is used.
            match self
                .tail
                .word
                .compare_exchange_weak(tail, tail + 1, Acquire, Relaxed)
            {
                Ok(_) => break,
                Err(now) => {
                    tail = now;
                    backoff = backoff.spin();
                }
            }
        }
        let seen = look();
        // SAFETY: the exchange claimed this slot for this thread (invariant 1), and the block lives until
        // it was emptied (invariant 5).
        unsafe {
            Block::fill(
                position::tail_block(tail),
                position::tail_index(tail),
                value,
            );
        }
        Ok(seen)
    }

    /// Pushes where the fast way does not: the queue is closed, or the slot is the last of its block.
    #[cold]
    fn push_slow<R>(&self, value: T, look: impl FnOnce() -> R) -> Result<R, PushError<T>> {
        let mut brought = ptr::null_mut::<Block<T>>();
        // ORDERING: Acquire pairs with the Release in `close`, so that whoever is told `Closed` knows what
        // the closer did before.
        let mut tail = self.tail.word.load(Acquire);
        let mut backoff = Backoff::new();
        let result = loop {
            if tail & CLOSED != 0 {
                break Err(PushError::Closed(value));
            }
            let is_last = position::tail_index(tail) == LAST;
            if is_last && brought.is_null() {
                brought = self.spent.take();
            }
            let next = if is_last {
                position::tail(brought, 0)
            } else {
                tail + 1
            };
            // ORDERING: Acquire as in `push`; Release hands the block that was brought along, with its
            // slots empty, to the claims that follow. On failure Acquire for the answer `Closed`, as
            // above.
            if let Err(now) = self
                .tail
                .word
                .compare_exchange_weak(tail, next, AcqRel, Acquire)
            {
                tail = now;
                backoff = backoff.spin();
                continue;
            }
            let seen = look();
            let block = position::tail_block(tail);
            // SAFETY: the exchange claimed this slot (invariant 1), and if it is the last one, with it the
            // right to write `next`; the block lives until the slot was emptied (invariant 5).
            unsafe {
                if is_last {
                    // ORDERING: Relaxed, a count for `len`, of this one block.
                    self.tail.blocks.fetch_add(1, Relaxed);
                    Block::set_next(block, brought);
                    brought = ptr::null_mut();
                }
                Block::fill(block, position::tail_index(tail), value);
            }
            break Ok(seen);
        };
        // One that an attempt before the last one brought.
        // SAFETY: it is private to this thread, and unused.
        unsafe { self.spent.put_all(brought) };
        result
    }

    /// Closes the queue: no later push succeeds. `true` if this call did it. What was pushed before is
    /// still popped.
    pub fn close(&self) -> bool {
        // ORDERING: Release pairs with the Acquire of whoever says `Closed`: carries what was done before
        // the close.
        let is_first = self.tail.word.fetch_or(CLOSED, Release) & CLOSED == 0;
        // ORDERING: Relaxed, a hint to look at `tail`; whoever is woken after the close sees it.
        self.may_be_closed.store(true, Relaxed);
        is_first
    }

    /// Whether the queue is closed; there may still be something to pop.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `close`, for whoever acts on the answer.
        self.tail.word.load(Acquire) & CLOSED != 0
    }

    /// How many values there are, those included whose push is under way: exact when no other call is
    /// under way. Otherwise an estimate: what is pushed and popped meanwhile may be counted or not, and each
    /// call that is just going from one block to the next may add or hide 32. It is never below 0.
    #[must_use]
    pub fn len(&self) -> usize {
        // What was pushed first and what was popped last, so that rather less is counted than more.
        // ORDERING: Relaxed, all of them: looks from which an estimate is made. Who comes after every call finds the last
        // values of all four.
        let reached = self.tail.blocks.load(Relaxed);
        // ORDERING: Relaxed, the second of the looks.
        let tail = self.tail.word.load(Relaxed) & !CLOSED;
        // ORDERING: Relaxed, the third of the looks.
        let head = position::as_tail(self.head.word.load(Relaxed));
        // ORDERING: Relaxed, the last of the looks.
        let left = self.head.blocks.load(Relaxed);
        let blocks = reached.wrapping_sub(left) as isize;
        let slots = position::tail_index(tail) as isize - position::tail_index(head) as isize;
        let len = blocks.saturating_mul(SLOTS as isize).saturating_add(slots);
        len.max(0) as usize
    }

    /// Whether there is nothing in the queue, not even a value whose push is under way: exact when no
    /// other call is under way. Otherwise `true` says that everything whose push came before this call has been popped;
    /// of what is pushed meanwhile it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        // ORDERING: Acquire pairs with the Release of the claim that installed this block, so that the `head` below
        // is not of an earlier use of it. With the same place, or one of a later use, all before this `tail` was popped.
        let tail = self.tail.word.load(Acquire) & !CLOSED;
        // ORDERING: Relaxed, nothing is reached through the word.
        position::as_tail(self.head.word.load(Relaxed)) == tail
    }

    /// Pops and drops all values.
    fn clear(&self) {
        while let Ok(value) = self.pop() {
            drop(value);
        }
    }
}

impl<T> Drop for UnboundedQueue<T> {
    fn drop(&mut self) {
        /// Goes on where the drop of a value panicked; then frees the last block.
        struct Rest<'a, T>(&'a UnboundedQueue<T>);
        impl<T> Drop for Rest<'_, T> {
            fn drop(&mut self) {
                struct LastBlock<'a, T>(&'a UnboundedQueue<T>);
                impl<T> Drop for LastBlock<'_, T> {
                    fn drop(&mut self) {
                        // ORDERING: Relaxed, because `&mut self` comes after every call.
                        let head = self.0.head.word.load(Relaxed);
                        // SAFETY: nobody else has the queue; what came before this block was left, and
                        // nothing stands behind it, because everything claimed was popped.
                        unsafe { Block::free(position::head_block::<T>(head)) };
                    }
                }
                let last = LastBlock(self.0);
                self.0.clear();
                drop(last);
            }
        }
        let rest = Rest(self);
        rest.0.clear();
        drop(rest);
    }
}

impl<T> Default for UnboundedQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for UnboundedQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnboundedQueue")
            .field("len", &self.len())
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
