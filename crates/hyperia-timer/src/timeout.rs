//! A future with a deadline.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::FusedFuture;
use std::io;

use crate::bound::{Bound, Shared};
use crate::sleep::Sleep;

/// The deadline came before the future completed.
///
/// (Waiting with a thread has an error of the same name, in hyperia-wait.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadline has elapsed")
    }
}

impl core::error::Error for Elapsed {}

impl From<Elapsed> for io::Error {
    /// An error of kind [`TimedOut`](io::ErrorKind::TimedOut).
    fn from(elapsed: Elapsed) -> Self {
        Self::new(io::ErrorKind::TimedOut, elapsed)
    }
}

/// Runs a future against a deadline. Made by [`Timers::timeout`](crate::Timers::timeout) and
/// [`Timers::timeout_at`](crate::Timers::timeout_at).
///
/// The future is polled first: if it is ready in the same poll in which the deadline is met, its
/// output wins; and while it is ready at once, no clock is read.
///
/// # Errors
///
/// Resolves to [`Elapsed`] if the deadline comes first. The future is then still there:
/// [`get_pin_mut`](Self::get_pin_mut). The timeout stays pending, until its sleep is reset to another
/// deadline; then it goes on. (A future that is to outlive its timeout is lent to it:
/// `timers.timeout(duration, future.as_mut())`.)
///
/// It is `Send` and `Sync` if the future and `Timers<B>` are.
///
/// # Cancel safety
///
/// Dropping it drops the future and the sleep, no more.
#[must_use = "futures do nothing unless polled"]
#[derive(Debug)]
pub struct Timeout<'a, F, B: Bound = Shared> {
    /// Pinned with the timeout.
    future: F,
    /// Pinned with the timeout.
    sleep: Sleep<'a, B>,
    /// The future has completed.
    done: bool,
}

impl<'a, F, B: Bound> Timeout<'a, F, B> {
    #[inline]
    pub(crate) fn new(sleep: Sleep<'a, B>, future: F) -> Self {
        Self {
            future,
            sleep,
            done: false,
        }
    }

    /// Makes the timeout independent of the handle that it was made with: see [`Sleep::into_owned`].
    pub fn into_owned(self) -> Timeout<'static, F, B> {
        Timeout {
            future: self.future,
            sleep: self.sleep.into_owned(),
            done: self.done,
        }
    }

    /// Returns the future inside.
    pub const fn get_ref(&self) -> &F {
        &self.future
    }

    /// Returns the future inside, pinned.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut F> {
        self.project().0
    }

    /// Returns the sleep that is the deadline.
    pub const fn sleep(&self) -> &Sleep<'a, B> {
        &self.sleep
    }

    /// Returns the sleep that is the deadline, pinned: to reset it, also after [`Elapsed`].
    pub fn sleep_pin_mut(self: Pin<&mut Self>) -> Pin<&mut Sleep<'a, B>> {
        self.project().1
    }

    #[inline]
    fn project(self: Pin<&mut Self>) -> (Pin<&mut F>, Pin<&mut Sleep<'a, B>>, &mut bool) {
        // SAFETY: `future` and `sleep` are structurally pinned: nothing moves them out of a pinned
        // timeout, which has no `Drop` of its own and is `Unpin` only if they are. `done` is not
        // pinned.
        unsafe {
            let this = self.get_unchecked_mut();
            (
                Pin::new_unchecked(&mut this.future),
                Pin::new_unchecked(&mut this.sleep),
                &mut this.done,
            )
        }
    }
}

impl<F: Future, B: Bound> Future for Timeout<'_, F, B> {
    type Output = Result<F::Output, Elapsed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.is_terminated() {
            return Poll::Pending;
        }
        let (future, sleep, done) = self.project();
        match future.poll(cx) {
            Poll::Ready(output) => {
                *done = true;
                Poll::Ready(Ok(output))
            }
            Poll::Pending => sleep.poll(cx).map(|()| Err(Elapsed)),
        }
    }
}

impl<F: Future, B: Bound> FusedFuture for Timeout<'_, F, B> {
    /// Whether it has resolved. Polling it then is harmless: it stays pending, after [`Elapsed`] until the
    /// sleep is reset.
    fn is_terminated(&self) -> bool {
        self.done || self.sleep.is_terminated()
    }
}
