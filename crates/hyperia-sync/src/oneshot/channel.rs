//! The block that the two sides of a oneshot channel share, and who may touch what of it when.
//!
//! # States
//! One word, in which each side has three bits of its own. "Me" and "the other" stand for either side.
//! ```text
//!  bit 0  VALUE      the value is in the block; set together with the sender's DONE
//!  bit 1  TX DONE    the sender has ended: has sent, or was dropped
//!  bit 2  TX WAKER   the sender's slot holds a waker, for when the receiver ends
//!  bit 3  TX GONE    the sender, which had ended, has fetched the receiver's waker, too
//!  bit 4–6           the same for the receiver
//!
//!   a side:   alive ⇄ alive+WAKER                       (registers, takes its waker back)
//!               └────┬────┘
//!                  end: sets DONE and looks at what was there before
//!                    ├─ other ended, and is done with the block:  frees it
//!                    ├─ other ended, still fetching my waker:     leaves; the other frees it
//!                    ├─ other alive, without WAKER:               leaves; the other frees it
//!                    └─ other alive, with WAKER:                  fetches that waker, sets GONE, wakes;
//!                                                                 frees it if the other has ended by then
//! ```
//!
//! # Invariants
//! 1. A WAKER bit is changed by its own side only, and by nobody once the other side is DONE. So whoever
//!    sees that the other is DONE sees in its own WAKER bit whether the other had found a waker.
//! 2. A slot is written by its own side only, while its WAKER bit is clear. The waker is moved out once: by
//!    its own side after clearing the bit, or by the other, if that found the bit set when it ended. Before
//!    that its own side may look at it.
//! 3. The value is written by the sender before it ends, and moved out once: by the receiver after it has
//!    seen VALUE, or by the sender, if the receiver had ended before.
//! 4. A side touches the block up to the read-modify-write with which it ends; beyond it only to fetch the
//!    other's waker, up to GONE, or when it is the one to free it. So with the other DONE and either my
//!    WAKER clear or its GONE set, the block is mine alone.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries | Model |
//! |---|---|---|---|---|
//! | sender ends → receiver | `end` | `state`, `change` fails, `end` | the value | `a_value_arrives`, `rustsec_2021_0124_…` |
//! | register → other ends | `change` sets WAKER | `end` | the waker | `a_value_arrives` |
//! | end → other frees | `end`, `leave` | `end`, `leave`, `state` | that this side is done with the block | `a_waiting_receiver_gets_the_value_while_it_is_woken` |
//!
//! # Progress
//! Lock-free, and wait-free but for `register` and `unregister`, which try again if the other side registers
//! or ends at that moment: it can do so a few times only. Nobody waits for the other side: a block that is
//! still in use there is left to it.

use alloc::boxed::Box;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::task::Waker;

use crate::primitive::Ordering::*;
use crate::primitive::{AtomicU32, UnsafeCell};

/// The value is in the block.
pub(super) const VALUE: u32 = 1;

/// One side, as a type: what it does is compiled for its own bits.
pub(super) trait Side {
    /// See the table of states.
    const DONE: u32;
    const WAKER: u32;
    const GONE: u32;
    /// The index of its waker.
    const SLOT: usize;
    type Other: Side;

    /// Whether `state` says that the other side has ended.
    fn is_alone(state: u32) -> bool {
        state & Self::Other::DONE != 0
    }
}

/// The sender.
pub(super) enum Tx {}

impl Side for Tx {
    const DONE: u32 = 1 << 1;
    const WAKER: u32 = 1 << 2;
    const GONE: u32 = 1 << 3;
    const SLOT: usize = 0;
    type Other = Rx;
}

/// The receiver.
pub(super) enum Rx {}

impl Side for Rx {
    const DONE: u32 = 1 << 4;
    const WAKER: u32 = 1 << 5;
    const GONE: u32 = 1 << 6;
    const SLOT: usize = 1;
    type Other = Tx;
}

/// What the two sides share.
pub(super) struct Channel<T> {
    state: AtomicU32,
    /// Initialized while `VALUE` is set and nobody has moved it out (invariant 3).
    value: UnsafeCell<MaybeUninit<T>>,
    /// By `Side::SLOT`; see invariant 2.
    wakers: [UnsafeCell<MaybeUninit<Waker>>; 2],
}

/// Under the model checker the end of the block is an exclusive access to all of it: whoever touches it
/// later, or unordered, is found.
#[cfg(hyperia_loom)]
impl<T> Drop for Channel<T> {
    fn drop(&mut self) {
        #[cfg(test)]
        super::loom::LIVE.with(|live| live.set(live.get() - 1));
        self.value.with_mut(|_| ());
        self.wakers[0].with_mut(|_| ());
        self.wakers[1].with_mut(|_| ());
        self.state.with_mut(|_| ());
    }
}

/// How a side has ended.
pub(super) enum End {
    /// The other side goes on, and frees the block. This is its waker.
    First(Option<Waker>),
    /// The other side has ended before, with what `state` says, and the block is this side's alone: it
    /// frees it.
    Last(u32),
}

impl<T> Channel<T> {
    pub(super) fn new() -> NonNull<Self> {
        #[cfg(all(test, hyperia_loom))]
        super::loom::LIVE.with(|live| live.set(live.get() + 1));
        let channel = Box::new(Self {
            state: AtomicU32::new(0),
            value: UnsafeCell::new(MaybeUninit::uninit()),
            wakers: [
                UnsafeCell::new(MaybeUninit::uninit()),
                UnsafeCell::new(MaybeUninit::uninit()),
            ],
        });
        NonNull::from(Box::leak(channel))
    }

    /// What both sides have done so far.
    pub(super) fn state(&self) -> u32 {
        // ORDERING: Acquire pairs with the Release of an `end` that is seen: the value, or that the other
        // side is done with the block.
        self.state.load(Acquire)
    }

    /// Registers `waker` for the end of the other side.
    ///
    /// # Errors
    ///
    /// The state, if the other side has ended.
    #[inline]
    pub(super) fn register<Me: Side>(&self, waker: &Waker) -> Result<(), u32> {
        let state = self.state();
        if Me::is_alone(state) {
            return Err(state);
        }
        self.register_while_open::<Me>(waker, state)
    }

    /// Registers `waker` where the other side had not ended a moment ago, in `state`.
    #[cold]
    fn register_while_open<Me: Side>(&self, waker: &Waker, state: u32) -> Result<(), u32> {
        if state & Me::WAKER != 0 {
            return self.register_again::<Me>(waker);
        }
        // User code, so it runs before anything is changed.
        self.publish::<Me>(waker.clone(), state)
    }

    /// Registers `waker` where one is registered already.
    fn register_again<Me: Side>(&self, waker: &Waker) -> Result<(), u32> {
        // SAFETY: the bit says that a waker was written, by this side. The other one may be moving it out:
        // then these are the bits of a waker about to be woken, and `will_wake` looks at nothing but them.
        let same = self.wakers[Me::SLOT]
            .with(|slot| unsafe { (*slot).assume_init_ref().will_wake(waker) });
        if same {
            return Ok(());
        }
        // User code, so it runs before anything is changed.
        let new = waker.clone();
        // Dropped at the end: a panic in there comes after the registration.
        let _old = self.unregister::<Me>()?;
        self.publish::<Me>(new, self.state())
    }

    /// Puts `waker` into the empty slot of `Me` and sets its bit; the state was `state` a moment ago.
    fn publish<Me: Side>(&self, waker: Waker, state: u32) -> Result<(), u32> {
        // SAFETY: the WAKER bit is clear, so the slot is this side's, and empty (invariant 2).
        self.wakers[Me::SLOT].with_mut(|slot| unsafe { *slot = MaybeUninit::new(waker) });
        self.change::<Me>(state, |state| state | Me::WAKER)
            .inspect_err(|_| {
                // SAFETY: the bit was not set, so nobody else has seen the waker (invariant 2).
                drop(unsafe { self.take_waker::<Me>() });
            })
    }

    /// Whether this side has a waker registered, or had one that the other side has found.
    #[inline]
    pub(super) fn is_registered<Me: Side>(&self) -> bool {
        // ORDERING: Relaxed: the bit is changed by this side only (invariant 1).
        self.state.load(Relaxed) & Me::WAKER != 0
    }

    /// Takes this side's waker back, if there is one.
    ///
    /// # Errors
    ///
    /// The state, if the other side has ended: the waker, if any, is that side's.
    #[inline]
    pub(super) fn unregister<Me: Side>(&self) -> Result<Option<Waker>, u32> {
        let state = self.state();
        if state & Me::WAKER == 0 {
            return Ok(None);
        }
        self.unregister_from::<Me>(state)
    }

    /// Takes back the waker that was there a moment ago, in `state`.
    #[cold]
    fn unregister_from<Me: Side>(&self, state: u32) -> Result<Option<Waker>, u32> {
        self.change::<Me>(state, |state| state & !Me::WAKER)?;
        // SAFETY: this side has written the waker and has just cleared the bit (invariant 2).
        Ok(Some(unsafe { self.take_waker::<Me>() }))
    }

    /// Changes the state, which was `state` a moment ago, unless the other side has ended.
    fn change<Me: Side>(&self, mut state: u32, f: impl Fn(u32) -> u32) -> Result<(), u32> {
        while !Me::is_alone(state) {
            // ORDERING: Release publishes a waker just written to the `end` of the other side. On failure
            // Acquire: if that is why, the state is returned and acted on as in `state`.
            match self
                .state
                .compare_exchange_weak(state, f(state), Release, Acquire)
            {
                Ok(_) => return Ok(()),
                Err(seen) => state = seen,
            }
        }
        Err(state)
    }

    /// # Safety
    ///
    /// The slot of `Of` holds a waker, and the caller is the one to move it out (invariant 2).
    unsafe fn take_waker<Of: Side>(&self) -> Waker {
        // SAFETY: passed on from the caller.
        self.wakers[Of::SLOT].with(|slot| unsafe { (*slot).assume_init_read() })
    }

    /// Puts the value in.
    ///
    /// # Safety
    ///
    /// The caller is the sender, which has not ended, and does this once.
    pub(super) unsafe fn put(&self, value: T) {
        // SAFETY: before it ends nobody but the sender touches the value (invariant 3).
        self.value
            .with_mut(|slot| unsafe { *slot = MaybeUninit::new(value) });
    }

    /// Moves the value out.
    ///
    /// # Safety
    ///
    /// The value is there, and the caller is the one to move it out (invariant 3).
    pub(super) unsafe fn take(&self) -> T {
        // SAFETY: passed on from the caller.
        self.value
            .with(|slot| unsafe { (*slot).assume_init_read() })
    }
}

/// Ends the side `Me`, which has no waker registered, together with what `with` says.
///
/// # Safety
///
/// The side `Me` of `channel` has not ended yet, and does not touch the block after this, unless the
/// answer is `Last`: then it may go on, and must [`free`] it. Its WAKER bit is clear.
pub(super) unsafe fn end<Me: Side, T>(channel: NonNull<Channel<T>>, with: u32) -> End {
    // SAFETY: the block is alive until both sides have ended, and this one has not (caller).
    let block = unsafe { channel.as_ref() };
    // ORDERING: Release publishes the value, and that this side is done with the block, to whoever sees
    // the bit; Acquire pairs with the `register` or the `end` of the other side.
    // (An addition sets bits that are clear, as these are, and is one instruction where the old value is wanted.)
    let before = block.state.fetch_add(Me::DONE | with, AcqRel);
    if Me::is_alone(before) {
        // The other side has ended, and found no waker of this one: the block is this side's alone
        // (invariant 4).
        return End::Last(before);
    }
    if before & Me::Other::WAKER == 0 {
        return End::First(None);
    }
    // SAFETY: the bit was set when this side ended, so the waker is its to move out (invariant 2), and the
    // other side leaves the block alive until GONE is set (invariant 4).
    let waker = unsafe { block.take_waker::<Me::Other>() };
    // ORDERING: Release tells the other side that the waker was fetched; Acquire pairs with its `leave`,
    // if it has left meanwhile.
    if block.state.fetch_add(Me::GONE, AcqRel) & Me::Other::DONE != 0 {
        // SAFETY: the other side has left the block to this one (invariant 4).
        unsafe { free(channel) };
    }
    End::First(Some(waker))
}

/// Ends the side `Me`, which has found in `state` that the other side had ended; frees the block, or leaves it to
/// the other side, if that is still fetching the waker.
///
/// # Safety
///
/// As for [`end`], but the WAKER bit may be set, and the block is never the caller's afterwards. `state`
/// was read with Acquire.
pub(super) unsafe fn leave<Me: Side, T>(channel: NonNull<Channel<T>>, state: u32) {
    // SAFETY: the block is alive until both sides have ended, and this one has not (caller).
    let block = unsafe { channel.as_ref() };
    let gone = Me::Other::GONE;
    if state & Me::WAKER == 0
        || state & gone != 0
        // ORDERING: Release tells the other side, which then frees, that this one is done with the block;
        // Acquire pairs with its GONE, if it has fetched the waker meanwhile.
        || block.state.fetch_add(Me::DONE, AcqRel) & gone != 0
    {
        // SAFETY: the other side has ended, and has found no waker or fetched it (invariant 4).
        unsafe { free(channel) };
    }
}

/// Gives the block back. Drops nothing that is in it.
///
/// # Safety
///
/// Both sides have ended, or this is the last thing that one does, and the block is the caller's alone.
pub(super) unsafe fn free<T>(channel: NonNull<Channel<T>>) {
    // SAFETY: it came from a leaked box in `new`, and is freed once: by whom invariant 4 says.
    drop(unsafe { Box::from_raw(channel.as_ptr()) });
}
