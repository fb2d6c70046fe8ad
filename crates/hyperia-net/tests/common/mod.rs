//! What several test binaries need.
#![allow(dead_code, reason = "no binary uses all of it")]

use std::future::Future;
use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hyperia_net::{Handle, TcpListener, TcpStream};
use hyperia_reactor::Reactor;

/// No wait in a test is meant to last; this only turns a hang into a failure.
pub(crate) const HANG: Duration = Duration::from_secs(10);

pub(crate) fn any_port() -> std::net::SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Both ends of a connection, ours and the peer's, which blocks.
pub(crate) fn pair(reactor: &mut Reactor) -> (TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind(any_port()).unwrap();
    let addr = listener.local_addr().unwrap();
    let connect = TcpStream::connect(&reactor.handle(), addr);
    let ours = drive(reactor, connect).unwrap();
    let (peer, _) = listener.accept().unwrap();
    (ours, peer)
}

/// Both ends of a connection, both ours.
pub(crate) fn own_pair(reactor: &mut Reactor) -> (TcpStream, TcpStream) {
    let handle = reactor.handle();
    let listener = TcpListener::bind(&handle, any_port()).unwrap();
    let addr = listener.local_addr().unwrap();
    let client = drive(reactor, TcpStream::connect(&handle, addr)).unwrap();
    let (server, _) = drive(reactor, listener.accept()).unwrap();
    (client, server)
}

/// Polls the reactor until `done`; fails if that takes too long.
pub(crate) fn poll_until(reactor: &mut Reactor, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + HANG;
    while !done() {
        let left = deadline.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "nothing came of it in {HANG:?}");
        reactor.poll(Some(left)).unwrap();
    }
}

/// Takes all events that are there now.
pub(crate) fn settle(reactor: &mut Reactor) {
    while reactor.poll(Some(Duration::ZERO)).unwrap() > 0 {}
}

/// Runs a future on this thread, polling the reactor in between.
pub(crate) fn drive<F: Future>(reactor: &mut Reactor, future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut output = None;
    poll_until(reactor, || {
        if let Poll::Ready(value) = poll_noop(future.as_mut()) {
            output = Some(value);
        }
        output.is_some()
    });
    output.unwrap()
}

pub(crate) fn poll_noop<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Writes until there is no more room; returns how much.
pub(crate) fn fill(stream: &TcpStream) -> usize {
    let block = vec![7; 1 << 20];
    let mut total = 0;
    loop {
        match stream.try_write(&block) {
            Ok(n) => total += n,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                return total;
            }
        }
    }
}

/// A reactor on a thread of its own.
pub(crate) struct Driver {
    pub(crate) handle: Handle,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Driver {
    pub(crate) fn start() -> Self {
        let mut reactor = Reactor::new().unwrap();
        let handle = reactor.handle();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Acquire) {
                reactor.poll(None).unwrap();
            }
        });
        Self {
            handle,
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.stop.store(true, Release);
        self.handle.waker().wake();
        if let Some(thread) = self.thread.take() {
            let joined = thread.join();
            assert!(joined.is_ok() || std::thread::panicking());
        }
    }
}
