//! The wait for the moment at which nothing is live.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use hyperia_wait::{Wait, WaitQueue};

use crate::ledger::Ledger;
use crate::tally::Tally;

/// Where it is seen whether anything is live.
#[derive(Clone, Copy)]
pub(crate) enum Book<'a> {
    Ledger(&'a Ledger),
    Tally(&'a Tally),
}

impl Book<'_> {
    fn enter(self) {
        if let Self::Ledger(ledger) = self {
            ledger.enter();
        }
    }

    fn leave(self) {
        if let Self::Ledger(ledger) = self {
            ledger.leave();
        }
    }

    /// Called between `enter` and `leave`.
    fn is_zero(self) -> bool {
        match self {
            Self::Ledger(ledger) => ledger.is_zero(),
            Self::Tally(tally) => tally.is_zero(),
        }
    }
}

/// The future of [`Tracked::drained`](crate::Tracked::drained) and [`Scope::drained`](crate::Scope::drained),
/// which say what it waits for and what dropping it does.
///
/// It may be polled from any thread and with a different waker each time; the last one is woken.
#[must_use = "futures do nothing unless polled"]
pub struct Drained<'a> {
    book: Book<'a>,
    /// Whether the book was entered and not left.
    entered: bool,
    /// Pinned with this. `None` once the output was returned.
    wait: Option<Wait<'a>>,
}

impl<'a> Drained<'a> {
    pub(crate) fn new(book: Book<'a>, queue: &'a WaitQueue) -> Self {
        Self {
            book,
            entered: false,
            wait: Some(queue.wait()),
        }
    }

    /// Returns whether the output was returned, so that this must not be polled again.
    pub fn is_terminated(&self) -> bool {
        self.wait.is_none()
    }
}

impl Future for Drained<'_> {
    type Output = ();

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: `wait` is pinned with `self`: it is polled and replaced through `Pin` only, and `drop`
        // does not move it. The other fields are not pinned.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above.
        let mut slot = unsafe { Pin::new_unchecked(&mut this.wait) };
        let wait = slot.as_mut().as_pin_mut();
        let wait = wait.expect("`Drained` polled again after it was ready");
        // Joins first, then looks: a free that makes zero meanwhile is seen, or it sees the wait. The queue
        // is never closed, so an answer is a notification.
        let is_notified = wait.poll(cx).is_ready();
        if !this.entered {
            this.entered = true;
            this.book.enter();
        }
        if !is_notified && !this.book.is_zero() {
            return Poll::Pending;
        }
        this.entered = false;
        this.book.leave();
        slot.set(None);
        Poll::Ready(())
    }
}

impl Drop for Drained<'_> {
    /// Gives up the wait.
    fn drop(&mut self) {
        if self.entered {
            self.book.leave();
        }
    }
}

impl fmt::Debug for Drained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drained")
            .field("is_terminated", &self.is_terminated())
            .finish_non_exhaustive()
    }
}
