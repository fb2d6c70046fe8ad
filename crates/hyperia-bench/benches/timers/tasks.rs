//! Many tasks that sleep, all on one thread.
use crate::contenders::{
    Ours, async_io_named, monoio, monoio_named, ours_named, tokio_current_thread, tokio_named,
};
use crate::late::{Lateness, lateness};
use async_executor::LocalExecutor;
use hyperia_bench::{Load, Random, Sample, measure, version};
use hyperia_rt::EventLoop;
use hyperia_timer::{Local, Timers};
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

const TASKS: usize = 100_000;
const SHORTEST: Duration = Duration::from_millis(400);
const SPREAD: Duration = Duration::from_secs(1);
/// A check has less of everything.
const CHECK_TASKS: usize = 100;
const CHECK_SHARE: u32 = 100;

/// How late each task was, in nanoseconds. All contenders have the same, in turns.
static LATE: [AtomicI64; TASKS] = [const { AtomicI64::new(NEVER) }; TASKS];
const NEVER: i64 = i64::MIN;

/// A task has slept.
fn record(index: usize, begun: Instant, length: Duration) {
    LATE[index].store(lateness(begun, length), Relaxed);
}

fn in_our_loop<T: Ours>(lengths: &[Duration]) -> Sample {
    let mut event_loop = EventLoop::new().expect("descriptors");
    let handle = event_loop.handle().clone();
    let timers = T::of_loop(&handle);
    measure(|| {
        event_loop.block_on(async {
            let spawn = |(index, &length): (usize, &Duration)| {
                let timers = timers.clone();
                handle.spawn(async move {
                    let begun = Instant::now();
                    timers.sleep(length).await;
                    record(index, begun, length);
                })
            };
            let tasks: Vec<_> = lengths.iter().enumerate().map(spawn).collect();
            for task in tasks {
                task.await;
            }
        });
    })
}

fn in_tokio(lengths: &[Duration]) -> Sample {
    let runtime = tokio_current_thread();
    measure(|| {
        runtime.block_on(async {
            let spawn = |(index, &length)| {
                tokio::spawn(async move {
                    let begun = Instant::now();
                    tokio::time::sleep(length).await;
                    record(index, begun, length);
                })
            };
            let tasks: Vec<_> = lengths.iter().enumerate().map(spawn).collect();
            for task in tasks {
                task.await.expect("no panic");
            }
        });
    })
}

fn in_async_io(lengths: &[Duration]) -> Sample {
    let executor = LocalExecutor::new();
    measure(|| {
        async_io::block_on(executor.run(async {
            let spawn = |(index, &length)| {
                executor.spawn(async move {
                    let begun = Instant::now();
                    async_io::Timer::after(length).await;
                    record(index, begun, length);
                })
            };
            let tasks: Vec<_> = lengths.iter().enumerate().map(spawn).collect();
            for task in tasks {
                task.await;
            }
        }));
    })
}

fn in_monoio(lengths: &[Duration]) -> Sample {
    let mut runtime = monoio();
    measure(|| {
        runtime.block_on(async {
            let spawn = |(index, &length)| {
                monoio::spawn(async move {
                    let begun = Instant::now();
                    monoio::time::sleep(length).await;
                    record(index, begun, length);
                })
            };
            let tasks: Vec<_> = lengths.iter().enumerate().map(spawn).collect();
            for task in tasks {
                task.await;
            }
        });
    })
}

struct Contender {
    name: String,
    run: fn(&[Duration]) -> Sample,
    /// Whether a task that was early ends the bench.
    strict: bool,
    cpu: Vec<f64>,
    late: Vec<i64>,
}

impl Contender {
    fn new(name: String, run: fn(&[Duration]) -> Sample, strict: bool) -> Self {
        let (cpu, late) = (Vec::new(), Vec::new());
        Self {
            name,
            run,
            strict,
            cpu,
            late,
        }
    }

    fn round(&mut self, lengths: &[Duration]) {
        let sample = (self.run)(lengths);
        self.cpu
            .push(sample.cpu.as_nanos() as f64 / lengths.len() as f64);
        for late in &LATE[..lengths.len()] {
            let late = late.swap(NEVER, Relaxed);
            assert_ne!(late, NEVER, "a task has not slept");
            self.late.push(late);
        }
    }

    fn print(mut self) {
        self.cpu.sort_by(f64::total_cmp);
        let (low, high) = (self.cpu[0], self.cpu[self.cpu.len() - 1]);
        let late = Lateness::new(self.late);
        println!(
            "{:<56} {:>8.0} {low:>8.0} {high:>8.0} {:>8.1} {:>8.1} {:>9.1} {:>6}",
            self.name,
            self.cpu[self.cpu.len() / 2],
            late.percentile(50),
            late.percentile(99),
            late.percentile(100),
            late.early()
        );
        assert!(!self.strict || late.early() == 0, "one of ours was early");
    }
}

/// Prints the table.
pub(crate) fn run(load: Load) {
    let (count, share) = if load.is_check() {
        (CHECK_TASKS, CHECK_SHARE)
    } else {
        (TASKS, 1)
    };
    let mut random = Random::new(11);
    let spread = (SPREAD / share).as_nanos() as u64;
    let lengths: Vec<_> = (0..count)
        .map(|_| SHORTEST / share + Duration::from_nanos(random.below(spread)))
        .collect();
    let mut contenders = [
        Contender::new(
            ours_named::<Timers>("EventLoop"),
            in_our_loop::<Timers>,
            true,
        ),
        Contender::new(
            ours_named::<Timers<Local>>("EventLoop"),
            in_our_loop::<Timers<Local>>,
            true,
        ),
        Contender::new(tokio_named("current-thread"), in_tokio, false),
        Contender::new(
            format!(
                "{} + async-executor {}",
                async_io_named(),
                version("async-executor")
            ),
            in_async_io,
            false,
        ),
        Contender::new(monoio_named(), in_monoio, false),
    ];
    // Seconds each. An odd number, so that one is the median.
    let rounds = load.rounds().div_ceil(4) | 1;
    for round in 0..rounds {
        let turns = contenders.len();
        for turn in 0..turns {
            contenders[(round + turn) % turns].round(&lengths);
        }
    }
    println!(
        "\n{count} tasks on one thread sleep {:?} to {:?} ({rounds} rounds, interleaved; CPU in ns per \
         task, lateness in us)\n{:<56} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9} {:>6}",
        SHORTEST / share,
        (SHORTEST + SPREAD) / share,
        "",
        "cpu",
        "low",
        "high",
        "p50",
        "p99",
        "max",
        "early"
    );
    for contender in contenders {
        contender.print();
    }
    println!("  checked in every sample: every task has slept; none of ours less than its time");
    println!(
        "  does not show: the timers alone: spawning, waking, polling and joining are in it, and two \
         looks at the clock"
    );
}
