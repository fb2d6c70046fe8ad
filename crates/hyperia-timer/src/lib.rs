//! A hierarchical timer wheel, exact to the nanosecond, and the sleeps and timeouts over it.
//!
//! | Type | What it is |
//! |---|---|
//! | [`wheel::Wheel`] | the data structure alone: no clock, no thread, no waker; `no_std` |
//! | [`Timers`] | sleeps and timeouts for any executor, driven by whoever has the loop |
//! | [`Sleep`] | completes at a deadline; can be reset in place |
//! | [`Timeout`] | runs a future against a deadline |
//! | [`Interval`] | ticks again and again, without drift |
//! | [`Shared`], [`Local`] | which threads may use [`Timers`]: all, through a lock, or one, without |
//! | [`Clock`] | where the time comes from: [`MonotonicClock`], or [`ManualClock`] in tests |
//!
//! Nothing here owns a thread or knows a reactor. The driver, usually an event loop, asks
//! [`Timers::next_deadline`], waits that long, and calls [`Timers::advance`]; a
//! [`Waker`](core::task::Waker) of its choice is woken when a timer comes that is due before what
//! it waits for.
#![no_std]
// The table names what is not there without it.
#![cfg_attr(
    not(feature = "std"),
    expect(
        rustdoc::broken_intra_doc_links,
        reason = "the table names what only std has"
    )
)]
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "std")]
mod bound;
#[cfg(feature = "std")]
mod clock;
#[cfg(feature = "std")]
mod hub;
#[cfg(feature = "std")]
mod interval;
#[cfg(feature = "std")]
mod node;
#[cfg(feature = "std")]
mod pinned;
#[cfg(feature = "std")]
mod primitive;
#[cfg(feature = "std")]
mod sleep;
mod time;
#[cfg(feature = "std")]
mod timeout;
#[cfg(feature = "std")]
mod timers;
pub mod wheel;

#[cfg(feature = "std")]
pub use bound::{Bound, Local, Shared};
#[cfg(feature = "std")]
pub use clock::{Clock, ManualClock, MonotonicClock};
#[cfg(feature = "std")]
pub use interval::{Interval, MissedTickBehavior, Tick};
#[cfg(feature = "std")]
pub use sleep::Sleep;
#[cfg(feature = "std")]
pub use timeout::{Elapsed, Timeout};
#[cfg(feature = "std")]
pub use timers::Timers;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
