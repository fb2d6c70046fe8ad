//! A panic in every piece of user code that is called: it is counted, and costs at most the message or the connection
//! at hand.
#![cfg(not(any(hyperia_loom, hyperia_shuttle)))]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use common::net::{Net, Plan};
use common::{Bench, Task, ms};
use hyperia_client::{Client, ConnectionId, Reason, Verdict};
use hyperia_test::{CountingWaker, PanicOn, PanicWaker, poll_once};
use hyperia_timer::{ManualClock, Timers};

#[test]
fn i1_a_settled_handler_that_panics_misses_no_message_and_stops_nothing() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let mut bench = Bench::bare(|builder| {
        builder.max_connections(1).on_settled(move |_, _| {
            counter.fetch_add(1, Relaxed);
            panic!("a handler that panics");
        })
    });
    for _ in 0..5 {
        bench.enqueue(b"message");
    }
    bench.run();
    assert_eq!(calls.load(Relaxed), 5);
    let stats = bench.client.stats();
    assert_eq!((stats.sent, stats.live), (5, 1));
    bench.client.close();
    bench.net.finish(0);
    assert_eq!(bench.finish().panics, 5);
}

#[test]
fn a_read_handler_that_panics_costs_its_connection() {
    let mut bench = Bench::bare(|builder| {
        builder.on_read(
            |_: ConnectionId, bytes: &[u8], _: &mut std::task::Context<'_>| {
                assert_ne!(bytes, b"bad", "a handler that panics");
                Poll::Ready(())
            },
        )
    });
    bench.enqueue(b"message");
    bench.run();
    bench.net.send(0, b"good");
    bench.run();
    assert_eq!(bench.net.open(), 1);
    bench.net.send(0, b"bad");
    bench.run();
    assert_eq!(bench.net.open(), 0);
    bench.advance(ms(100));
    bench.enqueue(b"again");
    bench.run();
    let stats = bench.client.stats();
    assert_eq!((stats.sent, stats.panics, stats.lost), (2, 1, 1));
}

/// Panics in `as_ref`, or when dropped, if it says so and has been accepted.
struct Bad {
    bytes: &'static [u8],
    armed: Arc<AtomicBool>,
}

impl AsRef<[u8]> for Bad {
    fn as_ref(&self) -> &[u8] {
        let bad = self.bytes == b"as_ref" && self.armed.load(Relaxed);
        assert!(!bad, "a message that panics");
        self.bytes
    }
}

impl Drop for Bad {
    fn drop(&mut self) {
        let bad = self.bytes == b"drop" && self.armed.load(Relaxed);
        assert!(!bad || std::thread::panicking(), "a message that panics");
    }
}

#[test]
fn a_message_that_panics_costs_nobody_else_anything() {
    let net = Net::default();
    let timers = Timers::new(ManualClock::new(), std::task::Waker::noop().clone());
    let (client, driver) = Client::builder_with(net.connector())
        .max_connections(1)
        .build_with(&timers);
    let armed = Arc::new(AtomicBool::new(false));
    for bytes in [
        &b"one"[..],
        b"as_ref",
        b"two",
        b"drop",
        b"three",
        b"as_ref",
        b"four",
    ] {
        let armed = Arc::clone(&armed);
        assert!(client.try_enqueue(Bad { bytes, armed }).is_ok());
    }
    armed.store(true, Relaxed);
    let mut driver = pin!(driver);
    let waker = CountingWaker::new();
    for _ in 0..10 {
        assert!(poll_once(driver.as_mut(), &waker.waker()).is_pending());
    }
    armed.store(false, Relaxed);
    assert_eq!(net.written(0), b"onetwodropthreefour");
    let stats = client.stats();
    assert_eq!(
        (stats.sent, stats.unsent, stats.failures.panicked),
        (5, 2, 2)
    );
    assert_eq!(stats.panics, 3);
}

/// Always panics when dropped, also beside another panic.
struct Bomb;

impl AsRef<[u8]> for Bomb {
    fn as_ref(&self) -> &[u8] {
        b"bomb"
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a message that panics");
    }
}

#[test]
fn several_messages_of_one_batch_may_panic_when_they_are_dropped() {
    let net = Net::default();
    let timers = Timers::new(ManualClock::new(), std::task::Waker::noop().clone());
    let (client, driver) = Client::builder_with(net.connector())
        .max_connections(1)
        .build_with(&timers);
    for _ in 0..3 {
        assert!(client.try_enqueue(Bomb).is_ok());
    }
    let mut driver = pin!(driver);
    let waker = CountingWaker::new();
    for _ in 0..10 {
        assert!(poll_once(driver.as_mut(), &waker.waker()).is_pending());
    }
    assert_eq!(net.written(0), b"bombbombbomb");
    let stats = client.stats();
    assert_eq!((stats.sent, stats.panics, stats.lost), (3, 3, 0));
}

#[test]
fn a_dial_that_panics_is_a_failed_dial() {
    let mut bench = Bench::new(|builder| builder.attempts(1));
    bench.net.plan(Plan::Panic);
    bench.enqueue(b"message");
    bench.run();
    let reason = Reason::ConnectFailed(std::io::ErrorKind::Other);
    assert_eq!(bench.verdict_of(b"message"), [Verdict::Unsent(reason)]);
    let stats = bench.client.stats();
    assert!(stats.panics >= 1 && stats.dials_failed >= 1);
}

#[test]
fn i39_the_last_client_may_be_dropped_in_a_handler() {
    for in_read in [false, true] {
        let slot: Arc<Mutex<Option<Client<Vec<u8>>>>> = Arc::default();
        let (settled, read) = (Arc::clone(&slot), Arc::clone(&slot));
        let mut bench = Bench::bare(|builder| {
            builder
                .on_settled(move |_, _| {
                    if !in_read {
                        settled.lock().unwrap().take();
                    }
                })
                .on_read(
                    move |_: ConnectionId, _: &[u8], _: &mut std::task::Context<'_>| {
                        if in_read {
                            read.lock().unwrap().take();
                        }
                        Poll::Ready(())
                    },
                )
        });
        bench.enqueue(b"message");
        let other = Bench::bare(|builder| builder);
        let last = std::mem::replace(&mut bench.client, other.client.clone());
        *slot.lock().unwrap() = Some(last);
        bench.run();
        bench.net.send(0, b"answer");
        bench.run();
        bench.net.finish(0);
        let stats = bench.finish();
        assert_eq!((stats.sent, stats.lost), (1, 0));
    }
}

#[test]
fn handlers_may_use_the_client() {
    let slot: Arc<Mutex<Option<Client<Vec<u8>>>>> = Arc::default();
    let inside = Arc::clone(&slot);
    let mut bench = Bench::bare(|builder| {
        builder
            .max_connections(1)
            .on_settled(move |message: Vec<u8>, _| {
                let client = inside.lock().unwrap().clone().unwrap();
                let _ = client.stats();
                if message.len() < 5 {
                    client.try_enqueue([&message[..], b"+"].concat()).unwrap();
                }
            })
    });
    *slot.lock().unwrap() = Some(bench.client.clone());
    bench.enqueue(b"m");
    bench.run();
    assert_eq!(bench.net.written(0), b"mm+m++m+++m++++");
}

#[test]
fn a_handler_that_tries_again_while_the_driver_is_dropped_is_refused() {
    let slot: Arc<Mutex<Option<Client<Vec<u8>>>>> = Arc::default();
    let refused = Arc::new(AtomicUsize::new(0));
    let (inside, counter) = (Arc::clone(&slot), Arc::clone(&refused));
    let (client, driver) = Client::builder_with(Net::default().connector())
        .on_settled(move |message, _| {
            let client = inside.lock().unwrap().clone().unwrap();
            if client.try_enqueue(message).is_err() {
                counter.fetch_add(1, Relaxed);
            }
        })
        .build_with(&Timers::new(
            ManualClock::new(),
            std::task::Waker::noop().clone(),
        ));
    *slot.lock().unwrap() = Some(client.clone());
    client.try_enqueue(b"message".to_vec()).unwrap();
    drop(driver);
    let stats = client.stats();
    assert_eq!(
        (stats.accepted, stats.unsent, stats.queue_messages),
        (1, 1, 0)
    );
    assert_eq!(refused.load(Relaxed), 1);
    slot.lock().unwrap().take();
}

#[test]
fn a_send_that_the_drivers_waker_ends_leaves_its_verdict_to_the_handler() {
    let verdicts = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&verdicts);
    let (client, driver) = Client::<Vec<u8>>::builder_with(Net::default().connector())
        .on_settled(move |_, _| {
            counter.fetch_add(1, Relaxed);
        })
        .build_with(&Timers::new(
            ManualClock::new(),
            std::task::Waker::noop().clone(),
        ));
    let panicking = PanicWaker::new(PanicOn::Wake);
    let mut driver = Box::pin(driver);
    assert!(poll_once(driver.as_mut(), &panicking.waker()).is_pending());
    let caught = catch_unwind(AssertUnwindSafe(|| {
        poll_once(
            pin!(client.send(b"message".to_vec())),
            std::task::Waker::noop(),
        )
    }));
    assert!(caught.is_err());
    panicking.disarm();
    drop(driver);
    assert_eq!((client.stats().accepted, verdicts.load(Relaxed)), (1, 1));
}

#[test]
fn dropping_the_driver_while_unwinding_settles_all_the_same() {
    let bench = Bench::new(|builder| builder);
    bench.enqueue(b"message");
    let client = bench.client.clone();
    let mut send = Task::new(client.send(b"sent".to_vec()));
    assert!(send.run().is_none());
    let verdicts = Arc::clone(&bench.verdicts);
    let caught = catch_unwind(AssertUnwindSafe(move || {
        let _bench = bench;
        panic!("the task dies");
    }));
    assert!(caught.is_err());
    assert!(send.run().is_some());
    assert_eq!(verdicts.lock().unwrap().len(), 1);
}
