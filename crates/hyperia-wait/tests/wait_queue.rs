//! What users of `WaitQueue` can rely on.

use hyperia_wait::{Block, Closed, WaitQueue};

#[test]
fn a_stored_token_is_taken_by_the_next_wait() {
    let queue = WaitQueue::new();
    assert!(!queue.notify_one());
    assert!(!queue.notify_one());
    assert_eq!(queue.wait().block(), Ok(()));
    assert!(!queue.try_wait());
}

#[test]
fn a_waiting_thread_is_woken() {
    let queue = WaitQueue::new();
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(queue.wait().block(), Ok(())));
        scope.spawn(|| assert_eq!(queue.wait().block(), Ok(())));
        let mut woken = 0;
        while woken < 2 {
            woken += queue.notify_all();
            std::thread::yield_now();
        }
    });
    queue.close();
    assert_eq!(queue.wait().block(), Err(Closed));
}
