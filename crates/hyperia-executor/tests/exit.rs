//! A process that ends inside of a task.
#![cfg(not(hyperia_loom))]
use hyperia_executor::LocalExecutor;
use std::env;
use std::future::poll_fn;
use std::process::{Command, exit};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

thread_local! {
    static EXECUTOR: LocalExecutor = LocalExecutor::new(Waker::noop().clone());
}

const CHILD: &str = "HYPERIA_EXIT_IN_A_TASK";

#[test]
fn a_task_may_exit_while_its_executor_is_a_thread_local() {
    if env::var_os(CHILD).is_some() {
        EXECUTOR.with(|executor| {
            let mut polls = 0;
            let task = poll_fn(move |cx| {
                polls += 1;
                if polls == 2 {
                    // On this thread thread-locals are destroyed now.
                    exit(7);
                }
                cx.waker().wake_by_ref();
                Poll::<()>::Pending
            });
            executor.spawn(task).detach();
            while executor.run(16) {}
        });
        unreachable!("the task has ended the process");
    }
    let mut child = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "a_task_may_exit_while_its_executor_is_a_thread_local",
        ])
        .env(CHILD, "1")
        .spawn()
        .unwrap();
    for _ in 0..1000 {
        if let Some(status) = child.try_wait().unwrap() {
            assert_eq!(status.code(), Some(7));
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    panic!("it did not end");
}
