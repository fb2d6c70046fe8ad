//! Several values by one claim: the same claim as for one, for as many positions in a row as are ready.
//!
//! States, invariants and orderings are those of the queue. A run of ready slots stays ready until its
//! positions are claimed, because only a claimer changes a stamp; so it is enough to look before the
//! compare-exchange, which fails if anybody claimed meanwhile.

use alloc::vec::Vec;

use super::slot::{FULL, Slot};
use super::{ONE, Queue};
use crate::backoff::Backoff;
use crate::primitive::Ordering::*;
use crate::{PopError, PushError};

impl<T> Queue<T> {
    /// Pushes as many of the first `values` as there is room for, next to each other, and removes them
    /// from `values`. Returns how many.
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
        // SAFETY: this does not panic.
        unsafe { self.push_many_looking(values, || ()) }.map(|(count, ())| count)
    }

    /// As [`push_many`](Self::push_many), and looks at something else as
    /// [`push_looking`](Self::push_looking) does.
    ///
    /// # Errors
    /// As [`push_many`](Self::push_many). Without `values` [`PushError::Full`] or [`PushError::Closed`].
    ///
    /// # Safety
    /// `look` does not panic.
    pub unsafe fn push_many_looking<R>(
        &self,
        values: &mut Vec<T>,
        look: impl FnOnce() -> R,
    ) -> Result<(usize, R), PushError<()>> {
        // ORDERING: Relaxed, a guess at `tail` that the compare-exchange checks.
        let mut tail = self.tail.load(Relaxed);
        let mut backoff = Backoff::new();
        let count = loop {
            let count = self.count_ready(tail, 0, values.len());
            if count == 0 {
                self.push_nothing(tail)?;
                backoff = backoff.spin();
                // ORDERING: Relaxed, another guess at `tail`.
                tail = self.tail.load(Relaxed);
                continue;
            }
            let end = self.advance(tail, count);
            // ORDERING: Relaxed, hands out positions to fill; their stamps order the rest.
            match self.tail.compare_exchange_weak(tail, end, Relaxed, Relaxed) {
                Ok(_) => break count,
                Err(now) => {
                    tail = now;
                    backoff = backoff.spin();
                }
            }
        };

        let seen = look();
        let rest = values.len() - count;
        let mut source = values.as_mut_ptr();
        // SAFETY: no element is claimed to be there; nothing below panics until the length is set again.
        unsafe { values.set_len(0) };
        for (slots, mut position) in self.runs(tail, count) {
            for slot in slots {
                // SAFETY: `source` goes through the first `count` elements of the vector's old length, each of
                // which is read once; the exchange claimed all these positions, whose slots were found free.
                unsafe {
                    slot.fill(position, source.read());
                    source = source.add(1);
                }
                position = position.wrapping_add(ONE);
            }
        }
        // SAFETY: `source` is now behind those `count`; the `rest` that were not read are moved to the
        // front, within the vector's allocation.
        unsafe {
            values.as_mut_ptr().copy_from(source, rest);
            values.set_len(rest);
        }
        Ok((count, seen))
    }

    /// Pops up to `limit` values, the oldest first, and appends them to `values`. Returns how many.
    ///
    /// # Errors
    /// As [`pop`](Self::pop), if there was not even one. With a `limit` of 0, `Ok(0)`.
    ///
    /// # Complexity
    /// One read-modify-write for all of them; `values` grows as it needs to, before anything is taken.
    pub fn pop_many(&self, values: &mut Vec<T>, limit: usize) -> Result<usize, PopError> {
        if limit == 0 {
            return Ok(0);
        }
        // SAFETY: this does not panic.
        unsafe { self.pop_many_looking(values, limit, || ()) }.map(|(count, ())| count)
    }

    /// As [`pop_many`](Self::pop_many), and looks at something else as
    /// [`pop_looking`](Self::pop_looking) does.
    ///
    /// # Errors
    /// As [`pop_many`](Self::pop_many). With a `limit` of 0 [`PopError::Empty`] or [`PopError::Closed`].
    ///
    /// # Safety
    /// `look` does not panic.
    pub unsafe fn pop_many_looking<R>(
        &self,
        values: &mut Vec<T>,
        limit: usize,
        look: impl FnOnce() -> R,
    ) -> Result<(usize, R), PopError> {
        // ORDERING: Relaxed, a guess at `head` that the compare-exchange checks.
        let mut head = self.head.load(Relaxed);
        let mut backoff = Backoff::new();
        let count = loop {
            let count = self.count_ready(head, FULL, limit);
            if count == 0 {
                self.pop_nothing(head)?;
                backoff = backoff.spin();
                // ORDERING: Relaxed, another guess at `head`.
                head = self.head.load(Relaxed);
                continue;
            }
            values.reserve(count);
            let end = self.advance(head, count);
            // ORDERING: Relaxed, hands out positions to empty; their stamps order the rest.
            match self.head.compare_exchange_weak(head, end, Relaxed, Relaxed) {
                Ok(_) => break count,
                Err(now) => {
                    head = now;
                    backoff = backoff.spin();
                }
            }
        };
        let seen = look();
        let len = values.len();
        let mut target = values.spare_capacity_mut().as_mut_ptr();
        for (slots, position) in self.runs(head, count) {
            let mut next_lap = self.next_lap(position);
            for slot in slots {
                // SAFETY: there is room for `count` values behind the length; the exchange claimed all these
                // positions, whose slots were found full.
                unsafe {
                    (*target).write(slot.vacate(next_lap));
                    target = target.add(1);
                }
                next_lap = next_lap.wrapping_add(ONE);
            }
        }
        // SAFETY: `count` values were written behind the length.
        unsafe { values.set_len(len + count) };
        Ok((count, seen))
    }

    /// How many positions from `start` on, at most `limit`, have a stamp equal to themselves with
    /// `mark`. Such a stamp stays until its position is claimed.
    fn count_ready(&self, start: usize, mark: usize, limit: usize) -> usize {
        let mut count = 0;
        for (slots, position) in self.runs(start, limit) {
            let mut stamp = position | mark;
            for slot in slots {
                // ORDERING: Acquire pairs with the Release in `vacate` for a free slot (`mark` 0), and with
                // that in `fill` for a full one.
                if slot.stamp.load(Acquire) != stamp {
                    return count;
                }
                count += 1;
                stamp = stamp.wrapping_add(ONE);
            }
        }
        count
    }

    /// The slots from `start` on, at most `limit` and not more than there are: up to the last one, and on from
    /// the first one in the next lap; each run with its first position.
    #[inline]
    fn runs(&self, start: usize, limit: usize) -> [(&[Slot<T>], usize); 2] {
        let (next_lap, this_lap) = self.slots.split_at((start & self.mask) / ONE);
        let this_lap = &this_lap[..limit.min(this_lap.len())];
        let next_lap = &next_lap[..next_lap.len().min(limit - this_lap.len())];
        let lap = (start | self.mask).wrapping_add(1);
        [(this_lap, start), (next_lap, lap)]
    }

    /// The position `count` places after `position`, where `count` is at most the capacity.
    fn advance(&self, position: usize, count: usize) -> usize {
        let end = (position & self.mask) + count * ONE;
        if end < self.end {
            position + count * ONE
        } else {
            (position | self.mask).wrapping_add(1) + (end - self.end)
        }
    }
}
