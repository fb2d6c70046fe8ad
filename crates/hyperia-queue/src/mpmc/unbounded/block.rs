//! A block of slots, and the few spent ones that are kept for the next time. States, invariants and
//! orderings are those of the queue.

use core::mem::MaybeUninit;
use core::ptr;

use super::position;
use crate::aligned::{self, Allocation};
use crate::primitive::Ordering::*;
use crate::primitive::{AtomicBool, AtomicUsize, UnsafeCell};

/// Slots in a block. Small under the model checker, so that three pushes cross a boundary; with fewer, none would ever be
/// ahead.
pub(super) const SLOTS: usize = if cfg!(hyperia_loom) { 3 } else { 32 };

/// The last slot of a block.
pub(super) const LAST: usize = SLOTS - 1;

/// Slots, and the way to the next block. Aligned so that a pointer to it has room for an index.
#[repr(C, align(64))]
pub(super) struct Block<T> {
    slots: [Slot<T>; SLOTS],
    /// Written by whoever claimed the last slot for a push, before publishing it; read by those who
    /// have found that slot ready and are counted in `head`.
    next: UnsafeCell<*mut Block<T>>,
    /// How many have said that they looked on at this block after it was left and look no more.
    strays: AtomicUsize,
    /// Of whoever left the block, and then of whoever holds it.
    retired: UnsafeCell<Retired<T>>,
    /// For [`Block::free`].
    start: *mut u8,
    /// Read by every access and written at the end of a use, for the model checker, who then sees an
    /// access that is late.
    #[cfg(hyperia_loom)]
    life: UnsafeCell<()>,
}

/// A place for one value.
///
/// Touched by the producer that claimed it until it stores `ready = true`; from then on by the consumer
/// that claims it, until that stores `false`.
struct Slot<T> {
    /// Initialized while `ready`.
    value: UnsafeCell<MaybeUninit<T>>,
    ready: AtomicBool,
}

/// What there is to say about a block that was left.
#[derive(Clone, Copy)]
struct Retired<T> {
    /// How many will be counted in `strays`.
    strays: usize,
    /// The next one of a chain of retired blocks.
    link: *mut Block<T>,
}

impl<T> Block<T> {
    /// A block without values.
    ///
    /// # Panics
    /// If the allocator gives out an address that does not fit in a position.
    pub(super) fn new() -> *mut Self {
        let Allocation { place, start } = aligned::allocate::<Self>();
        position::assert_fits(place);
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
        let retired = Retired {
            strays: 0,
            link: ptr::null_mut(),
        };
        // SAFETY: as above.
        unsafe {
            (&raw mut (*place).next).write(UnsafeCell::new(ptr::null_mut()));
            (&raw mut (*place).strays).write(AtomicUsize::new(0));
            (&raw mut (*place).retired).write(UnsafeCell::new(retired));
            (&raw mut (*place).start).write(start);
            #[cfg(hyperia_loom)]
            (&raw mut (*place).life).write(UnsafeCell::new(()));
        }
        place
    }

    /// Gives the memory back. Values that are still inside are forgotten.
    ///
    /// # Safety
    /// `block` is from [`Block::new`] and nobody else uses it, now or later.
    pub(super) unsafe fn free(block: *mut Self) {
        // The model checker looks at late accesses, so the memory must still be there.
        if cfg!(hyperia_loom) {
            return;
        }
        // SAFETY: the caller is the only one who has it, and `new` has noted where its memory begins. Nothing in it has
        // a drop.
        unsafe { aligned::free::<Self>((*block).start) };
    }

    /// Moves `value` into a slot and hands it to the consumers. The caller must not touch the block
    /// afterwards, except for other slots that it claimed.
    ///
    /// # Safety
    /// The caller claimed slot `index < SLOTS` of the live block for a push and has not published it; for
    /// the last slot, it has written `next`.
    #[inline]
    pub(super) unsafe fn fill(block: *const Self, index: usize, value: T) {
        debug_assert!(index < SLOTS);
        // SAFETY: the block is live, by the contract.
        unsafe { Self::touch(block) };
        // SAFETY: the block is live until the slot was emptied, and `index` within it, by the contract.
        let slot = unsafe { (*block).slots.get_unchecked(index) };
        slot.value.with_mut(|place| {
            // SAFETY: the claim makes this thread the only one that touches the value before it is
            // published; it holds none, because a block comes into use with all slots empty.
            unsafe { (*place).write(value) };
        });
        // ORDERING: Release pairs with the Acquire in `count_ready`: carries the value and, with the last
        // slot, `next` and the block behind it.
        slot.ready.store(true, Release);
    }

    /// How many slots are ready from `start` on, without a gap, of `limit`.
    ///
    /// # Safety
    /// The caller is counted in `head` for the live block, and `start + limit` is at most `SLOTS`.
    #[inline]
    pub(super) unsafe fn count_ready(block: *const Self, start: usize, limit: usize) -> usize {
        debug_assert!(start + limit <= SLOTS);
        // SAFETY: the block is live, by the contract.
        unsafe { Self::touch(block) };
        // SAFETY: the block is live and the range within it, both by the contract.
        let slots = unsafe { (*block).slots.get_unchecked(start..start + limit) };
        // ORDERING: Acquire pairs with the Release in `fill`: the values are there before they are taken.
        // And with that in `vacate`: who finds a slot emptied also finds `head` behind it.
        slots
            .iter()
            .take_while(|slot| slot.ready.load(Acquire))
            .count()
    }

    /// Moves the value out and gives the slot up. The caller must not touch the block afterwards, except
    /// for other slots that it claimed.
    ///
    /// # Safety
    /// The caller claimed slot `index < SLOTS` of the live block for a pop, after it was ready.
    #[inline]
    pub(super) unsafe fn vacate(block: *const Self, index: usize) -> T {
        debug_assert!(index < SLOTS);
        // SAFETY: the block is live, by the contract.
        unsafe { Self::touch(block) };
        // SAFETY: the block is live until this very slot was emptied, and `index` within it.
        let slot = unsafe { (*block).slots.get_unchecked(index) };
        // SAFETY: it was ready, so initialized and its producer done with it; it is claimed once, so read
        // once.
        let value = slot
            .value
            .with(|place| unsafe { (*place).assume_init_read() });
        // ORDERING: Release pairs with the Acquire in `is_spent`: the value has been moved out before the
        // block is used again or freed. And with `count_ready`, see there.
        slot.ready.store(false, Release);
        value
    }

    /// Says that the caller, who was counted in `head` when this block was left, looks at it no more.
    ///
    /// # Safety
    /// The caller was, and says so once.
    #[cold]
    pub(super) unsafe fn stray_leaves(block: *const Self) {
        // SAFETY: the block is live while a stray has not left.
        unsafe { Self::touch(block) };
        // ORDERING: Release pairs with the Acquire of `strays` in `is_spent`: what this thread looked at
        // came before.
        // SAFETY: as above.
        unsafe { (*block).strays.fetch_add(1, Release) };
    }

    /// What stands behind this block.
    ///
    /// # Safety
    /// The block is live, and either private to the caller or the caller is counted in `head` for it and
    /// found its last slot ready.
    pub(super) unsafe fn next(block: *const Self) -> *mut Self {
        // SAFETY: the block is live, by the contract.
        unsafe { Self::touch(block) };
        // SAFETY: nobody writes `next` at that time: it was written before the last slot was published,
        // and is written again when all strays have left.
        unsafe { (*block).next.with(|next| *next) }
    }

    /// Says what stands behind this block.
    ///
    /// # Safety
    /// The block is live, and either private to the caller or the caller claimed its last slot for a push
    /// and has not published it.
    pub(super) unsafe fn set_next(block: *const Self, next: *mut Self) {
        // SAFETY: only one producer claims the last slot, and consumers read `next` after it was
        // published.
        unsafe { (*block).next.with_mut(|place| *place = next) };
    }

    /// Notes how many strays must leave, in a block that was just left.
    ///
    /// # Safety
    /// The caller left the live block.
    pub(super) unsafe fn set_strays(block: *const Self, strays: usize) {
        // SAFETY: `retired` belongs to whoever left the block.
        unsafe {
            (*block)
                .retired
                .with_mut(|retired| (*retired).strays = strays)
        };
    }

    /// The next one of a chain of retired blocks.
    ///
    /// # Safety
    /// The caller holds the live block.
    pub(super) unsafe fn link(block: *const Self) -> *mut Self {
        // SAFETY: `retired` belongs to whoever holds the block.
        unsafe { (*block).retired.with(|retired| (*retired).link) }
    }

    /// Puts a block in front of a chain of retired ones.
    ///
    /// # Safety
    /// The caller holds the live block.
    pub(super) unsafe fn set_link(block: *const Self, link: *mut Self) {
        // SAFETY: as for `link`.
        unsafe { (*block).retired.with_mut(|retired| (*retired).link = link) };
    }

    /// Whether everybody is done with a block that was left: then it is the caller's alone.
    ///
    /// # Safety
    /// The caller holds the live block, which was left.
    pub(super) unsafe fn is_spent(block: *const Self) -> bool {
        // SAFETY: the caller holds the block.
        let block = unsafe { &*block };
        // SAFETY: `retired` belongs to whoever holds the block.
        let strays = block.retired.with(|retired| unsafe { (*retired).strays });
        // ORDERING: Acquire pairs with the Release in `stray_leaves`: whoever left the block for good has
        // looked at it for the last time.
        let is_left = block.strays.load(Acquire) == strays;
        // All slots were ready once, because `head` moved past them.
        // ORDERING: Acquire pairs with the Release in `vacate`: all values have been moved out.
        is_left && block.slots.iter().all(|slot| !slot.ready.load(Acquire))
    }

    /// Makes a spent block one that can be used again, or freed.
    ///
    /// # Safety
    /// The live block is spent, and the caller holds it.
    pub(super) unsafe fn end_use(block: *const Self) {
        // SAFETY: the caller holds the block.
        let block = unsafe { &*block };
        #[cfg(hyperia_loom)]
        block.life.with_mut(drop);
        // ORDERING: Relaxed, the block is the caller's alone; the next use comes after `Spares`.
        block.strays.store(0, Relaxed);
    }

    /// Shows an access to the model checker.
    ///
    /// # Safety
    /// The block is live.
    #[inline(always)]
    unsafe fn touch(block: *const Self) {
        #[cfg(hyperia_loom)]
        // SAFETY: live by the contract.
        unsafe {
            (*block).life.with(drop);
        }
        let _ = block;
    }
}
