//! What the channels have in common: their errors, and how one waits for room or for a value.

mod alone;
mod error;
mod line;
mod mailbox;

use core::task::Waker;

use hyperia_wait::Backoff;

pub(crate) use self::alone::{Alone, Borrowed, poll_alone};
pub use self::error::{RecvError, SendError, SendTimeoutError, TryRecvError, TrySendError};
pub(crate) use self::line::Line;
pub(crate) use self::mailbox::Mailbox;

/// Has the task polled again, for another thread is in the middle of what it waits for.
#[cold]
fn poll_again(waker: &Waker) {
    // Waits for that thread's few instructions; if it is stopped there, the executor goes on with other tasks.
    Backoff::new().wait();
    waker.wake_by_ref();
}

/// What came of an attempt.
pub(crate) enum Attempt<R> {
    /// It succeeded, or will never succeed.
    Done(R),
    /// It failed, and whoever changes that sees who waits.
    Wait,
    /// It failed because another thread is in the middle of an operation, and may not have seen who waits: to be polled
    /// again, instead.
    Busy,
}
