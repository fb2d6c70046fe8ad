//! Waiting where there is one who can wait: in a cell.
//!
//! # Ordering
//! | Between | and | stands |
//! |---|---|---|
//! | registering in the cell | the attempt after it | the fence in `wait_alone` |
//! | what makes an attempt succeed | the look at the cell | a fence of the channel |
//!
//! So either the attempt succeeds, or this one is seen in the cell.

use core::mem::{self, ManuallyDrop};
use core::ptr;
use core::task::{Context, Poll};

use hyperia_wait::WakerCell;

use super::{Attempt, poll_again};
use crate::primitive::Ordering::*;
use crate::primitive::{fence, fence_after_rmw};

/// An end of a channel that waits alone.
///
/// # Safety
///
/// There is one end for a cell, and nobody registers there but by what is in here, which borrows the end mutably.
pub(crate) unsafe trait Alone {
    /// Where it waits.
    fn cell(&self) -> &WakerCell;
}

/// Makes the attempt; if it fails, registers the waker and makes it once more.
#[inline]
pub(crate) fn poll_alone<E: Alone, R>(
    end: &mut E,
    cx: &mut Context<'_>,
    mut attempt: impl FnMut(&mut E) -> Attempt<R>,
) -> Poll<R> {
    match attempt(end) {
        Attempt::Done(result) => Poll::Ready(result),
        Attempt::Wait | Attempt::Busy => wait_alone(end, cx, attempt),
    }
}

#[cold]
fn wait_alone<E: Alone, R>(
    end: &mut E,
    cx: &mut Context<'_>,
    mut attempt: impl FnMut(&mut E) -> Attempt<R>,
) -> Poll<R> {
    // SAFETY: the end is borrowed mutably, and nobody else registers: the contract of `Alone`.
    if unsafe { end.cell().register_alone(cx.waker()) } {
        // ORDERING: the cell, by the read-modify-write right before, before what `attempt` looks at; the other side has its
        // fence between what it gives and its look at the cell.
        fence_after_rmw();
    } else {
        // ORDERING: the same, where the waker was there already, or something else came last.
        fence(SeqCst);
    }
    match attempt(end) {
        Attempt::Done(result) => {
            // So that nobody is woken in vain.
            // SAFETY: as above.
            drop(unsafe { end.cell().unregister_alone() });
            return Poll::Ready(result);
        }
        Attempt::Wait => {}
        Attempt::Busy => poll_again(cx.waker()),
    }
    Poll::Pending
}

/// The end as a future has it, which leaves no waker behind.
pub(crate) struct Borrowed<'a, E: Alone> {
    end: &'a mut E,
    progress: Progress,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    New,
    /// It was polled, and told to wait.
    Waiting,
    Done,
}

impl<'a, E: Alone> Borrowed<'a, E> {
    #[inline]
    pub(crate) fn new(end: &'a mut E) -> Self {
        Self {
            end,
            progress: Progress::New,
        }
    }

    /// As [`poll_alone`].
    ///
    /// # Panics
    ///
    /// If it is polled again after it was ready.
    #[inline]
    pub(crate) fn poll<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&mut E) -> Attempt<R>,
    ) -> Poll<R> {
        assert!(!self.is_done(), "polled again after it was ready");
        let poll = match attempt(self.end) {
            Attempt::Done(result) => Poll::Ready(result),
            Attempt::Wait | Attempt::Busy => {
                // Before it waits: a panic leaves no waker behind, either.
                self.progress = Progress::Waiting;
                wait_alone(self.end, cx, attempt)
            }
        };
        if poll.is_ready() && mem::replace(&mut self.progress, Progress::Done) == Progress::Waiting
        {
            self.take_back();
        }
        poll
    }

    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.progress == Progress::Done
    }

    pub(crate) fn end(&mut self) -> &mut E {
        self.end
    }

    /// The end, once this is done.
    pub(crate) fn into_inner(self) -> &'a mut E {
        debug_assert!(self.is_done(), "a waker may be left behind");
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is not used any more, nor dropped; the reference is moved out of it.
        unsafe { ptr::read(&raw const this.end) }
    }

    /// Takes the waker back, if it is still there.
    #[inline]
    fn take_back(&mut self) {
        // SAFETY: the end is borrowed mutably, and nobody else registers: the contract of `Alone`.
        drop(unsafe { self.end.cell().unregister_alone() });
    }
}

impl<E: Alone> Drop for Borrowed<'_, E> {
    #[inline]
    fn drop(&mut self) {
        if self.progress == Progress::Waiting {
            self.take_back();
        }
    }
}
