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
//! 1. While the state is `LINKED`, `links`, `place`, `waker` and `fired_at` are touched only under
//!    the lock of the node's `Timers`; otherwise only by the owner, who has the sleep to himself.
//! 2. A node that stands in a list is `LINKED`. It stays in memory until it is detached: it lies in
//!    a pinned `Sleep`, whose drop detaches it under the lock.
//! 3. Only the owner leaves a state other than `LINKED`; `LINKED` is left under the lock.
//! 4. The driver's store of `FIRED` is its last access to the node: the owner may free it from then
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

use core::ptr;
use core::task::Waker;

use crate::primitive::Ordering::*;
use crate::primitive::{AtomicU32, AtomicU64, UnsafeCell};
use crate::wheel::{DETACHED, Nodes};

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

#[derive(Debug)]
struct Links {
    next: Link,
    prev: Link,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Node {
    /// Written by the owner, read by the driver.
    deadline: AtomicU64,
    state: AtomicU32,
    place: UnsafeCell<u16>,
    links: UnsafeCell<Links>,
    /// The wheel's time when the driver handed the node out; owner's to read while `FIRED`.
    fired_at: UnsafeCell<u64>,
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
            place: UnsafeCell::new(DETACHED),
            links: UnsafeCell::new(Links {
                next: Link::NIL,
                prev: Link::NIL,
            }),
            fired_at: UnsafeCell::new(0),
            waker: UnsafeCell::new(None),
        }
    }

    /// The state as the owner finds it.
    pub(crate) fn state(&self) -> u32 {
        // ORDERING: Acquire pairs with the store of FIRED in `Node::fire`: whoever sees it sees
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
        // SAFETY: in `FIRED` the owner alone touches it (invariant 1), which the caller is.
        self.fired_at.with(|fired_at| unsafe { *fired_at })
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
/// [`Pinned`], which lies inside the lock: so the node behind it lives, and is the user's alone.
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
    /// The node lies in a pinned `Sleep`, and the caller gives the link away only to the levels of
    /// that sleep's `Timers`, under their lock, with the state `LINKED`.
    pub(crate) unsafe fn new(node: &Node) -> Self {
        Self(node)
    }
}

/// Access to pinned nodes. The one value of it lies inside the lock of a `Timers`.
#[derive(Debug)]
pub(crate) struct Pinned(());

impl Pinned {
    /// Creates the access.
    ///
    /// # Safety
    ///
    /// The value goes inside the lock of the `Timers` whose nodes it is used with, and stays there.
    pub(crate) unsafe fn new() -> Self {
        Self(())
    }

    fn node(&self, link: Link) -> &Node {
        debug_assert!(!link.0.is_null());
        // SAFETY: `self` is inside the lock, so the caller holds it. The link is in the levels, or
        // just came from them under the same lock, so its node is `LINKED` and stays in memory
        // (invariant 2).
        unsafe { &*link.0 }
    }

    /// Marks a detached node as handed out at `now` and returns the waker to wake after the lock.
    pub(crate) fn fire(&mut self, link: Link, now: u64) -> Option<Waker> {
        let node = self.node(link);
        // SAFETY: the node is `LINKED` and the lock is held (invariant 1).
        node.fired_at
            .with_mut(|fired_at| unsafe { *fired_at = now });
        // SAFETY: the same.
        let waker = unsafe { node.replace_waker(None) };
        // ORDERING: Release publishes `fired_at` and the end of the driver's accesses to the
        // Acquire in `Node::state`. The node may be gone after this line (invariant 4).
        node.state.store(FIRED, Release);
        waker
    }
}

impl Nodes for Pinned {
    type Link = Link;
    const NIL: Link = Link::NIL;

    fn deadline(&self, link: Link) -> u64 {
        self.node(link).deadline()
    }

    fn next(&self, link: Link) -> Link {
        // SAFETY: invariant 1; the lock is held.
        self.node(link).links.with(|links| unsafe { (*links).next })
    }

    fn prev(&self, link: Link) -> Link {
        // SAFETY: invariant 1; the lock is held.
        self.node(link).links.with(|links| unsafe { (*links).prev })
    }

    fn place(&self, link: Link) -> u16 {
        // SAFETY: invariant 1; the lock is held.
        self.node(link).place.with(|place| unsafe { *place })
    }

    fn set_next(&mut self, link: Link, next: Link) {
        // SAFETY: invariant 1; the lock is held.
        self.node(link)
            .links
            .with_mut(|links| unsafe { (*links).next = next });
    }

    fn set_prev(&mut self, link: Link, prev: Link) {
        // SAFETY: invariant 1; the lock is held.
        self.node(link)
            .links
            .with_mut(|links| unsafe { (*links).prev = prev });
    }

    fn set_place(&mut self, link: Link, place: u16) {
        // SAFETY: invariant 1; the lock is held.
        self.node(link)
            .place
            .with_mut(|slot| unsafe { *slot = place });
    }
}
