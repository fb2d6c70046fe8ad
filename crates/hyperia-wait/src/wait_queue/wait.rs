//! One wait.

use core::error::Error;
use core::fmt;
use core::future::Future;
use core::marker::PhantomPinned;
use core::mem;
use core::mem::MaybeUninit;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use super::node::Node;
use super::{CLOSED, TOKEN, WaitQueue};
use crate::backoff::Backoff;
use crate::list;
use crate::primitive::Ordering::*;

/// Not polled yet: in no list.
const INIT: u32 = 0;
/// Linked, and the node holds a waker.
pub(super) const WAITING: u32 = 1;
/// Notified by `notify_one` or `notify_many`: has something to pass on.
pub(super) const NOTIFIED_ONE: u32 = 2;
/// Notified by `notify_all`.
pub(super) const NOTIFIED_ALL: u32 = 3;
/// Notified by `close`.
pub(super) const CLOSED_BY: u32 = 4;
/// The output was returned.
const DONE: u32 = 5;

/// The queue was closed: nobody will notify.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue was closed")
    }
}

impl Error for Closed {}

/// The future of [`WaitQueue::wait`], which says what it does and what dropping it does.
///
/// It may be polled from any thread and with a different waker each time; the last one is woken.
#[must_use = "futures do nothing unless polled"]
pub struct Wait<'a> {
    queue: &'a WaitQueue,
    node: Node,
    /// The list points at `node`.
    _pinned: PhantomPinned,
}

// SAFETY: what other threads reach of the node is guarded by the lock or by `status` (see `Node`), and
// what it holds, a waker, may be used and dropped anywhere.
unsafe impl Send for Wait<'_> {}
// SAFETY: `&Wait` gives access to `status` only, which is atomic.
unsafe impl Sync for Wait<'_> {}

impl<'a> Wait<'a> {
    pub(super) fn new(queue: &'a WaitQueue) -> Self {
        Self {
            queue,
            node: Node::new(INIT),
            _pinned: PhantomPinned,
        }
    }

    /// Returns the queue that it waits in.
    pub fn queue(&self) -> &'a WaitQueue {
        self.queue
    }

    /// Returns whether the output was returned, so that this must not be polled again.
    ///
    /// (`FusedFuture` for those who wrap this: the crate itself depends on nothing.)
    pub fn is_terminated(&self) -> bool {
        // ORDERING: `DONE` is written by the owner, who is the only one to ask.
        self.node.status.load(Relaxed) == DONE
    }

    /// The first poll: takes a token, or joins the queue.
    fn start(&self, waker: &Waker) -> Poll<Result<(), Closed>> {
        let mut backoff = Backoff::new();
        let mut spare = None;
        // ORDERING: Acquire pairs with the unlock of `close`, whose caller's writes are seen then.
        let mut state = self.queue.state.load(Acquire);
        loop {
            if state & CLOSED != 0 {
                return self.done(Err(Closed));
            }
            if state == TOKEN {
                // ORDERING: Acquire pairs with the Release of the `notify_one`s that stored the token; on
                // failure as for the load above.
                if let Err(seen) = self
                    .queue
                    .state
                    .compare_exchange(TOKEN, 0, Acquire, Acquire)
                {
                    state = seen;
                    continue;
                }
                // ORDERING: the node is in no list: the owner's alone. If dropping the spare panics, this
                // lets `drop` pass the token on.
                self.node.status.store(NOTIFIED_ONE, Relaxed);
                drop(spare);
                return self.done(Ok(()));
            }
            // User code, so it runs before the lock is taken.
            let own = spare.take().unwrap_or_else(|| waker.clone());
            match self.queue.try_lock(state, &mut backoff) {
                Ok(mut locked) => {
                    // SAFETY: the node is in no list yet, so it is this thread's alone.
                    self.node
                        .waker
                        .with_mut(|slot| unsafe { *slot = MaybeUninit::new(own) });
                    // ORDERING: published by the unlock.
                    self.node.status.store(WAITING, Relaxed);
                    // SAFETY: the lock is held, the nodes in the list are alive (invariant 2); this one is
                    // in no list, and pinned until `drop` has removed it.
                    unsafe { list::push_back(&mut locked.head, &raw const self.node) };
                    return Poll::Pending;
                }
                Err(seen) => {
                    state = seen;
                    spare = Some(own);
                }
            }
        }
    }

    /// A later poll that found no notification: keeps the waker up to date.
    fn resume(&self, waker: &Waker) -> Poll<Result<(), Closed>> {
        // SAFETY: the slot was written before the node was linked, and only this owner writes it. A
        // notifier may have moved the waker out: then these are the bits of a waker that is about to be
        // woken, and `will_wake` looks at nothing but these bits.
        let same = self
            .node
            .waker
            .with(|slot| unsafe { (*slot).assume_init_ref().will_wake(waker) });
        if same {
            return Poll::Pending;
        }
        // User code, so it runs before the lock is taken.
        let new = waker.clone();
        let locked = self.queue.lock();
        // ORDERING: a notifier stores with the lock held, so taking the lock was the Acquire.
        let status = self.node.status.load(Relaxed);
        if status != WAITING {
            drop(locked);
            return self.finish(status);
        }
        // SAFETY: the lock is held and the node still waits, so it owns the old waker (invariant 3).
        let old = self.node.waker.with_mut(|slot| unsafe {
            mem::replace(&mut *slot, MaybeUninit::new(new)).assume_init()
        });
        drop(locked);
        drop(old);
        Poll::Pending
    }

    /// A poll that does not find a token at once.
    fn poll_further(&self, waker: &Waker) -> Poll<Result<(), Closed>> {
        // ORDERING: Acquire pairs with the Release in `notify`: the notifier's condition is seen, and it
        // is done with the node.
        match self.node.status.load(Acquire) {
            INIT => self.start(waker),
            DONE => panic!("`Wait` polled again after it was ready"),
            WAITING => self.resume(waker),
            status => self.finish(status),
        }
    }

    fn finish(&self, status: u32) -> Poll<Result<(), Closed>> {
        self.done(if status == CLOSED_BY {
            Err(Closed)
        } else {
            Ok(())
        })
    }

    /// What `drop` does if the queue may know of this.
    fn leave(&self) {
        // ORDERING: Acquire pairs with the Release in `notify`: it is done with the node, and what it
        // published reaches whoever the notification is passed on to.
        let mut status = self.node.status.load(Acquire);
        if status == WAITING {
            let mut locked = self.queue.lock();
            // ORDERING: a notifier stores with the lock held, and this thread has it now: whatever is to be
            // passed on, and that the notifier is done, came with the lock.
            status = self.node.status.load(Relaxed);
            if status == WAITING {
                // SAFETY: the lock is held; a node that waits is linked, in the list of the queue or in
                // the circle of a mark, and its neighbours are alive (invariant 2).
                unsafe { list::remove(&mut locked.head, &raw const self.node) };
                drop(locked);
                // SAFETY: a node that waits owns its waker (invariant 3), and it can no longer be found.
                drop(
                    self.node
                        .waker
                        .with(|slot| unsafe { (*slot).assume_init_read() }),
                );
                return;
            }
        }
        if status == NOTIFIED_ONE {
            self.queue.notify_one();
        }
    }

    #[inline]
    fn done(&self, output: Result<(), Closed>) -> Poll<Result<(), Closed>> {
        // ORDERING: the node is in no list: the owner's alone.
        self.node.status.store(DONE, Relaxed);
        Poll::Ready(output)
    }
}

impl Future for Wait<'_> {
    type Output = Result<(), Closed>;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Everything in here is reached through shared references, since others may look at it.
        let this = self.as_ref().get_ref();
        // ORDERING: `INIT` is the owner's own.
        if this.node.status.load(Relaxed) == INIT && this.queue.take_token() {
            return this.done(Ok(()));
        }
        this.poll_further(cx.waker())
    }
}

impl Drop for Wait<'_> {
    /// Leaves the queue. A notification that was not seen yet is passed on.
    #[inline]
    fn drop(&mut self) {
        // ORDERING: these two are the owner's own; others are looked at again.
        if !matches!(self.node.status.load(Relaxed), INIT | DONE) {
            self.leave();
        }
    }
}

impl fmt::Debug for Wait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait")
            .field("is_terminated", &self.is_terminated())
            .finish_non_exhaustive()
    }
}
