//! Semaphores and mutexes against those of tokio, async-lock, asyncband, futures-intrusive and futures-util.
use futures_intrusive::sync::{Mutex as IntrusiveMutex, Semaphore as IntrusiveSemaphore};
use hyperia_bench::{Comparison, Load, Sample, measure, measure_copies, run_tasks, version};
use hyperia_sync::{Mutex, Semaphore};
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

/// Something that one at a time, or so many, may hold.
trait Lock: Sync {
    type Held<'a>
    where
        Self: 'a;
    /// One's own future, without another around it.
    fn acquire(&self) -> impl Future<Output = Self::Held<'_>>;
}

/// A type of a peer, by its own method.
macro_rules! lock {
    ($type:ty, $held:ty, |$this:ident| $acquire:expr) => {
        impl Lock for $type {
            type Held<'a> = $held;
            fn acquire(&self) -> impl Future<Output = Self::Held<'_>> {
                let $this = self;
                $acquire
            }
        }
    };
}

lock!(Semaphore, hyperia_sync::Permit<'a>, |this| this.acquire());
lock!(Mutex<u64>, hyperia_sync::MutexGuard<'a, u64>, |this| this
    .lock());
lock!(
    async_lock::Semaphore,
    async_lock::SemaphoreGuard<'a>,
    |this| this.acquire()
);
lock!(
    async_lock::Mutex<u64>,
    async_lock::MutexGuard<'a, u64>,
    |this| this.lock()
);
lock!(
    asyncband::semaphore::Semaphore,
    asyncband::semaphore::SemaphorePermit<'a>,
    |this| this.acquire(1)
);
lock!(
    asyncband::mutex::Mutex<u64>,
    asyncband::mutex::MutexGuard<'a, u64>,
    |this| this.lock()
);
lock!(
    IntrusiveSemaphore,
    futures_intrusive::sync::SemaphoreReleaser<'a>,
    |this| this.acquire(1)
);
lock!(
    IntrusiveMutex<u64>,
    futures_intrusive::sync::MutexGuard<'a, u64>,
    |this| this.lock()
);
lock!(
    futures_util::lock::Mutex<u64>,
    futures_util::lock::MutexGuard<'a, u64>,
    |this| this.lock()
);
lock!(
    tokio::sync::Mutex<u64>,
    tokio::sync::MutexGuard<'a, u64>,
    |this| this.lock()
);

/// tokio's semaphore may be closed, which nobody does here.
struct Unclosed(tokio::sync::Semaphore);

impl Lock for Unclosed {
    type Held<'a> = Result<tokio::sync::SemaphorePermit<'a>, tokio::sync::AcquireError>;
    fn acquire(&self) -> impl Future<Output = Self::Held<'_>> {
        self.0.acquire()
    }
}

/// Does nothing when it is woken; its wakers are counted references, as those of real tasks.
struct Task;

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
    fn wake_by_ref(self: &Arc<Self>) {}
}

#[derive(Clone, Copy)]
enum Work {
    Uncontended,
    HandOver,
    Cancel,
    Tasks,
}

impl Work {
    const ALL: [Self; 4] = [Self::Uncontended, Self::HandOver, Self::Cancel, Self::Tasks];

    fn title(self) -> &'static str {
        match self {
            Self::Uncontended => "nobody waits: acquire and give back",
            Self::HandOver => "one waits: acquire, poll, give back, poll, give back",
            Self::Cancel => "one gives up: poll and drop while somebody else has it",
            Self::Tasks => "eight tasks on two threads, short sections",
        }
    }

    fn not_shown(self) -> &'static str {
        match self {
            Self::Tasks => {
                "who gets it: tokio, asyncband and the fair ones keep strict order, which has a thread sleep and \
                 wake for a turn; futures-intrusive's unfair ones and futures-util let newcomers overtake for ever, \
                 async-lock's mutex for half a millisecond, ours 128 times"
            }
            _ => "other threads",
        }
    }

    fn run(self, lock: &impl Lock, operations: u64) -> Sample {
        let waker = Waker::from(Arc::new(Task));
        let cx = &mut Context::from_waker(&waker);
        match self {
            Self::Uncontended => measure(|| {
                for _ in 0..operations {
                    assert!(pin!(lock.acquire()).poll(cx).is_ready());
                }
            }),
            Self::HandOver => measure(|| {
                for _ in 0..operations {
                    let held = pin!(lock.acquire()).poll(cx);
                    assert!(held.is_ready());
                    let mut waits = pin!(lock.acquire());
                    assert!(waits.as_mut().poll(cx).is_pending());
                    drop(held);
                    assert!(waits.poll(cx).is_ready());
                }
            }),
            Self::Cancel => {
                let held = pin!(lock.acquire()).poll(cx);
                let sample = measure(|| {
                    for _ in 0..operations {
                        assert!(pin!(lock.acquire()).poll(cx).is_pending());
                    }
                });
                drop(held);
                assert!(pin!(lock.acquire()).poll(cx).is_ready(), "it is free again");
                sample
            }
            Self::Tasks => measure_copies(2, |_| {
                let task = || {
                    Box::pin(async {
                        for turn in 0..operations / 8 {
                            let held = lock.acquire().await;
                            black_box(turn);
                            drop(held);
                        }
                    })
                };
                run_tasks((0..4).map(|_| task()).collect());
            }),
        }
    }
}

fn main() {
    let load = Load::from_args();
    let of = |name: &str, krate: &str| format!("{krate} {} {name}", version(krate));
    for work in Work::ALL {
        let operations = match work {
            Work::Tasks => 160_000,
            _ => 1_000_000,
        };
        Comparison::new(
            format!("semaphore of one permit; {}", work.title()),
            "acquisition",
            operations,
        )
        .checked("each acquisition")
        .not_shown(work.not_shown())
        .contender("hyperia-sync Semaphore", |n| {
            work.run(&Semaphore::new(1), n)
        })
        .contender("hyperia-sync Semaphore, strict", |n| {
            work.run(&Semaphore::with_overtakes_max(1, 0), n)
        })
        .contender(of("Semaphore", "async-lock"), |n| {
            work.run(&async_lock::Semaphore::new(1), n)
        })
        .contender(of("Semaphore", "asyncband"), |n| {
            work.run(&asyncband::semaphore::Semaphore::new(1), n)
        })
        .contender(of("Semaphore, unfair", "futures-intrusive"), |n| {
            work.run(&IntrusiveSemaphore::new(false, 1), n)
        })
        .contender(of("Semaphore, fair", "futures-intrusive"), |n| {
            work.run(&IntrusiveSemaphore::new(true, 1), n)
        })
        .contender(of("Semaphore", "tokio"), |n| {
            work.run(&Unclosed(tokio::sync::Semaphore::new(1)), n)
        })
        .run(load);
        Comparison::new(
            format!("mutex; {}", work.title()),
            "acquisition",
            operations,
        )
        .checked("each acquisition")
        .not_shown(work.not_shown())
        .contender("hyperia-sync Mutex", |n| work.run(&Mutex::new(0), n))
        .contender(of("Mutex", "async-lock"), |n| {
            work.run(&async_lock::Mutex::new(0), n)
        })
        .contender(of("Mutex", "asyncband"), |n| {
            work.run(&asyncband::mutex::Mutex::new(0), n)
        })
        .contender(of("Mutex, unfair", "futures-intrusive"), |n| {
            work.run(&IntrusiveMutex::new(0, false), n)
        })
        .contender(of("Mutex, fair", "futures-intrusive"), |n| {
            work.run(&IntrusiveMutex::new(0, true), n)
        })
        .contender(of("Mutex", "futures-util"), |n| {
            work.run(&futures_util::lock::Mutex::new(0), n)
        })
        .contender(of("Mutex", "tokio"), |n| {
            work.run(&tokio::sync::Mutex::new(0), n)
        })
        .run(load);
    }
}
