//! Other threads: wakes, spawns, cancels, and the executor's end meanwhile.
#![cfg(not(hyperia_loom))]
mod common;

use common::{executor, settle};
use hyperia_executor::LocalExecutor;
use hyperia_test::CountingWaker;
use std::future::{pending, poll_fn};
use std::marker::PhantomData;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Wake, Waker};
use std::thread::{self, Thread, ThreadId};

/// Drives an executor whose waker unparks this thread, until `done`; a minimal driver.
fn drive(executor: &LocalExecutor, mut done: impl FnMut() -> bool) {
    while !done() {
        if !executor.run(16) && !done() {
            thread::park();
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn parked() -> LocalExecutor {
    LocalExecutor::new(Waker::from(Arc::new(Unpark(thread::current()))))
}

/// A future that is not `Send` and knows the thread it was made on.
struct Homesick {
    home: ThreadId,
    dropped_at: Arc<Mutex<Vec<ThreadId>>>,
    _not_send: PhantomData<*const ()>,
}

impl Homesick {
    fn new(dropped_at: &Arc<Mutex<Vec<ThreadId>>>) -> Self {
        Self {
            home: thread::current().id(),
            dropped_at: Arc::clone(dropped_at),
            _not_send: PhantomData,
        }
    }
}

impl Drop for Homesick {
    fn drop(&mut self) {
        assert_eq!(self.home, thread::current().id());
        self.dropped_at.lock().unwrap().push(thread::current().id());
    }
}

/// RUSTSEC-2021-0072: tokio's `LocalSet` dropped a future that is not `Send` on the thread that aborted it.
#[test]
fn rustsec_2021_0072_cancelling_on_another_thread_drops_the_future_at_home() {
    let executor = executor();
    let dropped_at = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for run_before in [false, true] {
        let homesick = Homesick::new(&dropped_at);
        tasks.push(executor.spawn(async move {
            let _homesick = homesick;
            pending::<()>().await;
        }));
        if run_before {
            settle(&executor);
        }
    }
    let canceller = thread::spawn(move || {
        for task in tasks {
            drop(task);
        }
    });
    canceller.join().unwrap();
    assert!(dropped_at.lock().unwrap().is_empty(), "not on that thread");
    settle(&executor);
    assert_eq!(*dropped_at.lock().unwrap(), [thread::current().id(); 2]);
}

/// As above, with the executor gone in between: nothing is left that could be dropped elsewhere.
#[test]
fn rustsec_2021_0072_tasks_that_outlive_the_executor_hold_no_future() {
    let dropped_at = Arc::new(Mutex::new(Vec::new()));
    let executor = executor();
    let homesick = Homesick::new(&dropped_at);
    let task = executor.spawn(async move {
        let _homesick = homesick;
        pending::<()>().await;
    });
    settle(&executor);
    drop(executor);
    assert_eq!(*dropped_at.lock().unwrap(), [thread::current().id()]);
    thread::spawn(move || drop(task)).join().unwrap();
}

/// As above, with the output in the place of the future: it crosses threads only if it is `Send`.
#[test]
fn outputs_are_dropped_where_their_task_is() {
    let executor = executor();
    let output = Arc::new(());
    let seen = Arc::downgrade(&output);
    let task = executor.spawn(async move { output });
    settle(&executor);
    assert!(seen.upgrade().is_some());
    thread::spawn(move || drop(task)).join().unwrap();
    assert!(seen.upgrade().is_none());
}

#[test]
fn a_wake_from_another_thread_rings_a_sleeping_executor() {
    let executor = parked();
    let (sender, receiver) = channel::<Waker>();
    let woken = Arc::new(AtomicUsize::new(0));
    let task = executor.spawn({
        let woken = Arc::clone(&woken);
        poll_fn(move |cx| {
            if woken.load(Relaxed) == 1 {
                return Poll::Ready(());
            }
            let _ = sender.send(cx.waker().clone());
            Poll::Pending
        })
    });
    let waking = thread::spawn(move || {
        let waker = receiver.recv().unwrap();
        woken.store(1, Relaxed);
        waker.wake();
    });
    drive(&executor, || task.is_finished());
    waking.join().unwrap();
}

#[test]
fn tasks_spawned_from_many_threads_all_run() {
    const THREADS: usize = 4;
    const TASKS: usize = 500;
    let executor = parked();
    let ran = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (spawner, ran) = (executor.spawner(), Arc::clone(&ran));
            thread::spawn(move || {
                for _ in 0..TASKS {
                    let ran = Arc::clone(&ran);
                    spawner
                        .spawn(async move {
                            ran.fetch_add(1, Relaxed);
                        })
                        .detach();
                }
            })
        })
        .collect();
    drive(&executor, || ran.load(Relaxed) == THREADS * TASKS);
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_foreign_ring_comes_once_per_sleep() {
    let counting = CountingWaker::new();
    let executor = LocalExecutor::new(counting.waker());
    assert!(!executor.run(1));
    let spawner = executor.spawner();
    thread::spawn(move || {
        for _ in 0..100 {
            spawner.spawn(async {}).detach();
        }
    })
    .join()
    .unwrap();
    assert_eq!(counting.wakes(), 1);
    settle(&executor);
    assert_eq!(counting.wakes(), 1);
}

#[test]
fn a_task_is_awaited_on_another_thread() {
    let executor = parked();
    let spawner = executor.spawner();
    let (sender, receiver) = channel();
    let home = thread::current();
    let waiting = thread::spawn(move || {
        let sum = hyperia_wait::block_on(spawner.spawn(async { 20 + 1 }));
        sender.send(sum).unwrap();
        // What this thread does after the task's end is no business of the executor, so nobody else rings.
        home.unpark();
    });
    let mut sum = None;
    drive(&executor, || {
        sum = sum.or_else(|| receiver.try_recv().ok());
        sum.is_some()
    });
    assert_eq!(sum, Some(21));
    waiting.join().unwrap();
}

#[test]
fn a_future_spawned_and_never_run_is_dropped_with_the_executor() {
    let executor = executor();
    let sent = Arc::new(());
    let spawner = executor.spawner();
    let task = thread::spawn({
        let sent = Arc::clone(&sent);
        move || spawner.spawn(async move { drop(sent) })
    })
    .join()
    .unwrap();
    assert_eq!(Arc::strong_count(&sent), 2);
    drop(executor);
    assert_eq!(Arc::strong_count(&sent), 1);
    assert_eq!(hyperia_wait::block_on(task.cancel()), None);
}

#[test]
fn wakes_and_spawns_of_other_threads_while_the_executor_is_dropped() {
    const ROUNDS: usize = 200;
    for round in 0..ROUNDS {
        let executor = executor();
        let dropped_at = Arc::new(Mutex::new(Vec::new()));
        let (sender, receiver) = channel::<Waker>();
        for _ in 0..4 {
            let homesick = Homesick::new(&dropped_at);
            let sender = sender.clone();
            executor
                .spawn(async move {
                    let _homesick = homesick;
                    poll_fn(|cx| {
                        let _ = sender.send(cx.waker().clone());
                        Poll::<()>::Pending
                    })
                    .await;
                })
                .detach();
        }
        drop(sender);
        settle(&executor);
        let spawner = executor.spawner();
        let spawned = Arc::new(());
        let (start, started) = channel();
        let busy = thread::spawn({
            let spawned = Arc::clone(&spawned);
            move || {
                let wakers: Vec<_> = (0..4).map(|_| receiver.recv().unwrap()).collect();
                start.send(()).unwrap();
                for number in 0..50 {
                    wakers[number % 4].wake_by_ref();
                    let spawned = Arc::clone(&spawned);
                    spawner.spawn(async move { drop(spawned) }).detach();
                }
            }
        });
        started.recv().unwrap();
        for _ in 0..round % 4 {
            executor.run(3);
        }
        drop(executor);
        assert_eq!(dropped_at.lock().unwrap().len(), 4);
        busy.join().unwrap();
        assert_eq!(Arc::strong_count(&spawned), 1, "nothing is left over");
    }
}

#[test]
fn an_executor_in_a_thread_local_drops_its_futures_when_the_thread_ends() {
    thread_local! {
        static EXECUTOR: LocalExecutor = executor();
    }
    let dropped_at = Arc::new(Mutex::new(Vec::new()));
    let thread = thread::spawn({
        let dropped_at = Arc::clone(&dropped_at);
        move || {
            EXECUTOR.with(|executor| {
                let homesick = Homesick::new(&dropped_at);
                executor
                    .spawn(async move {
                        let _homesick = homesick;
                        pending::<()>().await;
                    })
                    .detach();
                settle(executor);
            });
        }
    });
    thread.join().unwrap();
    assert_eq!(dropped_at.lock().unwrap().len(), 1);
}

#[test]
fn a_foreign_thread_drops_the_last_waker_of_a_detached_task() {
    let executor = executor();
    let dropped_at = Arc::new(Mutex::new(Vec::new()));
    let (sender, receiver) = channel::<Waker>();
    let homesick = Homesick::new(&dropped_at);
    executor
        .spawn(async move {
            let _homesick = homesick;
            poll_fn(|cx| {
                let _ = sender.send(cx.waker().clone());
                Poll::<()>::Pending
            })
            .await;
        })
        .detach();
    settle(&executor);
    thread::spawn(move || drop(receiver)).join().unwrap();
    settle(&executor);
    assert!(
        dropped_at.lock().unwrap().is_empty(),
        "it stays until the executor goes"
    );
    drop(executor);
    assert_eq!(dropped_at.lock().unwrap().len(), 1);
}

#[test]
fn tasks_work_under_tokio_and_smol() {
    let driver = |task: hyperia_executor::Task<u32>,
                  foreign: fn(hyperia_executor::Task<u32>) -> u32| {
        thread::spawn(move || foreign(task))
    };
    let executor = parked();
    let tokio = driver(executor.spawn(async { 1 }), |task| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(task)
    });
    let smol = driver(executor.spawn(async { 2 }), smol::block_on);
    settle(&executor);
    assert_eq!(tokio.join().unwrap() + smol.join().unwrap(), 3);
}

#[test]
fn the_executor_runs_inside_a_foreign_runtime() {
    // As a future of somebody else's: their waker ends the sleep, also for wakes on this same thread.
    let inside = || async {
        let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
        let executor = LocalExecutor::new(waker);
        let (sender, receiver) = channel::<Waker>();
        let mut task = executor.spawn(async move {
            let mut woken = false;
            poll_fn(move |cx| {
                if std::mem::replace(&mut woken, true) {
                    return Poll::Ready(7);
                }
                sender.send(cx.waker().clone()).unwrap();
                Poll::Pending
            })
            .await
        });
        let mut waking = None;
        poll_fn(move |cx| {
            if executor.run(16) {
                cx.waker().wake_by_ref();
            }
            if let Ok(waker) = receiver.try_recv() {
                waking = Some(thread::spawn(move || waker.wake()));
            }
            let poll = std::pin::Pin::new(&mut task).poll(cx);
            if poll.is_ready()
                && let Some(thread) = waking.take()
            {
                thread.join().unwrap();
            }
            poll
        })
        .await
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    assert_eq!(runtime.block_on(inside()), 7);
    assert_eq!(smol::block_on(inside()), 7);
    assert_eq!(hyperia_wait::block_on(inside()), 7);
}
