//! Allocators that can be awaited: they know when everything they gave out is freed.
//!
//! | Item | What it is |
//! |---|---|
//! | [`Tracked`] | counts blocks and bytes of any allocator, for many threads: a stripe for each, 8.25 KiB |
//! | [`Scope`] | counts those of one connection or request: 32 bytes, with a high-water mark |
//! | [`Drained`] | the wait of both: resolves when nothing is live |
//! | [`Limited`] | fails what would go beyond a number of bytes |
//! | [`Shared`] | a counted handle, for allocators that no borrow can outlive |
//!
//! They implement `Allocator`: that of the crate `allocator-api2` (feature `allocator-api2`, the
//! default) or the language's own (feature `nightly`); [`Tracked`] and [`Limited`] also
//! [`GlobalAlloc`](core::alloc::GlobalAlloc).
#![cfg_attr(feature = "nightly", feature(allocator_api))]

mod account;
#[cfg(any(feature = "allocator-api2", feature = "nightly"))]
mod allocator;
mod drained;
mod global;
mod ledger;
mod limited;
mod padded;
mod primitive;
mod scope;
#[cfg(any(feature = "allocator-api2", feature = "nightly"))]
mod shared;
mod stripe;
mod tally;
mod tracked;

pub use drained::Drained;
pub use limited::Limited;
pub use scope::Scope;
#[cfg(any(feature = "allocator-api2", feature = "nightly"))]
pub use shared::Shared;
pub use tracked::Tracked;

#[cfg(all(doctest, feature = "allocator-api2", not(feature = "nightly")))]
#[doc = include_str!("../README.md")]
struct Readme;
