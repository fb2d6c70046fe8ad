//! What went wrong in other networking libraries, as scenarios. Each names the reports it was made from.
#![cfg(not(hyperia_loom))]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::task::{Context, Poll};

use common::{Driver, any_port, drive, fill, own_pair, pair, poll_until, settle};
use hyperia_net::{TcpListener, TcpStream};
use hyperia_reactor::Reactor;
use hyperia_test::proxy::{Fault, Faults, Proxy};
use hyperia_test::{CountingWaker, poll_once};

/// tokio#4840, tokio#5866, miri#5106: data and FIN in one event, a buffer larger than the data.
#[test]
fn the_end_that_came_with_the_data_is_not_lost() {
    let mut reactor = Reactor::new().unwrap();
    let (ours, mut peer) = pair(&mut reactor);
    peer.write_all(b"last words").unwrap();
    drop(peer);
    let mut buf = [0; 64];
    assert_eq!(drive(&mut reactor, ours.read(&mut buf)).unwrap(), 10);
    assert_eq!(drive(&mut reactor, ours.read(&mut buf)).unwrap(), 0);
    assert_eq!(ours.try_read(&mut buf).unwrap(), 0, "and stays the end");
}

/// The same, with the FIN after the short read.
#[test]
fn an_end_that_comes_after_a_short_read_is_seen() {
    let mut reactor = Reactor::new().unwrap();
    let (ours, mut peer) = pair(&mut reactor);
    peer.write_all(b"x").unwrap();
    let mut buf = [0; 64];
    assert_eq!(drive(&mut reactor, ours.read(&mut buf)).unwrap(), 1);
    let counting = CountingWaker::new();
    let mut read = pin!(ours.read(&mut buf));
    assert!(poll_once(read.as_mut(), &counting.waker()).is_pending());
    peer.shutdown(Shutdown::Write).unwrap();
    poll_until(&mut reactor, || counting.wakes() > 0);
    assert!(matches!(
        poll_once(read, &counting.waker()),
        Poll::Ready(Ok(0))
    ));
}

/// A read stops at urgent data, with more behind it and no further event to come: a peer could stall a reader
/// that takes every short read for the last.
#[test]
fn urgent_data_does_not_stall_a_reader() {
    let mut reactor = Reactor::new().unwrap();
    let (ours, mut peer) = pair(&mut reactor);
    peer.set_nodelay(true).unwrap();
    peer.write_all(b"before").unwrap();
    // SAFETY: one readable byte.
    let sent = unsafe { libc::send(peer.as_raw_fd(), b"!".as_ptr().cast(), 1, libc::MSG_OOB) };
    assert_eq!(sent, 1);
    peer.write_all(b"after").unwrap();
    // Everything is there before the first read.
    let mut text = Vec::new();
    let mut buf = [0; 64];
    while text.len() < 11 {
        settle(&mut reactor);
        let n = drive(&mut reactor, ours.read(&mut buf)).unwrap();
        text.extend_from_slice(&buf[..n]);
    }
    assert_eq!(text, b"beforeafter");
}

/// mio#933, mio#939, tokio#449: a half-closed connection was taken for a writable one.
#[test]
fn a_half_closed_connection_lets_the_writer_sleep() {
    let mut reactor = Reactor::new().unwrap();
    let (ours, mut peer) = pair(&mut reactor);
    peer.shutdown(Shutdown::Write).unwrap();
    settle(&mut reactor);
    assert_eq!(ours.try_read(&mut [0; 8]).unwrap(), 0);
    fill(&ours);
    settle(&mut reactor);
    fill(&ours);
    let counting = CountingWaker::new();
    let mut write = pin!(ours.write(b"x"));
    for _ in 0..5 {
        assert!(poll_once(write.as_mut(), &counting.waker()).is_pending());
        settle(&mut reactor);
    }
    assert_eq!(counting.wakes(), 0, "spins");
    let drained = std::thread::spawn(move || {
        let mut sink = Vec::new();
        peer.read_to_end(&mut sink).unwrap();
    });
    poll_until(&mut reactor, || {
        poll_once(write.as_mut(), &counting.waker()).is_ready()
    });
    ours.shutdown(Shutdown::Write).unwrap();
    drained.join().unwrap();
}

/// tokio#4549, for a writer: a socket that was never connected.
#[test]
fn an_unconnected_socket_fails_and_does_not_spin() {
    let mut reactor = Reactor::new().unwrap();
    // SAFETY: no pointers are involved.
    let fd = unsafe {
        libc::socket(
            libc::AF_INET,
            libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC,
            0,
        )
    };
    assert!(fd >= 0);
    // SAFETY: just made, so nobody else owns it.
    let socket = unsafe { <std::os::fd::OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(fd) };
    let ours = TcpStream::from(reactor.handle().register(socket).unwrap());
    let error = drive(&mut reactor, ours.read(&mut [0; 1])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConnected);
    let error = drive(&mut reactor, ours.write(b"x")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    settle(&mut reactor);
}

/// libuv#1100, h2o#1100: a duplicate outlives the stream.
#[test]
fn a_lent_descriptor_is_removed_before_it_is_closed() {
    use std::os::fd::AsFd;
    let mut reactor = Reactor::new().unwrap();
    let (ours, mut peer) = pair(&mut reactor);
    settle(&mut reactor);
    let duplicate = ours.as_fd().try_clone_to_owned().unwrap();
    drop(ours);
    peer.write_all(b"x").unwrap();
    assert_eq!(reactor.poll(Some(std::time::Duration::ZERO)).unwrap(), 0);
    let mut duplicate = std::net::TcpStream::from(duplicate);
    assert_eq!(duplicate.read(&mut [0; 8]).unwrap(), 1, "alive");
    TcpStream::from_std(&reactor.handle(), duplicate).expect("registered no more");
}

/// tokio#2349 and others: two tasks that wake each other for ever must not keep the rest from I/O. The loop is
/// the executor's; ours is that polling the reactor in between is enough.
#[test]
fn endless_wake_ups_do_not_hide_events() {
    let mut reactor = Reactor::new().unwrap();
    let (ours, mut peer) = pair(&mut reactor);
    let waker = reactor.waker();
    let mut read = Box::pin(async { ours.read(&mut [0; 8]).await });
    let counting = CountingWaker::new();
    assert!(poll_once(read.as_mut(), &counting.waker()).is_pending());
    peer.write_all(b"x").unwrap();
    poll_until(&mut reactor, || {
        waker.wake_by_ref();
        counting.wakes() > 0
    });
    assert!(poll_once(read.as_mut(), &counting.waker()).is_ready());
}

/// Delays, single bytes, early ends and resets: what is read is a prefix, and no wait hangs.
#[test]
fn faults_on_the_way_end_in_a_result() {
    let table = [
        Fault::None,
        Fault::OneByte,
        Fault::Delay(std::time::Duration::from_millis(5)),
        Fault::HalfCloseAfter(3),
        Fault::ResetAfter(3),
        Fault::CutAfter(3),
        Fault::CutAfter(0),
    ];
    let driver = Driver::start();
    for fault in table {
        let listener = TcpListener::bind(&driver.handle, any_port()).unwrap();
        let proxy = Proxy::start(listener.local_addr().unwrap(), move |_| Faults {
            to_server: fault,
            ..Faults::default()
        })
        .unwrap();
        hyperia_wait::block_on(async {
            let client = TcpStream::connect(&driver.handle, proxy.addr())
                .await
                .unwrap();
            let (server, _) = listener.accept().await.unwrap();
            // May fail once the proxy has cut the connection.
            let sent = client.write_all(b"0123456789").await;
            let _ = client.shutdown(Shutdown::Write);
            let mut text = Vec::new();
            let mut buf = [0; 4];
            let end = loop {
                match server.read(&mut buf).await {
                    Ok(0) => break Ok(()),
                    Ok(n) => text.extend_from_slice(&buf[..n]),
                    Err(error) => break Err(error.kind()),
                }
            };
            assert!(b"0123456789".starts_with(&text), "{fault:?}: {text:?}");
            match fault {
                Fault::None | Fault::OneByte | Fault::Delay(_) => {
                    assert_eq!((text.len(), end), (10, Ok(())), "{fault:?}");
                    sent.unwrap();
                }
                Fault::ResetAfter(_) => assert_eq!(end, Err(ErrorKind::ConnectionReset)),
                _ => assert!(
                    text.len() <= 3 && end.is_ok(),
                    "{fault:?}: {text:?} {end:?}"
                ),
            }
        });
    }
}

/// tokio#5833, tokio#3477: sockets and waiting tasks outlive the reactor.
#[test]
fn the_reactor_may_go_first() {
    let mut reactor = Reactor::new().unwrap();
    let (client, server) = own_pair(&mut reactor);
    let counting = CountingWaker::new();
    let waker = counting.waker();
    let mut cx = Context::from_waker(&waker);
    assert!(server.poll_read(&mut cx, &mut [0; 8]).is_pending());
    drop(reactor);
    assert_eq!(counting.wakes(), 1);
    // What needs no waiting goes on.
    assert_eq!(client.try_write(b"x").unwrap(), 1);
    assert!(server.poll_read(&mut cx, &mut [0; 8]).is_ready());
    let addr = client.local_addr().unwrap();
    drop((client, server));
    drop(waker);
    assert_eq!(counting.live(), 0);
    assert_ne!(addr.port(), 0);
}
