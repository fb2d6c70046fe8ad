//! A wait that goes on until an attempt succeeds.
//!
//! Who is told to look may find that another one came first; then it joins the line again, at its end.
//!
//! # Ordering
//! | Between | and | stands |
//! |---|---|---|
//! | joining the line | the attempt after it | the fence in `poll` |
//! | what makes an attempt succeed | the look for whom to wake | a fence of the channel |
//!
//! So either the attempt succeeds, or this one is seen in the line. Where the other side looks before it is through,
//! the attempt may find it in the middle: then there is nobody to wait for, and the task is polled again. Of what it was
//! told before it may be the only one who knows, so until the next attempt that belongs to what the drop passes on.

use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use hyperia_wait::{Wait, WaitQueue};

use super::{Attempt, poll_again};
use crate::primitive::Ordering::*;
use crate::primitive::fence;

/// A place in a line, taken when an attempt has failed and given up when one has succeeded, or with the drop:
/// then a wake-up that it had got goes to the next one.
pub(crate) struct Line<'a> {
    /// Pinned with the line.
    ///
    /// - `None`: nobody will tell it anything, it has to look.
    /// - Not terminated: it has joined the line, and looked since.
    /// - Terminated: it was told to look, has left the line, and has not found out yet whether there is something for it.
    wait: Option<Wait<'a>>,
}

impl<'a> Line<'a> {
    #[inline]
    pub(crate) fn new() -> Self {
        Self { wait: None }
    }

    /// Makes the attempt until it is done, and waits in between, in `queue`, the same one each time.
    #[inline]
    pub(crate) fn poll<R>(
        mut self: Pin<&mut Self>,
        queue: &'a WaitQueue,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut() -> Attempt<R>,
    ) -> Poll<R> {
        if self.has_to_look() {
            match attempt() {
                Attempt::Done(result) => {
                    self.leave();
                    return Poll::Ready(result);
                }
                Attempt::Wait => {}
                Attempt::Busy => {
                    poll_again(cx.waker());
                    return Poll::Pending;
                }
            }
        }
        self.wait(queue, cx, attempt)
    }

    /// Waits after an attempt that failed, now or in an earlier poll.
    #[cold]
    fn wait<R>(
        mut self: Pin<&mut Self>,
        queue: &'a WaitQueue,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut() -> Attempt<R>,
    ) -> Poll<R> {
        loop {
            if self.has_to_look() {
                self.as_mut().project().set(Some(queue.wait()));
                if self.join(cx).is_pending() {
                    // ORDERING: the line before what `attempt` looks at; the other side has its fence between what
                    // it gives and its look at the line.
                    fence(SeqCst);
                    let poll = match attempt() {
                        Attempt::Done(result) => Poll::Ready(result),
                        Attempt::Wait => return Poll::Pending,
                        Attempt::Busy => Poll::Pending,
                    };
                    self.leave();
                    if poll.is_pending() {
                        poll_again(cx.waker());
                    }
                    return poll;
                }
            } else if let Some(wait) = self.as_mut().project().as_pin_mut() {
                // Both a notification and a close mean: look again.
                let _ = ready!(wait.poll(cx));
            }
            match attempt() {
                Attempt::Done(result) => {
                    self.leave();
                    return Poll::Ready(result);
                }
                Attempt::Wait => {}
                Attempt::Busy => {
                    poll_again(cx.waker());
                    return Poll::Pending;
                }
            }
        }
    }

    /// Polls the wait for the first time.
    fn join(self: &mut Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        /// Takes the place away again when the clone of the waker panics: the next poll makes an attempt first.
        struct Joining<'p, 'a>(Pin<&'p mut Option<Wait<'a>>>);
        impl Drop for Joining<'_, '_> {
            fn drop(&mut self) {
                self.0.set(None);
            }
        }
        let mut joining = Joining(self.as_mut().project());
        let poll = match joining.0.as_mut().as_pin_mut() {
            Some(wait) => wait.poll(cx).map(|_| ()),
            None => Poll::Ready(()),
        };
        mem::forget(joining);
        poll
    }

    /// Whether nobody will tell it anything, or it was told.
    #[inline]
    fn has_to_look(&self) -> bool {
        self.wait.as_ref().is_none_or(Wait::is_terminated)
    }

    #[inline]
    fn leave(self: &mut Pin<&mut Self>) {
        if self.wait.is_some() {
            self.as_mut().project().set(None);
        }
    }

    #[inline]
    fn project(self: Pin<&mut Self>) -> Pin<&mut Option<Wait<'a>>> {
        // SAFETY: `wait` is pinned with the line: it is reached through this pin only, and dropped in its place, which the
        // drop of the line leaves to it.
        unsafe { self.map_unchecked_mut(|this| &mut this.wait) }
    }
}

impl Drop for Line<'_> {
    /// Passes on what it was told, unless it has looked since. (In the line, the wait does.)
    #[inline]
    fn drop(&mut self) {
        if let Some(wait) = &self.wait
            && wait.is_terminated()
        {
            wait.queue().notify_one();
        }
    }
}
