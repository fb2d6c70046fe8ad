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
        // ORDERING: Relaxed, a guess that the compare-exchange checks; nothing is dereferenced before that.
        let head = self.head.word.load(Relaxed);
        if position::ahead(head) > 0 {
            return match self.pop_ahead(head) {
                Ok(value) => Ok(value),
                Err(now) => self.pop_again(now),
            };
        }
        let head = self.head.enter();
        if position::head_index(head) == LAST {
            return self.pop_counted(head, Backoff::new());
        }
        // SAFETY: this thread is counted in `head`, whose index is not the last.
        match unsafe { self.pop_looking(head) } {
            Ok(value) => Ok(value),
            Err(None) => self.pop_counted(head, Backoff::new()),
            Err(Some(now)) => {
                let backoff = Backoff::new().spin();
                self.pop_counted(self.head.follow(head, now), backoff)
            }
        }
    }

    /// Pops a value that is ahead in `head`, or says what the word is instead.
    #[inline]
    fn pop_ahead(&self, head: u64) -> Result<T, u64> {
        debug_assert!(position::ahead(head) > 0);
        // ORDERING: Acquire pairs with the Release of who found the slot ready. Nothing is released: that it was ready is
        // what that one has released already. On failure nothing but the word is used.
        self.head
            .word
            .compare_exchange_weak(head, head + 1 - AHEAD, Acquire, Relaxed)?;
        let (block, index) = (position::head_block(head), position::head_index(head));
        // SAFETY: the exchange claimed this slot, which is ready (invariants 1 and 9).
        Ok(unsafe { Block::vacate(block, index) })
    }

    /// Pops a value after a look, or says what the word is instead; nothing if there is none.
    ///
    /// # Safety
    /// This thread is counted in `head`, whose index is not the last.
    #[inline]
    unsafe fn pop_looking(&self, head: u64) -> Result<T, Option<u64>> {
        let (block, index) = (position::head_block(head), position::head_index(head));
        let ready = match position::ahead(head) {
            0 => {
                let end = (index + AHEAD_MAX + 1).min(LAST);
                // SAFETY: this thread is counted for this block (invariant 4), and `end` is at most `SLOTS`.
                unsafe { Block::count_ready(block, index, end - index) }
            }
            ahead => ahead,
        };
        if ready == 0 {
            return Err(None);
        }
        // ORDERING: Release pairs with the Acquire of whoever leaves the block: its slot stands for this
        // thread now, so that one must know that the slot was ready; and with that of who pops the slots that are
        // ahead. Acquire where another one has found them ready, as above. On failure nothing but the word is used.
        let claimed = self.head.word.compare_exchange_weak(
            head,
            position::after_claim(head, 1, ready),
            AcqRel,
            Relaxed,
        );
        match claimed {
            // SAFETY: the exchange claimed this slot, which is ready (invariants 1 and 6).
            Ok(_) => Ok(unsafe { Block::vacate(block, index) }),
            Err(now) => Err(Some(now)),
        }
    }

    /// Goes on after another pop came first, in a word in which something was ahead.
    #[cold]
    #[inline(never)]
    fn pop_again(&self, mut head: u64) -> Result<T, PopError> {
        let mut backoff = Backoff::new().spin();
        while position::ahead(head) > 0 {
            match self.pop_ahead(head) {
                Ok(value) => return Ok(value),
                Err(now) => head = now,
            }
            backoff = backoff.spin();
        }
        self.pop_counted(self.head.enter(), backoff)
    }

    /// Goes on where this thread is counted in `head`, and the simple case did not come true.
    #[cold]
    #[inline(never)]
    fn pop_counted(&self, mut head: u64, mut backoff: Backoff) -> Result<T, PopError> {
        loop {
            let popped = if position::head_index(head) == LAST {
                // SAFETY: this thread is counted in `head`, whose index is the last.
                unsafe { self.pop_last(head) }
            } else {
                // SAFETY: this thread is counted in `head`, whose index is not the last.
                unsafe { self.pop_looking(head) }
            };
            match popped {
                Ok(value) => return Ok(value),
                Err(None) => head = self.pop_nothing(head)?,
                Err(Some(now)) => {
                    backoff = backoff.spin();
                    head = self.head.follow(head, now);
                }
            }
        }
    }

    /// Pops the last value of a block, and leaves the block; or as [`pop_looking`](Self::pop_looking).
    ///
    /// # Safety
    /// This thread is counted in `head`, whose index is the last.
    unsafe fn pop_last(&self, head: u64) -> Result<T, Option<u64>> {
        let block = position::head_block(head);
        // SAFETY: this thread is counted in `head` for this block.
        if unsafe { Block::count_ready(block, LAST, 1) } == 0 {
            return Err(None);
        }
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
            Err(now) => Err(Some(now)),
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
