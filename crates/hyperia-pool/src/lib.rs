//! An object pool whose callers may wait for an object. A thread that takes what it has returned does so without
//! a locked instruction, and any other can take it, too.
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

mod cache;
mod get;
#[cfg(all(test, hyperia_loom))]
mod loom;
mod padded;
mod pool;
mod pooled;
mod primitive;
mod slot;
mod slots;

pub use get::{Get, OwnedGet};
pub use pool::Pool;
pub use pooled::{OwnedPooled, Pooled};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// What may not leave its thread stays on it, in a pool or in use:
/// ```compile_fail,E0277
/// fn is_send<T: Send>() {}
/// is_send::<hyperia_pool::Pool<std::rc::Rc<u8>>>();
/// ```
/// ```compile_fail,E0277
/// fn is_sync<T: Sync>() {}
/// is_sync::<hyperia_pool::Pool<std::sync::MutexGuard<'static, u8>>>();
/// ```
/// ```compile_fail,E0277
/// fn is_send<T: Send>() {}
/// is_send::<hyperia_pool::OwnedPooled<std::sync::MutexGuard<'static, u8>>>();
/// ```
/// ```compile_fail,E0277
/// fn is_sync<T: Sync>() {}
/// is_sync::<hyperia_pool::Pooled<'static, std::cell::Cell<u8>>>();
/// ```
/// while this compiles:
/// ```
/// fn is_send<T: Send>() {}
/// fn is_sync<T: Sync>() {}
/// is_send::<hyperia_pool::Pool<std::cell::Cell<u8>>>();
/// is_sync::<hyperia_pool::Pool<std::cell::Cell<u8>>>();
/// is_send::<hyperia_pool::OwnedPooled<std::cell::Cell<u8>>>();
/// is_sync::<hyperia_pool::Pooled<'static, u8>>();
/// ```
#[cfg(doctest)]
struct AutoTraits;
