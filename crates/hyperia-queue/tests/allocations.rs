//! When memory is asked for: at construction and, in the unbounded queue, when it grows beyond what
//! it keeps.
#![cfg(not(hyperia_loom))]

use std::thread;

use hyperia_queue::mpmc::{Queue, UnboundedQueue};
use hyperia_queue::mpsc::{self, unbounded};
use hyperia_queue::{PushError, spsc};
use hyperia_test::alloc::{CountingAllocator, count};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Values in a block of the unbounded queue, and blocks that it keeps.
const BLOCK: usize = 32;
const KEPT: usize = 4;

#[test]
fn an_mpmc_queue_allocates_once() {
    let (queue, counts) = count(|| Queue::bounded(100));
    assert_eq!(counts.allocations, 1);
    let ((), counts) = count(|| {
        for value in 0..1000 {
            queue.push(value).unwrap();
            assert_eq!(queue.pop(), Ok(value));
        }
    });
    assert_eq!(counts.allocations, 0);
}

#[test]
fn an_spsc_queue_allocates_what_it_shares_and_its_slots() {
    let ((mut producer, mut consumer), counts) = count(|| spsc::bounded(100));
    assert_eq!(counts.allocations, 2);
    let slots = 128 * size_of::<u64>();
    assert!(
        (slots..slots + 1024).contains(&counts.bytes),
        "{} bytes: slots for the next power of two, and nothing beside the values",
        counts.bytes
    );
    let mut values = Vec::with_capacity(100);
    let ((), counts) = count(|| {
        for value in 0..1000_u64 {
            producer.push(value).unwrap();
            assert_eq!(consumer.pop(), Ok(value));
            assert_eq!(producer.push_iter(0..100), Ok(100));
            assert_eq!(consumer.pop_many(&mut values, 100), Ok(100));
            assert_eq!(producer.push_many(&mut values), Ok(100));
            assert_eq!(consumer.advance(100), 100);
        }
    });
    assert_eq!(counts.allocations, 0);
    let ((), counts) = count(|| drop((producer, consumer)));
    assert_eq!(counts.deallocations, 2);
}

#[test]
fn an_unbounded_mpmc_queue_allocates_its_first_block_one_more_and_then_nothing() {
    let (queue, counts) = count(UnboundedQueue::new);
    assert_eq!(counts.allocations, 1);
    let ping = |times| {
        count(|| {
            for value in 0..times {
                queue.push(value).unwrap();
                assert_eq!(queue.pop(), Ok(value));
            }
        })
    };
    assert_eq!(ping(BLOCK).1.allocations, 1);
    assert_eq!(ping(100 * BLOCK).1.allocations, 0);
    let ((), end) = count(|| drop(queue));
    assert_eq!(end.deallocations, 2);
}

#[test]
fn an_unbounded_mpmc_queue_gives_back_what_it_does_not_keep() {
    let queue = UnboundedQueue::new();
    let ((), grown) = count(|| (0..100 * BLOCK).for_each(|value| queue.push(value).unwrap()));
    assert_eq!(grown.allocations, 100);
    let ((), shrunk) =
        count(|| (0..100 * BLOCK).for_each(|value| assert_eq!(queue.pop(), Ok(value))));
    assert_eq!(shrunk.deallocations, 100 - KEPT);
    assert_eq!(shrunk.held, -grown.held * (100 - KEPT) as isize / 100);
    let ((), end) = count(|| drop(queue));
    assert_eq!(
        end.deallocations,
        KEPT + 1,
        "the kept blocks and the one in use"
    );
}

/// Consumers hold back blocks of each other; what is freed late is freed by whoever comes along, on its
/// own thread, so the threads are summed up.
#[test]
fn an_unbounded_mpmc_queue_gives_memory_back_while_several_pop() {
    const BLOCKS: usize = 1000;
    const CONSUMERS: usize = 3;
    let (queue, made) = count(UnboundedQueue::new);
    let ((), grown) = count(|| (0..BLOCKS * BLOCK).for_each(|value| queue.push(value).unwrap()));
    let freed: usize = thread::scope(|scope| {
        let consumers: Vec<_> = (0..CONSUMERS)
            .map(|_| scope.spawn(|| count(|| while queue.pop().is_ok() {}).1.deallocations))
            .collect();
        consumers
            .into_iter()
            .map(|consumer| consumer.join().unwrap())
            .sum()
    });
    assert!(
        freed >= BLOCKS - KEPT - CONSUMERS,
        "of {BLOCKS} blocks {freed} were freed"
    );
    let ((), end) = count(|| drop(queue));
    assert_eq!(
        freed + end.deallocations,
        made.allocations + grown.allocations
    );
}

#[test]
fn a_bounded_mpsc_queue_allocates_what_it_shares_and_its_slots() {
    let ((producer, mut consumer), counts) = count(|| mpsc::bounded(100));
    assert_eq!(counts.allocations, 2);
    // A byte beside each value, and what that makes of its alignment.
    let slots = 128 * 2 * size_of::<u64>();
    assert!(
        (slots..slots + 1024).contains(&counts.bytes),
        "{} bytes: slots for the next power of two",
        counts.bytes
    );
    let mut values = Vec::with_capacity(100);
    let ((), counts) = count(|| {
        for value in 0..1000_u64 {
            producer.push(value).unwrap();
            assert_eq!(consumer.pop(), Ok(value));
            drop(producer.reserve().unwrap());
            producer.reserve().unwrap().push(value).unwrap();
            assert_eq!(consumer.pop(), Ok(value));
            values.extend(0..100);
            assert_eq!(producer.push_many(&mut values), Ok(100));
            assert_eq!(producer.push(value), Err(PushError::Full(value)));
            assert_eq!(consumer.pop_many(&mut values, 100), Ok(100));
            values.clear();
        }
    });
    assert_eq!(counts.allocations, 0);
    let ((), counts) = count(|| drop((producer, consumer)));
    assert_eq!(counts.deallocations, 2);
}

#[test]
fn an_mpsc_queue_makes_its_first_block_with_it() {
    let (_ends, counts) = count(unbounded::<u64>);
    assert_eq!(counts.allocations, 2);
}

#[test]
fn a_short_mpsc_queue_allocates_one_more_block_and_then_nothing() {
    let (producer, mut consumer) = unbounded();
    let mut ping = |times| {
        count(|| {
            for value in 0..times {
                producer.push(value).unwrap();
                assert_eq!(consumer.pop(), Ok(value));
            }
        })
    };
    assert_eq!(ping(BLOCK).1.allocations, 1);
    assert_eq!(ping(100 * BLOCK).1.allocations, 0);
}

#[test]
fn an_mpsc_queue_that_swings_within_the_kept_blocks_does_not_allocate() {
    let (producer, mut consumer) = unbounded();
    let mut values = Vec::with_capacity(KEPT * BLOCK);
    let mut swing = || {
        values.extend(0..KEPT * BLOCK);
        producer.push_many(&mut values).unwrap();
        assert_eq!(consumer.pop_many(&mut values, usize::MAX), Ok(KEPT * BLOCK));
        values.clear();
    };
    swing();
    let ((), counts) = count(|| (0..10).for_each(|_| swing()));
    assert_eq!((counts.allocations, counts.deallocations), (0, 0));
}

#[test]
fn an_mpsc_queue_gives_back_what_it_does_not_keep() {
    let (producer, mut consumer) = unbounded();
    let ((), grown) = count(|| (0..100 * BLOCK).for_each(|value| producer.push(value).unwrap()));
    assert_eq!(grown.allocations, 100);
    let ((), shrunk) =
        count(|| (0..100 * BLOCK).for_each(|value| assert_eq!(consumer.pop(), Ok(value))));
    assert_eq!(shrunk.deallocations, 100 - KEPT);
    let ((), end) = count(|| drop((producer, consumer)));
    assert_eq!(
        end.deallocations,
        KEPT + 2,
        "the kept blocks, the one in use, the shared part"
    );
}

/// A buffer was freed as if it had another size (RUSTSEC-2020-0052, crossbeam-channel): what is given back is as
/// much as was asked for, in every shape of a queue and of the vectors that it fills and empties.
#[test]
fn rustsec_2020_0052_every_buffer_is_freed_as_large_as_it_was_made() {
    for capacity in [1, 2, 3, 5, 8, 33, 100] {
        let fill = |vector: &mut Vec<String>| vector.extend((0..7).map(|n| n.to_string()));
        let ((), counts) = count(|| {
            let (mut pushed, mut popped) = (Vec::new(), Vec::new());
            let queue = Queue::bounded(capacity);
            let (mut producer, mut consumer) = spsc::bounded(capacity);
            let (sender, mut receiver) = unbounded();
            for _ in 0..20 {
                fill(&mut pushed);
                let _ = queue.push_many(&mut pushed);
                let _ = queue.pop_many(&mut popped, 5);
                let _ = producer.push_many(&mut pushed);
                let _ = consumer.pop_many(&mut popped, 5);
                fill(&mut pushed);
                let _ = sender.push_many(&mut pushed);
                let _ = receiver.pop_many(&mut popped, 5);
            }
        });
        assert_eq!(counts.held, 0, "capacity {capacity}");
    }
}
