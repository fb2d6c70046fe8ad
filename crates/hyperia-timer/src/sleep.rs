//! A future that completes at a deadline. States, invariants and orderings stand in the module
//! `node`.

use core::fmt;
use core::marker::{PhantomData, PhantomPinned};
use core::mem::ManuallyDrop;
use core::pin::Pin;
use core::ptr;
use core::task::{Context, Poll};
use core::time::Duration;

use futures_core::FusedFuture;

use crate::bound::{Bound, Shared};
use crate::hub::Hub;
use crate::node::{AFTER, AT, DONE, FIRED, LINKED, Link, Node};
use crate::time::{duration, nanos};
use crate::timers::Timers;

/// Completes at a deadline. Made by [`Timers::sleep`](crate::Timers::sleep) and
/// [`Timers::sleep_until`](crate::Timers::sleep_until).
///
/// It borrows the handle that it was made with; [`into_owned`](Self::into_owned) ends that, for a struct
/// that holds a `Pin<Box<Sleep<'static>>>` for example. It is `Send` and `Sync` if `Timers<B>` is.
///
/// Never early. How late depends on the driver alone; the deadline itself is exact to the
/// nanosecond. Once it is pending, it is completed by the driver, not by the clock: polling it after its
/// deadline does not do that. Of several tasks that poll it, the last one is woken. Once it has
/// completed it stays pending until it is reset, so that a loop that selects does not spin.
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
pub struct Sleep<'a, B: Bound = Shared> {
    /// A copy of the borrowed handle's, which does not count; or one that counts, if `node.owned`.
    hub: ManuallyDrop<B::Handle>,
    node: Node,
    _timers: PhantomData<&'a Timers<B>>,
    _pinned: PhantomPinned,
}

// SAFETY: the parts of a node that are not atomic are the owner's, or the lock holder's while
// `LINKED` (invariant 1 of `node`); the links point to nodes that are reached only under the lock.
// The waker is `Send`, and so is the handle that is inside of `Timers<B>`.
unsafe impl<B: Bound> Send for Sleep<'_, B> where Timers<B>: Send + Sync {}
// SAFETY: through a shared reference only the atomics and the hub are reached, which is as `Sync` as `Timers<B>`:
// everything else needs the sleep pinned and borrowed exclusively, or the drop.
unsafe impl<B: Bound> Sync for Sleep<'_, B> where Timers<B>: Send + Sync {}

impl<'a, B: Bound> Sleep<'a, B> {
    /// A sleep in state `AFTER` or `AT`.
    #[inline]
    pub(crate) fn new(handle: &'a B::Handle, state: u32, nanos: u64) -> Self {
        // SAFETY: the copy is never dropped, since the sleep does not own it, and only borrowed until
        // `'a` ends, for which the original is borrowed.
        let hub = ManuallyDrop::new(unsafe { ptr::read(handle) });
        Self {
            hub,
            node: Node::new(state, nanos),
            _timers: PhantomData,
            _pinned: PhantomPinned,
        }
    }

    /// Makes the sleep independent of the handle that it was made with, as
    /// [`Cow::into_owned`](std::borrow::Cow::into_owned) does: for structs and tasks that cannot borrow.
    ///
    /// It comes first: a sleep that is pinned cannot be taken by value any more.
    ///
    /// # Complexity
    ///
    /// Counts as one more handle: an atomic increment here, and a decrement when it is dropped.
    pub fn into_owned(self) -> Sleep<'static, B> {
        let hub = B::Handle::clone(&self.hub);
        // It has not been pinned, so it was not polled either.
        let mut node = Node::new(self.node.state_locked(), self.node.deadline());
        node.owned = true;
        Sleep {
            hub: ManuallyDrop::new(hub),
            node,
            _timers: PhantomData,
            _pinned: PhantomPinned,
        }
    }

    #[inline]
    pub(crate) fn hub(&self) -> &Hub<B> {
        &self.hub
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

    /// Gives the sleep another deadline, a time of the clock, whether it has completed or not.
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
            let mut inner = this.hub.lock();
            if this.node.state_locked() == LINKED {
                // SAFETY: the node lies in `self`, which is pinned, and it is `LINKED`.
                let link = unsafe { Link::new(&this.node) };
                inner.remove(link);
                this.node.set_deadline(deadline);
                let ring = inner.insert(link, deadline);
                drop(inner);
                if ring {
                    this.hub.ring();
                }
                return;
            }
        }
        this.node.set_deadline(deadline);
        this.node.set_state(AT);
    }

    /// Gives the sleep the deadline `length` from now, as [`reset`](Self::reset) does; `Duration::MAX` is
    /// never.
    ///
    /// # Complexity
    ///
    /// That of `reset`, and a look at the clock.
    pub fn reset_after(self: Pin<&mut Self>, length: Duration) {
        let deadline = self.hub.now().saturating_add(nanos(length));
        self.reset(duration(deadline));
    }

    /// Polls a node that is not `LINKED`, at the clock's time.
    #[inline]
    fn poll_at(&self, cx: &mut Context<'_>, now: u64) -> Poll<()> {
        let deadline = self.node.deadline();
        if deadline <= now {
            self.node.set_state(DONE);
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        // SAFETY: the caller is the owner, and the node is not `LINKED`, so it has no waker.
        unsafe { self.node.set_waker(waker) };
        let mut inner = self.hub.lock();
        self.node.set_state(LINKED);
        // SAFETY: the owner is being polled, so it is pinned, and the state is `LINKED`.
        let ring = inner.insert(unsafe { Link::new(&self.node) }, deadline);
        drop(inner);
        if ring {
            self.hub.ring();
        }
        Poll::Pending
    }

    /// Polls a node that was `LINKED` a moment ago: registers the waker, unless the driver was
    /// faster. Returns whether it is still waiting.
    fn register(&self, cx: &Context<'_>) -> bool {
        let inner = self.hub.lock();
        // SAFETY: the lock is held. (If the driver was faster, there is no waker any more.)
        if unsafe { self.node.will_wake(cx.waker()) } {
            return true;
        }
        drop(inner);
        let waker = cx.waker().clone();
        let inner = self.hub.lock();
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

impl<B: Bound> Future for Sleep<'_, B> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.into_ref().get_ref();
        let now = match this.node.state() {
            AFTER => {
                let length = this.node.deadline();
                let now = if length == 0 { 0 } else { this.hub.now() };
                this.node.set_deadline(now.saturating_add(length));
                this.node.set_state(AT);
                now
            }
            AT => this.hub.now(),
            LINKED if this.register(cx) => return Poll::Pending,
            DONE => return Poll::Pending,
            fired => {
                debug_assert!(fired == FIRED || fired == LINKED);
                // SAFETY: the state was `FIRED`, or `register` has found it so under the lock.
                let fired_at = unsafe { this.node.fired_at() };
                if this.node.deadline() <= fired_at {
                    fired_at
                } else {
                    // Reset to later while the driver was at it.
                    this.hub.now()
                }
            }
        };
        this.poll_at(cx, now)
    }
}

impl<B: Bound> FusedFuture for Sleep<'_, B> {
    /// Whether the sleep has completed. Polling it then is harmless: it stays pending until it is
    /// reset.
    fn is_terminated(&self) -> bool {
        self.node.state_locked() == DONE
    }
}

impl<B: Bound> Sleep<'_, B> {
    /// The drop of a sleep that has something to give back.
    #[inline(never)]
    fn give_back(&mut self) {
        let mut waker = None;
        if self.node.state() == LINKED {
            let mut inner = self.hub.lock();
            // If the driver was faster, the node is in no slot, and without a waker.
            if self.node.state_locked() == LINKED {
                // SAFETY: a node that was `LINKED` is pinned; the link is used under the lock only, and
                // forgotten.
                inner.remove(unsafe { Link::new(&self.node) });
            }
            // SAFETY: the lock is held.
            waker = unsafe { self.node.replace_waker(None) };
        }
        if self.node.owned {
            // SAFETY: the sleep owns it, and does not use it any more.
            unsafe { ManuallyDrop::drop(&mut self.hub) };
        }
        // Last, since its drop may panic.
        drop(waker);
    }
}

impl<B: Bound> Drop for Sleep<'_, B> {
    #[inline]
    fn drop(&mut self) {
        if self.node.state() == LINKED || self.node.owned {
            self.give_back();
        }
    }
}

impl<B: Bound> fmt::Debug for Sleep<'_, B> {
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
