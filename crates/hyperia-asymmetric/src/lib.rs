//! Synchronization that is free for the side that runs often: the rare side pays for both.
//!
//! | Item | What it is |
//! |---|---|
//! | [`fence_light`] | the fence of the side that runs often: no instruction |
//! | [`fence_heavy`] | the fence of the side that runs rarely: a system call, `membarrier(2)` |
//! | [`seat`], [`SEATS`] | a small number that no other thread has while this one lives |
//!
//! Together they make *biased* structures: memory that one thread reads and writes without a locked
//! instruction, until another one takes it away.
#![no_std]
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]

#[cfg(any(feature = "std", test))]
extern crate std;

mod fence;
mod primitive;
mod seat;
#[cfg(any(all(feature = "std", not(hyperia_loom)), all(test, hyperia_loom)))]
mod seats;
mod sys;

pub use fence::{fence_heavy, fence_light};
#[cfg(hyperia_loom)]
#[doc(hidden)]
pub use seat::sit;
pub use seat::{SEATS, seat};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
