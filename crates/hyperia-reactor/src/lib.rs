//! Edge-triggered epoll: register a descriptor, await its readiness, wake the waiting thread.
//!
//! | Type | What it is |
//! |---|---|
//! | [`Reactor`] | waits for events; owned and polled by whoever likes |
//! | [`Handle`] | registers descriptors with it, from any thread |
//! | [`Source`] | a registered descriptor: await readiness, try, poll |
//! | [`Readiness`] | the future of a wait |
//! | [`Ready`], [`Direction`] | what is ready, and as of when |
//! | [`TimerSlack`] | how late the kernel may end this thread's waits |
//! | [`ReactorGone`] | why a wait ends when the reactor is dropped |
//!
//! Nothing here starts a thread, and nothing is global: two reactors do not know of each other. Futures
//! work under any executor; a loop is made from [`Reactor::poll`] and whatever else is to be done.
//!
//! # System calls
//! | | |
//! |---|---|
//! | registering | one `epoll_ctl`, for the whole life of a source |
//! | waiting for readiness | none |
//! | [`Reactor::poll`] | one `epoll_pwait2` |
//! | a wake-up | at most one `write` between two waits, none while the reactor is awake |
//! | dropping a source | one `epoll_ctl`, or none: [`Source::assume_unshared`] |
//!
//! Nothing allocates after construction, except a registration when there are more than ever before.

#[cfg(not(target_os = "linux"))]
compile_error!("hyperia-reactor speaks epoll, which only Linux has");

mod error;
mod handle;
mod panics;
mod primitive;
mod reactor;
mod readiness;
mod registration;
mod slot;
mod slots;
mod source;
mod sys;
mod timer_slack;
mod wakeup;

pub use error::ReactorGone;
pub use handle::Handle;
pub use reactor::Reactor;
pub use readiness::{Direction, Ready};
pub use registration::Readiness;
pub use source::Source;
pub use timer_slack::TimerSlack;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
