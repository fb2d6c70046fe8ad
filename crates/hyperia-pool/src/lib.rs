//! A lock-free object pool whose callers may wait for an object.
//!
//! | Item | What it is |
//! |---|---|
//! | [`Pool`] | a fixed number of objects, made on first use and used again and again |
//! | [`Pooled`], [`OwnedPooled`] | an object in use; two words, returned on drop |
//! | [`Get`], [`OwnedGet`] | waits for an object, first in, first out |
#![no_std]
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod get;
#[cfg(all(test, hyperia_loom))]
mod loom;
mod padded;
mod pool;
mod pooled;
mod primitive;
mod slot;
mod stripes;

pub use get::{Get, OwnedGet};
pub use pool::Pool;
pub use pooled::{OwnedPooled, Pooled};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
