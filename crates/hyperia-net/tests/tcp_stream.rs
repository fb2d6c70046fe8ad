//! What whoever has a connection can rely on.
#![cfg(not(hyperia_loom))]

mod common;

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use common::{any_port, drive, fill, own_pair, pair, poll_noop, poll_until, settle};
use futures_core::FusedFuture;
use hyperia_net::{Keepalive, ReactorGone, TcpListener, TcpStream, TcpStreamExt};
use hyperia_reactor::Reactor;
use hyperia_test::{CountingWaker, drop_at_every_poll, poll_once};

#[test]
fn bytes_arrive_in_order() {
    let mut reactor = Reactor::new().unwrap();
    let (client, server) = own_pair(&mut reactor);
    drive(&mut reactor, client.write_all(b"hello, ")).unwrap();
    drive(&mut reactor, client.write_all(b"world")).unwrap();
    drop(client);
    let mut text = Vec::new();
    let mut buf = [0; 5];
    loop {
        match drive(&mut reactor, server.read(&mut buf)).unwrap() {
            0 => break,
            n => text.extend_from_slice(&buf[..n]),
        }
    }
    assert_eq!(text, b"hello, world");
}

#[test]
fn write_all_goes_on_where_the_buffer_was_full() {
    let mut reactor = Reactor::new().unwrap();
    let (ours, mut peer) = pair(&mut reactor);
    let data: Vec<u8> = (0..8_000_000_u32).map(|i| (i % 251) as u8).collect();
    let expected = data.clone();
    let reader = std::thread::spawn(move || {
        let mut got = Vec::new();
        peer.read_to_end(&mut got).unwrap();
        assert!(got == expected);
    });
    let mut write = pin!(ours.write_all(&data));
    assert!(poll_noop(write.as_mut()).is_pending(), "more than fits");
    let written = write.written();
    assert!(0 < written && written < data.len());
    drive(&mut reactor, write.as_mut()).unwrap();
    assert_eq!(write.written(), data.len());
    assert!(write.is_terminated());
    ours.shutdown(Shutdown::Write).unwrap();
    reader.join().unwrap();
}

#[test]
fn empty_transfers_are_done_at_once() {
    let mut reactor = Reactor::new().unwrap();
    let (ours, _peer) = pair(&mut reactor);
    assert_eq!(drive(&mut reactor, ours.write(b"")).unwrap(), 0);
    drive(&mut reactor, ours.write_all(b"")).unwrap();
    assert_eq!(drive(&mut reactor, ours.write_vectored(&[])).unwrap(), 0);
    assert_eq!(ours.try_write_vectored(&[IoSlice::new(b"")]).unwrap(), 0);
}

#[test]
fn vectored_writes_and_reads_are_as_one() {
    let mut reactor = Reactor::new().unwrap();
    let (client, server) = own_pair(&mut reactor);
    let slices = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")];
    assert_eq!(
        drive(&mut reactor, client.write_vectored(&slices)).unwrap(),
        5
    );
    drive(&mut reactor, server.readable()).unwrap();
    let (mut first, mut second) = ([0; 3], [0; 9]);
    let mut slices = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
    assert_eq!(server.try_read_vectored(&mut slices).unwrap(), 5);
    assert_eq!((&first[..], &second[..2]), (&b"abc"[..], &b"de"[..]));

    let mut cx = Context::from_waker(Waker::noop());
    let slices = [IoSlice::new(b"x"), IoSlice::new(b"y")];
    assert!(matches!(
        client.poll_write_vectored(&mut cx, &slices),
        Poll::Ready(Ok(2))
    ));
    poll_until(&mut reactor, || {
        let mut slices = [IoSliceMut::new(&mut first)];
        matches!(
            server.poll_read_vectored(&mut cx, &mut slices),
            Poll::Ready(Ok(2))
        )
    });
}

#[test]
fn more_slices_than_the_kernel_takes_are_cut_off() {
    let mut reactor = Reactor::new().unwrap();
    let (client, server) = own_pair(&mut reactor);
    let slices: Vec<_> = (0..3_000).map(|_| IoSlice::new(b"x")).collect();
    assert_eq!(
        drive(&mut reactor, client.write_vectored(&slices)).unwrap(),
        1_024
    );
    let mut sinks = vec![[0; 1]; 3_000];
    let mut slices: Vec<_> = sinks.iter_mut().map(|sink| IoSliceMut::new(sink)).collect();
    drive(&mut reactor, server.readable()).unwrap();
    assert_eq!(server.try_read_vectored(&mut slices).unwrap(), 1_024);
    // Not taken for a short transfer: both directions are as ready as before.
    assert!(client.try_write(b"x").is_ok());
}

#[test]
fn reading_into_uninitialized_memory_returns_what_is_initialized() {
    let mut reactor = Reactor::new().unwrap();
    let (ours, mut peer) = pair(&mut reactor);
    peer.write_all(b"abc").unwrap();
    drive(&mut reactor, ours.readable()).unwrap();
    let mut buf = [MaybeUninit::uninit(); 16];
    assert_eq!(ours.try_read_uninit(&mut buf).unwrap(), b"abc");
    let mut cx = Context::from_waker(Waker::noop());
    assert!(ours.poll_read_uninit(&mut cx, &mut buf).is_pending());
    peer.write_all(b"de").unwrap();
    settle(&mut reactor);
    let Poll::Ready(Ok(bytes)) = ours.poll_read_uninit(&mut cx, &mut buf) else {
        panic!()
    };
    assert_eq!(bytes, b"de");
}

#[test]
fn peeking_takes_nothing() {
    let mut reactor = Reactor::new().unwrap();
    let (ours, mut peer) = pair(&mut reactor);
    let mut cx = Context::from_waker(Waker::noop());
    let mut buf = [0; 8];
    assert!(ours.poll_peek(&mut cx, &mut buf).is_pending());
    peer.write_all(b"abc").unwrap();
    settle(&mut reactor);
    for _ in 0..2 {
        assert!(matches!(
            ours.poll_peek(&mut cx, &mut buf),
            Poll::Ready(Ok(3))
        ));
    }
    assert!(matches!(
        ours.poll_read(&mut cx, &mut buf),
        Poll::Ready(Ok(3))
    ));
}

#[test]
fn nothing_is_tried_before_readiness_is_known() {
    let mut reactor = Reactor::new().unwrap();
    let (ours, mut peer) = pair(&mut reactor);
    assert_eq!(
        ours.try_read(&mut [0; 4]).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    peer.write_all(b"x").unwrap();
    settle(&mut reactor);
    assert_eq!(ours.try_read(&mut [0; 4]).unwrap(), 1);
    assert_eq!(
        ours.try_read(&mut [0; 4]).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
}

#[test]
fn any_number_of_readers_may_wait_and_each_byte_goes_to_one() {
    let mut reactor = Reactor::new().unwrap();
    let (ours, mut peer) = pair(&mut reactor);
    let counting = CountingWaker::new();
    let mut buffers = [[0; 1]; 4];
    let mut readers: Vec<_> = buffers
        .iter_mut()
        .map(|buf| Box::pin(ours.read(buf)))
        .collect();
    for reader in &mut readers {
        assert!(poll_once(reader.as_mut(), &counting.waker()).is_pending());
    }
    for round in 0..4 {
        peer.write_all(&[round]).unwrap();
        settle(&mut reactor);
        let done = readers
            .iter_mut()
            .filter(|reader| !reader.is_terminated())
            .map(|reader| poll_once(reader.as_mut(), &counting.waker()))
            .filter(|polled| matches!(polled, Poll::Ready(Ok(1))))
            .count();
        assert_eq!(done, 1);
    }
    drop(readers);
    let mut bytes = buffers.map(|[byte]| byte);
    bytes.sort_unstable();
    assert_eq!(bytes, [0, 1, 2, 3]);
}

#[test]
fn shutting_down_wakes_our_own_waiters() {
    let mut reactor = Reactor::new().unwrap();
    let (ours, mut peer) = pair(&mut reactor);
    fill(&ours);
    settle(&mut reactor);
    let (reads, writes) = (CountingWaker::new(), CountingWaker::new());
    let mut buf = [0; 4];
    let mut read = pin!(ours.read(&mut buf));
    let mut write = pin!(ours.write(b"x"));
    assert!(poll_once(read.as_mut(), &reads.waker()).is_pending());
    assert!(poll_once(write.as_mut(), &writes.waker()).is_pending());
    ours.shutdown(Shutdown::Read).unwrap();
    poll_until(&mut reactor, || reads.wakes() > 0);
    assert!(matches!(
        poll_once(read, &reads.waker()),
        Poll::Ready(Ok(0))
    ));
    assert!(poll_once(write.as_mut(), &writes.waker()).is_pending());
    ours.shutdown(Shutdown::Write).unwrap();
    poll_until(&mut reactor, || writes.wakes() > 0);
    let Poll::Ready(Err(error)) = poll_once(write, &writes.waker()) else {
        panic!()
    };
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    let mut sink = vec![0; 1 << 20];
    while peer.read(&mut sink).unwrap() > 0 {}
}

#[test]
fn writing_to_a_closed_peer_fails_without_a_signal() {
    // std ignores SIGPIPE at start; here it would kill the process.
    // SAFETY: the default disposition is always valid.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let mut reactor = Reactor::new().unwrap();
    let (ours, peer) = pair(&mut reactor);
    drop(peer);
    poll_until(&mut reactor, || {
        ours.try_write(b"x")
            .is_err_and(|e| e.kind() != ErrorKind::WouldBlock)
    });
    assert_eq!(
        ours.try_write(b"x").unwrap_err().kind(),
        ErrorKind::BrokenPipe
    );
    let slices = [IoSlice::new(b"x")];
    assert_eq!(
        ours.try_write_vectored(&slices).unwrap_err().kind(),
        ErrorKind::BrokenPipe
    );
    assert_eq!(
        drive(&mut reactor, ours.write_all(b"x"))
            .unwrap_err()
            .kind(),
        ErrorKind::BrokenPipe
    );
}

#[test]
fn a_reset_is_an_error_in_both_directions() {
    let mut reactor = Reactor::new().unwrap();
    let (ours, peer) = own_pair(&mut reactor);
    let (reads, writes) = (CountingWaker::new(), CountingWaker::new());
    let mut buf = [0; 4];
    let mut read = pin!(ours.read(&mut buf));
    assert!(poll_once(read.as_mut(), &reads.waker()).is_pending());
    fill(&ours);
    let mut write = pin!(ours.write(b"x"));
    assert!(poll_once(write.as_mut(), &writes.waker()).is_pending());
    peer.set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
    poll_until(&mut reactor, || reads.wakes() > 0 && writes.wakes() > 0);
    let Poll::Ready(Err(error)) = poll_once(read, &reads.waker()) else {
        panic!()
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let Poll::Ready(Err(error)) = poll_once(write, &writes.waker()) else {
        panic!()
    };
    assert_eq!(
        error.kind(),
        ErrorKind::BrokenPipe,
        "the reset was reported already"
    );
    assert!(ours.take_error().unwrap().is_none());
}

#[test]
fn dropping_a_read_at_any_poll_takes_nothing() {
    let polls = drop_at_every_poll(
        || {
            let mut reactor = Reactor::new().unwrap();
            let (ours, peer) = pair(&mut reactor);
            let ours = Rc::new(ours);
            let reader = Rc::clone(&ours);
            let read = async move { reader.read(&mut [0; 8]).await };
            ((std::cell::RefCell::new(reactor), ours, peer), read)
        },
        |(reactor, _, peer), k| {
            if k == 2 {
                (&*peer).write_all(b"abc").unwrap();
                settle(&mut reactor.borrow_mut());
            }
        },
        |(reactor, ours, peer), _| {
            let mut reactor = reactor.into_inner();
            (&peer).write_all(b"d").unwrap();
            drop(peer);
            let mut text = Vec::new();
            let mut buf = [0; 8];
            loop {
                match drive(&mut reactor, ours.read(&mut buf)).unwrap() {
                    0 => break,
                    n => text.extend_from_slice(&buf[..n]),
                }
            }
            assert!(text == b"d" || text == b"abcd", "{text:?}");
        },
    );
    assert_eq!(polls, 3);
}

#[test]
fn dropping_a_write_all_at_any_poll_leaves_what_it_says_it_wrote() {
    let data: Rc<[u8]> = vec![7; 6_000_000].into();
    let polls = drop_at_every_poll(
        || {
            let mut reactor = Reactor::new().unwrap();
            let (ours, peer) = pair(&mut reactor);
            peer.set_nonblocking(true).unwrap();
            let ours = Rc::new(ours);
            let (writer, message) = (Rc::clone(&ours), Rc::clone(&data));
            let write = async move { writer.write_all(&message).await };
            let received = std::cell::Cell::new(0);
            (
                (std::cell::RefCell::new(reactor), ours, peer, received),
                write,
            )
        },
        |(reactor, _, peer, received), k| {
            // The peer takes what there is; then there is room again.
            let mut sink = vec![0; 1 << 20];
            while k > 0
                && let Ok(n) = (&*peer).read(&mut sink)
            {
                received.set(received.get() + n);
                settle(&mut reactor.borrow_mut());
            }
        },
        |(reactor, ours, peer, received), _| {
            let mut reactor = reactor.into_inner();
            peer.set_nonblocking(false).unwrap();
            // Whatever was written comes whole, and then what is written next.
            drive(&mut reactor, async {
                let rest = std::thread::spawn(move || {
                    let mut rest = Vec::new();
                    (&peer).read_to_end(&mut rest).unwrap();
                    rest
                });
                ours.write_all(b"end").await.unwrap();
                ours.shutdown(Shutdown::Write).unwrap();
                let rest = rest.join().unwrap();
                assert!(rest.ends_with(b"end"));
                assert!(rest.len() - 3 + received.get() <= data.len());
            });
        },
    );
    assert!(polls >= 2, "{polls}");
}

#[test]
fn dropping_the_reactor_ends_reads_writes_and_accepts() {
    let mut reactor = Reactor::new().unwrap();
    let (ours, _peer) = pair(&mut reactor);
    let listener = TcpListener::bind(&reactor.handle(), any_port()).unwrap();
    fill(&ours);
    let counting = CountingWaker::new();
    let mut buf = [0; 4];
    let mut read = pin!(ours.read(&mut buf));
    let mut write = pin!(ours.write(b"x"));
    let mut accept = pin!(listener.accept());
    assert!(poll_once(read.as_mut(), &counting.waker()).is_pending());
    assert!(poll_once(write.as_mut(), &counting.waker()).is_pending());
    assert!(poll_once(accept.as_mut(), &counting.waker()).is_pending());
    drop(reactor);
    assert_eq!(counting.wakes(), 3);
    let errors = [
        poll_once(read, &counting.waker()).map_ok(|_| ()),
        poll_once(write, &counting.waker()).map_ok(|_| ()),
        poll_once(accept, &counting.waker()).map_ok(|_| ()),
    ];
    for error in errors {
        let Poll::Ready(Err(error)) = error else {
            panic!("still waiting")
        };
        assert!(error.get_ref().unwrap().is::<ReactorGone>());
    }
}

#[test]
fn addresses_of_both_families_are_told() {
    let mut reactor = Reactor::new().unwrap();
    for local in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(listener) = TcpListener::bind(&reactor.handle(), local.parse().unwrap()) else {
            // No IPv6 here.
            assert_eq!(local, "[::1]:0");
            println!("skipped: {local} (the machine has no such address)");
            continue;
        };
        let addr = listener.local_addr().unwrap();
        assert_eq!(
            addr.ip(),
            local.parse::<std::net::SocketAddr>().unwrap().ip()
        );
        assert_ne!(addr.port(), 0);
        let client = drive(&mut reactor, TcpStream::connect(&listener.handle(), addr)).unwrap();
        let (server, from) = drive(&mut reactor, listener.accept()).unwrap();
        assert_eq!(client.peer_addr().unwrap(), addr);
        assert_eq!(client.local_addr().unwrap(), from);
        assert_eq!(server.peer_addr().unwrap(), from);
        assert_eq!(server.local_addr().unwrap(), addr);
        let text = format!("{client:?} {listener:?}");
        assert!(text.contains(&addr.to_string()), "{text}");
    }
}

#[test]
fn options_read_back_as_they_were_set() {
    let mut reactor = Reactor::new().unwrap();
    let (ours, _peer) = pair(&mut reactor);
    for on in [true, false] {
        ours.set_nodelay(on).unwrap();
        assert_eq!(ours.nodelay().unwrap(), on);
        ours.set_quickack(on).unwrap();
        assert_eq!(ours.quickack().unwrap(), on);
    }
    ours.set_ttl(42).unwrap();
    assert_eq!(ours.ttl().unwrap(), 42);
    assert!(ours.set_ttl(256).is_err() && ours.set_ttl(u32::MAX).is_err());

    assert_eq!(ours.keepalive().unwrap(), None);
    let keepalive = Keepalive {
        idle: Duration::from_millis(29_001),
        interval: Duration::from_secs(5),
        probes: 3,
    };
    ours.set_keepalive(Some(keepalive)).unwrap();
    let rounded = Keepalive {
        idle: Duration::from_secs(30),
        ..keepalive
    };
    assert_eq!(ours.keepalive().unwrap(), Some(rounded));
    let silly = Keepalive {
        probes: u32::MAX,
        ..keepalive
    };
    assert_eq!(
        ours.set_keepalive(Some(silly)).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    let endless = Keepalive {
        idle: Duration::MAX,
        ..keepalive
    };
    assert_eq!(
        ours.set_keepalive(Some(endless)).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    ours.set_keepalive(None).unwrap();
    assert_eq!(ours.keepalive().unwrap(), None);

    assert_eq!(ours.user_timeout().unwrap(), None);
    ours.set_user_timeout(Some(Duration::from_micros(1_500)))
        .unwrap();
    assert_eq!(ours.user_timeout().unwrap(), Some(Duration::from_millis(2)));
    ours.set_user_timeout(Some(Duration::ZERO)).unwrap();
    assert_eq!(
        ours.user_timeout().unwrap(),
        Some(Duration::from_millis(1)),
        "not the default"
    );
    ours.set_user_timeout(None).unwrap();
    assert_eq!(ours.user_timeout().unwrap(), None);

    assert_eq!(ours.linger().unwrap(), None);
    ours.set_linger(Some(Duration::from_millis(1))).unwrap();
    assert_eq!(ours.linger().unwrap(), Some(Duration::from_secs(1)));
    ours.set_linger(Some(Duration::ZERO)).unwrap();
    assert_eq!(ours.linger().unwrap(), Some(Duration::ZERO));
    ours.set_linger(None).unwrap();
    assert_eq!(ours.linger().unwrap(), None);
}

#[test]
fn std_sockets_go_in_and_out() {
    let mut reactor = Reactor::new().unwrap();
    let handle = reactor.handle();
    let listener = std::net::TcpListener::bind(any_port()).unwrap();
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let listener = TcpListener::try_from((&handle, listener)).unwrap();
    let client = TcpStream::try_from((&handle, client)).unwrap();
    let (server, _) = drive(&mut reactor, listener.accept()).unwrap();
    drive(&mut reactor, client.write_all(b"x")).unwrap();
    drive(&mut reactor, server.readable()).unwrap();
    assert!(client.handle().waker().will_wake(&reactor.waker()));

    let number = server.as_fd().as_raw_fd();
    assert_eq!(server.as_raw_fd(), number);
    let mut server = server.into_std().unwrap();
    assert_eq!(server.as_raw_fd(), number);
    assert_eq!(server.read(&mut [0; 4]).unwrap(), 1);
    let again = server.read(&mut [0; 4]).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::WouldBlock, "non-blocking still");
    drop(OwnedFd::try_from(client).unwrap());
    server.set_nonblocking(false).unwrap();
    assert_eq!(server.read(&mut [0; 4]).unwrap(), 0);
    let listener = std::net::TcpListener::try_from(listener).unwrap();
    assert!(listener.local_addr().is_ok());
    drop(OwnedFd::try_from(TcpListener::from_std(&handle, listener).unwrap()).unwrap());
    // All registrations are gone: nothing is left to report.
    settle(&mut reactor);

    let registered = TcpStream::from(handle.register(OwnedFd::from(server)).unwrap());
    assert!(registered.local_addr().is_ok());
}

#[test]
fn descriptors_are_close_on_exec_and_non_blocking() {
    let mut reactor = Reactor::new().unwrap();
    let (client, server) = own_pair(&mut reactor);
    let listener = TcpListener::bind(&reactor.handle(), any_port()).unwrap();
    for fd in [client.as_raw_fd(), server.as_raw_fd(), listener.as_raw_fd()] {
        // SAFETY: no pointers are involved; the descriptors are open.
        unsafe {
            assert_ne!(libc::fcntl(fd, libc::F_GETFD) & libc::FD_CLOEXEC, 0);
            assert_ne!(libc::fcntl(fd, libc::F_GETFL) & libc::O_NONBLOCK, 0);
        }
    }
}

#[test]
#[should_panic(expected = "polled after it was ready")]
fn a_finished_future_must_not_be_polled() {
    let mut reactor = Reactor::new().unwrap();
    let (ours, _peer) = pair(&mut reactor);
    let mut write = pin!(ours.write(b"x"));
    assert!(poll_noop(write.as_mut()).is_ready());
    assert!(format!("{write:?}").contains("is_done: true"));
    let _ = poll_noop(write);
}
