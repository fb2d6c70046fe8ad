//! A full counter, which no test can bring about by ringing.

use super::*;
use crate::sys::epoll::{Epoll, Events};

#[test]
fn a_full_counter_is_emptied_and_rings_all_the_same() {
    let bell = EventFd::new().unwrap();
    let epoll = Epoll::new().unwrap();
    epoll.add_read(bell.as_fd(), 1).unwrap();
    let mut events = Events::new();
    bell.write(u64::MAX - 1).unwrap();
    events.wait(&epoll, None).unwrap();
    assert_eq!(events.iter().count(), 1);
    assert_eq!(bell.write(1).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    bell.ring().unwrap();
    events.wait(&epoll, None).unwrap();
    assert_eq!(events.iter().count(), 1);
    // Empty enough for many more.
    bell.ring().unwrap();
    events.wait(&epoll, None).unwrap();
    assert_eq!(events.iter().count(), 1);
    bell.reset().unwrap();
    bell.reset().unwrap();
}
