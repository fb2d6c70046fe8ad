//! A slot for the waker of one waiter.
//!
//! # States
//! ```text
//!            register: claim             register: release
//!   EMPTY ───────────────────▶ REGISTERING ───────────────▶ REGISTERED
//!     ▲  ▲                       ▲   │ take: sets WAKING        │  │
//!     │  │                       └───┼──────────────────────────┘  │ take: sets WAKING
//!     │  │ register: release, wakes  ▼         register: claim     ▼
//!     │  └───────────── REGISTERING+WAKING             REGISTERED+WAKING
//!     └──────────────────────────────────────────────────────────┘ take: release
//! ```
//! `WAKING` alone is a `take` that found nothing, when its first guess was wrong.
//!
//! Who alone registers goes from `EMPTY` to `REGISTERED` and back in one step each: `register_alone`, `unregister_alone`.
//!
//! # Invariants
//! 1. `slot` is touched only by the thread that claimed it: by the compare-exchange to `REGISTERING`, or by setting
//!    `WAKING` where `REGISTERED` alone was set; until that thread's release. And by who alone registers, while
//!    `REGISTERED` is not set: a `take` stays away then. (That one also looks, in `REGISTERED`, at the bits of the waker,
//!    which nobody else writes.)
//! 2. `slot` holds a waker exactly in the states with `REGISTERED`, and elsewhere only while somebody who may touch it
//!    is about to publish it or has just taken it back.
//! 3. No user code (a waker's clone, wake, drop) runs between a claim and its release.
//! 4. Each registration ends stored, replaced by a later one, taken back, or woken.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries | Model |
//! |---|---|---|---|---|
//! | register → take | `release`, `fill_alone` | `take` sets `WAKING` | the waker | `register_then_look_meets_set_then_wake` |
//! | take → register | `take` swaps to `EMPTY` | `claim`, `register_alone` | the emptied slot, the caller's condition | `a_wake_during_a_second_registration_wakes_the_second_or_is_seen`, `who_alone_registers_writes_no_slot_that_is_read` |
//! | take that found another at work → register | `take` sets `WAKING`, kept by the swap | `claim` | its caller's condition | `a_wake_during_a_wake_is_carried_on` |
//! | take that found nobody → register | `take` writes `EMPTY` again | `claim`, `fill_alone` | its caller's condition | `register_then_look_meets_set_then_wake` |
//! | take beside register → the woken task | `take` sets `WAKING`, swaps | `claim`, `fill_alone` fail, `release` swaps | its caller's condition | `a_task_that_is_woken_sees_the_condition` |
//!
//! One atomic that both sides read-modify-write, so nothing is `SeqCst`. Who alone registers the same waker again only
//! looks: its read-modify-write is that of the registration that still stands. A `take` after that one has its waker, one
//! before it was acquired by it. (A poll that was caused by a wake comes after that wake, so that it sees that nobody is
//! registered any more; one that was not sees an old state at most until the wake that is on its way.)
//!
//! # Progress
//! Wait-free: no loop. A `register` that meets a `take` or another `register` at work wakes its own task
//! instead of waiting for it; if that other thread is stopped there, the task is polled until it goes on.
//! Measured in `tests/progress.rs`.
//!
//! # Cost
//! 24 bytes, no allocation. Locked instructions: `wake` and `take` with nobody registered 1, else 2;
//! `register` 2 (also when the same task comes again, which then clones nothing), 4 in place of another
//! waker; `register_alone` 1, when the same task comes again 0, in place of another waker 4; `unregister_alone` 1.
//!
//! # Sources
//! `AtomicWaker` of futures (Alex Crichton, Carl Lerche, 2016) with three changes: the waker is cloned
//! before the claim, a registration that cannot be stored is woken instead of ignored, and a `wake` that
//! finds nobody is one instruction. Its bugs are models here (futures PR 868, tokio PR 7450).
//! That one who alone registers needs no claim, and has to promise it, is from diatomic-waker (Serge Barral).

use core::fmt;
use core::mem::MaybeUninit;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::task::Waker;

use crate::primitive::Ordering::*;
use crate::primitive::{AtomicU32, UnsafeCell};

/// Nobody is registered and nobody touches the slot.
const EMPTY: u32 = 0;
/// The slot holds a waker and nobody touches it.
const REGISTERED: u32 = 1;
/// A `register` owns the slot.
const REGISTERING: u32 = 2;
/// Alone or with `REGISTERED`: a `take` owns the slot. With `REGISTERING`: a `take` came by and left
/// its wake-up to the `register`.
const WAKING: u32 = 4;

/// Holds the waker of one waiter for any number of notifiers.
///
/// Whoever waits calls [`register`](Self::register) and then looks at its condition (again); whoever
/// makes the condition true does so and then calls [`wake`](Self::wake). One of the two then sees the
/// other. The last registration wins: for many waiters there is [`WaitQueue`](crate::WaitQueue).
///
/// A woken task may find its condition still false: wake-ups can be spurious.
///
/// # Examples
///
/// ```
/// use hyperia_wait::{WakerCell, block_on};
/// use std::future::poll_fn;
/// use std::sync::atomic::AtomicBool;
/// use std::sync::atomic::Ordering::{Acquire, Release};
/// use std::task::Poll;
///
/// let (cell, ready) = (WakerCell::new(), AtomicBool::new(false));
/// std::thread::scope(|scope| {
///     scope.spawn(|| {
///         ready.store(true, Release); // may be seen before the wake-up
///         cell.wake();
///     });
///     block_on(poll_fn(|cx| {
///         cell.register(cx.waker()); // first
///         if ready.load(Acquire) { Poll::Ready(()) } else { Poll::Pending } // second
///     }));
/// });
/// ```
pub struct WakerCell {
    /// See the constants above.
    state: AtomicU32,
    /// Who may touch it says invariant 1.
    slot: UnsafeCell<MaybeUninit<Waker>>,
}

// SAFETY: by invariant 1 `slot` is not read and written at one time, `state` orders all accesses, and a `Waker` may be used
// and dropped on any thread.
unsafe impl Sync for WakerCell {}
// SAFETY: a `Waker` may be sent, and nothing in here refers to a thread.
unsafe impl Send for WakerCell {}

// No user code runs while the slot is claimed, so a panic cannot leave the cell half-changed.
impl UnwindSafe for WakerCell {}
impl RefUnwindSafe for WakerCell {}

impl WakerCell {
    /// Creates a cell without a waker.
    #[cfg(not(hyperia_loom))]
    pub const fn new() -> Self {
        Self {
            state: AtomicU32::new(EMPTY),
            slot: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Creates a cell without a waker.
    #[cfg(hyperia_loom)]
    pub fn new() -> Self {
        Self {
            state: AtomicU32::new(EMPTY),
            slot: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Stores a clone of `waker`, in place of the one registered before.
    ///
    /// Look at the awaited condition after this call: a `wake` that came before it is not remembered.
    /// When a `wake` or another registration is at work at the same time, `waker` may be woken at once.
    ///
    /// # Panics
    ///
    /// If the waker's clone or wake does, or the drop of the one before; the cell stays usable, and in the
    /// last case `waker` is registered, or was woken.
    pub fn register(&self, waker: &Waker) {
        // ORDERING: only a guess which path is shorter; the claims check it.
        if self.state.load(Relaxed) == REGISTERED {
            return self.register_again(waker);
        }
        self.fill(waker);
    }

    /// Registers where a waker was registered a moment ago.
    fn register_again(&self, waker: &Waker) {
        if !self.claim(REGISTERED) {
            return waker.wake_by_ref();
        }
        // SAFETY: `claim` made this thread the owner of the slot (invariant 1), in a state in which it holds a waker.
        if unsafe { self.is_same(waker) } {
            self.release(REGISTERED);
            return;
        }
        // SAFETY: as above; the state says from now on that the slot is empty, or is about to.
        let old = unsafe { self.move_out() };
        if self.release(EMPTY) {
            // A `take` came by and found nothing: it was meant for this one.
            old.wake();
            return self.fill(waker);
        }
        self.fill(waker);
        // Last, so that a panic in there comes after the registration.
        drop(old);
    }

    /// Registers where nobody was registered a moment ago.
    #[inline]
    fn fill(&self, waker: &Waker) {
        // User code, so it runs before the claim.
        let new = waker.clone();
        if !self.claim(EMPTY) {
            return waker.wake_by_ref();
        }
        // SAFETY: `claim` made this thread the owner of the slot (invariant 1), which is empty in state `EMPTY`
        // (invariant 2).
        unsafe { self.move_in(new) };
        self.release(REGISTERED);
    }

    /// [`register`](Self::register) for who is the only one that registers here: one read-modify-write, and none if the
    /// same task comes again.
    ///
    /// Returns `true` only if the last thing it did to the cell was a read-modify-write that stored the waker, for who has to put a
    /// sequentially consistent fence behind it, as [`is_registered`](Self::is_registered) asks for: on some processors it
    /// is one.
    ///
    /// # Safety
    ///
    /// No other call that registers or unregisters is under way: each happens before the next.
    ///
    /// # Panics
    ///
    /// As [`register`](Self::register).
    ///
    /// # Examples
    ///
    /// ```
    /// use hyperia_wait::WakerCell;
    /// use std::sync::Arc;
    /// use std::task::Waker;
    ///
    /// /// The one end that waits; the others have the `Arc`, and wake.
    /// struct Receiver(Arc<WakerCell>);
    ///
    /// impl Receiver {
    ///     fn wait_with(&mut self, waker: &Waker) {
    ///         // SAFETY: there is one receiver, it is borrowed mutably, and nobody else registers.
    ///         unsafe { self.0.register_alone(waker) };
    ///     }
    ///
    ///     fn give_up(&mut self) {
    ///         // SAFETY: as above.
    ///         drop(unsafe { self.0.unregister_alone() });
    ///     }
    /// }
    /// # let mut receiver = Receiver(Arc::default());
    /// # receiver.wait_with(Waker::noop());
    /// # receiver.give_up();
    /// # assert!(receiver.0.take().is_none());
    /// ```
    #[inline]
    pub unsafe fn register_alone(&self, waker: &Waker) -> bool {
        // ORDERING: Acquire pairs with the Release of a `take`, which is done with the slot.
        match self.state.load(Acquire) {
            // SAFETY: by the contract, nobody else makes anything but `WAKING` of this state.
            EMPTY => unsafe { self.fill_alone(waker) },
            // It stays registered, or a `take` has it by now and wakes it: then there will be another poll.
            // SAFETY: a call before this one, by the contract, has moved a waker in, and nobody else writes the slot. A
            // `take` may have moved it out: then these are the bits of a waker that is about to be woken.
            REGISTERED if unsafe { self.is_same(waker) } => false,
            // Another waker; or a `take` is at work.
            _ => {
                self.register(waker);
                false
            }
        }
    }

    /// Registers in state `EMPTY`. Returns whether it did, and did not have to wake the task instead.
    ///
    /// # Safety
    ///
    /// That of `register_alone`, and the state was `EMPTY`, acquired.
    #[inline]
    unsafe fn fill_alone(&self, waker: &Waker) -> bool {
        // User code, so it runs before the slot is touched.
        let new = waker.clone();
        // SAFETY: a `take` touches the slot only where `REGISTERED` is set, which nobody else sets; it holds nothing.
        unsafe { self.move_in(new) };
        // ORDERING: Release publishes the waker to the `take` that finds it; Acquire pairs with each `take` that found
        // nobody, whose caller's condition must be seen after this registration. On failure the task is woken by
        // itself, and must see the condition of the `take` that is at work: Acquire.
        let published = self
            .state
            .compare_exchange(EMPTY, REGISTERED, AcqRel, Acquire);
        if published.is_err() {
            // SAFETY: it was moved in above, and nobody has seen it.
            let _new = unsafe { self.move_out() };
            waker.wake_by_ref();
        }
        published.is_ok()
    }

    /// Takes the waker back, for who is the only one that registers here; `None` if it is gone, or a `take` is just about to
    /// have it.
    ///
    /// # Safety
    ///
    /// That of [`register_alone`](Self::register_alone).
    #[inline]
    pub unsafe fn unregister_alone(&self) -> Option<Waker> {
        // ORDERING: a look that saves the attempt where it would fail.
        if self.state.load(Relaxed) != REGISTERED {
            return None;
        }
        // ORDERING: Relaxed: what is in the slot was moved in by a call before this one, by the contract, and the next one
        // comes after it. A read-modify-write, which keeps what the `take`s before it have released.
        self.state
            .compare_exchange(REGISTERED, EMPTY, Relaxed, Relaxed)
            .ok()?;
        // SAFETY: it held a waker (invariant 2); no `take` has it, and none looks for it any more.
        Some(unsafe { self.move_out() })
    }

    /// Returns whether a waker is registered or about to be, to save a [`wake`](Self::wake) that would find nobody.
    ///
    /// A `wake` is a read-modify-write, so that whoever looks afterwards sees the other. This is a plain look: it
    /// may stand in front of `wake` only if both sides put a sequentially consistent fence between what they do and
    /// what they look at. It pays where one such fence serves several looks, or where many threads would write
    /// the cell.
    ///
    /// # Examples
    ///
    /// ```
    /// use hyperia_wait::{WakerCell, block_on};
    /// use std::future::poll_fn;
    /// use std::sync::atomic::Ordering::{Acquire, Release, SeqCst};
    /// use std::sync::atomic::{AtomicBool, fence};
    /// use std::task::Poll;
    ///
    /// let (cell, ready) = (WakerCell::new(), AtomicBool::new(false));
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| {
    ///         ready.store(true, Release);
    ///         fence(SeqCst); // `ready` before the look at the cell
    ///         if cell.is_registered() {
    ///             cell.wake();
    ///         }
    ///     });
    ///     block_on(poll_fn(|cx| {
    ///         cell.register(cx.waker());
    ///         fence(SeqCst); // the cell before the look at `ready`
    ///         if ready.load(Acquire) { Poll::Ready(()) } else { Poll::Pending }
    ///     }));
    /// });
    /// ```
    #[inline]
    pub fn is_registered(&self) -> bool {
        // ORDERING: a look that the caller's fence orders.
        self.state.load(Relaxed) != EMPTY
    }

    /// Wakes the registered waker, if there is one, and forgets it.
    ///
    /// The woken task sees what the caller did before.
    ///
    /// # Panics
    ///
    /// If the waker does.
    pub fn wake(&self) {
        if let Some(waker) = self.take() {
            waker.wake();
        }
    }

    /// Removes the registered waker, to wake it after a lock was released, or not at all.
    ///
    /// A registration that is at work at the same time may wake its waker instead of storing it.
    pub fn take(&self) -> Option<Waker> {
        // ORDERING: a guess that saves the second read-modify-write; the compare-exchange checks it.
        if self.state.load(Relaxed) == EMPTY
            // ORDERING: writes nothing new, but Release makes the caller's condition visible to the
            // Acquire claim of the next `register`, which comes later in the order of `state`.
            && self.state.compare_exchange(EMPTY, EMPTY, Release, Relaxed).is_ok()
        {
            return None;
        }
        // ORDERING: Acquire pairs with the Release of the `register` that stored the waker; Release
        // carries the caller's condition to whoever next claims, or finds this bit.
        let before = self.state.fetch_or(WAKING, AcqRel);
        if before & (REGISTERING | WAKING) != 0 {
            return None;
        }
        // SAFETY: it is there (invariant 2), no claim was there, and the bit set above is one (invariant 1). Where
        // nobody is registered, the slot is not touched: one who alone registers may be writing it.
        let waker = (before == REGISTERED).then(|| unsafe { self.move_out() });
        // ORDERING: Release hands the emptied slot to the next claim. A read-modify-write, not a store:
        // it keeps the release sequence of a `take` that found the bit set and left.
        self.state.swap(EMPTY, Release);
        waker
    }

    /// Tries to own the slot, found in state `from`.
    fn claim(&self, from: u32) -> bool {
        // ORDERING: Acquire pairs with every release of the slot, and with every `take` that came
        // before, whose caller's condition must be seen after this registration. On failure the task is
        // woken instead, by itself, and must see the condition of the `take` that was in the way: Acquire.
        self.state
            .compare_exchange(from, REGISTERING, Acquire, Acquire)
            .is_ok()
    }

    /// Gives up the slot owned by `register`. Returns whether a `take` came by meanwhile: then the slot
    /// is empty and what was in it has been woken.
    fn release(&self, to: u32) -> bool {
        // ORDERING: Release publishes the slot to the next claim. The failure is followed by the swap.
        if self
            .state
            .compare_exchange(REGISTERING, to, Release, Relaxed)
            .is_ok()
        {
            return false;
        }
        // SAFETY: `REGISTERING` is still set, so this thread still owns the slot, and has moved a waker in.
        let waker = (to == REGISTERED).then(|| unsafe { self.move_out() });
        // ORDERING: Release publishes the emptied slot; Acquire pairs with the `take`s that left their
        // bit, so that the task woken below sees their callers' conditions.
        self.state.swap(EMPTY, AcqRel);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// # Safety
    ///
    /// The slot holds nothing, and by invariant 1 the caller may write it.
    #[inline]
    unsafe fn move_in(&self, waker: Waker) {
        self.slot.with_mut(|slot| {
            // SAFETY: by the contract nobody else touches it.
            unsafe { slot.write(MaybeUninit::new(waker)) };
        });
    }

    /// Only reads: one who alone registers may be looking at the bits.
    ///
    /// # Safety
    ///
    /// The slot holds a waker, which by invariant 1 the caller may move out, and the caller says so in the state before
    /// anybody else may.
    #[inline]
    unsafe fn move_out(&self) -> Waker {
        // SAFETY: by the contract it is initialized, and moved out once.
        self.slot.with(|slot| unsafe { (*slot).assume_init_read() })
    }

    /// Whether the bits in the slot are those of a waker like this.
    ///
    /// # Safety
    ///
    /// A waker was moved into the slot, and nobody writes it.
    #[inline]
    unsafe fn is_same(&self, waker: &Waker) -> bool {
        // SAFETY: initialized, by the contract; `will_wake` looks at nothing but the bits.
        self.slot
            .with(|slot| unsafe { (*slot).assume_init_ref().will_wake(waker) })
    }
}

impl Drop for WakerCell {
    fn drop(&mut self) {
        // ORDERING: Relaxed: `&mut self` comes after every call.
        if self.state.load(Relaxed) == REGISTERED {
            // SAFETY: it is there (invariant 2), and nobody else has the cell.
            drop(unsafe { self.move_out() });
        }
    }
}

impl Default for WakerCell {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WakerCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WakerCell").finish_non_exhaustive()
    }
}
