//! The word by itself: translation, wrapping, retiring.

use super::*;
use Direction::{Read, Write};

fn report(flags: i32) -> (bool, bool, bool, bool) {
    let word = Report::from_epoll(flags as u32).0;
    let has = |bit: u64| word & bit != 0;
    (has(READY), has(LASTING), has(READY << 4), has(LASTING << 4))
}

#[test]
fn events_mean_what_the_kernel_says() {
    // read: ready, lasting; write: ready, lasting
    let table = [
        (0, (false, false, false, false)),
        (libc::EPOLLIN, (true, false, false, false)),
        (libc::EPOLLOUT, (false, false, true, false)),
        (libc::EPOLLPRI, (true, true, false, false)),
        (libc::EPOLLRDHUP, (true, true, false, false)),
        (libc::EPOLLIN | libc::EPOLLRDHUP, (true, true, false, false)),
        (libc::EPOLLIN | libc::EPOLLOUT, (true, false, true, false)),
        (libc::EPOLLERR, (true, true, true, true)),
        (libc::EPOLLHUP, (true, true, true, true)),
    ];
    for (flags, expected) in table {
        assert_eq!(report(flags), expected, "{flags:#x}");
    }
}

#[test]
fn nothing_but_an_attempt_that_blocks_ends_lasting_readiness() {
    let word = ReadyWord::new();
    word.deliver(0, Report::from_epoll(libc::EPOLLRDHUP as u32))
        .unwrap();
    let ready = word.load().ready(Read).unwrap();
    word.drained(ready);
    assert!(word.load().ready(Read).is_some());
    word.clear(ready);
    assert!(word.load().ready(Read).is_none());
    // And it may come back.
    word.deliver(0, Report::from_epoll(libc::EPOLLRDHUP as u32))
        .unwrap();
    assert!(word.load().ready(Read).unwrap().is_lasting());
}

#[test]
fn the_tick_wraps_without_touching_the_generation() {
    let word = ReadyWord::new();
    word.retire();
    // ORDERING: Relaxed, one thread.
    word.word.fetch_or(TICK_MASK, Relaxed);
    let before = word.load();
    assert_eq!(before.0 & TICK_MASK, TICK_MASK);
    word.deliver(1, Report::from_epoll(libc::EPOLLIN as u32))
        .unwrap();
    assert_eq!(word.generation(), 1);
    assert_eq!(word.load().0 & TICK_MASK, 0);
    assert!(word.load().ready(Write).is_none());
}

#[test]
fn the_generation_wraps() {
    let word = ReadyWord::new();
    // ORDERING: Relaxed, one thread.
    word.word.fetch_or(GENERATION_MASK, Relaxed);
    assert_eq!(word.generation(), (1 << 24) - 1);
    word.retire();
    assert_eq!(word.generation(), 0);
}

#[test]
fn retiring_forgets_everything_about_the_owner() {
    let word = ReadyWord::new();
    word.set_unshared();
    word.assume(Write);
    word.announce(Read, Place::Queue);
    word.deliver(0, Report::from_epoll(libc::EPOLLHUP as u32))
        .unwrap();
    word.announce(Read, Place::Cell);
    word.retire();
    assert!(word.is_shared());
    assert!(word.load().ready(Read).is_none() && word.load().ready(Write).is_none());
    assert!(
        word.deliver(0, Report::from_epoll(libc::EPOLLIN as u32))
            .is_none(),
        "stale"
    );
    let wakes = word
        .deliver(1, Report::from_epoll(libc::EPOLLIN as u32))
        .unwrap();
    assert!(wakes.is_empty());
}

#[test]
fn an_event_wakes_the_waiters_of_its_direction_once() {
    let word = ReadyWord::new();
    word.announce(Read, Place::Cell);
    word.announce(Write, Place::Queue);
    let wakes = word
        .deliver(0, Report::from_epoll(libc::EPOLLIN as u32))
        .unwrap();
    assert!(wakes.contains(Read, Place::Cell));
    assert!(!wakes.contains(Read, Place::Queue) && !wakes.contains(Write, Place::Queue));
    let wakes = word
        .deliver(0, Report::from_epoll(libc::EPOLLIN as u32))
        .unwrap();
    assert!(wakes.is_empty());
    let wakes = word
        .deliver(0, Report::from_epoll(libc::EPOLLERR as u32))
        .unwrap();
    assert!(wakes.contains(Write, Place::Queue) && !wakes.contains(Write, Place::Cell));
}
