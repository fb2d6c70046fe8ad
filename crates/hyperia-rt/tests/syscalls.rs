//! Which system calls the loop makes, by strace. Prints a line and passes where that cannot run.
//!
//! The scenario runs in a process of its own, this same test binary, between two calls that cannot be
//! mistaken for anything else; only the calls of that thread are looked at.
#![cfg(not(hyperia_loom))]
use hyperia_net::{TcpListener, TcpStream};
use hyperia_rt::{DriverThread, EventLoop};
use hyperia_test::syscalls;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

const MARK: &str = "/hyperia-rt-mark";
const ROUND_TRIPS: usize = 500;

/// Leaves a line in the trace.
fn mark() {
    assert!(std::fs::metadata(MARK).is_err());
}

/// Does nothing unless a test below runs it in a process of its own.
#[test]
fn scenario() {
    match syscalls::scenario().as_deref() {
        Some("idle") => idle(),
        Some("tasks") => tasks(),
        Some("ping-pong") => ping_pong().unwrap(),
        Some("peer") => peer().unwrap(),
        Some("sleeps") => sleeps(),
        Some("sleeps elsewhere") => sleeps_elsewhere(),
        Some(other) => panic!("no such scenario: {other}"),
        None => {}
    }
}

/// Sleeps once, with a socket registered and a task pending.
fn idle() {
    let mut event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle().clone();
    let listener = TcpListener::bind(handle.reactor(), ([127, 0, 0, 1], 0).into()).unwrap();
    let accept = handle.spawn(async move { listener.accept().await });
    let timers = handle.timers().clone();
    event_loop.block_on(async move {
        mark();
        timers.sleep(Duration::from_millis(200)).await;
        mark();
    });
    drop(accept);
}

/// Tasks that wait for each other and for nothing else.
fn tasks() {
    let mut event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle().clone();
    event_loop.block_on(async move {
        mark();
        let mut sum = 0;
        for number in 0..ROUND_TRIPS {
            sum += handle.spawn(async move { number }).await;
        }
        mark();
        assert_eq!(sum, ROUND_TRIPS * (ROUND_TRIPS - 1) / 2);
    });
}

/// One byte there and back, both ends in this loop.
fn ping_pong() -> io::Result<()> {
    let mut event_loop = EventLoop::new()?;
    let handle = event_loop.handle().clone();
    event_loop.block_on(async move {
        let listener = TcpListener::bind(handle.reactor(), ([127, 0, 0, 1], 0).into())?;
        let client = TcpStream::connect(handle.reactor(), listener.local_addr()?).await?;
        let (server, _) = listener.accept().await?;
        let echo = handle.spawn(async move {
            let mut byte = [0; 64];
            while let Ok(count @ 1..) = server.read(&mut byte).await {
                server.write_all(&byte[..count]).await.unwrap();
            }
        });
        let mut byte = [0; 64];
        // The first reads find out that there is nothing yet.
        client.write_all(b"x").await?;
        client.read(&mut byte).await?;
        mark();
        for _ in 0..ROUND_TRIPS {
            client.write_all(b"x").await?;
            assert_eq!(client.read(&mut byte).await?, 1);
        }
        mark();
        drop(echo);
        Ok(())
    })
}

/// One byte from a peer and back to it; the loop sleeps in between.
fn peer() -> io::Result<()> {
    let mut event_loop = EventLoop::new()?;
    let handle = event_loop.handle().clone();
    let listener = TcpListener::bind(handle.reactor(), ([127, 0, 0, 1], 0).into())?;
    let addr = listener.local_addr()?;
    let peer = std::thread::spawn(move || {
        let mut stream = std::net::TcpStream::connect(addr)?;
        let mut byte = [0];
        for _ in 0..ROUND_TRIPS + 2 {
            // The loop has gone to sleep by now, more often than not.
            std::thread::sleep(Duration::from_micros(100));
            stream.write_all(b"x")?;
            stream.read_exact(&mut byte)?;
        }
        io::Result::Ok(())
    });
    event_loop.block_on(async {
        let (stream, _) = listener.accept().await?;
        let echo = handle.spawn(async move {
            let mut byte = [0; 64];
            for round in 0..ROUND_TRIPS + 2 {
                if round == 1 || round == ROUND_TRIPS + 1 {
                    mark();
                }
                let count = stream.read(&mut byte).await?;
                stream.write_all(&byte[..count]).await?;
            }
            io::Result::Ok(())
        });
        echo.await
    })?;
    peer.join().expect("the peer does not panic")
}

/// Sleeps and timeouts that are made, polled and dropped, each as likely to be the earliest as not.
fn sleeps() {
    let mut event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle().clone();
    event_loop.block_on(async {
        let _before = handle.timers().sleep(Duration::from_secs(30));
        mark();
        for index in 0..SLEEPS {
            let length = Duration::from_secs(1 + (index * 7_919) % 60);
            assert!(pending_once(handle.timers().sleep(length)));
            assert!(pending_once(handle.local_timers().sleep(length)));
            let timeout = handle
                .timers()
                .timeout(length, std::future::pending::<()>());
            assert!(pending_once(timeout));
        }
        mark();
    });
}

/// The same on a thread that does not drive: later than what the driver waits for.
fn sleeps_elsewhere() {
    let driver = DriverThread::spawn().unwrap();
    let timers = driver.timers();
    let mut first = pin!(timers.sleep(Duration::from_secs(100)));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(first.as_mut().poll(&mut cx).is_pending());
    // It has been rung, and waits again.
    std::thread::sleep(Duration::from_millis(100));
    mark();
    for index in 0..SLEEPS {
        assert!(pending_once(timers.sleep(Duration::from_secs(101 + index))));
    }
    mark();
}

fn pending_once(future: impl Future) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    pin!(future).poll(&mut cx).is_pending()
}

const SLEEPS: u64 = 1000;

/// How often each system call was made between the marks, or `None` where strace cannot run.
fn trace(scenario: &str) -> Option<BTreeMap<String, usize>> {
    let trace = syscalls::traced("scenario", scenario, &["-qq"], MARK)?;
    let mut marks = trace.lines().filter(|line| line.contains(MARK));
    let thread = marks.next()?.split_whitespace().next()?.to_owned();
    assert_eq!(marks.count(), 1, "{trace}");
    let mut calls = BTreeMap::new();
    let own = trace.lines().filter(|line| line.starts_with(&thread));
    for line in own
        .skip_while(|line| !line.contains(MARK))
        .skip(1)
        .take_while(|line| !line.contains(MARK))
    {
        // `1234 name(arguments) = result`; a call that another thread interrupts has a second line,
        // `1234 <... name resumed>`.
        let call = line[thread.len()..].trim_start();
        if let Some((name, _)) = call.split_once('(')
            && !call.starts_with('<')
        {
            *calls.entry(name.to_owned()).or_default() += 1;
        }
    }
    Some(calls)
}

#[test]
fn making_and_dropping_sleeps_makes_no_call() {
    for scenario in ["sleeps", "sleeps elsewhere"] {
        if let Some(calls) = trace(scenario) {
            assert!(calls.is_empty(), "{scenario}: {calls:?}");
        }
    }
}

#[test]
fn a_loop_with_nothing_to_do_makes_the_call_that_it_sleeps_in_and_no_other() {
    if let Some(calls) = trace("idle") {
        let waits = calls.get("epoll_pwait2").copied().unwrap_or(0);
        assert_eq!(calls.len(), 1, "{calls:?}");
        // The sleep, and the one turn that finds the registered socket writable or some such.
        assert!((1..=2).contains(&waits), "{calls:?}");
    }
}

#[test]
fn tasks_among_themselves_make_no_call_but_the_looks_at_io() {
    if let Some(calls) = trace("tasks") {
        // The main future and a task take turns; every eight such rounds I/O is looked at.
        let looks = calls.get("epoll_pwait2").copied().unwrap_or(0);
        assert!(looks <= ROUND_TRIPS / 8 + 2, "{calls:?}");
        let others = calls.keys().filter(|name| *name != "epoll_pwait2");
        // The heap may grow.
        assert!(
            others.clone().all(|name| name == "brk" || name == "mmap"),
            "{calls:?}"
        );
    }
}

#[test]
fn a_round_trip_over_loopback_makes_six_calls() {
    if let Some(calls) = trace("ping-pong") {
        let all: usize = calls.values().sum();
        assert!(all <= 6 * ROUND_TRIPS + 8, "{calls:?}");
        assert!(
            all >= 5 * ROUND_TRIPS,
            "the trace is not what it seems: {calls:?}"
        );
        println!(
            "{:.2} calls per round trip",
            all as f64 / ROUND_TRIPS as f64
        );
    }
}

#[test]
fn a_byte_from_a_peer_and_back_makes_three_calls() {
    if let Some(calls) = trace("peer") {
        // Were the loop called by its own wakes, a fourth would be a look at nothing.
        let all: usize = calls.values().sum();
        assert!(all <= 3 * ROUND_TRIPS + 8, "{calls:?}");
        println!(
            "{:.2} calls per byte and back",
            all as f64 / ROUND_TRIPS as f64
        );
    }
}
