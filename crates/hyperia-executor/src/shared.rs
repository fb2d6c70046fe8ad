//! What an executor shares with its tasks, its spawners and every waker made of them.
//!
//! # Picture
//! ```text
//!   wake on the executor's thread ──▶ ready (plain deque) ──▶ run
//!                                       ▲
//!   wake on any other thread ──▶ inbox ─┘ admit      + one ring if the executor sleeps
//!
//!   list: a waker of every task that was pending once, so that dropping the executor finds it
//! ```
//!
//! # Invariants
//! 1. `local` is touched by the thread `owner` alone, and never twice at the same time: every access
//!    goes through `local`, which checks the thread, or `local_unchecked`, whose callers have done so or
//!    cannot leave it; and no closure given to these calls anything but collections.
//! 2. A runnable of a task whose future is not `Send` is in `ready`, in `inbox`, being run by `owner`,
//!    or in the hands of a thread that is about to push it. Nothing else ever drops or runs it.
//! 3. While `inbox` is open every such push succeeds; it is closed only when the list is empty, and
//!    a task that is neither listed nor in `ready` has never been polled and came from a
//!    [`Spawner`](crate::Spawner), so its future is `Send`.
//! 4. A runnable keeps its `Shared` alive.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries |
//! |---|---|---|---|
//! | push → admit | the inbox's push | the inbox's pop | the task, and what its waker had seen |
//! | sleep against work | `bell.rs` | | |
//!
//! # Progress
//! A wake on the owner's thread: a push to a deque. A foreign wake is as good as the inbox's push:
//! it never waits for the executor.
use crate::bell::Bell;
use crate::primitive::Ordering::Relaxed;
use crate::primitive::{AtomicBool, ThreadId, UnsafeCell, is_this_thread, thread_id};
use crate::slab::Slab;
use async_task::Runnable;
use core::fmt;
use core::task::Waker;
use hyperia_queue::{PopError, mpsc};
use std::collections::VecDeque;
use std::sync::Arc;

/// A task that wants to be polled; it carries its executor with it.
pub(crate) type Ready = Runnable<Arc<Shared>>;

pub(crate) struct Shared {
    /// The only thread that polls tasks and drops futures.
    owner: ThreadId,
    /// Owner's thread only (invariant 1).
    local: UnsafeCell<Local>,
    /// Where other threads put tasks that they woke or spawned.
    inbox: mpsc::Producer<Ready>,
    /// Set once, when the executor is dropped: nothing is spawned any more.
    closed: AtomicBool,
    pub(crate) bell: Bell,
}

/// What [`Shared::admit`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// Something, or was asked for nothing.
    Some,
    /// Nothing that is there yet.
    Nothing,
    /// The inbox is closed, and all that was pushed before has been taken.
    NothingEver,
}

/// What only the owner's thread sees.
struct Local {
    ready: VecDeque<Ready>,
    inbox: mpsc::Consumer<Ready>,
    list: Slab<Waker>,
}

// SAFETY: `local` is touched by one thread only (invariant 1), wherever the `Shared` itself is; when
// the last reference goes, on any thread, `ready` and `inbox` are empty, for a runnable in them would
// keep it alive (invariant 4), and what is left, an empty list of wakers, is `Send`.
unsafe impl Send for Shared {}
// SAFETY: as above; all other fields are `Sync` themselves.
unsafe impl Sync for Shared {}

impl Shared {
    pub(crate) fn new(waker: Waker) -> Arc<Self> {
        let (producer, consumer) = mpsc::unbounded();
        Arc::new(Self {
            owner: thread_id(),
            local: UnsafeCell::new(Local {
                ready: VecDeque::new(),
                inbox: consumer,
                list: Slab::new(),
            }),
            inbox: producer,
            closed: AtomicBool::new(false),
            bell: Bell::new(waker),
        })
    }

    /// Whether this is the thread that may run tasks.
    #[inline(always)]
    pub(crate) fn is_owner(&self) -> bool {
        is_this_thread(self.owner)
    }

    /// The way to `local` for those who may be on any thread.
    fn local<R>(&self, f: impl FnOnce(&mut Local) -> R) -> R {
        assert!(
            self.is_owner(),
            "an executor was touched on another thread than its own"
        );
        // SAFETY: this is the owner's thread, checked above.
        unsafe { self.local_unchecked(f) }
    }

    /// The way to `local` for those who know where they are.
    ///
    /// # Safety
    /// The caller is on the owner's thread.
    #[inline(always)]
    unsafe fn local_unchecked<R>(&self, f: impl FnOnce(&mut Local) -> R) -> R {
        debug_assert!(self.is_owner());
        // SAFETY: the caller is on the owner's thread, and no other borrow is alive: the closures of
        // this file neither run user code nor come back here (invariant 1).
        self.local.with_mut(|local| f(unsafe { &mut *local }))
    }

    /// Takes the task that has been ready for longest.
    ///
    /// # Safety
    /// The caller is on the owner's thread.
    #[inline]
    pub(crate) unsafe fn pop(&self) -> Option<Ready> {
        // SAFETY: the caller's contract.
        unsafe { self.local_unchecked(|local| local.ready.pop_front()) }
    }

    /// Polls ready tasks, up to `max` polls; returns how many of these are left.
    ///
    /// Not inlined: by itself the loop keeps everything in registers, five instructions per task.
    ///
    /// # Safety
    /// The caller is on the owner's thread.
    #[inline(never)]
    pub(crate) unsafe fn run(&self, max: usize) -> usize {
        for left in (0..max).rev() {
            // SAFETY: the caller's contract.
            let Some(task) = (unsafe { self.pop() }) else {
                return left + 1;
            };
            task.run();
        }
        0
    }

    /// Whether a task is ready, those that other threads woke not counted.
    pub(crate) fn has_ready(&self) -> bool {
        self.local(|local| !local.ready.is_empty())
    }

    /// Moves up to `max` tasks that other threads woke to the end of the queue.
    pub(crate) fn admit(&self, max: usize) -> Admitted {
        self.local(|local| {
            for count in 0..max {
                match local.inbox.pop() {
                    Ok(task) => local.ready.push_back(task),
                    Err(PopError::Empty) if count == 0 => return Admitted::Nothing,
                    Err(PopError::Closed) if count == 0 => return Admitted::NothingEver,
                    Err(_) => break,
                }
            }
            Admitted::Some
        })
    }

    /// Notes a task that may lie idle from now on.
    pub(crate) fn enlist(&self, waker: Waker) -> usize {
        self.local(|local| local.list.insert(waker))
    }

    /// Strikes a task off the list: its future is gone.
    pub(crate) fn strike(&self, key: usize) {
        let waker = self.local(|local| local.list.remove(key));
        // Outside of the borrow. It is never the last reference: whoever drops the future has one.
        drop(waker);
    }

    /// The waker of a listed task at or after `key`, taken; the task stays listed.
    pub(crate) fn take_waker(&self, key: usize) -> Option<(usize, Waker)> {
        self.local(|local| local.list.take_from(key))
    }

    /// How many tasks are listed.
    pub(crate) fn listed(&self) -> usize {
        self.local(|local| local.list.len())
    }

    pub(crate) fn is_closed(&self) -> bool {
        // ORDERING: Relaxed: a hint that ends spawning early. What decides is the inbox, whose close
        // is ordered against every push.
        self.closed.load(Relaxed)
    }

    pub(crate) fn close(&self) {
        // ORDERING: Relaxed, see `is_closed`.
        self.closed.store(true, Relaxed);
    }

    /// Ends the inbox; pushes fail from now on.
    pub(crate) fn close_inbox(&self) {
        self.inbox.close();
    }
}

/// Every task's schedule function: called by whoever woke it, on any thread.
#[inline]
pub(crate) fn schedule(task: Ready) {
    let shared = task.metadata();
    if shared.is_owner() && !shared.bell.is_armed() {
        let shared: *const Shared = Arc::as_ptr(shared);
        // SAFETY: `task` keeps the `Shared` alive until it is in the queue, and from there on until
        // this thread takes it out (invariants 4 and 1); nothing is touched after the push.
        let shared = unsafe { &*shared };
        // SAFETY: this is the owner's thread, checked above.
        unsafe { shared.local_unchecked(|local| local.ready.push_back(task)) };
    } else {
        schedule_asleep(task);
    }
}

/// The executor sleeps, or this is another thread.
#[cold]
fn schedule_asleep(task: Ready) {
    // Once pushed, the task may be run and freed at any time, and the executor with it.
    let shared = Arc::clone(task.metadata());
    if shared.is_owner() {
        shared.local(|local| local.ready.push_back(task));
        shared.bell.ring();
    } else if shared.inbox.push(task).is_ok() {
        shared.bell.ring_remote();
    }
    // Otherwise a spawn lost a race with the executor's end: the runnable came back in the error, and
    // dropping it dropped a future that is `Send` (invariant 3).
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("owner", &self.owner)
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
