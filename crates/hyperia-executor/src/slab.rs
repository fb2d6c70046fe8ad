//! A list with stable keys: insert and remove in constant time, free places reused last first.
use core::mem;
use std::vec::Vec;

pub(crate) struct Slab<T> {
    places: Vec<Place<T>>,
    /// The first free place, or `places.len()`.
    free: usize,
    len: usize,
}

enum Place<T> {
    /// The next free place, or the length of `places` at that time.
    Free(usize),
    Full(T),
    /// Still counted, value taken.
    Taken,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self {
            places: Vec::new(),
            free: 0,
            len: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn insert(&mut self, value: T) -> usize {
        let key = self.free;
        match self.places.get_mut(key) {
            Some(place) => match mem::replace(place, Place::Full(value)) {
                Place::Free(next) => self.free = next,
                Place::Full(_) | Place::Taken => unreachable!("`free` leads to free places"),
            },
            None => {
                self.places.push(Place::Full(value));
                self.free = self.places.len();
            }
        }
        self.len += 1;
        key
    }

    /// Frees a place; what is left of its value comes back.
    pub(crate) fn remove(&mut self, key: usize) -> Option<T> {
        let place = mem::replace(&mut self.places[key], Place::Free(self.free));
        self.free = key;
        self.len -= 1;
        match place {
            Place::Full(value) => Some(value),
            Place::Taken => None,
            Place::Free(_) => unreachable!("a key is removed once"),
        }
    }

    /// Takes the first value at or after `key`, and says where; its place stays counted.
    pub(crate) fn take_from(&mut self, key: usize) -> Option<(usize, T)> {
        let rest = self.places.get_mut(key..)?;
        let offset = rest
            .iter()
            .position(|place| matches!(place, Place::Full(_)))?;
        match mem::replace(&mut rest[offset], Place::Taken) {
            Place::Full(value) => Some((key + offset, value)),
            Place::Free(_) | Place::Taken => unreachable!("found full above"),
        }
    }
}

#[cfg(all(test, not(hyperia_loom)))]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_valid_and_places_are_reused() {
        let mut slab = Slab::new();
        let keys: Vec<_> = (0..4).map(|value| slab.insert(value)).collect();
        assert_eq!(slab.remove(keys[1]), Some(1));
        assert_eq!(slab.remove(keys[2]), Some(2));
        assert_eq!(slab.insert(20), keys[2]);
        assert_eq!(slab.insert(10), keys[1]);
        assert_eq!(slab.insert(40), 4);
        assert_eq!(slab.len(), 5);
        let rest: Vec<_> = [0, 1, 2, 3, 4].map(|key| slab.remove(key)).to_vec();
        assert_eq!(rest, [Some(0), Some(10), Some(20), Some(3), Some(40)]);
        assert_eq!(slab.len(), 0);
    }

    #[test]
    fn a_taken_value_keeps_its_place_until_it_is_removed() {
        let mut slab = Slab::new();
        slab.insert('a');
        slab.insert('b');
        slab.remove(0);
        assert_eq!(slab.take_from(0), Some((1, 'b')));
        assert_eq!(slab.take_from(0), None);
        assert_eq!(slab.take_from(7), None);
        assert_eq!(slab.len(), 1);
        assert_eq!(slab.remove(1), None);
        assert_eq!(slab.len(), 0);
    }
}
