//! After construction nothing allocates, except registering more than ever before.
#![cfg(not(hyperia_loom))]

mod common;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::task::{Context, Waker};

use common::{pair, poll_noop, settle, try_read};
use hyperia_reactor::{Direction, Reactor};
use hyperia_test::alloc::{self, CountingAllocator};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn waiting_polling_and_waking_allocate_nothing() {
    let mut reactor = Reactor::new().unwrap();
    let (source, mut peer) = pair(&reactor);
    settle(&mut reactor);
    let waker = reactor.waker();
    let ((), counts) = alloc::count(|| {
        for _ in 0..100 {
            let mut first = pin!(source.readable());
            let mut second = pin!(source.readable());
            assert!(poll_noop(first.as_mut()).is_pending());
            assert!(poll_noop(second.as_mut()).is_pending());
            let mut cx = Context::from_waker(Waker::noop());
            assert!(source.poll_ready(&mut cx, Direction::Read).is_pending());
            peer.write_all(b"x").unwrap();
            waker.wake_by_ref();
            reactor.poll(None).unwrap();
            assert!(poll_noop(first).is_ready());
            assert!(poll_noop(second).is_ready());
            let read = |mut stream: &UnixStream| stream.read(&mut [0; 8]);
            assert_eq!(source.try_io(Direction::Read, read).unwrap(), 1);
            assert!(try_read(&source, &mut [0; 8]).is_err());
        }
    });
    assert_eq!(counts.allocations, 0, "{counts:?}");
}

#[test]
fn registering_again_allocates_nothing() {
    let reactor = Reactor::new().unwrap();
    let handle = reactor.handle();
    let (ours, _peer) = UnixStream::pair().unwrap();
    let (source, first) = alloc::count(|| handle.register(&ours).unwrap());
    assert!(first.allocations > 0, "the first chunk of slots");
    let ((), end) = alloc::count(|| drop(source));
    assert_eq!(
        end.allocations, 0,
        "leaving must not fail for lack of memory: {end:?}"
    );
    let ((), again) = alloc::count(|| {
        for _ in 0..200 {
            drop(handle.register(&ours).unwrap());
        }
    });
    assert_eq!(again.allocations, 0, "{again:?}");
}
