//! Deadlines, pauses and what happens when two things happen at once. The clock stands still unless a test moves it.
#![cfg(not(any(hyperia_loom, hyperia_shuttle)))]

mod common;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use common::net::Plan;
use common::server::Server;
use common::{Bench, Task, ms};
use hyperia_client::{Client, Reason, Verdict};
use hyperia_rt::EventLoop;
use hyperia_timer::ManualClock;

#[test]
fn i40_nothing_moves_while_the_clock_stands_still() {
    let mut bench = Bench::new(|builder| builder.max_dials(1));
    bench.net.plan(Plan::Refuse);
    bench.enqueue(b"message");
    for _ in 0..100 {
        bench.run();
        bench.enqueue(b"more");
    }
    assert_eq!(bench.net.dials(), 1, "the pause after the first dial");
    // One clock, one unit: 10 ms is the first pause at the most, 100 ms every later one.
    bench.advance(ms(10));
    assert_eq!(bench.net.dials(), 2);
}

#[test]
fn i21_while_the_server_is_down_the_driver_is_polled_a_few_times_for_each_dial() {
    let mut bench = Bench::new(|builder| builder.attempts(u32::MAX));
    bench.net.plan(Plan::Refuse);
    while bench.client.try_enqueue(vec![0; 8]).is_ok() {}
    bench.advance(Duration::from_secs(10));
    let dials = bench.net.dials();
    // 10 ms to 100 ms, on average half of that: some 200 in 10 s.
    assert!((100..400).contains(&dials), "{dials} dials in 10 s");
    let wakes = bench.driver.as_ref().unwrap().wakes();
    assert!(wakes <= 4 * dials, "{wakes} wake-ups for {dials} dials");
}

#[test]
fn i22_after_the_server_returns_traffic_flows_within_the_longest_pause() {
    for down in [50, 500, 3000] {
        let mut bench = Bench::new(|builder| builder.wait_for_breaker(true).attempts(u32::MAX));
        bench.enqueue(b"first");
        bench.run();
        bench.net.plan(Plan::Refuse);
        bench.net.reset(0);
        bench.enqueue(b"second");
        bench.advance(ms(down));
        assert_eq!(bench.verdict_of(b"second"), []);
        bench.net.plan(Plan::Connect);
        bench.advance(ms(100)); // the longest backoff
        assert_eq!(
            bench.verdict_of(b"second"),
            [Verdict::Ok],
            "after {down} ms"
        );
    }
}

#[test]
fn i23_try_now_and_close_end_a_pause() {
    let mut bench = Bench::new(|builder| builder.max_dials(1));
    bench.net.plan(Plan::Refuse);
    bench.enqueue(b"message");
    bench.run();
    bench.net.plan(Plan::Connect);
    bench.client.try_now();
    bench.run();
    assert_eq!(bench.verdict_of(b"message"), [Verdict::Ok]);

    let mut bench = Bench::new(|builder| builder);
    bench.enqueue(b"message");
    bench.run();
    bench.net.plan(Plan::Refuse);
    bench.net.reset(0);
    bench.run();
    bench.client.close();
    bench.run();
    assert!(
        bench.stats.is_some(),
        "nothing is pending: nothing to wait for"
    );
}

#[test]
fn i29_close_gives_up_a_dial_that_nobody_needs_at_once() {
    let mut bench = Bench::new(|builder| builder);
    bench.enqueue(b"message");
    bench.run();
    bench.net.plan(Plan::Hang);
    bench.net.reset(0);
    bench.advance(ms(10));
    assert_eq!(bench.net.dials_open(), 1);
    bench.client.close();
    bench.run();
    assert_eq!(bench.net.dials_open(), 0);
    assert!(bench.stats.is_some());
}

#[test]
fn i29_close_with_messages_waits_for_a_dial_until_the_drain_deadline() {
    let mut bench = Bench::new(|builder| builder.drain_timeout(ms(200)).attempts(10));
    bench.net.plan(Plan::Hang);
    bench.enqueue(b"message");
    bench.run();
    bench.client.close();
    bench.advance(ms(199));
    assert!(bench.stats.is_none());
    bench.advance(ms(1));
    assert!(bench.stats.is_some());
    let reason = Reason::DrainTimeout;
    assert_eq!(bench.verdict_of(b"message"), [Verdict::Unsent(reason)]);
    assert_eq!(bench.net.dials_open(), 0);
}

#[test]
fn i30_a_dial_that_succeeds_while_the_client_is_aborted_leaves_nothing_open() {
    let mut bench = Bench::new(|builder| builder);
    bench.net.plan(Plan::Hang);
    bench.enqueue(b"message");
    bench.run();
    bench.net.decide(0, Plan::Connect);
    bench.client.abort();
    bench.run();
    assert!(bench.stats.is_some());
    assert_eq!((bench.net.open(), bench.net.dials_open()), (0, 0));
    assert_eq!(bench.verdicts().len(), 1);
}

#[test]
fn i34_a_dial_ends_at_its_deadline() {
    let mut bench = Bench::new(|builder| builder.attempts(1).max_dials(1));
    bench.net.plan(Plan::Hang);
    bench.enqueue(b"message");
    bench.run();
    bench.advance(ms(499));
    assert_eq!(bench.net.dials_open(), 1);
    bench.advance(ms(1));
    assert_eq!(bench.net.dials_open(), 0);
    let reason = Reason::ConnectFailed(std::io::ErrorKind::TimedOut);
    assert_eq!(bench.verdict_of(b"message"), [Verdict::Unsent(reason)]);
}

#[test]
fn i34_a_close_ends_at_its_deadline_when_the_peer_does_not_close() {
    let mut bench = Bench::new(|builder| builder.close_timeout(ms(300)));
    bench.enqueue(b"message");
    bench.run();
    bench.client.close();
    bench.advance(ms(299));
    assert!(bench.net.lock().connections[0].finished);
    assert_eq!(bench.net.open(), 1, "it reads until the peer's end");
    bench.advance(ms(1));
    assert_eq!(bench.net.open(), 0);
    assert!(bench.stats.is_some());
}

#[test]
fn i35_a_deadline_and_a_success_at_once_are_the_success() {
    // The dial.
    let mut bench = Bench::new(|builder| builder.attempts(1).max_dials(1));
    bench.net.plan(Plan::Hang);
    bench.enqueue(b"message");
    bench.run();
    bench.net.decide(0, Plan::Connect);
    bench.clock.advance(ms(500));
    bench.run();
    assert_eq!(bench.verdict_of(b"message"), [Verdict::Ok]);
    assert_eq!(
        (bench.net.open(), bench.client.stats().dials_failed),
        (1, 0)
    );
    // The write.
    bench.net.lock().connections[0].window = 0;
    bench.enqueue(b"late");
    bench.run();
    bench.net.open_window(0, 100);
    bench.clock.advance(ms(1000));
    bench.run();
    assert_eq!(bench.verdict_of(b"late"), [Verdict::Ok]);
    assert_eq!((bench.net.open(), bench.client.stats().lost), (1, 0));
}

#[test]
fn the_next_address_is_tried_beside_one_that_does_not_answer() {
    // A listener whose queue is full answers no further connection.
    let full = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = full.local_addr().unwrap();
    let mut held = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&silent, ms(100)) {
        held.push(stream);
        if held.len() > 5000 {
            return; // a machine whose queues have no end
        }
    }
    let server = Server::start(SocketAddr::from(([127, 0, 0, 1], 0)), 0);
    let clock = ManualClock::new();
    let mut event_loop = EventLoop::with_clock(clock.clone()).unwrap();
    let handle = event_loop.handle().clone();
    let (client, driver) =
        Client::builder(vec![silent, server.addr()]).build(handle.reactor(), handle.timers());
    let mut driver = Task::new(driver);
    let mut send = Task::new(client.send(b"found".to_vec()));
    let stats = event_loop.block_on(async {
        for turn in 0..200_000 {
            if turn == 100 {
                // So far only the first address was tried; now the second one's time has come.
                assert_eq!(client.stats().connected, 0);
                clock.advance(ms(250));
                while handle.timers().advance(ms(250)) {}
            }
            let _ = driver.run();
            if let Some(sent) = send.run() {
                assert_eq!(sent, Ok(()));
                return client.stats();
            }
            turn_of_the_loop().await;
        }
        panic!("nobody answers");
    });
    assert_eq!((stats.dials, stats.dials_failed, stats.sent), (1, 0, 1));
    drop(send);
    drop(driver);
    drop(client);
    assert_eq!(server.stop().concat(), b"found");
}

/// Lets the loop look at its sockets once.
async fn turn_of_the_loop() {
    let mut polled = false;
    std::future::poll_fn(|cx| {
        if polled {
            return std::task::Poll::Ready(());
        }
        polled = true;
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}
