//! What whoever owns a source can rely on.
#![cfg(not(hyperia_loom))]

mod common;

use std::fs::File;
use std::future::{Future, poll_fn};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use common::{drive, fill, pair, poll_noop, poll_until, settle, try_read};
use futures_core::FusedFuture;
use hyperia_reactor::{Direction, Reactor};
use hyperia_test::{CountingWaker, drop_at_every_poll, poll_once};

#[test]
fn nothing_is_tried_before_readiness_is_known() {
    let mut reactor = Reactor::new().unwrap();
    let (source, _peer) = pair(&reactor);
    let mut calls = 0;
    let mut attempt = || {
        source.try_io(Direction::Write, |_| -> std::io::Result<()> {
            calls += 1;
            Ok(())
        })
    };
    assert_eq!(attempt().unwrap_err().kind(), ErrorKind::WouldBlock);
    reactor.poll(None).unwrap();
    attempt().unwrap();
    assert_eq!(calls, 1);
}

#[test]
fn an_attempt_that_blocks_ends_readiness_until_the_next_event() {
    let mut reactor = Reactor::new().unwrap();
    let (source, mut peer) = pair(&reactor);
    peer.write_all(b"ab").unwrap();
    reactor.poll(None).unwrap();
    assert_eq!(try_read(&source, &mut [0; 1]).unwrap(), 1);
    assert_eq!(try_read(&source, &mut [0; 1]).unwrap(), 1);
    assert!(
        source.ready(Direction::Read).is_some(),
        "only a block shows that it is used up"
    );
    assert_eq!(
        try_read(&source, &mut [0; 1]).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    assert!(source.ready(Direction::Read).is_none());
    peer.write_all(b"c").unwrap();
    reactor.poll(None).unwrap();
    assert!(source.ready(Direction::Read).is_some());
}

#[test]
fn other_errors_keep_readiness() {
    let mut reactor = Reactor::new().unwrap();
    let (source, _peer) = pair(&reactor);
    reactor.poll(None).unwrap();
    let failed = source.try_io(Direction::Write, |_| {
        Err::<(), _>(ErrorKind::Interrupted.into())
    });
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Interrupted);
    assert!(source.ready(Direction::Write).is_some());
}

#[test]
fn a_stale_clear_does_not_erase_a_newer_event() {
    let mut reactor = Reactor::new().unwrap();
    let (source, mut peer) = pair(&reactor);
    peer.write_all(b"a").unwrap();
    reactor.poll(None).unwrap();
    let ready = source.ready(Direction::Read).unwrap();
    // Here an attempt would find nothing; then more comes.
    peer.write_all(b"b").unwrap();
    reactor.poll(None).unwrap();
    source.clear(ready);
    assert!(source.ready(Direction::Read).is_some());
    source.drained(ready);
    assert!(source.ready(Direction::Read).is_some());
    // And a fresh one does.
    source.clear(source.ready(Direction::Read).unwrap());
    assert!(source.ready(Direction::Read).is_none());
}

#[test]
fn clearing_one_direction_leaves_the_other() {
    let mut reactor = Reactor::new().unwrap();
    let (source, mut peer) = pair(&reactor);
    peer.write_all(b"a").unwrap();
    reactor.poll(None).unwrap();
    let ready = source.ready(Direction::Read).unwrap();
    assert_eq!(ready.direction(), Direction::Read);
    source.clear(ready);
    assert!(source.ready(Direction::Read).is_none());
    assert!(source.ready(Direction::Write).is_some());
}

#[test]
fn a_short_read_counts_as_drained_unless_the_peer_has_finished() {
    let mut reactor = Reactor::new().unwrap();
    let (source, mut peer) = pair(&reactor);
    peer.write_all(b"a").unwrap();
    reactor.poll(None).unwrap();
    source.drained(source.ready(Direction::Read).unwrap());
    assert!(source.ready(Direction::Read).is_none());

    // Data and the end in one event: there will be no other.
    peer.write_all(b"b").unwrap();
    drop(peer);
    reactor.poll(None).unwrap();
    source.drained(source.ready(Direction::Read).unwrap());
    let mut buf = [0; 8];
    assert_eq!(try_read(&source, &mut buf).unwrap(), 2);
    source.drained(source.ready(Direction::Read).unwrap());
    assert_eq!(try_read(&source, &mut buf).unwrap(), 0);
}

#[test]
fn poll_io_waits_and_then_tries() {
    let mut reactor = Reactor::new().unwrap();
    let (source, mut peer) = pair(&reactor);
    settle(&mut reactor);
    let counting = CountingWaker::new();
    let mut buf = [0; 8];
    let mut read = |waker: &Waker| {
        source.poll_io(
            &mut Context::from_waker(waker),
            Direction::Read,
            |mut stream| stream.read(&mut buf),
        )
    };
    assert!(read(&counting.waker()).is_pending());
    assert_eq!(counting.wakes(), 0);
    peer.write_all(b"abc").unwrap();
    reactor.poll(None).unwrap();
    assert_eq!(counting.wakes(), 1);
    assert!(matches!(read(&counting.waker()), Poll::Ready(Ok(3))));
    // Finds out that there is no more, and waits again.
    assert!(read(&counting.waker()).is_pending());
    peer.write_all(b"d").unwrap();
    reactor.poll(None).unwrap();
    assert_eq!(counting.wakes(), 2);
}

#[test]
fn the_last_task_that_polls_is_woken() {
    let mut reactor = Reactor::new().unwrap();
    let (source, mut peer) = pair(&reactor);
    settle(&mut reactor);
    let (first, last) = (CountingWaker::new(), CountingWaker::new());
    for counting in [&first, &last] {
        let waker = counting.waker();
        assert!(
            source
                .poll_ready(&mut Context::from_waker(&waker), Direction::Read)
                .is_pending()
        );
    }
    assert_eq!(first.live(), 0, "replaced and dropped");
    peer.write_all(b"x").unwrap();
    reactor.poll(None).unwrap();
    assert_eq!((first.wakes(), last.wakes()), (0, 1));
}

#[test]
fn an_event_wakes_every_future_and_the_poller_of_its_direction_only() {
    let mut reactor = Reactor::new().unwrap();
    let (source, mut peer) = pair(&reactor);
    settle(&mut reactor);
    fill(&source);
    let counting = CountingWaker::new();
    let writers = CountingWaker::new();
    let waker = counting.waker();
    let mut readers: Vec<_> = (0..5).map(|_| Box::pin(source.readable())).collect();
    for reader in &mut readers {
        assert!(poll_once(reader.as_mut(), &waker).is_pending());
    }
    assert!(
        source
            .poll_ready(&mut Context::from_waker(&waker), Direction::Read)
            .is_pending()
    );
    let mut writer = pin!(source.writable());
    assert!(poll_once(writer.as_mut(), &writers.waker()).is_pending());

    peer.write_all(b"x").unwrap();
    reactor.poll(None).unwrap();
    assert_eq!((counting.wakes(), writers.wakes()), (6, 0));
    for mut reader in readers {
        assert!(poll_once(reader.as_mut(), &waker).is_ready());
        assert!(reader.is_terminated());
    }

    // Room for the writer.
    let mut sink = vec![0; 1 << 20];
    while peer.read(&mut sink).is_ok_and(|n| n > 0) {}
    poll_until(&mut reactor, || writers.wakes() == 1);
    assert!(poll_noop(writer).is_ready());
}

#[test]
fn a_future_that_lost_the_race_waits_again() {
    let mut reactor = Reactor::new().unwrap();
    let (source, mut peer) = pair(&reactor);
    settle(&mut reactor);
    let (fast, slow) = (CountingWaker::new(), CountingWaker::new());
    let mut winner = pin!(source.readable());
    let mut loser = pin!(source.readable());
    assert!(poll_once(winner.as_mut(), &fast.waker()).is_pending());
    assert!(poll_once(loser.as_mut(), &slow.waker()).is_pending());
    peer.write_all(b"x").unwrap();
    reactor.poll(None).unwrap();
    assert!(poll_once(winner, &fast.waker()).is_ready());
    assert_eq!(try_read(&source, &mut [0; 8]).unwrap(), 1);
    assert!(try_read(&source, &mut [0; 8]).is_err(), "taken");

    assert!(poll_once(loser.as_mut(), &slow.waker()).is_pending());
    assert_eq!(slow.wakes(), 1);
    peer.write_all(b"y").unwrap();
    reactor.poll(None).unwrap();
    assert_eq!(slow.wakes(), 2);
    assert!(poll_once(loser, &slow.waker()).is_ready());
}

#[test]
#[should_panic(expected = "polled after it was ready")]
fn a_finished_future_must_not_be_polled() {
    let mut reactor = Reactor::new().unwrap();
    let (source, _peer) = pair(&reactor);
    reactor.poll(None).unwrap();
    let mut future = pin!(source.writable());
    assert!(poll_noop(future.as_mut()).is_ready());
    let _ = poll_noop(future);
}

#[test]
fn dropping_a_wait_at_any_poll_takes_nothing() {
    let polls = drop_at_every_poll(
        || {
            let mut reactor = Reactor::new().unwrap();
            let (source, peer) = pair(&reactor);
            settle(&mut reactor);
            let source = std::rc::Rc::new(source);
            let waited = std::rc::Rc::clone(&source);
            let wait = async move { waited.readable().await };
            ((std::cell::RefCell::new(reactor), source, peer), wait)
        },
        |(reactor, _, peer), k| {
            if k == 2 {
                (&*peer).write_all(b"x").unwrap();
                reactor.borrow_mut().poll(None).unwrap();
            }
        },
        |(reactor, source, peer), _| {
            // Another one still hears of what comes, or of what came.
            (&peer).write_all(b"y").unwrap();
            let mut reactor = reactor.into_inner();
            drive(&mut reactor, source.readable()).unwrap();
            assert!(try_read(&source, &mut [0; 8]).unwrap() >= 1);
        },
    );
    assert_eq!(polls, 3);
}

#[test]
fn assuming_readiness_allows_one_attempt_and_no_more() {
    let reactor = Reactor::new().unwrap();
    let (source, _peer) = pair(&reactor);
    source.assume_ready(Direction::Read);
    let mut calls = 0;
    for _ in 0..3 {
        let mut read = |mut stream: &UnixStream| {
            calls += 1;
            stream.read(&mut [0; 1])
        };
        assert_eq!(
            source
                .try_io(Direction::Read, &mut read)
                .unwrap_err()
                .kind(),
            ErrorKind::WouldBlock
        );
    }
    assert_eq!(calls, 1);
}

#[test]
fn assuming_readiness_does_not_hide_the_event_that_follows() {
    let mut reactor = Reactor::new().unwrap();
    let (source, mut peer) = pair(&reactor);
    source.assume_ready(Direction::Read);
    let ready = source.ready(Direction::Read).unwrap();
    peer.write_all(b"x").unwrap();
    reactor.poll(None).unwrap();
    source.clear(ready);
    assert!(source.ready(Direction::Read).is_some());
}

#[test]
fn registering_a_descriptor_twice_fails() {
    let reactor = Reactor::new().unwrap();
    let (ours, _peer) = UnixStream::pair().unwrap();
    let handle = reactor.handle();
    let source = handle.register(&ours).unwrap();
    assert_eq!(
        handle.register(&ours).unwrap_err().kind(),
        ErrorKind::AlreadyExists
    );
    // With another reactor it is fine, and so it is here after the first one has gone.
    let other = Reactor::new().unwrap();
    other.handle().register(&ours).unwrap();
    drop(source);
    handle.register(&ours).unwrap();
}

#[test]
fn registering_a_regular_file_fails_and_costs_no_slot() {
    let reactor = Reactor::new().unwrap();
    for _ in 0..1_000 {
        let file = File::open("/proc/self/exe").unwrap();
        let error = reactor.handle().register(file).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    }
}

#[test]
fn into_inner_gives_the_descriptor_back_unregistered() {
    let mut reactor = Reactor::new().unwrap();
    let (source, mut peer) = pair(&reactor);
    let number = source.get_ref().as_raw_fd();
    let mut ours = source.into_inner().unwrap();
    assert_eq!(ours.as_raw_fd(), number);
    peer.write_all(b"x").unwrap();
    assert_eq!(reactor.poll(Some(std::time::Duration::ZERO)).unwrap(), 0);
    assert_eq!(ours.read(&mut [0; 8]).unwrap(), 1);
    drop(reactor.handle().register(ours).unwrap());
}

#[test]
fn into_inner_closes_what_it_cannot_give_back() {
    use std::cell::Cell;
    use std::os::fd::{BorrowedFd, OwnedFd};

    /// Names another descriptor when asked again.
    struct Fickle(OwnedFd, OwnedFd, Cell<bool>);
    impl AsFd for Fickle {
        fn as_fd(&self) -> BorrowedFd<'_> {
            if self.2.replace(true) {
                self.1.as_fd()
            } else {
                self.0.as_fd()
            }
        }
    }
    let reactor = Reactor::new().unwrap();
    let (a, b) = UnixStream::pair().unwrap();
    let source = reactor
        .handle()
        .register(Fickle(a.into(), b.into(), Cell::new(false)))
        .unwrap();
    assert_eq!(
        source.into_inner().err().unwrap().kind(),
        ErrorKind::NotFound
    );
}

#[test]
fn a_source_can_be_shared_by_threads() {
    let driver = common::Driver::start();
    let (ours, peer) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let source = driver.handle.register(ours).unwrap();
    const MESSAGES: usize = 500;
    let read = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                hyperia_wait::block_on(async {
                    loop {
                        source.readable().await.unwrap();
                        match try_read(&source, &mut [0; 1]) {
                            Ok(0) => return,
                            Ok(_) => {
                                read.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                            }
                            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                        }
                    }
                });
            });
        }
        let mut peer = peer;
        for _ in 0..MESSAGES {
            peer.write_all(b"x").unwrap();
        }
    });
    assert_eq!(read.into_inner(), MESSAGES);
}

#[test]
fn a_handle_comes_back_out_of_a_source() {
    let reactor = Reactor::new().unwrap();
    let (source, _peer) = pair(&reactor);
    assert!(source.handle().waker().will_wake(&reactor.waker()));
}

#[test]
fn debug_output_names_what_is_ready() {
    let mut reactor = Reactor::new().unwrap();
    let (source, _peer) = pair(&reactor);
    reactor.poll(None).unwrap();
    let text = format!("{source:?}");
    assert!(
        text.contains("read: false") && text.contains("write: true"),
        "{text}"
    );
    let ready = source.ready(Direction::Write).unwrap();
    assert!(format!("{ready:?}").contains("Write"));
    assert!(!format!("{:?} {:?}", reactor, source.writable()).is_empty());
    let mut both = pin!(poll_fn(|cx| source.poll_ready(cx, Direction::Write)));
    assert!(
        both.as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    );
}

#[test]
fn a_forgotten_wait_is_woken_in_vain_and_harms_nobody() {
    let mut reactor = Reactor::new().unwrap();
    let (source, _peer) = pair(&reactor);
    settle(&mut reactor);
    let forgotten = CountingWaker::new();
    let mut wait = Box::pin(source.readable());
    assert!(poll_once(wait.as_mut(), &forgotten.waker()).is_pending());
    // SAFETY: it is not moved again, and its memory is not reused before it is out of the queue.
    let wait = Box::into_raw(unsafe { std::pin::Pin::into_inner_unchecked(wait) });
    let memory = wait.cast::<u8>();
    let layout = std::alloc::Layout::for_value(&source.readable());
    drop(source);

    // The slot's next owner.
    let (source, mut peer) = pair(&reactor);
    settle(&mut reactor);
    let counting = CountingWaker::new();
    let mut waiting = pin!(source.readable());
    assert!(poll_once(waiting.as_mut(), &counting.waker()).is_pending());
    peer.write_all(b"x").unwrap();
    reactor.poll(None).unwrap();
    assert_eq!((forgotten.wakes(), counting.wakes()), (1, 1));
    assert!(poll_once(waiting, &counting.waker()).is_ready());
    assert_eq!(forgotten.live(), 0);
    // SAFETY: the box's memory, whose contents own nothing any more: the waker was moved out to be woken.
    unsafe { std::alloc::dealloc(memory, layout) };
}
