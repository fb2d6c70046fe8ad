//! The two system calls that std does not offer: `poll` and `SO_LINGER`.
use std::ffi::c_int;
use std::net::TcpStream;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// One line of a `poll` call, for as long as the descriptor is borrowed.
#[repr(transparent)]
pub(super) struct Interest<'a>(libc::pollfd, std::marker::PhantomData<BorrowedFd<'a>>);

impl<'a> Interest<'a> {
    /// Nothing is awaited, hang-ups included, if neither side is or without a descriptor.
    pub(super) fn new(fd: Option<BorrowedFd<'a>>, read: bool, write: bool) -> Self {
        let events = if read { libc::POLLIN } else { 0 } | if write { libc::POLLOUT } else { 0 };
        let fd = fd.filter(|_| events != 0).map_or(-1, |fd| fd.as_raw_fd());
        Self(
            libc::pollfd {
                fd,
                events,
                revents: 0,
            },
            std::marker::PhantomData,
        )
    }
}

/// Waits for any of `interests` or until `timeout`; errors (EINTR) end the wait early.
pub(super) fn poll(interests: &mut [Interest<'_>], timeout: Option<Duration>) {
    // Rounded up: half a millisecond too early would be a busy loop.
    let timeout = timeout.map_or(-1, |timeout| {
        c_int::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(c_int::MAX)
    });
    let (lines, count) = (
        interests.as_mut_ptr().cast::<libc::pollfd>(),
        interests.len(),
    );
    // SAFETY: `Interest` is a transparent `pollfd`, the slice is writable and its length is given.
    unsafe { libc::poll(lines, count as libc::nfds_t, timeout) };
}

/// Makes the close of `stream` a reset.
pub(super) fn reset_on_close(stream: &TcpStream) {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    // SAFETY: the option's value is a whole `linger` that outlives the call, its length is given,
    // and the descriptor is open because it is borrowed.
    let result = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of_val(&linger) as libc::socklen_t,
        )
    };
    assert_eq!(result, 0, "SO_LINGER on a TCP socket cannot fail");
}
