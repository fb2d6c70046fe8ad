//! Places for waiting futures, found by number and used again, so that no wait allocates once there were enough.

#[derive(Debug)]
pub(super) struct Slab<T> {
    places: Vec<Place<T>>,
    /// The first free place, or `NONE`.
    free: u32,
    len: usize,
}

#[derive(Debug)]
enum Place<T> {
    Free { next: u32 },
    Taken(T),
}

/// No place.
pub(crate) const NONE: u32 = u32::MAX;

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Self {
            places: Vec::new(),
            free: NONE,
            len: 0,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// # Panics
    /// With 2^32 - 1 futures waiting at the same time.
    pub(super) fn insert(&mut self, value: T) -> u32 {
        self.len += 1;
        let key = self.free;
        if let Some(place) = self.places.get_mut(key as usize) {
            if let Place::Free { next } = *place {
                self.free = next;
            }
            *place = Place::Taken(value);
            return key;
        }
        let key = u32::try_from(self.places.len()).unwrap_or(NONE);
        assert!(key != NONE, "too many futures wait at the same time");
        self.places.push(Place::Taken(value));
        key
    }

    pub(super) fn get_mut(&mut self, key: u32) -> Option<&mut T> {
        match self.places.get_mut(key as usize) {
            Some(Place::Taken(value)) => Some(value),
            _ => None,
        }
    }

    pub(super) fn remove(&mut self, key: u32) -> Option<T> {
        let place = self.places.get_mut(key as usize)?;
        if let Place::Free { .. } = place {
            return None;
        }
        let taken = core::mem::replace(place, Place::Free { next: self.free });
        self.free = key;
        self.len -= 1;
        match taken {
            Place::Taken(value) => Some(value),
            Place::Free { .. } => None,
        }
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.places.iter_mut().filter_map(|place| match place {
            Place::Taken(value) => Some(value),
            Place::Free { .. } => None,
        })
    }
}
