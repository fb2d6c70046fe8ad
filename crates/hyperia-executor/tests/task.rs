//! Awaiting, detaching and cancelling tasks; what becomes of their panics.
#![cfg(not(hyperia_loom))]
mod common;
#[path = "common/tasks.rs"]
mod tasks;

use common::{executor, settle};
use hyperia_test::{CountingWaker, drop_at_every_poll, poll_once};
use std::cell::Cell;
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use tasks::{OnDrop, counter, yield_now};

#[test]
fn awaiting_gives_the_output() {
    let executor = executor();
    let inner = executor.spawn(async { String::from("out") });
    let outer = executor.spawn(inner);
    settle(&executor);
    assert_eq!(hyperia_wait::block_on(outer), "out");
}

#[test]
fn dropping_a_task_cancels_it_wherever_it_stands() {
    let executor = executor();
    for runs in 0..3 {
        let (drops, drop_one) = counter();
        let guard = OnDrop(drop_one);
        let task = executor.spawn(async move {
            let _guard = guard;
            yield_now().await;
            pending::<()>().await;
        });
        for _ in 0..runs {
            executor.run(1);
        }
        assert_eq!(drops.get(), 0);
        drop(task);
        settle(&executor);
        assert_eq!(drops.get(), 1, "after {runs} polls");
    }
}

#[test]
fn a_cancelled_task_is_not_polled_again() {
    let executor = executor();
    let (polls, poll) = counter();
    let task = executor.spawn(async move { poll() });
    drop(task);
    settle(&executor);
    assert_eq!(polls.get(), 0);
}

#[test]
fn a_detached_task_runs_to_its_end() {
    let executor = executor();
    let (ends, end) = counter();
    executor
        .spawn(async move {
            yield_now().await;
            end();
        })
        .detach();
    settle(&executor);
    assert_eq!(ends.get(), 1);
}

#[test]
fn a_detached_task_drops_its_output_on_the_executors_thread() {
    let executor = executor();
    let (drops, drop_one) = counter();
    executor
        .spawn(async move { OnDrop(drop_one) })
        .fallible()
        .detach();
    settle(&executor);
    assert_eq!(drops.get(), 1);
}

#[test]
fn cancel_waits_until_the_future_is_dropped() {
    let executor = executor();
    let (drops, drop_one) = counter();
    let guard = OnDrop(drop_one);
    let task = executor.spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    settle(&executor);

    let counting = CountingWaker::new();
    let waker = counting.waker();
    let mut cancel = pin!(task.cancel());
    assert!(poll_once(cancel.as_mut(), &waker).is_pending());
    assert_eq!(drops.get(), 0);
    settle(&executor);
    assert_eq!(drops.get(), 1);
    assert_eq!(counting.wakes(), 1);
    assert_eq!(poll_once(cancel.as_mut(), &waker), Poll::Ready(None));
}

#[test]
fn cancelling_a_finished_task_gives_its_output() {
    let executor = executor();
    let task = executor.spawn(async { 3 });
    let other = executor.spawn(async { 4 });
    settle(&executor);
    assert_eq!(hyperia_wait::block_on(task.cancel()), Some(3));
    assert_eq!(hyperia_wait::block_on(other.fallible().cancel()), Some(4));
}

#[test]
fn an_awaiting_future_may_be_dropped_after_every_poll() {
    // The awaiting future owns the task, so dropping it cancels: the guard is dropped each time.
    let polls = drop_at_every_poll(
        || {
            let executor = executor();
            let (drops, drop_one) = counter();
            let guard = OnDrop(drop_one);
            let task = executor.spawn(async move {
                let _guard = guard;
                for _ in 0..3 {
                    yield_now().await;
                }
            });
            ((executor, drops), task)
        },
        |(executor, _), _| {
            executor.run(1);
        },
        |(executor, drops), k| {
            settle(&executor);
            assert_eq!(drops.get(), 1, "dropped after {k} polls");
        },
    );
    assert_eq!(polls, 4, "three yields and the end");
}

#[test]
fn a_cancel_future_may_be_dropped_after_every_poll() {
    let polls = drop_at_every_poll(
        || {
            let executor = executor();
            let (drops, drop_one) = counter();
            let guard = OnDrop(drop_one);
            let task = executor.spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            settle(&executor);
            ((executor, drops), task.cancel())
        },
        |(executor, _), k| {
            if k > 0 {
                executor.run(1);
            }
        },
        |(executor, drops), k| {
            settle(&executor);
            assert_eq!(drops.get(), 1, "dropped after {k} polls");
        },
    );
    assert_eq!(polls, 2, "the cancel and the future's end");
}

#[test]
fn a_panic_reaches_the_awaiter_with_its_payload() {
    let executor = executor();
    let task = executor.spawn(async { panic_any(17_u32) });
    let other = executor.spawn(async { 1 });
    settle(&executor);
    let payload =
        catch_unwind(AssertUnwindSafe(|| hyperia_wait::block_on(task))).expect_err("panics");
    assert_eq!(payload.downcast_ref::<u32>(), Some(&17));
    assert_eq!(hyperia_wait::block_on(other), 1, "the others run");
}

#[test]
fn a_panic_reaches_whoever_cancels_too() {
    let executor = executor();
    let first = executor.spawn(async { panic_any(1_u8) });
    let second = executor.spawn(async { panic_any(2_u8) });
    settle(&executor);
    let cancelled = catch_unwind(AssertUnwindSafe(|| hyperia_wait::block_on(first.cancel())));
    assert_eq!(cancelled.unwrap_err().downcast_ref::<u8>(), Some(&1));
    let fallible = catch_unwind(AssertUnwindSafe(|| {
        hyperia_wait::block_on(second.fallible())
    }));
    assert_eq!(fallible.unwrap_err().downcast_ref::<u8>(), Some(&2));
}

#[test]
fn a_panic_in_an_awaiting_task_is_that_tasks_panic() {
    let executor = executor();
    let inner = executor.spawn(async { panic_any("inner") });
    let outer = executor.spawn(inner);
    settle(&executor);
    let payload =
        catch_unwind(AssertUnwindSafe(|| hyperia_wait::block_on(outer))).expect_err("panics");
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"inner"));
}

#[test]
fn a_detached_task_that_panics_ends_alone() {
    let executor = executor();
    let (drops, drop_one) = counter();
    let guard = OnDrop(drop_one);
    executor
        .spawn(async move {
            let _guard = guard;
            yield_now().await;
            panic!("nobody awaits this");
        })
        .detach();
    let after = executor.spawn(async { 1 });
    settle(&executor);
    assert_eq!(drops.get(), 1);
    assert_eq!(hyperia_wait::block_on(after), 1);
}

/// Panics in its destructor, once.
struct Bomb(Rc<Cell<usize>>);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
        panic!("a destructor panics");
    }
}

/// A payload that panics in its destructor as well.
struct BombPayload;

impl Drop for BombPayload {
    fn drop(&mut self) {
        panic_any(BombPayload);
    }
}

#[test]
fn a_destructor_of_a_finished_future_that_panics_reaches_the_awaiter() {
    struct Ends(Bomb);
    impl Future for Ends {
        type Output = Rc<()>;
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Rc<()>> {
            let _ = &self.0;
            Poll::Ready(Rc::new(()))
        }
    }
    let executor = executor();
    let drops = Rc::new(Cell::new(0));
    let task = executor.spawn(Ends(Bomb(Rc::clone(&drops))));
    settle(&executor);
    assert_eq!(drops.get(), 1);
    assert!(catch_unwind(AssertUnwindSafe(|| hyperia_wait::block_on(task))).is_err());
    assert_eq!(drops.get(), 1, "dropped once");
}

#[test]
fn a_destructor_of_a_cancelled_future_that_panics_harms_nobody() {
    let executor = executor();
    let drops = Rc::new(Cell::new(0));
    for runs in 0..2 {
        let bomb = Bomb(Rc::clone(&drops));
        let task = executor.spawn(async move {
            let _bomb = bomb;
            pending::<()>().await;
        });
        executor.run(runs);
        drop(task);
    }
    settle(&executor);
    assert_eq!(drops.get(), 2);
    assert!(executor.spawn(async {}).cancel_now(&executor));
}

/// For the last line of a test: the executor still works.
trait CancelNow {
    fn cancel_now(self, executor: &hyperia_executor::LocalExecutor) -> bool;
}

impl CancelNow for hyperia_executor::Task<()> {
    fn cancel_now(self, executor: &hyperia_executor::LocalExecutor) -> bool {
        settle(executor);
        hyperia_wait::block_on(self.cancel()).is_some()
    }
}

#[test]
fn destructors_that_panic_while_the_executor_is_dropped_do_not_stop_the_others() {
    let executor = executor();
    let bombs = Rc::new(Cell::new(0));
    let (drops, drop_one) = counter();
    for _ in 0..3 {
        let (bomb, guard) = (Bomb(Rc::clone(&bombs)), OnDrop(drop_one.clone()));
        executor
            .spawn(async move {
                let _guard = guard;
                let _bomb = bomb;
                pending::<()>().await;
            })
            .detach();
    }
    settle(&executor);
    drop(executor);
    assert_eq!((bombs.get(), drops.get()), (3, 3));
}

#[test]
fn an_output_whose_destructor_panics_harms_nobody() {
    let executor = executor();
    let drops = Rc::new(Cell::new(0));
    let make = || {
        let drops = Rc::clone(&drops);
        async move { Bomb(drops) }
    };
    // Dropped by the executor, and dropped by its task.
    executor.spawn(make()).detach();
    let finished = executor.spawn(make());
    let cancelled = executor.spawn(make());
    executor.run(2);
    assert!(finished.is_finished());
    drop(finished);
    drop(cancelled);
    settle(&executor);
    assert_eq!(drops.get(), 2, "the cancelled one never made its output");
    assert!(executor.spawn(async {}).cancel_now(&executor));
}

#[test]
fn a_panic_payload_whose_destructor_panics_harms_nobody() {
    let executor = executor();
    executor.spawn(async { panic_any(BombPayload) }).detach();
    settle(&executor);
    assert!(executor.spawn(async {}).cancel_now(&executor));
}

#[test]
fn a_future_that_panics_and_panics_again_when_dropped_reports_the_first() {
    struct Twice(Bomb);
    impl Future for Twice {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            let _ = &self.0;
            panic_any(1_u64)
        }
    }
    let executor = executor();
    let drops = Rc::new(Cell::new(0));
    let task = executor.spawn(Twice(Bomb(Rc::clone(&drops))));
    settle(&executor);
    let payload =
        catch_unwind(AssertUnwindSafe(|| hyperia_wait::block_on(task))).expect_err("panics");
    assert_eq!(payload.downcast_ref::<u64>(), Some(&1));
    assert_eq!(drops.get(), 1);
}

#[test]
fn a_task_that_awaits_itself_being_cancelled_by_its_own_handle_is_dropped() {
    // A task may own another task's handle, and a cycle of two ends with the executor.
    let executor = executor();
    let (drops, drop_one) = counter();
    let slot = Rc::new(Cell::new(None));
    let guard = OnDrop(drop_one);
    let task = executor.spawn({
        let slot = Rc::clone(&slot);
        async move {
            let _guard = guard;
            let own: Option<hyperia_executor::Task<()>> = slot.take();
            own.expect("put there below").await;
        }
    });
    slot.set(Some(task));
    settle(&executor);
    assert_eq!(drops.get(), 0);
    drop(executor);
    assert_eq!(drops.get(), 1);
}

/// The one panic of user code that is not contained: async-task wakes awaiters behind a guard that aborts.
#[test]
fn a_waker_that_panics_when_a_finished_task_wakes_its_awaiter_aborts() {
    // In a process of its own: this same test binary.
    const CHILD: &str = "HYPERIA_EXECUTOR_CHILD";
    const NAME: &str = "a_waker_that_panics_when_a_finished_task_wakes_its_awaiter_aborts";
    if std::env::var_os(CHILD).is_some() {
        let panicking = hyperia_test::PanicWaker::new(hyperia_test::PanicOn::Wake);
        let executor = executor();
        let mut task = pin!(executor.spawn(async {}));
        assert!(poll_once(task.as_mut(), &panicking.waker()).is_pending());
        settle(&executor);
        unreachable!("the process is gone");
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME])
        .env(CHILD, "1")
        .output()
        .unwrap();
    use std::os::unix::process::ExitStatusExt;
    assert!(output.status.signal().is_some(), "{output:?}");
}
