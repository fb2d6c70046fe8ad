//! The fallback, failures and timeouts, which no public call can bring about at will.

use super::*;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

/// Waits, and counts what came.
fn wait(events: &mut Events, epoll: &Epoll, timeout: Option<Duration>) -> usize {
    events.wait(epoll, timeout).unwrap();
    events.iter().count()
}

#[test]
fn the_fallback_without_pwait2_reports_the_same() {
    let epoll = Epoll::new().unwrap();
    let (ours, mut peer) = UnixStream::pair().unwrap();
    epoll.add(ours.as_fd(), 7).unwrap();
    let mut events = Events::new();
    events.has_pwait2 = false;
    assert_eq!(wait(&mut events, &epoll, None), 1, "writable");
    assert_eq!(wait(&mut events, &epoll, Some(Duration::ZERO)), 0);
    assert_eq!(wait(&mut events, &epoll, Some(Duration::from_nanos(1))), 0);
    peer.write_all(b"x").unwrap();
    assert_eq!(wait(&mut events, &epoll, Some(Duration::MAX)), 1);
    let event = events.iter().next().unwrap();
    assert_eq!(
        (event.token, event.flags & libc::EPOLLIN as u32),
        (7, libc::EPOLLIN as u32)
    );
    assert!(events.iter().nth(1).is_none());
}

#[test]
fn a_failed_wait_leaves_no_events_behind() {
    let epoll = Epoll::new().unwrap();
    let (ours, _peer) = UnixStream::pair().unwrap();
    epoll.add(ours.as_fd(), 7).unwrap();
    let mut events = Events::new();
    assert_eq!(wait(&mut events, &epoll, None), 1);
    let not_an_epoll = Epoll { fd: ours.into() };
    assert_eq!(
        events.wait(&not_an_epoll, None).unwrap_err().kind(),
        io::ErrorKind::InvalidInput
    );
    assert!(events.iter().next().is_none());
}

#[test]
fn timeouts_are_rounded_up_and_never_overflow() {
    assert_eq!(milliseconds(Duration::ZERO), 0);
    assert_eq!(milliseconds(Duration::from_nanos(1)), 1);
    assert_eq!(milliseconds(Duration::from_millis(7)), 7);
    assert_eq!(milliseconds(Duration::from_nanos(7_000_001)), 8);
    assert_eq!(milliseconds(Duration::MAX), libc::c_int::MAX);
    let longest = timespec(Duration::MAX);
    assert_eq!(
        (longest.seconds, longest.nanoseconds),
        (i64::MAX, 999_999_999)
    );
}
