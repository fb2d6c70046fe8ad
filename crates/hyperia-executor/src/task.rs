//! The handle of a spawned future: await it, detach it, cancel it.
use crate::contained::Outcome;
use crate::shared::Shared;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::sync::Arc;

type Inner<T> = async_task::FallibleTask<Outcome<T>, Arc<Shared>>;

/// A spawned future; resolves with its output.
///
/// Dropping it cancels the task: its future is not polled any more, and is dropped by its executor,
/// on the executor's thread, the next time that runs. [`detach`](Self::detach) lets it go on instead.
///
/// A `Task` may be awaited on any thread and by any executor; it may be sent there if its output may.
///
/// # Panics
/// Awaiting it panics with the task's own panic, if it had one, its payload unchanged; and if the
/// task was dropped before its end together with its executor. Who must live with the latter awaits
/// [`fallible`](Self::fallible).
///
/// # Cancel safety
/// A `&mut Task` may be polled and left at any time. Dropping the `Task` itself cancels.
///
/// # Examples
/// ```
/// use core::task::Waker;
/// use hyperia_executor::LocalExecutor;
///
/// let executor = LocalExecutor::new(Waker::noop().clone());
/// let inner = executor.spawn(async { 1 });
/// let outer = executor.spawn(async { inner.await + 1 });
/// while executor.run(64) {}
/// assert_eq!(hyperia_wait::block_on(outer), 2);
/// ```
#[must_use = "dropping a task cancels it; `detach` lets it run"]
pub struct Task<T> {
    inner: Inner<T>,
}

impl<T> Task<T> {
    pub(crate) fn new(task: async_task::Task<Outcome<T>, Arc<Shared>>) -> Self {
        Self {
            inner: task.fallible(),
        }
    }

    /// Lets the task run to its end with nobody waiting for it.
    ///
    /// Its output is dropped on the executor's thread. If it panics, it ends like a detached thread: the
    /// panic hook has reported it, and nothing else is affected.
    pub fn detach(self) {
        self.inner.detach();
    }

    /// Cancels the task and waits until its future is dropped; `None` means that it was cut short.
    ///
    /// A task that had come to its end before gives its output. The future is dropped on the
    /// executor's thread, so somebody must drive the executor meanwhile, and a task that cancels
    /// itself waits for ever.
    ///
    /// # Panics
    /// With the task's own panic, if it had one.
    ///
    /// # Cancel safety
    /// Dropping this future, polled or not, drops the task, which cancels it just the same; only the
    /// waiting ends.
    pub async fn cancel(self) -> Option<T> {
        self.inner.cancel().await.map(Outcome::unwrap_or_resume)
    }

    /// Whether the task has come to its end, by itself or cancelled. A task that ends on another
    /// thread may do so right after this said `false`.
    pub fn is_finished(&self) -> bool {
        self.inner.is_finished()
    }

    /// The same task, resolving with `None` where the `Task` would panic because its executor is gone.
    pub fn fallible(self) -> FallibleTask<T> {
        FallibleTask { inner: self.inner }
    }
}

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match ready!(Pin::new(&mut self.inner).poll(cx)) {
            Some(outcome) => Poll::Ready(outcome.unwrap_or_resume()),
            None => panic!("a task was awaited after its end, or its executor dropped it"),
        }
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("is_finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}

/// A [`Task`] that resolves with `None` if its executor dropped it before its end.
///
/// Otherwise as a `Task`: dropping it cancels, and a panic of the task reaches whoever awaits.
#[must_use = "dropping a task cancels it; `detach` lets it run"]
pub struct FallibleTask<T> {
    inner: Inner<T>,
}

impl<T> FallibleTask<T> {
    /// As [`Task::detach`].
    pub fn detach(self) {
        self.inner.detach();
    }

    /// As [`Task::cancel`].
    ///
    /// # Panics
    /// With the task's own panic, if it had one.
    pub async fn cancel(self) -> Option<T> {
        self.inner.cancel().await.map(Outcome::unwrap_or_resume)
    }

    /// As [`Task::is_finished`].
    pub fn is_finished(&self) -> bool {
        self.inner.is_finished()
    }
}

impl<T> Future for FallibleTask<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let outcome = ready!(Pin::new(&mut self.inner).poll(cx));
        Poll::Ready(outcome.map(Outcome::unwrap_or_resume))
    }
}

impl<T> fmt::Debug for FallibleTask<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FallibleTask")
            .field("is_finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}
