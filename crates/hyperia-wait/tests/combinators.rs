//! The waits of this crate inside the combinators of `futures`: joined, selected, fused, in a set that polls
//! only what was woken.
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::pin::pin;
use std::task::Poll;

use futures_util::future::{self, Either, FutureExt};
use futures_util::stream::{FuturesOrdered, FuturesUnordered, StreamExt};
use hyperia_test::{CountingWaker, poll_once};
use hyperia_wait::{Closed, WaitQueue, block_on, race};

#[test]
fn joined_waits_end_when_all_were_notified() {
    let queue = WaitQueue::new();
    let counting = CountingWaker::new();
    let mut both = pin!(future::join(queue.wait(), queue.wait()));
    assert!(poll_once(both.as_mut(), &counting.waker()).is_pending());
    assert!(queue.notify_one());
    assert!(poll_once(both.as_mut(), &counting.waker()).is_pending());
    assert!(queue.notify_one());
    assert_eq!(
        poll_once(both.as_mut(), &counting.waker()),
        Poll::Ready((Ok(()), Ok(())))
    );
    assert_eq!(counting.wakes(), 2);
}

#[test]
fn the_loser_of_a_select_keeps_its_place() {
    let (first, second) = (WaitQueue::new(), WaitQueue::new());
    let mut selected = future::select(Box::pin(first.wait()), Box::pin(second.wait()));
    assert!((&mut selected).now_or_never().is_none(), "both have joined");
    assert!(first.notify_one());
    let Either::Left((Ok(()), loser)) = block_on(selected) else {
        unreachable!("the second was not notified");
    };
    // Joined at its poll: it is woken, nothing is stored.
    assert!(second.notify_one());
    assert_eq!(block_on(loser), Ok(()));
    assert!(!second.try_wait());
}

#[test]
fn a_set_of_waits_ends_in_the_order_of_their_notifications() {
    let queues: Vec<_> = (0..5).map(|_| WaitQueue::new()).collect();
    let mut set: FuturesUnordered<_> = queues
        .iter()
        .enumerate()
        .map(|(index, queue)| queue.wait().map(move |_| index))
        .collect();
    assert!(set.next().now_or_never().is_none(), "all have joined");
    for index in [3, 0, 4, 1, 2] {
        assert!(queues[index].notify_one());
        assert_eq!(block_on(set.next()), Some(index));
    }
    assert_eq!(block_on(set.next()), None);
}

#[test]
fn one_queue_serves_a_set_in_the_order_of_joining() {
    let queue = WaitQueue::new();
    let mut set: FuturesOrdered<_> = (0..5).map(|_| queue.wait()).collect();
    assert!(set.next().now_or_never().is_none());
    assert_eq!(queue.notify_all(), 5);
    let ended = block_on(set.collect::<Vec<_>>());
    assert_eq!(ended, [Ok(()); 5]);
}

#[test]
fn a_fused_wait_may_be_polled_after_its_end() {
    let queue = WaitQueue::new();
    let mut wait = pin!(queue.wait().fuse());
    queue.close();
    let waker = CountingWaker::new().waker();
    assert_eq!(poll_once(wait.as_mut(), &waker), Poll::Ready(Err(Closed)));
    assert!(poll_once(wait.as_mut(), &waker).is_pending());
}

#[test]
fn a_race_of_waits_can_be_mapped_and_shared() {
    let (left, right) = (WaitQueue::new(), WaitQueue::new());
    right.notify_one();
    let (left, right) = (pin!(left.wait()), pin!(right.wait()));
    let won = race(left, right)
        .map(|won| matches!(won, hyperia_wait::Either::Right((Ok(()), _))))
        .shared();
    assert!(block_on(won.clone()) && block_on(won));
}
