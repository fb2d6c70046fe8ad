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

use core::pin::Pin;
use core::task::{Context, Poll, ready};

use hyperia_wait::{Wait, WaitQueue};

use super::{Attempt, poll_again};
use crate::primitive::Ordering::*;
use crate::primitive::fence;

/// A place in a line, taken when an attempt has failed and given up when one has succeeded, or with the drop:
/// then a wake-up that it had got goes to the next one.
pub(crate) struct Line<'a> {
    queue: &'a WaitQueue,
    /// Pinned with the line.
    wait: Option<Wait<'a>>,
    /// It was told to look, has left the line, and has not found out yet whether there is something for it.
    is_told: bool,
}

impl<'a> Line<'a> {
    #[inline]
    pub(crate) fn new(queue: &'a WaitQueue) -> Self {
        Self {
            queue,
            wait: None,
            is_told: false,
        }
    }

    /// The parts; the wait pinned.
    #[inline]
    fn project(self: Pin<&mut Self>) -> (&'a WaitQueue, Pin<&mut Option<Wait<'a>>>, &mut bool) {
        // SAFETY: `wait` is pinned with the line: it is reached through this pin only, and dropped in its place, which
        // the drop of the line leaves to it. The others are not pinned.
        unsafe {
            let this = self.get_unchecked_mut();
            (
                this.queue,
                Pin::new_unchecked(&mut this.wait),
                &mut this.is_told,
            )
        }
    }

    /// Makes the attempt until it is done, and waits in between.
    #[inline]
    pub(crate) fn poll<R>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut() -> Attempt<R>,
    ) -> Poll<R> {
        let (_, wait, is_told) = self.as_mut().project();
        if wait.is_none() {
            match attempt() {
                Attempt::Done(result) => {
                    *is_told = false;
                    return Poll::Ready(result);
                }
                Attempt::Wait => {}
                Attempt::Busy => {
                    poll_again(cx.waker());
                    return Poll::Pending;
                }
            }
        }
        self.wait(cx, attempt)
    }

    /// Waits after an attempt that failed, now or in an earlier poll.
    #[cold]
    fn wait<R>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut() -> Attempt<R>,
    ) -> Poll<R> {
        let (queue, mut wait, is_told) = self.project();
        loop {
            if let Some(wait) = wait.as_mut().as_pin_mut() {
                // Both a notification and a close mean: look again.
                let _ = ready!(wait.poll(cx));
            } else {
                // There was nothing for it.
                *is_told = false;
                wait.set(Some(queue.wait()));
                let joins = wait.as_mut().as_pin_mut().map(|wait| wait.poll(cx));
                if joins.is_some_and(|poll| poll.is_pending()) {
                    // ORDERING: the line before what `attempt` looks at; the other side has its fence between what
                    // it gives and its look at the line.
                    fence(SeqCst);
                    let poll = match attempt() {
                        Attempt::Done(result) => Poll::Ready(result),
                        Attempt::Wait => return Poll::Pending,
                        Attempt::Busy => {
                            poll_again(cx.waker());
                            Poll::Pending
                        }
                    };
                    wait.set(None);
                    return poll;
                }
            }
            *is_told = true;
            wait.set(None);
            match attempt() {
                Attempt::Done(result) => {
                    *is_told = false;
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
}

impl Drop for Line<'_> {
    /// Passes on what it was told, unless it has looked since. (In the line, the wait does.)
    #[inline]
    fn drop(&mut self) {
        if self.is_told {
            self.queue.notify_one();
        }
    }
}
