//! What one acquisition does.

use core::marker::PhantomPinned;
use core::mem::{self, MaybeUninit};
use core::pin::Pin;
use core::task::{Poll, Waker};

use hyperia_wait::Backoff;
use hyperia_wait::list::{self, Linked, Links};

use super::Semaphore;
use crate::primitive::Ordering::*;
use crate::primitive::{AtomicU32, UnsafeCell};

/// Not polled yet: in no list.
const INIT: u32 = 0;
/// Linked, with a waker.
pub(super) const WAITING: u32 = 1;
/// Linked, told to try, without a waker.
pub(super) const WOKEN: u32 = 2;
/// Has its permits; in no list.
pub(super) const GRANTED: u32 = 3;
/// The output was returned.
const DONE: u32 = 4;

/// What one acquisition puts into the line. Lies in its pinned future, which calls [`give_up`](Self::give_up) in its drop.
pub(crate) struct Waiter {
    /// Touched with the lock held.
    links: UnsafeCell<Links<Self>>,
    /// Written by the owner: before it links the waiter, or with the lock held. Read by whoever wakes it,
    /// with the lock held, once, moving the waker out; and by the owner at any time, as bits only.
    pub(super) waker: UnsafeCell<MaybeUninit<Waker>>,
    /// Changed with the lock held while it is `WAITING` or `WOKEN`; otherwise the owner's.
    pub(super) status: AtomicU32,
    /// How many permits.
    pub(super) need: u32,
    /// The list points at it.
    _pinned: PhantomPinned,
}

// SAFETY: what other threads reach of the waiter is guarded by the lock or by `status`, and what it holds, a
// waker, may be used and dropped anywhere.
unsafe impl Send for Waiter {}
// SAFETY: `&Waiter` gives access to `status` and `need` only, an atomic and a number.
unsafe impl Sync for Waiter {}

// SAFETY: `links` is reached here alone.
unsafe impl Linked for Waiter {
    unsafe fn links(waiter: *const Self) -> Links<Self> {
        // SAFETY: the waiter is alive, and the lock excludes every other access (caller).
        unsafe { (*waiter).links.with(|links| *links) }
    }

    unsafe fn set_next(waiter: *const Self, next: *const Self) {
        // SAFETY: the waiter is alive, and the lock excludes every other access (caller).
        unsafe { (*waiter).links.with_mut(|links| (*links).next = next) }
    }

    unsafe fn set_prev(waiter: *const Self, prev: *const Self) {
        // SAFETY: the waiter is alive, and the lock excludes every other access (caller).
        unsafe { (*waiter).links.with_mut(|links| (*links).prev = prev) }
    }
}

/// Under the model checker the end of a waiter is an exclusive access to all of it: whoever touches it later,
/// or unordered, is found.
#[cfg(hyperia_loom)]
impl Drop for Waiter {
    fn drop(&mut self) {
        self.links.with_mut(|_| ());
        self.waker.with_mut(|_| ());
        self.status.with_mut(|_| ());
    }
}

impl Waiter {
    #[inline]
    pub(crate) fn new(need: u32) -> Self {
        Self {
            links: UnsafeCell::new(Links::new()),
            waker: UnsafeCell::new(MaybeUninit::uninit()),
            status: AtomicU32::new(INIT),
            need,
            _pinned: PhantomPinned,
        }
    }

    /// Polls for the permits, which the caller has then.
    ///
    /// # Panics
    ///
    /// If it is polled again after it was ready.
    #[inline]
    pub(crate) fn poll(self: Pin<&mut Self>, semaphore: &Semaphore, waker: &Waker) -> Poll<()> {
        let need = self.need;
        self.poll_trying(semaphore, waker, || semaphore.try_take(need))
    }

    /// The same; the first poll begins with `try_take`.
    #[inline]
    pub(crate) fn poll_trying(
        self: Pin<&mut Self>,
        semaphore: &Semaphore,
        waker: &Waker,
        try_take: impl FnOnce() -> Result<(), u64>,
    ) -> Poll<()> {
        // Everything in here is reached through shared references, since others may look at it.
        let this = self.as_ref().get_ref();
        // ORDERING: `INIT` is the owner's own.
        if this.status.load(Relaxed) != INIT {
            return this.poll_further(semaphore, waker);
        }
        match try_take() {
            Ok(()) => this.done(),
            Err(word) => this.start(semaphore, waker, word),
        }
    }

    /// Gives up, if it has begun and is not done. To be called before it goes, with the same semaphore as `poll`.
    #[inline]
    pub(crate) fn give_up(&self, semaphore: &Semaphore) {
        // ORDERING: these two are the owner's own; others are looked at again.
        if !matches!(self.status.load(Relaxed), INIT | DONE) {
            self.leave(semaphore);
        }
    }

    /// Whether the permits were handed out.
    pub(crate) fn is_done(&self) -> bool {
        // ORDERING: `DONE` is written by the owner, who is the only one to ask.
        self.status.load(Relaxed) == DONE
    }

    #[inline]
    fn done(&self) -> Poll<()> {
        // ORDERING: the waiter is in no list: the owner's alone.
        self.status.store(DONE, Relaxed);
        Poll::Ready(())
    }

    /// The first poll, which found nothing to take in `word`: takes, or joins the line.
    fn start(&self, semaphore: &Semaphore, waker: &Waker, word: u64) -> Poll<()> {
        // User code, so it runs before the lock is taken.
        let own = waker.clone();
        let mut locked = semaphore.lock_from(word, &mut Backoff::new());
        if let Some(taken) = semaphore.newcomer(locked.word, self.need) {
            locked.word = taken;
            drop(locked);
            // ORDERING: in no list: the owner's alone. If dropping the waker panics, this lets `drop` give the
            // permits back.
            self.status.store(GRANTED, Relaxed);
            drop(own);
            return self.done();
        }
        // SAFETY: the waiter is in no list yet, so it is this thread's alone.
        self.waker
            .with_mut(|slot| unsafe { *slot = MaybeUninit::new(own) });
        // ORDERING: published by the unlock.
        self.status.store(WAITING, Relaxed);
        // SAFETY: the lock is held, what is linked is alive (invariant 2); this one is in no list, and pinned
        // until `drop` has unlinked it.
        unsafe { list::push_back(&mut locked.head, &raw const *self) };
        Poll::Pending
    }

    /// A later poll of one who was not told anything: keeps the waker up to date.
    fn resume(&self, semaphore: &Semaphore, waker: &Waker) -> Poll<()> {
        // SAFETY: the slot was written before the waiter was linked, and only this owner writes it. The
        // waker may have been moved out: then these are the bits of one that is about to be woken, and
        // `will_wake` looks at nothing but these bits.
        let same = self
            .waker
            .with(|slot| unsafe { (*slot).assume_init_ref().will_wake(waker) });
        if same {
            return Poll::Pending;
        }
        self.retry(semaphore, waker, Some(waker.clone()))
    }

    /// Takes the permits if they are there and it is this one's turn; otherwise waits, with this waker.
    ///
    /// `own` is a clone of the waker, if there is one already.
    fn retry(&self, semaphore: &Semaphore, waker: &Waker, mut own: Option<Waker>) -> Poll<()> {
        loop {
            let mut locked = semaphore.lock();
            // ORDERING: changed with the lock held, so taking the lock was the Acquire.
            match self.status.load(Relaxed) {
                GRANTED => {
                    drop(locked);
                    drop(own);
                    return self.done();
                }
                WOKEN if self.need <= locked.permits() => {
                    locked.take(self.need);
                    // SAFETY: it is linked until here.
                    unsafe { locked.unlink(&raw const *self) };
                    // ORDERING: in no list any more: the owner's alone. If a waker panics below, this lets
                    // `drop` give the permits back.
                    self.status.store(GRANTED, Relaxed);
                    semaphore.serve(locked);
                    drop(own);
                    return self.done();
                }
                status => {
                    let Some(new) = own.take() else {
                        // User code, so it runs without the lock.
                        drop(locked);
                        own = Some(waker.clone());
                        continue;
                    };
                    let slot = MaybeUninit::new(new);
                    // SAFETY: the lock is held; the slot is this owner's to write.
                    let old = self
                        .waker
                        .with_mut(|place| unsafe { mem::replace(&mut *place, slot) });
                    // ORDERING: the unlock below publishes it, with the waker.
                    self.status.store(WAITING, Relaxed);
                    drop(locked);
                    if status == WAITING {
                        // SAFETY: it was `WAITING`, so it had a waker (invariant 3).
                        drop(unsafe { old.assume_init() });
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    /// What `drop` does if the semaphore may know of this.
    fn leave(&self, semaphore: &Semaphore) {
        let mut locked = semaphore.lock();
        // ORDERING: changed with the lock held, and this thread has it now: that whoever granted is done with the waiter,
        // and what was done with the permits, came with the lock.
        let status = self.status.load(Relaxed);
        if status == GRANTED {
            drop(locked);
            semaphore.release(self.need);
            return;
        }
        // SAFETY: `WAITING` or `WOKEN`, so it is linked.
        unsafe { locked.unlink(&raw const *self) };
        // The next one may be served now.
        semaphore.serve(locked);
        if status == WAITING {
            // SAFETY: it was `WAITING`, so it has a waker (invariant 3), and can no longer be found.
            drop(
                self.waker
                    .with(|slot| unsafe { (*slot).assume_init_read() }),
            );
        }
    }

    /// A poll that is not the first one.
    fn poll_further(&self, semaphore: &Semaphore, waker: &Waker) -> Poll<()> {
        // ORDERING: Acquire pairs with the Release in `grant`: what was done with the permits is seen, and the
        // other side is done with the waiter.
        match self.status.load(Acquire) {
            WAITING => self.resume(semaphore, waker),
            WOKEN => self.retry(semaphore, waker, None),
            GRANTED => self.done(),
            _ => panic!("polled again after it was ready"),
        }
    }
}
