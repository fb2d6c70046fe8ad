//! A queue of waiters.

mod list;
mod wait;

use core::fmt;
use core::mem;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::ptr;
use core::task::Waker;

use self::list::Node;
use self::wait::{CLOSED_BY, NOTIFIED_ALL, NOTIFIED_ONE, WAITING};
pub use self::wait::{Closed, Wait};
use crate::WakeBatch;
use crate::backoff::Backoff;
use crate::first_panic::FirstPanic;
use crate::primitive::Ordering::*;
use crate::primitive::{AtomicU32, UnsafeCell};

/// Somebody holds the lock: only it may change `state`, and only it may touch `head` and links.
const LOCKED: u32 = 1;
/// A notification that found nobody is stored. Never with `WAITERS` or `CLOSED`.
const TOKEN: u32 = 2;
/// `head` is not null.
const WAITERS: u32 = 4;
/// The queue was closed.
const CLOSED: u32 = 8;

/// A first-in-first-out queue of tasks that wait.
pub struct WaitQueue {
    /// The bits above.
    state: AtomicU32,
    /// Who waits longest; null when nobody waits. Touched with the lock held.
    head: UnsafeCell<*const Node>,
}

// SAFETY: `head` and what it leads to are touched with the lock held only (invariant 1). The nodes hold
// wakers, which may be used from any thread.
unsafe impl Sync for WaitQueue {}
// SAFETY: a queue is moved only while nobody borrows it, hence while no `Wait` is alive.
unsafe impl Send for WaitQueue {}

// No user code runs with the lock held, so a panic cannot leave the queue half-changed.
impl UnwindSafe for WaitQueue {}
impl RefUnwindSafe for WaitQueue {}

impl WaitQueue {
    /// Creates a queue in which nobody waits and no token is stored.
    #[cfg(not(hyperia_loom))]
    pub const fn new() -> Self {
        Self {
            state: AtomicU32::new(0),
            head: UnsafeCell::new(ptr::null()),
        }
    }

    /// Creates a queue in which nobody waits and no token is stored.
    #[cfg(hyperia_loom)]
    pub fn new() -> Self {
        Self {
            state: AtomicU32::new(0),
            head: UnsafeCell::new(ptr::null()),
        }
    }

    /// Waits for a notification. Joins the queue when it is polled for the first time.
    pub fn wait(&self) -> Wait<'_> {
        Wait::new(self)
    }

    /// Takes the stored token, if there is one.
    pub fn try_wait(&self) -> bool {
        let mut backoff = Backoff::new();
        // ORDERING: a guess, checked by the compare-exchange; without a token nothing was received.
        let mut state = self.state.load(Relaxed);
        while state & TOKEN != 0 {
            if state & LOCKED == 0 {
                // ORDERING: Acquire pairs with the Release of the `notify_one`s that stored the token.
                match self
                    .state
                    .compare_exchange_weak(state, state & !TOKEN, Acquire, Relaxed)
                {
                    Ok(_) => return true,
                    Err(seen) => state = seen,
                }
            } else {
                backoff.wait();
                // ORDERING: a guess again.
                state = self.state.load(Relaxed);
            }
        }
        false
    }

    /// Wakes the one who waits longest. If nobody waits, stores one token for the next who comes.
    ///
    /// Returns whether somebody was woken. Tokens do not add up.
    pub fn notify_one(&self) -> bool {
        let Some(mut locked) = self.lock_or_store_token() else {
            return false;
        };
        let waker = locked.pop(NOTIFIED_ONE);
        drop(locked);
        waker.map(Waker::wake).is_some()
    }

    /// Does what `n` calls of [`notify_one`](Self::notify_one) do. Returns how many were woken.
    pub fn notify_many(&self, n: usize) -> usize {
        let mut woken = 0;
        let mut panics = FirstPanic::new();
        let mut batch = WakeBatch::new();
        while woken < n {
            let Some(mut locked) = self.lock_or_store_token() else {
                break;
            };
            while woken < n && !batch.is_full() {
                let Some(waker) = locked.pop(NOTIFIED_ONE) else {
                    break;
                };
                batch.push(waker);
                woken += 1;
            }
            drop(locked);
            batch.wake_each(&mut panics);
        }
        panics.resume();
        woken
    }

    /// Wakes all who wait now, in the order in which they came. Returns how many they were.
    pub fn notify_all(&self) -> usize {
        let mut backoff = Backoff::new();
        // ORDERING: a guess, checked by the compare-exchange.
        let mut state = self.state.load(Relaxed);
        while state & (WAITERS | LOCKED) == 0 {
            // ORDERING: writes nothing new, but Release makes the caller's condition visible to the
            // Acquire of whoever joins later in the order of `state`.
            match self
                .state
                .compare_exchange_weak(state, state, Release, Relaxed)
            {
                Ok(_) => return 0,
                Err(seen) => state = seen,
            }
        }
        self.wake_everybody(self.lock(&mut backoff), NOTIFIED_ALL)
    }

    /// Wakes all; they and all who come later get `Err(Closed)`.
    pub fn close(&self) {
        let mut locked = self.lock(&mut Backoff::new());
        locked.rest = CLOSED;
        self.wake_everybody(locked, CLOSED_BY);
    }

    /// Returns whether [`close`](Self::close) was called.
    pub fn is_closed(&self) -> bool {
        // ORDERING: Acquire pairs with the unlock of `close`, whose caller's writes are seen then.
        self.state.load(Acquire) & CLOSED != 0
    }

    /// Takes the lock if somebody waits; otherwise leaves a token, or nothing in a closed queue.
    fn lock_or_store_token(&self) -> Option<Locked<'_>> {
        let mut backoff = Backoff::new();
        // ORDERING: a guess, checked by the compare-exchanges.
        let mut state = self.state.load(Relaxed);
        loop {
            if state & (WAITERS | LOCKED) == 0 {
                if state & CLOSED != 0 {
                    return None;
                }
                // ORDERING: Release makes the caller's condition visible to whoever takes the token. Also
                // when it is there already: then this continues the release sequence of the first.
                match self
                    .state
                    .compare_exchange_weak(state, TOKEN, Release, Relaxed)
                {
                    Ok(_) => return None,
                    Err(seen) => state = seen,
                }
            } else {
                match self.try_lock(state, &mut backoff) {
                    Ok(locked) => return Some(locked),
                    Err(seen) => state = seen,
                }
            }
        }
    }

    /// Tries once to take the lock; the state was `state` a moment ago. If that fails, waits a little
    /// and returns the state seen last.
    #[inline]
    fn try_lock(&self, state: u32, backoff: &mut Backoff) -> Result<Locked<'_>, u32> {
        if state & LOCKED != 0 {
            backoff.wait();
            // ORDERING: Acquire for callers that act on `CLOSED`; pairs with the unlock of `close`.
            return Err(self.state.load(Acquire));
        }
        // ORDERING: Acquire pairs with the Release of the last unlock: the list as it was left; and with
        // the Release of a notification that found nobody. On failure as above.
        let seen = self
            .state
            .compare_exchange_weak(state, state | LOCKED, Acquire, Acquire)?;
        // SAFETY: the lock was taken above, so nobody else touches `head`.
        let head = self.head.with(|head| unsafe { *head });
        Ok(Locked {
            queue: self,
            head,
            rest: seen & (TOKEN | CLOSED),
        })
    }

    /// Takes the lock.
    fn lock(&self, backoff: &mut Backoff) -> Locked<'_> {
        // ORDERING: a guess, checked by `try_lock`.
        let mut state = self.state.load(Relaxed);
        loop {
            match self.try_lock(state, backoff) {
                Ok(locked) => return locked,
                Err(seen) => state = seen,
            }
        }
    }

    /// Wakes everybody in the list of `locked`, and nobody who joins after this lock.
    fn wake_everybody(&self, mut locked: Locked<'_>, status: u32) -> usize {
        let mark = Node::new(WAITING);
        let mut woken = 0;
        if locked.head.is_null() {
            return woken;
        }
        // SAFETY: the lock is held, the head is not null, the nodes in the list are alive (invariant 2),
        // and the mark stays in this frame until `Circle` has emptied its circle.
        unsafe { list::splice(&mut locked.head, &raw const mark) };
        let mut circle = Circle {
            queue: self,
            mark: &mark,
            status,
            woken: &mut woken,
        };
        let mut panics = FirstPanic::new();
        circle.wake(locked, &mut panics);
        mem::forget(circle);
        panics.resume();
        woken
    }
}

/// Everybody who is to be woken by one `notify_all` or `close`: a list of its own, still guarded by the
/// lock of the queue, since its members may leave at any time.
struct Circle<'a> {
    queue: &'a WaitQueue,
    mark: &'a Node,
    status: u32,
    woken: &'a mut usize,
}

impl<'a> Circle<'a> {
    /// Wakes all, a batch at a time, until the mark is alone.
    fn wake(&mut self, mut locked: Locked<'a>, panics: &mut FirstPanic) {
        let mut batch = WakeBatch::new();
        loop {
            let mut more = true;
            while more && !batch.is_full() {
                // SAFETY: the lock is held, and the mark and the nodes in its circle are alive
                // (invariant 2).
                match unsafe { list::pop_after(self.mark) } {
                    Some(node) => {
                        // SAFETY: the node was waiting in a list guarded by the lock, and left it above.
                        batch.push(unsafe { notify(node, self.status) });
                        *self.woken += 1;
                    }
                    None => more = false,
                }
            }
            drop(locked);
            batch.wake_each(panics);
            if !more {
                return;
            }
            locked = self.queue.lock(&mut Backoff::new());
        }
    }
}

/// Without `std` a panicking waker unwinds through `wake`: the others are woken from here, and the
/// mark does not leave its frame before it is alone.
impl Drop for Circle<'_> {
    fn drop(&mut self) {
        let mut panics = FirstPanic::new();
        self.wake(self.queue.lock(&mut Backoff::new()), &mut panics);
        panics.resume();
    }
}

/// Marks a node that has just left its list and moves its waker out.
///
/// # Safety
///
/// The lock is held, and `node` was linked and `WAITING` until this thread took it out a moment ago.
unsafe fn notify(node: *const Node, status: u32) -> Waker {
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

/// The lock, held.
struct Locked<'a> {
    queue: &'a WaitQueue,
    /// The working copy of `WaitQueue::head`.
    head: *const Node,
    /// The bits of the state besides `LOCKED` and `WAITERS`.
    rest: u32,
}

impl Locked<'_> {
    /// Notifies the head of the list.
    fn pop(&mut self, status: u32) -> Option<Waker> {
        if self.head.is_null() {
            return None;
        }
        let node = self.head;
        // SAFETY: the lock is held and the node is in its list, hence alive (invariant 2).
        unsafe { list::remove(&mut self.head, node) };
        // SAFETY: it was linked until the line above.
        Some(unsafe { notify(node, status) })
    }
}

impl Drop for Locked<'_> {
    /// Unlocks.
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the lock is held, so nobody else touches `head`.
        self.queue
            .head
            .with_mut(|head| unsafe { *head = self.head });
        let waiters = if self.head.is_null() { 0 } else { WAITERS };
        // ORDERING: Release publishes the list to the next lock. A plain store: nobody else changes
        // `state` while it is locked.
        self.queue.state.store(self.rest | waiters, Release);
    }
}

impl Default for WaitQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WaitQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // ORDERING: a snapshot for people.
        let state = self.state.load(Relaxed);
        f.debug_struct("WaitQueue")
            .field("token", &(state & TOKEN != 0))
            .field("waiters", &(state & WAITERS != 0))
            .field("closed", &(state & CLOSED != 0))
            .finish()
    }
}
