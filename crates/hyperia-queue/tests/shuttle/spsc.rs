//! The bounded queue of one and one.

use crate::SCHEDULES;
use hyperia_queue::spsc::bounded;
use hyperia_queue::{PopError, PushError};
use hyperia_test::schedules;
use shuttle::thread;
use std::sync::Arc;

/// Three values through room for one or two; the consumer goes while the last one is pushed. Catches a value that
/// is overwritten, popped twice or lost in the ring, and one that is left, or dropped twice, when an end goes.
#[test]
fn values_come_in_order_and_are_dropped_once() {
    for capacity in [1, 2] {
        let name = format!("spsc: push, pop, drop, capacity {capacity}");
        schedules(&name, SCHEDULES, move || {
            let values: Vec<_> = (0..3).map(Arc::new).collect();
            let (mut producer, mut consumer) = bounded(capacity);
            let pushing = {
                let values = values.clone();
                thread::spawn(move || {
                    for mut value in values {
                        while let Err(error) = producer.push(value) {
                            match error {
                                PushError::Full(back) => value = back,
                                PushError::Closed(_) => return,
                            }
                            thread::yield_now();
                        }
                    }
                })
            };
            // Of three, two: the last one is inside, came back, or is never pushed.
            let mut popped = Vec::new();
            while popped.len() < 2 {
                match consumer.pop() {
                    Ok(value) => popped.push(*value),
                    Err(PopError::Empty) => thread::yield_now(),
                    Err(PopError::Closed) => panic!("closed after {popped:?}"),
                }
            }
            assert_eq!(popped, [0, 1]);
            drop(consumer);
            pushing.join().expect("a thread panicked");
            for value in values {
                assert_eq!(Arc::strong_count(&value), 1, "{value} is left somewhere");
            }
        });
    }
}

/// Catches a `Closed` that comes before the last value.
#[test]
fn what_was_pushed_before_the_close_is_popped() {
    schedules("spsc: push, close", SCHEDULES, || {
        let (mut producer, mut consumer) = bounded(2);
        let pushing = thread::spawn(move || {
            producer.push(1).expect("there is room");
            producer.push(2).expect("there is room");
        });
        let mut popped = Vec::new();
        loop {
            match consumer.pop() {
                Ok(value) => popped.push(value),
                Err(PopError::Empty) => thread::yield_now(),
                Err(PopError::Closed) => break,
            }
        }
        assert_eq!(popped, [1, 2]);
        pushing.join().expect("a thread panicked");
    });
}
