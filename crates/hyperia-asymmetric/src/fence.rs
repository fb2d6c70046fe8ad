//! A pair of fences of which one costs nothing.
//!
//! # What they promise
//! A light fence of a thread with a seat and a heavy fence of any thread are ordered as two
//! `fence(SeqCst)` are; so are two heavy fences. Two light fences are not ordered at all. In the
//! pattern that both are made for,
//! ```text
//!   often:  write a; fence_light(); read b        rarely:  write b; fence_heavy(); read a
//! ```
//! at least one side sees what the other has written.
//!
//! # How
//! The light fence forbids the compiler to reorder, and nothing else. The heavy one asks the kernel to
//! run a full barrier on every processor that runs a thread of this process; threads that are not running
//! have been through one. Whatever a processor had reordered around a light fence is in order then.
//!
//! # Progress
//! Wait-free; the kernel interrupts other processors and waits for their answers.
//!
//! # Cost
//! Light: 0 instructions. Heavy: a system call of about 0.4 µs while no other thread of the process runs,
//! several microseconds, and an interruption of them, while others do.
//!
//! # Sources
//! Linux's `membarrier(2)` (Mathieu Desnoyers, 2015; the expedited commands of 2017); C++ paper P1202,
//! "Asymmetric Fences" (David Goldblatt, 2018), whose words for it these are.

use crate::{primitive, sys};

/// The fence of the side that runs often: as `fence(SeqCst)` towards [`fence_heavy`], and free.
///
/// It counts only on a thread that has a [`seat`](crate::seat), because then the system is known to support
/// the other half. On other threads use `fence(SeqCst)`.
///
/// # Examples
///
/// A flag that its owner raises and lowers for free; whoever needs to know closes the gate first.
///
/// ```
/// use hyperia_asymmetric::{fence_heavy, fence_light, seat};
/// use std::sync::atomic::AtomicBool;
/// use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
///
/// static INSIDE: AtomicBool = AtomicBool::new(false);
/// static CLOSED: AtomicBool = AtomicBool::new(false);
///
/// fn owner_enters() -> bool {
///     INSIDE.store(true, Relaxed);
///     fence_light(); // it sees the gate closed, or it is seen inside
///     !CLOSED.load(Relaxed)
/// }
///
/// fn somebody_else_closes() -> bool {
///     CLOSED.store(true, Relaxed);
///     fence_heavy();
///     !INSIDE.load(Acquire) // nobody is inside, and nobody will be
/// }
///
/// if seat().is_some() {
///     assert!(owner_enters());
///     assert!(!somebody_else_closes());
///     INSIDE.store(false, Release);
///     assert!(somebody_else_closes() && !owner_enters());
/// }
/// ```
#[inline(always)]
pub fn fence_light() {
    primitive::fence_light();
}

/// The fence of the side that runs rarely: as `fence(SeqCst)` towards every other fence, [`fence_light`]
/// included.
///
/// Where the system cannot do it no thread has a seat, and this is a plain `fence(SeqCst)`.
///
/// If the system has supported it before and refuses now, as a seccomp filter can bring about, the process aborts:
/// threads rely on this fence by then, and callers are in the middle of what they do.
///
/// # Complexity
///
/// A system call, which interrupts the other running threads of the process.
pub fn fence_heavy() {
    sys::barrier();
}
