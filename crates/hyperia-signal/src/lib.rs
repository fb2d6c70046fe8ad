//! Await SIGINT, SIGTERM and friends, under any executor.
//!
//! | Item | What it is |
//! |---|---|
//! | [`Signals`] | a stream of the signals of a chosen set |
//! | [`ctrl_c`] | waits for one Ctrl-C |
//! | [`Signal`] | a signal's number, with names |
//!
//! The table of signal handlers is the one global of this family of crates: a process has only one.

#[cfg(not(target_os = "linux"))]
compile_error!("hyperia-signal rings an eventfd, which only Linux has");

mod board;
mod primitive;
mod signal;
mod signals;
mod sys;

pub use signal::Signal;
pub use signals::{CtrlC, Recv, Signals, ctrl_c};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
