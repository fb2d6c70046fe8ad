//! Popping a value. States, invariants and orderings are those of the queue.

use super::UnboundedQueue;
use super::block::{Block, LAST};
use super::position::{self, AHEAD, AHEAD_MAX, CLOSED};
use crate::PopError;
use crate::backoff::Backoff;
use crate::primitive::Ordering::*;

impl<T> UnboundedQueue<T> {
    /// Pops the oldest value.
    ///
    /// # Errors
    /// [`PopError::Empty`] if it is not there yet (see
    /// [above](Self#what-a-call-may-see-of-another-one-under-way)), and [`PopError::Closed`] if there will
    /// never be one: the queue is closed and all that was pushed before has been popped, by this caller or
    /// others.
    ///
    /// # Panics
    /// If more than 8,192 threads are in `pop` or `pop_many` of one queue at the same time.
    ///
    /// # Complexity
    /// One read-modify-write for a value that an earlier pop has seen to be ready: of a block of 32 in which values pile
    /// up, all but five. Otherwise two. The last is retried when another pop changed the same word.
    #[inline]
    pub fn pop(&self) -> Result<T, PopError> {
        let mut backoff = Backoff::new();
        // ORDERING: Relaxed, a guess that the compare-exchange checks; nothing is dereferenced before that.
        let mut head = self.head.word.load(Relaxed);
        while position::ahead(head) > 0 {
            // ORDERING: Acquire pairs with the Release of who found the slot ready. Nothing is released: that it was ready
            // is what that one has released already.
            match self
                .head
                .word
                .compare_exchange_weak(head, head + 1 - AHEAD, Acquire, Relaxed)
            {
                Ok(_) => {
                    let (block, index) = (position::head_block(head), position::head_index(head));
                    // SAFETY: the exchange claimed this slot, which is ready (invariants 1 and 9).
                    return Ok(unsafe { Block::vacate(block, index) });
                }
                Err(now) => {
                    head = now;
                    backoff = backoff.spin();
                }
            }
        }
        let mut head = self.head.enter();
        loop {
            let (block, index) = (position::head_block(head), position::head_index(head));
            let ready = match position::ahead(head) {
                0 => {
                    // As many as can be told to others, and the last slot by itself.
                    let wanted = (LAST - index).clamp(1, AHEAD_MAX + 1);
                    // SAFETY: this thread is counted in `head` for this block (invariant 4), and `index + wanted` is at most
                    // `SLOTS`.
                    unsafe { Block::count_ready(block, index, wanted) }
                }
                ahead => ahead,
            };
            if ready == 0 {
                head = self.pop_nothing(head)?;
                continue;
            }
            if index == LAST {
                match self.pop_last(head) {
                    Ok(value) => return Ok(value),
                    Err(now) => {
                        backoff = backoff.spin();
                        head = self.head.follow(head, now);
                    }
                }
                continue;
            }
            // ORDERING: Release pairs with the Acquire of whoever leaves the block: its slot stands for this
            // thread now, so that one must know that the slot was ready; and with that of who pops the slots that are
            // ahead. Acquire where another one has found them ready, as above. On failure nothing but the word is used.
            match self.head.word.compare_exchange_weak(
                head,
                position::after_claim(head, 1, ready),
                AcqRel,
                Relaxed,
            ) {
                // SAFETY: the exchange claimed this slot, which is ready (invariants 1 and 6).
                Ok(_) => return Ok(unsafe { Block::vacate(block, index) }),
                Err(now) => {
                    backoff = backoff.spin();
                    head = self.head.follow(head, now);
                }
            }
        }
    }

    /// Pops the last value of a block, which is ready, and leaves the block; or says what the word is instead.
    #[cold]
    fn pop_last(&self, head: u64) -> Result<T, u64> {
        let block = position::head_block(head);
        // SAFETY: this thread is counted in `head`, and found the last slot ready.
        let next = position::head::<T>(unsafe { Block::next(block) });
        // ORDERING: Release pairs with the Acquire in `enter`: hands on the next block. Acquire pairs with
        // the Release in `give_up`: who is not counted any more looks no more.
        match self
            .head
            .word
            .compare_exchange_weak(head, next, AcqRel, Relaxed)
        {
            Ok(_) => {
                // SAFETY: the exchange claimed this slot, which is ready.
                let value = unsafe { Block::vacate(block, LAST) };
                // SAFETY: the exchange left the block, whose last slot is empty now.
                unsafe { self.retire(head) };
                Ok(value)
            }
            Err(now) => Err(now),
        }
    }

    /// Takes care of the block of `head`.
    ///
    /// # Safety
    /// The caller moved on from `head`, which counted it, to the next block, and is done with the block.
    pub(super) unsafe fn retire(&self, head: u64) {
        // ORDERING: Relaxed, a count for `len`.
        self.head.blocks.fetch_add(1, Relaxed);
        let strays = position::lookers(head) as usize - 1;
        // SAFETY: by the contract; the lookers but the caller stray now (invariant 5).
        unsafe { self.spent.retire(position::head_block(head), strays) };
    }

    /// What to do when nothing is ready at `head`: go on from another word, or give up.
    #[cold]
    pub(super) fn pop_nothing(&self, head: u64) -> Result<u64, PopError> {
        // ORDERING: Relaxed, the hint; `tail` decides.
        let may_be_closed = self.may_be_closed.load(Relaxed);
        // ORDERING: Acquire pairs with the Release in `close`: who learns here that nothing will come also
        // learns what the closer did before.
        let tail = may_be_closed.then(|| self.tail.word.load(Acquire));
        if let Err(now) = self.head.give_up(head) {
            return Ok(now);
        }
        // `head` stood here when the slot was not ready. With nothing claimed there, and nothing to be
        // claimed ever (invariant 8), nothing will come.
        Err(if tail == Some(position::as_tail(head) | CLOSED) {
            PopError::Closed
        } else {
            PopError::Empty
        })
    }
}
