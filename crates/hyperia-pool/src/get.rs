//! Waiting for an object.
//!
//! # Protocol
//! Join the queue, then mark all words, look at them and close all caches, then sleep; whoever returns an
//! object sets its bit, and notifies if the word was marked. See `slots` for why nobody sleeps beside an idle object.

use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll};

use hyperia_wait::Wait;

use crate::Pool;
use crate::pooled::{OwnedPooled, Pooled};
use crate::slots::{Claim, Slots, Waiting};

/// The future of [`Pool::get`], which says what it does and what dropping it does.
#[must_use = "futures do nothing unless polled"]
pub struct Get<'a, T> {
    pool: &'a Pool<T>,
    waiter: Waiter<'a>,
}

/// The future of [`Pool::get_owned`].
#[must_use = "futures do nothing unless polled"]
pub struct OwnedGet<T> {
    /// Waits in the queue of `pool`; dropped before it, as the first field.
    waiter: Waiter<'static>,
    pool: Arc<Pool<T>>,
}

/// What both futures wait with.
struct Waiter<'a> {
    /// In the queue, or notified. Pinned with the waiter.
    wait: Option<Wait<'a>>,
    /// The last poll has joined the queue, and looked: `wait` tells when to look again.
    sleeps: bool,
    /// Where it waits.
    waiting: &'a Waiting,
    /// It is counted there.
    is_counted: bool,
    /// It is counted among the robbed, too.
    is_robbed: bool,
    is_done: bool,
}

impl<'a> Waiter<'a> {
    const fn new(waiting: &'a Waiting) -> Self {
        Self {
            wait: None,
            sleeps: false,
            waiting,
            is_counted: false,
            is_robbed: false,
            is_done: false,
        }
    }

    /// Waits for a slot of `slots`, of which `waiting` is a part.
    fn poll<'s, T>(
        self: Pin<&mut Self>,
        slots: &'s Slots<T>,
        cx: &mut Context<'_>,
    ) -> Poll<Claim<'s, T>> {
        // SAFETY: `wait` is pinned again below, and never moved; the rest needs no pinning.
        let this = unsafe { self.get_unchecked_mut() };
        assert!(!this.is_done, "a `get` was polled again after it was ready");
        // SAFETY: it is pinned with the waiter.
        let mut wait = unsafe { Pin::new_unchecked(&mut this.wait) };
        // Not after a panic in the middle: then it begins anew, leaving the queue first.
        let mut claim = if mem::take(&mut this.sleeps) {
            let notified = wait.as_mut().as_pin_mut().map(|wait| wait.poll(cx));
            if notified.is_some_and(|poll| poll.is_pending()) {
                this.sleeps = true;
                return Poll::Pending;
            }
            let claim = slots.take_shared();
            if claim.is_none() && !this.is_robbed {
                this.waiting.add_robbed();
                this.is_robbed = true;
            }
            claim
        } else {
            wait.set(None);
            slots.take()
        };
        loop {
            if let Some(claim) = claim {
                // Leaves the queue. If it was notified meanwhile, that goes to the next one.
                wait.set(None);
                this.is_done = true;
                this.count_out();
                return Poll::Ready(claim);
            }
            if !mem::replace(&mut this.is_counted, true) {
                this.waiting.add();
            }
            wait.set(Some(this.waiting.queue.wait()));
            let joined = wait.as_mut().as_pin_mut().map(|wait| wait.poll(cx));
            claim = if joined.is_some_and(|poll| poll.is_pending()) {
                let claim = slots.mark_and_take(this.is_robbed);
                if claim.is_none() {
                    this.sleeps = true;
                    return Poll::Pending;
                }
                claim
            } else if this.is_robbed {
                // A notification that found nobody had been stored.
                slots.take_shared()
            } else {
                slots.take()
            };
        }
    }

    fn count_out(&mut self) {
        if mem::take(&mut self.is_counted) {
            self.waiting.remove();
        }
        if mem::take(&mut self.is_robbed) {
            self.waiting.remove_robbed();
        }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.count_out();
    }
}

impl<'a, T> Get<'a, T> {
    pub(crate) fn new(pool: &'a Pool<T>) -> Self {
        Self {
            pool,
            waiter: Waiter::new(pool.slots().waiting()),
        }
    }
}

impl<T> OwnedGet<T> {
    pub(crate) fn new(pool: Arc<Pool<T>>) -> Self {
        let waiting: *const Waiting = pool.slots().waiting();
        // SAFETY: it lives in the pool, on the heap, at least as long as the handle in this future, and the
        // waiter, which keeps it, is dropped before the handle.
        let waiter = Waiter::new(unsafe { &*waiting });
        Self { waiter, pool }
    }
}

impl<'a, T> Future for Get<'a, T> {
    type Output = Pooled<'a, T>;

    /// # Panics
    ///
    /// If `make` does, or if it is polled again after it was ready.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let pool = self.pool;
        // SAFETY: the waiter is pinned with the future, and not moved out of it.
        let waiter = unsafe { self.map_unchecked_mut(|this| &mut this.waiter) };
        waiter.poll(pool.slots(), cx).map(|claim| {
            let slot = pool.fill(claim);
            // SAFETY: `fill` leaves the slot to this guard, with an object.
            unsafe { Pooled::new(pool, slot) }
        })
    }
}

impl<T> Future for OwnedGet<T> {
    type Output = OwnedPooled<T>;

    /// # Panics
    ///
    /// If `make` does, or if it is polled again after it was ready.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: the waiter is pinned again below and the handle needs no pinning.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: the waiter is pinned with the future, and not moved out of it.
        let waiter = unsafe { Pin::new_unchecked(&mut this.waiter) };
        waiter.poll(this.pool.slots(), cx).map(|claim| {
            let slot = this.pool.fill(claim);
            // SAFETY: `fill` leaves the slot to this guard, with an object.
            unsafe { OwnedPooled::new(Arc::clone(&this.pool), slot) }
        })
    }
}

macro_rules! futures {
    ($($future:ty, $name:literal;)+) => {$(
        impl<T> $future {
            /// Returns whether the output was returned, so that this must not be polled again.
            pub fn is_terminated(&self) -> bool {
                self.waiter.is_done
            }
        }

        impl<T> fmt::Debug for $future {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct($name)
                    .field("is_terminated", &self.is_terminated())
                    .finish_non_exhaustive()
            }
        }
    )+};
}

futures! {
    Get<'_, T>, "Get";
    OwnedGet<T>, "OwnedGet";
}
