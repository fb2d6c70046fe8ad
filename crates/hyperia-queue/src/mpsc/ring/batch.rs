//! Several values at once: one claim for as many of them as there is room for, and a pop that gives all places
//! back together. States, invariants and orderings are those of the ring.

use alloc::vec::Vec;

use super::slot::Slot;
use super::{ONE, Ring, position};
use crate::primitive::Ordering::*;
use crate::{PopError, PushError};

impl<T> Ring<T> {
    /// Pushes as many of the first `values` as there is room for, next to each other, and removes them from
    /// `values`. Returns how many.
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
    /// As [`push_many`](Self::push_many). Without `values` also if the queue is full or closed.
    ///
    /// # Safety
    /// `look` does not panic.
    pub unsafe fn push_many_looking<R>(
        &self,
        values: &mut Vec<T>,
        look: impl FnOnce() -> R,
    ) -> Result<(usize, R), PushError<()>> {
        let (tail, count) = self.claim(values.len() as u64, ONE)?;
        let seen = look();
        let count = count as usize;
        let rest = values.len() - count;
        let mut source = values.as_mut_ptr();
        // SAFETY: no element is claimed to be there; nothing below panics until the length is set again.
        unsafe { values.set_len(0) };
        for (slots, lap) in self.runs(position(tail), count) {
            for slot in slots {
                // SAFETY: `source` goes through the first `count` elements of the vector's old length, each of
                // which is read once; the slots are those of the positions that were claimed, and `claim` saw room for
                // them.
                unsafe {
                    slot.fill(lap, source.read());
                    source = source.add(1);
                }
            }
        }
        // SAFETY: `source` is now behind those `count`; the `rest` that were not read are moved to the front, within
        // the vector's allocation.
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
    /// # Safety
    /// As for [`pop`](Self::pop).
    ///
    /// # Complexity
    /// No read-modify-write; `values` grows as it needs to, before anything is taken.
    pub unsafe fn pop_many(&self, values: &mut Vec<T>, limit: usize) -> Result<usize, PopError> {
        if limit == 0 {
            return Ok(0);
        }
        // ORDERING: Relaxed, the consumer's own.
        let head = self.head.load(Relaxed);
        let count = self.count_ready(head, limit);
        if count == 0 {
            return Err(self.pop_nothing(head));
        }
        values.reserve(count);
        let len = values.len();
        let mut target = values.spare_capacity_mut().as_mut_ptr();
        for (slots, _) in self.runs(head, count) {
            for slot in slots {
                // SAFETY: there is room for `count` values behind the length; the slots were found full, and each is read
                // once: `head` moves past it below.
                unsafe {
                    (*target).write(slot.take());
                    target = target.add(1);
                }
            }
        }
        // SAFETY: `count` values were written behind the length.
        unsafe { values.set_len(len + count) };
        self.vacate(head.wrapping_add(count as u64 * ONE));
        Ok(count)
    }

    /// How many slots from position `start` on, at most `limit`, are full.
    fn count_ready(&self, start: u64, limit: usize) -> usize {
        let mut count = 0;
        for (slots, lap) in self.runs(start, limit) {
            for slot in slots {
                // ORDERING: Acquire pairs with the Release in `fill`: the value is there before it is read.
                if slot.lap.load(Acquire) != lap {
                    return count;
                }
                count += 1;
            }
        }
        count
    }

    /// The slots from position `start` on, at most `limit` and not more than there are: up to the last one, and on
    /// from the first one; each run with the mark of its lap.
    #[inline]
    fn runs(&self, start: u64, limit: usize) -> [(&[Slot<T>], bool); 2] {
        let (next_lap, this_lap) = self.slots.split_at(self.index(start));
        let this_lap = &this_lap[..limit.min(this_lap.len())];
        let next_lap = &next_lap[..next_lap.len().min(limit - this_lap.len())];
        let lap = self.lap(start);
        [(this_lap, lap), (next_lap, !lap)]
    }
}
