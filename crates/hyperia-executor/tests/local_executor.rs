//! What a user of the executor can rely on, on its own thread.
#![cfg(not(hyperia_loom))]
mod common;
#[path = "common/tasks.rs"]
mod tasks;

use common::{executor, settle};
use hyperia_executor::{LocalExecutor, Task};
use hyperia_test::{CountingWaker, PanicOn, PanicWaker, forever};
use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::{Poll, Waker};
use tasks::{OnDrop, counter, yield_now};

#[test]
fn tasks_run_in_the_order_they_were_spawned() {
    let executor = executor();
    let order = Rc::new(RefCell::new(Vec::new()));
    for number in 0..5 {
        let order = Rc::clone(&order);
        executor
            .spawn(async move { order.borrow_mut().push(number) })
            .detach();
    }
    settle(&executor);
    assert_eq!(*order.borrow(), [0, 1, 2, 3, 4]);
}

#[test]
fn tasks_run_in_the_order_they_were_woken() {
    let executor = executor();
    let wakers: Rc<RefCell<Vec<Option<Waker>>>> = Rc::new(RefCell::new(vec![None; 4]));
    let order = Rc::new(RefCell::new(Vec::new()));
    for number in 0..4 {
        let (wakers, order) = (Rc::clone(&wakers), Rc::clone(&order));
        executor
            .spawn(async move {
                let mut woken = false;
                poll_fn(|cx| {
                    if std::mem::replace(&mut woken, true) {
                        return Poll::Ready(());
                    }
                    wakers.borrow_mut()[number] = Some(cx.waker().clone());
                    Poll::Pending
                })
                .await;
                order.borrow_mut().push(number);
            })
            .detach();
    }
    settle(&executor);
    for number in [2, 0, 3, 1] {
        let waker = wakers.borrow_mut()[number].take().unwrap();
        waker.wake();
    }
    settle(&executor);
    assert_eq!(*order.borrow(), [2, 0, 3, 1]);
}

#[test]
fn run_polls_no_more_than_its_budget() {
    let executor = executor();
    let (polls, poll) = counter();
    for _ in 0..5 {
        let poll = poll.clone();
        executor.spawn(async move { poll() }).detach();
    }
    assert!(executor.run(0));
    assert_eq!(polls.get(), 0);
    assert!(executor.run(3));
    assert_eq!(polls.get(), 3);
    assert!(executor.is_ready());
    assert!(
        !executor.run(2),
        "nothing is left: the budget was just enough"
    );
    assert_eq!(polls.get(), 5);
    assert!(!executor.is_ready());
    assert!(!executor.run(0));
}

#[test]
fn a_task_that_yields_lets_all_others_go_first() {
    let executor = executor();
    let order = Rc::new(RefCell::new(Vec::new()));
    for name in ["a", "b"] {
        let order = Rc::clone(&order);
        executor
            .spawn(async move {
                for _ in 0..3 {
                    order.borrow_mut().push(name);
                    yield_now().await;
                }
            })
            .detach();
    }
    settle(&executor);
    assert_eq!(*order.borrow(), ["a", "b", "a", "b", "a", "b"]);
}

#[test]
fn two_tasks_that_wake_each_other_for_ever_starve_neither_the_loop_nor_the_rest() {
    let executor = executor();
    let partner: Rc<RefCell<[Option<Waker>; 2]>> = Rc::default();
    for side in 0..2 {
        let partner = Rc::clone(&partner);
        executor
            .spawn(poll_fn(move |cx| {
                let mut wakers = partner.borrow_mut();
                wakers[side] = Some(cx.waker().clone());
                if let Some(other) = wakers[1 - side].take() {
                    other.wake();
                }
                Poll::<()>::Pending
            }))
            .detach();
    }
    // `run` returns while they go on.
    for _ in 0..100 {
        assert!(executor.run(7));
    }
    // One from here and one from another thread get their turn within a round.
    let here = executor.spawn(async {});
    let spawner = executor.spawner();
    let there = std::thread::spawn(move || spawner.spawn(async {}))
        .join()
        .unwrap();
    assert!(executor.run(5));
    assert!(here.is_finished() && there.is_finished());
}

#[test]
fn a_wake_inside_a_poll_means_another_poll() {
    let executor = executor();
    let (polls, poll) = counter();
    executor
        .spawn(async move {
            for _ in 0..3 {
                poll();
                yield_now().await;
            }
        })
        .detach();
    settle(&executor);
    assert_eq!(polls.get(), 3);
}

#[test]
fn many_wakes_before_a_poll_are_one() {
    let executor = executor();
    let slot: Rc<RefCell<Option<Waker>>> = Rc::default();
    let (polls, poll) = counter();
    let task = executor.spawn({
        let slot = Rc::clone(&slot);
        poll_fn(move |cx| {
            poll();
            *slot.borrow_mut() = Some(cx.waker().clone());
            Poll::<()>::Pending
        })
    });
    settle(&executor);
    let waker = slot.borrow().clone().unwrap();
    for _ in 0..10 {
        waker.wake_by_ref();
    }
    settle(&executor);
    assert_eq!(polls.get(), 2);
    drop(task);
}

#[test]
fn the_waker_is_rung_once_for_what_happens_while_nobody_runs() {
    let counting = CountingWaker::new();
    let executor = LocalExecutor::new(counting.waker());
    // From the start: who drives it may be asleep.
    let first = executor.spawn(async {});
    let second = executor.spawn(async {});
    assert_eq!(counting.wakes(), 1);
    settle(&executor);
    assert_eq!(counting.wakes(), 1, "awake");
    // Asleep again: a new ring, once.
    let third = executor.spawn(async {});
    let fourth = executor.spawn(async {});
    assert_eq!(counting.wakes(), 2);
    settle(&executor);
    for task in [first, second, third, fourth] {
        assert!(task.is_finished());
    }
}

#[test]
fn a_run_that_leaves_tasks_ready_is_no_sleep() {
    let counting = CountingWaker::new();
    let executor = LocalExecutor::new(counting.waker());
    for _ in 0..3 {
        executor.spawn(async {}).detach();
    }
    assert_eq!(counting.wakes(), 1);
    assert!(executor.run(1));
    executor.spawn(async {}).detach();
    let spawner = executor.spawner();
    std::thread::spawn(move || spawner.spawn(async {}).detach())
        .join()
        .unwrap();
    assert_eq!(
        counting.wakes(),
        1,
        "rung though the caller said it comes again"
    );
    settle(&executor);
}

#[test]
fn tasks_spawned_by_tasks_run() {
    let executor = executor();
    let spawner = executor.local_spawner();
    let sum = executor.spawn(async move {
        let mut sum = 0;
        for number in 0..10 {
            let not_send = Rc::new(number);
            sum += spawner.spawn(async move { *not_send }).await;
        }
        sum
    });
    settle(&executor);
    assert_eq!(hyperia_wait::block_on(sum), 45);
}

#[test]
fn run_inside_of_a_task_runs_the_others() {
    let executor = Rc::new(executor());
    let inner = executor.spawn(async { 7 });
    let task = executor.spawn({
        let executor = Rc::clone(&executor);
        async move {
            let other = executor.spawn(async { 1 });
            executor.run(8);
            assert!(other.is_finished());
        }
    });
    settle(&executor);
    assert!(task.is_finished() && inner.is_finished());
    drop(task);
}

#[test]
fn a_large_future_runs_too() {
    let executor = executor();
    let task = executor.spawn(async {
        let large = [1_u8; 10_000];
        yield_now().await;
        large.iter().map(|&byte| usize::from(byte)).sum::<usize>()
    });
    settle(&executor);
    assert_eq!(hyperia_wait::block_on(task), 10_000);
}

#[test]
fn dropping_the_executor_drops_ready_pending_and_never_polled_futures() {
    let (drops, drop_one) = counter();
    let executor = executor();
    for _ in 0..10 {
        let guard = OnDrop(drop_one.clone());
        executor
            .spawn(async move {
                pending::<()>().await;
                drop(guard);
            })
            .detach();
    }
    settle(&executor);
    for _ in 0..5 {
        let guard = OnDrop(drop_one.clone());
        executor.spawn(async move { drop(guard) }).detach();
    }
    let finished = OnDrop(drop_one.clone());
    executor.spawn(async move { drop(finished) }).detach();
    assert_eq!(drops.get(), 0);
    drop(executor);
    assert_eq!(drops.get(), 16);
}

#[test]
fn destructors_may_wake_and_spawn_while_the_executor_is_dropped() {
    let (drops, drop_one) = counter();
    let executor = executor();
    let wakers: Rc<RefCell<Vec<Waker>>> = Rc::default();
    for _ in 0..4 {
        let guard = OnDrop({
            let (drop_one, wakers) = (drop_one.clone(), Rc::clone(&wakers));
            let (local, remote) = (executor.local_spawner(), executor.spawner());
            move || {
                drop_one();
                for waker in wakers.borrow().iter() {
                    waker.wake_by_ref();
                }
                let spawned = OnDrop(drop_one.clone());
                local.spawn(async move { drop(spawned) }).detach();
                let sent = std::sync::Arc::new(());
                let seen = std::sync::Arc::downgrade(&sent);
                remote.spawn(async move { drop(sent) }).detach();
                assert!(seen.upgrade().is_none(), "dropped at once");
            }
        });
        let wakers = Rc::clone(&wakers);
        executor
            .spawn(async move {
                let _guard = guard;
                poll_fn(|cx| {
                    wakers.borrow_mut().push(cx.waker().clone());
                    Poll::<()>::Pending
                })
                .await;
            })
            .detach();
    }
    settle(&executor);
    drop(executor);
    assert_eq!(drops.get(), 8, "four futures, and four that they spawned");
}

#[test]
fn handles_and_wakers_that_survive_the_executor_are_harmless() {
    let executor = executor();
    let slot: Rc<RefCell<Option<Waker>>> = Rc::default();
    let task = executor.spawn({
        let slot = Rc::clone(&slot);
        poll_fn(move |cx| {
            *slot.borrow_mut() = Some(cx.waker().clone());
            Poll::<()>::Pending
        })
    });
    let (local, remote) = (executor.local_spawner(), executor.spawner());
    settle(&executor);
    drop(executor);

    let waker = slot.borrow_mut().take().unwrap();
    waker.wake_by_ref();
    std::thread::spawn(move || {
        waker.wake_by_ref();
        let clone = waker.clone();
        drop(waker);
        clone.wake();
    })
    .join()
    .unwrap();
    assert!(task.is_finished());
    assert_eq!(hyperia_wait::block_on(task.fallible()), None);

    let late = local.spawn(async { 1 });
    assert!(late.is_finished());
    assert_eq!(hyperia_wait::block_on(late.cancel()), None);
    let late = remote.spawn(async { 1 });
    assert!(
        catch_unwind(AssertUnwindSafe(|| hyperia_wait::block_on(late))).is_err(),
        "awaiting says so"
    );
}

#[test]
fn tasks_of_two_executors_on_one_thread_await_each_other() {
    let (here, there) = (executor(), executor());
    let inner = there.spawn(async {
        yield_now().await;
        5
    });
    let outer = here.spawn(async move { inner.await + 1 });
    for _ in 0..10 {
        here.run(8);
        there.run(8);
    }
    assert!(outer.is_finished());
    assert_eq!(hyperia_wait::block_on(outer), 6);
}

#[test]
fn a_panicking_waker_of_the_driver_loses_no_task() {
    let panicking = PanicWaker::new(PanicOn::Wake);
    let executor = LocalExecutor::new(panicking.waker());
    let (polls, poll) = counter();
    let spawned = catch_unwind(AssertUnwindSafe(|| {
        executor.spawn({
            let poll = poll.clone();
            async move { poll() }
        })
    }));
    // The task came back to nobody, so it is cancelled; the executor is intact.
    assert!(spawned.is_err());
    assert_eq!(panicking.panics(), 1);
    panicking.disarm();
    settle(&executor);
    executor.spawn(async move { poll() }).detach();
    settle(&executor);
    assert_eq!(polls.get(), 1);
}

#[test]
fn a_leaked_executor_leaks_and_nothing_else() {
    let executor = executor();
    let task = executor.spawn(async { 1 });
    let waker_slot: Rc<Cell<Option<Waker>>> = Rc::default();
    let pending: Task<()> = executor.spawn({
        let slot = Rc::clone(&waker_slot);
        poll_fn(move |cx| {
            slot.set(Some(cx.waker().clone()));
            Poll::Pending
        })
    });
    settle(&executor);
    // Never dropped, and still reachable, so that a leak checker sees the other leaks.
    forever(executor);
    waker_slot.take().unwrap().wake();
    drop(pending);
    assert_eq!(hyperia_wait::block_on(task), 1);
}

#[test]
fn types_say_what_they_are() {
    let executor = executor();
    let task = executor.spawn(async { 1 });
    assert_eq!(format!("{task:?}"), "Task { is_finished: false, .. }");
    assert_eq!(
        format!("{executor:?}"),
        "LocalExecutor { is_ready: true, .. }"
    );
    assert_eq!(
        format!("{:?}", executor.spawner()),
        "Spawner { is_closed: false, .. }"
    );
    let local = executor.local_spawner();
    drop(executor);
    assert_eq!(format!("{local:?}"), "LocalSpawner { is_closed: true, .. }");
    assert_eq!(
        format!("{:?}", task.fallible()),
        "FallibleTask { is_finished: true, .. }"
    );
}
