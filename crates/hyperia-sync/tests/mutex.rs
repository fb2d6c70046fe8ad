//! What users of `Mutex` can rely on. (Who gets the lock next is tested with the semaphore.)
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

use futures_core::FusedFuture;
use hyperia_sync::{Mutex, OwnedMutexGuard};
use hyperia_test::alloc::{self, CountingAllocator};
use hyperia_test::{CountingWaker, drop_at_every_poll, poll_once};
use hyperia_wait::{Block, block_on};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn one_at_a_time_has_the_value() {
    let mutex = Mutex::new(1);
    let mut guard = block_on(mutex.lock());
    *guard += 1;
    assert!(mutex.try_lock().is_none());
    assert!(mutex.is_locked());
    let task = CountingWaker::new();
    let mut lock = pin!(mutex.lock());
    assert!(poll_once(lock.as_mut(), &task.waker()).is_pending());
    assert!(!lock.is_terminated());
    drop(guard);
    assert_eq!(task.wakes(), 1);
    assert!(
        poll_once(lock.as_mut(), &task.waker())
            .map(|guard| assert_eq!(*guard, 2))
            .is_ready()
    );
    assert!(lock.is_terminated() && !mutex.is_locked());
}

#[test]
fn the_owner_needs_no_lock() {
    let mut mutex = Mutex::from(vec![1]);
    mutex.get_mut().push(2);
    assert_eq!(*mutex.try_lock().unwrap(), [1, 2]);
    assert_eq!(mutex.into_inner(), [1, 2]);
    assert_eq!(Mutex::<u8>::default().into_inner(), 0);
}

/// Dropped by the mutex, or taken out of it: once.
#[test]
fn the_value_is_dropped_once() {
    let counted = std::rc::Rc::new(());
    let mutex = Mutex::new(std::rc::Rc::clone(&counted));
    drop(mutex);
    assert_eq!(std::rc::Rc::strong_count(&counted), 1);
    let value = Mutex::new(std::rc::Rc::clone(&counted)).into_inner();
    assert_eq!(std::rc::Rc::strong_count(&counted), 2);
    drop(value);
    assert_eq!(std::rc::Rc::strong_count(&counted), 1);
}

#[test]
fn a_panic_with_the_lock_held_unlocks_and_poisons_nothing() {
    let mutex = Mutex::new(0);
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let mut guard = mutex.try_lock().unwrap();
        *guard = 5;
        panic!("as it should");
    }));
    assert!(panic.is_err());
    assert_eq!(*mutex.try_lock().unwrap(), 5);
}

#[test]
fn newcomers_overtake_only_so_often() {
    for overtakes_max in [0, 3] {
        let mutex = Mutex::with_overtakes_max(0_u32, overtakes_max);
        let held = mutex.try_lock().unwrap();
        let mut lock = pin!(mutex.lock());
        assert!(poll_once(lock.as_mut(), Waker::noop()).is_pending());
        drop(held);
        let mut overtakes = 0;
        while let Some(guard) = mutex.try_lock() {
            overtakes += 1;
            drop(guard);
        }
        assert_eq!(overtakes, overtakes_max);
        assert!(poll_once(lock, Waker::noop()).is_ready());
    }
}

#[test]
fn dropped_at_any_poll_it_leaves_the_lock() {
    static MUTEX: Mutex<u32> = Mutex::with_overtakes_max(0, 0);
    let polls = drop_at_every_poll(
        || (Cell::new(MUTEX.try_lock()), MUTEX.lock()),
        |held, k| {
            // Handed over before the second poll.
            if k == 1 {
                drop(held.take());
            }
        },
        |held, _| {
            drop(held.take());
            assert!(MUTEX.try_lock().is_some());
        },
    );
    assert_eq!(polls, 2);
}

#[test]
fn nothing_allocates() {
    let mutex = Mutex::new(0);
    let ((), counts) = alloc::count(|| {
        let held = mutex.try_lock();
        let mut lock = pin!(mutex.lock());
        assert!(poll_once(lock.as_mut(), Waker::noop()).is_pending());
        drop(held);
        assert!(poll_once(lock, Waker::noop()).is_ready());
    });
    assert_eq!(counts.allocations, 0);
}

#[test]
fn threads_add_up() {
    let mutex = Mutex::new(0_u64);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5_000 {
                    let mut guard = mutex.lock().block();
                    // Not atomic: what two would do at once would be lost.
                    let value = std::hint::black_box(*guard);
                    *guard = value + 1;
                }
            });
        }
    });
    assert_eq!(mutex.into_inner(), 20_000);
}

#[test]
fn debug_shows_the_value_unless_it_is_locked() {
    let mutex = Mutex::new(7);
    assert_eq!(format!("{mutex:?}"), "Mutex { value: 7 }");
    let guard = mutex.try_lock().unwrap();
    assert_eq!(format!("{guard:?} {guard}"), "7 7");
    assert_eq!(format!("{mutex:?}"), "Mutex { value: <locked> }");
}

#[test]
fn a_value_without_a_size_known_beforehand_is_locked_through_a_reference() {
    let mutex: &Mutex<[u8]> = &Mutex::new([1, 2, 3]);
    mutex.lock().block()[1] = 7;
    assert_eq!(*mutex.lock().block(), [1, 7, 3]);
    let shared: Arc<Mutex<dyn Send>> = Arc::new(Mutex::new(1));
    drop(shared.lock_owned().block());
}

#[test]
fn an_owned_guard_keeps_the_mutex_and_unlocks_it() {
    let mutex = Arc::new(Mutex::new(1));
    let mut guard = Arc::clone(&mutex).try_lock_owned().unwrap();
    *guard += 1;
    assert!(Arc::ptr_eq(OwnedMutexGuard::mutex(&guard), &mutex));
    assert!(Arc::clone(&mutex).try_lock_owned().is_none());
    let task = CountingWaker::new();
    let mut goes = Box::pin(Arc::clone(&mutex).lock_owned());
    let mut stays = Box::pin(Arc::clone(&mutex).lock_owned());
    assert!(poll_once(goes.as_mut(), Waker::noop()).is_pending());
    assert!(poll_once(stays.as_mut(), &task.waker()).is_pending());
    drop(guard);
    drop(goes);
    assert_eq!(task.wakes(), 1);
    let guard = match poll_once(stays.as_mut(), &task.waker()) {
        Poll::Ready(guard) => guard,
        Poll::Pending => panic!("it was passed on"),
    };
    assert!(stays.is_terminated());
    drop(stays);
    assert_eq!(*guard, 2);
    drop(guard);
    assert!(!mutex.is_locked());
    assert_eq!(Arc::strong_count(&mutex), 1);
}
