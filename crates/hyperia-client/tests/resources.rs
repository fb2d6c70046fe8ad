//! What a life costs: descriptors go back, messages allocate nothing. One test, so that nothing else runs beside it.
#![cfg(not(any(hyperia_loom, hyperia_shuttle)))]

mod common;

use common::server::{Server, nobody};
use hyperia_client::Client;
use hyperia_rt::EventLoop;
use hyperia_test::alloc::{CountingAllocator, allocations};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn i37_descriptors_go_back_and_messages_allocate_nothing() {
    let server = Server::any();
    let mut event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle().clone();
    let before = descriptors();

    let (client, driver) = Client::<&'static [u8]>::builder(server.addr())
        .max_connections(1)
        .build(handle.reactor(), handle.timers());
    let producer = event_loop.spawn(async move {
        let mut counts = Vec::with_capacity(3);
        for _ in 0..3 {
            counts.push(allocations());
            for _ in 0..50_000 {
                client.enqueue(b"message.").await.unwrap();
            }
            client.flush().await.unwrap();
        }
        counts
    });
    let stats = event_loop.block_on(driver);
    let counts = event_loop.block_on(producer);
    assert_eq!(stats.sent, 150_000);
    // The last round is in steady state; buffers that depend on luck may still grow a few times.
    let steady = counts[2] - counts[1];
    assert!(steady <= 20, "{steady} allocations for 50,000 messages");

    // Refused dials leave nothing either.
    let (client, driver) = Client::<Vec<u8>>::builder(nobody())
        .attempts(2)
        .build(handle.reactor(), handle.timers());
    client.try_enqueue(b"message".to_vec()).unwrap();
    drop(client);
    assert_eq!(event_loop.block_on(driver).unsent, 1);
    server.stop();
    assert!(
        descriptors() <= before,
        "{} descriptors, {before} before",
        descriptors()
    );
}
