//! Cancellation under many schedules: a future polled so many times, then dropped.
use crate::schedules::{Explored, is_replay};
use shuttle::rand::Rng;
use shuttle::thread::{self, Thread};
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Wake, Waker};

/// How many polls [`schedules_at_every_poll`] allows before it calls a scenario endless.
const POLLS_MAX: usize = 100;

/// Runs the scenario `f` under at least `schedules` schedules for each `k` = 0, 1, 2 …, where the futures
/// given to [`Patience::wait_for`] are dropped after `k` polls; until under no schedule one is dropped any
/// more. Returns the last `k`: how many polls it takes at most, for the test to assert. Prints
/// `schedules NAME: N, D different, …`.
///
/// All of it three times, as executors differ:
///
/// | Polls | Which |
/// |---|---|
/// | when woken | only then, always with the same waker |
/// | again | also once before it sleeps, without reason |
/// | with another waker | the same, with another waker each time; only the last one wakes |
///
/// A future is dropped right after its last poll, or later, when it may have been woken: by chance, which is
/// part of the schedule.
///
/// At the end of `f` nothing of it may be left: every waker made for it must be gone.
///
/// # Panics
/// As [`schedules`](crate::schedules). If a waker is left; if a future takes more than 100 polls.
///
/// # Examples
/// ```
/// # #[cfg(hyperia_shuttle)] {
/// use hyperia_sync::Semaphore;
/// use hyperia_test::schedules_at_every_poll;
/// use shuttle::thread;
///
/// let polls = schedules_at_every_poll("Semaphore: acquire", 1_000, |patience| {
///     let semaphore = Semaphore::new(1);
///     thread::scope(|scope| {
///         scope.spawn(|| drop(patience.wait_for(semaphore.acquire()))); // gives up after k polls
///         scope.spawn(|| drop(patience.wait_to_end(semaphore.acquire()))); // must get it
///     });
///     assert_eq!(semaphore.available_permits(), 1); // whatever happened, nothing is lost
/// });
/// assert!(polls >= 2); // it has really waited
/// # }
/// ```
#[track_caller]
pub fn schedules_at_every_poll(
    name: &str,
    schedules: usize,
    f: impl Fn(&Patience) + Send + Sync + 'static,
) -> usize {
    let mut explored = Explored::default();
    let (mut polls_max, mut runs) = (0, 0);
    let f = Arc::new(f);
    for polling in [Polling::WhenWoken, Polling::Again, Polling::OtherWaker] {
        // Without a poll the ways of polling are the same.
        let mut polls = usize::from(polling != Polling::WhenWoken);
        loop {
            let patience = Arc::new(Patience {
                polls,
                polling,
                has_dropped: Number::default(),
                live: Arc::default(),
            });
            let one = format!("{name}, polled {polling}, dropped after {polls}");
            explored.add(&one, schedules, {
                let (f, patience) = (Arc::clone(&f), Arc::clone(&patience));
                move || {
                    f(&patience);
                    assert_eq!(patience.live.get(), 0, "wakers are left");
                }
            });
            runs += 1;
            // When one schedule is run alone it is not known whether this was the last `k`.
            if !is_replay() && patience.has_dropped.get() == 0 {
                break;
            }
            if polls == POLLS_MAX {
                assert!(is_replay(), "{one}: still not ready");
                break;
            }
            polls += 1;
        }
        polls_max = polls_max.max(polls);
    }
    let more = format!(", dropped after 0 to {} polls", polls_max.saturating_sub(1));
    explored.report(name, schedules * runs, &more);
    polls_max
}

/// When a future is polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Polling {
    WhenWoken,
    Again,
    OtherWaker,
}

impl fmt::Display for Polling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WhenWoken => "when woken",
            Self::Again => "again",
            Self::OtherWaker => "with another waker",
        })
    }
}

/// How long the futures of a scenario are waited for; see [`schedules_at_every_poll`].
///
/// Any number of futures in any number of tasks; each has so many polls of its own.
#[derive(Debug)]
pub struct Patience {
    polls: usize,
    polling: Polling,
    /// Whether under any schedule a future was dropped.
    has_dropped: Number,
    /// How many tasks are left, wakers included.
    live: Arc<Number>,
}

impl Patience {
    /// Waits for `future` on this task, drops it when patience is at an end, and returns `None` then.
    ///
    /// Whoever wants the future back waits for `future.as_mut()` or `&mut future`.
    pub fn wait_for<F: Future>(&self, future: F) -> Option<F::Output> {
        self.wait(future, self.polls)
    }

    /// Waits for `future` on this task, however long it takes.
    ///
    /// # Panics
    /// If that is more than a thousand polls.
    pub fn wait_to_end<F: Future>(&self, future: F) -> F::Output {
        let output = self.wait(future, 1_000);
        output.expect("a future took more than 1,000 polls")
    }

    fn wait<F: Future>(&self, future: F, polls: usize) -> Option<F::Output> {
        let mut future = pin!(future);
        let mut sleeper = Sleeper::new(&self.live);
        for poll in 0..polls {
            if poll > 0 && (self.polling == Polling::WhenWoken || poll % 2 == 0) {
                sleeper.sleep();
            }
            if self.polling == Polling::OtherWaker {
                sleeper = Sleeper::new(&self.live);
            }
            let waker = Waker::from(Arc::clone(&sleeper));
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Some(output);
            }
        }
        self.has_dropped.set(1);
        if shuttle::rand::thread_rng().r#gen() {
            thread::yield_now();
        }
        None
    }
}

/// What the tasks of a scenario share and the scenario does not know of: no scheduling point. They all run on one
/// thread of the system, so nothing comes between reading and writing.
#[derive(Debug, Default)]
struct Number(AtomicUsize);

impl Number {
    fn get(&self) -> usize {
        // ORDERING: Relaxed, one thread.
        self.0.load(Relaxed)
    }

    fn set(&self, number: usize) {
        // ORDERING: Relaxed, as for the load.
        self.0.store(number, Relaxed);
    }

    /// Leaves zero behind.
    fn take(&self) -> usize {
        let number = self.get();
        self.set(0);
        number
    }
}

/// Whom a waker wakes.
struct Sleeper {
    thread: Thread,
    is_woken: Number,
    /// By the task itself, while it was polled.
    is_woken_by_itself: Number,
    live: Arc<Number>,
}

impl Sleeper {
    fn new(live: &Arc<Number>) -> Arc<Self> {
        live.set(live.get() + 1);
        Arc::new(Self {
            thread: thread::current(),
            is_woken: Number::default(),
            is_woken_by_itself: Number::default(),
            live: Arc::clone(live),
        })
    }

    /// Until it is woken, if it has not been since the last time.
    fn sleep(&self) {
        // As an executor does: who wakes itself lets others run first, for one of whom it may be waiting.
        if self.is_woken_by_itself.take() == 1 {
            thread::yield_now();
        }
        while self.is_woken.take() == 0 {
            thread::park();
        }
    }
}

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if thread::current().id() == self.thread.id() {
            self.is_woken_by_itself.set(1);
        }
        self.is_woken.set(1);
        self.thread.unpark();
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.live.set(self.live.get() - 1);
    }
}
