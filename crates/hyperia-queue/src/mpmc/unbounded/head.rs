//! Where the next pop claims, and who looks there. States, invariants and orderings are those of the queue.

use core::marker::PhantomData;

use super::block::Block;
use super::position::{self, LOOKER, LOOKERS_MAX};
use crate::primitive::Ordering::*;
use crate::primitive::{AtomicU64, AtomicUsize};

pub(super) struct Head<T> {
    /// See `position`.
    pub(super) word: AtomicU64,
    /// Blocks that `word` has come to after the first.
    pub(super) blocks: AtomicUsize,
    _blocks: PhantomData<*mut Block<T>>,
}

impl<T> Head<T> {
    /// Stands at the first slot of a block.
    pub(super) fn new(block: *mut Block<T>) -> Self {
        Self {
            word: AtomicU64::new(position::head(block)),
            blocks: AtomicUsize::new(0),
            _blocks: PhantomData,
        }
    }

    /// Adds this thread to those that look at the block of `head`; returns the word that counts it.
    #[inline]
    pub(super) fn enter(&self) -> u64 {
        // ORDERING: Acquire pairs with the Release with which `pop_last` or `pop_run` moved `head` to this
        // block: its contents are there before they are looked at.
        let head = self.word.fetch_add(LOOKER, Acquire) + LOOKER;
        if position::lookers(head) > LOOKERS_MAX {
            self.too_many(head);
        }
        head
    }

    #[cold]
    fn too_many(&self, head: u64) -> ! {
        self.leave(head);
        panic!("at most {LOOKERS_MAX} threads pop at the same time");
    }

    /// Where a looker goes on that was counted in `head` and found `now` instead.
    pub(super) fn follow(&self, head: u64, now: u64) -> u64 {
        if position::is_same_block(head, now) {
            return now;
        }
        // SAFETY: this thread was counted when the block was left, and says so this once: it goes on as a
        // looker of another block.
        unsafe { Block::stray_leaves(position::head_block::<T>(head)) };
        self.enter()
    }

    /// Takes this thread from the lookers, if `head` has not moved on; or goes on from another word.
    pub(super) fn give_up(&self, mut head: u64) -> Result<(), u64> {
        loop {
            // ORDERING: Release pairs with the Acquire of whoever leaves the block: this thread has looked
            // for the last time. On failure nothing but the word is used.
            match self
                .word
                .compare_exchange_weak(head, head - LOOKER, Release, Relaxed)
            {
                Ok(_) => return Ok(()),
                Err(now) if position::as_tail(now) == position::as_tail(head) => head = now,
                Err(now) => return Err(self.follow(head, now)),
            }
        }
    }

    /// Takes this thread from the lookers.
    pub(super) fn leave(&self, mut head: u64) {
        while let Err(now) = self.give_up(head) {
            head = now;
        }
    }
}
