//! Several values by one claim: the same claim as for one, for as many positions in a row as are
//! ready.
//!
//! States, invariants and orderings are those of the queue. A run of ready slots stays ready until
//! its positions are claimed, because only a claimer changes a stamp; so it is enough to look
//! before the compare-exchange, which fails if anybody claimed meanwhile.

use alloc::vec::Vec;

use super::{FULL, Queue};
use crate::primitive::Ordering::*;
use crate::{PopError, PushError};

impl<T> Queue<T> {
    /// Pushes as many of the first `values` as there is room for, next to each other, and removes
    /// them from `values`. Returns how many.
    ///
    /// # Examples
    /// ```
    /// let queue = hyperia_queue::mpmc::Queue::bounded(2);
    /// let mut values = vec![1, 2, 3];
    /// assert_eq!(queue.push_many(&mut values), Ok(2));
    /// assert_eq!(values, [3]);
    /// ```
    ///
    /// # Errors
    /// As [`push`](Self::push), if not even one was pushed. Without `values`, `Ok(0)`.
    ///
    /// # Complexity
    /// One read-modify-write for all of them; what stays in `values` is moved to its front.
    pub fn push_many(&self, values: &mut Vec<T>) -> Result<usize, PushError<()>> {
        if values.is_empty() {
            return Ok(0);
        }
        // ORDERING: Relaxed, a guess at `tail` that the compare-exchange checks.
        let mut tail = self.tail.load(Relaxed);
        let count = loop {
            let (count, end) = self.run(tail, 0, values.len());
            if count > 0 {
                // ORDERING: Relaxed, hands out positions to fill; their stamps order the rest.
                match self.tail.compare_exchange_weak(tail, end, Relaxed, Relaxed) {
                    Ok(_) => break count,
                    Err(now) => tail = now,
                }
            } else {
                tail = self.push_nothing(tail)?;
            }
        };

        let rest = values.len() - count;
        let source = values.as_mut_ptr();
        // SAFETY: no element is claimed to be there; nothing below panics until the length is set
        // again.
        unsafe { values.set_len(0) };
        let mut position = tail;
        for offset in 0..count {
            // SAFETY: within the vector's old length, and each element is read once; the exchange
            // claimed all positions from `tail` to `end`, whose slots `run` found free.
            unsafe {
                self.slot(position)
                    .fill(position, source.add(offset).read())
            };
            position = self.next(position);
        }
        // SAFETY: the `rest` elements that were not read are moved to the front, within the
        // vector's allocation.
        unsafe {
            source.copy_from(source.add(count), rest);
            values.set_len(rest);
        }
        Ok(count)
    }

    /// Pops up to `limit` values, the oldest first, and appends them to `values`. Returns how many.
    ///
    /// # Errors
    /// As [`pop`](Self::pop), if there was not even one. With a `limit` of 0, `Ok(0)`.
    ///
    /// # Complexity
    /// One read-modify-write for all of them; `values` grows as it needs to, before anything is
    /// taken.
    pub fn pop_many(&self, values: &mut Vec<T>, limit: usize) -> Result<usize, PopError> {
        if limit == 0 {
            return Ok(0);
        }
        // ORDERING: Relaxed, a guess at `head` that the compare-exchange checks.
        let mut head = self.head.load(Relaxed);
        let count = loop {
            let (count, end) = self.run(head, FULL, limit);
            if count > 0 {
                values.reserve(count);
                // ORDERING: Relaxed, hands out positions to empty; their stamps order the rest.
                match self.head.compare_exchange_weak(head, end, Relaxed, Relaxed) {
                    Ok(_) => break count,
                    Err(now) => head = now,
                }
            } else {
                head = self.pop_nothing(head)?;
            }
        };
        let mut position = head;
        for _ in 0..count {
            // SAFETY: the exchange claimed all positions from `head` to `end`, whose slots `run`
            // found full.
            let value = unsafe { self.slot(position).vacate(self.next_lap(position)) };
            // There is room, so this neither allocates nor panics.
            values.push(value);
            position = self.next(position);
        }
        Ok(count)
    }

    /// How many positions from `start` on, at most `limit`, have a stamp equal to themselves with
    /// `mark`; and the position behind them. Such a stamp stays until its position is claimed.
    fn run(&self, start: usize, mark: usize, limit: usize) -> (usize, usize) {
        let (mut count, mut position) = (0, start);
        // ORDERING: Acquire pairs with the Release in `vacate` for a free slot (`mark` 0), and with
        // that in `fill` for a full one.
        while count < limit && self.slot(position).stamp.load(Acquire) == position | mark {
            count += 1;
            position = self.next(position);
        }
        (count, position)
    }
}
