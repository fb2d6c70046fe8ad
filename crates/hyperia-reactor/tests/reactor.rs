//! What whoever polls a reactor can rely on.
#![cfg(not(hyperia_loom))]

mod common;

use std::future::poll_fn;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll};
use std::time::Duration;

use common::{pair, poll_until, settle, try_read};
use hyperia_reactor::{Direction, Reactor, ReactorGone};
use hyperia_test::turns::HANG;
use hyperia_test::{CountingWaker, PanicOn, PanicWaker, poll_once};
use std::io::{ErrorKind, Write};

const NOW: Option<Duration> = Some(Duration::ZERO);

#[test]
fn a_poll_without_time_returns_at_once() {
    let mut reactor = Reactor::new().unwrap();
    assert_eq!(reactor.poll(NOW).unwrap(), 0);
    // Shorter than a millisecond: not rounded down to a busy loop, nor up to for ever.
    assert_eq!(reactor.poll(Some(Duration::from_nanos(1))).unwrap(), 0);
}

#[test]
fn the_longest_timeouts_are_accepted() {
    for timeout in [
        Duration::MAX,
        Duration::from_secs(u64::MAX / 2),
        Duration::from_secs(1 << 40),
    ] {
        let mut reactor = Reactor::new().unwrap();
        reactor.waker().wake();
        assert_eq!(reactor.poll(Some(timeout)).unwrap(), 0);
    }
}

#[test]
fn poll_counts_the_descriptors_that_had_an_event() {
    let mut reactor = Reactor::new().unwrap();
    let (_a, mut peer_a) = pair(&reactor);
    let (_b, _peer_b) = pair(&reactor);
    assert_eq!(reactor.poll(None).unwrap(), 2, "both are writable");
    peer_a.write_all(b"x").unwrap();
    reactor.waker().wake();
    assert_eq!(
        reactor.poll(None).unwrap(),
        1,
        "a wake-up is not a descriptor"
    );
}

#[test]
fn a_wake_before_the_poll_ends_it() {
    let mut reactor = Reactor::new().unwrap();
    reactor.waker().wake();
    reactor.handle().waker().wake();
    reactor.poll(None).unwrap();
    assert_eq!(reactor.poll(NOW).unwrap(), 0);
}

#[test]
fn a_wake_from_another_thread_ends_the_poll() {
    let mut reactor = Reactor::new().unwrap();
    let waker = reactor.waker();
    let work = Arc::new(AtomicUsize::new(0));
    let queue = Arc::clone(&work);
    let caller = std::thread::spawn(move || {
        queue.fetch_add(1, AcqRel);
        waker.wake();
    });
    poll_until(&mut reactor, || work.load(Acquire) == 1);
    caller.join().unwrap();
}

#[test]
fn no_wake_is_lost_between_looking_for_work_and_going_to_sleep() {
    const CALLERS: usize = 3;
    const CALLS: usize = 2_000;
    let mut reactor = Reactor::new().unwrap();
    let work = Arc::new(AtomicUsize::new(0));
    let start = Arc::new(Barrier::new(CALLERS + 1));
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (work, start, waker) = (Arc::clone(&work), Arc::clone(&start), reactor.waker());
            std::thread::spawn(move || {
                start.wait();
                for call in 0..CALLS {
                    work.fetch_add(1, AcqRel);
                    waker.wake_by_ref();
                    if call % 16 == 0 {
                        // Lets the reactor fall asleep now and then.
                        std::thread::yield_now();
                    }
                }
            })
        })
        .collect();
    start.wait();
    let mut seen = 0;
    let mut polls = 0;
    while seen < CALLERS * CALLS {
        // A lost wake shows as a poll that found nothing after all this time.
        let before = std::time::Instant::now();
        reactor.poll(Some(HANG)).unwrap();
        assert!(before.elapsed() < HANG, "slept although there was work");
        seen = work.load(Acquire);
        polls += 1;
    }
    assert!(polls <= CALLERS * CALLS + 2, "more wake-ups than wakes");
    for caller in callers {
        caller.join().unwrap();
    }
}

#[test]
fn a_waker_outlives_its_reactor() {
    let reactor = Reactor::new().unwrap();
    let waker = reactor.waker();
    drop(reactor);
    waker.wake_by_ref();
    waker.wake();
}

#[test]
fn wakers_of_one_reactor_will_wake_each_other() {
    let reactor = Reactor::new().unwrap();
    assert!(reactor.waker().will_wake(&reactor.handle().waker()));
    assert!(!reactor.waker().will_wake(&Reactor::new().unwrap().waker()));
}

#[test]
fn a_signal_ends_the_wait_without_an_error() {
    extern "C" fn nothing(_signal: libc::c_int) {}
    // SAFETY: the handler does nothing, so it may run anywhere. Without SA_RESTART (`signal` would set
    // it, though epoll_wait ignores it).
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as *const () as usize;
        assert_eq!(
            libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()),
            0
        );
    }
    let mut reactor = Reactor::new().unwrap();
    // SAFETY: no preconditions.
    let thread = unsafe { libc::pthread_self() } as usize;
    let done = Arc::new(AtomicUsize::new(0));
    let stop = Arc::clone(&done);
    let sender = std::thread::spawn(move || {
        while stop.load(Acquire) == 0 {
            // SAFETY: the thread is alive: it joins this one.
            unsafe { libc::pthread_kill(thread as libc::pthread_t, libc::SIGUSR1) };
            std::thread::yield_now();
        }
    });
    assert_eq!(reactor.poll(None).unwrap(), 0);
    done.store(1, std::sync::atomic::Ordering::Release);
    sender.join().unwrap();
}

#[test]
fn a_panicking_waker_costs_nobody_else_his_wake_up() {
    let mut reactor = Reactor::new().unwrap();
    let (bad, mut bad_peer) = pair(&reactor);
    let (good, mut good_peer) = pair(&reactor);
    settle(&mut reactor);

    let panicking = PanicWaker::new(PanicOn::Wake);
    let counting = CountingWaker::new();
    // On the bad source's read side, a panicking waker in the cell and a healthy future in the queue.
    let bad_waker = panicking.waker();
    assert!(
        bad.poll_ready(&mut Context::from_waker(&bad_waker), Direction::Read)
            .is_pending()
    );
    let mut same_event = pin!(bad.readable());
    assert!(poll_once(same_event.as_mut(), &counting.waker()).is_pending());
    let mut other_event = pin!(good.readable());
    assert!(poll_once(other_event.as_mut(), &counting.waker()).is_pending());

    bad_peer.write_all(b"x").unwrap();
    good_peer.write_all(b"x").unwrap();
    let polled = catch_unwind(AssertUnwindSafe(|| reactor.poll(None)));
    assert!(polled.is_err(), "the panic reaches whoever polls");
    assert_eq!(counting.wakes(), 2);
    assert!(poll_once(same_event, &counting.waker()).is_ready());
    assert!(poll_once(other_event, &counting.waker()).is_ready());

    // And the reactor goes on.
    panicking.disarm();
    bad_peer.write_all(b"y").unwrap();
    assert_eq!(reactor.poll(None).unwrap(), 1);
}

#[test]
fn a_panicking_waker_does_not_hide_the_end_of_the_reactor() {
    let mut reactor = Reactor::new().unwrap();
    let (bad, _peer) = pair(&reactor);
    let (good, _other_peer) = pair(&reactor);
    settle(&mut reactor);
    let panicking = PanicWaker::new(PanicOn::Wake);
    let counting = CountingWaker::new();
    let bad_waker = panicking.waker();
    assert!(
        bad.poll_ready(&mut Context::from_waker(&bad_waker), Direction::Read)
            .is_pending()
    );
    let mut waiting = pin!(good.readable());
    assert!(poll_once(waiting.as_mut(), &counting.waker()).is_pending());

    assert!(catch_unwind(AssertUnwindSafe(|| drop(reactor))).is_err());
    assert_eq!(counting.wakes(), 1);
    assert!(matches!(
        poll_once(waiting, &counting.waker()),
        Poll::Ready(Err(_))
    ));
    panicking.disarm();
}

#[test]
fn a_waker_that_panics_when_dropped_does_not_leak_the_slot() {
    let mut reactor = Reactor::new().unwrap();
    let (source, _peer) = pair(&reactor);
    settle(&mut reactor);
    let panicking = PanicWaker::new(PanicOn::Drop);
    let waker = panicking.waker();
    assert!(
        source
            .poll_ready(&mut Context::from_waker(&waker), Direction::Read)
            .is_pending()
    );
    assert!(catch_unwind(AssertUnwindSafe(|| drop(source))).is_err());
    panicking.disarm();
    drop(waker);
    assert_eq!(panicking.live(), 0);

    // The descriptor was closed, and registering goes on.
    let (next, mut peer) = pair(&reactor);
    peer.write_all(b"x").unwrap();
    poll_until(&mut reactor, || try_read(&next, &mut [0; 4]).is_ok());
}

#[test]
fn a_waker_that_panics_when_cloned_leaves_the_source_usable() {
    let mut reactor = Reactor::new().unwrap();
    let (source, mut peer) = pair(&reactor);
    settle(&mut reactor);
    let panicking = PanicWaker::new(PanicOn::Clone);
    let waker = panicking.waker();
    let polled = catch_unwind(AssertUnwindSafe(|| {
        source.poll_ready(&mut Context::from_waker(&waker), Direction::Read)
    }));
    assert!(polled.is_err());
    let mut waiting = pin!(source.readable());
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(waiting.as_mut(), &waker))).is_err());

    let counting = CountingWaker::new();
    let mut fresh = pin!(source.readable());
    assert!(poll_once(fresh.as_mut(), &counting.waker()).is_pending());
    peer.write_all(b"x").unwrap();
    poll_until(&mut reactor, || counting.wakes() == 1);
    assert!(poll_once(fresh, &counting.waker()).is_ready());
}

#[test]
fn dropping_the_reactor_ends_every_wait_with_an_error() {
    let mut reactor = Reactor::new().unwrap();
    let (source, _peer) = pair(&reactor);
    settle(&mut reactor);
    let counting = CountingWaker::new();
    let waker = counting.waker();
    let mut cx = Context::from_waker(&waker);
    let mut futures: Vec<_> = (0..3).map(|_| Box::pin(source.readable())).collect();
    for future in &mut futures {
        assert!(poll_once(future.as_mut(), &waker).is_pending());
    }
    assert!(source.poll_ready(&mut cx, Direction::Read).is_pending());

    drop(reactor);
    assert_eq!(counting.wakes(), 4);
    for future in &mut futures {
        let Poll::Ready(Err(error)) = poll_once(future.as_mut(), &waker) else {
            panic!("still waiting");
        };
        assert!(error.get_ref().unwrap().is::<ReactorGone>(), "{error}");
        assert_eq!(error.kind(), ErrorKind::Other);
    }
    let Poll::Ready(Err(error)) = source.poll_ready(&mut cx, Direction::Read) else {
        panic!("still waiting");
    };
    assert!(error.get_ref().unwrap().is::<ReactorGone>());
    // Writing was ready, and still is: nothing has to wait for that.
    assert!(matches!(
        source.poll_ready(&mut cx, Direction::Write),
        Poll::Ready(Ok(_))
    ));
    drop(futures);
    drop(waker);
    assert_eq!(
        counting.live(),
        0,
        "a waker is kept although nobody will ever take it"
    );
    source.into_inner().unwrap();
}

#[test]
fn a_task_that_owns_its_source_is_released_when_the_reactor_is_dropped() {
    // The cycle: the slot holds the waker, the waker the task, the task the source, the source the slot.
    let mut reactor = Reactor::new().unwrap();
    let (source, peer) = pair(&reactor);
    settle(&mut reactor);
    let counting = CountingWaker::new();
    let waker = counting.waker();
    let mut task = Box::pin(poll_fn(move |cx| source.poll_ready(cx, Direction::Read)));
    assert!(poll_once(task.as_mut(), &waker).is_pending());
    drop(waker);
    assert_eq!(counting.live(), 1, "in the slot");
    drop(reactor);
    assert_eq!((counting.live(), counting.wakes()), (0, 1));
    drop(task);
    drop(peer);
}

#[test]
fn a_waker_that_owns_a_source_may_drop_it_inside_poll() {
    use std::sync::Mutex;
    use std::task::{Wake, Waker};

    struct Owner(Mutex<Vec<hyperia_reactor::Source<UnixStream>>>);
    impl Wake for Owner {
        fn wake(self: Arc<Self>) {
            self.0.lock().unwrap().clear();
        }
    }

    let mut reactor = Reactor::new().unwrap();
    let (first, mut first_peer) = pair(&reactor);
    let (second, mut second_peer) = pair(&reactor);
    settle(&mut reactor);
    let owner = Arc::new(Owner(Mutex::new(Vec::new())));
    let waker = Waker::from(Arc::clone(&owner));
    let mut cx = Context::from_waker(&waker);
    assert!(first.poll_ready(&mut cx, Direction::Read).is_pending());
    assert!(second.poll_ready(&mut cx, Direction::Read).is_pending());
    owner.0.lock().unwrap().extend([first, second]);
    // Whichever event comes first closes both descriptors; the other one is then stale.
    first_peer.write_all(b"x").unwrap();
    second_peer.write_all(b"x").unwrap();
    assert_eq!(reactor.poll(None).unwrap(), 1);
    assert!(owner.0.lock().unwrap().is_empty());
    settle(&mut reactor);
}

#[test]
fn registering_after_the_reactor_is_gone_fails() {
    let reactor = Reactor::new().unwrap();
    let handle = reactor.handle();
    drop(reactor);
    let (ours, _peer) = UnixStream::pair().unwrap();
    let error = handle.register(ours).unwrap_err();
    assert!(error.get_ref().unwrap().is::<ReactorGone>());
    assert_eq!(
        error.to_string(),
        "the reactor of this descriptor was dropped"
    );
}

#[test]
fn parts_may_be_dropped_in_any_order() {
    // All orders of reactor, handle, source, waker.
    for order in 0..24 {
        let reactor = Reactor::new().unwrap();
        let handle = reactor.handle();
        let (source, peer) = pair(&reactor);
        let waker = reactor.waker();
        let mut parts: Vec<Box<dyn std::any::Any>> = vec![
            Box::new(reactor),
            Box::new(handle),
            Box::new(source),
            Box::new(waker),
        ];
        let mut rest = order;
        for remaining in (1..=4).rev() {
            drop(parts.swap_remove(rest % remaining));
            rest /= remaining;
        }
        drop(peer);
    }
}

#[test]
fn more_events_than_fit_into_one_poll_are_all_delivered() {
    const SOURCES: usize = 1_500;
    let mut reactor = Reactor::new().unwrap();
    // Two descriptors each: stay below the usual limit of 1,024 by sharing the peers.
    let limit = raise_descriptor_limit();
    let sources = SOURCES.min((limit - 64) / 2);
    let pairs: Vec<_> = (0..sources).map(|_| pair(&reactor)).collect();
    let counting = CountingWaker::new();
    let waker = counting.waker();
    let mut cx = Context::from_waker(&waker);
    settle(&mut reactor);
    for (source, _) in &pairs {
        assert!(source.poll_ready(&mut cx, Direction::Read).is_pending());
    }
    for (_, peer) in &pairs {
        (&*peer).write_all(b"x").unwrap();
    }
    let mut delivered = 0;
    while delivered < sources {
        let count = reactor.poll(NOW).unwrap();
        assert!(count > 0, "{delivered} of {sources}");
        delivered += count;
    }
    assert_eq!(counting.wakes(), sources);
}

fn raise_descriptor_limit() -> usize {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointers lead to a whole `rlimit`.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit), 0);
        limit.rlim_cur = limit.rlim_max.min(8192);
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
    }
    limit.rlim_cur as usize
}

#[test]
fn a_busy_descriptor_does_not_starve_another() {
    let mut reactor = Reactor::new().unwrap();
    let (busy, mut busy_peer) = pair(&reactor);
    let (quiet, mut quiet_peer) = pair(&reactor);
    settle(&mut reactor);
    quiet_peer.write_all(b"x").unwrap();
    let mut heard = false;
    // The busy one has something new at every turn.
    for _ in 0..3 {
        busy_peer.write_all(b"x").unwrap();
        reactor.poll(None).unwrap();
        heard |= try_read(&quiet, &mut [0; 4]).is_ok();
        try_read(&busy, &mut [0; 1]).unwrap();
    }
    assert!(heard);
}

#[test]
fn every_descriptor_is_closed_by_exec() {
    let reactor = Reactor::new().unwrap();
    let mut ours = 0;
    for entry in std::fs::read_dir("/proc/self/fd").unwrap() {
        let path = entry.unwrap().path();
        let Ok(target) = std::fs::read_link(&path) else {
            continue;
        };
        if target.to_string_lossy().starts_with("anon_inode:[event") {
            let fd: i32 = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
            // SAFETY: no pointers; a descriptor that another test has closed meanwhile gives -1.
            let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
            assert!(
                flags == -1 || flags & libc::FD_CLOEXEC != 0,
                "{path:?} {target:?}"
            );
            ours += 1;
        }
    }
    assert!(ours >= 2, "an epoll and an eventfd at least");
    drop(reactor);
}
