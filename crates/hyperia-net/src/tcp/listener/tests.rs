//! Errors that cannot be brought about at will.

use super::*;

#[test]
fn errors_of_one_queued_connection_are_told_from_those_of_the_listener() {
    let of_one = |errno| is_of_one_connection(&io::Error::from_raw_os_error(errno));
    for errno in [
        libc::ECONNABORTED,
        libc::EINTR,
        libc::EPROTO,
        libc::ENETDOWN,
        libc::EHOSTUNREACH,
    ] {
        assert!(of_one(errno), "{errno}");
    }
    // Retrying these would never end.
    for errno in [
        libc::EAGAIN,
        libc::EMFILE,
        libc::ENFILE,
        libc::EBADF,
        libc::EINVAL,
        libc::EOPNOTSUPP,
    ] {
        assert!(!of_one(errno), "{errno}");
    }
}
