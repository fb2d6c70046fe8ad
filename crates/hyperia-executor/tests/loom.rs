//! The whole executor against one other thread, in every interleaving of its queue and its bell. The task
//! cell below is not modelled: it acts in single steps here.
//!
//! Floors: each model has at least three switch points on either side (the claim of a place in the queue,
//! the store that fills it, the bell; the store that arms, the fence, the look), which makes more than 10
//! interleavings; those with two foreign operations have more than 50.
#![cfg(hyperia_loom)]
use hyperia_executor::{LocalExecutor, Spawner, Task};
use hyperia_test::model;
use loom::sync::Notify;
use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use loom::thread;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Wake, Waker};

/// Runs `home` on the executor's thread and `abroad` on another: the executor once on the main thread
/// and once on a spawned one.
///
/// The checker does not see the reference counts of `Arc` and of the task cell, so what they order is kept
/// out of it: the last reference to what is shared goes after both have ended.
fn model_both<H: Send + 'static>(
    name: &str,
    floor: usize,
    make: fn() -> (LocalExecutor, Arc<Bed>, H),
    home: fn(LocalExecutor, &Bed),
    abroad: fn(H),
) {
    model(&format!("{name}, executor in main"), floor, move || {
        let (executor, bed, handles) = make();
        let last = executor.spawner();
        let other = thread::spawn(move || abroad(handles));
        thread::yield_now();
        home(executor, &bed);
        other.join().unwrap();
        drop(last);
    });
    model(&format!("{name}, executor spawned"), floor, move || {
        let (sender, receiver) = loom::sync::mpsc::channel();
        let other = thread::spawn(move || {
            let (executor, bed, handles) = make();
            sender.send((handles, executor.spawner())).unwrap();
            // Lets the other go first, as above: what only the task cell sees is no conflict to the
            // checker, so it must meet the conflict in the queue.
            thread::yield_now();
            home(executor, &bed);
        });
        let (handles, last) = receiver.recv().unwrap();
        abroad(handles);
        other.join().unwrap();
        drop(last);
    });
}

/// Where the executor's thread sleeps; counts its calls.
struct Bed {
    called: Notify,
    calls: AtomicUsize,
}

struct Call(Arc<Bed>);

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        self.0.calls.fetch_add(1, Relaxed);
        self.0.called.notify();
    }
}

fn executor() -> (LocalExecutor, Arc<Bed>) {
    let bed = Arc::new(Bed {
        called: Notify::new(),
        calls: AtomicUsize::new(0),
    });
    let executor = LocalExecutor::new(Waker::from(Arc::new(Call(Arc::clone(&bed)))));
    // What was rung before it first ran is of no interest here.
    (executor, bed)
}

/// Runs, and sleeps whenever there is nothing to do, until the task is finished. A lost ring is a
/// deadlock, which the checker reports.
fn drive<T>(executor: &LocalExecutor, bed: &Bed, task: &Task<T>) {
    while !task.is_finished() {
        if !executor.run(4) && !task.is_finished() {
            bed.called.wait();
        }
    }
}

/// A future that is not `Send` and checks where it is dropped.
struct Homesick {
    home: thread::ThreadId,
    drops: Arc<std::sync::atomic::AtomicUsize>,
    _not_send: PhantomData<*const ()>,
}

impl Drop for Homesick {
    fn drop(&mut self) {
        assert_eq!(self.home, thread::current().id(), "dropped abroad");
        self.drops.fetch_add(1, Relaxed);
    }
}

struct Sleeping {
    waker: Waker,
    ready: Arc<AtomicUsize>,
    task: Task<()>,
    drops: Arc<std::sync::atomic::AtomicUsize>,
}

thread_local! {
    /// The task that `home` drives; everything of one execution runs on one thread of the system.
    static DRIVEN: Mutex<Option<Task<()>>> = const { Mutex::new(None) };
}

/// An executor with one task that waits to be woken once `ready` is 1.
fn asleep() -> (LocalExecutor, Arc<Bed>, Sleeping) {
    let (executor, bed) = executor();
    let ready = Arc::new(AtomicUsize::new(0));
    let slot = Arc::new(Mutex::new(None));
    let drops = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let homesick = Homesick {
        home: thread::current().id(),
        drops: Arc::clone(&drops),
        _not_send: PhantomData,
    };
    let task = executor.spawn({
        let (ready, slot) = (Arc::clone(&ready), Arc::clone(&slot));
        poll_fn(move |cx| {
            let _ = &homesick;
            if ready.load(Acquire) == 1 {
                return Poll::Ready(());
            }
            *slot.lock().unwrap() = Some(cx.waker().clone());
            Poll::Pending
        })
    });
    assert!(!executor.run(4));
    let waker = slot.lock().unwrap().take().unwrap();
    let sleeping = Sleeping {
        waker,
        ready,
        task,
        drops,
    };
    (executor, bed, sleeping)
}

/// Fails if a ring is lost: without either fence of the bell.
#[test]
fn a_foreign_wake_is_never_slept_through() {
    fn make() -> (LocalExecutor, Arc<Bed>, (Waker, Arc<AtomicUsize>)) {
        let (executor, bed, sleeping) = asleep();
        DRIVEN.with(|driven| *driven.lock().unwrap() = Some(sleeping.task));
        (executor, bed, (sleeping.waker, sleeping.ready))
    }
    model_both(
        "executor: wake against sleep",
        10,
        make,
        |executor, bed| {
            let task = DRIVEN.with(|driven| driven.lock().unwrap().take()).unwrap();
            drive(&executor, bed, &task);
        },
        |(waker, ready)| {
            ready.store(1, Release);
            waker.wake();
        },
    );
}

/// Fails if dropping the executor does not wait for a wake that is under way: the future would be left
/// over, or dropped abroad.
#[test]
fn a_wake_under_way_does_not_keep_a_future_from_being_dropped_at_home() {
    model_both(
        "executor: wake against drop",
        10,
        asleep,
        |executor, _| drop(executor),
        |sleeping| {
            sleeping.waker.wake();
            drop(sleeping.task);
            // Home may still be at it: the count is looked at in the next model.
        },
    );
}

/// Fails as above, for a cancellation: RUSTSEC-2021-0072 in every interleaving.
#[test]
fn a_cancellation_abroad_drops_the_future_at_home() {
    fn home(executor: LocalExecutor, bed: &Bed) {
        let _ = bed;
        // Twice, because a look at an empty queue has one step only.
        executor.run(2);
        executor.run(2);
        drop(executor);
        let drops = DROPS.with(|drops| drops.lock().unwrap().take()).unwrap();
        assert_eq!(
            drops.load(Relaxed),
            1,
            "before the executor's drop returned"
        );
    }
    fn make() -> (LocalExecutor, Arc<Bed>, (Waker, Task<()>)) {
        let (executor, bed, sleeping) = asleep();
        DROPS.with(|drops| *drops.lock().unwrap() = Some(sleeping.drops));
        (executor, bed, (sleeping.waker, sleeping.task))
    }
    thread_local! {
        static DROPS: Mutex<Option<Arc<std::sync::atomic::AtomicUsize>>> = const { Mutex::new(None) };
    }
    model_both(
        "executor: cancel against drop",
        50,
        make,
        home,
        |(waker, task)| {
            drop(task);
            drop(waker);
        },
    );
}

/// Fails if a spawn that loses the race with the executor's end is forgotten in the queue.
#[test]
fn a_spawn_under_way_is_run_or_dropped() {
    model_both(
        "executor: spawn against drop",
        10,
        || {
            let (executor, bed) = executor();
            let spawner = executor.spawner();
            (executor, bed, spawner)
        },
        |executor, _| {
            executor.run(1);
            drop(executor);
        },
        |spawner: Spawner| {
            let sent = Arc::new(());
            let seen = Arc::downgrade(&sent);
            let task = spawner.spawn(async move { drop(sent) });
            // Ended or dropped, it resolves: a future left in the queue would be a deadlock.
            let _ = loom::future::block_on(task.fallible());
            assert!(seen.upgrade().is_none());
        },
    );
}

/// Fails if two wakes in one sleep ring twice, or none does.
#[test]
fn two_foreign_spawns_ring_a_sleep_once() {
    model_both(
        "executor: two spawns against sleep",
        50,
        || {
            let (executor, bed) = executor();
            assert!(!executor.run(1));
            let spawner = executor.spawner();
            let ran = Arc::new(AtomicUsize::new(0));
            RAN.with(|slot| *slot.lock().unwrap() = Some(Arc::clone(&ran)));
            (executor, bed, (spawner, ran))
        },
        |executor, bed| {
            let ran = RAN.with(|slot| slot.lock().unwrap().take()).unwrap();
            let mut sleeps = 1;
            while ran.load(Relaxed) < 2 {
                bed.called.wait();
                while executor.run(4) {}
                sleeps += 1;
            }
            assert!(bed.calls.load(Relaxed) <= sleeps);
        },
        |(spawner, ran)| {
            for _ in 0..2 {
                let ran = Arc::clone(&ran);
                spawner
                    .spawn(async move {
                        ran.fetch_add(1, Relaxed);
                    })
                    .detach();
            }
        },
    );
    thread_local! {
        static RAN: Mutex<Option<Arc<AtomicUsize>>> = const { Mutex::new(None) };
    }
}
