//! Which indices of a slab are free.
//!
//! A bit per index, and a stack of the words that have bits. All free indices of a word are used before
//! those of another, so that what is inserted together lies together, however scattered it was freed: a
//! stack of indices would hand them out as scattered again, with a cache miss each.

use alloc::vec::Vec;
use core::mem;

const BITS: u32 = u64::BITS;
/// The word, or the index, that leads nowhere.
const NIL: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Word {
    free: u64,
    /// The word below it on the stack, while it has bits.
    next: u32,
}

/// See the module. Put and taken in constant time.
#[derive(Debug)]
pub(super) struct Vacancies {
    /// One free index, or `NIL`: whoever cancels a timer and inserts another one touches nothing else.
    spare: u32,
    words: Vec<Word>,
    /// The word on top of the stack.
    top: u32,
}

impl Vacancies {
    pub(super) const fn new() -> Self {
        Self {
            spare: NIL,
            words: Vec::new(),
            top: NIL,
        }
    }

    /// Makes room to note that index `len - 1` and those below are free.
    pub(super) fn cover(&mut self, len: usize) {
        let words = len.div_ceil(BITS as usize);
        if words > self.words.len() {
            self.words.resize(words, Word { free: 0, next: NIL });
        }
    }

    /// Takes a free index.
    #[inline]
    pub(super) fn take(&mut self) -> Option<u32> {
        let spare = mem::replace(&mut self.spare, NIL);
        if spare != NIL {
            return Some(spare);
        }
        if self.top == NIL {
            return None;
        }
        let word = &mut self.words[self.top as usize];
        let index = self.top * BITS + word.free.trailing_zeros();
        word.free &= word.free - 1;
        if word.free == 0 {
            self.top = word.next;
        }
        Some(index)
    }

    /// Notes that an index is free; the caller knows that it was not.
    #[inline]
    pub(super) fn put(&mut self, index: u32) {
        if self.spare == NIL {
            self.spare = index;
            return;
        }
        let word = &mut self.words[(index / BITS) as usize];
        debug_assert!(word.free >> (index % BITS) & 1 == 0);
        if word.free == 0 {
            word.next = self.top;
            self.top = index / BITS;
        }
        word.free |= 1 << (index % BITS);
    }
}
