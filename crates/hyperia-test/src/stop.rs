//! A thread that is stopped in the middle of what it does, at any instruction of it, and let go on later.
//!
//! A signal sent to the thread finds it anywhere; the handler sleeps until it is released. What the others
//! cannot do meanwhile, they wait for that thread to do.
//!
//! # States
//! One word for the process, hence one stopped thread at a time.
//! ```text
//!            stop                 handler                 drop
//!   RUNNING ──────▶ STOPPING ───────────────▶ STOPPED ────────▶ RELEASED
//!      ▲                                                           │
//!      └───────────────────────────────────────────────────────────┘ handler
//! ```
//!
//! The handler does what a signal handler may do and nothing else: atomics, futex calls, errno put back.
mod sys;

use std::fmt;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::mpsc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

/// Nobody is stopped.
const RUNNING: u32 = 0;
/// The signal is on its way.
const STOPPING: u32 = 1;
/// The handler sleeps.
const STOPPED: u32 = 2;
/// The handler is to return.
const RELEASED: u32 = 3;

/// See the header.
static GATE: AtomicU32 = AtomicU32::new(RUNNING);
/// Held by who stops a thread, until it is released.
static TURN: Mutex<()> = Mutex::new(());

/// How often one who waits for the handler asks whether its thread is still there.
const ASK: Duration = Duration::from_millis(10);

/// A thread that repeats an operation and can be stopped in the middle of it.
pub struct Victim<'scope> {
    /// Not joined and not detached while this lives.
    thread: ScopedJoinHandle<'scope, ()>,
    id: sys::Id,
}

/// A thread that stands still until this is dropped.
#[must_use = "the thread goes on at once if this is not kept"]
pub struct Stopped<'a> {
    victim: &'a Victim<'a>,
    _turn: MutexGuard<'static, ()>,
}

/// Ends the thread's loop, also while its owner panics.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        // ORDERING: a flag; what comes after the thread's end comes after its join.
        self.0.store(true, Relaxed);
    }
}

/// Runs `operation` over and over on a thread of its own, which does nothing else, while `control` stops it
/// and lets it go.
///
/// If the operation allocates or prints, it may be stopped with a lock of the allocator or of the output held:
/// `control` then waits for itself if it does so before it has let the thread go.
///
/// # Examples
/// ```
/// use std::sync::atomic::AtomicU64;
/// use std::sync::atomic::Ordering::Relaxed;
///
/// let count = AtomicU64::new(0);
/// hyperia_test::stop::with_victim(
///     || drop(count.fetch_add(1, Relaxed)),
///     |victim| {
///         let stopped = victim.stop();
///         let before = count.load(Relaxed);
///         std::thread::yield_now();
///         assert_eq!(count.load(Relaxed), before);
///         drop(stopped);
///     },
/// );
/// ```
///
/// # Panics
/// If one of the two does.
pub fn with_victim<R>(
    mut operation: impl FnMut() + Send,
    control: impl FnOnce(&Victim<'_>) -> R,
) -> R {
    let end = AtomicBool::new(false);
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        let thread = scope.spawn(|| {
            // Once: whoever gets it has gone only by a panic, and then this ends at once.
            let _ = { sender }.send(sys::this_thread());
            // ORDERING: see `End`.
            while !end.load(Relaxed) {
                operation();
            }
        });
        let _end = End(&end);
        let id = receiver.recv().expect("the first thing the thread does");
        control(&Victim { thread, id })
    })
}

impl Victim<'_> {
    /// Stops the thread where it is, and returns when it stands.
    ///
    /// One thread of the process stands at a time: if another one does, waits until that is released.
    ///
    /// # Panics
    /// If the thread has ended, by a panic of its operation.
    pub fn stop(&self) -> Stopped<'_> {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        sys::install(handler);
        // ORDERING: the signal comes after it, and the handler's compare-exchange reads it.
        GATE.store(STOPPING, Release);
        // SAFETY: `self.thread` has the thread neither joined nor detached, so its id is good, even if it
        // has ended.
        unsafe { sys::signal(self.id) };
        loop {
            // ORDERING: Acquire pairs with the handler: what its thread did before is seen.
            if GATE.load(Acquire) == STOPPED {
                return Stopped {
                    victim: self,
                    _turn: turn,
                };
            }
            sys::spin_and_wait(&GATE, STOPPING, Some(ASK));
            assert!(
                !self.thread.is_finished() || !self.call_off(),
                "the victim has ended"
            );
        }
    }

    /// Takes the stop back if the handler has not begun.
    fn call_off(&self) -> bool {
        // ORDERING: nothing was received and nothing is given.
        GATE.compare_exchange(STOPPING, RUNNING, Relaxed, Relaxed)
            .is_ok()
    }
}

impl Drop for Stopped<'_> {
    /// Releases the thread, and waits until it goes on.
    fn drop(&mut self) {
        // ORDERING: Release pairs with the Acquire in the handler: what was done while the thread stood is
        // seen by it.
        GATE.store(RELEASED, Release);
        sys::wake(&GATE);
        // ORDERING: the next stop begins with a lock and a store of its own.
        while GATE.load(Relaxed) == RELEASED {
            sys::spin_and_wait(&GATE, RELEASED, None);
        }
    }
}

/// Runs on the thread that is stopped.
extern "C" fn handler(_: std::ffi::c_int) {
    let errno = sys::errno();
    // ORDERING: Release pairs with the Acquire in `stop`. A failure is a signal that somebody else sent.
    if GATE
        .compare_exchange(STOPPING, STOPPED, AcqRel, Relaxed)
        .is_ok()
    {
        sys::wake(&GATE);
        // ORDERING: Acquire pairs with the Release in the drop of `Stopped`.
        while GATE.load(Acquire) == STOPPED {
            sys::wait(&GATE, STOPPED, None);
        }
        // ORDERING: `Stopped` only waits for it.
        GATE.store(RUNNING, Relaxed);
        sys::wake(&GATE);
    }
    sys::set_errno(errno);
}

impl fmt::Debug for Victim<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Victim")
            .field("thread", &self.thread)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Stopped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stopped").field(self.victim).finish()
    }
}
