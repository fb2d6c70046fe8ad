//! The first of two futures, with the other one kept alive.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

/// Which of two came first, with what it brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Either<A, B> {
    /// The first one.
    Left(A),
    /// The second one.
    Right(B),
}

/// Waits for the first of two futures and hands the other one back, still alive: nothing it has already
/// taken is lost, and it keeps its place in any queue.
///
/// If both are ready, `a` wins. A future that cannot be moved is pinned first, with `pin!` or `Box::pin`: the one
/// to be kept in a `let` of its own, since a `pin!` among the arguments ends with the statement. In a loop pass
/// `stop.as_mut()` each time, and do nothing with the loser that comes back.
///
/// # Examples
///
/// ```
/// use hyperia_wait::{Either, WaitQueue, block_on, race};
/// use std::pin::pin;
///
/// let (data, stop) = (WaitQueue::new(), WaitQueue::new());
/// data.notify_one();
/// let (data_wait, stop_wait) = (pin!(data.wait()), pin!(stop.wait()));
/// let Either::Left((Ok(()), stop_wait)) = block_on(race(data_wait, stop_wait)) else {
///     unreachable!("nobody has stopped it");
/// };
/// stop.notify_one();
/// assert_eq!(block_on(stop_wait), Ok(()));
/// ```
///
/// # Cancel safety
///
/// Dropping the race drops both futures.
pub fn race<A, B>(a: A, b: B) -> Race<A, B>
where
    A: Future + Unpin,
    B: Future + Unpin,
{
    Race { both: Some((a, b)) }
}

/// The future of [`race`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Race<A, B> {
    /// `None` once one of them has won.
    both: Option<(A, B)>,
}

impl<A, B> Race<A, B> {
    /// Returns whether the winner was handed out, so that this must not be polled again.
    pub const fn is_terminated(&self) -> bool {
        self.both.is_none()
    }
}

impl<A, B> Future for Race<A, B>
where
    A: Future + Unpin,
    B: Future + Unpin,
{
    type Output = Either<(A::Output, B), (B::Output, A)>;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let (a, b) = this
            .both
            .as_mut()
            .expect("`Race` polled again after it was ready");
        if let Poll::Ready(output) = Pin::new(a).poll(cx) {
            let (_, b) = this.both.take().expect("seen above");
            return Poll::Ready(Either::Left((output, b)));
        }
        if let Poll::Ready(output) = Pin::new(b).poll(cx) {
            let (a, _) = this.both.take().expect("seen above");
            return Poll::Ready(Either::Right((output, a)));
        }
        Poll::Pending
    }
}
