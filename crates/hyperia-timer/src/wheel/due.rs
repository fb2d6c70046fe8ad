//! The timers that one step of the wheel hands out, each with the deadline it was found due for.

/// Timers that left their slots because their deadlines have come; `N` at most.
#[derive(Debug)]
pub(crate) struct Due<T, const N: usize> {
    /// Those from `next` to `len` are of use.
    items: [(u64, T); N],
    next: usize,
    len: usize,
}

impl<T: Copy, const N: usize> Due<T, N> {
    /// Creates an empty one; `filler` fills the places not in use.
    pub(crate) const fn new(filler: T) -> Self {
        Self {
            items: [(0, filler); N],
            next: 0,
            len: 0,
        }
    }

    /// Takes the next one out. Once all are, there is room for `N` again.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<(u64, T)> {
        if self.next == self.len {
            (self.next, self.len) = (0, 0);
            return None;
        }
        let item = self.items[self.next];
        self.next += 1;
        Some(item)
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How many more can be taken in.
    pub(super) fn room(&self) -> usize {
        N - self.len
    }

    /// Takes one in; the caller has looked whether there is room.
    #[inline]
    pub(super) fn push(&mut self, deadline: u64, timer: T) {
        self.items[self.len] = (deadline, timer);
        self.len += 1;
    }

    /// Takes the last one out again; the caller knows that there is one.
    pub(super) fn unpush(&mut self) -> (u64, T) {
        self.len -= 1;
        self.items[self.len]
    }

    pub(super) fn deadline(&self, index: usize) -> u64 {
        self.items[index].0
    }

    /// Orders those from `first` on by their deadlines, and returns how many of them are due at `now`.
    pub(super) fn sort_from(&mut self, first: usize, now: u64) -> usize {
        let items = &mut self.items[first..self.len];
        if items.len() > 1 {
            items.sort_unstable_by_key(|item| item.0);
        }
        items.iter().take_while(|item| item.0 <= now).count()
    }
}
