//! A future with a deadline.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::FusedFuture;

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

/// Runs a future against a deadline. Made by [`Timers::timeout`](crate::Timers::timeout) and
/// [`Timers::timeout_at`](crate::Timers::timeout_at).
///
/// The future is polled first: if it is ready in the same poll in which the deadline is met, its
/// output wins; and while it is ready at once, no clock is read.
///
/// # Errors
///
/// Resolves to [`Elapsed`] if the deadline comes first. The future is then still there:
/// [`get_pin_mut`](Self::get_pin_mut).
///
/// # Cancel safety
///
/// Dropping it drops the future and the sleep, no more.
#[must_use = "futures do nothing unless polled"]
#[derive(Debug)]
pub struct Timeout<F> {
    /// Pinned with the timeout.
    future: F,
    /// Pinned with the timeout.
    sleep: Sleep,
    done: bool,
}

impl<F> Timeout<F> {
    #[inline]
    pub(crate) fn new(sleep: Sleep, future: F) -> Self {
        Self {
            future,
            sleep,
            done: false,
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
    pub const fn sleep(&self) -> &Sleep {
        &self.sleep
    }

    /// Returns the sleep that is the deadline, pinned: to reset it.
    pub fn sleep_pin_mut(self: Pin<&mut Self>) -> Pin<&mut Sleep> {
        self.project().1
    }

    #[inline]
    fn project(self: Pin<&mut Self>) -> (Pin<&mut F>, Pin<&mut Sleep>, &mut bool) {
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

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (future, sleep, done) = self.project();
        if *done {
            return Poll::Pending;
        }
        let output = match future.poll(cx) {
            Poll::Ready(output) => Ok(output),
            Poll::Pending => match sleep.poll(cx) {
                Poll::Ready(()) => Err(Elapsed),
                Poll::Pending => return Poll::Pending,
            },
        };
        *done = true;
        Poll::Ready(output)
    }
}

impl<F: Future> FusedFuture for Timeout<F> {
    /// Whether it has resolved. Polling it then is harmless: it stays pending.
    fn is_terminated(&self) -> bool {
        self.done
    }
}
