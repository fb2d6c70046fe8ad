//! The part of a sleep that the wheel reaches: deadline, state, links and waker, pinned in the
//! future.
//!
//! # States
//! ```text
//!          first poll          poll, not due: lock, link
//!   AFTER ────────────▶ AT ───────────────────────────────▶ LINKED
//!                       │ ▲                                   │ driver, under the lock: detach,
//!         poll, due     │ │ reset; or poll, if it was         │ take the waker, store FIRED
//!   DONE ◀──────────────┘ │ fired for an earlier deadline     ▼
//!    ▲ │                  ├──────────────────────────────── FIRED
//!    │ └── reset ─────────┘                                   │
//!    └──────────────────────────── poll ──────────────────────┘
//! ```
//!
//! # Invariants
//! 1. While the state is `LINKED`, `links`, `place`, `waker` and `fired_at` are touched only
//!    under the lock of the node's hub; otherwise only by the owner, who has the sleep to himself.
//! 2. A node that stands in a slot is `LINKED`. It stays in memory until it is detached: it lies in
//!    a pinned `Sleep`, whose drop detaches it under the lock.
//! 3. Only the owner leaves a state other than `LINKED`; `LINKED` is left under the lock.
//! 4. `place` and `links.prev` are initialized while the state is `LINKED`, `links.next` while the node stands in a slot,
//!    `fired_at` while the state is `FIRED`.
//! 5. The driver's store of `FIRED` is its last access to the node: the owner may free it from then
//!    on.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries |
//! |---|---|---|---|
//! | fire → poll | driver stores `FIRED` | owner loads it | that the driver is done; `fired_at` |
//!
//! Everything else that passes between owner and driver passes through the lock. The deadline is a
//! number of which either side may see an older value: the driver that fires for an older one is
//! found out by `fired_at`, the one that moves for an older one comes again.

use core::mem::MaybeUninit;
use core::ptr;
use core::task::Waker;

use crate::primitive::Ordering::*;
use crate::primitive::{AtomicU32, AtomicU64, UnsafeCell};
use crate::wheel::Place;

/// Not polled yet; `deadline` holds how long the sleep is to last.
pub(crate) const AFTER: u32 = 0;
/// Waits for a poll; `deadline` is a time.
pub(crate) const AT: u32 = 1;
/// Registered with the timers; has a waker.
pub(crate) const LINKED: u32 = 2;
/// The driver has handed it out; `fired_at` says when.
pub(crate) const FIRED: u32 = 3;
/// The sleep has completed.
pub(crate) const DONE: u32 = 4;

/// The neighbours in a slot's list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Links {
    pub(crate) next: Link,
    pub(crate) prev: Link,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Node {
    /// Written by the owner, read by the driver.
    deadline: AtomicU64,
    state: AtomicU32,
    pub(crate) place: UnsafeCell<MaybeUninit<Place>>,
    /// The sleep's, not the node's; here it costs no room. Set before the sleep is pinned.
    pub(crate) owned: bool,
    pub(crate) links: UnsafeCell<MaybeUninit<Links>>,
    /// The wheel's time when the driver handed the node out; owner's to read while `FIRED`.
    fired_at: UnsafeCell<MaybeUninit<u64>>,
    /// `Some` exactly while `LINKED`, or while the owner is about to link.
    waker: UnsafeCell<Option<Waker>>,
}

impl Node {
    /// Creates a detached node in state `AFTER` or `AT`.
    pub(crate) fn new(state: u32, deadline: u64) -> Self {
        debug_assert!(state == AFTER || state == AT);
        Self {
            deadline: AtomicU64::new(deadline),
            state: AtomicU32::new(state),
            owned: false,
            // A sleep that is never pending does not pay for them.
            links: UnsafeCell::new(MaybeUninit::uninit()),
            place: UnsafeCell::new(MaybeUninit::uninit()),
            fired_at: UnsafeCell::new(MaybeUninit::uninit()),
            waker: UnsafeCell::new(None),
        }
    }

    /// The state as the owner finds it.
    pub(crate) fn state(&self) -> u32 {
        // ORDERING: Acquire pairs with the store of FIRED in `Link::fire`: whoever sees it sees
        // `fired_at`, and knows that the driver is done with the node. All other states are the
        // owner's own.
        self.state.load(Acquire)
    }

    /// The state, for those who hold the lock, or want it for show.
    pub(crate) fn state_locked(&self) -> u32 {
        // ORDERING: Relaxed; the lock has brought what the driver did under it.
        self.state.load(Relaxed)
    }

    /// Changes the state, for the owner: without the lock unless from or to `LINKED`.
    pub(crate) fn set_state(&self, state: u32) {
        // ORDERING: Relaxed; the driver learns of a node through the lock alone.
        self.state.store(state, Relaxed);
    }

    pub(crate) fn deadline(&self) -> u64 {
        // ORDERING: Relaxed; a number with nothing behind it, see the module's last paragraph.
        self.deadline.load(Relaxed)
    }

    pub(crate) fn set_deadline(&self, deadline: u64) {
        // ORDERING: Relaxed; the driver may miss it and fire for the old one, which a poll finds
        // out.
        self.deadline.store(deadline, Relaxed);
    }

    /// The wheel's time when the node was handed out.
    ///
    /// # Safety
    ///
    /// The caller is the owner and has seen `FIRED`.
    pub(crate) unsafe fn fired_at(&self) -> u64 {
        // SAFETY: in `FIRED` the owner alone touches it (invariant 1), which the caller is; and whoever
        // stored `FIRED` has written it.
        self.fired_at
            .with(|fired_at| unsafe { (*fired_at).assume_init() })
    }

    /// Gives a node without a waker one.
    ///
    /// # Safety
    ///
    /// The caller is the owner of a node that is not `LINKED`.
    pub(crate) unsafe fn set_waker(&self, waker: Waker) {
        // SAFETY: the caller has the node to itself (invariant 1). There is nothing to drop: whoever ends
        // `LINKED` takes the waker out.
        self.waker
            .with_mut(|slot| unsafe { ptr::write(slot, Some(waker)) });
    }

    /// Replaces the waker.
    ///
    /// # Safety
    ///
    /// The caller is the owner of a node that is not `LINKED`, or holds the lock.
    pub(crate) unsafe fn replace_waker(&self, waker: Option<Waker>) -> Option<Waker> {
        // SAFETY: the caller has the node to itself (invariant 1).
        self.waker
            .with_mut(|slot| unsafe { ptr::replace(slot, waker) })
    }

    /// Whether the registered waker would wake the same task. Runs no code of the waker.
    ///
    /// # Safety
    ///
    /// As for [`replace_waker`](Self::replace_waker).
    pub(crate) unsafe fn will_wake(&self, waker: &Waker) -> bool {
        // SAFETY: the caller has the node to itself (invariant 1).
        self.waker
            .with(|slot| unsafe { (*slot).as_ref().is_some_and(|old| old.will_wake(waker)) })
    }
}

/// The address of a node.
///
/// One is made only in [`Link::new`], for a node that keeps invariant 2, and used only through
/// `Pinned`, which lies inside the lock: so the node behind it lives, and is the user's alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Link(*const Node);

// SAFETY: the node behind it is reached only under the lock, whatever thread holds that, and all
// parts of a node are `Send`.
unsafe impl Send for Link {}

impl Link {
    pub(crate) const NIL: Self = Self(ptr::null());

    /// Names a node.
    ///
    /// # Safety
    ///
    /// The node lies in a pinned `Sleep`, and the caller gives the link away only to the wheel of
    /// that sleep's hub, under its lock, with the state `LINKED`.
    pub(crate) unsafe fn new(node: &Node) -> Self {
        Self(node)
    }

    /// The node behind it.
    ///
    /// # Safety
    ///
    /// The caller holds the lock, and uses the node for no longer than that. The node is in a slot, or
    /// was taken out of one under this hold of the lock and has not been fired.
    pub(crate) unsafe fn node<'a>(self) -> &'a Node {
        debug_assert!(!self.0.is_null());
        // SAFETY: the node is `LINKED`, so it stays in memory while the lock is held (invariant 2).
        unsafe { &*self.0 }
    }

    /// Marks the node as handed out at `now` and returns the waker to wake after the lock.
    ///
    /// # Safety
    ///
    /// The caller holds the lock, and the node is `LINKED` and in no slot. It may be gone afterwards: the
    /// caller has no reference to it.
    pub(crate) unsafe fn fire(self, now: u64) -> Option<Waker> {
        // No reference to the whole node: it would have to be valid to the end of this call.
        // SAFETY: the node is `LINKED` and the lock is held (invariants 1 and 2).
        let (fired_at, waker) = unsafe { (&(*self.0).fired_at, &(*self.0).waker) };
        // SAFETY: the same.
        fired_at.with_mut(|fired_at| unsafe { (*fired_at).write(now) });
        // SAFETY: the same.
        let waker = waker.with_mut(|slot| unsafe { ptr::replace(slot, None) });
        // SAFETY: the same; up to this store.
        let state = unsafe { &(*self.0).state };
        // ORDERING: Release publishes `fired_at` and the end of the driver's accesses to the
        // Acquire in `Node::state`. The node may be gone after this line (invariant 5).
        state.store(FIRED, Release);
        waker
    }
}
