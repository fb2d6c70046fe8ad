//! `membarrier(2)`, the private expedited commands: Linux 4.14 or later.

use std::io;

use crate::primitive::Ordering::*;
use crate::primitive::{AtomicU32, fence_seq_cst};

/// Not asked yet.
const UNKNOWN: u32 = 0;
/// The process is registered.
const YES: u32 = 1;
/// The system, or a filter, has refused.
const NO: u32 = 2;

/// One of the three; changes once. A child process inherits it, and the registration with it.
static SUPPORT: AtomicU32 = AtomicU32::new(UNKNOWN);

/// Whether heavy fences work; registers the process when it is first asked.
pub(crate) fn is_supported() -> bool {
    // ORDERING: the answer is the same whoever asks, and the kernel orders the registration itself.
    match SUPPORT.load(Relaxed) {
        UNKNOWN => register(),
        known => known == YES,
    }
}

#[cold]
fn register() -> bool {
    let is_registered = command(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED).is_ok();
    let answer = if is_registered { YES } else { NO };
    // ORDERING: as for the load above. Two that ask at once may differ if a filter comes in between: then
    // the first answer stands for both.
    match SUPPORT.compare_exchange(UNKNOWN, answer, Relaxed, Relaxed) {
        Ok(_) => is_registered,
        Err(first) => first == YES,
    }
}

/// A full barrier on each processor that runs a thread of this process, or here, if there can be no light
/// fences.
pub(crate) fn barrier() {
    if !is_supported() {
        return fence_seq_cst();
    }
    while let Err(error) = command(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED) {
        // The kernel was short of memory for a mask of processors: it will not be for long.
        if error.raw_os_error() != Some(libc::ENOMEM) {
            // No panic: the caller may be in the middle of taking away what is another thread's.
            std::eprintln!(
                "hyperia-asymmetric: membarrier(2) worked before and fails now: {error}"
            );
            std::process::abort();
        }
    }
}

fn command(command: libc::c_int) -> io::Result<()> {
    let no_flags: libc::c_uint = 0;
    // SAFETY: the call takes two numbers and touches no memory of ours.
    match unsafe { libc::syscall(libc::SYS_membarrier, command, no_flags) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
