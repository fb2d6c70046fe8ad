//! The node of a waiter, and what a notification does to it.

use core::mem::MaybeUninit;
use core::task::Waker;

use crate::list::{Linked, Links};
use crate::primitive::Ordering::*;
use crate::primitive::{AtomicU32, UnsafeCell};

/// What one waiter puts into the list. Lives in its pinned `Wait` (or, as a mark, on the stack of a
/// `notify_all`).
pub(super) struct Node {
    /// Touched with the lock held.
    links: UnsafeCell<Links<Self>>,
    /// Written by the owner: before it links the node, or with the lock held. Read by the notifier with
    /// the lock held, once, moving the waker out; and by the owner at any time, as bits only.
    pub(super) waker: UnsafeCell<MaybeUninit<Waker>>,
    /// One of the constants in `wait`. While it says `WAITING`, a notifier with the lock held may
    /// change it, as its last access to the node; otherwise it is the owner's.
    pub(super) status: AtomicU32,
}

impl Node {
    #[cfg(not(hyperia_loom))]
    pub(super) const fn new(status: u32) -> Self {
        Self {
            links: UnsafeCell::new(Links::new()),
            waker: UnsafeCell::new(MaybeUninit::uninit()),
            status: AtomicU32::new(status),
        }
    }

    #[cfg(hyperia_loom)]
    pub(super) fn new(status: u32) -> Self {
        Self {
            links: UnsafeCell::new(Links::new()),
            waker: UnsafeCell::new(MaybeUninit::uninit()),
            status: AtomicU32::new(status),
        }
    }
}

/// Under the model checker the end of a node is an exclusive access to all of it: whoever touches it
/// later, or unordered, is found.
#[cfg(hyperia_loom)]
impl Drop for Node {
    fn drop(&mut self) {
        self.links.with_mut(|_| ());
        self.waker.with_mut(|_| ());
        self.status.with_mut(|_| ());
    }
}

// SAFETY: `links` is reached here alone.
unsafe impl Linked for Node {
    unsafe fn links(node: *const Self) -> Links<Self> {
        // SAFETY: the node is alive, and the lock excludes every other access (caller).
        unsafe { (*node).links.with(|links| *links) }
    }

    unsafe fn set_next(node: *const Self, next: *const Self) {
        // SAFETY: the node is alive, and the lock excludes every other access (caller).
        unsafe { (*node).links.with_mut(|links| (*links).next = next) }
    }

    unsafe fn set_prev(node: *const Self, prev: *const Self) {
        // SAFETY: the node is alive, and the lock excludes every other access (caller).
        unsafe { (*node).links.with_mut(|links| (*links).prev = prev) }
    }
}

/// Tells a node that has just left its list: moves its waker out, and stores `status`.
///
/// # Safety
///
/// The lock is held, and `node` was linked and `WAITING` until this thread took it out a moment ago.
pub(super) unsafe fn notify(node: *const Node, status: u32) -> Waker {
    // SAFETY: a linked node is alive (invariant 2), and its owner does not free it before it sees the
    // store below or holds the lock.
    let node = unsafe { &*node };
    // SAFETY: a `WAITING` node holds a waker (invariant 3), and the store below ends that state, so it
    // is moved out once. The owner writes it with the lock held only.
    let waker = node
        .waker
        .with(|waker| unsafe { (*waker).assume_init_read() });
    // ORDERING: Release makes the caller's condition visible to the Acquire in `poll` and `drop`, and
    // keeps all accesses to the node before this one: the owner may free it now.
    node.status.store(status, Release);
    waker
}
