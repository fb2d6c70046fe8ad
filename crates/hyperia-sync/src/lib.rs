//! Async synchronization: every wait is a named future, every thread may wait with
//! [`Block`](https://docs.rs/hyperia-wait), and nothing here knows an executor.
//!
//! | Type | What it is |
//! |---|---|
//! | [`AutoResetEvent`] | lets one waiter pass per `set`, in the order of their arrival |
//! | [`oneshot::channel`] | hands one value from one side to the other |
#![no_std]
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod auto_reset_event;
pub mod oneshot;
mod primitive;

pub use auto_reset_event::{AutoResetEvent, AutoResetWait};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
