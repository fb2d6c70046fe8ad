//! Tasks on one thread, by the least that can run them: what the executor costs is in every row of a table, and the
//! more it is, the less is seen of what is compared.
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

/// Set in `Ready::tasks` while the thread sleeps: nothing is ready, and who makes something ready wakes it.
const ASLEEP: u64 = 1 << TASKS_MAX;
/// One bit each.
const TASKS_MAX: usize = 63;

/// Which tasks have been woken: a bit each, and [`ASLEEP`].
struct Ready {
    tasks: AtomicU64,
    thread: Thread,
}

impl Ready {
    /// Takes those that have been woken, and waits until there is one.
    fn take(&self) -> u64 {
        loop {
            // ORDERING: Acquire pairs with the Release in `wake`: what a task was woken for is seen by its next poll.
            let tasks = self.tasks.swap(0, Acquire) & !ASLEEP;
            if tasks != 0 {
                return tasks;
            }
            // ORDERING: says that this thread sleeps, and reads nothing that others wrote: Relaxed.
            if self
                .tasks
                .compare_exchange(0, ASLEEP, Relaxed, Relaxed)
                .is_ok()
            {
                // ORDERING: what is behind the bits is read after the swap above: Relaxed.
                while self.tasks.load(Relaxed) == ASLEEP {
                    std::thread::park();
                }
            }
        }
    }

    fn wake(&self, bit: u64) {
        // ORDERING: Release publishes what the task is woken for to the Acquire in `take`, which sees it through
        // wake-ups that come after this one, too: they are read-modify-writes, which go on with the sequence.
        if self.tasks.fetch_or(bit, Release) & ASLEEP != 0 {
            self.thread.unpark();
        }
    }
}

/// Counted references, as the wakers of real tasks are.
struct Task {
    ready: Arc<Ready>,
    bit: u64,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.ready.wake(self.bit);
    }
    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.wake(self.bit);
    }
}

/// Runs all `tasks` on this thread to their end. Each is polled once, then again whenever it was woken; those that have
/// been woken meanwhile, by whom and how often ever, in the order of their places here. With nobody to poll the thread
/// sleeps at once.
///
/// The cost of a wake-up: one read-modify-write by who wakes, and one for all tasks that were woken together.
///
/// # Panics
/// If there are more than 63 tasks.
///
/// # Examples
/// ```
/// let said = std::cell::RefCell::new(Vec::new());
/// let task = |name| Box::pin({
///     let said = &said;
///     async move { said.borrow_mut().push(name) }
/// });
/// hyperia_bench::run_tasks(vec![task("one"), task("two")]);
/// assert_eq!(said.into_inner(), ["one", "two"]);
/// ```
pub fn run_tasks<F: Future<Output = ()> + ?Sized>(tasks: Vec<Pin<Box<F>>>) {
    let count = tasks.len();
    assert!(count <= TASKS_MAX, "at most {TASKS_MAX} tasks");
    let ready = Arc::new(Ready {
        tasks: AtomicU64::new((1 << count) - 1),
        thread: std::thread::current(),
    });
    let mut tasks: Vec<_> = (tasks.into_iter().enumerate())
        .map(|(index, task)| {
            let ready = Arc::clone(&ready);
            let waker = Waker::from(Arc::new(Task {
                ready,
                bit: 1 << index,
            }));
            (Some(task), waker)
        })
        .collect();
    let mut missing = count;
    while missing > 0 {
        let mut woken = ready.take();
        while woken != 0 {
            let (slot, waker) = &mut tasks[woken.trailing_zeros() as usize];
            woken &= woken - 1;
            if let Some(task) = slot {
                let poll = task.as_mut().poll(&mut Context::from_waker(waker));
                if poll == Poll::Ready(()) {
                    // Its ends are dropped now, so that those who wait for that go on.
                    *slot = None;
                    missing -= 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperia_sync::spsc;

    #[test]
    fn tasks_on_two_threads_wake_each_other() {
        let (mut there, mut arrived) = spsc::bounded::<u64>(1);
        let (mut back, mut returned) = spsc::bounded::<u64>(1);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                run_tasks(vec![Box::pin(async {
                    while let Ok(value) = arrived.recv().await {
                        back.send(value).await.unwrap();
                    }
                })]);
            });
            run_tasks(vec![Box::pin(async move {
                for value in 0..100 {
                    there.send(value).await.unwrap();
                    assert_eq!(returned.recv().await, Ok(value));
                }
            })]);
        });
    }

    #[test]
    fn a_task_that_ends_drops_what_others_wait_for() {
        let (sender, mut receiver) = spsc::bounded::<u64>(1);
        let waits: Pin<Box<dyn Future<Output = ()>>> =
            Box::pin(async move { assert!(receiver.recv().await.is_err()) });
        run_tasks(vec![waits, Box::pin(async move { drop(sender) })]);
    }

    #[test]
    fn no_tasks_are_done_at_once() {
        run_tasks::<std::future::Ready<()>>(Vec::new());
    }
}
