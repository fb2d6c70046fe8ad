//! Where the plain wheel keeps its timers: entries in one vector, linked by index.
//!
//! # States of an entry
//! ```text
//!            insert                       remove, or handed out
//!   vacant ──────────▶ live (in a slot, or never due) ──────────▶ vacant, next generation
//! ```
//!
//! # Invariants
//! 1. A live entry has a value. A vacant one has none, is in no list of the levels, and is in the
//!    free list, unless its generations are used up.
//! 2. The generation of an entry changes whenever it becomes vacant, and no generation comes twice.
//!    So a key matches its own timer or nothing.
//!
//! # Cost
//! 24 bytes beside the value (and its `Option`); an allocation now and then while the slab grows.

use alloc::vec::Vec;
use core::mem;
use core::num::NonZero;

use super::nodes::{DETACHED, Nodes};

/// The index that leads nowhere, and so the number of timers that a wheel can hold.
pub(super) const NIL: u32 = u32::MAX;

/// Names one timer of a [`Wheel`](super::Wheel).
///
/// A key stays harmless when its timer is gone: it never names another one of the same wheel. To
/// another wheel it means nothing, and may by chance name a timer there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub(super) index: u32,
    generation: u32,
}

struct Entry<T> {
    deadline: u64,
    /// In a list of the levels, or the free list.
    next: u32,
    prev: u32,
    generation: u32,
    place: u16,
    value: Option<T>,
}

/// The entries, those in use and those to be used again.
pub(super) struct Slab<T> {
    entries: Vec<Entry<T>>,
    /// Head of the free list.
    free: u32,
    /// How many entries are live.
    len: usize,
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Self {
            entries: Vec::new(),
            free: NIL,
            len: 0,
        }
    }

    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self {
            entries: Vec::with_capacity(capacity),
            ..Self::new()
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// How many entries there are, live and vacant: indices are below it.
    pub(super) fn entries(&self) -> u32 {
        self.entries.len() as u32
    }

    /// Makes an entry live, still in no list.
    #[inline]
    pub(super) fn occupy(&mut self, deadline: u64, value: T) -> Key {
        let index = match self.free {
            NIL => self.grow(),
            index => {
                self.free = self.at(index).next;
                index
            }
        };
        let entry = self.at_mut(index);
        entry.deadline = deadline;
        entry.value = Some(value);
        let generation = entry.generation;
        self.len += 1;
        Key { index, generation }
    }

    /// Makes an entry in no list vacant; returns what it held, or `None` if it was vacant.
    #[inline]
    pub(super) fn vacate(&mut self, index: u32) -> Option<(Key, T)> {
        let free = self.free;
        let entry = self.at_mut(index);
        let value = entry.value.take()?;
        let key = Key {
            index,
            generation: entry.generation,
        };
        if entry.generation < u32::MAX {
            entry.generation += 1;
            entry.next = free;
            self.free = index;
        }
        self.len -= 1;
        Some((key, value))
    }

    /// The index of a key's timer, if it still is.
    #[inline]
    pub(super) fn live(&self, key: Key) -> Option<u32> {
        let entry = self.entries.get(key.index as usize)?;
        let live = entry.generation == key.generation && entry.value.is_some();
        live.then_some(key.index)
    }

    pub(super) fn value(&self, index: u32) -> Option<&T> {
        self.at(index).value.as_ref()
    }

    pub(super) fn value_mut(&mut self, index: u32) -> Option<&mut T> {
        self.at_mut(index).value.as_mut()
    }

    #[inline]
    pub(super) fn set_deadline(&mut self, index: u32, deadline: u64) {
        self.at_mut(index).deadline = deadline;
    }

    /// Adds a vacant entry, which is not in the free list.
    #[cold]
    fn grow(&mut self) -> u32 {
        let index = self.entries.len();
        assert!(
            index < NIL as usize,
            "a wheel holds at most 4,294,967,295 timers"
        );
        let (next, prev, place) = (NIL, NIL, DETACHED);
        self.entries.push(Entry {
            deadline: 0,
            next,
            prev,
            generation: 0,
            place,
            value: None,
        });
        index as u32
    }

    #[inline]
    fn at(&self, link: u32) -> &Entry<T> {
        &self.entries[link as usize]
    }

    #[inline]
    fn at_mut(&mut self, link: u32) -> &mut Entry<T> {
        &mut self.entries[link as usize]
    }
}

impl<T> Nodes for Slab<T> {
    type Link = u32;
    const NIL: u32 = NIL;

    #[inline]
    fn deadline(&self, link: u32) -> u64 {
        self.at(link).deadline
    }

    #[inline]
    fn next(&self, link: u32) -> u32 {
        self.at(link).next
    }

    #[inline]
    fn prev(&self, link: u32) -> u32 {
        self.at(link).prev
    }

    #[inline]
    fn place(&self, link: u32) -> u16 {
        self.at(link).place
    }

    #[inline]
    fn set_next(&mut self, link: u32, next: u32) {
        self.at_mut(link).next = next;
    }

    #[inline]
    fn set_prev(&mut self, link: u32, prev: u32) {
        self.at_mut(link).prev = prev;
    }

    #[inline]
    fn set_place(&mut self, link: u32, place: u16) {
        self.at_mut(link).place = place;
    }
}

const _: () = assert!(mem::size_of::<Entry<NonZero<u64>>>() == 32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_without_generations_left_is_not_used_again() {
        let mut slab = Slab::new();
        let key = slab.occupy(0, 'a');
        slab.at_mut(key.index).generation = u32::MAX - 1;
        assert_eq!(slab.live(key), None);
        let (key, _) = slab.vacate(key.index).unwrap();
        let last = slab.occupy(0, 'b');
        assert_eq!((last.index, last.generation), (key.index, u32::MAX));
        assert!(slab.vacate(last.index).is_some());
        let fresh = slab.occupy(0, 'c');
        assert_ne!(fresh.index, last.index);
        assert_eq!(
            (slab.live(last), slab.live(fresh)),
            (None, Some(fresh.index))
        );
        assert_eq!((slab.len(), slab.entries()), (1, 2));
    }
}
