//! Several values at once: a push that is one claim for all of them, across as many blocks as it takes,
//! and a pop that is one claim for each block.
//!
//! States, invariants and orderings are those of the queue. A batch brings along every block it needs
//! before its claim, as a chain that nobody else knows; the claim moves `tail` into the last of them.

use alloc::vec::Vec;
use core::ptr;

use super::UnboundedQueue;
use super::block::{Block, SLOTS};
use super::position;
use crate::backoff::Backoff;
use crate::primitive::Ordering::*;
use crate::{PopError, PushError};

impl<T> UnboundedQueue<T> {
    /// Pushes all `values`, or none: they stand next to each other, in order. Returns how many there were.
    ///
    /// `values` is empty afterwards and keeps its capacity.
    ///
    /// # Examples
    /// ```
    /// let queue = hyperia_queue::mpmc::UnboundedQueue::new();
    /// let mut values = vec![1, 2, 3];
    /// assert_eq!(queue.push_many(&mut values), Ok(3));
    /// assert!(values.is_empty());
    /// assert_eq!(queue.pop(), Ok(1));
    /// ```
    ///
    /// # Errors
    /// [`PushError::Closed`], if the queue is closed and `values` has any; they stay where they are.
    ///
    /// # Panics
    /// If there are more than `isize::MAX` values, which then are zero-sized; they stay where they are.
    ///
    /// # Complexity
    /// One read-modify-write for all of them. Allocates the blocks that are not spare before anything is
    /// pushed.
    pub fn push_many(&self, values: &mut Vec<T>) -> Result<usize, PushError<()>> {
        if values.is_empty() {
            return Ok(0);
        }
        // SAFETY: this does not panic.
        unsafe { self.push_many_looking(values, || ()) }.map(|(count, ())| count)
    }

    /// As [`push_many`](Self::push_many), and looks at something else as
    /// [`push_looking`](Self::push_looking) does.
    ///
    /// # Errors
    /// As [`push_many`](Self::push_many). Without `values` also if the queue is closed.
    ///
    /// # Panics
    /// As [`push_many`](Self::push_many).
    ///
    /// # Safety
    /// `look` does not panic.
    pub unsafe fn push_many_looking<R>(
        &self,
        values: &mut Vec<T>,
        look: impl FnOnce() -> R,
    ) -> Result<(usize, R), PushError<()>> {
        let count = values.len();
        // Only values without a size come in greater numbers; the sum below would overflow.
        assert!(
            count <= isize::MAX as usize,
            "at most isize::MAX values at once"
        );
        // A chain of blocks of our own, `brought` long.
        let (mut first, mut brought) = (ptr::null_mut(), 0);
        // ORDERING: Acquire for the answer `Closed`, as in `push_slow`; it pairs with the Release in
        // `close`.
        let mut tail = self.tail.word.load(Acquire);
        let mut backoff = Backoff::new();
        let (crossings, surplus) = loop {
            if tail & position::CLOSED != 0 {
                // SAFETY: the chain is private to this thread, and unused.
                unsafe { self.spent.put_all(first) };
                return Err(PushError::Closed(()));
            }
            let end = position::tail_index(tail) + count;
            let crossings = end / SLOTS;
            while brought < crossings {
                let block = self.spent.take();
                // SAFETY: the block is private to this thread.
                unsafe { Block::set_next(block, first) };
                first = block;
                brought += 1;
            }
            // The last block of the new ones, where `tail` goes, and what an earlier attempt brought too
            // many.
            let (mut last, mut surplus) = (ptr::null_mut(), first);
            for _ in 0..crossings {
                last = surplus;
                // SAFETY: the chain is private, and at least `crossings` long.
                surplus = unsafe { Block::next(last) };
            }
            let next = if crossings == 0 {
                tail + count
            } else {
                position::tail(last, end % SLOTS)
            };
            // ORDERING: Acquire and Release as in `push_slow`: blocks installed before, blocks installed
            // here. On failure Acquire for the answer `Closed`.
            match self
                .tail
                .word
                .compare_exchange_weak(tail, next, AcqRel, Acquire)
            {
                Ok(_) => break (crossings, surplus),
                Err(now) => {
                    tail = now;
                    backoff = backoff.spin();
                }
            }
        };
        let seen = look();
        if crossings > 0 {
            // ORDERING: Relaxed, a count for `len`, of blocks by this batch.
            self.tail.blocks.fetch_add(crossings, Relaxed);
        }
        // SAFETY: the exchange claimed `count` slots from `tail` on, over `crossings` new blocks, which
        // `first` leads to.
        unsafe { Self::fill_all(values, tail, first, crossings) };
        // SAFETY: what is behind the blocks that were used is private to this thread, and unused.
        unsafe { self.spent.put_all(surplus) };
        Ok((count, seen))
    }

    /// Moves all `values` into slots.
    ///
    /// # Safety
    /// The caller claimed as many slots from `tail` on, over `crossings` blocks that `new` leads to and
    /// that it alone knows but for their slots behind the claim.
    unsafe fn fill_all(
        values: &mut Vec<T>,
        tail: usize,
        mut new: *mut Block<T>,
        mut crossings: usize,
    ) {
        let (source, count) = (values.as_ptr(), values.len());
        // SAFETY: no element is claimed to be there. All `count` of them are moved out below, where
        // nothing panics.
        unsafe { values.set_len(0) };
        let (mut block, mut index) = (position::tail_block(tail), position::tail_index(tail));
        for offset in 0..count {
            // SAFETY: within the vector's old length, and each element is read once.
            let value = unsafe { source.add(offset).read() };
            let is_last = index == SLOTS - 1;
            let next = new;
            // SAFETY: by the contract. Each block lives until all its slots were emptied, so until its last
            // one is published here. `next` of a new block is read while another new one stands behind
            // it, so while it is nobody else's.
            unsafe {
                if is_last {
                    crossings -= 1;
                    if crossings > 0 {
                        new = Block::next(next);
                    }
                    Block::set_next(block, next);
                }
                Block::fill(block, index, value);
            }
            (block, index) = if is_last {
                (next, 0)
            } else {
                (block, index + 1)
            };
        }
    }

    /// Pops up to `limit` values, the oldest first, and appends them to `values`. Returns how many.
    ///
    /// # Errors
    /// As [`pop`](Self::pop), if there was not even one. With a `limit` of 0, `Ok(0)`.
    ///
    /// # Panics
    /// As [`pop`](Self::pop), and if `values` can hold no more; what was appended before stays there, and
    /// nothing is lost.
    ///
    /// # Complexity
    /// Two read-modify-writes for each block of 32, between which others may pop, and two more where `values` has to
    /// grow, which it does before anything is taken.
    pub fn pop_many(&self, values: &mut Vec<T>, limit: usize) -> Result<usize, PopError> {
        let mut popped = 0;
        while popped < limit {
            match self.pop_run(values, limit - popped) {
                Ok((count, is_more)) => {
                    popped += count;
                    if !is_more {
                        break;
                    }
                }
                Err(_) if popped > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(popped)
    }

    /// Pops what is ready in one block; at most `limit`, which is not 0. Returns how many, and whether
    /// there may be more behind them.
    fn pop_run(&self, values: &mut Vec<T>, limit: usize) -> Result<(usize, bool), PopError> {
        let mut head = self.head.enter();
        let mut backoff = Backoff::new();
        let (index, count) = loop {
            let (block, index) = (position::head_block::<T>(head), position::head_index(head));
            let wanted = (SLOTS - index).min(limit);
            // SAFETY: this thread is counted in `head` for the block, and `index + wanted` is at most
            // `SLOTS`.
            let count = unsafe { Block::count_ready(block, index, wanted) };
            if count == 0 {
                head = self.pop_nothing(head)?;
                continue;
            }
            if values.capacity() - values.len() < count {
                // It may panic, so not while this thread is counted.
                self.head.leave(head);
                values.reserve(count);
                head = self.head.enter();
                continue;
            }
            let next = if index + count == SLOTS {
                // SAFETY: this thread is counted, and found the last slot ready.
                position::head(unsafe { Block::next(block) })
            } else {
                position::after_claim(head, count, count.max(position::ahead(head)))
            };
            // ORDERING: as in `pop` and `pop_last`: Release hands the next block on, and says that the slots were
            // ready; Acquire knows that of others, and that who is not counted any more has looked for the last time.
            match self
                .head
                .word
                .compare_exchange_weak(head, next, AcqRel, Relaxed)
            {
                Ok(_) => break (index, count),
                Err(now) => {
                    backoff = backoff.spin();
                    head = self.head.follow(head, now);
                }
            }
        };
        let block = position::head_block::<T>(head);
        for index in index..index + count {
            // SAFETY: the exchange claimed these slots, which were found ready; there is room in the
            // vector, so that nothing panics in between.
            values.push(unsafe { Block::vacate(block, index) });
        }
        let is_left = index + count == SLOTS;
        if is_left {
            // SAFETY: the exchange left the block, and all its slots that are ours are empty.
            unsafe { self.retire(head) };
        }
        Ok((count, is_left))
    }
}
