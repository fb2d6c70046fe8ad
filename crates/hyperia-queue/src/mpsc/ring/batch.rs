//! Several values at once: one claim for as many of them as there is room for, and a pop that gives all places
//! back together. States, invariants and orderings are those of the ring.

use alloc::vec::Vec;

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
        let mut at = position(tail);
        for value in values.drain(..count) {
            // SAFETY: all these positions were claimed, and `claim` saw room for them. Nothing here panics, so
            // every one is filled.
            unsafe { self.fill(at, value) };
            at = at.wrapping_add(ONE);
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
        let positions = || (0..self.slots.len() as u64).map(|n| head.wrapping_add(n * ONE));
        let is_full = |&at: &u64| {
            // ORDERING: Acquire pairs with the Release in `fill`: the value is there before it is read.
            self.slot(at).lap.load(Acquire) == self.lap(at)
        };
        let count = positions().take(limit).take_while(is_full).count();
        if count == 0 {
            return Err(self.pop_nothing(head));
        }
        values.reserve(count);
        // There is room, so this neither allocates nor panics.
        values.extend(positions().take(count).map(|at| {
            // SAFETY: the slot was found full, and is read once: `head` moves past it below.
            unsafe { self.slot(at).take() }
        }));
        self.vacate(head.wrapping_add(count as u64 * ONE));
        Ok(count)
    }
}
