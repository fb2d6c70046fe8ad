//! Async synchronization: every wait is a named future, every thread may wait with
//! [`Block`](https://docs.rs/hyperia-wait), and nothing here knows an executor.
//!
//! | Type | What it is |
//! |---|---|
//! | [`AutoResetEvent`] | lets one waiter pass per `set`, in the order of their arrival |
//! | [`Semaphore`] | permits, acquired by the number and given back |
//! | [`Mutex`] | one at a time has the value |
//! | [`ManualResetEvent`] | lets everybody pass from `set` until `reset` |
//! | [`WaitGroup`] | waits until no token of it is left; each may be dropped anywhere |
//! | [`spsc::bounded`] | a channel from one sender to one receiver, bounded |
//! | [`mpsc::bounded`], [`mpsc::unbounded`] | a channel from many senders to one receiver |
//! | [`mpmc::bounded`], [`mpmc::unbounded`] | a channel from many senders to many receivers; each value goes to one |
//! | [`oneshot::channel`] | hands one value from one side to the other |
#![no_std]
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]
#![expect(
    clippy::duplicate_mod,
    reason = "the ends that several channels have are written once, in `ends`, and are types of each channel"
)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod auto_reset_event;
mod channel;
mod manual_reset_event;
pub mod mpmc;
pub mod mpsc;
mod mutex;
pub mod oneshot;
mod primitive;
mod semaphore;
pub mod spsc;
mod wait_group;

pub use auto_reset_event::{AutoResetEvent, AutoResetWait};
pub use manual_reset_event::{ManualResetEvent, ManualResetWait};
pub use mutex::{Lock, LockOwned, Mutex, MutexGuard, OwnedMutexGuard};
pub use semaphore::{OwnedPermit, Permit, Semaphore, SemaphoreAcquire, SemaphoreAcquireOwned};
pub use wait_group::{Token, WaitGroup, WaitGroupWait};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
