//! What went wrong in other reactors, as scenarios. Each names the reports it was made from.
#![cfg(not(hyperia_loom))]

mod common;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use common::{Driver, drive, fill, pair, poll_until, settle, try_read};
use hyperia_reactor::{Direction, Reactor, Source};
use hyperia_test::turns::HANG;
use hyperia_test::{CountingWaker, poll_once};

const NOW: Option<Duration> = Some(Duration::ZERO);

/// async-io#78: a wait registered between an event and its delivery, or just after, was never woken.
#[test]
fn no_wake_is_lost_while_two_threads_pass_single_bytes() {
    const ROUNDS: usize = 3_000;
    let driver = Driver::start();
    let (left, right) = UnixStream::pair().unwrap();
    let ends = [left, right].map(|end| {
        end.set_nonblocking(true).unwrap();
        driver.handle.register(end).unwrap()
    });
    let [left, right] = &ends;

    /// Passes a byte back and forth, waiting in all the ways there are.
    fn play(end: &Source<UnixStream>, begins: bool) {
        hyperia_wait::block_on(async {
            for round in 0..ROUNDS {
                if begins || round > 0 {
                    loop {
                        match end.try_io(Direction::Write, |mut stream| stream.write(b"x")) {
                            Ok(_) => break,
                            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                        }
                        end.writable().await.unwrap();
                    }
                }
                let mut byte = [0; 1];
                let read = if round % 2 == 0 {
                    std::future::poll_fn(|cx| {
                        end.poll_io(cx, Direction::Read, |mut stream| stream.read(&mut byte))
                    })
                    .await
                } else {
                    loop {
                        end.readable().await.unwrap();
                        match try_read(end, &mut byte) {
                            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                            done => break done,
                        }
                    }
                };
                assert_eq!(read.unwrap(), 1);
            }
        });
    }
    std::thread::scope(|scope| {
        scope.spawn(|| play(left, true));
        scope.spawn(|| {
            play(right, false);
            // The byte that the other side still waits for.
            assert_eq!(right.get_ref().write(b"x").unwrap(), 1);
        });
    });
}

/// mio#172, creytiv/re#266, RUSTSEC-2024-0019: in one batch, the handler of one event closes the descriptor
/// of another event and opens a new one that gets its number.
#[test]
fn an_event_of_a_closed_descriptor_does_not_reach_the_one_that_got_its_number() {
    struct Swap {
        /// The two registered ends, either of which may be told first.
        old: Mutex<Vec<Source<UnixStream>>>,
        new: Mutex<Option<(Source<UnixStream>, UnixStream)>>,
        handle: hyperia_reactor::Handle,
    }
    impl Wake for Swap {
        fn wake(self: std::sync::Arc<Self>) {
            let old = std::mem::take(&mut *self.old.lock().unwrap());
            if old.is_empty() {
                return;
            }
            let (ours, peer) = UnixStream::pair().unwrap();
            ours.set_nonblocking(true).unwrap();
            // Gives the new descriptor the number of the one whose event comes second. (Just closing and
            // opening would do the same, if other tests did not open descriptors meanwhile.)
            let ours = old.into_iter().fold(OwnedFd::from(ours), |ours, end| {
                let number = OwnedFd::from(end.into_inner().unwrap());
                // SAFETY: both are open; what the second one was is closed by this, and its owner owns what
                // it is now.
                let dup =
                    unsafe { libc::dup3(ours.as_raw_fd(), number.as_raw_fd(), libc::O_CLOEXEC) };
                assert_eq!(dup, number.as_raw_fd());
                number
            });
            let new = self.handle.register(UnixStream::from(ours)).unwrap();
            *self.new.lock().unwrap() = Some((new, peer));
        }
    }

    let mut reactor = Reactor::new().unwrap();
    let (first, mut first_peer) = pair(&reactor);
    let (second, mut second_peer) = pair(&reactor);
    settle(&mut reactor);
    let swap = std::sync::Arc::new(Swap {
        old: Mutex::new(Vec::new()),
        new: Mutex::new(None),
        handle: reactor.handle(),
    });
    let waker = Waker::from(std::sync::Arc::clone(&swap));
    let mut cx = Context::from_waker(&waker);
    assert!(first.poll_ready(&mut cx, Direction::Read).is_pending());
    assert!(second.poll_ready(&mut cx, Direction::Read).is_pending());
    swap.old.lock().unwrap().extend([first, second]);
    first_peer.write_all(b"x").unwrap();
    second_peer.write_all(b"x").unwrap();

    assert_eq!(
        reactor.poll(None).unwrap(),
        1,
        "the second event was for nobody"
    );
    let (new, _peer) = swap.new.lock().unwrap().take().unwrap();
    assert!(
        new.ready(Direction::Read).is_none(),
        "not its own readiness"
    );
    settle(&mut reactor);
    assert!(new.ready(Direction::Read).is_none());
    assert!(new.ready(Direction::Write).is_some(), "its own event came");
}

/// libuv#1100, h2o#1100: a duplicate keeps the kernel's registration alive after the descriptor is closed, and
/// events come for ever.
#[test]
fn a_duplicate_does_not_keep_a_registration_alive() {
    let mut reactor = Reactor::new().unwrap();
    let (source, mut peer) = pair(&reactor);
    settle(&mut reactor);
    let mut duplicate = UnixStream::from(source.as_fd().try_clone_to_owned().unwrap());
    drop(source);
    for _ in 0..3 {
        peer.write_all(b"x").unwrap();
        assert_eq!(reactor.poll(NOW).unwrap(), 0);
    }
    // And the duplicate can be registered.
    assert_eq!(duplicate.read(&mut [0; 8]).unwrap(), 3);
    let source = reactor.handle().register(duplicate).unwrap();
    peer.write_all(b"y").unwrap();
    poll_until(&mut reactor, || try_read(&source, &mut [0; 8]).is_ok());
}

/// The same where the source was wrongly declared unshared: its events are noise, and reach nobody.
#[test]
fn a_duplicate_of_an_unshared_descriptor_makes_noise_only() {
    let mut reactor = Reactor::new().unwrap();
    let (source, mut peer) = pair(&reactor);
    let source = source.assume_unshared();
    settle(&mut reactor);
    let _duplicate = source.get_ref().try_clone().unwrap();
    drop(source);
    // The slot goes to somebody else.
    let (other, _other_peer) = pair(&reactor);
    settle(&mut reactor);
    peer.write_all(b"x").unwrap();
    assert_eq!(reactor.poll(Some(HANG)).unwrap(), 0);
    assert!(other.ready(Direction::Read).is_none());
}

/// An unshared descriptor is forgotten by closing it.
#[test]
fn closing_an_unshared_descriptor_removes_it() {
    let mut reactor = Reactor::new().unwrap();
    for _ in 0..200 {
        let (source, mut peer) = pair(&reactor);
        let source = source.assume_unshared();
        drop(source);
        assert!(peer.write_all(b"x").is_err());
    }
    settle(&mut reactor);
    assert_eq!(reactor.poll(NOW).unwrap(), 0);
}

/// mio#933, mio#939, tokio#449: the end of the peer's sending was taken for writability; a writer with a full
/// buffer spun.
#[test]
fn a_half_closed_peer_does_not_make_a_full_socket_writable() {
    let mut reactor = Reactor::new().unwrap();
    let (source, mut peer) = pair(&reactor);
    settle(&mut reactor);
    fill(&source);
    let counting = CountingWaker::new();
    let mut writer = pin!(source.writable());
    assert!(poll_once(writer.as_mut(), &counting.waker()).is_pending());

    peer.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(reactor.poll(None).unwrap(), 1);
    assert_eq!(
        try_read(&source, &mut [0; 8]).unwrap(),
        0,
        "the end is readable"
    );
    assert_eq!(counting.wakes(), 0);
    assert!(poll_once(writer.as_mut(), &counting.waker()).is_pending());
    settle(&mut reactor);
    assert_eq!(counting.wakes(), 0, "no spinning");

    let mut sink = vec![0; 1 << 20];
    while peer.read(&mut sink).is_ok_and(|n| n > 0) {}
    poll_until(&mut reactor, || counting.wakes() > 0);
    assert!(poll_once(writer, &counting.waker()).is_ready());
}

/// The peer is gone altogether: both directions hear of it, even asleep.
#[test]
fn a_hang_up_wakes_both_directions() {
    let mut reactor = Reactor::new().unwrap();
    let (source, peer) = pair(&reactor);
    settle(&mut reactor);
    fill(&source);
    let (readers, writers) = (CountingWaker::new(), CountingWaker::new());
    let mut reader = pin!(source.readable());
    let mut writer = pin!(source.writable());
    assert!(poll_once(reader.as_mut(), &readers.waker()).is_pending());
    assert!(poll_once(writer.as_mut(), &writers.waker()).is_pending());
    drop(peer);
    poll_until(&mut reactor, || readers.wakes() > 0 && writers.wakes() > 0);
    assert!(poll_once(reader, &readers.waker()).is_ready());
    assert!(poll_once(writer, &writers.waker()).is_ready());
}

/// EPOLLERR alone, which nobody asks for: a pipe whose reader has left.
#[test]
fn an_error_wakes_the_writer() {
    let mut reactor = Reactor::new().unwrap();
    let (reader, writer) = io::pipe().unwrap();
    set_nonblocking(&writer);
    let source = reactor.handle().register(writer).unwrap();
    settle(&mut reactor);
    while source
        .try_io(Direction::Write, |mut pipe| pipe.write(&[0; 65536]))
        .is_ok()
    {}
    let counting = CountingWaker::new();
    let mut waiting = pin!(source.writable());
    assert!(poll_once(waiting.as_mut(), &counting.waker()).is_pending());
    drop(reader);
    poll_until(&mut reactor, || counting.wakes() > 0);
    assert!(poll_once(waiting, &counting.waker()).is_ready());
    let error = source
        .try_io(Direction::Write, |mut pipe| pipe.write(b"x"))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

fn set_nonblocking(fd: &impl AsFd) {
    let fd = fd.as_fd().as_raw_fd();
    // SAFETY: no pointers; the descriptor is open.
    unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFL);
        assert_eq!(libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK), 0);
    }
}

/// tokio#4549: a socket registered before it listens is reported as hung up, which was kept for good; waiting
/// for a connection then spun.
#[test]
fn a_socket_registered_before_it_listens_does_not_spin() {
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
    let socket = unsafe { <OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(fd) };
    let source = reactor
        .handle()
        .register(TcpListener::from(socket))
        .unwrap();
    reactor.poll(None).unwrap();
    assert!(
        source.ready(Direction::Read).is_some(),
        "hung up: it is not connected"
    );

    // SAFETY: no pointers; without an address the kernel chooses a port.
    assert_eq!(unsafe { libc::listen(fd, 16) }, 0);
    let counting = CountingWaker::new();
    let waker = counting.waker();
    let mut attempts = 0;
    let mut accept = |cx: &mut Context<'_>| {
        source.poll_io(cx, Direction::Read, |listener| {
            attempts += 1;
            assert!(attempts < 10, "spins");
            listener.accept()
        })
    };
    let mut cx = Context::from_waker(&waker);
    assert!(accept(&mut cx).is_pending());
    settle(&mut reactor);
    assert!(accept(&mut cx).is_pending());

    let addr = source.get_ref().local_addr().unwrap();
    let _client = TcpStream::connect(("127.0.0.1", addr.port())).unwrap();
    reactor.poll(None).unwrap();
    assert!(accept(&mut cx).is_ready());
}

/// mio#1942 and others: an unconnected socket is writable and hung up; nobody may loop on that.
#[test]
fn a_socket_registered_before_it_connects_sleeps_until_it_is() {
    let mut reactor = Reactor::new().unwrap();
    // SAFETY: no pointers are involved.
    let fd = unsafe {
        libc::socket(
            libc::AF_INET,
            libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC,
            0,
        )
    };
    // SAFETY: just made, so nobody else owns it.
    let socket = unsafe { <OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(fd) };
    let source = reactor.handle().register(TcpStream::from(socket)).unwrap();
    assert_eq!(reactor.poll(None).unwrap(), 1);
    for _ in 0..3 {
        assert_eq!(reactor.poll(NOW).unwrap(), 0, "an edge, not a level");
    }
    assert!(source.ready(Direction::Write).is_some());
    let mut stream = source.get_ref();
    assert_eq!(
        stream.write(b"x").unwrap_err().kind(),
        ErrorKind::BrokenPipe
    );
}

/// tokio#5866, miri#5106: data and the end in one event, a buffer larger than the data; the end was lost.
#[test]
fn the_end_that_came_with_the_data_is_seen_after_a_short_read() {
    let mut reactor = Reactor::new().unwrap();
    let (source, mut peer) = pair(&reactor);
    peer.write_all(b"last words").unwrap();
    drop(peer);
    let read = async |buf: &mut [u8]| loop {
        let ready = source.readable().await?;
        match source.get_ref().read(buf) {
            Ok(n) => {
                if 0 < n && n < buf.len() {
                    source.drained(ready);
                }
                return io::Result::Ok(n);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => source.clear(ready),
            Err(error) => return Err(error),
        }
    };
    let mut buf = [0; 64];
    assert_eq!(drive(&mut reactor, read(&mut buf)).unwrap(), 10);
    assert_eq!(drive(&mut reactor, read(&mut buf)).unwrap(), 0);
}

/// boostorg/asio#320: a wake-up that re-armed a permanently readable eventfd was missed. Ours is written
/// each time, and never read, until it is full.
#[test]
fn a_bell_that_is_never_read_goes_on_ringing() {
    let mut reactor = Reactor::new().unwrap();
    let waker = reactor.waker();
    for _ in 0..1_000 {
        let ringer = {
            let waker = waker.clone();
            std::thread::spawn(move || waker.wake())
        };
        reactor.poll(Some(HANG)).unwrap();
        ringer.join().unwrap();
        // The ring may come after the wait that the call prevented.
        settle(&mut reactor);
    }
}
