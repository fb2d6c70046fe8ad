//! A timer wheel as a plain data structure: no clock, no thread, no waker; time is passed in.
//!
//! | Type | What it is |
//! |---|---|
//! | [`Wheel`] | holds values until their deadline; insert, remove and reset in constant time |
//! | [`Key`] | names one timer of a wheel; outlives it safely |
//! | [`Expired`] | a timer whose deadline has come |
//!
//! Times are a [`Duration`](core::time::Duration) since an epoch of the caller's choice. They are
//! exact to the nanosecond over 584 years; whatever lies beyond, `Duration::MAX` above all, is
//! *never*.

mod due;
mod levels;
mod slab;

#[cfg(feature = "std")]
pub(crate) use due::Due;
#[cfg(feature = "std")]
pub(crate) use levels::{Budget, DETACHED, Levels, Nodes, Progress};
pub use slab::{Expired, Key, Wheel};
