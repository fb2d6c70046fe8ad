//! What a user of `Get` and `OwnedGet` can rely on.
#![cfg(not(hyperia_loom))]

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use hyperia_pool::{Get, OwnedPooled, Pool};
use hyperia_test::{CountingWaker, PanicOn, PanicWaker, drop_at_every_poll, poll_once};
use hyperia_wait::Block;

fn pool(capacity: usize) -> Arc<Pool<u8>> {
    Arc::new(Pool::new(capacity, || 0))
}

#[test]
fn an_idle_object_is_there_at_the_first_poll() {
    let pool = pool(1);
    let waker = CountingWaker::new();
    assert!(poll_once(pin!(pool.get()), &waker.waker()).is_ready());
    assert!(poll_once(pin!(pool.get_owned()), &waker.waker()).is_ready());
    assert_eq!((waker.clones(), pool.len_idle()), (0, 1));
}

#[test]
fn those_who_wait_are_woken_in_the_order_in_which_they_came() {
    let pool = pool(1);
    let mut object = pool.try_get();
    let wakers: Vec<_> = (0..5).map(|_| CountingWaker::new()).collect();
    let mut gets: Vec<_> = wakers.iter().map(|_| Box::pin(pool.get())).collect();
    for (get, waker) in gets.iter_mut().zip(&wakers) {
        assert!(poll_once(get.as_mut(), &waker.waker()).is_pending());
    }
    for served in 0..5 {
        drop(object.take());
        let woken = wakers.iter().filter(|waker| waker.wakes() == 1).count();
        assert_eq!((woken, wakers[served].wakes()), (served + 1, 1));
        let Poll::Ready(next) = poll_once(gets[served].as_mut(), &wakers[served].waker()) else {
            panic!("woken, and nobody else has come");
        };
        object = Some(next);
    }
}

#[test]
fn one_who_was_woken_in_vain_is_not_overtaken_again() {
    let pool = pool(1);
    let object = pool.try_get();
    let waker = CountingWaker::new();
    let mut get = Box::pin(pool.get());
    assert!(poll_once(get.as_mut(), &waker.waker()).is_pending());
    drop(object);
    // Faster than the one that was woken.
    let object = pool.try_get().expect("not robbed yet");
    assert_eq!(waker.wakes(), 1);
    assert!(poll_once(get.as_mut(), &waker.waker()).is_pending());
    drop(object);
    assert!(pool.try_get().is_none(), "newcomers line up");
    let other = CountingWaker::new();
    let mut newcomer = Box::pin(pool.get());
    assert!(poll_once(newcomer.as_mut(), &other.waker()).is_pending());
    assert_eq!(waker.wakes(), 2);
    let served = poll_once(get.as_mut(), &waker.waker());
    assert!(served.is_ready());
    drop(served);
    assert!(poll_once(newcomer.as_mut(), &other.waker()).is_ready());
    assert!(pool.try_get().is_some(), "nobody is in line any more");
}

#[test]
fn one_who_was_woken_in_vain_and_gives_up_lets_newcomers_through() {
    let pool = pool(1);
    let object = pool.try_get();
    let waker = CountingWaker::new();
    let mut get = Box::pin(pool.get());
    assert!(poll_once(get.as_mut(), &waker.waker()).is_pending());
    drop(object);
    let object = pool.try_get();
    assert!(poll_once(get.as_mut(), &waker.waker()).is_pending());
    drop(object);
    assert!(pool.try_get().is_none());
    drop(get);
    assert!(pool.try_get().is_some());
}

/// What a waiter that was dropped has left, with a second waiter behind it.
struct Scene {
    pool: Arc<Pool<u8>>,
    out: RefCell<Vec<OwnedPooled<u8>>>,
}

fn scene() -> Scene {
    let pool = pool(1);
    let out = RefCell::new(vec![pool.try_get_owned().unwrap()]);
    Scene { pool, out }
}

/// Step 0: nothing; step 1: the object comes back; a barger takes it; step 2: it comes back again.
fn step(scene: &Scene, k: usize) {
    if k == 1 {
        scene.out.borrow_mut().clear();
        let barger = scene.pool.try_get_owned();
        scene.out.borrow_mut().extend(barger);
    } else if k == 2 {
        scene.out.borrow_mut().clear();
    }
}

fn nothing_is_lost(scene: &Scene) {
    scene.out.borrow_mut().clear();
    assert_eq!(scene.pool.len_idle(), 1);
    let object = scene.pool.try_get();
    assert!(object.is_some());
    // And whoever waits now is woken.
    let waker = CountingWaker::new();
    let mut get = pin!(scene.pool.get());
    assert!(poll_once(get.as_mut(), &waker.waker()).is_pending());
    drop(object);
    assert_eq!(waker.wakes(), 1);
    assert!(poll_once(get.as_mut(), &waker.waker()).is_ready());
}

#[test]
fn a_get_may_be_dropped_at_every_poll() {
    // One for each time that the scenario begins.
    let pools: Vec<_> = (0..16).map(|_| Pool::new(1, || 0_u8)).collect();
    let mut unused = pools.iter();
    let polls = drop_at_every_poll(
        || {
            let pool = unused.next().expect("enough of them");
            let out = pool.try_get();
            let get: Get<'_, u8> = pool.get();
            ((pool, RefCell::new(out)), get)
        },
        |(pool, out), k| {
            if k == 1 {
                out.borrow_mut().take();
                *out.borrow_mut() = pool.try_get();
            } else if k == 2 {
                out.borrow_mut().take();
            }
        },
        |(pool, out), _| {
            out.borrow_mut().take();
            assert_eq!(pool.len_idle(), 1);
            assert!(pool.try_get().is_some());
        },
    );
    assert_eq!(polls, 3);
}

#[test]
fn an_owned_get_may_be_dropped_at_every_poll() {
    let polls = drop_at_every_poll(
        || {
            let scene = scene();
            let get = scene.pool.get_owned();
            (scene, get)
        },
        step,
        |scene, _| nothing_is_lost(&scene),
    );
    assert_eq!(polls, 3);
}

#[test]
fn a_wake_up_of_a_dropped_get_goes_to_the_next() {
    let pool = pool(1);
    let object = pool.try_get();
    let wakers = [CountingWaker::new(), CountingWaker::new()];
    let mut gets = [Box::pin(pool.get_owned()), Box::pin(pool.get_owned())];
    for (get, waker) in gets.iter_mut().zip(&wakers) {
        assert!(poll_once(get.as_mut(), &waker.waker()).is_pending());
    }
    drop(object);
    let [first, mut second] = gets;
    assert_eq!((wakers[0].wakes(), wakers[1].wakes()), (1, 0));
    drop(first);
    assert_eq!(wakers[1].wakes(), 1);
    assert!(poll_once(second.as_mut(), &wakers[1].waker()).is_ready());
}

#[test]
fn an_old_mark_costs_one_slow_return_and_nothing_else() {
    let pool = pool(1);
    let object = pool.try_get();
    let waker = CountingWaker::new();
    {
        let mut get = pin!(pool.get());
        assert!(poll_once(get.as_mut(), &waker.waker()).is_pending());
    }
    drop(object); // finds the mark, and nobody
    for _ in 0..3 {
        let object = pool.try_get().unwrap();
        let mut get = pin!(pool.get());
        assert!(poll_once(get.as_mut(), &waker.waker()).is_pending());
        let before = waker.wakes();
        drop(object);
        assert_eq!(waker.wakes(), before + 1);
        assert!(poll_once(get.as_mut(), &waker.waker()).is_ready());
    }
}

#[test]
fn a_get_whose_waker_panics_on_clone_begins_anew() {
    let pool = pool(1);
    let object = pool.try_get();
    let panicking = PanicWaker::new(PanicOn::Clone);
    let mut get = pin!(pool.get());
    let polled = catch_unwind(AssertUnwindSafe(|| {
        poll_once(get.as_mut(), &panicking.waker()).is_ready()
    }));
    assert!(polled.is_err());
    let waker = CountingWaker::new();
    assert!(poll_once(get.as_mut(), &waker.waker()).is_pending());
    drop(object);
    assert_eq!(waker.wakes(), 1);
    assert!(poll_once(get.as_mut(), &waker.waker()).is_ready());
}

#[test]
#[should_panic(expected = "polled again after it was ready")]
fn a_get_that_was_ready_is_not_polled_again() {
    let pool = pool(1);
    let mut get = pin!(pool.get());
    let waker = CountingWaker::new();
    for _ in 0..2 {
        drop(poll_once(get.as_mut(), &waker.waker()));
    }
}

#[test]
fn an_owned_get_keeps_the_pool() {
    let pool = pool(1);
    let object = pool.try_get_owned();
    let mut get = Box::pin(pool.get_owned());
    let waker = CountingWaker::new();
    assert!(poll_once(get.as_mut(), &waker.waker()).is_pending());
    drop(pool);
    drop(object);
    let object = get.block();
    assert_eq!(*object, 0);
}

#[test]
fn an_owned_get_that_waits_may_be_the_last_to_have_the_pool() {
    let pool = pool(1);
    let object = pool.try_get_owned().unwrap();
    let mut get = Box::pin(pool.get_owned());
    let waker = CountingWaker::new();
    assert!(poll_once(get.as_mut(), &waker.waker()).is_pending());
    drop((pool, object));
    drop(get);
    assert_eq!(waker.live(), 0);
}

/// Each object is with one task at a time, and everybody gets one in the end.
async fn share(pool: Arc<Pool<u8>>, rounds: usize) {
    for _ in 0..rounds {
        let mut object: OwnedPooled<u8> = pool.get_owned().await;
        *object += 1;
        assert_eq!(*object, 1);
        Yield::default().await;
        *object -= 1;
    }
}

/// Lets other tasks run once.
#[derive(Default)]
struct Yield(bool);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(not(hyperia_shuttle))]
#[test]
fn runs_on_tokio() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let pool = pool(2);
    let tasks: Vec<_> = (0..8)
        .map(|_| runtime.spawn(share(Arc::clone(&pool), 100)))
        .collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(pool.len_idle(), 2);
}

#[cfg(not(hyperia_shuttle))]
#[test]
fn runs_on_smol() {
    let pool = pool(2);
    let tasks: Vec<_> = (0..8)
        .map(|_| smol::spawn(share(Arc::clone(&pool), 100)))
        .collect();
    smol::block_on(async {
        for task in tasks {
            task.await;
        }
    });
    assert_eq!(pool.len_idle(), 2);
}
