//! Waking everybody, and nobody who comes later.

use core::mem;

use super::WaitQueue;
use super::lock::Locked;
use super::node::{self, Node};
use crate::WakeBatch;
use crate::first_panic::FirstPanic;
use crate::list;

/// Everybody who is to be woken by one `notify_all` or `close`: spliced out of the queue into a circle
/// around a mark. The lock of the queue still guards it, since its members may leave at any time.
///
/// ```text
///  mark ⇄ node ⇄ node ⇄ node ⇄ (mark)
///         └──── one batch ───┘ taken out with the lock held, woken without it, then the next
/// ```
struct Circle<'a> {
    queue: &'a WaitQueue,
    /// In the frame of `wake_everybody`, alone again when that returns.
    mark: &'a Node,
    /// What the nodes are told.
    status: u32,
    woken: usize,
}

impl WaitQueue {
    /// Wakes everybody in the list of `locked`. Returns how many they were.
    pub(super) fn wake_everybody(&self, mut locked: Locked<'_>, status: u32) -> usize {
        if locked.head.is_null() {
            return 0;
        }
        let mark = Node::new(status);
        // SAFETY: the lock is held, the head is not null, the nodes in the list are alive (invariant 2),
        // and the mark stays in this frame, which `Circle` does not let go before it is alone.
        unsafe { list::splice(&mut locked.head, &raw const mark) };
        let mut circle = Circle {
            queue: self,
            mark: &mark,
            status,
            woken: 0,
        };
        let mut panics = FirstPanic::new();
        circle.wake(locked, &mut panics);
        let woken = circle.woken;
        mem::forget(circle);
        panics.resume();
        woken
    }
}

impl Circle<'_> {
    /// Wakes all, a batch at a time, until the mark is alone.
    fn wake(&mut self, locked: Locked<'_>, panics: &mut FirstPanic) {
        let mut batch = WakeBatch::new();
        let mut more = self.take(locked, &mut batch);
        batch.wake_each(panics);
        while more {
            more = self.take(self.queue.lock(), &mut batch);
            batch.wake_each(panics);
        }
    }

    /// Fills `batch` and unlocks. Returns whether there may be more.
    fn take(&mut self, locked: Locked<'_>, batch: &mut WakeBatch) -> bool {
        while !batch.is_full() {
            // SAFETY: the lock is held, and the mark and the nodes in its circle are alive (invariant 2).
            let Some(node) = (unsafe { list::pop_after(self.mark) }) else {
                return false;
            };
            // SAFETY: it was linked until the line above, and the lock is held.
            batch.push(unsafe { node::notify(node, self.status) });
            self.woken += 1;
        }
        drop(locked);
        true
    }
}

/// Without `std` a panicking waker unwinds through `wake`: the others are woken from here, and the
/// mark does not leave its frame before it is alone.
impl Drop for Circle<'_> {
    fn drop(&mut self) {
        let mut panics = FirstPanic::new();
        self.wake(self.queue.lock(), &mut panics);
        panics.resume();
    }
}
