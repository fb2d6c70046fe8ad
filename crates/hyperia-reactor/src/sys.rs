//! The system calls, one mechanism per file.

pub(crate) mod epoll;
pub(crate) mod eventfd;

use std::io;

/// Turns the result of a system call into std's error.
fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}
