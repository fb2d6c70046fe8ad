//! Connected sockets allocate nothing.
#![cfg(not(hyperia_loom))]

mod common;

use std::io::IoSlice;
use std::pin::pin;

use common::{own_pair, poll_noop, settle};
use hyperia_reactor::Reactor;
use hyperia_test::alloc::{self, CountingAllocator};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn reading_and_writing_allocate_nothing() {
    let mut reactor = Reactor::new().unwrap();
    let (client, server) = own_pair(&mut reactor);
    settle(&mut reactor);
    let ((), counts) = alloc::count(|| {
        for _ in 0..100 {
            let mut buf = [0; 8];
            let mut read = pin!(server.read(&mut buf));
            assert!(poll_noop(read.as_mut()).is_pending());
            assert!(poll_noop(pin!(client.write_all(b"ab"))).is_ready());
            let slices = [IoSlice::new(b"c"), IoSlice::new(b"d")];
            assert!(poll_noop(pin!(client.write_vectored(&slices))).is_ready());
            let mut polls = 0;
            while poll_noop(read.as_mut()).is_pending() {
                reactor.poll(None).unwrap();
                polls += 1;
                assert!(polls < 10);
            }
            settle(&mut reactor);
            while server.try_read(&mut [0; 64]).is_ok() {}
        }
    });
    assert_eq!(counts.allocations, 0, "{counts:?}");
}
