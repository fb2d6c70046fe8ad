//! Protocols and cancellation under many schedules: three or four tasks, each wait dropped after every number of
//! polls, and exact accounts at the end. Who must finish does, or shuttle reports a deadlock. Orderings are
//! left to loom: here each counts as `SeqCst`.
#![cfg(all(feature = "std", hyperia_shuttle))]

mod block;
mod wait_queue;
mod waker_cell;

/// Schedules for each number of polls and each way of polling, which are eight or more: 20,000 for a test.
const SCHEDULES: usize = 2_500;
