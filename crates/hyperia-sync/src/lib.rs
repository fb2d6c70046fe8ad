//! Async synchronization: every wait is a named future, every thread may wait with
//! [`Block`](https://docs.rs/hyperia-wait), and nothing here knows an executor.
//!
//! | Type | What it is |
//! |---|---|
//! | [`AutoResetEvent`] | lets one waiter pass per `set`, in the order of their arrival |
//! | [`Semaphore`] | permits, acquired by the number and given back |
//! | [`Mutex`] | one at a time has the value |
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
mod mutex;
pub mod oneshot;
mod primitive;
mod semaphore;

pub use auto_reset_event::{AutoResetEvent, AutoResetWait};
pub use mutex::{Lock, Mutex, MutexGuard};
pub use semaphore::{Permit, Semaphore, SemaphoreAcquire};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
