//! An event that lets one waiter pass per `set`.
//!
//! A [`WaitQueue`] under the names of an event: its stored token is the set state. States, orderings and
//! progress are those of the queue, and stand there.
//!
//! # Cancel safety
//! A `set` given to a wait that is dropped before it saw it goes to the next one, or stays set.
//!
//! # Cost
//! | | bytes | allocations | locked instructions |
//! |---|---|---|---|
//! | the event; a wait | 16; 48 | 0 | |
//! | `set` | | 0 | 1, and what the waker does |
//! | `wait` while set; `try_wait`, `reset` | | 0 | 1; 1 (0 if not set) |
//! | `wait` that has to; dropping it early | | 0 | 1; 1 |

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::FusedFuture;
use hyperia_wait::{Wait, WaitQueue};

/// Lets one waiter pass per [`set`](Self::set), first in, first out; then it is unset again.
///
/// If nobody waits it stays set, once, until the next [`wait`](Self::wait) takes it: sets do not add up.
/// To count them, use a semaphore; to let everybody pass, a manual-reset event.
///
/// # Examples
///
/// ```
/// use hyperia_sync::AutoResetEvent;
/// use hyperia_wait::Block;
///
/// let event = AutoResetEvent::new();
/// std::thread::scope(|scope| {
///     scope.spawn(|| event.wait().block());
///     event.set();
/// });
/// assert!(!event.try_wait()); // the wait has reset it
/// ```
#[derive(Default)]
pub struct AutoResetEvent {
    queue: WaitQueue,
}

impl AutoResetEvent {
    /// Creates an event that is not set.
    #[cfg(not(hyperia_loom))]
    pub const fn new() -> Self {
        Self {
            queue: WaitQueue::new(),
        }
    }

    /// Creates an event that is not set.
    #[cfg(hyperia_loom)]
    pub fn new() -> Self {
        Self {
            queue: WaitQueue::new(),
        }
    }

    /// Lets the one who waits longest pass; if nobody waits, the next who comes.
    ///
    /// Whoever passes sees what the caller did before.
    ///
    /// # Panics
    ///
    /// If the waker does; the waiter may pass all the same.
    ///
    /// # Complexity
    ///
    /// O(1); one locked instruction, besides the waker.
    pub fn set(&self) {
        self.queue.notify_one();
    }

    /// Passes if the event is set, and resets it. Returns whether it was.
    pub fn try_wait(&self) -> bool {
        self.queue.try_wait()
    }

    /// Makes the event unset; waiters go on waiting. Returns whether it was set.
    ///
    /// A waiter that was let pass but has not been polled since is not called back.
    pub fn reset(&self) -> bool {
        self.queue.try_wait()
    }

    /// Waits for a [`set`](Self::set) and resets the event.
    ///
    /// The future joins the waiters at its first poll, at the end.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its place. A `set` that it was given and had not seen goes to the next
    /// waiter, or the event stays set. Forgetting the future instead swallows that `set`.
    pub fn wait(&self) -> AutoResetWait<'_> {
        AutoResetWait {
            wait: self.queue.wait(),
        }
    }
}

impl fmt::Debug for AutoResetEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AutoResetEvent").finish_non_exhaustive()
    }
}

/// The future of [`AutoResetEvent::wait`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct AutoResetWait<'a> {
    /// Pinned with the whole.
    wait: Wait<'a>,
}

impl Future for AutoResetWait<'_> {
    type Output = ();

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: `wait` is pinned with the whole: nothing here moves it out, there is no `Drop`, and
        // `AutoResetWait` is `Unpin` only if `Wait` is.
        let wait = unsafe { self.map_unchecked_mut(|this| &mut this.wait) };
        // The queue is never closed, so the output is always `Ok`.
        wait.poll(cx).map(|_| ())
    }
}

impl FusedFuture for AutoResetWait<'_> {
    fn is_terminated(&self) -> bool {
        self.wait.is_terminated()
    }
}
