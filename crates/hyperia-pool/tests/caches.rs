//! What a thread has returned is found by every other, though it has that for itself as long as nobody needs
//! it.
#![cfg(not(hyperia_loom))]

use std::pin::pin;
use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::thread;

use hyperia_pool::{Pool, Pooled};
use hyperia_test::{CountingWaker, forever, poll_once};
use hyperia_wait::Block;

const CAPACITY: usize = 64;

/// A thread that takes and returns all objects of a pool and sleeps until the sender is dropped.
fn returns_all_and_sleeps(pool: &Arc<Pool<u32>>) -> (mpsc::Sender<()>, thread::JoinHandle<()>) {
    let (wake, sleep) = mpsc::channel::<()>();
    let all_back = Arc::new(Barrier::new(2));
    let sleeper = thread::spawn({
        let (pool, all_back) = (Arc::clone(pool), Arc::clone(&all_back));
        move || {
            use_all(&pool);
            all_back.wait();
            assert!(sleep.recv().is_err());
        }
    });
    all_back.wait();
    (wake, sleeper)
}

fn use_all(pool: &Pool<u32>) {
    // Twice: what was returned is taken again.
    for _ in 0..2 {
        let mut objects = take_all(pool);
        for object in &mut objects {
            **object += 1;
        }
    }
}

fn take_all(pool: &Pool<u32>) -> Vec<Pooled<'_, u32>> {
    let objects: Vec<_> = std::iter::from_fn(|| pool.try_get()).collect();
    assert_eq!(objects.len(), pool.capacity());
    assert_eq!(pool.len_idle(), 0);
    objects
}

#[test]
fn no_object_stays_with_a_thread_that_sleeps() {
    let pool = Arc::new(Pool::new(CAPACITY, || 0));
    let (wake, sleeper) = returns_all_and_sleeps(&pool);
    assert_eq!(pool.len_idle(), CAPACITY);
    let objects = take_all(&pool);
    assert!(objects.iter().all(|object| **object == 2), "the same ones");
    drop(objects);
    drop(wake);
    sleeper.join().unwrap();
}

#[test]
fn no_object_stays_with_a_thread_that_has_ended() {
    let pool = Arc::new(Pool::new(CAPACITY, || 0));
    for _ in 0..100 {
        let pool = Arc::clone(&pool);
        thread::spawn(move || use_all(&pool)).join().unwrap();
    }
    assert!(take_all(&pool).iter().all(|object| **object == 200));
}

#[test]
fn one_who_waits_is_served_from_the_cache_of_a_thread_that_sleeps() {
    let pool = Arc::new(Pool::new(1, || 0));
    let (wake, sleeper) = returns_all_and_sleeps(&pool);
    assert_eq!(*pool.get().block(), 2);
    drop(wake);
    sleeper.join().unwrap();
}

#[test]
fn one_who_sleeps_is_woken_by_a_return_that_would_have_gone_into_a_cache() {
    let pool = Pool::new(1, || 0);
    let counting = CountingWaker::new();
    // Taken by this thread, whose cache is open.
    let object = pool.try_get().unwrap();
    let mut get = pin!(pool.get());
    assert!(poll_once(get.as_mut(), &counting.waker()).is_pending());
    drop(object);
    assert_eq!(counting.wakes(), 1);
    assert!(poll_once(get.as_mut(), &counting.waker()).is_ready());
}

#[test]
fn after_a_wait_threads_get_their_caches_again() {
    let pool = Pool::new(CAPACITY, || 0);
    let objects = take_all(&pool);
    {
        let mut gives_up = pin!(pool.get());
        assert!(poll_once(gives_up.as_mut(), std::task::Waker::noop()).is_pending());
    }
    drop(objects);
    // More than it takes; what is kept and what is not is the same to whoever counts.
    for _ in 0..10_000 {
        let object = pool.try_get().unwrap();
        assert_eq!(pool.len_idle(), CAPACITY - 1);
        drop(object);
        assert_eq!(pool.len_idle(), CAPACITY);
    }
}

#[test]
fn more_threads_than_caches_share_a_pool() {
    let pool = Arc::new(Pool::new(CAPACITY, || 0));
    let threads = 100;
    let all_there = Arc::new(Barrier::new(threads));
    let users: Vec<_> = (0..threads)
        .map(|_| {
            let (pool, all_there) = (Arc::clone(&pool), Arc::clone(&all_there));
            thread::spawn(move || {
                all_there.wait();
                for _ in 0..100 {
                    *pool.get().block() += 1;
                }
            })
        })
        .collect();
    for user in users {
        user.join().unwrap();
    }
    let uses: u32 = take_all(&pool).iter().map(|object| **object).sum();
    assert_eq!(uses, 100 * 100);
}

#[test]
fn objects_that_are_not_used_are_not_made() {
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering::SeqCst;
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let pool = Pool::new(CAPACITY, || MADE.fetch_add(1, SeqCst));
    for _ in 0..10 {
        let two = (pool.try_get(), pool.try_get());
        assert!(two.0.is_some() && two.1.is_some());
    }
    assert_eq!(MADE.load(SeqCst), 2);
}

#[test]
fn a_forgotten_wait_costs_the_caches_and_nothing_else() {
    let pool: &'static Pool<u32> = forever(Pool::new(2, || 0));
    let objects = (pool.try_get(), pool.try_get());
    let mut forgotten = Box::pin(pool.get());
    assert!(poll_once(forgotten.as_mut(), std::task::Waker::noop()).is_pending());
    forever(forgotten);
    drop(objects);
    for _ in 0..1_000 {
        let both = (pool.try_get(), pool.try_get());
        assert!(both.0.is_some() && both.1.is_some() && pool.try_get().is_none());
    }
    assert_eq!(pool.len_idle(), 2);
}
