//! What a user of `Pool` can rely on.
#![cfg(not(hyperia_loom))]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use hyperia_pool::{OwnedPooled, Pool, Pooled};
use hyperia_test::{CountingWaker, PanicOn, PanicWaker, poll_once};
use hyperia_wait::Block;

/// A pool whose objects are numbered in the order in which they were made.
fn numbered(capacity: usize) -> Pool<usize> {
    let made = AtomicUsize::new(0);
    Pool::new(capacity, move || made.fetch_add(1, SeqCst))
}

/// Counts its drops, and panics in one if told so.
struct Dropped {
    drops: Arc<AtomicUsize>,
    panics: bool,
}

impl Drop for Dropped {
    fn drop(&mut self) {
        self.drops.fetch_add(1, SeqCst);
        assert!(!self.panics, "this drop panics");
    }
}

fn dropped(capacity: usize) -> (Pool<Dropped>, Arc<AtomicUsize>) {
    let drops = Arc::new(AtomicUsize::new(0));
    let make = {
        let drops = Arc::clone(&drops);
        move || Dropped {
            drops: Arc::clone(&drops),
            panics: false,
        }
    };
    (Pool::new(capacity, make), drops)
}

#[test]
fn an_object_is_made_on_first_use_and_used_again() {
    let pool = numbered(3);
    for _ in 0..10 {
        assert_eq!(*pool.try_get().unwrap(), 0);
    }
    let first = pool.try_get().unwrap();
    assert_eq!((*first, *pool.try_get().unwrap()), (0, 1));
}

#[test]
fn a_filled_pool_makes_all_at_once() {
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let pool = Pool::filled(5, move || count.fetch_add(1, SeqCst));
    assert_eq!(made.load(SeqCst), 5);
    let _objects: Vec<_> = (0..5).map(|_| pool.try_get().unwrap()).collect();
    assert_eq!(made.load(SeqCst), 5);
}

#[test]
fn as_many_objects_are_out_as_the_capacity_says() {
    for capacity in [1, 2, 7, 8, 9, 62, 63, 64, 126, 127, 1000] {
        let pool = numbered(capacity);
        assert_eq!((pool.capacity(), pool.len_idle()), (capacity, capacity));
        let mut objects = Vec::new();
        while let Some(object) = pool.try_get() {
            objects.push(object);
            assert_eq!(pool.len_idle(), capacity - objects.len());
        }
        let mut numbers: Vec<_> = objects.iter().map(|object| **object).collect();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..capacity), "each object once");
        drop(objects);
        assert_eq!(pool.len_idle(), capacity);
    }
}

#[test]
#[should_panic(expected = "capacity must be greater than zero")]
fn a_capacity_of_zero_is_refused() {
    numbered(0);
}

#[test]
fn a_change_stays_and_the_reset_undoes_it() {
    let pool = Pool::new(1, String::new);
    pool.try_get().unwrap().push('x');
    assert_eq!(*pool.try_get().unwrap(), "x");
    let pool = Pool::new(1, String::new).with_reset(String::clear);
    pool.try_get().unwrap().push('x');
    assert_eq!(*pool.try_get().unwrap(), "");
}

#[test]
fn objects_beyond_the_capacity_are_freed_on_return() {
    let (pool, drops) = dropped(1);
    let first = pool.get_or_alloc();
    let second = pool.get_or_alloc();
    assert_eq!(pool.len_idle(), 0);
    drop(second);
    assert_eq!((drops.load(SeqCst), pool.len_idle()), (1, 0));
    drop(first);
    assert_eq!((drops.load(SeqCst), pool.len_idle()), (1, 1));
    drop(pool);
    assert_eq!(drops.load(SeqCst), 2);
}

#[test]
fn an_object_that_was_taken_out_is_made_anew() {
    let pool = numbered(1);
    assert_eq!(Pooled::into_inner(pool.try_get().unwrap()), 0);
    assert_eq!((pool.len_idle(), *pool.try_get().unwrap()), (1, 1));
    let out = pool.try_get().unwrap();
    assert_eq!(Pooled::into_inner(pool.get_or_alloc()), 2);
    drop(out);
    let pool = Arc::new(pool);
    let object = pool.try_get_owned().unwrap();
    assert_eq!(OwnedPooled::into_inner(object), 1);
    assert_eq!(Arc::strong_count(&pool), 1);
}

#[test]
fn an_owned_object_keeps_the_pool_and_frees_it_last() {
    let (pool, drops) = dropped(2);
    let pool = Arc::new(pool);
    let object = pool.try_get_owned().unwrap();
    let outside = [pool.get_or_alloc_owned(), pool.get_or_alloc_owned()];
    drop(pool);
    drop(outside);
    assert_eq!(drops.load(SeqCst), 1, "the one beyond the capacity");
    std::thread::spawn(move || drop(object)).join().unwrap();
    assert_eq!(drops.load(SeqCst), 3);
}

#[test]
fn a_forgotten_object_is_dropped_with_the_pool() {
    let (pool, drops) = dropped(1);
    std::mem::forget(pool.try_get());
    assert!(pool.try_get().is_none());
    drop(pool);
    assert_eq!(drops.load(SeqCst), 1);
}

#[test]
fn objects_without_size_and_with_alignment_are_fine() {
    let unit = Pool::new(100, || ());
    let units: Vec<_> = (0..100).map(|_| unit.try_get().unwrap()).collect();
    assert_eq!((units.len(), unit.len_idle()), (100, 0));

    #[repr(align(256))]
    struct Aligned(u8);
    let pool = Pool::new(3, || Aligned(7));
    for object in [
        pool.try_get().unwrap(),
        pool.get_or_alloc(),
        pool.try_get().unwrap(),
        pool.get_or_alloc(),
    ] {
        assert_eq!((object.0, (&raw const *object).addr() % 256), (7, 0));
    }
}

#[test]
fn a_panic_of_the_constructor_leaves_the_slot_and_wakes_the_next() {
    let calls = AtomicUsize::new(0);
    let pool = Pool::new(1, move || {
        assert!(calls.fetch_add(1, SeqCst) != 1, "second")
    });
    Pooled::into_inner(pool.try_get().unwrap());
    let panicked = catch_unwind(AssertUnwindSafe(|| drop(pool.try_get())));
    assert!(panicked.is_err());
    assert_eq!(pool.len_idle(), 1);
    drop(pool.try_get().unwrap());

    // Somebody waits while the one before it gets the panic.
    let calls = AtomicUsize::new(0);
    let pool = Pool::new(1, move || {
        assert!(calls.fetch_add(1, SeqCst) != 1, "second")
    });
    let out = pool.try_get().unwrap();
    let (first, second) = (CountingWaker::new(), CountingWaker::new());
    let mut gets = (pin!(pool.get()), pin!(pool.get()));
    assert!(poll_once(gets.0.as_mut(), &first.waker()).is_pending());
    assert!(poll_once(gets.1.as_mut(), &second.waker()).is_pending());
    Pooled::into_inner(out);
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    let polled = catch_unwind(AssertUnwindSafe(|| {
        poll_once(gets.0.as_mut(), &first.waker()).is_ready()
    }));
    assert!(polled.is_err());
    assert_eq!(second.wakes(), 1);
    assert!(poll_once(gets.1.as_mut(), &second.waker()).is_ready());
}

#[test]
fn a_panic_of_the_constructor_in_filled_drops_what_was_made() {
    let drops = Arc::new(AtomicUsize::new(0));
    let made = AtomicUsize::new(0);
    let make = {
        let drops = Arc::clone(&drops);
        move || {
            assert!(made.fetch_add(1, SeqCst) < 3, "enough");
            Dropped {
                drops: Arc::clone(&drops),
                panics: false,
            }
        }
    };
    assert!(catch_unwind(AssertUnwindSafe(|| Pool::filled(5, make))).is_err());
    assert_eq!(drops.load(SeqCst), 3);
}

#[test]
fn a_panic_of_the_reset_drops_the_object_and_wakes_the_next() {
    let (pool, drops) = dropped(1);
    let pool = pool.with_reset(|_| panic!("this reset panics"));
    let object = pool.try_get().unwrap();
    let waker = CountingWaker::new();
    let mut get = pin!(pool.get());
    assert!(poll_once(get.as_mut(), &waker.waker()).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(object))).is_err());
    assert_eq!(
        (drops.load(SeqCst), waker.wakes(), pool.len_idle()),
        (1, 1, 1)
    );
    let object = get.block();
    assert_eq!(drops.load(SeqCst), 1, "made anew");
    std::mem::forget(object);
}

#[test]
fn a_panic_of_a_drop_beyond_the_capacity_frees_it_once() {
    let (pool, drops) = dropped(1);
    let _first = pool.try_get().unwrap();
    let mut second = pool.get_or_alloc();
    second.panics = true;
    assert!(catch_unwind(AssertUnwindSafe(|| drop(second))).is_err());
    assert_eq!(drops.load(SeqCst), 1);
}

#[test]
fn a_panic_of_one_drop_does_not_keep_the_pool_from_dropping_the_others() {
    let (pool, drops) = dropped(3);
    let mut objects: Vec<_> = (0..3).map(|_| pool.try_get().unwrap()).collect();
    objects[0].panics = true;
    drop(objects);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(pool))).is_err());
    assert_eq!(drops.load(SeqCst), 3);
}

#[test]
fn a_panic_of_a_waker_leaves_the_object_in_the_pool() {
    let pool = numbered(1);
    let object = pool.try_get().unwrap();
    let panicking = PanicWaker::new(PanicOn::Wake);
    let mut get = pin!(pool.get());
    assert!(poll_once(get.as_mut(), &panicking.waker()).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(object))).is_err());
    assert_eq!((panicking.panics(), pool.len_idle()), (1, 1));
    panicking.disarm();
    assert!(poll_once(get.as_mut(), &panicking.waker()).is_ready());
}

#[test]
fn debug_shows_counts_and_objects() {
    let pool = Arc::new(numbered(2));
    let object = pool.try_get().unwrap();
    assert_eq!(format!("{object:?}"), "0");
    assert_eq!(format!("{pool:?}"), "Pool { capacity: 2, idle: 1, .. }");
    assert_eq!(
        format!("{:?}", pool.get()),
        "Get { is_terminated: false, .. }"
    );
    assert_eq!(
        format!("{:?}", pool.get_owned()),
        "OwnedGet { is_terminated: false, .. }"
    );
}

#[test]
fn a_guard_can_be_read_as_what_its_object_can() {
    let pool = Arc::new(Pool::new(2, || vec![1_u8, 2]));
    let (mut borrowed, owned) = (pool.try_get().unwrap(), pool.try_get_owned().unwrap());
    AsMut::<[u8]>::as_mut(&mut borrowed)[0] = 7;
    assert_eq!(AsRef::<[u8]>::as_ref(&borrowed), [7, 2]);
    assert_eq!(AsRef::<[u8]>::as_ref(&owned), [1, 2]);
}
