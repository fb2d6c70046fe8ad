//! Protocols and cancellation under many schedules: three or four tasks, each wait dropped after every number of
//! polls, and exact accounts at the end. Who must finish does, or shuttle reports a deadlock. Orderings are
//! left to loom: here each counts as `SeqCst`.
#![cfg(hyperia_shuttle)]

mod auto_reset_event;
mod ledger;
mod manual_reset_event;
mod many_senders;
mod mpmc;
mod mpsc;
mod mutex;
mod oneshot;
mod semaphore;
mod spsc;
mod wait_group;

/// Schedules for each number of polls and each way of polling, which are eight or more: 20,000 for a test.
const SCHEDULES: usize = 2_500;

/// Schedules for each, where they are so many.
const fn schedules_of(runs: usize) -> usize {
    20_000_usize.div_ceil(runs)
}
