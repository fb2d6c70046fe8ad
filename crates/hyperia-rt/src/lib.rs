//! One thread's event loop: a reactor, timers and tasks, put together.
//!
//! | Type | What it is |
//! |---|---|
//! | [`EventLoop`] | runs everything on the calling thread, in [`block_on`](EventLoop::block_on) |
//! | [`LoopHandle`] | what its sockets, sleeps and tasks are made with |
//! | [`DriverThread`] | reactor and timers on a thread of their own, for use under tokio, smol and others |
//!
//! # The loop
//! The pieces do not know each other: the executor knows no I/O, the timers no reactor, the reactor no
//! tasks. What they have in common is [`Waker`](core::task::Waker). A loop is about thirty lines, and whoever
//! wants another one writes it:
//!
//! ```
//! use hyperia_executor::LocalExecutor;
//! use hyperia_reactor::Reactor;
//! use hyperia_timer::{MonotonicClock, Timers};
//! use std::{io, time::Duration};
//!
//! fn main() -> io::Result<()> {
//!     let mut reactor = Reactor::new()?;
//!     // Whatever comes from outside while the loop sleeps calls it out of its sleep.
//!     let timers = Timers::new(MonotonicClock::new(), reactor.waker());
//!     let executor = LocalExecutor::new(reactor.waker());
//!
//!     let main = executor.spawn({
//!         let timers = timers.clone();
//!         async move { timers.sleep(Duration::from_millis(1)).await }
//!     });
//!
//!     while !main.is_finished() {
//!         // 1. Tasks, as many as may keep I/O waiting.
//!         let busy = executor.run(64);
//!         // 2. How long there is nothing else to do. Asked right before the wait: from here on an
//!         //    earlier deadline calls.
//!         let timeout = if busy {
//!             Some(Duration::ZERO)
//!         } else {
//!             timers.next_deadline().map(|deadline| deadline.saturating_sub(timers.now()))
//!         };
//!         // 3. Until then, I/O. It wakes tasks, which become ready.
//!         reactor.poll(timeout)?;
//!         // 4. Timers wake tasks too. If very many are due, the rest makes the next deadline one that
//!         //    has passed, and comes after a look at I/O.
//!         timers.advance(timers.now());
//!     }
//!     Ok(())
//! }
//! ```
//!
//! Why no wake is slept through:
//!
//! - *A task woken on the loop's own thread*, in steps 1, 3 or 4, is in the executor's queue, and step 1 of
//!   the next turn comes before any wait. In step 1 itself `run` says so.
//! - *A task woken by another thread* goes through a queue. The executor announces that it is about to
//!   sleep before it looks there for the last time; the other side looks for that announcement after it
//!   has pushed. One of the two sees the other, and if it is the other thread, it calls the waker.
//! - *A timer* made by another thread, earlier than the deadline of step 2, finds that deadline noted and
//!   calls. One made by a task comes before step 2.
//! - *A call* that comes before the wait has begun keeps the reactor from waiting: it has a state of its own
//!   for that, and one `write` to an eventfd when it is asleep already.
//!
//! Why nobody starves: every step is bounded. `run` by its budget, first come, first served; `advance` by 256
//! timers; `poll` by one batch of events. Whatever is left over makes the wait of step 3 a look.
//!
//! [`EventLoop`] is this loop with three additions. A *main future* that is not `'static` is polled beside
//! the tasks, in turns of 16 polls, so that a conversation between it and a task costs no system call.
//! Its *wakers* know their own thread and do nothing there: a wake in step 3 or 4 calls nobody, for the loop
//! is awake; without that each event would make the next wait a mere look, one `epoll_wait` more per event.
//! And the thread is *marked*: blocking it with `hyperia_wait::block_on` panics in debug builds.
//!
//! # System calls
//! An idle loop makes none but the one it sleeps in. A round trip over loopback with both ends in one loop
//! makes six: two waits, two reads, two writes. Both are tests.
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
