//! Scenarios under many schedules: before each atomic operation shuttle chooses who goes on, and a failure
//! prints the choices, so that it can be had again.
//!
//! For protocols and cancellation, with more tasks than loom has time for. Every ordering counts as `SeqCst`
//! here, so nothing is learned about orderings: those are for loom.
//!
//! | Variable | What it does |
//! |---|---|
//! | `HYPERIA_SHUTTLE_TIMES` | as many times the schedules; other ones in each run, and deeper |
//! | `HYPERIA_SHUTTLE_REPLAY` | `NAME: SCHEDULE`, as a failure prints the two: this schedule alone |
use shuttle::scheduler::{
    PctScheduler, RandomScheduler, ReplayScheduler, Schedule, Scheduler, Task, TaskId,
};
use shuttle::{Config, MaxSteps, Runner};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const TIMES: &str = "HYPERIA_SHUTTLE_TIMES";
const REPLAY: &str = "HYPERIA_SHUTTLE_REPLAY";

/// PCT finds a bug that takes this many orderings with a known probability (Burckhardt and others, 2010): in
/// a usual run, and in a longer one.
const DEPTHS: [usize; 2] = [3, 5];
/// Scheduling points of one execution; who makes more goes round in circles.
const STEPS_MAX: usize = 100_000;
/// Bytes of stack for a task: enough for a panic with its backtrace.
const STACK: usize = 1 << 18;
/// Of a usual run: a gate gives the same answer twice.
const SEED: u64 = 0x0068_7970_6572_6961;

/// Runs `f` under at least `schedules` schedules: half of them by priorities that change a few times (PCT),
/// half by chance. Prints `schedules NAME: N, D different`.
///
/// Tasks are threads of `shuttle::thread`, and they wait by means of what is tested or of shuttle, for nothing
/// else. A task that waits for ever fails the test, as a deadlock.
///
/// # Panics
/// If an execution fails; its schedule is printed. If there were fewer than `schedules`, or all were the same.
///
/// # Examples
/// ```
/// # #[cfg(hyperia_shuttle)] {
/// use shuttle::sync::atomic::{AtomicUsize, Ordering::SeqCst};
/// use shuttle::thread;
///
/// hyperia_test::schedules("two who count", 1_000, || {
///     let count = AtomicUsize::new(0);
///     thread::scope(|scope| {
///         scope.spawn(|| count.fetch_add(1, SeqCst));
///         scope.spawn(|| count.fetch_add(1, SeqCst));
///     });
///     assert_eq!(count.load(SeqCst), 2);
/// });
/// # }
/// ```
#[track_caller]
pub fn schedules(name: &str, schedules: usize, f: impl Fn() + Send + Sync + 'static) {
    let mut explored = Explored::default();
    explored.add(name, schedules, f);
    explored.report(name, schedules, "");
}

/// What was explored under one name.
#[derive(Default)]
pub(crate) struct Explored {
    schedules: usize,
    different: usize,
    /// Whether there was ever more than one who could go on.
    has_choice: bool,
}

impl Explored {
    /// Runs `f` under `schedules` schedules, times what the environment says.
    #[track_caller]
    pub(crate) fn add<F: Fn() + Send + Sync + 'static>(
        &mut self,
        name: &str,
        schedules: usize,
        f: F,
    ) {
        let _on_failure = SayWhich(name);
        if let Ok(replay) = std::env::var(REPLAY) {
            if let Some(schedule) = schedule_of(&replay, name) {
                let scheduler = ReplayScheduler::new_from_encoded(schedule);
                self.schedules += Runner::new(scheduler, config()).run(f);
            }
            return;
        }
        let times = times();
        let count = schedules * times;
        // The count and the rest belong to the harness: no scheduling points. Counted is what came to its end.
        let ended = Arc::new(AtomicUsize::new(0));
        let f = Arc::new(f);
        let counting = || {
            let (f, ended) = (Arc::clone(&f), Arc::clone(&ended));
            move || {
                f();
                // ORDERING: Relaxed, a count; the runner runs everything before it returns.
                ended.fetch_add(1, Relaxed);
            }
        };
        let seen = Arc::new(Mutex::new(Seen::default()));
        let pct = if times == 1 {
            PctScheduler::new_from_seed(SEED, DEPTHS[0], count / 2)
        } else {
            PctScheduler::new(DEPTHS[1], count / 2)
        };
        Runner::new(Watched::new(pct, true, &seen), config()).run(counting());
        // ORDERING: Relaxed, as above.
        let rest = count - ended.load(Relaxed);
        let random = if times == 1 {
            RandomScheduler::new_from_seed(SEED, rest)
        } else {
            RandomScheduler::new(rest)
        };
        Runner::new(Watched::new(random, false, &seen), config()).run(counting());
        // ORDERING: Relaxed, as above.
        self.schedules += ended.load(Relaxed);
        let seen = lock(&seen);
        self.different += seen.schedules.len();
        self.has_choice |= seen.has_choice;
    }

    /// Prints what was explored, and `more`.
    ///
    /// # Panics
    /// If there were fewer than `floor` schedules, or all were the same.
    #[track_caller]
    pub(crate) fn report(&self, name: &str, floor: usize, more: &str) {
        if is_replay() {
            return;
        }
        let Self {
            schedules,
            different,
            has_choice,
        } = self;
        println!("schedules {name}: {schedules}, {different} different{more}");
        assert!(
            *schedules >= floor,
            "schedules {name}: {schedules}, at least {floor} were expected"
        );
        assert!(
            *has_choice,
            "schedules {name}: all the same, nothing is concurrent"
        );
    }
}

/// Whether one schedule is to be run alone.
pub(crate) fn is_replay() -> bool {
    std::env::var_os(REPLAY).is_some()
}

/// How many times the schedules.
fn times() -> usize {
    let times = std::env::var(TIMES).unwrap_or_else(|_| "1".to_owned());
    times
        .parse()
        .ok()
        .filter(|times| *times > 0)
        .unwrap_or_else(|| panic!("{TIMES} must be a number above zero, not {times:?}"))
}

/// The schedule in `replay` if it is one of `name`.
fn schedule_of<'a>(replay: &'a str, name: &str) -> Option<&'a str> {
    let schedule = replay.strip_prefix(name)?.strip_prefix(':')?;
    Some(schedule.trim_matches(|c: char| c.is_whitespace() || c == '"'))
}

fn config() -> Config {
    let mut config = Config::new();
    config.stack_size = STACK;
    config.max_steps = MaxSteps::FailAfter(STEPS_MAX);
    // That orderings are not looked at is known.
    config.silence_warnings = true;
    // The tasks that are left are not unwound: one more panic would end the process, and with it the report.
    config
        .ungraceful_shutdown_config
        .immediately_return_on_panic = true;
    config
}

/// Says on failure whose schedule shuttle has printed.
struct SayWhich<'a>(&'a str);

impl Drop for SayWhich<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "to run this schedule alone: {REPLAY}='{}: THE SCHEDULE ABOVE'",
                self.0
            );
        }
    }
}

/// What was seen of the schedules.
#[derive(Default)]
struct Seen {
    /// By their hashes.
    schedules: HashSet<u64>,
    has_choice: bool,
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A scheduler whose schedules are remembered.
struct Watched<S> {
    scheduler: S,
    /// PCT does not go on if its first execution had no choice, as where a future is dropped unpolled.
    needs_choice: bool,
    hasher: DefaultHasher,
    has_begun: bool,
    has_choice: bool,
    seen: Arc<Mutex<Seen>>,
}

impl<S> Watched<S> {
    fn new(scheduler: S, needs_choice: bool, seen: &Arc<Mutex<Seen>>) -> Self {
        Self {
            scheduler,
            needs_choice,
            hasher: DefaultHasher::new(),
            has_begun: false,
            has_choice: false,
            seen: Arc::clone(seen),
        }
    }
}

impl<S: Scheduler> Scheduler for Watched<S> {
    fn new_execution(&mut self) -> Option<Schedule> {
        let last = mem::take(&mut self.hasher);
        if mem::replace(&mut self.has_begun, true) {
            let mut seen = lock(&self.seen);
            seen.schedules.insert(last.finish());
            seen.has_choice |= self.has_choice;
            if self.needs_choice && !self.has_choice {
                return None;
            }
        }
        self.scheduler.new_execution()
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        is_yielding: bool,
    ) -> Option<TaskId> {
        self.has_choice |= runnable.len() > 1;
        let next = self.scheduler.next_task(runnable, current, is_yielding);
        next.map(usize::from).hash(&mut self.hasher);
        next
    }

    fn next_u64(&mut self) -> u64 {
        self.scheduler.next_u64()
    }
}
