//! Out of descriptors. Alone in its binary, because the limit is that of the process.
//!
//! bun#32705, libuv#690, ponyc#4052: with level-triggered polling, accept fails in a busy loop; with
//! edge-triggered polling, the pending connection is never accepted, because no new event comes.
#![cfg(not(hyperia_loom))]

mod common;

use std::fs::File;
use std::pin::pin;
use std::task::Poll;

use common::{any_port, poll_until, settle};
use hyperia_net::{TcpListener, TcpStream};
use hyperia_reactor::Reactor;
use hyperia_test::{CountingWaker, poll_once};

fn limit_descriptors(max: u64) {
    let limit = libc::rlimit {
        rlim_cur: max,
        rlim_max: max,
    };
    // SAFETY: the pointer leads to a whole `rlimit`.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    assert_eq!(set, 0);
}

fn exhaust() -> Vec<File> {
    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
    }
    files
}

#[test]
fn a_pending_connection_is_accepted_once_there_is_a_descriptor_again() {
    limit_descriptors(64);
    let mut reactor = Reactor::new().unwrap();
    let listener = TcpListener::bind(&reactor.handle(), any_port()).unwrap();
    let counting = CountingWaker::new();
    let mut early = pin!(listener.accept());
    assert!(poll_once(early.as_mut(), &counting.waker()).is_pending());
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut files = exhaust();

    // One event, one wake, one error: nothing spins by itself.
    poll_until(&mut reactor, || counting.wakes() > 0);
    let Poll::Ready(Err(error)) = poll_once(early, &counting.waker()) else {
        panic!("accepted")
    };
    assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
    assert!(TcpListener::is_exhausted(&error));
    settle(&mut reactor);
    assert_eq!(counting.wakes(), 1);
    // Trying again says so again, without waiting for an event that will not come.
    assert_eq!(
        listener.try_accept().unwrap_err().raw_os_error(),
        Some(libc::EMFILE)
    );

    // Connecting and listening say so, too.
    let mut connect = pin!(TcpStream::connect(&reactor.handle(), any_port()));
    let Poll::Ready(Err(error)) = poll_once(connect.as_mut(), &counting.waker()) else {
        panic!("no error")
    };
    assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
    assert!(TcpListener::bind(&reactor.handle(), any_port()).is_err());
    assert!(Reactor::new().is_err());

    files.pop();
    let mut accept = pin!(listener.accept());
    let Poll::Ready(Ok((_stream, from))) = poll_once(accept.as_mut(), &counting.waker()) else {
        panic!("the connection was forgotten")
    };
    assert_eq!(from, client.local_addr().unwrap());
    drop(files);

    // And then all is as before.
    let _next = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    poll_until(&mut reactor, || listener.try_accept().is_ok());
}
