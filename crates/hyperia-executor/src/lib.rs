//! An executor for one thread: no thread of its own, no I/O, no global.
//!
//! | Type | What it is |
//! |---|---|
//! | [`LocalExecutor`] | runs tasks on the thread that made it, when [`run`](LocalExecutor::run) is called |
//! | [`Task`] | a spawned future: await it, [`detach`](Task::detach) it, [`cancel`](Task::cancel) it |
//! | [`FallibleTask`] | a `Task` that tells instead of panicking when its executor is gone |
//! | [`LocalSpawner`] | spawns on the executor's thread; for tasks to carry along |
//! | [`Spawner`] | spawns `Send` futures from any thread |
//!
//! Wakes on the executor's own thread cost no more than a push to a deque; wakes from other threads go
//! through a queue and ring the waker given at construction, at most once per sleep. An event loop
//! that sleeps in a reactor and keeps timers is in hyperia-rt.
mod bell;
mod contained;
mod local_executor;
mod primitive;
mod shared;
mod slab;
mod spawner;
mod task;
mod tracked;

pub use local_executor::LocalExecutor;
pub use spawner::{LocalSpawner, Spawner};
pub use task::{FallibleTask, Task};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
