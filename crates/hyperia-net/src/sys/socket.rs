//! Making sockets and moving bytes through them. Every descriptor made here is non-blocking and
//! close-on-exec from its first moment; every send carries `MSG_NOSIGNAL`.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::addr::{AddrBuf, RawAddr, family};
use super::{check, check_len};

/// Slices beyond these are left for the next call: more make the kernel fail (`IOV_MAX`).
pub(crate) const SLICES_MAX: usize = 1024;

/// Makes a TCP socket for addresses like `addr`.
pub(crate) fn tcp(addr: SocketAddr) -> io::Result<OwnedFd> {
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: no pointers are involved.
    let fd = check(unsafe { libc::socket(family(addr), kind, 0) })?;
    // SAFETY: the kernel has just returned this descriptor, so nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Begins to connect. False: it goes on, and writability will tell that it has ended.
pub(crate) fn connect(fd: BorrowedFd<'_>, addr: SocketAddr) -> io::Result<bool> {
    let addr = RawAddr::new(addr);
    // SAFETY: pointer and length describe an address that outlives the call.
    match check(unsafe { libc::connect(fd.as_raw_fd(), addr.as_ptr(), addr.len()) }) {
        Ok(_) => Ok(true),
        // An interrupted connect goes on as well.
        Err(error) => match error.raw_os_error() {
            Some(libc::EINPROGRESS | libc::EINTR) => Ok(false),
            _ => Err(error),
        },
    }
}

pub(crate) fn bind(fd: BorrowedFd<'_>, addr: SocketAddr) -> io::Result<()> {
    let addr = RawAddr::new(addr);
    // SAFETY: pointer and length describe an address that outlives the call.
    check(unsafe { libc::bind(fd.as_raw_fd(), addr.as_ptr(), addr.len()) })?;
    Ok(())
}

/// Listens with the longest queue that the system permits.
pub(crate) fn listen(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: no pointers are involved.
    check(unsafe { libc::listen(fd.as_raw_fd(), libc::c_int::MAX) })?;
    Ok(())
}

pub(crate) fn accept(fd: BorrowedFd<'_>) -> io::Result<(OwnedFd, SocketAddr)> {
    let mut addr = AddrBuf::new();
    let (addr_ptr, len_ptr) = addr.as_mut_ptrs();
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: the pointers lead to room for an address and to its size, and outlive the call.
    let accepted = check(unsafe { libc::accept4(fd.as_raw_fd(), addr_ptr, len_ptr, flags) })?;
    // SAFETY: the kernel has just returned this descriptor, so nobody else owns it.
    let accepted = unsafe { OwnedFd::from_raw_fd(accepted) };
    Ok((accepted, addr.to_socket_addr()?))
}

pub(crate) fn peer_addr(fd: BorrowedFd<'_>) -> io::Result<SocketAddr> {
    let mut addr = AddrBuf::new();
    let (addr_ptr, len_ptr) = addr.as_mut_ptrs();
    // SAFETY: the pointers lead to room for an address and to its size, and outlive the call.
    check(unsafe { libc::getpeername(fd.as_raw_fd(), addr_ptr, len_ptr) })?;
    addr.to_socket_addr()
}

pub(crate) fn local_addr(fd: BorrowedFd<'_>) -> io::Result<SocketAddr> {
    let mut addr = AddrBuf::new();
    let (addr_ptr, len_ptr) = addr.as_mut_ptrs();
    // SAFETY: the pointers lead to room for an address and to its size, and outlive the call.
    check(unsafe { libc::getsockname(fd.as_raw_fd(), addr_ptr, len_ptr) })?;
    addr.to_socket_addr()
}

pub(crate) fn shutdown(fd: BorrowedFd<'_>, how: Shutdown) -> io::Result<()> {
    let how = match how {
        Shutdown::Read => libc::SHUT_RD,
        Shutdown::Write => libc::SHUT_WR,
        Shutdown::Both => libc::SHUT_RDWR,
    };
    // SAFETY: no pointers are involved.
    check(unsafe { libc::shutdown(fd.as_raw_fd(), how) })?;
    Ok(())
}

/// Receives into the front of `buf`; that many bytes of it are then initialized.
pub(crate) fn recv(
    fd: BorrowedFd<'_>,
    buf: &mut [MaybeUninit<u8>],
    flags: libc::c_int,
) -> io::Result<usize> {
    // SAFETY: pointer and length are those of a slice that may be written.
    check_len(unsafe { libc::recv(fd.as_raw_fd(), buf.as_mut_ptr().cast(), buf.len(), flags) })
}

pub(crate) fn recv_vectored(fd: BorrowedFd<'_>, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    let count = bufs.len().min(SLICES_MAX);
    // SAFETY: `IoSliceMut` has the layout of `iovec` (std guarantees it on Unix), each entry describes
    // memory that may be written, and there are at least `count` of them.
    check_len(unsafe {
        libc::readv(
            fd.as_raw_fd(),
            bufs.as_mut_ptr().cast(),
            count as libc::c_int,
        )
    })
}

/// Views initialized bytes as bytes that may be overwritten.
pub(crate) fn as_uninit(buf: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    // SAFETY: same layout. The callers hand the result to `recv` alone, which writes nothing but
    // initialized bytes, so `buf` stays initialized.
    unsafe { &mut *(&raw mut *buf as *mut [MaybeUninit<u8>]) }
}

pub(crate) fn send(fd: BorrowedFd<'_>, buf: &[u8]) -> io::Result<usize> {
    // SAFETY: pointer and length are those of a slice.
    check_len(unsafe {
        libc::send(
            fd.as_raw_fd(),
            buf.as_ptr().cast(),
            buf.len(),
            libc::MSG_NOSIGNAL,
        )
    })
}

pub(crate) fn send_vectored(fd: BorrowedFd<'_>, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
    // SAFETY: all zeroes is a valid `msghdr`: no name, no slices, no control data. (It has padding on
    // some targets and cannot be written out portably.)
    let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    message.msg_iov = bufs.as_ptr().cast_mut().cast();
    message.msg_iovlen = bufs.len().min(SLICES_MAX) as _;
    // SAFETY: `IoSlice` has the layout of `iovec` (std guarantees it on Unix), each entry describes
    // readable memory, there are at least `msg_iovlen` of them, and sending writes to none of it.
    check_len(unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL) })
}
