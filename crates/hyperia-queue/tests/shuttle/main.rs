//! Protocols under many schedules: three or four threads, and exact accounts at the end: each value is popped, is
//! inside, or came back, once, and those of one producer in their order. Orderings are left to loom: here
//! each counts as `SeqCst`.
#![cfg(hyperia_shuttle)]

mod mpmc;
mod mpsc;
mod spsc;

/// For each test.
const SCHEDULES: usize = 20_000;
