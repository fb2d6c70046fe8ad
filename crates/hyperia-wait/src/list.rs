//! A circular doubly linked list of nodes that lie in their owners: what queues of waiters are made of.
//!
//! ```text
//!  head ──▶ node ⇄ node ⇄ node ─┐       head.prev is the tail; removing a node needs no other
//!            ▲──────────────────┘       place than its neighbours and `head`.
//! ```
//! For those who build queues of their own, with more in a node than a [`WaitQueue`](crate::WaitQueue) has. Nothing
//! here locks, allocates or owns: all functions are called with the lock of the list held.

use core::ptr;

/// A node of a list.
///
/// # Safety
///
/// The three functions read and write two pointers that belong to the node alone and that nothing else
/// changes; a read gives what was written last.
pub unsafe trait Linked: Sized {
    /// Returns the neighbours.
    ///
    /// # Safety
    ///
    /// `node` is alive, and the lock that guards its list is held.
    unsafe fn links(node: *const Self) -> Links<Self>;

    /// Changes the neighbour behind.
    ///
    /// # Safety
    ///
    /// As for [`links`](Self::links).
    unsafe fn set_next(node: *const Self, next: *const Self);

    /// Changes the neighbour in front.
    ///
    /// # Safety
    ///
    /// As for [`links`](Self::links).
    unsafe fn set_prev(node: *const Self, prev: *const Self);
}

/// The neighbours of a node, which is its own one if it is alone.
#[derive(Debug)]
pub struct Links<N> {
    /// The one behind; behind the tail that is the head.
    pub next: *const N,
    /// The one in front; in front of the head that is the tail.
    pub prev: *const N,
}

impl<N> Links<N> {
    /// Those of a node in no list.
    pub const fn new() -> Self {
        Self {
            next: ptr::null(),
            prev: ptr::null(),
        }
    }
}

impl<N> Default for Links<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<N> Clone for Links<N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for Links<N> {}

/// Adds `node` at the end.
///
/// # Safety
///
/// The lock of the list is held, `head` is its head or null, all its nodes are alive, and so is
/// `node`, which is in no list and stays where it is until it is removed.
pub unsafe fn push_back<N: Linked>(head: &mut *const N, node: *const N) {
    // SAFETY: all nodes touched are in the list, hence alive, or `node` itself; the lock is held
    // (caller).
    unsafe {
        if head.is_null() {
            N::set_next(node, node);
            N::set_prev(node, node);
            *head = node;
        } else {
            let tail = N::links(*head).prev;
            N::set_next(node, *head);
            N::set_prev(node, tail);
            N::set_next(tail, node);
            N::set_prev(*head, node);
        }
    }
}

/// Takes `node` out, wherever it stands.
///
/// # Safety
///
/// The lock of the list is held, its nodes are alive, and `node` is one of them. `head` is the head of
/// that list; or of another one, if `node` is in a list with a mark, whose head nobody keeps.
pub unsafe fn remove<N: Linked>(head: &mut *const N, node: *const N) {
    // SAFETY: `node` and its neighbours are in one list, hence alive; the lock is held (caller).
    unsafe {
        let Links { next, prev } = N::links(node);
        if next == node {
            *head = ptr::null();
            return;
        }
        N::set_next(prev, next);
        N::set_prev(next, prev);
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
pub(crate) unsafe fn splice<N: Linked>(head: &mut *const N, mark: *const N) {
    // SAFETY: passed on from the caller.
    unsafe { push_back(head, mark) };
    *head = ptr::null();
}

/// Takes out the node that follows `mark`; `None` when the mark is alone.
///
/// # Safety
///
/// The lock of the list is held, and `mark` and all nodes in its circle are alive.
pub(crate) unsafe fn pop_after<N: Linked>(mark: *const N) -> Option<*const N> {
    // SAFETY: the mark and the nodes in its circle are alive, and the lock is held (caller).
    unsafe {
        let node = N::links(mark).next;
        if node == mark {
            return None;
        }
        let next = N::links(node).next;
        N::set_next(mark, next);
        N::set_prev(next, mark);
        Some(node)
    }
}
