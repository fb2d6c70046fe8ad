//! What the handles and the sleeps of one wheel share.
//!
//! # The ring
//! The driver asks for the next deadline, waits until then, and advances. While it waits, `armed`
//! is what it waits for; a sleep that comes with an earlier deadline rings the driver's waker. From
//! the ring, or from the start of `advance`, until the driver asks again, `armed` is zero and
//! nobody rings: the driver is going to ask before it waits. So the driver's own tasks, which run
//! in between, never ring, and any number of earlier and earlier deadlines ring once.
//!
//! # Invariants
//! 1. No user code runs under the lock: no waker is cloned, woken or dropped, no clock read.
//! 2. `armed` is not later than what the driver waits for, or zero, and then the driver is awake or
//!    rung. (Whoever advances in its stead breaks that, and wakes it afterwards.)
//! 3. `next` is zero, or not after any deadline.
//!
//! # Progress
//! [`Shared`](crate::Shared): blocks while the holder of the lock is stopped; it is held for a few list
//! operations, in `advance` for as many nodes as the budget has, and a slot's. Sleeps that were never
//! pending, or have completed, are dropped without it. [`Local`](crate::Local): wait-free.

use alloc::boxed::Box;
use core::fmt;
use core::ops::DerefMut;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::task::Waker;

use hyperia_wait::WakeBatch;

use crate::bound::sealed::Sealed;
use crate::clock::Clock;
use crate::node::Link;
use crate::pinned::Pinned;
use crate::time::{NEVER, nanos};
use crate::wheel::{Batch, Budget, Levels, Nodes, Progress};

/// See the module.
pub struct Hub<B: Sealed> {
    lock: B::Lock,
    /// Woken when a deadline comes that is earlier than the one the driver waits for.
    waker: Waker,
    clock: Box<dyn Clock>,
}

// No user code runs under the lock (invariant 1), so no panic leaves what it protects in pieces.
impl<B: Sealed> UnwindSafe for Hub<B> {}
impl<B: Sealed> RefUnwindSafe for Hub<B> {}

impl<B: Sealed> Hub<B> {
    pub(crate) fn new(clock: Box<dyn Clock>, waker: Waker) -> Self {
        Self {
            lock: B::unlocked(Inner::new()),
            waker,
            clock,
        }
    }

    #[inline]
    pub(crate) fn lock(&self) -> impl DerefMut<Target = Inner> {
        B::lock(&self.lock)
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The clock's time, which is before [`NEVER`] whatever the clock shows.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        nanos(self.clock.now()).min(NEVER - 1)
    }

    /// Tells the driver to ask for the next deadline again. Never under the lock.
    #[cold]
    pub(crate) fn ring(&self) {
        self.waker.wake_by_ref();
    }
}

impl<B: Sealed> fmt::Debug for Hub<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("now", &self.clock.now())
            .finish_non_exhaustive()
    }
}

/// The wakers of one step: with sixteen in a batch, as many as the wheel hands out at once.
pub(crate) type Wakers = [WakeBatch; 4];

/// What the lock protects.
#[derive(Debug)]
pub struct Inner {
    levels: Levels<Pinned>,
    /// Empty between any two holds of the lock.
    due: Batch<Link>,
    /// The deadline the driver waits for; zero while it does not wait.
    armed: u64,
    /// The next deadline as found last, kept up since. Zero if unknown.
    next: u64,
}

impl Inner {
    fn new() -> Self {
        // SAFETY: it goes inside the lock of the hub that is being made, and nothing takes it out.
        let nodes = unsafe { Pinned::new() };
        Self {
            levels: Levels::new(nodes),
            due: Batch::new(Link::NIL),
            armed: 0,
            next: 0,
        }
    }

    /// Registers a node. Returns whether to ring the driver after unlocking.
    #[must_use]
    #[inline]
    pub(crate) fn insert(&mut self, link: Link, deadline: u64) -> bool {
        self.levels.insert(link, deadline);
        self.next = self.next.min(deadline);
        let earlier = deadline < self.armed;
        if earlier {
            self.armed = 0;
        }
        earlier
    }

    /// Takes a `LINKED` node out.
    #[inline]
    pub(crate) fn remove(&mut self, link: Link) {
        let deadline = self.levels.slots.nodes.deadline(link);
        self.levels.remove(link);
        if deadline == self.next || self.levels.is_empty() {
            self.next = 0;
        }
    }

    /// Finds the next deadline, or [`NEVER`], for a driver that is going to wait until then.
    pub(crate) fn arm(&mut self) -> u64 {
        if self.next == 0 {
            self.next = self.levels.next_deadline().unwrap_or(NEVER);
        }
        self.armed = self.next;
        self.next
    }

    /// One step of the driver's: hands out what is due at `now` and takes the wakers, as many as there is
    /// room for.
    pub(crate) fn collect(
        &mut self,
        now: u64,
        budget: &mut Budget,
        wakers: &mut Wakers,
    ) -> Progress {
        self.armed = 0;
        if self.next <= now.max(self.levels.elapsed()) {
            // It was met, or was the deadline of a sleep that was put off.
            self.next = 0;
        }
        if self.levels.idle_until(now) {
            return Progress::Done;
        }
        let mut progress = self.levels.collect(now, budget, &mut self.due);
        let now = now.max(self.levels.elapsed());
        while let Some((deadline, link)) = self.due.pop() {
            let Some(batch) = wakers.iter_mut().find(|batch| !batch.is_full()) else {
                // Batches smaller than the wheel's, as in models: the rest waits for the next step, first
                // in line, since it is overdue.
                self.levels.insert(link, deadline);
                budget.give_back();
                progress = Progress::Full;
                continue;
            };
            if let Some(waker) = self.levels.slots.nodes.fire(link, now) {
                batch.push(waker);
            }
        }
        progress
    }
}
