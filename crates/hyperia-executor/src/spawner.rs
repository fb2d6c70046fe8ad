//! Handles that spawn: one for the executor's own thread, one for all others.
use crate::shared::{Shared, schedule};
use crate::task::Task;
use crate::tracked::Tracked;
use async_task::Builder;
use core::fmt;
use core::marker::PhantomData;
use std::sync::Arc;

/// Spawns onto a [`LocalExecutor`](crate::LocalExecutor) from its own thread, its tasks included.
///
/// It does not keep the executor alive: once that is dropped, what is spawned is dropped at once.
///
/// # Examples
/// ```
/// use core::task::Waker;
/// use hyperia_executor::LocalExecutor;
/// use std::rc::Rc;
///
/// let executor = LocalExecutor::new(Waker::noop().clone());
/// let spawner = executor.local_spawner();
/// let task = executor.spawn(async move {
///     let not_send = Rc::new(20);
///     spawner.spawn(async move { *not_send + 1 }).await
/// });
/// while executor.run(64) {}
/// assert_eq!(hyperia_wait::block_on(task), 21);
/// ```
#[derive(Clone)]
pub struct LocalSpawner {
    shared: Arc<Shared>,
    /// Stays on the executor's thread.
    _not_send: PhantomData<*const ()>,
}

impl LocalSpawner {
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// On the owner's thread only.
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        debug_assert!(shared.is_owner(), "made on the executor's thread");
        Self {
            shared,
            _not_send: PhantomData,
        }
    }

    /// Spawns a future, which is polled after all that is ready already.
    ///
    /// # Complexity
    /// One allocation, which holds the future and later its output (two if the future is larger than
    /// 2 KiB); more when the queue of ready tasks or the list of pending ones grows.
    pub fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        // SAFETY: this is the executor's thread, for a `LocalSpawner` is not `Send`; `F` is `'static`.
        unsafe { spawn::<F, false>(&self.shared, future) }
    }
}

impl fmt::Debug for LocalSpawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSpawner")
            .field("is_closed", &self.shared.is_closed())
            .finish_non_exhaustive()
    }
}

/// Spawns `Send` futures onto a [`LocalExecutor`](crate::LocalExecutor) from any thread.
///
/// It does not keep the executor alive: once that is dropped, or while it is being dropped, a spawned
/// future is dropped at once, on the thread that spawned it, and its [`Task`] panics when awaited
/// ([`Task::fallible`] tells instead).
///
/// # Examples
/// ```
/// use core::task::Waker;
/// use hyperia_executor::LocalExecutor;
///
/// let executor = LocalExecutor::new(Waker::noop().clone());
/// let spawner = executor.spawner();
/// let task = std::thread::spawn(move || spawner.spawn(async { 1 + 1 })).join().unwrap();
/// while executor.run(64) {}
/// assert_eq!(hyperia_wait::block_on(task), 2);
/// ```
#[derive(Clone)]
pub struct Spawner {
    shared: Arc<Shared>,
}

impl Spawner {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Spawns a future, which is polled on the executor's thread, and rings that if it sleeps.
    ///
    /// # Complexity
    /// As [`LocalSpawner::spawn`]; from another thread also the push to a queue between threads.
    pub fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        // SAFETY: `F` and its output are `Send` and `'static`.
        unsafe { spawn::<F, true>(&self.shared, future) }
    }
}

impl fmt::Debug for Spawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawner")
            .field("is_closed", &self.shared.is_closed())
            .finish_non_exhaustive()
    }
}

/// Makes a task and queues it, or drops its future at once if the executor is gone.
///
/// # Safety
/// `F` is `'static`. It and its output are `Send`, or `SEND` is false and this is the executor's thread.
unsafe fn spawn<F: Future, const SEND: bool>(shared: &Arc<Shared>, future: F) -> Task<F::Output> {
    // SAFETY: the four conditions of `spawn_unchecked`.
    // 1. A future that is not `Send` is used and dropped on this thread only. It is polled in one place,
    //    `Shared::run`, which only an executor's `run` calls, and an executor is not `Send`; where it is
    //    dropped, `Tracked` checks.
    // 2. It borrows nothing but the metadata: the cell pins that in front of it, and drops it after it.
    // 3. and 4. `schedule` is a plain function.
    let (runnable, task) = unsafe {
        Builder::new()
            .metadata(Arc::clone(shared))
            .spawn_unchecked(|shared| Tracked::<F, SEND>::new(shared, future), schedule)
    };
    if shared.is_closed() {
        drop(runnable);
    } else {
        schedule(runnable);
    }
    Task::new(task)
}
