//! One thread's event loop: a reactor, timers and tasks, put together.
//!
//! | Type | What it is |
//! |---|---|
//! | [`EventLoop`] | runs everything on the calling thread, in [`block_on`](EventLoop::block_on) |
//! | [`LoopHandle`] | what its sockets, sleeps and tasks are made with |
//! | [`DriverThread`] | reactor and timers on a thread of their own, for use under tokio, smol and others |
mod driver_thread;
mod event_loop;
mod loop_waker;
mod main_waker;
mod primitive;

pub use driver_thread::DriverThread;
pub use event_loop::{EventLoop, LoopHandle};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
