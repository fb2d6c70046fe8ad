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
//! So either the attempt succeeds, or this one is seen in the line.

use core::pin::Pin;
use core::task::{Context, Poll, ready};

use hyperia_wait::{Wait, WaitQueue};

use crate::primitive::Ordering::*;
use crate::primitive::fence;

/// A place in a line, taken when an attempt has failed and given up when one has succeeded, or with the drop:
/// then a wake-up that it had got goes to the next one.
pub(crate) struct Line<'a> {
    queue: &'a WaitQueue,
    /// Pinned with the line.
    wait: Option<Wait<'a>>,
}

impl<'a> Line<'a> {
    #[inline]
    pub(crate) fn new(queue: &'a WaitQueue) -> Self {
        Self { queue, wait: None }
    }

    /// Whether it has joined.
    #[inline]
    pub(crate) fn is_waiting(&self) -> bool {
        self.wait.is_some()
    }

    /// Waits until `attempt`, which has just failed unless this [is waiting](Self::is_waiting), succeeds.
    pub(crate) fn poll<R>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut() -> Option<R>,
    ) -> Poll<R> {
        // SAFETY: `wait` is pinned with the line: it is reached through this pin only, and dropped in its place.
        // `queue` is not pinned.
        let (queue, mut wait) = unsafe {
            let this = self.get_unchecked_mut();
            (this.queue, Pin::new_unchecked(&mut this.wait))
        };
        loop {
            if let Some(wait) = wait.as_mut().as_pin_mut() {
                // Both a notification and a close mean: look again.
                let _ = ready!(wait.poll(cx));
            } else {
                wait.set(Some(queue.wait()));
                let joined = wait
                    .as_mut()
                    .as_pin_mut()
                    .is_some_and(|wait| wait.poll(cx).is_pending());
                if joined {
                    // ORDERING: the line before what `attempt` looks at; the other side has its fence between what
                    // it gives and its look at the line.
                    fence(SeqCst);
                    let Some(result) = attempt() else {
                        return Poll::Pending;
                    };
                    wait.set(None);
                    return Poll::Ready(result);
                }
            }
            wait.set(None);
            if let Some(result) = attempt() {
                return Poll::Ready(result);
            }
        }
    }
}
