//! The receiving end. States, invariants and orderings are those of the channel.

use alloc::vec::Vec;
use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};

use hyperia_queue::PopError;
use hyperia_wait::WakerCell;

use super::{Queue, Shared};
use crate::channel::{Alone, Attempt};
use crate::primitive::Arc;

/// The receiving end of a channel: there is one.
///
/// Dropping it closes the channel and drops what is inside. A value whose send is under way at that time is dropped
/// with the last sender.
///
/// As a [`Stream`](futures_core::Stream) it ends when the channel is closed and everything was received.
///
/// # Examples
///
/// It cannot be cloned, unlike that of [`mpmc`](crate::mpmc):
///
/// ```compile_fail
/// let (sender, receiver) = hyperia_sync::mpsc::bounded::<u8>(1);
/// let another = receiver.clone();
/// ```
///
/// ```
/// let (sender, receiver) = hyperia_sync::mpmc::bounded::<u8>(1);
/// let another = receiver.clone();
/// ```
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// Whether it has heard that nothing will come.
    pub(super) is_finished: bool,
}

impl<T> Receiver<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self {
            shared,
            is_finished: false,
        }
    }

    /// Closes the channel: nothing is sent any more, with permits neither. `true` if this call did it.
    ///
    /// What was sent before is still received.
    ///
    /// # Panics
    ///
    /// If a waker of one who waits does; all are woken.
    pub fn close(&self) -> bool {
        self.shared.close()
    }

    /// Returns whether nothing can be sent any more; there may still be something to receive.
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Returns whether there is nothing to receive, nor a value that is being sent.
    pub fn is_empty(&self) -> bool {
        match &self.shared.queue {
            Queue::Bounded(ring) => ring.is_empty(),
            // SAFETY: there is one consumer; while it is borrowed, nobody pops.
            Queue::Unbounded(list) => unsafe { list.is_empty() },
        }
    }

    /// Returns how many values there is room for; `None` if there is no limit.
    pub fn capacity(&self) -> Option<usize> {
        self.shared.capacity()
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Result<T, PopError> {
        // SAFETY: there is one receiver, and it is borrowed mutably.
        unsafe { self.shared.pop() }
    }

    pub(super) fn pop_many(
        &mut self,
        values: &mut Vec<T>,
        limit: usize,
    ) -> Result<usize, PopError> {
        match &self.shared.queue {
            Queue::Bounded(ring) => {
                // SAFETY: there is one receiver, and it is borrowed mutably.
                let count = unsafe { ring.pop_many(values, limit)? };
                if self.shared.is_room_awaited() {
                    self.shared.room.notify_many(count);
                }
                Ok(count)
            }
            // SAFETY: as above.
            Queue::Unbounded(list) => unsafe { list.pop_many(values, limit) },
        }
    }

    /// What one that waits makes of a pop that found nothing.
    #[inline]
    pub(super) fn after_empty<R>(&self) -> Attempt<R> {
        if self.is_empty() {
            Attempt::Wait
        } else {
            // A sender is in the middle of a push, and may not have seen the cell when it claimed the place.
            Attempt::Busy
        }
    }
}

// SAFETY: a channel has one receiver, and its cell is reached for registering through it alone.
unsafe impl<T> Alone for Receiver<T> {
    #[inline]
    fn cell(&self) -> &WakerCell {
        &self.shared.receiver
    }
}

// Nothing is pinned in here, whatever `T` is.
impl<T> Unpin for Receiver<T> {}

// No code of the user runs while something is half-changed.
impl<T> UnwindSafe for Receiver<T> {}
impl<T> RefUnwindSafe for Receiver<T> {}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        /// Also when a waker of one who waits for room panics.
        struct Clear<'a, T>(&'a Shared<T>);
        impl<T> Drop for Clear<'_, T> {
            fn drop(&mut self) {
                match &self.0.queue {
                    // SAFETY: the one receiver is no more.
                    Queue::Bounded(ring) => unsafe { ring.clear() },
                    // SAFETY: as above.
                    Queue::Unbounded(list) => unsafe { list.clear() },
                }
            }
        }
        let clear = Clear(&self.shared);
        // What `poll_recv` left: nobody is to be woken any more.
        let _waker = self.shared.receiver.take();
        self.shared.close();
        drop(clear);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("capacity", &self.capacity())
            .field("is_empty", &self.is_empty())
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
