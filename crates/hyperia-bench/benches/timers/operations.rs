//! Single operations, on the thread that runs everything and on others.
use crate::contenders::{Runtime, Time};
use hyperia_bench::{Random, Sample, measure, measure_copies};
use std::future::ready;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// What everybody sleeps, unless it is random: as long as an idle timeout.
const LENGTH: Duration = Duration::from_secs(30);
/// Sleeps that are pending meanwhile, begun a moment before: what is longer than [`LENGTH`] comes after
/// them, what is shorter before.
const OTHERS: usize = 1_000;
/// How many random lengths there are; a power of two.
const LENGTHS: usize = 1 << 12;
/// How far each reset to a moment known before puts the sleep off.
const STEP: Duration = Duration::from_micros(1);
/// After that a driver on a thread of its own has seen the others and waits.
const SETTLED: Duration = Duration::from_millis(2);

/// One thread does this again and again.
#[derive(Clone, Copy)]
pub(crate) enum Operation {
    TimeoutReady,
    TimeoutPendingOnce,
    Sleep,
    SleepRandom,
    Reset,
    ResetFromNow,
}

impl Operation {
    pub(crate) const ALL: [Self; 6] = [
        Self::TimeoutReady,
        Self::TimeoutPendingOnce,
        Self::Sleep,
        Self::SleepRandom,
        Self::Reset,
        Self::ResetFromNow,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::TimeoutReady => "timeout of 30 s whose future is ready at once",
            Self::TimeoutPendingOnce => "timeout of 30 s whose future is pending once",
            Self::Sleep => "sleep of 30 s: make, poll, drop",
            Self::SleepRandom => "sleep of 1 to 60 s: make, poll, drop",
            Self::Reset => "reset of a pending sleep to a later moment that is known",
            Self::ResetFromNow => "reset of a pending sleep to 30 s from now",
        }
    }

    pub(crate) fn checked(self) -> &'static str {
        match self {
            Self::TimeoutReady => "the future's output; no sleep has fired",
            Self::TimeoutPendingOnce => "pending, then the future's output; no sleep has fired",
            Self::Sleep | Self::SleepRandom => "pending; no sleep has fired",
            Self::Reset | Self::ResetFromNow => "pending at the end; no sleep has fired",
        }
    }

    pub(crate) fn not_shown(self) -> &'static str {
        match self {
            Self::TimeoutReady | Self::TimeoutPendingOnce => {
                "turns of the driver in between; async-io and futures-timer have no timeout: theirs is \
                 futures-lite's `or` with a timer that is made late"
            }
            Self::Sleep | Self::SleepRandom => {
                "turns of the driver in between: after its last one, a thousand sleeps of 30 s were pending"
            }
            Self::Reset | Self::ResetFromNow => {
                "what it costs when the old moment comes; futures-timer takes a length and reads the clock"
            }
        }
    }

    /// Whether a look at the clock is something to compare with.
    pub(crate) fn has_floor(self) -> bool {
        !matches!(self, Self::Reset)
    }

    pub(crate) fn sample(self, runtime: &mut impl Runtime, operations: u64) -> Sample {
        runtime.run(async |time| {
            let task = Task::default();
            let waker = task.waker();
            let cx = &mut Context::from_waker(&waker);
            let others = others(time, cx);
            time.turn().await;
            std::thread::sleep(SETTLED);
            let sample = self.measure(time, cx, operations);
            drop(others);
            task.assert_undisturbed();
            sample
        })
    }

    fn measure<T: Time>(self, time: &T, cx: &mut Context<'_>, operations: u64) -> Sample {
        match self {
            Self::TimeoutReady => measure(|| {
                for index in 0..operations {
                    let timeout = pin!(time.timeout(LENGTH, ready(black_box(index))));
                    assert!(matches!(timeout.poll(cx), Poll::Ready(Ok(value)) if value == index));
                }
            }),
            Self::TimeoutPendingOnce => measure(|| {
                for index in 0..operations {
                    let mut timeout = pin!(time.timeout(LENGTH, PendingOnce::new(index)));
                    assert!(timeout.as_mut().poll(cx).is_pending());
                    assert!(matches!(timeout.poll(cx), Poll::Ready(Ok(value)) if value == index));
                }
            }),
            Self::Sleep => measure(|| {
                for _ in 0..operations {
                    assert!(pin!(time.sleep(LENGTH)).poll(cx).is_pending());
                }
            }),
            Self::SleepRandom => {
                let lengths = random_lengths();
                measure(|| {
                    for index in 0..operations {
                        let length = lengths[index as usize % LENGTHS];
                        assert!(pin!(time.sleep(length)).poll(cx).is_pending());
                    }
                })
            }
            Self::Reset => {
                let mut sleep = pin!(time.sleep(LENGTH));
                assert!(sleep.as_mut().poll(cx).is_pending());
                let mut moment = time.after(LENGTH);
                let sample = measure(|| {
                    for _ in 0..operations {
                        moment = moment + STEP;
                        T::reset(sleep.as_mut(), black_box(moment));
                    }
                });
                assert!(sleep.poll(cx).is_pending());
                sample
            }
            Self::ResetFromNow => {
                let mut sleep = pin!(time.sleep(LENGTH));
                assert!(sleep.as_mut().poll(cx).is_pending());
                let sample = measure(|| {
                    for _ in 0..operations {
                        T::reset(sleep.as_mut(), time.after(LENGTH));
                    }
                });
                assert!(sleep.poll(cx).is_pending());
                sample
            }
        }
    }
}

/// `threads` that do not drive make sleeps, poll them once and drop them, while the driver waits on its own
/// thread; `enter` gets a thread into the runtime.
pub(crate) fn from_other_threads<T: Time + Sync, G>(
    time: &T,
    enter: impl Fn() -> G + Sync,
    threads: u64,
    operations: u64,
) -> Sample {
    let _entered = enter();
    let task = Task::default();
    let waker = task.waker();
    let others = others(time, &mut Context::from_waker(&waker));
    std::thread::sleep(SETTLED);
    let sample = measure_copies(threads, |index| {
        let _entered = enter();
        let task = Task::default();
        let waker = task.waker();
        let cx = &mut Context::from_waker(&waker);
        for _ in operations * index / threads..operations * (index + 1) / threads {
            assert!(pin!(time.sleep(LENGTH)).poll(cx).is_pending());
        }
        task.assert_undisturbed();
    });
    drop(others);
    task.assert_undisturbed();
    sample
}

/// Sleeps that are pending.
fn others<'a, T: Time>(time: &'a T, cx: &mut Context<'_>) -> Vec<Pin<Box<T::Sleep<'a>>>> {
    let mut others: Vec<_> = (0..OTHERS).map(|_| Box::pin(time.sleep(LENGTH))).collect();
    for other in &mut others {
        assert!(other.as_mut().poll(cx).is_pending());
    }
    others
}

/// Between one second and sixty, the same for everybody.
fn random_lengths() -> Vec<Duration> {
    let mut random = Random::new(7);
    let mut length = || Duration::from_nanos(1_000_000_000 + random.below(59_000_000_000));
    (0..LENGTHS).map(|_| length()).collect()
}

/// Does nothing when it is woken but count it. Its wakers are counted references, as those of real tasks.
#[derive(Default)]
struct Task(Arc<Wakes>);

#[derive(Default)]
struct Wakes(AtomicU64);

impl Task {
    fn waker(&self) -> Waker {
        Arc::clone(&self.0).into()
    }

    /// Nothing was due.
    fn assert_undisturbed(&self) {
        assert_eq!(self.0.0.load(Relaxed), 0, "a sleep fired early");
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

struct PendingOnce {
    value: u64,
    polled: bool,
}

impl PendingOnce {
    fn new(value: u64) -> Self {
        Self {
            value,
            polled: false,
        }
    }
}

impl Future for PendingOnce {
    type Output = u64;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u64> {
        if self.polled {
            return Poll::Ready(self.value);
        }
        self.polled = true;
        Poll::Pending
    }
}
