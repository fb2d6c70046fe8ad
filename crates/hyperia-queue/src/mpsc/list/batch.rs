//! Several values at once: a push that is one claim for all of them, across as many blocks as it
//! takes, and a pop that looks at the queue once per block.
//!
//! States, invariants and orderings are those of the list. A batch brings along every block it
//! needs before its claim, as a chain that nobody else knows; the claim moves `tail` into the last
//! of them.

use alloc::vec::Vec;
use core::ptr;

use super::super::block::{Block, SLOTS};
use super::{Head, List, block, index, is_closed, position};
use crate::backoff::Backoff;
use crate::primitive::Ordering::*;
use crate::{PopError, PushError};

impl<T> List<T> {
    /// Pushes all `values`, or none: they come out one after the other, in order. Returns how many there were.
    ///
    /// `values` is empty afterwards and keeps its capacity.
    ///
    /// # Errors
    /// [`PushError::Closed`], if the queue is closed and `values` has any; they stay where they are.
    ///
    /// # Panics
    /// If there are more than `isize::MAX` values, which then are zero-sized; they stay where they are.
    ///
    /// # Complexity
    /// One read-modify-write for all of them.
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
        // ORDERING: Acquire for the answer `Closed`, as in `push_slow`; it pairs with the Release
        // in `close`.
        let mut tail = self.tail.load(Acquire);
        let mut backoff = Backoff::new();
        let (mut crossings, surplus) = loop {
            if is_closed(tail) {
                self.put_all(first);
                return Err(PushError::Closed(()));
            }
            let end = index(tail) + count;
            let crossings = end / SLOTS;
            while brought < crossings {
                let block = self.take();
                // SAFETY: the block is private to this thread.
                unsafe { Block::set_next(block, first) };
                first = block;
                brought += 1;
            }
            // The last block of the new ones, where `tail` goes, and what an earlier attempt
            // brought too many.
            let (mut last, mut surplus) = (ptr::null_mut(), first);
            for _ in 0..crossings {
                last = surplus;
                // SAFETY: the chain is private, and at least `crossings` long.
                surplus = unsafe { Block::next(last) };
            }
            let next = if crossings == 0 {
                tail + count
            } else {
                position(last, end % SLOTS)
            };
            // ORDERING: Acquire and Release as in `push_slow`: blocks installed before, blocks
            // installed here. On failure Acquire for the answer `Closed`.
            match self.tail.compare_exchange_weak(tail, next, AcqRel, Acquire) {
                Ok(_) => break (crossings, surplus),
                Err(now) => {
                    tail = now;
                    backoff = backoff.spin();
                }
            }
        };

        let seen = look();
        let source = values.as_ptr();
        // SAFETY: no element is claimed to be there. All `count` of them are moved out below, where
        // nothing panics.
        unsafe { values.set_len(0) };
        let (mut block, mut index) = (block(tail), index(tail));
        for offset in 0..count {
            // SAFETY: within the vector's old length, and each element is read once.
            let value = unsafe { source.add(offset).read() };
            // SAFETY: the exchange claimed `count` slots from there on, over `crossings` new blocks.
            // Each block lives until its last slot is published here (invariant 3). `next` of a new
            // block is read while another new one stands behind it, so while it is nobody else's.
            unsafe {
                Block::write(block, index, value);
                if index == SLOTS - 1 {
                    let next = first;
                    crossings -= 1;
                    if crossings > 0 {
                        first = Block::next(next);
                    }
                    Block::set_next(block, next);
                    Block::publish(block, index);
                    (block, index) = (next, 0);
                } else {
                    Block::publish(block, index);
                    index += 1;
                }
            }
        }
        self.put_all(surplus);
        Ok((count, seen))
    }

    /// Pops up to `limit` values, the oldest first, and appends them to `values`. Returns how many.
    ///
    /// # Errors
    /// As [`pop`](Self::pop), if there was not even one. With a `limit` of 0, `Ok(0)`.
    ///
    /// # Safety
    /// As for [`pop`](Self::pop).
    ///
    /// # Complexity
    /// No read-modify-write; `values` grows as it needs to, before anything is taken.
    pub unsafe fn pop_many(&self, values: &mut Vec<T>, limit: usize) -> Result<usize, PopError> {
        self.head.with_mut(|head| {
            // SAFETY: as in `pop`.
            let head = unsafe { &mut *head };
            let mut popped = 0;
            while popped < limit {
                let Head { block, index } = *head;
                let wanted = (SLOTS - index).min(limit - popped);
                // SAFETY: as in `pop`; `index + wanted` is at most `SLOTS`.
                let count = unsafe { Block::ready(block, index, wanted) };
                if count == 0 {
                    break;
                }
                // Before anything is taken, because it may panic.
                values.reserve(count);
                for index in index..index + count {
                    // SAFETY: the slot was found ready, and is read once: `head` moves behind it
                    // below.
                    values.push(unsafe { Block::take(block, index) });
                }
                popped += count;
                head.index = index + count;
                if head.index == SLOTS {
                    self.retire(head);
                }
                if count < wanted {
                    break;
                }
            }
            if popped == 0 && limit > 0 {
                Err(self.pop_nothing(head))
            } else {
                Ok(popped)
            }
        })
    }
}
