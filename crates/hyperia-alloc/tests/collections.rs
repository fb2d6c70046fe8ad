//! Real collections over the allocators, also freed by threads that did not allocate them.
#![cfg(all(not(hyperia_loom), feature = "allocator-api2"))]

use std::sync::mpsc::{channel, sync_channel};
use std::thread;

use allocator_api2::alloc::Global;
use allocator_api2::boxed::Box as TrackedBox;
use allocator_api2::vec::Vec as TrackedVec;
use hashbrown::{DefaultHashBuilder, HashMap};
use hyperia_alloc::{Scope, Shared, Tracked};
use hyperia_wait::block_on;

type Map<V, A> = HashMap<u32, V, DefaultHashBuilder, A>;

#[test]
fn a_map_of_vectors_is_counted_to_the_byte() {
    let tracked = Tracked::new(Global);
    let mut map: Map<TrackedVec<u32, &Tracked<Global>>, _> = HashMap::new_in(&tracked);
    assert_eq!(tracked.live_blocks(), 0);
    for key in 0..100 {
        let mut words = TrackedVec::with_capacity_in(10, &tracked);
        words.push(key);
        map.insert(key, words);
    }
    assert_eq!(tracked.live_blocks(), 101);
    assert_eq!(tracked.live_bytes(), 100 * 40 + map.allocation_size());
    map.retain(|key, words| key % 2 == 0 && words[0] == *key);
    assert_eq!(tracked.live_blocks(), 51);
    drop(map);
    assert_eq!((tracked.live_blocks(), tracked.live_bytes()), (0, 0));
    block_on(tracked.drained());
}

#[test]
fn a_scope_knows_the_most_there_was_at_a_time() {
    let scope = Scope::new(Global);
    let first: TrackedVec<u8, _> = TrackedVec::with_capacity_in(100, &scope);
    let second: TrackedVec<u8, _> = TrackedVec::with_capacity_in(50, &scope);
    drop(first);
    let mut third: TrackedVec<u8, _> = TrackedVec::with_capacity_in(60, &scope);
    assert_eq!((scope.live_bytes(), scope.peak_bytes()), (110, 150));
    third.reserve_exact(200);
    assert_eq!((scope.live_bytes(), scope.peak_bytes()), (250, 250));
    drop((second, third));
    assert_eq!((scope.live_bytes(), scope.peak_bytes()), (0, 250));
}

#[test]
fn a_scope_refuses_what_it_cannot_count() {
    let tera = 1_usize << 40;
    let scope = Scope::new(Global);
    let mut bytes: TrackedVec<u8, _> = TrackedVec::new_in(&scope);
    assert!(bytes.try_reserve_exact(tera).is_err());
    assert!(bytes.try_reserve_exact(usize::MAX >> 1).is_err());
    assert_eq!(
        (scope.live_blocks(), scope.live_bytes(), scope.peak_bytes()),
        (0, 0, 0)
    );
}

#[test]
fn a_shared_handle_outlives_whoever_made_it() {
    let map = {
        let shared = Shared::new(Tracked::new(Scope::new(Global)));
        let mut map: Map<TrackedBox<u32, _>, _> = HashMap::new_in(shared.clone());
        map.extend((0..10).map(|n| (n, TrackedBox::new_in(n, shared.clone()))));
        map
    };
    let tracked = map.allocator().clone();
    let clone = map.clone();
    assert_eq!(
        (tracked.live_blocks(), tracked.inner().live_blocks()),
        (22, 22)
    );
    thread::spawn(move || drop(map)).join().unwrap();
    assert_eq!(tracked.live_blocks(), 11);
    drop(clone);
    block_on(tracked.drained());
}

#[test]
fn more_threads_than_stripes_add_up() {
    let tracked = Tracked::new(Global);
    let (sender, receiver) = channel();
    thread::scope(|scope| {
        for n in 0..40_u64 {
            let (sender, tracked) = (sender.clone(), &tracked);
            scope.spawn(move || sender.send(TrackedBox::new_in(n, tracked)));
        }
    });
    assert_eq!((tracked.live_blocks(), tracked.live_bytes()), (40, 320));
    drop(sender);
    assert_eq!(receiver.iter().map(|n| *n).sum::<u64>(), 780);
    block_on(tracked.drained());
}

/// Two threads allocate, two others free, and a fifth waits again and again while they do: its waits end, now and
/// then, exactly when nothing is live; the last one must, and must find every block used and freed.
#[test]
fn threads_free_what_others_allocated_while_somebody_waits() {
    const ROUNDS: u64 = 300;
    const BLOCKS: u64 = 20;
    let shared = Shared::new(Tracked::new(Global));
    let producers: Vec<_> = (0..2)
        .map(|_| {
            let (sender, receiver) = sync_channel::<TrackedBox<u64, Shared<Tracked<Global>>>>(8);
            let consumer = thread::spawn(move || {
                for mut block in receiver {
                    *block += 1;
                    drop(block);
                }
            });
            let shared = shared.clone();
            let producer = thread::spawn(move || {
                for n in 0..ROUNDS * BLOCKS {
                    sender.send(TrackedBox::new_in(n, shared.clone())).unwrap();
                    let _own = TrackedBox::new_in(n, &shared);
                    if n % BLOCKS == 0 {
                        // So that there is a zero at times, and waits that give up in between.
                        thread::yield_now();
                    }
                }
            });
            (producer, consumer)
        })
        .collect();
    let waits = {
        let shared = shared.clone();
        thread::spawn(move || (0..ROUNDS).for_each(|_| block_on(shared.drained())))
    };
    for (producer, consumer) in producers {
        producer.join().unwrap();
        consumer.join().unwrap();
    }
    waits.join().unwrap();
    block_on(shared.drained());
    assert_eq!((shared.live_blocks(), shared.live_bytes()), (0, 0));
}

/// Never early: a block is written to until its free, and reset by the waiter right after.
#[test]
fn memory_is_free_for_reuse_when_the_wait_ends() {
    use std::cell::UnsafeCell;
    struct Slot(UnsafeCell<u64>);
    // SAFETY: the test is that accesses are ordered by the wait.
    unsafe impl Sync for Slot {}

    let slot = &Slot(UnsafeCell::new(0));
    let tracked = &Tracked::new(Global);
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel::<TrackedBox<u64, &Tracked<Global>>>(0);
        scope.spawn(move || {
            for block in receiver {
                // SAFETY: the waiter touches the slot while no block is live.
                unsafe { *slot.0.get() += *block };
                drop(block);
            }
        });
        for n in 0..3_000 {
            sender.send(TrackedBox::new_in(n, tracked)).unwrap();
            block_on(tracked.drained());
            // SAFETY: drained, and nobody else allocates.
            let seen = unsafe { slot.0.get().replace(0) };
            assert_eq!(seen, n);
        }
    });
}
