//! epoll(7): an edge-triggered interest list and the wait on it.
//!
//! Every descriptor is added once, for both directions, and never modified. Waiting goes through
//! `epoll_pwait2` (Linux 5.11), whose timeout is in nanoseconds; where the kernel or a sandbox does not
//! know it, through `epoll_wait` with the timeout rounded up to a millisecond.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::time::Duration;

use super::check;

#[cfg(all(test, not(hyperia_loom)))]
mod tests;

/// What every descriptor is registered for, for all of its life.
const INTEREST: u32 =
    (libc::EPOLLIN | libc::EPOLLPRI | libc::EPOLLRDHUP | libc::EPOLLOUT | libc::EPOLLET) as u32;

/// Events taken out of the kernel by one wait. More than this many stay in its ready list, which it
/// serves in turn, so that nobody starves.
const EVENTS_MAX: usize = 1024;

/// An epoll instance (close-on-exec).
#[derive(Debug)]
pub(crate) struct Epoll {
    fd: OwnedFd,
}

impl Epoll {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: no pointers are involved.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the kernel has just returned this descriptor, so nobody else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { fd })
    }

    /// Adds `fd` for both directions; its events will carry `token`.
    pub(crate) fn add(&self, fd: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, INTEREST, token)
    }

    /// Adds `fd` for reading alone.
    pub(crate) fn add_read(&self, fd: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        self.control(
            libc::EPOLL_CTL_ADD,
            fd,
            (libc::EPOLLIN | libc::EPOLLET) as u32,
            token,
        )
    }

    /// Removes `fd`: later waits report nothing about it. What an earlier wait has already returned is
    /// not taken back.
    pub(crate) fn delete(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, fd, 0, 0)
    }

    fn control(
        &self,
        operation: libc::c_int,
        fd: BorrowedFd<'_>,
        events: u32,
        token: u64,
    ) -> io::Result<()> {
        let mut event = libc::epoll_event { events, u64: token };
        // SAFETY: both descriptors are borrowed, so they are open; `event` outlives the call, which
        // copies it.
        check(unsafe {
            libc::epoll_ctl(
                self.fd.as_raw_fd(),
                operation,
                fd.as_raw_fd(),
                &raw mut event,
            )
        })?;
        Ok(())
    }
}

/// One event: the token of a registration and the `EPOLL*` bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) token: u64,
    pub(crate) flags: u32,
}

/// The buffer of one waiting thread; allocated once.
pub(crate) struct Events {
    buffer: Box<[MaybeUninit<libc::epoll_event>]>,
    /// How many entries of `buffer`, from the front, the last wait has written.
    len: usize,
    /// False once the kernel has answered that it does not know `epoll_pwait2`.
    has_pwait2: bool,
}

impl Events {
    pub(crate) fn new() -> Self {
        Self {
            buffer: Box::new_uninit_slice(EVENTS_MAX),
            len: 0,
            has_pwait2: true,
        }
    }

    /// Replaces the contents by what is ready now, waiting at most `timeout` (`None`: for ever) for
    /// something to become so. A signal ends the wait early, with nothing and without an error.
    pub(crate) fn wait(&mut self, epoll: &Epoll, timeout: Option<Duration>) -> io::Result<()> {
        self.len = 0;
        let result = match self.wait_any(epoll, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            other => other,
        };
        self.len = result?;
        Ok(())
    }

    /// The events of the last wait.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Event> {
        self.buffer[..self.len].iter().map(|event| {
            // SAFETY: the kernel has written the first `len` entries (`wait` sets `len` to the count it
            // returned, and to 0 before it may overwrite them).
            let event = unsafe { event.assume_init() };
            Event {
                token: event.u64,
                flags: event.events,
            }
        })
    }

    fn wait_any(&mut self, epoll: &Epoll, timeout: Option<Duration>) -> io::Result<usize> {
        if self.has_pwait2 {
            match self.wait_ns(epoll, timeout) {
                Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => self.has_pwait2 = false,
                other => return other,
            }
        }
        self.wait_ms(epoll, timeout)
    }

    fn wait_ns(&mut self, epoll: &Epoll, timeout: Option<Duration>) -> io::Result<usize> {
        let timeout = timeout.map(timespec);
        // SAFETY: `buffer` has room for EVENTS_MAX entries and is not read while the kernel writes it;
        // the timeout is null or a timespec in the kernel's 64-bit layout that outlives the call; a
        // null signal mask leaves the mask alone.
        let result = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                epoll.fd.as_raw_fd(),
                self.buffer.as_mut_ptr(),
                EVENTS_MAX as libc::c_int,
                timeout.as_ref().map_or(ptr::null(), ptr::from_ref),
                ptr::null::<libc::sigset_t>(),
                0_usize,
            )
        };
        Ok(check(result as libc::c_int)? as usize)
    }

    fn wait_ms(&mut self, epoll: &Epoll, timeout: Option<Duration>) -> io::Result<usize> {
        // SAFETY: `buffer` has room for EVENTS_MAX entries and is not read while the kernel writes it.
        let result = unsafe {
            libc::epoll_wait(
                epoll.fd.as_raw_fd(),
                self.buffer.as_mut_ptr().cast(),
                EVENTS_MAX as libc::c_int,
                timeout.map_or(-1, milliseconds),
            )
        };
        Ok(check(result)? as usize)
    }
}

/// The kernel's `struct __kernel_timespec`: 64 bits each on every architecture.
#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

/// Beyond what the kernel can count the wait is endless anyway.
fn timespec(timeout: Duration) -> Timespec {
    Timespec {
        seconds: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        nanoseconds: i64::from(timeout.subsec_nanos()),
    }
}

/// Rounded up: a wait must not end before its time.
fn milliseconds(timeout: Duration) -> libc::c_int {
    let milliseconds = timeout.as_nanos().div_ceil(1_000_000);
    libc::c_int::try_from(milliseconds).unwrap_or(libc::c_int::MAX)
}
