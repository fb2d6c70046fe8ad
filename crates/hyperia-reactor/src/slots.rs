//! The state of every registration, at an address that never changes.
//!
//! ```text
//!  token of an event: generation (24 bits) << 32 | index (32 bits)
//!
//!  chunks   [0] ─▶ slots 0 .. 64      each chunk twice as large as the one before, so that
//!           [1] ─▶ slots 64 .. 192    an index leads to its slot without a search and nothing
//!           [2] ─▶ slots 192 .. 448   ever moves
//! ```
//!
//! # Invariants
//! 1. A slot is never moved, and freed only with the whole table. What keeps the table alive keeps every
//!    slot alive; a stale event at worst reaches a slot whose generation has changed.
//! 2. An index is either in the free list, or not yet used, or owned by exactly one registration.
//!
//! # Cost
//! 128 bytes a slot. Memory is that of the largest number of registrations there ever were at a time,
//! rounded up to the chunk. Looking a slot up takes no lock; taking and returning one locks the free list
//! for a few instructions, or, when the table grows, for as long as the new chunk takes to write.

use core::ptr::NonNull;
use core::task::Waker;
use std::io;

use crate::error::ReactorGone;
use crate::panics::Panics;
use crate::primitive::{Mutex, OnceLock};
use crate::readiness::Direction;
use crate::slot::Slot;

#[cfg(all(test, not(hyperia_loom)))]
mod tests;

/// Slots in the first chunk; a power of two.
#[cfg(not(hyperia_loom))]
const CHUNK_FIRST: usize = 64;
#[cfg(hyperia_loom)]
const CHUNK_FIRST: usize = 1;
/// With this many chunks the table has 2^26 slots: more than there are descriptors in a process.
const CHUNKS: usize = 20;
const SLOTS_MAX: usize = CHUNK_FIRST * ((1 << CHUNKS) - 1);

/// Takes a token apart: generation and index.
pub(crate) fn parse_token(token: u64) -> (u32, u32) {
    ((token >> 32) as u32, token as u32)
}

/// All slots of one reactor.
#[derive(Debug)]
pub(crate) struct Slots {
    chunks: [OnceLock<Box<[Slot]>>; CHUNKS],
    free: Mutex<Free>,
}

#[derive(Debug)]
struct Free {
    /// Indices that were returned. Has room for all that are out, so that returning never allocates.
    indices: Vec<u32>,
    /// The first index that was never given out.
    next: u32,
    /// The reactor was dropped: nothing is given out any more.
    closed: bool,
}

impl Slots {
    pub(crate) fn new() -> Self {
        Self {
            chunks: [const { OnceLock::new() }; CHUNKS],
            free: Mutex::new(Free {
                indices: Vec::new(),
                next: 0,
                closed: false,
            }),
        }
    }

    /// The slot of a token, whoever owns it now.
    #[inline]
    pub(crate) fn get(&self, index: u32) -> Option<&Slot> {
        let (chunk, offset) = place_of(index as usize);
        self.chunks.get(chunk)?.get()?.get(offset)
    }

    /// Gives out a slot. The pointer is good as long as the table lives (invariant 1).
    ///
    /// # Errors
    /// If the reactor was dropped, or if there are too many registrations.
    pub(crate) fn acquire(&self) -> io::Result<NonNull<Slot>> {
        let mut free = self.free.lock();
        if free.closed {
            return Err(ReactorGone.into());
        }
        let index = match free.indices.pop() {
            Some(index) => index,
            None => {
                let index = free.next;
                self.grow_to(index, &mut free.indices)?;
                free.next += 1;
                index
            }
        };
        let slot = self
            .get(index)
            .expect("an index that was given out has a chunk");
        Ok(NonNull::from(slot))
    }

    /// Makes sure that `index`, the first unused one, has a slot.
    fn grow_to(&self, index: u32, indices: &mut Vec<u32>) -> io::Result<()> {
        let (chunk, offset) = place_of(index as usize);
        if index as usize >= SLOTS_MAX {
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                "too many registrations",
            ));
        }
        if offset == 0 {
            let len = CHUNK_FIRST << chunk;
            // Empty here, since every index ever given out is out.
            indices.reserve(index as usize + len);
            self.chunks[chunk].get_or_init(|| (index..).take(len).map(Slot::new).collect());
        }
        Ok(())
    }

    /// Takes a slot back from the registration that owned it.
    pub(crate) fn release(&self, slot: &Slot) {
        slot.word.retire();
        // Nobody waits any more: waiting futures borrow the registration. (One that was forgotten stays in the
        // queue, in memory that is pinned for ever, and is woken in vain when the next owner's futures are.)
        // A waker in a cell outlives its task's interest, and dropping it runs foreign code: before the lock,
        // and before somebody else registers there.
        let stale: [Option<Waker>; 2] = [
            slot.side(Direction::Read).cell.take(),
            slot.side(Direction::Write).cell.take(),
        ];
        let mut panics = Panics::default();
        for waker in stale {
            panics.catch(|| drop(waker));
        }
        self.free.lock().indices.push(slot.index());
        panics.resume();
    }

    /// Gives out nothing any more, and tells all who wait.
    pub(crate) fn close(&self, panics: &mut Panics) {
        let end = {
            let mut free = self.free.lock();
            free.closed = true;
            free.next
        };
        for index in 0..end {
            if let Some(slot) = self.get(index) {
                let wakes = slot.word.abandon();
                slot.wake(wakes, panics);
            }
        }
    }
}

/// Chunk of an index, and its place in that chunk.
#[inline]
fn place_of(index: usize) -> (usize, usize) {
    let position = index + CHUNK_FIRST;
    let chunk = (position / CHUNK_FIRST).ilog2() as usize;
    (chunk, position - (CHUNK_FIRST << chunk))
}
