//! The future that is really in a task's cell: the user's, with panics contained and its executor
//! told of it.
//!
//! # Invariants
//! 1. `future` never moves once polled: it is pinned with the cell.
//! 2. `key` is set exactly while the task stands in its executor's list of sleeping tasks. It is set
//!    and cleared on the executor's thread only, since only there is a task polled.
use crate::contained::{Outcome, Payload, contain, drop_contained};
use crate::shared::Shared;
use core::pin::Pin;
use core::task::{Context, Poll};

/// `SEND` says that `F` is `Send`: such a task may be dropped anywhere while it was never polled.
pub(crate) struct Tracked<'a, F, const SEND: bool> {
    /// Kept alive by the task's metadata, which stands in front of this future in the cell and goes after it.
    shared: &'a Shared,
    key: Option<usize>,
    future: Option<F>,
}

impl<'a, F: Future, const SEND: bool> Tracked<'a, F, SEND> {
    pub(crate) fn new(shared: &'a Shared, future: F) -> Self {
        Self {
            shared,
            key: None,
            future: Some(future),
        }
    }
}

impl<F: Future, const SEND: bool> Future for Tracked<'_, F, SEND> {
    type Output = Outcome<F::Output>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        debug_assert!(self.shared.is_owner());
        // SAFETY: `future` is the only field that cares: below it is re-pinned in place or dropped
        // in place, never moved (invariant 1). `Unpin` and `Drop` treat it the same way.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: a part of the pinned `self`, as above.
        let mut future = unsafe { Pin::new_unchecked(&mut this.future) };
        let mut value = None;
        let end = contain(|| {
            let running = future.as_mut().as_pin_mut();
            match running
                .expect("a task is not polled after its end")
                .poll(cx)
            {
                Poll::Pending => false,
                Poll::Ready(ready) => {
                    // Kept outside: should the destructor panic, it is dropped on its own.
                    value = Some(ready);
                    future.set(None);
                    true
                }
            }
        });
        match end {
            Ok(false) => {
                // From now on the task may lie idle, with no queue holding it: its executor must
                // find it when it is dropped itself.
                if this.key.is_none() {
                    this.key = Some(this.shared.enlist(cx.waker().clone()));
                }
                Poll::Pending
            }
            Ok(true) => Poll::Ready(Outcome::new(Ok(value.expect("set before the end")))),
            Err(payload) => {
                this.drop_future();
                drop_contained(value);
                Poll::Ready(Outcome::new(Err(payload)))
            }
        }
    }
}

impl<F, const SEND: bool> Tracked<'_, F, SEND> {
    /// Drops a future that did not come to its end; a panic of its destructor ends here, for nobody
    /// awaits it, or there was another panic before.
    #[cold]
    fn drop_future(&mut self) {
        // SAFETY: `self` is pinned for as long as it is polled or dropped, which is when this is
        // called, and assigning `None` drops what is there in place.
        let mut future = unsafe { Pin::new_unchecked(&mut self.future) };
        if let Err(payload) = contain(|| future.set(None)) {
            drop_contained::<Payload>(payload);
        }
    }
}

impl<F, const SEND: bool> Drop for Tracked<'_, F, SEND> {
    #[inline]
    fn drop(&mut self) {
        if self.future.is_some() {
            assert!(
                SEND || self.shared.is_owner(),
                "a task was dropped on another thread than its executor's"
            );
            // Cancelled.
            self.drop_future();
        }
        if let Some(key) = self.key.take() {
            self.shared.strike(key);
        }
    }
}
