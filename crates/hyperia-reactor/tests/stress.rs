//! Many threads at once, for a bounded number of rounds: what the models prove in the small.
#![cfg(not(hyperia_loom))]

mod common;

use std::io::{ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::time::Duration;

use common::{Driver, try_read};
use hyperia_reactor::{Direction, Handle, Reactor, Source};
use hyperia_wait::block_on;

const THREADS: usize = 4;

fn pair(handle: &Handle) -> (Source<UnixStream>, UnixStream) {
    let (ours, peer) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    (handle.register(ours).unwrap(), peer)
}

async fn read_one(source: &Source<UnixStream>) -> u8 {
    let mut byte = [0; 1];
    loop {
        source.readable().await.unwrap();
        match try_read(source, &mut byte) {
            Ok(n) => {
                assert_eq!(n, 1);
                return byte[0];
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
}

/// Slots, numbers of descriptors and generations are reused all the time, while events of the earlier owners are
/// on their way.
#[test]
fn descriptors_come_and_go_while_the_reactor_polls() {
    const ROUNDS: usize = 400;
    let driver = Driver::start();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let handle = driver.handle.clone();
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let (source, mut peer) = pair(&handle);
                    // Every other one is closed without being removed first.
                    let source = if round % 2 == 0 {
                        source.assume_unshared()
                    } else {
                        source
                    };
                    let byte = (round + thread) as u8;
                    peer.write_all(&[byte]).unwrap();
                    if round % 3 == 0 {
                        // Leaves with its event still to come.
                        drop(source);
                    } else {
                        assert_eq!(block_on(read_one(&source)), byte);
                    }
                }
            });
        }
    });
}

/// Waits are given up at any time, and others get what comes.
#[test]
fn waits_that_are_given_up_take_nothing_with_them() {
    const MESSAGES: usize = 1_000;
    let driver = Driver::start();
    let (source, mut peer) = pair(&driver.handle);
    let read = std::sync::atomic::AtomicUsize::new(0);
    let order = std::sync::atomic::Ordering::AcqRel;
    std::thread::scope(|scope| {
        // Two that wait and give up, over and over, in both kinds of places.
        for _ in 0..2 {
            scope.spawn(|| {
                while read.load(std::sync::atomic::Ordering::Acquire) < MESSAGES {
                    let mut wait = pin!(source.readable());
                    let _ = common::poll_noop(wait.as_mut());
                    let waker = std::task::Waker::noop();
                    let mut cx = std::task::Context::from_waker(waker);
                    let _ = source.poll_ready(&mut cx, Direction::Read);
                    std::thread::yield_now();
                }
            });
        }
        scope.spawn(|| {
            for message in 0..MESSAGES {
                assert_eq!(block_on(read_one(&source)), message as u8);
                read.fetch_add(1, order);
            }
        });
        for message in 0..MESSAGES {
            peer.write_all(&[message as u8]).unwrap();
            if message % 8 == 0 {
                std::thread::yield_now();
            }
        }
    });
}

/// The reactor is dropped while threads register, wait and wake: everybody gets an answer.
#[test]
fn the_reactor_is_dropped_in_the_middle() {
    const ROUNDS: usize = 30;
    for round in 0..ROUNDS {
        let mut reactor = Reactor::new().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                let handle = reactor.handle();
                scope.spawn(move || {
                    loop {
                        handle.waker().wake();
                        let (ours, _peer) = UnixStream::pair().unwrap();
                        // Ends once the reactor is gone: registering fails, or the wait does.
                        let Ok(source) = handle.register(ours) else {
                            return;
                        };
                        if block_on(source.readable()).is_err() {
                            return;
                        }
                    }
                });
            }
            for _ in 0..round {
                reactor.poll(Some(Duration::from_millis(1))).unwrap();
            }
            drop(reactor);
        });
    }
}
