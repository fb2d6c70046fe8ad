//! The two words of the queue: where the next push and the next pop are.
//!
//! | bits of `tail` | meaning |
//! |---|---|
//! | 0 to 4 | index of the next slot to claim, always below `SLOTS` |
//! | 5 | closed: no push succeeds any more |
//! | the rest | the block that slot is in; blocks are aligned to 64 bytes |
//!
//! | bits of `head` | meaning |
//! |---|---|
//! | 0 to 4 | index of the next slot to claim, always below `SLOTS` |
//! | 5 to 7 | ahead: how many slots from there on are known to be ready, never the last one of the block |
//! | 8 to 21 | lookers: calls that look at the block of this word |
//! | 22 to 63 | bits 6 to 47 of the address of the block |
//!
//! Both are integers, not pointers: the block in `tail` may have been freed and another one made at the
//! same address between a look and a claim. The pointer is made once the block is known to be live
//! (invariants 3 and 4 of the queue); its provenance was exposed when it was installed.

use core::ptr;

use super::block::{Block, SLOTS};

/// Bit of `tail`: no push succeeds any more. It stands above the index, so that one comparison finds
/// both cases in which a push is not simple: closed, and the last slot of a block.
pub(super) const CLOSED: usize = 32;
/// The index and closed bits of `tail`.
pub(super) const TAG: usize = 63;

/// One slot that is known to be ready, in `head`.
pub(super) const AHEAD: u64 = 32;
/// How many of them fit.
pub(super) const AHEAD_MAX: usize = 7;
/// One looker, in `head`.
pub(super) const LOOKER: u64 = 256;
/// How many lookers are allowed. There is room for as many again but one, for those that are about to notice.
pub(super) const LOOKERS_MAX: u64 = 1 << 13;
/// How far an address is shifted in `head`.
const SHIFT: u32 = 16;
/// The index bits of `head`.
const INDEX: u64 = AHEAD - 1;
/// The lowest bit of the block in `head`.
const BLOCK: u64 = 1 << 22;

const _: () = assert!(SLOTS <= CLOSED && SLOTS as u64 <= AHEAD);
const _: () = assert!((AHEAD_MAX as u64 + 1) * AHEAD == LOOKER);
const _: () = assert!(align_of::<Block<u8>>() > TAG);
const _: () = assert!(LOOKERS_MAX * LOOKER * 2 == BLOCK && ((TAG as u64 + 1) << SHIFT) == BLOCK);

/// Checks that the address of a block fits in `head`.
///
/// # Panics
/// If it has more than 48 bits. No operating system gives such memory to who did not ask for it.
pub(super) fn assert_fits<T>(block: *mut Block<T>) {
    let is_short = (block.addr() as u64) < 1 << (u64::BITS - SHIFT);
    assert!(is_short, "the address of a block has more than 48 bits");
}

/// The word of `tail` for a slot.
#[inline]
pub(super) fn tail<T>(block: *mut Block<T>, index: usize) -> usize {
    debug_assert!(index < SLOTS);
    block.expose_provenance() | index
}

#[inline]
pub(super) fn tail_block<T>(tail: usize) -> *mut Block<T> {
    ptr::with_exposed_provenance_mut(tail & !TAG)
}

#[inline]
pub(super) fn tail_index(tail: usize) -> usize {
    tail & TAG & !CLOSED
}

/// The word of `head` for the first slot of a block at which nobody looks yet.
#[inline]
pub(super) fn head<T>(block: *mut Block<T>) -> u64 {
    (block.expose_provenance() as u64) << SHIFT
}

#[inline]
pub(super) fn head_block<T>(head: u64) -> *mut Block<T> {
    ptr::with_exposed_provenance_mut((head >> SHIFT) as usize & !TAG)
}

#[inline]
pub(super) fn head_index(head: u64) -> usize {
    (head & INDEX) as usize
}

/// How many slots from the index on are known to be ready.
#[inline]
pub(super) fn ahead(head: u64) -> usize {
    (head / AHEAD) as usize & AHEAD_MAX
}

/// The word after one of the lookers has claimed `count` slots of the block, of `ready` that are there, of which no more than
/// fit are left and none is the last.
#[inline]
pub(super) fn after_claim(head: u64, count: usize, ready: usize) -> u64 {
    let ahead = ready - count;
    debug_assert!(ahead <= AHEAD_MAX && head_index(head) + ready < SLOTS);
    (head & !(LOOKER - AHEAD)) + count as u64 + ahead as u64 * AHEAD - LOOKER
}

#[inline]
pub(super) fn lookers(head: u64) -> u64 {
    (head & (BLOCK - 1)) / LOOKER
}

/// Whether two words of `head` are of the same block.
#[inline]
pub(super) fn is_same_block(one: u64, other: u64) -> bool {
    (one ^ other) < BLOCK
}

/// The place of `head` as a word of `tail` that is not closed.
#[inline]
pub(super) fn as_tail(head: u64) -> usize {
    (head >> SHIFT) as usize & !TAG | head_index(head)
}
