//! Comparisons with other crates: a harness that interleaves the contenders and checks their results.
//!
//! | Item | What it is for |
//! |---|---|
//! | [`Comparison`] | one table: contenders that do the same work, in turns |
//! | [`Load`] | how much of it, by the command line |
//! | [`measure`], [`measure_threads`] | wall and CPU time of one sample |
//! | [`measure_copies`], [`measure_hand_over`], [`until`] | threads on processors of their own: the same role on each, or a queue between two |
//! | [`measure_bound`] | roles on a thread and a processor each |
//! | [`run_tasks`] | tasks on one thread, by the least that can run them |
//! | [`Random`] | numbers that are the same in every run |
//! | [`version`] | the version of a peer, from the lock file |
mod comparison;
mod processor;
mod random;
mod sample;
mod tasks;
mod threads;
mod version;

pub use comparison::{Comparison, Load};
pub use random::Random;
pub use sample::{Sample, measure, measure_threads};
pub use tasks::run_tasks;
pub use threads::{measure_bound, measure_copies, measure_hand_over, until};
pub use version::version;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
