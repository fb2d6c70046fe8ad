//! A circuit breaker: stops calling what keeps failing, and finds out by itself when it works
//! again.
//!
//! | Type | What it is |
//! |---|---|
//! | [`Breaker`] | the state machine: closed, open, half-open |
//! | [`Config`] | its four numbers |
//! | [`Permit`] | leave to make one call, as plain data: for state machines that store it |
//! | [`Guard`] | the same, bound to its breaker: gives itself back when it is dropped |
//! | [`State`] | what the breaker would do now |
//! | [`Open`] | the refusal: says when to come back |
//!
//! The breaker owns no clock, no thread and no timer: every call that depends on time is given
//! `now`, the time since any fixed moment, so a test decides how time passes.
#![no_std]
#![forbid(unsafe_code)]
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]

mod breaker;
mod config;
mod guard;
mod probes;

pub use breaker::{Breaker, Open, Permit, State};
pub use config::Config;
pub use guard::Guard;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// A breaker is not shared between threads without a lock, and a guard stays on its thread:
/// ```compile_fail,E0277
/// fn is_sync<T: Sync>() {}
/// is_sync::<hyperia_breaker::Breaker>();
/// ```
/// ```compile_fail,E0277
/// fn is_send<T: Send>() {}
/// is_send::<hyperia_breaker::Guard<'_>>();
/// ```
/// while these compile:
/// ```
/// fn is_sync<T: Sync>() {}
/// fn is_send<T: Send>() {}
/// is_sync::<std::sync::Mutex<hyperia_breaker::Breaker>>();
/// is_send::<hyperia_breaker::Permit>();
/// ```
#[cfg(doctest)]
struct AutoTraits;
