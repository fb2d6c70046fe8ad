//! Async TCP sockets with std's method names, for any executor.
//!
//! | Type | What it is |
//! |---|---|
//! | [`TcpStream`] | a connection: read, write, poll, try |
//! | [`TcpListener`] | accepts connections |
//! | [`Incoming`] | accepted connections as a stream |
//! | [`TcpStreamExt`] | Linux options: keepalive, user timeout, quick acknowledgement, linger |
//! | [`parse_addr`] | addresses as people write them, without looking anything up |
//! | [`Handle`] | of the reactor that a socket is made with, from hyperia-reactor, as are [`Readiness`], [`Ready`] and [`ReactorGone`] |
//!
//! [`Connect`], [`Accept`], [`Read`], [`Write`], [`WriteAll`] and [`WriteVectored`] are the futures. All of
//! them may be dropped at any time; each says what it had done by then.
//!
//! Sockets are driven by a [`Reactor`](hyperia_reactor::Reactor) that somebody polls; they do not care who
//! polls *them*. Reading and writing go to the kernel directly and wait only when that would block: no
//! system call beyond those of the same blocking program but the reactor's one wait.

#[cfg(not(target_os = "linux"))]
compile_error!("hyperia-net makes Linux system calls");

mod address;
mod attempt;
mod sys;
mod tcp;

pub use address::{AddrError, Address, Host, parse_addr};
pub use hyperia_reactor::{Handle, ReactorGone, Readiness, Ready};
pub use tcp::{
    Accept, Connect, Incoming, Keepalive, Read, TcpListener, TcpStream, TcpStreamExt, Write,
    WriteAll, WriteVectored,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
