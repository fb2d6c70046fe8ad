//! What users of `block_on`, `Block` and `driving` can rely on.
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::future::{pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use hyperia_test::alloc::{self, CountingAllocator};
use hyperia_wait::{Block, Elapsed, WaitQueue, block_on, driving};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn the_output_comes_back() {
    assert_eq!(block_on(ready(7)), 7);
    assert_eq!(ready(7).block(), 7);
    assert_eq!(block_on(async { ready(4).await + ready(4).await }), 8);
}

#[test]
fn a_future_that_wakes_itself_is_polled_again() {
    let mut polls = 0;
    poll_fn(|cx| {
        polls += 1;
        cx.waker().wake_by_ref();
        if polls == 100 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .block();
    assert_eq!(polls, 100);
}

#[test]
fn a_sleeping_thread_is_woken_by_another() {
    let queues = [WaitQueue::new(), WaitQueue::new()];
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..200 {
                queues[0].wait().block().unwrap();
                queues[1].notify_one();
            }
        });
        for _ in 0..200 {
            queues[0].notify_one();
            queues[1].wait().block().unwrap();
        }
    });
}

#[test]
fn a_park_inside_the_future_does_not_swallow_the_wake_up() {
    let queue = WaitQueue::new();
    thread::scope(|scope| {
        let sleeper = thread::current();
        let mut polls = 0;
        poll_fn(|cx| {
            polls += 1;
            if polls == 2 {
                return Poll::Ready(());
            }
            let waker = cx.waker().clone();
            let sleeper = sleeper.clone();
            scope.spawn(move || {
                waker.wake();
                // In case the park below came too late for the wake-up.
                sleeper.unpark();
            });
            thread::park();
            Poll::Pending
        })
        .block();
        assert_eq!(polls, 2);
    });
    assert!(!queue.try_wait());
}

#[test]
fn block_on_inside_block_on_works() {
    let queue = WaitQueue::new();
    let output = block_on(async {
        queue.notify_one();
        queue.wait().block().unwrap();
        block_on(async { block_on(ready(3)) })
    });
    assert_eq!(output, 3);
}

#[test]
fn from_the_second_call_on_nothing_is_allocated() {
    let queue = WaitQueue::new();
    queue.notify_one();
    queue.wait().block().unwrap();
    let ((), counts) = alloc::count(|| {
        for _ in 0..10 {
            queue.notify_one();
            queue.wait().block().unwrap();
        }
    });
    assert_eq!(counts.allocations, 0);
}

#[test]
fn after_a_panic_in_the_future_the_thread_can_block_again() {
    assert!(catch_unwind(|| block_on(async { panic!("inside") })).is_err());
    assert_eq!(block_on(ready(1)), 1);
}

#[test]
fn blocking_works_while_the_thread_ends() {
    struct AtTheEnd;
    impl Drop for AtTheEnd {
        fn drop(&mut self) {
            assert_eq!(block_on(ready(1)), 1);
        }
    }
    thread_local! { static LAST: AtTheEnd = const { AtTheEnd }; }
    let ended = thread::spawn(|| {
        LAST.with(|_| block_on(ready(0)));
    });
    assert!(ended.join().is_ok());
}

#[test]
fn a_deadline_that_is_over_polls_once() {
    let past = Instant::now();
    assert_eq!(ready(1).block_deadline(past), Ok(1));
    assert_eq!(pending::<()>().block_deadline(past), Err(Elapsed));
    assert_eq!(pending::<()>().block_timeout(Duration::ZERO), Err(Elapsed));
    assert_eq!(Elapsed.to_string(), "the time ran out");
}

#[test]
fn a_future_that_wakes_itself_runs_out_of_time_too() {
    let begin = Instant::now();
    let busy = poll_fn(|cx| {
        cx.waker().wake_by_ref();
        if begin.elapsed() < Duration::from_secs(5) {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    });
    assert_eq!(busy.block_timeout(Duration::from_millis(1)), Err(Elapsed));
}

#[test]
fn a_wait_that_is_given_up_leaves_its_queue() {
    let queue = WaitQueue::new();
    assert_eq!(queue.wait().block_timeout(Duration::ZERO), Err(Elapsed));
    assert_eq!(queue.notify_all(), 0);
}

#[test]
fn a_timeout_beyond_the_clock_is_none() {
    let queue = WaitQueue::new();
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(queue.wait().block_timeout(Duration::MAX), Ok(Ok(()))));
        queue.notify_one();
    });
    // A deadline far away is slept for, not spun for; the wake-up ends it.
    let far = Instant::now() + Duration::from_secs(3600);
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(queue.wait().block_deadline(far), Ok(Ok(()))));
        queue.notify_one();
    });
}

#[test]
fn blocking_on_a_thread_that_drives_a_loop_panics_in_debug_builds() {
    let blocks = || catch_unwind(AssertUnwindSafe(|| block_on(ready(1)))).is_err();
    assert!(!blocks());
    let outer = driving();
    let inner = driving();
    assert_eq!(blocks(), cfg!(debug_assertions));
    let timed = || ready(1).block_timeout(Duration::ZERO);
    assert_eq!(catch_unwind(timed).is_err(), cfg!(debug_assertions));
    drop(outer);
    assert_eq!(blocks(), cfg!(debug_assertions), "the marks are counted");
    thread::spawn(|| block_on(ready(1)))
        .join()
        .expect("another thread is not marked");
    drop(inner);
    assert!(!blocks());
}
