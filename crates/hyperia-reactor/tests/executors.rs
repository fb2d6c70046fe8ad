//! The same futures under executors that know nothing of us; the reactor is on a thread of the test.
#![cfg(not(hyperia_loom))]

mod common;

use std::future::Future;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use common::Driver;
use hyperia_reactor::{Direction, Source};

const ROUNDS: usize = 500;

fn ends(driver: &Driver) -> [Source<UnixStream>; 2] {
    let (left, right) = UnixStream::pair().unwrap();
    [left, right].map(|end| {
        end.set_nonblocking(true).unwrap();
        driver.handle.register(end).unwrap()
    })
}

async fn retry<R>(
    source: &Source<UnixStream>,
    direction: Direction,
    attempt: impl Fn(&UnixStream) -> io::Result<R>,
) -> io::Result<R> {
    loop {
        source.readiness(direction).await?;
        match source.try_io(direction, &attempt) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            done => return done,
        }
    }
}

async fn echo(end: &Source<UnixStream>) {
    for _ in 0..ROUNDS {
        let mut buf = std::cell::Cell::new([0; 4]);
        let n = retry(end, Direction::Read, |mut stream| {
            let mut bytes = [0; 4];
            let n = stream.read(&mut bytes)?;
            buf.set(bytes);
            Ok(n)
        });
        let n = n.await.unwrap();
        retry(end, Direction::Write, |mut stream| {
            stream.write(&buf.get()[..n])
        })
        .await
        .unwrap();
        buf.get_mut().fill(0);
    }
}

async fn ask(end: &Source<UnixStream>) {
    for _ in 0..ROUNDS {
        retry(end, Direction::Write, |mut stream| stream.write(b"x"))
            .await
            .unwrap();
        let n = retry(end, Direction::Read, |mut stream| stream.read(&mut [0; 4]))
            .await
            .unwrap();
        assert_eq!(n, 1);
    }
}

fn both(run: impl FnOnce(Rc<[Source<UnixStream>; 2]>)) {
    let driver = Driver::start();
    run(Rc::new(ends(&driver)));
}

#[test]
fn under_tokio() {
    both(|ends| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let tasks = tokio::task::LocalSet::new();
        let other = Rc::clone(&ends);
        let echoing = tasks.spawn_local(async move { echo(&other[1]).await });
        tasks.block_on(&runtime, async move {
            ask(&ends[0]).await;
            echoing.await.unwrap();
        });
    });
}

#[test]
fn under_smol() {
    both(|ends| {
        let executor = smol::LocalExecutor::new();
        let other = Rc::clone(&ends);
        let echoing = executor.spawn(async move { echo(&other[1]).await });
        smol::block_on(executor.run(async move {
            ask(&ends[0]).await;
            echoing.await;
        }));
    });
}

#[test]
fn under_no_executor_but_threads() {
    let driver = Driver::start();
    let [left, right] = ends(&driver);
    std::thread::scope(|scope| {
        scope.spawn(|| hyperia_wait::block_on(echo(&right)));
        hyperia_wait::block_on(ask(&left));
    });
}

#[test]
fn a_reader_that_is_dropped_half_way_leaves_the_rest_to_the_next() {
    let driver = Driver::start();
    let [left, right] = ends(&driver);
    smol::block_on(async {
        for round in 0..100 {
            let reading = retry(&right, Direction::Read, |mut stream| {
                stream.read(&mut [0; 4])
            });
            // Polled once, then dropped.
            let polled = smol::future::poll_once(reading).await;
            assert!(polled.is_none(), "nothing was written in round {round}");
            retry(&left, Direction::Write, |mut stream| stream.write(b"abc"))
                .await
                .unwrap();
            let n = retry(&right, Direction::Read, |mut stream| {
                stream.read(&mut [0; 4])
            })
            .await;
            assert_eq!(n.unwrap(), 3);
        }
    });
}

#[test]
fn futures_can_be_raced() {
    fn assert_future<F: Future>(future: F) -> F {
        future
    }
    let driver = Driver::start();
    let [left, right] = ends(&driver);
    smol::block_on(async {
        let read = assert_future(async { right.readable().await.map(|_| "read") });
        let write = assert_future(async { left.writable().await.map(|_| "write") });
        assert_eq!(smol::future::race(read, write).await.unwrap(), "write");
    });
}
