//! The stream of events and the counters.
#![cfg(not(any(hyperia_loom, hyperia_shuttle)))]

mod common;

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use common::net::Plan;
use common::{Bench, ms};
use futures_core::{FusedStream, Stream};
use hyperia_client::{BreakerState, Event, Events, Reason};
use hyperia_test::{CountingWaker, poll_once};

fn all(events: &mut Events) -> Vec<Event> {
    std::iter::from_fn(|| events.try_next()).collect()
}

fn names(events: &[Event]) -> Vec<&'static str> {
    let name = |event: &Event| match event {
        Event::Dialing(_) => "dialing",
        Event::Connected(_) => "connected",
        Event::DialFailed(..) => "dial failed",
        Event::Lost(..) => "lost",
        Event::Closing(_) => "closing",
        Event::Closed(_) => "closed",
        Event::Backoff { .. } => "backoff",
        Event::Breaker(_) => "breaker",
        Event::Failed { .. } => "failed",
        Event::Draining => "draining",
        Event::Finished(_) => "finished",
        _ => "other",
    };
    events.iter().map(name).collect()
}

#[test]
fn a_life_is_told_in_order() {
    let mut bench = Bench::new(|builder| builder.breaker(1, ms(100)).wait_for_breaker(true));
    let mut events = bench.client.events();
    bench.net.plan(Plan::Refuse);
    bench.enqueue(b"message");
    bench.run();
    let first = all(&mut events);
    assert_eq!(
        names(&first),
        ["dialing", "dial failed", "backoff", "breaker"]
    );
    let open = BreakerState::Open { retry_at: ms(1100) };
    assert_eq!(first[3], Event::Breaker(open));
    assert_eq!(bench.client.stats().breaker, open);
    bench.net.plan(Plan::Connect);
    bench.advance(ms(100));
    let second = names(&all(&mut events)).join(", ");
    assert!(
        second.contains("dialing") && second.contains("connected"),
        "{second}"
    );
    assert_eq!(bench.client.stats().breaker, BreakerState::Closed);
    bench.net.reset(0);
    bench.run();
    let third = all(&mut events);
    let lost = |event: &Event| matches!(event, Event::Lost(_, Reason::ConnectionLost(_)));
    assert!(third.iter().any(lost), "{third:?}");
    bench.client.close();
    let stats = bench.finish();
    let last = all(&mut events);
    assert_eq!(last.last(), Some(&Event::Finished(Box::new(stats))));
    assert!(events.is_terminated());
    assert!(all(&mut bench.client.events()).is_empty() && bench.client.events().is_terminated());
}

#[test]
fn a_listener_is_woken_and_one_that_is_slow_is_told_what_it_missed() {
    let mut bench = Bench::new(|builder| builder.backoff(ms(1), ms(1)).attempts(u32::MAX));
    let mut quick = pin!(bench.client.events());
    let mut slow = bench.client.events();
    let waker = CountingWaker::new();
    let cx_poll = |quick: std::pin::Pin<&mut Events>| {
        let mut quick = quick;
        let waker = waker.waker();
        poll_once(
            pin!(std::future::poll_fn(|cx| quick.as_mut().poll_next(cx))),
            &waker,
        )
    };
    assert!(cx_poll(quick.as_mut()).is_pending());
    bench.net.plan(Plan::Refuse);
    bench.enqueue(b"message");
    bench.advance(Duration::from_secs(1));
    assert!(waker.wakes() >= 1);
    assert!(matches!(
        cx_poll(quick.as_mut()),
        Poll::Ready(Some(Event::Missed(_)))
    ));
    let Some(Event::Missed(missed)) = slow.try_next() else {
        panic!("1,000 dials are more than it keeps");
    };
    assert_eq!(all(&mut slow).len(), 256);
    assert!(missed > 1000, "{missed}");
}

#[test]
fn latency_is_sampled() {
    let mut bench = Bench::new(|builder| builder.queue_messages(1000));
    bench.net.plan(Plan::Hang);
    for _ in 0..640 {
        bench.enqueue(b"message");
    }
    bench.run();
    bench.advance(ms(100));
    let before = bench.client.stats().latency;
    bench.net.decide(0, Plan::Connect);
    bench.run();
    let latency = bench.client.stats().latency.since(&before);
    assert_eq!(latency.count(), 10);
    let half = latency.quantile(0.5).unwrap();
    assert!((ms(100)..ms(113)).contains(&half), "{half:?}");
}

#[test]
fn idle_connections_are_closed_above_the_floor() {
    let mut bench = Bench::new(|builder| builder.idle_timeout(ms(50)).keep_idle(1));
    bench.net.lock().window = 0;
    for _ in 0..4 {
        bench.enqueue(b"message");
    }
    bench.run();
    bench.enqueue(b"one more");
    bench.run();
    let live = bench.client.stats().live;
    assert!(live >= 2);
    for index in 0..bench.net.len() {
        bench.net.open_window(index, 1 << 20);
    }
    bench.run();
    bench.advance(ms(50));
    let stats = bench.client.stats();
    assert_eq!((stats.live, stats.closing), (1, live - 1), "{stats:?}");
    for index in 0..bench.net.len() {
        if bench.net.lock().connections[index].finished {
            bench.net.finish(index);
        }
    }
    bench.run();
    let stats = bench.client.stats();
    assert_eq!((stats.live, stats.closing, stats.lost), (1, 0, 0));
}
