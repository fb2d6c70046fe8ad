//! What becomes of blocks that were left: they wait until everybody is done with them, and are then kept
//! for the next push that needs one, or freed.
//!
//! Nobody is told when the last one is done. Whoever leaves a block looks after those that were left
//! before, and sees whether they are spent by now. So a call that takes its time holds back the one block
//! that it is in, and no other.

use core::ptr;

use super::block::Block;
use crate::primitive::AtomicPtr;
use crate::primitive::Ordering::*;

/// Spent blocks that are kept. A queue whose length moves within this many blocks does not allocate.
const SPARES: usize = if cfg!(hyperia_loom) { 1 } else { 4 };

pub(super) struct Spent<T> {
    /// Blocks of which each is nobody's, with all slots empty.
    spares: [AtomicPtr<Block<T>>; SPARES],
    /// A chain of blocks that were left, when somebody was not done yet. It is taken as a whole, so that
    /// no ABA problem arises.
    retired: AtomicPtr<Block<T>>,
}

impl<T> Spent<T> {
    pub(super) fn new() -> Self {
        Self {
            spares: core::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
            retired: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// A block of the caller's own, with nothing behind it: a spent one or, if there is none, a new one.
    #[cold]
    pub(super) fn take(&self) -> *mut Block<T> {
        for place in &self.spares {
            // ORDERING: Relaxed, a look that saves the read-modify-write below where there is nothing.
            if place.load(Relaxed).is_null() {
                continue;
            }
            // ORDERING: Acquire pairs with the Release in `put`: all values were moved out and all looks
            // were over before.
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
    pub(super) unsafe fn put(&self, block: *mut Block<T>) {
        for place in &self.spares {
            // ORDERING: Relaxed, a look that saves the read-modify-write below where a block is already.
            let is_free = place.load(Relaxed).is_null();
            // ORDERING: Release pairs with the Acquire in `take`: carries the empty slots. A failure reads
            // nothing.
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

    /// Gives back a chain of blocks that were not needed, linked by `next`.
    ///
    /// # Safety
    /// The chain is private to the caller, and no slot in it was used.
    pub(super) unsafe fn put_all(&self, mut first: *mut Block<T>) {
        while !first.is_null() {
            let block = first;
            // SAFETY: by the contract.
            unsafe {
                first = Block::next(block);
                self.put(block);
            }
        }
    }

    /// Takes care of a block that was left, and of those that were left before.
    ///
    /// # Safety
    /// The caller moved `head` from this live block to the next when `strays` others looked at it, and is
    /// done with it.
    #[cold]
    pub(super) unsafe fn retire(&self, block: *mut Block<T>, strays: usize) {
        // SAFETY: the caller left the block.
        unsafe { Block::set_strays(block, strays) };
        // ORDERING: Relaxed, a look: mostly nobody is held up, and nothing waits here.
        let mut rest = if self.retired.load(Relaxed).is_null() {
            ptr::null_mut()
        } else {
            // ORDERING: Acquire pairs with the Release that puts the chain back below: carries the links,
            // and how many strays there are.
            self.retired.swap(ptr::null_mut(), Acquire)
        };
        // SAFETY: this thread holds the block.
        unsafe { Block::set_link(block, rest) };
        rest = block;
        let (mut first, mut last) = (ptr::null_mut::<Block<T>>(), ptr::null_mut());
        while !rest.is_null() {
            let block = rest;
            // SAFETY: this thread holds all blocks of the chain: it left the first one and took the others
            // from `retired`. What is spent is its own.
            unsafe {
                rest = Block::link(block);
                if Block::is_spent(block) {
                    Block::end_use(block);
                    self.put(block);
                } else {
                    if first.is_null() {
                        last = block;
                    }
                    Block::set_link(block, first);
                    first = block;
                }
            }
        }
        if !first.is_null() {
            // SAFETY: this thread holds the chain from `first` to `last`.
            unsafe { self.wait_for(first, last) };
        }
    }

    /// Puts a chain of blocks where the next call to [`retire`](Self::retire) finds it.
    ///
    /// # Safety
    /// The caller holds the chain from `first` to `last`.
    unsafe fn wait_for(&self, first: *mut Block<T>, last: *mut Block<T>) {
        // ORDERING: Relaxed, a guess that the compare-exchange checks; nothing is reached through it.
        let mut others = self.retired.load(Relaxed);
        loop {
            // SAFETY: this thread holds the block.
            unsafe { Block::set_link(last, others) };
            // ORDERING: Release hands the chain to the Acquire of whoever takes it. A failure reads
            // nothing but the word.
            match self
                .retired
                .compare_exchange_weak(others, first, Release, Relaxed)
            {
                Ok(_) => return,
                Err(now) => others = now,
            }
        }
    }
}

impl<T> Drop for Spent<T> {
    fn drop(&mut self) {
        // ORDERING: Relaxed, because `&mut self` comes after every `retire`.
        let mut retired = self.retired.load(Relaxed);
        while !retired.is_null() {
            let block = retired;
            // SAFETY: with `&mut self` all calls are over, so nobody is in these blocks, and they belong
            // to nobody else.
            unsafe {
                retired = Block::link(block);
                Block::free(block);
            }
        }
        for place in &self.spares {
            // ORDERING: Relaxed, because `&mut self` comes after every `put`.
            let block = place.load(Relaxed);
            if !block.is_null() {
                // SAFETY: as above.
                unsafe { Block::free(block) };
            }
        }
    }
}
