//! Places that are reserved by number. States, invariants and orderings are those of the ring.

use super::{CLOSED, ONE, RESERVED, RESERVED_MASK, Ring, position};
use crate::PushError;
use crate::backoff::Backoff;
use crate::primitive::Ordering::*;

impl<T> Ring<T> {
    /// Reserves a place: one push less succeeds, until [`push_reserved`](Self::push_reserved) uses it or
    /// [`unreserve`](Self::unreserve) gives it back.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    ///
    /// # Panics
    /// If [`MAX_RESERVED`](Self::MAX_RESERVED) places are reserved already.
    ///
    /// # Complexity
    /// One read-modify-write, retried only when another one came first.
    #[inline]
    #[track_caller]
    pub fn reserve(&self) -> Result<(), PushError<()>> {
        self.claim(1, RESERVED).map(|_| ())
    }

    /// Pushes a value to a place that was reserved.
    ///
    /// # Errors
    /// [`PushError::Closed`] if the queue was closed meanwhile; the place is given up.
    ///
    /// # Safety
    /// The caller has reserved a place with [`reserve`](Self::reserve), and not used it or given it back.
    ///
    /// # Complexity
    /// One read-modify-write, retried only when another one came first.
    pub unsafe fn push_reserved(&self, value: T) -> Result<(), PushError<T>> {
        // SAFETY: the contract is the same, and this does not panic.
        unsafe { self.push_reserved_looking(value, || ()) }
    }

    /// As [`push_reserved`](Self::push_reserved), and looks at something else as
    /// [`push_looking`](Self::push_looking) does.
    ///
    /// # Errors
    /// As [`push_reserved`](Self::push_reserved).
    ///
    /// # Safety
    /// As for both.
    pub unsafe fn push_reserved_looking<R>(
        &self,
        value: T,
        look: impl FnOnce() -> R,
    ) -> Result<R, PushError<T>> {
        // ORDERING: Acquire pairs with the Release of all who moved the end on, in `claim`: there is room at `tail`
        // because one of them saw it. And with the Release in `close`, for the answer `Closed`.
        let mut tail = self.tail.word.load(Acquire);
        let mut backoff = Backoff::new();
        loop {
            if tail & CLOSED != 0 {
                return Err(PushError::Closed(value));
            }
            debug_assert_ne!(tail & RESERVED_MASK, 0, "nothing is reserved");
            let next = tail.wrapping_add(ONE - RESERVED);
            // ORDERING: Relaxed, because the room was acquired with `tail`, be this the same store or a later one of
            // the same word: between the two the position stood still and the caller's place stayed reserved, so
            // nobody has had to move the end past the position again. On failure Acquire, for both reasons above.
            match self
                .tail
                .word
                .compare_exchange_weak(tail, next, Relaxed, Acquire)
            {
                Ok(_) => break,
                Err(now) => {
                    tail = now;
                    backoff = backoff.spin();
                }
            }
        }
        let seen = look();
        // SAFETY: the exchange claimed the position. By the contract the end was past it, hence there is room
        // (invariant 3), which this thread has acquired.
        unsafe { self.fill(position(tail), value) };
        Ok(seen)
    }

    /// Gives a reserved place back.
    ///
    /// # Safety
    /// As for [`push_reserved`](Self::push_reserved).
    pub unsafe fn unreserve(&self) {
        // ORDERING: Relaxed, a number that others may use again; they look for the room by themselves.
        let before = self.tail.word.fetch_sub(RESERVED, Relaxed);
        debug_assert_ne!(before & RESERVED_MASK, 0, "nothing is reserved");
    }
}
