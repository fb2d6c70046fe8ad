//! What the chains ask of a timer, wherever it lies: in a slab, or in a pinned sleep.

use core::fmt::Debug;

use super::slots::Place;

/// What stands before a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before<L> {
    /// Another timer of the chain.
    Timer(L),
    /// Nothing: it is the first one of this slot.
    Slot(Place),
    /// It stands in no slot.
    Nowhere,
}

/// Access to the timers that chains consist of.
///
/// A link is a name for a timer: an index, or an address. The chains never make one up.
pub(crate) trait Nodes {
    type Link: Copy + PartialEq + Debug;
    /// The link that leads nowhere.
    const NIL: Self::Link;

    fn deadline(&self, link: Self::Link) -> u64;
    fn next(&self, link: Self::Link) -> Self::Link;
    fn before(&self, link: Self::Link) -> Before<Self::Link>;
    fn set_next(&mut self, link: Self::Link, next: Self::Link);
    fn set_before(&mut self, link: Self::Link, before: Before<Self::Link>);
}
