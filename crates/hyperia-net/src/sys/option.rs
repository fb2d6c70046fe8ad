//! getsockopt(2) and setsockopt(2), by the type of the option.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use super::check;

/// Level and number of an option whose value is an `int`.
#[derive(Clone, Copy)]
pub(crate) struct IntOption(libc::c_int, libc::c_int);

pub(crate) const ERROR: IntOption = IntOption(libc::SOL_SOCKET, libc::SO_ERROR);
pub(crate) const REUSE_ADDR: IntOption = IntOption(libc::SOL_SOCKET, libc::SO_REUSEADDR);
pub(crate) const KEEPALIVE: IntOption = IntOption(libc::SOL_SOCKET, libc::SO_KEEPALIVE);
pub(crate) const NODELAY: IntOption = IntOption(libc::IPPROTO_TCP, libc::TCP_NODELAY);
pub(crate) const QUICKACK: IntOption = IntOption(libc::IPPROTO_TCP, libc::TCP_QUICKACK);
pub(crate) const KEEPALIVE_IDLE: IntOption = IntOption(libc::IPPROTO_TCP, libc::TCP_KEEPIDLE);
pub(crate) const KEEPALIVE_INTERVAL: IntOption = IntOption(libc::IPPROTO_TCP, libc::TCP_KEEPINTVL);
pub(crate) const KEEPALIVE_PROBES: IntOption = IntOption(libc::IPPROTO_TCP, libc::TCP_KEEPCNT);
pub(crate) const USER_TIMEOUT: IntOption = IntOption(libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT);
pub(crate) const TTL: IntOption = IntOption(libc::IPPROTO_IP, libc::IP_TTL);

pub(crate) fn get(fd: BorrowedFd<'_>, option: IntOption) -> io::Result<libc::c_int> {
    // SAFETY: every `IntOption` names an option whose value is an `int`, for which any bytes do.
    unsafe { get_raw(fd, option.0, option.1, 0) }
}

pub(crate) fn set(fd: BorrowedFd<'_>, option: IntOption, value: libc::c_int) -> io::Result<()> {
    // SAFETY: every `IntOption` names an option whose value is an `int`.
    unsafe { set_raw(fd, option.0, option.1, value) }
}

/// Takes the error that is pending on a socket.
pub(crate) fn take_error(fd: BorrowedFd<'_>) -> io::Result<Option<io::Error>> {
    match get(fd, ERROR)? {
        0 => Ok(None),
        errno => Ok(Some(io::Error::from_raw_os_error(errno))),
    }
}

pub(crate) fn linger(fd: BorrowedFd<'_>) -> io::Result<Option<Duration>> {
    let off = libc::linger {
        l_onoff: 0,
        l_linger: 0,
    };
    // SAFETY: the value of SO_LINGER is a `linger`, two integers for which any bytes do.
    let linger = unsafe { get_raw(fd, libc::SOL_SOCKET, libc::SO_LINGER, off) }?;
    // Not negative: the kernel keeps what was set in jiffies.
    Ok((linger.l_onoff != 0).then(|| Duration::from_secs(linger.l_linger.unsigned_abs().into())))
}

pub(crate) fn set_linger(fd: BorrowedFd<'_>, linger: Option<Duration>) -> io::Result<()> {
    let value = libc::linger {
        l_onoff: linger.is_some().into(),
        l_linger: linger.map_or(0, seconds),
    };
    // SAFETY: the value of SO_LINGER is a `linger`.
    unsafe { set_raw(fd, libc::SOL_SOCKET, libc::SO_LINGER, value) }
}

/// Whole seconds for the kernel: rounded up, so that a short time does not become none.
pub(crate) fn seconds(time: Duration) -> libc::c_int {
    let seconds = time
        .as_secs()
        .saturating_add(u64::from(time.subsec_nanos() > 0));
    libc::c_int::try_from(seconds).unwrap_or(libc::c_int::MAX)
}

/// Whole milliseconds for the kernel, rounded up.
pub(crate) fn milliseconds(time: Duration) -> libc::c_int {
    libc::c_int::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(libc::c_int::MAX)
}

/// # Safety
///
/// `T` is the type of the option's value, and valid whatever bytes are written over it.
unsafe fn get_raw<T: Copy>(
    fd: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
    mut value: T,
) -> io::Result<T> {
    let mut len = size_of::<T>() as libc::socklen_t;
    // SAFETY: `value` has room for `len` bytes, and both outlive the call.
    check(unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            level,
            name,
            (&raw mut value).cast(),
            &raw mut len,
        )
    })?;
    Ok(value)
}

/// # Safety
///
/// `T` is the type of the option's value.
unsafe fn set_raw<T: Copy>(
    fd: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
    value: T,
) -> io::Result<()> {
    let len = size_of::<T>() as libc::socklen_t;
    // SAFETY: `value` is `len` readable bytes that outlive the call.
    check(unsafe {
        libc::setsockopt(fd.as_raw_fd(), level, name, (&raw const value).cast(), len)
    })?;
    Ok(())
}
