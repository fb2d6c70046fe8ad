//! The executor itself: a loop over a queue, and an end that leaves nothing behind.
use crate::primitive::yield_now;
use crate::shared::{Admitted, Shared};
use crate::spawner::{LocalSpawner, Spawner};
use crate::task::Task;
use core::cell::Cell;
use core::fmt;
use core::task::Waker;
use std::sync::Arc;

/// Runs tasks on the thread that made it.
///
/// It owns no thread and knows no I/O: somebody calls [`run`](Self::run), and sleeps by whatever means
/// when that says there is nothing to do. The waker given to [`new`](Self::new) ends the sleep.
///
/// # Fairness
/// First come, first served: a task that wakes itself goes behind all that are ready. Tasks that wake
/// each other for ever use up one budget of `run` after the other, but `run` returns in between, and
/// tasks woken by other threads are taken in each time.
///
/// # Panics of tasks
/// A panic in a task's poll, destructor or output reaches whoever awaits its [`Task`], and nobody if
/// it is detached or cancelled: `run` goes on with the next task, the panic hook has reported it. Only
/// a waker that panics while a *finished* task wakes its awaiter aborts the process.
///
/// # Dropping it
/// Every future that is left is dropped, on this thread, before `drop` returns; what their destructors
/// spawn is dropped at once. If another thread is in the middle of a wake, `drop` waits for the few
/// instructions until that has handed its task over. Wakers, tasks and spawners that survive are
/// harmless on every thread. If one of its tasks calls `std::process::exit`, an executor in a thread-local
/// drops nothing.
///
/// # Examples
/// ```
/// use core::task::Waker;
/// use hyperia_executor::LocalExecutor;
///
/// let executor = LocalExecutor::new(Waker::noop().clone());
/// let task = executor.spawn(async { 6 * 7 });
/// while executor.run(64) {}
/// assert_eq!(hyperia_wait::block_on(task), 42);
/// ```
pub struct LocalExecutor {
    spawner: LocalSpawner,
    /// How many calls of `run` are on the stack, one inside the other.
    running: Cell<usize>,
}

impl LocalExecutor {
    /// Makes an executor that belongs to the calling thread.
    ///
    /// `waker` is woken when a task becomes ready while the executor sleeps: from the moment `run`
    /// returned `false`, or from the start, until the next call of `run`; at most once each time, and
    /// on whatever thread the wake came from, this one included.
    pub fn new(waker: Waker) -> Self {
        Self {
            spawner: LocalSpawner::new(Shared::new(waker)),
            running: Cell::new(0),
        }
    }

    /// Spawns a future, which is polled after all that is ready already.
    ///
    /// # Complexity
    /// As [`LocalSpawner::spawn`].
    pub fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.spawner.spawn(future)
    }

    /// A handle for spawning on this thread, for tasks to carry along.
    pub fn local_spawner(&self) -> LocalSpawner {
        self.spawner.clone()
    }

    /// A handle for spawning `Send` futures from any thread.
    pub fn spawner(&self) -> Spawner {
        Spawner::new(Arc::clone(self.shared()))
    }

    /// Whether a task is ready to be polled on this thread. What other threads woke since the last
    /// [`run`](Self::run) does not count: that has rung the waker.
    pub fn is_ready(&self) -> bool {
        self.shared().has_ready()
    }

    /// Polls ready tasks, up to `budget` polls; returns whether more are ready.
    ///
    /// After `true`, call it again soon. After `false` the caller may sleep until the waker is woken.
    /// Calling it inside one of its own tasks polls the others there.
    ///
    /// # Complexity
    /// A poll costs no system call and no allocation here. Going to sleep costs one fence.
    pub fn run(&self, budget: usize) -> bool {
        let shared = self.shared();
        let _running = Running::new(&self.running);
        if shared.bell.is_armed() {
            shared.bell.disarm();
        }
        let mut left = budget;
        loop {
            // As many as could be run: a thread that goes on spawning cannot hold us here.
            shared.admit(budget);
            // SAFETY: an executor stays on the thread that made it, for it is not `Send`.
            left = unsafe { shared.run(left) };
            if shared.has_ready() {
                return true;
            }
            shared.bell.arm();
            if shared.admit(1) != Admitted::Some {
                return false;
            }
            shared.bell.disarm();
            if left == 0 {
                return true;
            }
        }
    }

    /// Drops the futures of all tasks that are ready, and of those that their destructors wake.
    fn drop_ready(&self) {
        // SAFETY: an executor stays on the thread that made it, for it is not `Send`.
        while let Some(task) = unsafe { self.shared().pop() } {
            drop(task);
        }
    }

    fn shared(&self) -> &Arc<Shared> {
        self.spawner.shared()
    }
}

/// A call of `run`, counted for as long as it is on the stack.
struct Running<'a>(&'a Cell<usize>);

impl<'a> Running<'a> {
    fn new(count: &'a Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Drop for LocalExecutor {
    fn drop(&mut self) {
        if self.running.get() > 0 {
            // A task has called `exit`, which destroys thread-locals, this executor among them. That task
            // is not going to end, and cannot be dropped while it runs: all stays as it is.
            return;
        }
        let shared = self.shared();
        shared.close();
        // Nobody needs to be called any more.
        shared.bell.disarm();
        // 1. Every listed task is idle, or queued, or about to be queued by another thread. Waking the
        //    idle ones queues them too.
        let mut next = 0;
        while let Some((key, waker)) = shared.take_waker(next) {
            next = key + 1;
            waker.wake();
        }
        // 2. Drop what is queued until the list is empty. Destructors run here; they may wake what is
        //    left, and cannot spawn.
        loop {
            shared.admit(usize::MAX);
            self.drop_ready();
            if shared.listed() == 0 {
                break;
            }
            // A listed task that is in no queue is in the hands of a thread that has marked it and
            // is about to push it: a few instructions of that thread.
            yield_now();
        }
        // 3. What remains are futures sent by spawners that did not yet see the end: after the close
        //    they stay with those who sent them.
        shared.close_inbox();
        loop {
            let admitted = shared.admit(usize::MAX);
            self.drop_ready();
            match admitted {
                Admitted::Some => {}
                // A push is under way: again a few instructions of another thread.
                Admitted::Nothing => yield_now(),
                Admitted::NothingEver => break,
            }
        }
    }
}

impl fmt::Debug for LocalExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalExecutor")
            .field("is_ready", &self.is_ready())
            .finish_non_exhaustive()
    }
}
