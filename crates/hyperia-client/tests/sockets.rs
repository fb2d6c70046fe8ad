//! Over real sockets on loopback, with servers that die, reset, stall and come back.
#![cfg(not(any(hyperia_loom, hyperia_shuttle)))]

mod common;

use std::collections::HashMap;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

use common::ms;
use common::server::{Server, nobody};
use hyperia_client::{
    Builder, Client, ConnectionId, Destination, Reason, SendError, Stats, Verdict,
};
use hyperia_rt::EventLoop;
use hyperia_test::proxy::{Fault, Faults, Proxy};

/// A hang is a failure.
const DEADLINE: Duration = Duration::from_secs(20);

type Verdicts = Arc<Mutex<Vec<(Vec<u8>, Verdict)>>>;

/// Runs `producer` and the driver on one loop until the driver is done.
fn run<P>(
    to: impl Into<Destination>,
    knobs: impl FnOnce(Builder<Vec<u8>>) -> Builder<Vec<u8>>,
    producer: impl FnOnce(Client<Vec<u8>>, hyperia_rt::LoopHandle) -> P,
) -> (Stats, Vec<(Vec<u8>, Verdict)>)
where
    P: Future<Output = ()> + 'static,
{
    let verdicts = Verdicts::default();
    let sink = Arc::clone(&verdicts);
    let mut event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle().clone();
    let builder = Client::builder(to)
        .backoff(ms(1), ms(20))
        .breaker(1000, ms(20))
        .on_settled(move |message, verdict| sink.lock().unwrap().push((message, verdict)));
    let (client, driver) = knobs(builder).build(handle.reactor(), handle.timers());
    let task = event_loop.spawn(producer(client, handle.clone()));
    let limited = handle.timers().timeout(DEADLINE, driver);
    let stats = event_loop.block_on(limited).expect("a hang");
    drop(task);
    let verdicts = std::mem::take(&mut *verdicts.lock().unwrap());
    (stats, verdicts)
}

fn line(number: usize) -> Vec<u8> {
    format!("message number {number}\n").into_bytes()
}

/// How often each whole line was received.
fn received(connections: &[Vec<u8>]) -> HashMap<Vec<u8>, usize> {
    let mut lines = HashMap::new();
    for bytes in connections {
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if line.ends_with(b"\n") {
                *lines.entry(line.to_vec()).or_default() += 1;
            }
        }
    }
    lines
}

/// I1, I3, I4 against what a server says it received.
fn judge(verdicts: &[(Vec<u8>, Verdict)], sent: usize, received: &HashMap<Vec<u8>, usize>) {
    let mut seen = HashMap::new();
    for (message, verdict) in verdicts {
        assert!(seen.insert(message, *verdict).is_none(), "two verdicts");
    }
    assert_eq!(seen.len(), sent, "a message without a verdict");
    for (line, times) in received {
        assert_eq!(*times, 1, "received twice");
        let verdict = seen[line];
        assert!(
            !matches!(verdict, Verdict::Unsent(_)),
            "unsent, but received"
        );
    }
}

#[test]
fn i2_i31_ok_means_received_when_nobody_breaks_the_connection() {
    // The server sends much that nobody reads until the end: a careless close would reset and lose.
    for (connections, greeting) in [(1, 0), (4, 300_000)] {
        let server = Server::start(SocketAddr::from(([127, 0, 0, 1], 0)), greeting);
        let (stats, verdicts) = run(
            server.addr(),
            |builder| builder.max_connections(connections).queue_messages(64),
            |client, _| async move {
                for n in 0..20_000 {
                    client.enqueue(line(n)).await.unwrap();
                }
            },
        );
        let received = received(&server.stop());
        assert_eq!((stats.sent, stats.unsent, stats.unknown), (20_000, 0, 0));
        judge(&verdicts, 20_000, &received);
        assert_eq!(received.len(), 20_000);
    }
}

#[test]
fn i6_one_connection_keeps_the_order() {
    let server = Server::any();
    run(
        server.addr(),
        |builder| builder.max_connections(1),
        |client, _| async move {
            for n in 0..5_000 {
                client.enqueue(line(n)).await.unwrap();
            }
        },
    );
    let bytes = server.stop().concat();
    let expected: Vec<u8> = (0..5_000).flat_map(line).collect();
    assert!(bytes == expected);
}

#[test]
fn i3_i4_i5_resets_in_the_middle_of_messages_lose_no_verdict_and_send_nothing_twice() {
    let server = Server::any();
    let proxy = Proxy::start(server.addr(), |n| Faults {
        to_server: if n < 12 {
            Fault::ResetAfter(1000 * n + 7)
        } else {
            Fault::None
        },
        ..Faults::default()
    })
    .unwrap();
    let (stats, verdicts) = run(
        proxy.addr(),
        |builder| builder.max_connections(3).attempts(1000),
        |client, handle| async move {
            for n in 0..20_000 {
                client.enqueue(line(n)).await.unwrap();
                if n % 500 == 0 {
                    handle.timers().sleep(ms(1)).await;
                }
            }
        },
    );
    drop(proxy);
    judge(&verdicts, 20_000, &received(&server.stop()));
    assert!(stats.lost > 0 && stats.reconnects > 0, "{stats:?}");
    // In doubt is at most the one message that each lost connection was at.
    assert!(stats.unknown <= stats.lost, "{stats:?}");
    assert_eq!(stats.unsent, 0, "{stats:?}");
}

#[test]
fn other_faults_lose_no_verdict_either() {
    for fault in [
        Fault::HalfCloseAfter(5_000),
        Fault::CutAfter(5_000),
        Fault::OneByte,
    ] {
        let server = Server::any();
        let proxy = Proxy::start(server.addr(), move |n| Faults {
            to_server: if n == 0 { fault } else { Fault::None },
            to_client: if n == 1 {
                Fault::HalfCloseAfter(0)
            } else {
                Fault::None
            },
        })
        .unwrap();
        let (_, verdicts) = run(
            proxy.addr(),
            |builder| builder.max_connections(2).write_timeout(ms(500)),
            |client, _| async move {
                for n in 0..3_000 {
                    client.enqueue(line(n)).await.unwrap();
                }
            },
        );
        drop(proxy);
        judge(&verdicts, 3_000, &received(&server.stop()));
    }
}

#[test]
fn i22_a_server_that_comes_back_gets_what_waited_for_it() {
    let server = Server::any();
    let addr = server.addr();
    let after = Arc::new(Mutex::new(None));
    let second = Arc::clone(&after);
    let mut first = Some(server);
    let (stats, _) = run(
        addr,
        |builder| builder.attempts(100_000).wait_for_breaker(true),
        |client, handle| async move {
            client.send(b"first\n".to_vec()).await.unwrap();
            let server = first.take().unwrap();
            server.cut();
            server.stop();
            while client.stats().live > 0 {
                handle.timers().sleep(ms(1)).await; // until the loss is seen
            }
            client.enqueue(b"second\n".to_vec()).await.unwrap();
            handle.timers().sleep(ms(50)).await;
            *second.lock().unwrap() = Some(Server::start(addr, 0));
            while client.flush().await.is_err() {}
        },
    );
    let server = after.lock().unwrap().take().unwrap();
    let bytes = server.stop().concat();
    assert!(stats.sent == 2 && stats.unsent == 0, "{stats:?}");
    assert_eq!(bytes, b"second\n");
    assert!(stats.dials_failed > 0 && stats.reconnects == 1, "{stats:?}");
}

#[test]
fn i28_a_refused_connection_is_refused_and_everything_pending_fails_once() {
    let (stats, verdicts) = run(
        nobody(),
        |builder| builder.attempts(3).queue_messages(2),
        |client, _| async move {
            client.enqueue(b"queued".to_vec()).await.unwrap();
            let reason = Reason::ConnectFailed(ErrorKind::ConnectionRefused);
            let result = client.send(b"asked".to_vec()).await;
            assert_eq!(result, Err(SendError::Unsent(b"asked".to_vec(), reason)));
        },
    );
    assert_eq!((stats.dials, stats.dials_failed, stats.unsent), (3, 3, 2));
    assert_eq!(verdicts.len(), 1);
}

#[test]
fn i21_a_dead_server_costs_next_to_no_polls() {
    let started = Instant::now();
    let (stats, _) = run(
        nobody(),
        |builder| {
            builder
                .attempts(u32::MAX)
                .backoff(ms(20), ms(50))
                .drain_timeout(ms(10))
        },
        |client, handle| async move {
            client.enqueue(b"patient".to_vec()).await.unwrap();
            handle.timers().sleep(ms(400)).await;
        },
    );
    // On average 40 a second; how long it really took bounds it whatever else the machine does.
    let bound = 10 + started.elapsed().as_millis() as u64 / 5;
    assert!(
        stats.dials <= bound,
        "{} dials in {:?}",
        stats.dials,
        started.elapsed()
    );
    assert_eq!(stats.unsent, 1);
}

#[test]
fn several_addresses_are_tried_until_one_answers() {
    let server = Server::any();
    let addresses = vec![nobody(), nobody(), server.addr()];
    let (stats, _) = run(
        addresses,
        |builder| builder.attempts(1),
        |client, _| async move { client.send(b"found".to_vec()).await.unwrap() },
    );
    assert_eq!((stats.dials, stats.dials_failed), (1, 0));
    assert_eq!(server.stop().concat(), b"found");
}

#[test]
fn a_resolver_is_asked_at_each_dial() {
    let server = Server::any();
    let addr = server.addr();
    let mut asked = 0;
    let resolver = Destination::resolver(move || {
        asked += 1;
        let answer = match asked {
            1 => Err(ErrorKind::NotFound.into()),
            2 => Ok(Vec::new()),
            _ => Ok(vec![addr]),
        };
        async move { answer }
    });
    let (stats, _) = run(
        resolver,
        |builder| builder.max_dials(1),
        |client, _| async move { client.send(b"found".to_vec()).await.unwrap() },
    );
    assert_eq!((stats.dials, stats.dials_failed), (3, 2));
    assert_eq!(server.stop().concat(), b"found");
}

#[test]
fn defect_61_what_the_peer_sends_reaches_the_handler_with_backpressure() {
    let server = Server::start(SocketAddr::from(([127, 0, 0, 1], 0)), 1_000_000);
    let taken = Arc::new(Mutex::new((0_usize, 0_usize)));
    let counts = Arc::clone(&taken);
    let (stats, _) = run(
        server.addr(),
        move |builder| {
            builder.on_read(
                move |_: ConnectionId, bytes: &[u8], cx: &mut std::task::Context<'_>| {
                    let mut counts = counts.lock().unwrap();
                    // Every other time it asks to be offered the same bytes again.
                    counts.1 += 1;
                    if counts.1 % 2 == 1 {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    assert!(bytes.iter().all(|byte| *byte == 1));
                    counts.0 += bytes.len();
                    Poll::Ready(())
                },
            )
        },
        {
            let taken = Arc::clone(&taken);
            |client, handle| async move {
                client.send(b"hello".to_vec()).await.unwrap();
                while taken.lock().unwrap().0 < 1_000_000 {
                    handle.timers().sleep(ms(1)).await;
                }
            }
        },
    );
    assert_eq!(taken.lock().unwrap().0, 1_000_000);
    assert_eq!(stats.received_bytes, 1_000_000);
    server.stop();
}

#[test]
fn i36_a_peer_that_does_not_read_stops_the_producer() {
    let server = Server::any();
    let proxy = Proxy::start(server.addr(), |_| Faults {
        to_server: Fault::StallAfter(0),
        ..Faults::default()
    })
    .unwrap();
    let (stats, verdicts) = run(
        proxy.addr(),
        |builder| {
            builder
                .max_connections(2)
                .queue_bytes(100_000)
                .write_timeout(ms(200))
                .drain_timeout(ms(50))
                .idle_timeout(Duration::MAX)
        },
        |client, handle| async move {
            // 64 KiB messages into two stalled sockets: the kernel takes a few megabytes, then nothing.
            let mut stuck = 0;
            while stuck < 100 {
                if client.try_enqueue(vec![7; 65_536]).is_ok() {
                    stuck = 0;
                } else {
                    stuck += 1;
                }
                let stats = client.stats();
                let batches = 2 * 262_144 / 65_536;
                assert!(
                    stats.queue_bytes <= 100_000 && stats.in_flight <= batches,
                    "{stats:?}"
                );
                handle.timers().sleep(ms(1)).await;
            }
        },
    );
    assert_eq!(stats.accepted, stats.sent + stats.unsent + stats.unknown);
    assert_eq!(verdicts.len() as u64, stats.accepted);
    assert!(stats.unsent + stats.unknown > 0, "{stats:?}");
    drop(proxy);
    server.stop();
}

#[test]
fn i9_four_producers_and_many_small_queues_never_hang() {
    let server = Server::any();
    let (stats, verdicts) = run(
        server.addr(),
        |builder| builder.max_connections(4).queue_messages(3),
        |client, handle| async move {
            let tasks: Vec<_> = (0..4)
                .map(|producer| {
                    let client = client.clone();
                    handle.spawn(async move {
                        for n in 0..2_000 {
                            client.enqueue(line(producer * 10_000 + n)).await.unwrap();
                        }
                    })
                })
                .collect();
            drop(client);
            for task in tasks {
                task.await;
            }
        },
    );
    assert_eq!(stats.sent, 8_000);
    judge(&verdicts, 8_000, &received(&server.stop()));
}

#[test]
fn i29_close_during_a_connect_does_not_wait_for_it() {
    // A resolver that never answers stands for a handshake that never does.
    let started = Instant::now();
    let (stats, _) = run(
        Destination::resolver(std::future::pending),
        |builder| builder.drain_timeout(ms(20)).connect_timeout(Duration::MAX),
        |client, handle| async move {
            let mut send = Box::pin(client.send(b"never".to_vec()));
            poll_fn(|cx| {
                assert!(send.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            handle.timers().sleep(ms(1)).await;
            client.abort();
            assert!(send.await.is_err());
        },
    );
    assert_eq!(stats.unsent, 1);
    assert!(started.elapsed() < DEADLINE);
}
