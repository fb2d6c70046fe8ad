//! A future that completes at a deadline. States, invariants and orderings stand in the module
//! `node`.

use alloc::sync::Arc;
use core::fmt;
use core::marker::PhantomPinned;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use futures_core::FusedFuture;

use crate::node::{AFTER, AT, DONE, FIRED, LINKED, Link, Node};
use crate::time::{duration, nanos};
use crate::timers::Shared;

/// Completes at a deadline. Made by [`Timers::sleep`](crate::Timers::sleep) and
/// [`Timers::sleep_until`](crate::Timers::sleep_until).
///
/// Never early. How late depends on the driver alone; the deadline itself is exact to the
/// nanosecond. Of several tasks that poll it, the last one is woken.
///
/// Resetting one sleep again and again is the cheapest way to watch for idleness: see
/// [`reset`](Self::reset).
///
/// # Cancel safety
///
/// Dropping it leaves nothing behind. If it was never pending or has completed, that takes no lock.
///
/// # Complexity
///
/// 64 bytes, no allocation.
#[must_use = "futures do nothing unless polled"]
pub struct Sleep {
    shared: Arc<Shared>,
    node: Node,
    _pinned: PhantomPinned,
}

// SAFETY: the parts of a node that are not atomic are the owner's, or the lock holder's while
// `LINKED` (invariant 1 of `node`); the links point to nodes that are reached only under the lock.
// The waker and `Shared` are `Send`.
unsafe impl Send for Sleep {}
// SAFETY: through a shared reference only the atomics and `shared`, which is `Sync`, are reached:
// everything else needs the sleep pinned and borrowed exclusively, or the drop.
unsafe impl Sync for Sleep {}

impl Sleep {
    #[inline]
    pub(crate) fn after(shared: Arc<Shared>, nanos: u64) -> Self {
        Self {
            shared,
            node: Node::new(AFTER, nanos),
            _pinned: PhantomPinned,
        }
    }

    #[inline]
    pub(crate) fn at(shared: Arc<Shared>, deadline: u64) -> Self {
        Self {
            shared,
            node: Node::new(AT, deadline),
            _pinned: PhantomPinned,
        }
    }

    /// Returns the deadline as the clock's time; `Duration::MAX` is never.
    ///
    /// `None` before the first poll of a [`Timers::sleep`](crate::Timers::sleep), which sets it.
    pub fn deadline(&self) -> Option<Duration> {
        match self.node.state_locked() {
            AFTER => None,
            _ => Some(duration(self.node.deadline())),
        }
    }

    /// Gives the sleep another deadline, whether it has completed or not.
    ///
    /// If it is pending, it stays so, and the task that polled it last is woken at the new
    /// deadline, with one exception: if the old deadline was just met, the task is woken for that,
    /// and the poll that follows finds the new one. If it had completed, poll it again.
    ///
    /// # Complexity
    ///
    /// To a later deadline: one store. To an earlier one: takes the lock, and may ring the driver.
    pub fn reset(self: Pin<&mut Self>, deadline: Duration) {
        let this = self.into_ref().get_ref();
        let deadline = nanos(deadline);
        if this.node.state() == LINKED {
            if deadline >= this.node.deadline() {
                // The driver finds out when it comes to the old one.
                this.node.set_deadline(deadline);
                return;
            }
            let mut inner = this.shared.lock();
            if this.node.state_locked() == LINKED {
                // SAFETY: the node lies in `self`, which is pinned, and it is `LINKED`.
                let link = unsafe { Link::new(&this.node) };
                inner.remove(link);
                this.node.set_deadline(deadline);
                let ring = inner.insert(link, deadline);
                drop(inner);
                if ring {
                    this.shared.ring();
                }
                return;
            }
        }
        this.node.set_deadline(deadline);
        this.node.set_state(AT);
    }

    /// Polls a node that is not `LINKED`, at the clock's time.
    fn poll_at(&self, cx: &mut Context<'_>, now: u64) -> Poll<()> {
        let deadline = self.node.deadline();
        if deadline <= now {
            self.node.set_state(DONE);
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        // SAFETY: the caller is the owner, and the node is not `LINKED`.
        let old = unsafe { self.node.replace_waker(Some(waker)) };
        debug_assert!(old.is_none(), "only a registered sleep has a waker");
        let mut inner = self.shared.lock();
        self.node.set_state(LINKED);
        // SAFETY: the owner is being polled, so it is pinned, and the state is `LINKED`.
        let ring = inner.insert(unsafe { Link::new(&self.node) }, deadline);
        drop(inner);
        if ring {
            self.shared.ring();
        }
        Poll::Pending
    }

    /// Polls a node that was `LINKED` a moment ago: registers the waker, unless the driver was
    /// faster. Returns whether it is still waiting.
    fn register(&self, cx: &Context<'_>) -> bool {
        let inner = self.shared.lock();
        // SAFETY: the lock is held. (If the driver was faster, there is no waker any more.)
        if unsafe { self.node.will_wake(cx.waker()) } {
            return true;
        }
        drop(inner);
        let waker = cx.waker().clone();
        let inner = self.shared.lock();
        if self.node.state_locked() != LINKED {
            // The new waker is dropped after the lock, like the old one below.
            drop(inner);
            return false;
        }
        // SAFETY: the lock is held.
        let old = unsafe { self.node.replace_waker(Some(waker)) };
        drop(inner);
        drop(old);
        true
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.into_ref().get_ref();
        match this.node.state() {
            AFTER => {
                let length = this.node.deadline();
                let now = if length == 0 { 0 } else { this.shared.now() };
                this.node.set_deadline(now.saturating_add(length));
                this.node.set_state(AT);
                this.poll_at(cx, now)
            }
            AT => this.poll_at(cx, this.shared.now()),
            LINKED if this.register(cx) => Poll::Pending,
            DONE => Poll::Pending,
            fired => {
                debug_assert!(fired == FIRED || fired == LINKED);
                // SAFETY: the state was `FIRED`, or `register` has found it so under the lock.
                let fired_at = unsafe { this.node.fired_at() };
                this.node.set_state(AT);
                if this.node.deadline() <= fired_at {
                    return this.poll_at(cx, fired_at);
                }
                // Reset to later while the driver was at it.
                this.poll_at(cx, this.shared.now())
            }
        }
    }
}

impl FusedFuture for Sleep {
    /// Whether the sleep has completed. Polling it then is harmless: it stays pending until it is
    /// reset.
    fn is_terminated(&self) -> bool {
        self.node.state_locked() == DONE
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if self.node.state() != LINKED {
            return;
        }
        let mut inner = self.shared.lock();
        // If the driver was faster, the node is detached and without a waker: nothing happens here.
        // SAFETY: a node that was `LINKED` is pinned; the link is used under the lock only, and
        // forgotten.
        inner.remove(unsafe { Link::new(&self.node) });
        // SAFETY: the lock is held.
        let waker = unsafe { self.node.replace_waker(None) };
        drop(inner);
        drop(waker);
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.node.state_locked() {
            AFTER | AT => "unregistered",
            LINKED => "waiting",
            FIRED => "due",
            _ => "completed",
        };
        f.debug_struct("Sleep")
            .field("deadline", &self.deadline())
            .field("state", &state)
            .finish()
    }
}
