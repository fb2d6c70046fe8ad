//! Threads as waiters.
//!
//! Each thread has one parker, made at its first call and found again through a thread-local; a call
//! inside a call makes another one. A waker that outlives its call may wake a later one: that is one poll
//! more.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries | Model |
//! |---|---|---|---|---|
//! | wake → next poll | `Parker::wake_by_ref` | `Parker::take` | what came before each wake-up, also of those that coalesced | `wake_ups_that_coalesce_carry_both_conditions` |
//!
//! # Progress
//! Waking is wait-free but for what `Thread::unpark` does. Waiting sleeps.
//!
//! # Cost
//! One allocation per thread. One locked instruction per wake-up and per look of the sleeper, besides
//! those of `park` and `unpark`.

#[cfg(all(test, hyperia_loom))]
mod loom;

use alloc::sync::Arc;
use alloc::task::Wake;
use core::cell::Cell;
#[cfg(not(any(hyperia_loom, hyperia_shuttle)))]
use core::cell::RefCell;
use core::future::{Future, IntoFuture};
use core::marker::PhantomData;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::time::Instant;

use crate::Elapsed;
use crate::primitive::Ordering::*;
use crate::primitive::{AtomicU32, Sleeper};

/// Runs a future on this thread, which sleeps while the future waits.
///
/// # Examples
///
/// ```
/// assert_eq!(hyperia_wait::block_on(async { 1 + 1 }), 2);
/// ```
///
/// # Panics
///
/// If the future does. In debug builds also on a thread marked with [`driving`]: what it waits for would
/// be driven by nobody.
#[track_caller]
pub fn block_on<F: IntoFuture>(future: F) -> F::Output {
    refuse_if_driving();
    let mut future = pin!(future.into_future());
    Bed::with(|bed| {
        let mut cx = Context::from_waker(&bed.waker);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return output;
            }
            bed.parker.park();
        }
    })
}

/// Waiting for any future with a thread instead of a task.
///
/// # Examples
///
/// ```
/// use hyperia_wait::{Block, Elapsed, WaitQueue};
/// use std::time::Duration;
///
/// let queue = WaitQueue::new();
/// assert_eq!(queue.wait().block_timeout(Duration::ZERO), Err(Elapsed));
/// queue.notify_one();
/// assert_eq!(queue.wait().block(), Ok(()));
/// ```
///
/// # Panics
///
/// As [`block_on`].
pub trait Block: Future + Sized {
    /// Waits for the output.
    #[track_caller]
    fn block(self) -> Self::Output {
        block_on(self)
    }

    /// Waits for the output for at most `timeout`; the future is dropped then. Polls at least once.
    ///
    /// # Errors
    ///
    /// [`Elapsed`] if the future was not ready in time.
    #[track_caller]
    fn block_timeout(self, timeout: Duration) -> Result<Self::Output, Elapsed> {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.block_deadline(deadline),
            // Further away than the clock can say.
            None => Ok(block_on(self)),
        }
    }

    /// Waits for the output until `deadline`; the future is dropped then. Polls at least once.
    ///
    /// # Errors
    ///
    /// [`Elapsed`] if the future was not ready in time.
    #[track_caller]
    fn block_deadline(self, deadline: Instant) -> Result<Self::Output, Elapsed> {
        refuse_if_driving();
        let mut future = pin!(self);
        Bed::with(|bed| {
            let mut cx = Context::from_waker(&bed.waker);
            let mut is_late = false;
            loop {
                if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                    return Ok(output);
                }
                if is_late || !bed.parker.park_until(deadline) {
                    return Err(Elapsed);
                }
                // A wake-up at the last moment is worth one more poll, and those of a future that wakes itself no more.
                is_late = Instant::now() >= deadline;
            }
        })
    }
}

impl<F: Future> Block for F {}

/// Marks this thread as one that drives an event loop, until the mark is dropped. Marks are counted.
///
/// Event loops hold one while they run, so that in debug builds a [`block_on`] inside one of their tasks
/// panics instead of never coming back. It costs one thread-local counter.
pub fn driving() -> Driving {
    DRIVING.set(DRIVING.get() + 1);
    Driving {
        _thread: PhantomData,
    }
}

/// The mark made by [`driving`].
#[derive(Debug)]
#[must_use = "the mark ends when this is dropped"]
pub struct Driving {
    /// Belongs to its thread: `!Send`.
    _thread: PhantomData<*const ()>,
}

impl Drop for Driving {
    fn drop(&mut self) {
        DRIVING.set(DRIVING.get() - 1);
    }
}

std::thread_local! {
    /// How many marks are alive on this thread.
    static DRIVING: Cell<usize> = const { Cell::new(0) };
}

#[track_caller]
fn refuse_if_driving() {
    debug_assert!(
        DRIVING.get() == 0,
        "blocking on a thread that drives an event loop would stop what is waited for"
    );
}

/// The sleeping place of one thread.
struct Parker {
    thread: Sleeper,
    /// 1 from a wake-up until the thread has seen it.
    woken: AtomicU32,
}

impl Parker {
    /// Sleeps until the next wake-up.
    fn park(&self) {
        while !self.take() {
            self.thread.park();
        }
    }

    /// Sleeps until the next wake-up, at most until `deadline`. Returns whether a wake-up came.
    fn park_until(&self, deadline: Instant) -> bool {
        while !self.take() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            self.thread.park_timeout(left);
        }
        true
    }

    /// Takes the wake-up, if there is one.
    fn take(&self) -> bool {
        // ORDERING: Acquire pairs with the Release of all wake-ups since the last one taken.
        self.woken.swap(0, Acquire) != 0
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // ORDERING: Release makes the caller's condition visible to `take`. A read-modify-write, so that
        // the release sequence of an earlier wake-up, not taken yet, goes on.
        if self.woken.swap(1, Release) == 0 {
            // A thread that parks for reasons of its own may swallow this; it then finds `woken` set
            // before it parks in here.
            self.thread.unpark();
        }
    }
}

/// A parker and its waker.
struct Bed {
    parker: Arc<Parker>,
    waker: Waker,
}

impl Bed {
    fn new() -> Self {
        let parker = Arc::new(Parker {
            thread: Sleeper::current(),
            woken: AtomicU32::new(0),
        });
        Self {
            waker: Waker::from(parker.clone()),
            parker,
        }
    }

    /// Calls `f` with the bed of this thread; with a new one, if that is in use further up the stack.
    #[cfg(not(any(hyperia_loom, hyperia_shuttle)))]
    fn with<R>(f: impl FnOnce(&Self) -> R) -> R {
        std::thread_local! {
            static CACHED: RefCell<Option<Bed>> = const { RefCell::new(None) };
        }
        /// Puts the bed back, also when the future panics.
        struct PutBack(Option<Bed>);
        impl Drop for PutBack {
            fn drop(&mut self) {
                // Without a thread-local any more (the thread ends) or with another one in its place,
                // this one just goes.
                let _ = CACHED.try_with(|cached| cached.replace(self.0.take()));
            }
        }
        let cached = CACHED.try_with(|cached| cached.take()).ok().flatten();
        let bed = PutBack(Some(cached.unwrap_or_else(Self::new)));
        f(bed.0.as_ref().expect("put in above"))
    }

    /// The checker's threads are not the system's, so nothing is kept with them.
    #[cfg(any(hyperia_loom, hyperia_shuttle))]
    fn with<R>(f: impl FnOnce(&Self) -> R) -> R {
        f(&Self::new())
    }
}
