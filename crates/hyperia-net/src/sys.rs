//! The system calls of sockets, one concern per file.

pub(crate) mod addr;
pub(crate) mod option;
pub(crate) mod socket;

use std::io;

/// Turns the result of a system call into std's error.
fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// The same for calls that count bytes.
fn check_len(result: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(result).map_err(|_negative| io::Error::last_os_error())
}
