//! Random operations on sleeps, each compared with a plain list of deadlines.
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use hyperia_test::{CountingWaker, poll_once};
use hyperia_timer::{Bound, Clock, Local, ManualClock, Sleep, Timers};

/// splitmix64.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

struct Sleeper<B: Bound> {
    sleep: Pin<Box<Sleep<'static, B>>>,
    deadline: u64,
}

struct Run<B: Bound> {
    random: u64,
    clock: ManualClock,
    timers: Timers<B>,
    ring: Arc<CountingWaker>,
    task: Arc<CountingWaker>,
    sleepers: Vec<Sleeper<B>>,
    now: u64,
    /// What the driver waits for, and how often it is to be rung.
    armed: Option<u64>,
    rings: usize,
}

/// Makes timers of one kind.
type Make<B> = fn(ManualClock, Waker) -> Timers<B>;

impl<B: Bound> Run<B> {
    fn new(make: Make<B>, seed: u64, start: u64) -> Self {
        let clock = ManualClock::new();
        let (ring, task) = (CountingWaker::new(), CountingWaker::new());
        let timers = make(clock.clone(), ring.waker());
        clock.set(Duration::from_nanos(start));
        assert!(!timers.advance(clock.now()));
        let sleepers = Vec::new();
        Self {
            random: seed,
            clock,
            timers,
            ring,
            task,
            sleepers,
            now: start,
            armed: None,
            rings: 0,
        }
    }

    fn below(&mut self, n: u64) -> u64 {
        random(&mut self.random) % n
    }

    fn future(&mut self) -> u64 {
        let bits = self.below(40);
        self.now + 1 + self.below(1 << bits)
    }

    /// What came may ring the driver, who then asks again.
    fn came(&mut self, deadline: u64) {
        if self.armed.is_some_and(|armed| deadline < armed) {
            self.rings += 1;
            self.armed = None;
        }
        assert_eq!(
            self.ring.wakes(),
            self.rings,
            "rung once if earlier, otherwise not"
        );
    }

    fn insert(&mut self) {
        let deadline = self.future();
        let length = Duration::from_nanos(deadline - self.now);
        let mut sleep = Box::pin(
            match self.below(2) {
                0 => self.timers.sleep(length),
                _ => self.timers.sleep_until(Duration::from_nanos(deadline)),
            }
            .into_owned(),
        );
        assert!(poll_once(sleep.as_mut(), &self.task.waker()).is_pending());
        self.sleepers.push(Sleeper { sleep, deadline });
        self.came(deadline);
    }

    fn reset(&mut self) {
        let deadline = self.future();
        let index = self.below(self.sleepers.len() as u64) as usize;
        let sleeper = &mut self.sleepers[index];
        sleeper.sleep.as_mut().reset(Duration::from_nanos(deadline));
        let earlier = deadline < sleeper.deadline;
        sleeper.deadline = deadline;
        if earlier {
            self.came(deadline);
        }
    }

    fn ask(&mut self) -> Option<u64> {
        let next = self
            .timers
            .next_deadline()
            .map(|next| next.as_nanos() as u64);
        match (
            next,
            self.sleepers.iter().map(|sleeper| sleeper.deadline).min(),
        ) {
            (Some(next), Some(earliest)) => {
                assert!(next <= earliest, "{next} is late for {earliest}");
                assert!(
                    next > self.now,
                    "nothing is due, but the driver would not wait"
                );
            }
            (None, Some(earliest)) => panic!("the driver would sleep through {earliest}"),
            (Some(_), None) => panic!("nobody sleeps"),
            (None, None) => {}
        }
        self.armed = Some(next.unwrap_or(u64::MAX));
        next
    }

    fn advance(&mut self, now: u64) -> usize {
        self.now = now;
        self.clock.set(Duration::from_nanos(now));
        self.armed = None;
        let before = self.task.wakes();
        while self.timers.advance(self.clock.now()) {}
        let waker = self.task.waker();
        let mut fired = 0;
        self.sleepers.retain_mut(|sleeper| {
            let due = sleeper.deadline <= now;
            let ready = poll_once(sleeper.sleep.as_mut(), &waker).is_ready();
            assert_eq!(ready, due, "{} at {now}", sleeper.deadline);
            fired += usize::from(due);
            !due
        });
        assert_eq!(self.task.wakes() - before, fired, "each is woken once");
        assert_eq!(self.task.live(), self.sleepers.len() + 1, "one waker each");
        fired
    }

    fn step(&mut self) {
        match self.below(16) {
            0..=4 if self.sleepers.len() < 150 => self.insert(),
            5..=6 if !self.sleepers.is_empty() => {
                let index = self.below(self.sleepers.len() as u64) as usize;
                drop(self.sleepers.swap_remove(index));
            }
            7..=10 if !self.sleepers.is_empty() => self.reset(),
            11..=12 => {
                // A driver that waits, as often as it wakes for nothing.
                let mut turns = 0;
                while let Some(next) = self.ask() {
                    if self.advance(next) > 0 {
                        break;
                    }
                    turns += 1;
                    assert!(turns <= 300, "the driver does not come to rest");
                }
            }
            13 => {
                let by = self.future() - self.now;
                self.advance(self.now + by / 4);
            }
            _ => {
                self.ask();
            }
        }
    }
}

/// Clocks start where digits carry.
fn starts() -> impl Iterator<Item = u64> {
    let carries = (1..=10).map(|level| (1u64 << (6 * level)).saturating_sub(1000));
    [0, 1 << 40, u64::MAX / 2].into_iter().chain(carries)
}

fn do_what_a_list_of_deadlines_does<B: Bound>(make: Make<B>) {
    for (seed, start) in starts().enumerate() {
        let mut run = Run::new(make, seed as u64, start);
        for _ in 0..STEPS {
            run.step();
        }
        let task = Arc::clone(&run.task);
        drop(run);
        assert_eq!(task.live(), 0);
    }
}

/// From each start: more than a million in all.
const STEPS: usize = 80_000;

#[test]
fn sleeps_do_what_a_list_of_deadlines_does() {
    do_what_a_list_of_deadlines_does(Timers::new);
}

#[test]
fn local_sleeps_do_what_a_list_of_deadlines_does() {
    do_what_a_list_of_deadlines_does::<Local>(Timers::new_local);
}

/// Real threads: owners make, poll, reset and drop sleeps while a driver advances a clock of its
/// own.
#[test]
fn owners_and_a_driver_on_their_own_threads() {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    let clock = ManualClock::new();
    let timers = Timers::new(clock.clone(), Waker::noop().clone());
    let running = AtomicUsize::new(3);
    let task = CountingWaker::new();
    std::thread::scope(|scope| {
        for seed in 0..3 {
            let (timers, task, running) = (&timers, &task, &running);
            scope.spawn(move || {
                let mut state = seed;
                let waker = task.waker();
                for _ in 0..20_000 {
                    let start = timers.now();
                    let length = Duration::from_nanos(random(&mut state) % 5_000);
                    let mut sleep = Box::pin(timers.sleep(length));
                    let mut deadline = None;
                    for _ in 0..random(&mut state) % 4 {
                        if poll_once(sleep.as_mut(), &waker).is_ready() {
                            let due = deadline.unwrap_or(start + length);
                            assert!(timers.now() >= due, "completed early");
                            break;
                        }
                        if random(&mut state) & 1 == 0 {
                            let target =
                                timers.now() + Duration::from_nanos(random(&mut state) % 5_000);
                            sleep.as_mut().reset(target);
                            deadline = Some(target);
                        }
                    }
                }
                running.fetch_sub(1, Relaxed);
            });
        }
        scope.spawn(|| {
            while running.load(Relaxed) > 0 {
                clock.advance(Duration::from_nanos(300));
                timers.next_deadline();
                while timers.advance(clock.now()) {}
                std::thread::yield_now();
            }
        });
    });
    assert_eq!(timers.next_deadline(), None, "all are dropped");
    assert_eq!(task.live(), 0);
}
