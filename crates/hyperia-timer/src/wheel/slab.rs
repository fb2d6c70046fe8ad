//! Where the plain wheel keeps its timers: entries in one vector, linked by index.
//!
//! # States of an entry
//! ```text
//!                 insert                        remove, or handed out
//!   vacant       ──────────▶ live, with value  ──────────▶ vacant
//!   generation even          odd                           even
//! ```
//!
//! # Invariants
//! 1. An entry has a value exactly while its generation is odd.
//! 2. A vacant entry is in no slot, and is among the vacancies, unless its generations are used up.
//! 3. The generation of an entry never goes back. A key has the odd one of its timer, so it matches
//!    that timer or nothing.
//!
//! # Cost
//! 20 bytes beside the value, rounded up to a multiple of eight, and a quarter of one for the vacancies;
//! at most a quarter more while it grows. An allocation now and then to grow.

use alloc::vec::Vec;
use core::fmt;
use core::mem::{self, MaybeUninit};
use core::slice;

use super::nodes::{Before, Nodes};
use super::slots::Place;
use super::vacancies::Vacancies;

/// How many timers a wheel can hold.
const TIMERS_MAX: usize = 1 << 31;

/// The index that leads nowhere.
pub(super) const NIL: u32 = u32::MAX;

/// In `before`: the rest is a slot.
const SLOT: u32 = 1 << 31;
/// In `before`: in no slot.
const NOWHERE: u32 = u32::MAX;

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
    next: u32,
    /// The timer before it, a slot, or `NOWHERE`.
    before: u32,
    generation: u32,
    value: MaybeUninit<T>,
}

impl<T> Entry<T> {
    fn is_live(&self) -> bool {
        self.generation & 1 == 1
    }
}

/// The entries, those in use and those to be used again.
pub(super) struct Slab<T> {
    entries: Vec<Entry<T>>,
    vacancies: Vacancies,
    /// How many entries are live.
    len: usize,
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Self {
            entries: Vec::new(),
            vacancies: Vacancies::new(),
            len: 0,
        }
    }

    pub(super) fn with_capacity(capacity: usize) -> Self {
        let mut slab = Self::new();
        slab.entries.reserve_exact(capacity);
        slab.vacancies.cover(capacity);
        slab
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// How many entries there are, live and vacant: indices are below it.
    pub(super) fn entries(&self) -> u32 {
        self.entries.len() as u32
    }

    /// Makes an entry live, still in no slot.
    #[inline]
    pub(super) fn occupy(&mut self, deadline: u64, value: T) -> Key {
        let index = match self.vacancies.take() {
            Some(index) => index,
            None => self.grow(),
        };
        let entry = &mut self.entries[index as usize];
        debug_assert!(!entry.is_live());
        entry.deadline = deadline;
        entry.before = NOWHERE;
        entry.generation += 1;
        let generation = entry.generation;
        // Nothing is overwritten: it was vacant (invariant 1).
        entry.value.write(value);
        self.len += 1;
        Key { index, generation }
    }

    /// Makes an entry in no slot vacant; returns what it held, or `None` if it was vacant.
    #[inline]
    pub(super) fn vacate(&mut self, index: u32) -> Option<(Key, T)> {
        let entry = &mut self.entries[index as usize];
        if !entry.is_live() {
            return None;
        }
        let generation = entry.generation;
        // The last one is odd: such an entry ends at zero, and stays out of the vacancies.
        entry.generation = generation.wrapping_add(1);
        // SAFETY: the entry was live, so it has a value (invariant 1), and it is not any more.
        let value = unsafe { entry.value.assume_init_read() };
        if generation < u32::MAX {
            self.vacancies.put(index);
        }
        self.len -= 1;
        Some((Key { index, generation }, value))
    }

    /// The index of a key's timer, if it still is.
    #[inline]
    pub(super) fn live(&self, key: Key) -> Option<u32> {
        let entry = self.entries.get(key.index as usize)?;
        // A key's generation is odd, so the entry is live if it has the same.
        (entry.generation == key.generation).then_some(key.index)
    }

    /// The key of an entry, if it is live.
    pub(super) fn key(&self, index: u32) -> Option<Key> {
        let entry = &self.entries[index as usize];
        let generation = entry.generation;
        entry.is_live().then_some(Key { index, generation })
    }

    pub(super) fn value(&self, key: Key) -> Option<&T> {
        let index = self.live(key)?;
        // SAFETY: the entry is live, so it has a value (invariant 1).
        Some(unsafe { self.entries[index as usize].value.assume_init_ref() })
    }

    pub(super) fn value_mut(&mut self, key: Key) -> Option<&mut T> {
        let index = self.live(key)?;
        // SAFETY: the entry is live, so it has a value (invariant 1).
        Some(unsafe { self.entries[index as usize].value.assume_init_mut() })
    }

    #[inline]
    pub(super) fn set_deadline(&mut self, index: u32, deadline: u64) {
        self.at_mut(index).deadline = deadline;
    }

    /// Adds a vacant entry, which is not among the vacancies.
    #[cold]
    fn grow(&mut self) -> u32 {
        let index = self.entries.len();
        assert!(
            index < TIMERS_MAX,
            "a wheel holds at most {TIMERS_MAX} timers"
        );
        if index == self.entries.capacity() {
            // A quarter more at a time, not as much again.
            self.entries.reserve_exact((index / 4).max(16));
        }
        self.vacancies.cover(index + 1);
        self.entries.push(Entry {
            deadline: 0,
            next: NIL,
            before: NOWHERE,
            generation: 0,
            value: MaybeUninit::uninit(),
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

impl<T> Drop for Slab<T> {
    fn drop(&mut self) {
        /// Drops the values of what is left, also if the drop of one panics.
        struct Rest<'a, T>(slice::IterMut<'a, Entry<T>>);

        impl<T> Rest<'_, T> {
            fn drop_values(&mut self) {
                for entry in self.0.by_ref().filter(|entry| entry.is_live()) {
                    entry.generation = 0;
                    // SAFETY: it was live, so it had a value (invariant 1), and it is not any more.
                    unsafe { entry.value.assume_init_drop() };
                }
            }
        }

        impl<T> Drop for Rest<'_, T> {
            fn drop(&mut self) {
                self.drop_values();
            }
        }

        if mem::needs_drop::<T>() {
            Rest(self.entries.iter_mut()).drop_values();
        }
    }
}

impl Before<u32> {
    #[inline]
    fn pack(self) -> u32 {
        match self {
            Self::Timer(index) => index,
            Self::Slot(place) => SLOT | u32::from(place),
            Self::Nowhere => NOWHERE,
        }
    }

    #[inline]
    fn unpack(packed: u32) -> Self {
        if packed & SLOT == 0 {
            Self::Timer(packed)
        } else if packed == NOWHERE {
            Self::Nowhere
        } else {
            Self::Slot((packed & !SLOT) as Place)
        }
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
    fn before(&self, link: u32) -> Before<u32> {
        Before::unpack(self.at(link).before)
    }

    #[inline]
    fn set_next(&mut self, link: u32, next: u32) {
        self.at_mut(link).next = next;
    }

    #[inline]
    fn set_before(&mut self, link: u32, before: Before<u32>) {
        self.at_mut(link).before = before.pack();
    }
}

impl<T> fmt::Debug for Slab<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slab")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

const _: () = assert!(mem::size_of::<Entry<u32>>() == 24);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_without_generations_left_is_not_used_again() {
        let mut slab = Slab::new();
        let key = slab.occupy(0, 'a');
        slab.vacate(key.index);
        slab.entries[key.index as usize].generation = u32::MAX - 1;
        assert_eq!(slab.live(key), None);
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

    #[test]
    fn what_stands_before_a_timer_fits_into_a_word() {
        let all = [
            Before::Timer(0),
            Before::Timer(SLOT - 1),
            Before::Slot(0),
            Before::Slot(Place::MAX),
            Before::Nowhere,
        ];
        for before in all {
            assert_eq!(Before::unpack(before.pack()), before);
        }
    }
}
