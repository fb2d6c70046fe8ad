//! The circular doubly linked list of waiters.
//!
//! ```text
//!  head ──▶ node ⇄ node ⇄ node ─┐       head.prev is the tail; removing a node needs no other
//!            ▲──────────────────┘       place than its neighbours and `head`.
//! ```
//! All functions here are called with the lock of the queue held.

use core::mem::MaybeUninit;
use core::ptr;
use core::task::Waker;

use crate::primitive::Ordering::*;
use crate::primitive::{AtomicU32, UnsafeCell};

/// What one waiter puts into the list. Lives in its pinned `Wait` (or, as a mark, on the stack of a
/// `notify_all`).
pub(super) struct Node {
    /// Touched with the lock held.
    links: UnsafeCell<Links>,
    /// Written by the owner: before it links the node, or with the lock held. Read by the notifier with
    /// the lock held, once, moving the waker out; and by the owner at any time, as bits only.
    pub(super) waker: UnsafeCell<MaybeUninit<Waker>>,
    /// One of the constants in `wait`. While it says `WAITING`, a notifier with the lock held may
    /// change it, as its last access to the node; otherwise it is the owner's.
    pub(super) status: AtomicU32,
}

#[derive(Clone, Copy)]
struct Links {
    next: *const Node,
    prev: *const Node,
}

impl Node {
    #[cfg(not(hyperia_loom))]
    pub(super) const fn new(status: u32) -> Self {
        Self {
            links: UnsafeCell::new(Links {
                next: ptr::null(),
                prev: ptr::null(),
            }),
            waker: UnsafeCell::new(MaybeUninit::uninit()),
            status: AtomicU32::new(status),
        }
    }

    #[cfg(hyperia_loom)]
    pub(super) fn new(status: u32) -> Self {
        Self {
            links: UnsafeCell::new(Links {
                next: ptr::null(),
                prev: ptr::null(),
            }),
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

/// # Safety
///
/// `node` is alive, and the lock that guards its list is held.
unsafe fn links(node: *const Node) -> Links {
    // SAFETY: the node is alive, and the lock excludes every other access (caller).
    unsafe { (*node).links.with(|links| *links) }
}

/// # Safety
///
/// As for [`links`].
unsafe fn set_next(node: *const Node, next: *const Node) {
    // SAFETY: the node is alive, and the lock excludes every other access (caller).
    unsafe { (*node).links.with_mut(|links| (*links).next = next) }
}

/// # Safety
///
/// As for [`links`].
unsafe fn set_prev(node: *const Node, prev: *const Node) {
    // SAFETY: the node is alive, and the lock excludes every other access (caller).
    unsafe { (*node).links.with_mut(|links| (*links).prev = prev) }
}

/// Adds `node` at the end.
///
/// # Safety
///
/// The lock of the list is held, `head` is its head or null, all its nodes are alive, and so is
/// `node`, which is in no list and stays where it is until it is removed.
pub(super) unsafe fn push_back(head: &mut *const Node, node: *const Node) {
    // SAFETY: all nodes touched are in the list, hence alive, or `node` itself; the lock is held
    // (caller).
    unsafe {
        if head.is_null() {
            set_next(node, node);
            set_prev(node, node);
            *head = node;
        } else {
            let tail = links(*head).prev;
            set_next(node, *head);
            set_prev(node, tail);
            set_next(tail, node);
            set_prev(*head, node);
        }
    }
}

/// Takes `node` out, wherever it stands.
///
/// # Safety
///
/// The lock of the list is held, its nodes are alive, and `node` is one of them. `head` is the head of
/// that list; or of another one, if `node` is in a list with a mark, whose head nobody keeps.
pub(super) unsafe fn remove(head: &mut *const Node, node: *const Node) {
    // SAFETY: `node` and its neighbours are in one list, hence alive; the lock is held (caller).
    unsafe {
        let Links { next, prev } = links(node);
        if next == node {
            *head = ptr::null();
            return;
        }
        set_next(prev, next);
        set_prev(next, prev);
        if *head == node {
            *head = next;
        }
    }
}

/// Moves the whole list into the circle of `mark`, in front of which it then stands in the same order.
///
/// # Safety
///
/// The lock of the list is held, `head` is its head and not null, its nodes are alive, and so is
/// `mark`, which is in no list and stays where it is until it is alone again.
pub(super) unsafe fn splice(head: &mut *const Node, mark: *const Node) {
    // SAFETY: passed on from the caller.
    unsafe { push_back(head, mark) };
    *head = ptr::null();
}

/// Takes out the node that follows `mark`; `None` when the mark is alone.
///
/// # Safety
///
/// The lock of the list is held, and `mark` and all nodes in its circle are alive.
pub(super) unsafe fn pop_after(mark: *const Node) -> Option<*const Node> {
    // SAFETY: the mark and the nodes in its circle are alive, and the lock is held (caller).
    unsafe {
        let node = links(mark).next;
        if node == mark {
            return None;
        }
        let next = links(node).next;
        set_next(mark, next);
        set_prev(next, mark);
        Some(node)
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
