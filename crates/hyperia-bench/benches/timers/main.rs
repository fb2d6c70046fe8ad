//! Sleeps and timeouts against tokio, async-io, monoio and futures-timer: what one operation costs on the
//! thread that runs everything and on others, what many sleeping tasks cost, and how late they wake.
//!
//! Names of groups of tables, as arguments, choose those. A check without such arguments has the first two.
mod contenders;
mod late;
mod lone;
mod operations;
mod tasks;

use contenders::{
    AsyncIo, ByHand, FuturesTimer, Runtime, TokioTime, async_io_named, by_hand,
    futures_timer_named, local_by_hand, monoio, monoio_named, ours_named, tokio_current_thread,
    tokio_named, tokio_workers,
};
use hyperia_bench::{Comparison, Load, measure};
use hyperia_rt::DriverThread;
use hyperia_timer::{Local, Timers};
use operations::{Operation, from_other_threads};
use std::hint::black_box;
use std::time::Instant;

/// Groups of tables.
const GROUPS: [&str; 4] = ["operations", "threads", "tasks", "lateness"];

fn operations(load: Load) {
    for operation in Operation::ALL {
        fn with<'a>(
            table: Comparison<'a>,
            operation: Operation,
            name: String,
            mut runtime: impl Runtime + 'a,
        ) -> Comparison<'a> {
            table.contender(name, move |n| operation.sample(&mut runtime, n))
        }
        let mut table = Comparison::new(operation.title(), "operation", 1_000_000)
            .checked(operation.checked())
            .not_shown(operation.not_shown());
        table = with(table, operation, ours_named::<Timers>("by hand"), by_hand());
        let local = ours_named::<Timers<Local>>("by hand");
        table = with(table, operation, local, local_by_hand());
        let (one, workers) = (tokio_current_thread(), tokio_workers());
        table = with(table, operation, tokio_named("current-thread"), one);
        table = with(table, operation, tokio_named("2 workers"), workers);
        table = with(table, operation, async_io_named(), AsyncIo);
        table = with(table, operation, monoio_named(), monoio());
        let their_thread = ByHand(FuturesTimer);
        table = with(table, operation, futures_timer_named(), their_thread);
        if operation.has_floor() {
            table = table.contender("floor: Instant::now()", |n| {
                measure(|| {
                    for _ in 0..n {
                        black_box(Instant::now());
                    }
                })
            });
        }
        table.run(load);
    }
}

fn threads(load: Load) {
    let driver = DriverThread::spawn().expect("descriptors and a thread");
    let workers = tokio_workers();
    for (count, title) in [
        (
            1,
            "sleep of 30 s: make, poll, drop, on another thread than the driver's",
        ),
        (2, "the same on two threads"),
    ] {
        Comparison::new(title, "sleep", 1_000_000)
            .checked("pending; no sleep has fired")
            .not_shown(
                "deadlines before the one that the driver waits for; monoio's stay on their thread",
            )
            .contender(ours_named::<Timers>("DriverThread"), |n| {
                from_other_threads(driver.timers(), || (), count, n)
            })
            .contender(tokio_named("2 workers"), |n| {
                from_other_threads(&TokioTime, || workers.enter(), count, n)
            })
            .contender(async_io_named(), |n| {
                from_other_threads(&AsyncIo, || (), count, n)
            })
            .contender(futures_timer_named(), |n| {
                from_other_threads(&FuturesTimer, || (), count, n)
            })
            .run(load);
    }
}

fn main() {
    let load = Load::from_args();
    let args: Vec<_> = std::env::args().skip(1).collect();
    let chosen = |name: &str| args.iter().any(|arg| arg == name);
    let any_chosen = GROUPS.into_iter().any(chosen);
    let wants = |name, by_default| chosen(name) || by_default && !any_chosen;
    if wants("operations", true) {
        operations(load);
    }
    if wants("threads", true) {
        threads(load);
    }
    if wants("tasks", !load.is_check()) {
        tasks::run(load);
    }
    if wants("lateness", !load.is_check()) {
        lone::run(load);
    }
}
