//! Threads beyond the seats count, too, and so do threads that come and go on the same one.
#![cfg(all(not(hyperia_loom), feature = "allocator-api2"))]

use std::sync::Barrier;
use std::thread;

use allocator_api2::alloc::Global;
use allocator_api2::boxed::Box;
use hyperia_alloc::Tracked;
use hyperia_asymmetric::SEATS;
use hyperia_wait::Block;

const THREADS: usize = SEATS + 16;

#[test]
fn threads_beyond_the_seats_are_counted_and_waited_for() {
    let tracked = Tracked::new(Global);
    let all_live = Barrier::new(THREADS + 1);
    let looked_at = Barrier::new(THREADS + 1);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let boxed = Box::new_in([0_u8; 10], &tracked);
                all_live.wait();
                looked_at.wait();
                drop(boxed);
            });
        }
        all_live.wait();
        assert_eq!(tracked.live_blocks(), THREADS);
        assert_eq!(tracked.live_bytes(), 10 * THREADS);
        looked_at.wait();
        tracked.drained().block();
    });
    assert_eq!((tracked.live_blocks(), tracked.live_bytes()), (0, 0));
}

#[test]
fn one_thread_frees_what_all_others_allocated_before_they_ended() {
    let tracked = Tracked::new(Global);
    let boxes: Vec<_> = (0..4 * SEATS)
        .map(|number| {
            thread::scope(|scope| {
                scope
                    .spawn(|| Box::new_in(number, &tracked))
                    .join()
                    .unwrap()
            })
        })
        .collect();
    assert_eq!(tracked.live_blocks(), 4 * SEATS);
    drop(boxes);
    assert_eq!((tracked.live_blocks(), tracked.live_bytes()), (0, 0));
    tracked.drained().block();
}
