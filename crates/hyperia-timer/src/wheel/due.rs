//! The nodes that one step of the wheel hands out, each with the deadline it was found due for.

/// Nodes that left the wheel because their deadline has come, in the order of their deadlines; `N`
/// at most.
#[derive(Debug)]
pub(crate) struct Due<L, const N: usize> {
    /// The first `len` are of use.
    items: [(u64, L); N],
    len: usize,
}

impl<L: Copy, const N: usize> Due<L, N> {
    /// Creates an empty one; `filler` fills the places not in use.
    pub(crate) fn new(filler: L) -> Self {
        Self {
            items: [(0, filler); N],
            len: 0,
        }
    }

    pub(crate) fn as_slice(&self) -> &[(u64, L)] {
        &self.items[..self.len]
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_full(&self) -> bool {
        self.len == N
    }

    /// Takes one node in; the caller has looked whether there is room.
    pub(super) fn push(&mut self, deadline: u64, link: L) {
        self.items[self.len] = (deadline, link);
        self.len += 1;
    }

    /// Forgets all nodes from `len` on.
    pub(super) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    pub(super) fn get(&self, index: usize) -> (u64, L) {
        self.items[index]
    }

    /// Removes one node; the last one takes its place.
    pub(super) fn swap_remove(&mut self, index: usize) {
        self.len -= 1;
        self.items[index] = self.items[self.len];
    }

    /// Sorts the nodes from `from` on by their deadlines.
    pub(super) fn sort_from(&mut self, from: usize) {
        if self.len - from > 1 {
            self.items[from..self.len].sort_unstable_by_key(|item| item.0);
        }
    }
}
