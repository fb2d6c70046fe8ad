//! Test code that the crates share; never published, a path-only dev-dependency.
//!
//! | Item | What it is for |
//! |---|---|
//! | [`CountingWaker`] | counts what is done to a waker: wakes, clones, drops |
//! | [`PanicWaker`] | a waker whose wake, clone or drop panics |
//! | [`poll_once`] | one poll by hand |
//! | [`drop_at_every_poll`] | drops a future at every point where it can be dropped |
//! | [`forever`] | what a future may borrow from without an end |
//! | [`alloc`] | a global allocator that counts per thread |
//! | [`auto_traits!`] | asserts a table of who is `Send`, `Sync` and `Unpin` |
//! | [`locked`] | counts locked instructions, one by one |
//! | [`stop`] | stops a thread in the middle of what it does |
//! | [`progress`] | who goes on meanwhile: a table of claims, measured |
//! | [`syscalls`] | counts system calls by strace |
//! | [`stress`] | how much a stress test does, and decisions that a second run takes again |
//! | [`turns`] | turns an event loop until something happened |
//! | [`proxy`] | a TCP proxy that delays, cuts, resets, stalls |
//! | `model`, `model_roles` | model checking with a floor on executions; only under `cfg(hyperia_loom)` |
//! | `tracked` | values that count their drops, and facts whose order is checked; only under `cfg(hyperia_loom)` |
//! | `schedules`, `schedules_at_every_poll` | many schedules, counted, with futures dropped at every poll; only under `cfg(hyperia_shuttle)` |
//!
//! Atomics here are the real ones even under the model checker: what a test counts is not part of
//! what it models.
pub mod alloc;
mod auto_traits;
mod every_poll;
mod forever;
pub mod locked;
#[cfg(hyperia_loom)]
mod model;
#[cfg(hyperia_shuttle)]
mod patience;
pub mod progress;
pub mod proxy;
#[cfg(hyperia_shuttle)]
mod schedules;
pub mod stop;
pub mod stress;
pub mod syscalls;
#[cfg(hyperia_loom)]
pub mod tracked;
pub mod turns;
mod waker;

pub use every_poll::{drop_at_every_poll, poll_once};
pub use forever::forever;
#[cfg(hyperia_loom)]
pub use model::{model, model_roles, model_roles_in_main, model_roles_spawned};
#[cfg(hyperia_shuttle)]
pub use patience::{Patience, schedules_at_every_poll};
#[cfg(hyperia_shuttle)]
pub use schedules::schedules;
pub use waker::{CountingWaker, PanicOn, PanicWaker};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
