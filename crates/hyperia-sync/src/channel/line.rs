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
    /// Pinned with the line. Without a meaning unless the line is `Waiting`: a panic leaves it anyhow.
    wait: Option<Wait<'a>>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody will tell it anything: it has to look.
    Away,
    /// It has joined the line and looked since.
    Waiting,
    /// It was told to look, has left the line, and has not found out yet whether there is something for it.
    Told,
}

impl<'a> Line<'a> {
    #[inline]
    pub(crate) fn new(queue: &'a WaitQueue) -> Self {
        Self {
            queue,
            wait: None,
            state: State::Away,
        }
    }

    /// The parts; the wait pinned.
    #[inline]
    fn project(self: Pin<&mut Self>) -> (&'a WaitQueue, Pin<&mut Option<Wait<'a>>>, &mut State) {
        // SAFETY: `wait` is pinned with the line: it is reached through this pin only, and dropped in its place, which
        // the drop of the line leaves to it. The others are not pinned.
        unsafe {
            let this = self.get_unchecked_mut();
            (
                this.queue,
                Pin::new_unchecked(&mut this.wait),
                &mut this.state,
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
        let (_, mut wait, state) = self.as_mut().project();
        if *state != State::Waiting {
            if wait.is_some() {
                wait.set(None);
            }
            match attempt() {
                Attempt::Done(result) => {
                    *state = State::Away;
                    return Poll::Ready(result);
                }
                Attempt::Wait => *state = State::Away,
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
        let (queue, mut wait, state) = self.project();
        loop {
            let joins = *state != State::Waiting;
            if joins {
                wait.set(Some(queue.wait()));
            }
            let poll = wait.as_mut().as_pin_mut().map(|wait| wait.poll(cx));
            if poll.is_some_and(|poll| poll.is_pending()) {
                if !joins {
                    return Poll::Pending;
                }
                // ORDERING: the line before what `attempt` looks at; the other side has its fence between what
                // it gives and its look at the line.
                fence(SeqCst);
                let poll = match attempt() {
                    Attempt::Done(result) => Poll::Ready(result),
                    Attempt::Wait => {
                        *state = State::Waiting;
                        return Poll::Pending;
                    }
                    Attempt::Busy => {
                        poll_again(cx.waker());
                        Poll::Pending
                    }
                };
                wait.set(None);
                return poll;
            }
            // Both a notification and a close mean: look again.
            *state = State::Told;
            wait.set(None);
            match attempt() {
                Attempt::Done(result) => {
                    *state = State::Away;
                    return Poll::Ready(result);
                }
                Attempt::Wait => *state = State::Away,
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
        if self.state == State::Told {
            self.queue.notify_one();
        }
    }
}
