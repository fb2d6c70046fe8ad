//! Models of the wait group. The end of a block is an exclusive access to its word, and blocks are counted: use
//! after free, double free and leak are all found.
//!
//! Floors: the roles meet in the word and the queue, each touching one of them once or more. Two threads of one
//! step each have two orders; a wait has four steps against the two to four of a last token: tens of ways; a
//! third thread multiplies that.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::Cell;
use std::sync::Mutex;

use hyperia_test::{CountingWaker, model_roles, poll_once};
use hyperia_wait::block_on;
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use loom::sync::atomic::{AtomicBool, AtomicUsize};

use super::block::{HANDLE, WAITERS};
use super::{Token, WaitGroup};

std::thread_local! {
    /// Blocks alive. All threads of a model run on one thread.
    pub(super) static LIVE: Cell<usize> = const { Cell::new(0) };
}

struct Shared {
    /// Each role takes its token, or the group, out of its own lock, which is no part of the model.
    tokens: [Mutex<Option<Token>>; 2],
    group: Mutex<Option<Arc<WaitGroup>>>,
    done: [AtomicBool; 2],
    begun: AtomicBool,
    passed: AtomicUsize,
    counting: Arc<CountingWaker>,
}

fn make(tokens: usize) -> Shared {
    assert_eq!(LIVE.get(), 0, "a block was leaked");
    let group = WaitGroup::new();
    Shared {
        tokens: [0, 1].map(|index| Mutex::new((index < tokens).then(|| group.token()))),
        group: Mutex::new(Some(Arc::new(group))),
        done: [AtomicBool::new(false), AtomicBool::new(false)],
        begun: AtomicBool::new(false),
        passed: AtomicUsize::new(0),
        counting: CountingWaker::new(),
    }
}

fn make_one() -> Shared {
    make(1)
}

fn make_two() -> Shared {
    make(2)
}

fn end<const INDEX: usize>(shared: &Shared) {
    let token = shared.tokens[INDEX].lock().unwrap().take().expect("once");
    shared.done[INDEX].store(true, Relaxed);
    drop(token);
}

/// For roles that share the group; the model ends with the last of its owners.
fn group(shared: &Shared) -> Arc<WaitGroup> {
    shared.group.lock().unwrap().clone().expect("not dropped")
}

fn wait(shared: &Shared) {
    block_on(group(shared).wait());
    for done in &shared.done {
        assert!(done.load(Relaxed), "not seen: what the holder did");
    }
}

fn check_freed(shared: &Shared) {
    drop(shared.group.lock().unwrap().take());
    assert_eq!(LIVE.get(), 0, "the block was leaked");
    assert_eq!(shared.counting.live(), 0, "a waker was leaked");
}

/// Catches a wait that ends without what holders did, through the count alone.
///
/// Floor: a look and a decrement: two orders.
#[test]
fn what_token_holders_did_is_seen_by_whoever_finds_none() {
    model_roles(
        "WaitGroup: look | drop",
        2,
        make_one,
        &[
            |shared| {
                if group(shared).tokens() == 0 {
                    assert!(shared.done[0].load(Relaxed));
                }
                let group = group(shared);
                let mut wait = Box::pin(group.wait());
                if poll_once(wait.as_mut(), &shared.counting.waker()).is_ready() {
                    assert!(shared.done[0].load(Relaxed));
                }
            },
            end::<0>,
        ],
        check_freed,
    );
}

/// Catches a wait that is not woken, or without what one of the holders did.
#[test]
fn two_tokens_happen_before_the_end_of_a_wait_that_had_begun() {
    model_roles(
        "WaitGroup: wait | drop | drop",
        50,
        make_two,
        &[|shared| wait(shared), end::<0>, end::<1>],
        check_freed,
    );
}

/// Catches a block that is freed twice, never, or before everybody is done with it.
#[test]
fn the_last_one_frees() {
    model_roles(
        "WaitGroup: drop of the group | drop | drop",
        6,
        make_two,
        &[
            |shared| drop(shared.group.lock().unwrap().take()),
            end::<0>,
            end::<1>,
        ],
        |_| assert_eq!(LIVE.get(), 0, "the block was leaked"),
    );
}

/// Catches a block that is freed while the last token's thread still wakes: the wait ends, or is given up, and
/// the group goes at once.
#[test]
fn the_group_may_go_while_waits_are_woken() {
    fn wait_and_go(shared: &Shared, gives_up: bool) {
        let group = shared.group.lock().unwrap().take().expect("once");
        if gives_up {
            let mut wait = Box::pin(group.wait());
            let _ = poll_once(wait.as_mut(), &shared.counting.waker());
        } else {
            block_on(group.wait());
        }
        drop(group);
    }
    model_roles(
        "WaitGroup: wait, drop of the group | drop",
        10,
        make_one,
        &[|shared| wait_and_go(shared, false), end::<0>],
        check_freed,
    );
    model_roles(
        "WaitGroup: poll and drop, drop of the group | drop",
        10,
        make_one,
        &[|shared| wait_and_go(shared, true), end::<0>],
        check_freed,
    );
}

/// Catches a pin that is lost when a token is made, and dropped again, while the end of the last one is being
/// announced; and a wait that nobody ends then.
#[test]
fn a_token_may_be_made_while_the_last_ones_end_is_announced() {
    model_roles(
        "WaitGroup: poll, token and drop, wait | drop",
        20,
        make_one,
        &[
            |shared| {
                let (group, waker) = (group(shared), shared.counting.waker());
                let mut wait = Box::pin(group.wait());
                if poll_once(wait.as_mut(), &waker).is_pending() {
                    drop(group.token());
                    block_on(wait);
                    assert!(shared.done[0].load(Relaxed));
                }
            },
            end::<0>,
        ],
        check_freed,
    );
}

/// Catches the same with the group gone at once: two threads that have to do with the block after their token.
#[test]
fn two_may_be_done_with_their_last_token_at_once() {
    model_roles(
        "WaitGroup: poll, token and drop, drop of the group | drop",
        20,
        make_one,
        &[
            |shared| {
                let group = shared.group.lock().unwrap().take().expect("once");
                let mut wait = Box::pin(group.wait());
                let waker = shared.counting.waker();
                let _ = poll_once(wait.as_mut(), &waker);
                drop(group.token());
                drop(wait);
                drop(group);
            },
            end::<0>,
        ],
        check_freed,
    );
}

/// Catches a wait that is ended by tokens that were gone before it began, while another is alive.
#[test]
fn a_late_announcement_ends_no_wait_that_began_after_a_new_token() {
    model_roles(
        "WaitGroup: poll, token, then a wait | drop",
        20,
        make_one,
        &[
            |shared| {
                let (group, waker) = (group(shared), shared.counting.waker());
                let mut first = Box::pin(group.wait());
                let _ = poll_once(first.as_mut(), &waker);
                let token = group.token();
                let mut second = Box::pin(group.wait());
                assert!(poll_once(second.as_mut(), &waker).is_pending());
                loom::thread::yield_now();
                assert!(poll_once(second.as_mut(), &waker).is_pending());
                drop(token);
                block_on(second);
            },
            end::<0>,
        ],
        check_freed,
    );
}

/// Catches a wait that goes on though another, which began later, has ended.
#[test]
fn who_finds_none_ends_the_waits_that_began_before() {
    model_roles(
        "WaitGroup: poll, then a wait, then a token, then the first again | drop",
        20,
        make_one,
        &[
            |shared| {
                let (group, waker) = (group(shared), shared.counting.waker());
                let mut first = Box::pin(group.wait());
                if poll_once(first.as_mut(), &waker).is_pending() {
                    block_on(group.wait());
                    let _token = group.token();
                    // The thread that dropped may be about to notify it.
                    block_on(first);
                }
            },
            end::<0>,
        ],
        check_freed,
    );
}

/// Catches an end that is lost because tokens come again at once, for a wait that had begun.
#[test]
fn an_end_stands_though_a_token_follows() {
    model_roles(
        "WaitGroup: wait | drop, then a token for ever",
        10,
        make_one,
        &[
            |shared| {
                let group = group(shared);
                let waker = shared.counting.waker();
                let mut wait = Box::pin(group.wait());
                if poll_once(wait.as_mut(), &waker).is_pending() {
                    // ORDERING: Release tells that the wait has begun.
                    shared.begun.store(true, Release);
                    block_on(wait);
                }
                shared.passed.fetch_add(1, Relaxed);
            },
            |shared| {
                // ORDERING: Acquire pairs with the store above.
                let begun = shared.begun.load(Acquire);
                end::<0>(shared);
                if begun {
                    *shared.tokens[0].lock().unwrap() = Some(group(shared).token());
                }
            },
        ],
        |shared| {
            assert_eq!(shared.passed.load(Relaxed), 1);
            let left: Vec<_> = shared
                .tokens
                .iter()
                .map(|token| token.lock().unwrap().take())
                .collect();
            drop(left);
            check_freed(shared);
        },
    );
}

/// Catches an announcement that is made with a word of an earlier time, to which the word has come back, and without what
/// the holder of the token did that brought it back. With every step that leads there it takes four threads; here the one
/// that announces begins with the old word.
///
/// Floor: the end of a token and an announcement: two orders.
#[test]
fn an_announcement_with_an_old_word_carries_what_holders_did() {
    model_roles(
        "WaitGroup: announcement with an old word | drop of a token that somebody waits for",
        2,
        || {
            let shared = make(1);
            assert!(!group(&shared).block().join());
            shared
        },
        &[
            |shared| {
                // The word has been this before, with tokens that are gone.
                if group(shared).block().announce_to_waiters(HANDLE | WAITERS) {
                    assert!(shared.done[0].load(Relaxed));
                }
            },
            end::<0>,
        ],
        check_freed,
    );
}

/// Catches one that says that there are no tokens without what the holder of the last one did, because somebody else has
/// announced in between and the token came and went after that.
///
/// Floor: as above.
#[test]
fn an_announcement_that_comes_late_carries_what_holders_did() {
    model_roles(
        "WaitGroup: announcement with an old word | drop of a token that nobody waits for",
        2,
        make_one,
        &[
            |shared| {
                if group(shared).block().announce_to_waiters(HANDLE | WAITERS) {
                    assert!(shared.done[0].load(Relaxed));
                }
            },
            end::<0>,
        ],
        check_freed,
    );
}
