//! Every interleaving of the smallest interesting cases. Each model says what it would catch.
//!
//! The roles do not block: they look once, as the last thing they do, and the check at the end asks
//! whether everybody was reached. A lost wake-up is then somebody who neither saw the condition nor was
//! woken, and the models stay small.
//!
//! Floors: two threads that each touch the state word two or three times meet in tens of ways, three
//! threads in hundreds. Floors are there to notice a model that explores nothing.
//!
//! Two roles run in every placement. Three around a lock make a hundred thousand executions: each is once
//! on the main thread, but they are not all spawned as well.
#![cfg(hyperia_loom)]

mod wait_queue;
mod waker_cell;
