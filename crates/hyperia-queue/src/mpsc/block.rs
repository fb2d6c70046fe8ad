//! A block of slots, and the few spent ones that are kept for the next time.

use core::mem::MaybeUninit;
use core::ptr;

use crate::aligned::{self, Allocation};
use crate::primitive::Ordering::*;
use crate::primitive::{AtomicBool, AtomicPtr, UnsafeCell};

/// Slots in a block. Small under the model checker, so that two pushes cross a boundary.
pub(super) const SLOTS: usize = if cfg!(any(hyperia_loom, hyperia_shuttle)) {
    2
} else {
    32
};

/// Spent blocks that are kept. A queue whose length moves within this many blocks does not
/// allocate.
const SPARES: usize = if cfg!(any(hyperia_loom, hyperia_shuttle)) {
    1
} else {
    4
};

/// Slots, and the way to the next block. Aligned so that a pointer to it has room for an index and
/// a flag.
#[repr(C, align(64))]
pub(super) struct Block<T> {
    slots: [Slot<T>; SLOTS],
    /// Written by whoever claimed the last slot, before publishing it; read by the consumer, after
    /// that.
    next: UnsafeCell<*mut Block<T>>,
    /// For [`Block::free`].
    start: *mut u8,
}

/// A place for one value.
///
/// Touched by the one producer that claimed it until it stores `ready = true`, from then on by the
/// consumer.
struct Slot<T> {
    /// Initialized while `ready`.
    value: UnsafeCell<MaybeUninit<T>>,
    ready: AtomicBool,
}

impl<T> Block<T> {
    /// A block without values.
    pub(super) fn new() -> *mut Self {
        let Allocation { place, start } = aligned::allocate::<Self>();
        for index in 0..SLOTS {
            // SAFETY: `index` is within the array, and the memory is ours; the fields are written, not
            // read.
            unsafe {
                (&raw mut (*place).slots[index]).write(Slot {
                    value: UnsafeCell::new(MaybeUninit::uninit()),
                    ready: AtomicBool::new(false),
                });
            }
        }
        // SAFETY: as above.
        unsafe {
            (&raw mut (*place).next).write(UnsafeCell::new(ptr::null_mut()));
            (&raw mut (*place).start).write(start);
        }
        place
    }

    /// Gives the memory back. Values that are still inside are forgotten.
    ///
    /// # Safety
    /// `block` is from [`Block::new`] and nobody else uses it, now or later.
    pub(super) unsafe fn free(block: *mut Self) {
        // SAFETY: the caller is the only one who has it, and `new` has noted where its memory begins.
        unsafe {
            let start = (*block).start;
            ptr::drop_in_place(block);
            aligned::free::<Self>(start);
        }
    }

    /// Writes `value` into a slot, without telling the consumer.
    ///
    /// # Safety
    /// The caller claimed slot `index < SLOTS` of the live block and has not published it.
    #[inline]
    pub(super) unsafe fn write(block: *const Self, index: usize, value: T) {
        debug_assert!(index < SLOTS);
        // SAFETY: the block is live and `index` within it, both by the contract.
        let slot = unsafe { (*block).slots.get_unchecked(index) };
        slot.value.with_mut(|place| {
            // SAFETY: the claim makes this thread the only one that touches the slot before it is
            // published; it holds no value, because a block comes into use with all slots empty.
            unsafe { (*place).write(value) };
        });
    }

    /// Hands a slot to the consumer. After the last one of a block the caller must not touch the
    /// block.
    ///
    /// # Safety
    /// The caller claimed slot `index < SLOTS` of the live block, has written it and, for the last
    /// slot, `next`.
    #[inline]
    pub(super) unsafe fn publish(block: *const Self, index: usize) {
        debug_assert!(index < SLOTS);
        // SAFETY: the block is live, because the consumer waits for this very slot before it
        // retires it.
        let slot = unsafe { (*block).slots.get_unchecked(index) };
        // ORDERING: Release pairs with the Acquire in `ready`: carries the value and, with the last
        // slot, `next` and the block behind it.
        slot.ready.store(true, Release);
    }

    /// How many slots are ready from `start` on, without a gap, of `limit`.
    ///
    /// # Safety
    /// The caller is the consumer, slot `start` of the live block is the oldest it has not read,
    /// and `start + limit` is at most `SLOTS`.
    #[inline]
    pub(super) unsafe fn ready(block: *const Self, start: usize, limit: usize) -> usize {
        debug_assert!(start + limit <= SLOTS);
        // SAFETY: the block is live and the range within it, both by the contract.
        let slots = unsafe { (*block).slots.get_unchecked(start..start + limit) };
        // ORDERING: Acquire pairs with the Release in `publish`: the values are there before they
        // are taken.
        slots
            .iter()
            .take_while(|slot| slot.ready.load(Acquire))
            .count()
    }

    /// Takes the value out of a slot.
    ///
    /// # Safety
    /// The caller is the consumer and has found slot `index < SLOTS` of the live block to be ready,
    /// for the first time since it was published.
    #[inline]
    pub(super) unsafe fn take(block: *const Self, index: usize) -> T {
        debug_assert!(index < SLOTS);
        // SAFETY: the block is live and `index` within it, both by the contract.
        let slot = unsafe { (*block).slots.get_unchecked(index) };
        // SAFETY: `ready` says that the slot is initialized and its producer done with it. The
        // value leaves once: the flag is cleared below, and the consumer goes on to the next slot.
        let value = slot
            .value
            .with(|place| unsafe { (*place).assume_init_read() });
        // ORDERING: Relaxed, because nobody looks at it before the block has gone through `Spares`,
        // whose Release and Acquire carry it.
        slot.ready.store(false, Relaxed);
        value
    }

    /// What stands behind this block.
    ///
    /// # Safety
    /// The block is live, and either private to the caller or read to its end by the caller, the
    /// consumer.
    pub(super) unsafe fn next(block: *const Self) -> *mut Self {
        // SAFETY: nobody writes `next` at that time: a private block is known to nobody, and in a
        // block that was read to its end it was written before the last slot was published.
        unsafe { (*block).next.with(|next| *next) }
    }

    /// Says what stands behind this block.
    ///
    /// # Safety
    /// The block is live, and either private to the caller or the caller claimed its last slot and
    /// has not published it.
    pub(super) unsafe fn set_next(block: *const Self, next: *mut Self) {
        // SAFETY: only one producer claims the last slot, and the consumer reads `next` after it
        // was published.
        unsafe { (*block).next.with_mut(|place| *place = next) };
    }
}

/// Spent blocks on their way back to producers; all their slots are empty.
pub(super) struct Spares<T>([AtomicPtr<Block<T>>; SPARES]);

impl<T> Spares<T> {
    pub(super) fn new() -> Self {
        Self(core::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())))
    }

    /// A block of the caller's own, with nothing behind it: a spent one or, if there is none, a new
    /// one.
    #[cold]
    pub(super) fn take(&self) -> *mut Block<T> {
        for place in &self.0 {
            // ORDERING: Relaxed, a look that saves the read-modify-write below where there is
            // nothing.
            if place.load(Relaxed).is_null() {
                continue;
            }
            // ORDERING: Acquire pairs with the Release in `put`: all slots were read and cleared
            // before.
            let block = place.swap(ptr::null_mut(), Acquire);
            if !block.is_null() {
                // SAFETY: the block is private to this thread now.
                unsafe { Block::set_next(block, ptr::null_mut()) };
                return block;
            }
        }
        Block::new()
    }

    /// Keeps a block for later or, if enough are kept, frees it.
    ///
    /// # Safety
    /// The block is live, all its slots are empty, and the caller is the only one that uses it.
    #[cold]
    pub(super) unsafe fn put(&self, block: *mut Block<T>) {
        for place in &self.0 {
            // ORDERING: Relaxed, a look that saves the read-modify-write below where a block is
            // already.
            let is_free = place.load(Relaxed).is_null();
            // ORDERING: Release pairs with the Acquire in `take`: carries the cleared slots. A
            // failure reads nothing.
            if is_free
                && place
                    .compare_exchange(ptr::null_mut(), block, Release, Relaxed)
                    .is_ok()
            {
                return;
            }
        }
        // SAFETY: no place took it, so it is still the caller's alone.
        unsafe { Block::free(block) };
    }
}

impl<T> Drop for Spares<T> {
    fn drop(&mut self) {
        for place in &self.0 {
            // ORDERING: Relaxed, because `&mut self` comes after every `put`.
            let block = place.load(Relaxed);
            if !block.is_null() {
                // SAFETY: blocks in here belong to nobody else, and with `&mut self` nobody can
                // take one.
                unsafe { Block::free(block) };
            }
        }
    }
}
