//! An event loop turned by a test, on its own thread or on another. What a turn is, the test says: it lasts
//! until something happened, or for a given time.
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::task::{Poll, Waker};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::poll_once;

/// No wait in a test is meant to last; this only turns a hang into a failure.
pub const HANG: Duration = Duration::from_secs(10);

/// Takes turns of at most the given length until `done`.
///
/// # Panics
/// If that takes longer than [`HANG`], or a turn fails.
pub fn turn_until(
    mut turn: impl FnMut(Duration) -> io::Result<usize>,
    mut done: impl FnMut() -> bool,
) {
    let deadline = Instant::now() + HANG;
    while !done() {
        let left = deadline.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "nothing came of it in {HANG:?}");
        turn(left).expect("a turn of the loop");
    }
}

/// Polls a future to its end, taking turns in between.
///
/// # Panics
/// As [`turn_until`].
pub fn drive<F: Future>(turn: impl FnMut(Duration) -> io::Result<usize>, future: F) -> F::Output {
    let mut future = pin!(future);
    let mut output = None;
    turn_until(turn, || {
        if let Poll::Ready(value) = poll_once(future.as_mut(), Waker::noop()) {
            output = Some(value);
        }
        output.is_some()
    });
    output.expect("it is done")
}

/// A loop that turns on a thread of its own until this is dropped.
#[derive(Debug)]
pub struct Turning {
    stop: Arc<AtomicBool>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

impl Turning {
    /// Starts the thread. `waker` ends a turn that waits.
    ///
    /// # Panics
    /// Never here: the thread does when a turn fails, and so whoever drops this.
    pub fn start(
        waker: Waker,
        mut turn: impl FnMut() -> io::Result<usize> + Send + 'static,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            // ORDERING: Acquire pairs with the Release in `drop`: what its thread did before, this one sees
            // after its last turn.
            while !stopped.load(Acquire) {
                turn().expect("a turn of the loop");
            }
        });
        Self {
            stop,
            waker,
            thread: Some(thread),
        }
    }
}

/// Waits for the thread.
///
/// # Panics
/// If a turn failed or panicked, unless this thread panics already.
impl Drop for Turning {
    fn drop(&mut self) {
        // ORDERING: Release pairs with the Acquire before each turn. The wake comes after, so the turn that it
        // ends is the last.
        self.stop.store(true, Release);
        self.waker.wake_by_ref();
        if let Some(thread) = self.thread.take() {
            let joined = thread.join();
            assert!(joined.is_ok() || std::thread::panicking());
        }
    }
}
