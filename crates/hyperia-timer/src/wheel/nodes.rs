//! What the levels ask of a node, wherever it lies: in a slab, or in a pinned sleep.

/// The `place` of a node that stands in no list.
pub(crate) const DETACHED: u16 = u16::MAX;

/// Access to the nodes that the lists consist of.
///
/// A link is a name for a node: an index, or an address. The levels never make one up.
pub(crate) trait Nodes {
    type Link: Copy + PartialEq;
    /// The link that leads nowhere.
    const NIL: Self::Link;

    fn deadline(&self, link: Self::Link) -> u64;
    fn next(&self, link: Self::Link) -> Self::Link;
    fn prev(&self, link: Self::Link) -> Self::Link;
    fn place(&self, link: Self::Link) -> u16;
    fn set_next(&mut self, link: Self::Link, next: Self::Link);
    fn set_prev(&mut self, link: Self::Link, prev: Self::Link);
    fn set_place(&mut self, link: Self::Link, place: u16);
}
