//! The bounded queue of many and many.

use crate::SCHEDULES;
use hyperia_queue::mpmc::Queue;
use hyperia_queue::{PopError, PushError};
use hyperia_test::schedules;
use shuttle::thread;

/// Pops until the queue is closed and empty.
fn pop_all(queue: &Queue<u32>) -> Vec<u32> {
    let mut popped = Vec::new();
    loop {
        match queue.pop() {
            Ok(value) => popped.push(value),
            Err(PopError::Empty) => thread::yield_now(),
            Err(PopError::Closed) => return popped,
        }
    }
}

/// Pushes two values one by one, or as a batch, until the queue is closed. Returns those that were accepted.
fn push_two(queue: &Queue<u32>, first: u32, as_batch: bool) -> Vec<u32> {
    let mut values = vec![first, first + 1];
    let mut accepted = values.clone();
    while !values.is_empty() {
        let pushed = if as_batch {
            queue.push_many(&mut values).map(|_| ())
        } else {
            let pushed = queue.push(values[0]);
            if pushed.is_ok() {
                values.remove(0);
            }
            pushed.map_err(|error| match error {
                PushError::Full(_) => PushError::Full(()),
                PushError::Closed(_) => PushError::Closed(()),
            })
        };
        match pushed {
            Ok(()) => {}
            Err(PushError::Full(())) => thread::yield_now(),
            Err(PushError::Closed(())) => {
                accepted.truncate(accepted.len() - values.len());
                break;
            }
        }
    }
    accepted
}

/// Catches a value that is lost, popped twice, or accepted after the close and never popped; a slot claimed by two;
/// and values of one producer in the wrong order.
#[test]
fn what_is_accepted_before_the_close_is_popped_once() {
    for capacity in [1, 2] {
        let name = format!("mpmc: push, pop, close, capacity {capacity}");
        schedules(&name, SCHEDULES, move || {
            let queue = Queue::bounded(capacity);
            let (mut accepted, mut popped) = thread::scope(|scope| {
                let queue = &queue;
                let first = scope.spawn(move || push_two(queue, 10, false));
                let second = scope.spawn(move || push_two(queue, 20, true));
                let popping = scope.spawn(move || pop_all(queue));
                let mut popped = Vec::new();
                _ = queue.pop_many(&mut popped, 2);
                queue.close();
                let mut accepted = first.join().expect("a thread panicked");
                accepted.extend(second.join().expect("a thread panicked"));
                let others = popping.join().expect("a thread panicked");
                for popped in [&popped, &others] {
                    for producer in [1, 2] {
                        let of_one = popped.iter().filter(|value| **value / 10 == producer);
                        assert!(of_one.is_sorted(), "out of order: {popped:?}");
                    }
                }
                popped.extend(others);
                (accepted, popped)
            });
            accepted.sort_unstable();
            popped.sort_unstable();
            assert_eq!(accepted, popped);
        });
    }
}
