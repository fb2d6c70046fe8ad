//! The unbounded queue of many and one.

use crate::SCHEDULES;
use hyperia_queue::mpsc::{Consumer, unbounded};
use hyperia_queue::{PopError, PushError};
use hyperia_test::schedules;
use shuttle::thread;

/// Pops until the queue is closed and empty.
fn pop_all(consumer: &mut Consumer<u32>) -> Vec<u32> {
    let mut popped = Vec::new();
    loop {
        match consumer.pop_many(&mut popped, 2) {
            Ok(_) => {}
            Err(PopError::Empty) => thread::yield_now(),
            Err(PopError::Closed) => return popped,
        }
    }
}

/// Blocks hold two values here. Catches a value that is lost, popped twice or out of its producer's order, where a
/// block ends, is recycled, or is appended by two at once; and one that is accepted after the close.
#[test]
fn what_is_accepted_before_the_close_is_popped_once() {
    schedules("mpsc: push, pop, close", SCHEDULES, || {
        let (producer, mut consumer) = unbounded();
        let (one, two) = (producer.clone(), producer.clone());
        let one = thread::spawn(move || {
            let pushed = (10..13).filter(|&value| one.push(value).is_ok());
            pushed.collect::<Vec<u32>>()
        });
        let two = thread::spawn(move || {
            let mut values = vec![20, 21, 22];
            match two.push_many(&mut values) {
                Ok(count) => {
                    assert_eq!(count, 3);
                    vec![20, 21, 22]
                }
                Err(PushError::Closed(())) => Vec::new(),
                Err(PushError::Full(())) => panic!("it is unbounded"),
            }
        });
        let closing = thread::spawn(move || {
            thread::yield_now();
            producer.close();
        });
        let popped = pop_all(&mut consumer);
        closing.join().expect("a thread panicked");
        let mut all = 0;
        for thread in [one, two] {
            let accepted = thread.join().expect("a thread panicked");
            let of_one = popped
                .iter()
                .filter(|value| accepted.contains(value))
                .copied()
                .collect::<Vec<_>>();
            assert_eq!(of_one, accepted, "of {popped:?}");
            all += accepted.len();
        }
        assert_eq!(popped.len(), all);
        assert_eq!(consumer.pop(), Err(PopError::Closed));
    });
}
