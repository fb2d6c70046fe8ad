//! How the wheel reaches the nodes of sleeps, wherever these are pinned.

use core::task::Waker;

use crate::node::{Link, Node};
use crate::wheel::{Before, Nodes, Place};

/// The place of a node in no slot.
pub(crate) const NOWHERE: Place = Place::MAX;

/// Access to pinned nodes. The one value of it lies inside the lock of a hub.
#[derive(Debug)]
pub(crate) struct Pinned(());

impl Pinned {
    /// Creates the access.
    ///
    /// # Safety
    ///
    /// The value goes inside the lock of the hub whose nodes it is used with, and stays there.
    pub(crate) const unsafe fn new() -> Self {
        Self(())
    }

    fn node(&self, link: Link) -> &Node {
        // SAFETY: `self` is inside the lock, so the caller holds it. The link is in a slot, or just
        // came from one under the same lock, so its node is `LINKED` and stays in memory (invariant 2
        // of `node`).
        unsafe { link.node() }
    }

    /// Marks a node that was taken out of its slot as handed out at `now`, and returns the waker to wake
    /// after the lock.
    pub(crate) fn fire(&mut self, link: Link, now: u64) -> Option<Waker> {
        // SAFETY: the node is `LINKED` and in no slot, and the lock is held.
        unsafe { link.fire(now) }
    }
}

impl Nodes for Pinned {
    type Link = Link;
    const NIL: Link = Link::NIL;

    #[inline]
    fn deadline(&self, link: Link) -> u64 {
        self.node(link).deadline()
    }

    #[inline]
    fn next(&self, link: Link) -> Link {
        // SAFETY: the node stands in a slot, so it has a `next` (invariant 4 of `node`), and the lock is
        // held (invariant 1).
        self.node(link)
            .links
            .with(|links| unsafe { (*(*links).as_ptr()).next })
    }

    #[inline]
    fn before(&self, link: Link) -> Before<Link> {
        let node = self.node(link);
        // SAFETY: the node is `LINKED`, so it has a `prev` (invariant 4 of `node`), and the lock is held
        // (invariant 1).
        let prev = node
            .links
            .with(|links| unsafe { (*(*links).as_ptr()).prev });
        if prev != Link::NIL {
            return Before::Timer(prev);
        }
        // SAFETY: the node is `LINKED`, so it has a `place`, and the lock is held.
        match node.place.with(|place| unsafe { (*place).assume_init() }) {
            NOWHERE => Before::Nowhere,
            place => Before::Slot(place),
        }
    }

    #[inline]
    fn set_next(&mut self, link: Link, next: Link) {
        // SAFETY: the node is `LINKED` and the lock is held (invariant 1 of `node`).
        self.node(link)
            .links
            .with_mut(|links| unsafe { (*(*links).as_mut_ptr()).next = next });
    }

    #[inline]
    fn set_before(&mut self, link: Link, before: Before<Link>) {
        let (prev, place) = match before {
            Before::Timer(prev) => (prev, NOWHERE),
            Before::Slot(place) => (Link::NIL, place),
            Before::Nowhere => (Link::NIL, NOWHERE),
        };
        let node = self.node(link);
        // SAFETY: the node is `LINKED` and the lock is held (invariant 1 of `node`).
        node.links
            .with_mut(|links| unsafe { (*(*links).as_mut_ptr()).prev = prev });
        // SAFETY: the same.
        node.place.with_mut(|slot| unsafe { (*slot).write(place) });
    }
}
