//! Who waits and who wakes: the parts that every async crate needs and none should write again.
//!
//! | Item | What it is |
//! |---|---|
//! | [`WakerCell`] | one waiter, any number of notifiers; no lock, no allocation |
//! | [`WaitQueue`] | any number of waiters, woken in the order in which they came; 16 bytes |
//! | [`WakeBatch`] | wakers collected under a lock, to be woken after it |
//! | [`list`], [`Backoff`] | what queues of waiters are made of, for those who build their own |
//! | [`race`] | the first of two futures, with the other one kept alive |
//! | [`block_on`], [`Block`] | a thread as the waiter (feature `std`) |
//! | [`driving`] | the mark of a thread on which blocking would be a deadlock (feature `std`) |
#![no_std]
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]

#[cfg(feature = "std")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod backoff;
#[cfg(feature = "std")]
mod block;
mod elapsed;
mod first_panic;
pub mod list;
mod primitive;
mod race;
mod wait_queue;
mod wake_batch;
mod waker_cell;

pub use backoff::Backoff;
#[cfg(feature = "std")]
pub use block::{Block, Driving, block_on, driving};
pub use elapsed::Elapsed;
pub use race::{Either, Race, race};
pub use wait_queue::{Closed, Wait, WaitQueue};
pub use wake_batch::WakeBatch;
pub use waker_cell::WakerCell;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
