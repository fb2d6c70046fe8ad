//! A reactor and timers on a thread of their own.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries |
//! |---|---|---|---|
//! | stop | | | one flag, Relaxed: the call of the reactor's waker after it carries it (`hyperia-reactor`, call → rise) |
use crate::primitive::Ordering::*;
use crate::primitive::{AtomicBool, Builder, JoinHandle, current};
use core::fmt;
use core::mem;
use hyperia_reactor::{Handle, Reactor};
use hyperia_timer::{Clock, MonotonicClock, Timers};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Drives a reactor and timers on a thread of its own, for tasks that run under another runtime.
///
/// Sockets, sleeps and everything made with its handles then work under tokio, smol or any executor. There
/// is no task on the driver's thread: it only wakes. Whoever needs no other runtime takes an
/// [`EventLoop`](crate::EventLoop) instead, which saves a thread switch per event.
///
/// # Dropping it
/// Stops the thread and waits until it has ended, which takes no longer than the wakers that are being
/// called at the moment. What waits for I/O then ends with an error (`hyperia_reactor::ReactorGone`);
/// sleeps stay pending for ever. Dropped on its own thread, inside of a waker that it calls, it does
/// not wait for itself: the thread ends after that waker has returned.
///
/// # Panics of wakers
/// A waker that panics is reported by the panic hook; the others are called, and the thread goes on.
///
/// # Examples
/// ```
/// use hyperia_rt::DriverThread;
/// use std::time::Duration;
///
/// let driver = DriverThread::spawn()?;
/// let sleep = driver.timers().sleep(Duration::from_millis(1));
/// hyperia_wait::block_on(sleep); // any executor will do
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "dropping it stops the thread"]
pub struct DriverThread {
    reactor: Handle,
    timers: Timers,
    stop: Arc<AtomicBool>,
    /// `None` once joined.
    thread: Option<JoinHandle<()>>,
}

impl DriverThread {
    /// Starts a driver on the monotonic clock; its thread is called `hyperia-driver`.
    ///
    /// # Errors
    /// If the process is out of descriptors (it needs two), threads or memory.
    pub fn spawn() -> io::Result<Self> {
        Self::spawn_with("hyperia-driver", MonotonicClock::new())
    }

    /// Starts a driver whose thread is called `name`, on a clock of choice.
    ///
    /// Whoever moves a clock that does not move by itself wakes `reactor().waker()` afterwards.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    ///
    /// # Panics
    /// If `name` contains a null byte.
    pub fn spawn_with(name: &str, clock: impl Clock) -> io::Result<Self> {
        let reactor = Reactor::new()?;
        let handle = reactor.handle();
        let timers = Timers::new(clock, reactor.waker());
        let stop = Arc::new(AtomicBool::new(false));
        let thread = Builder::new().name(name.to_owned()).spawn({
            let timers = timers.clone();
            let stop = Arc::clone(&stop);
            move || drive(reactor, &timers, &stop)
        })?;
        Ok(Self {
            reactor: handle,
            timers,
            stop,
            thread: Some(thread),
        })
    }

    /// Registers descriptors, makes sockets.
    pub fn reactor(&self) -> &Handle {
        &self.reactor
    }

    /// Makes sleeps and timeouts.
    pub fn timers(&self) -> &Timers {
        &self.timers
    }
}

/// The driver's thread: what [`EventLoop::block_on`](crate::EventLoop::block_on) does, without tasks.
fn drive(mut reactor: Reactor, timers: &Timers, stop: &AtomicBool) {
    let _driving = hyperia_wait::driving();
    // ORDERING: Relaxed; see the header.
    while !stop.load(Relaxed) {
        let deadline = timers.next_deadline();
        let timeout = deadline.map(|deadline| deadline.saturating_sub(timers.now()));
        // Wakers are called in either of the two; each calls the others of its batch before a panic
        // goes on, and has no state that a panic could leave half done. Timers that were not reached
        // make the next deadline one that has passed.
        if let Some(Err(error)) = contain(|| reactor.poll(timeout)) {
            // Never seen; it ends the thread, and with the reactor all waits.
            panic!("the reactor cannot wait: {error}");
        }
        if timeout.is_some() {
            let now = timers.now();
            contain(|| timers.advance(now));
        }
    }
}

/// How often in a row a payload may panic when it is dropped, with a payload that does so, too.
const DROPS_MAX: usize = 4;

/// Calls `f`; `None` if it panics.
fn contain<R>(f: impl FnOnce() -> R) -> Option<R> {
    let mut payload = match catch_unwind(AssertUnwindSafe(f)) {
        Ok(value) => return Some(value),
        Err(payload) => payload,
    };
    // A payload is foreign code, too: if its drop does not stop panicking, what is left is forgotten.
    for _ in 0..DROPS_MAX {
        match catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            Ok(()) => return None,
            Err(next) => payload = next,
        }
    }
    mem::forget(payload);
    None
}

impl Drop for DriverThread {
    fn drop(&mut self) {
        // ORDERING: Relaxed; the call of the waker carries it.
        self.stop.store(true, Relaxed);
        self.reactor.waker().wake();
        let Some(thread) = self.thread.take() else {
            return;
        };
        if thread.thread().id() != current().id() {
            // An error is a panic that the hook has reported; the thread has ended in any case.
            drop(thread.join());
        }
    }
}

impl fmt::Debug for DriverThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DriverThread").finish_non_exhaustive()
    }
}
