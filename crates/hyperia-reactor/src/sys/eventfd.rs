//! eventfd(2): a counter whose every write makes an edge-triggered epoll report it.
//!
//! It is never read: each write is an edge of its own whatever the counter holds, so a read would be a
//! system call for nothing. Only when the counter is full, after 2^64 - 2 writes, it is read back to zero.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::check;

#[cfg(all(test, not(hyperia_loom)))]
mod tests;

/// A non-blocking, close-on-exec counter.
#[derive(Debug)]
pub(crate) struct EventFd {
    fd: OwnedFd,
}

impl EventFd {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: no pointers are involved.
        let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        // SAFETY: the kernel has just returned this descriptor, so nobody else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { fd })
    }

    /// Makes the counter's epoll report it once more.
    pub(crate) fn ring(&self) -> io::Result<()> {
        loop {
            match self.write(1) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.reset()?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    fn write(&self, amount: u64) -> io::Result<()> {
        // SAFETY: `amount` is eight readable bytes, which is what an eventfd takes.
        let written = unsafe {
            libc::write(
                self.fd.as_raw_fd(),
                (&raw const amount).cast(),
                size_of::<u64>(),
            )
        };
        if written < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }

    /// Sets the counter to zero. Another thread may have done it first: then there is nothing to read,
    /// which is as good.
    #[cold]
    fn reset(&self) -> io::Result<()> {
        let mut count = 0_u64;
        // SAFETY: `count` is eight writable bytes, which is what an eventfd fills.
        let read = unsafe {
            libc::read(
                self.fd.as_raw_fd(),
                (&raw mut count).cast(),
                size_of::<u64>(),
            )
        };
        if read < 0 {
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::WouldBlock {
                return Err(error);
            }
        }
        Ok(())
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
