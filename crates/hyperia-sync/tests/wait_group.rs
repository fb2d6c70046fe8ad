//! What users of `WaitGroup` can rely on.
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::Wake;
use std::time::Duration;

use futures_core::FusedFuture;
use hyperia_sync::{Token, WaitGroup};
use hyperia_test::alloc::{self, CountingAllocator};
use hyperia_test::{CountingWaker, PanicOn, PanicWaker, drop_at_every_poll, poll_once};
use hyperia_wait::Block;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn a_group_without_tokens_is_not_waited_for() {
    let (group, counting) = (WaitGroup::default(), CountingWaker::new());
    assert!(poll_once(pin!(group.wait()), &counting.waker()).is_ready());
    drop(group.token());
    group.wait().block();
    assert_eq!((group.tokens(), counting.clones()), (0, 0));
}

#[test]
fn a_wait_ends_with_the_last_token() {
    let (group, counting) = (WaitGroup::new(), CountingWaker::new());
    let first = group.token();
    let second = first.clone();
    let mut wait = pin!(group.wait());
    assert!(poll_once(wait.as_mut(), &counting.waker()).is_pending());
    assert_eq!(group.tokens(), 2);
    drop(first);
    assert_eq!(counting.wakes(), 0);
    assert!(poll_once(wait.as_mut(), &counting.waker()).is_pending());
    drop(second);
    assert_eq!(counting.wakes(), 1);
    assert!(poll_once(wait, &counting.waker()).is_ready());
    assert_eq!(counting.live(), 0);
}

#[test]
fn all_who_wait_are_woken_in_the_order_in_which_they_came() {
    struct Noting(usize);
    impl Wake for Noting {
        fn wake(self: Arc<Self>) {
            ORDER.lock().unwrap().push(self.0);
        }
    }
    static ORDER: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    let group = WaitGroup::new();
    let token = group.token();
    let mut waits: Vec<_> = (0..40).map(|_| Box::pin(group.wait())).collect();
    for (index, wait) in waits.iter_mut().enumerate() {
        assert!(poll_once(wait.as_mut(), &Arc::new(Noting(index)).into()).is_pending());
    }
    drop(token);
    assert!(ORDER.lock().unwrap().iter().copied().eq(0..40));
    let counting = CountingWaker::new();
    for wait in &mut waits {
        assert!(poll_once(wait.as_mut(), &counting.waker()).is_ready());
    }
}

#[test]
fn a_group_may_be_used_again() {
    let (group, counting) = (WaitGroup::new(), CountingWaker::new());
    for round in 1..4 {
        let token = group.token();
        let mut wait = pin!(group.wait());
        assert!(poll_once(wait.as_mut(), &counting.waker()).is_pending());
        drop(token);
        assert_eq!(counting.wakes(), round);
        assert!(poll_once(wait, &counting.waker()).is_ready());
    }
}

#[test]
fn an_end_stands_though_a_token_follows_and_ends_no_later_wait() {
    let (group, counting) = (WaitGroup::new(), CountingWaker::new());
    let token = group.token();
    let mut begun = pin!(group.wait());
    assert!(poll_once(begun.as_mut(), &counting.waker()).is_pending());
    drop(token);
    let token = group.token();
    let mut later = pin!(group.wait());
    assert!(poll_once(later.as_mut(), &counting.waker()).is_pending());
    assert!(poll_once(begun, &counting.waker()).is_ready());
    assert!(poll_once(later.as_mut(), &counting.waker()).is_pending());
    drop(token);
    assert!(poll_once(later, &counting.waker()).is_ready());
}

#[test]
fn a_token_outlives_its_group() {
    let group = WaitGroup::new();
    let tokens = [group.token(), group.token()];
    let counting = CountingWaker::new();
    assert!(poll_once(pin!(group.wait()), &counting.waker()).is_pending());
    drop(group);
    let more = tokens[0].clone();
    std::thread::spawn(move || drop(more)).join().unwrap();
    drop(tokens);
    assert_eq!(counting.live(), 0);
}

#[test]
fn a_wait_may_be_dropped_at_every_poll() {
    struct Kept {
        group: &'static WaitGroup,
        token: Mutex<Option<Token>>,
    }
    let polls = drop_at_every_poll(
        || {
            // Kept, so that the leak checker finds it.
            static KEPT: Mutex<Vec<&'static WaitGroup>> = Mutex::new(Vec::new());
            let group: &'static WaitGroup = Box::leak(Box::default());
            KEPT.lock().unwrap().push(group);
            let token = Mutex::new(Some(group.token()));
            (Kept { group, token }, group.wait())
        },
        |kept, k| {
            if k == 2 {
                drop(kept.token.lock().unwrap().take());
            }
        },
        |kept, _| {
            drop(kept.token);
            assert_eq!(kept.group.tokens(), 0);
            kept.group.wait().block();
        },
    );
    assert_eq!(polls, 3);
}

#[test]
fn the_waker_of_the_last_poll_is_woken() {
    let group = WaitGroup::new();
    let (first, second) = (CountingWaker::new(), CountingWaker::new());
    let token = group.token();
    let mut wait = pin!(group.wait());
    assert!(poll_once(wait.as_mut(), &first.waker()).is_pending());
    assert!(poll_once(wait.as_mut(), &second.waker()).is_pending());
    drop(token);
    assert_eq!((first.wakes(), second.wakes(), first.live()), (0, 1, 0));
}

#[test]
fn a_waker_that_panics_takes_nobody_elses_wake_up_and_leaks_nothing() {
    let (group, counting) = (WaitGroup::new(), CountingWaker::new());
    let panicking = PanicWaker::new(PanicOn::Wake);
    let token = group.token();
    {
        let (mut first, mut second) = (pin!(group.wait()), pin!(group.wait()));
        assert!(poll_once(first.as_mut(), &panicking.waker()).is_pending());
        assert!(poll_once(second.as_mut(), &counting.waker()).is_pending());
        assert!(catch_unwind(AssertUnwindSafe(|| drop(token))).is_err());
        assert_eq!((panicking.panics(), counting.wakes()), (1, 1));
        assert!(poll_once(second, &counting.waker()).is_ready());
    }
    // The pin is gone, too: the leak checker would find the block.
    assert_eq!((group.tokens(), panicking.live()), (0, 0));
    group.wait().block();
    let (token, panicking) = (group.token(), PanicWaker::new(PanicOn::Clone));
    let (mut third, waker) = (pin!(group.wait()), panicking.waker());
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(third.as_mut(), &waker))).is_err());
    drop(token);
    assert!(poll_once(third, &counting.waker()).is_ready());
}

#[test]
fn a_waker_may_use_the_group_and_make_it_go() {
    struct Waker(Mutex<Option<Arc<WaitGroup>>>);
    impl Wake for Waker {
        fn wake(self: Arc<Self>) {
            let group = self.0.lock().unwrap().take().expect("woken once");
            drop(group.token());
        }
    }
    let group = Arc::new(WaitGroup::new());
    let token = group.token();
    let waker = Arc::new(Waker(Mutex::new(Some(group.clone())))).into();
    assert!(poll_once(pin!(group.wait()), &waker).is_pending());
    let mut wait = Box::pin(group.wait());
    assert!(poll_once(wait.as_mut(), &waker).is_pending());
    drop(token);
    assert!(poll_once(wait.as_mut(), &waker).is_ready());
    assert_eq!(Arc::strong_count(&group), 1);
}

#[test]
fn a_wait_is_a_fused_future() {
    let (group, counting) = (WaitGroup::new(), CountingWaker::new());
    let mut wait = pin!(group.wait());
    assert!(!wait.is_terminated());
    assert!(poll_once(wait.as_mut(), &counting.waker()).is_ready());
    assert!(wait.is_terminated());
}

#[test]
#[should_panic(expected = "polled again after it was ready")]
fn a_wait_that_was_ready_must_not_be_polled_again() {
    let (group, counting) = (WaitGroup::new(), CountingWaker::new());
    let mut wait = pin!(group.wait());
    assert!(poll_once(wait.as_mut(), &counting.waker()).is_ready());
    let _ = poll_once(wait, &counting.waker());
}

#[test]
fn a_wait_may_time_out_and_the_group_goes_on() {
    let group = WaitGroup::new();
    let token = group.token();
    assert!(group.wait().block_timeout(Duration::ZERO).is_err());
    drop(token);
    assert!(group.wait().block_timeout(Duration::ZERO).is_ok());
}

#[test]
fn only_the_group_itself_is_allocated_and_it_is_freed() {
    let counting = CountingWaker::new();
    let waker = counting.waker();
    let ((), counts) = alloc::count(|| {
        let group = WaitGroup::new();
        let token = group.token();
        let mut wait = pin!(group.wait());
        assert!(poll_once(wait.as_mut(), &waker).is_pending());
        drop(token.clone());
        drop(token);
        assert!(poll_once(wait.as_mut(), &waker).is_ready());
    });
    assert_eq!(counts.allocations, 1);
}

#[test]
fn many_threads_are_waited_for_again_and_again() {
    const ROUNDS: usize = 300;
    const THREADS: usize = 4;
    let (group, done) = (Arc::new(WaitGroup::new()), Arc::new(AtomicUsize::new(0)));
    for round in 1..=ROUNDS {
        for _ in 0..THREADS {
            let (token, done) = (group.token(), done.clone());
            std::thread::spawn(move || {
                // ORDERING: Relaxed, since the token is to carry it.
                done.fetch_add(1, Relaxed);
                drop(token);
            });
        }
        group.wait().block();
        assert_eq!(done.load(Relaxed), round * THREADS);
    }
}

#[test]
fn a_group_may_go_as_soon_as_a_wait_has_ended() {
    for _ in 0..2_000 {
        let group = WaitGroup::new();
        let token = group.token();
        let thread = std::thread::spawn(move || drop(token));
        group.wait().block();
        drop(group);
        thread.join().unwrap();
    }
}

#[test]
fn debug_says_what_it_is() {
    let group = WaitGroup::new();
    let token = group.token();
    assert_eq!(format!("{group:?}"), "WaitGroup { tokens: 1, .. }");
    assert_eq!(format!("{token:?}"), "Token { .. }");
}
