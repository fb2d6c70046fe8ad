//! The timer wheel as a data structure against other wheels, heaps, an ordered map and tokio-util's
//! `DelayQueue`.
//!
//! Deadlines are spread evenly over an hour unless a table says otherwise. A wheel of milliseconds has a
//! thousand times fewer moments to tell apart than one of nanoseconds.
mod contenders;

use contenders::{Delays, LazyHeap, Map, NextDeadline, Nexus, Timers, TmWheel};
use hyperia_bench::{Comparison, Load, Random, Sample, measure, version};
use hyperia_timer::wheel::Wheel;
use std::hint::black_box;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

const NANOS_PER_SEC: u64 = 1_000_000_000;
const HOUR: u64 = 3600 * NANOS_PER_SEC;
/// What an idle timeout lasts, and when it is put off, in its life.
const TIMEOUT: u64 = 30 * NANOS_PER_SEC;
const PUT_OFF_AT: u64 = TIMEOUT / 2;
const GAP: u64 = 9 * HOUR;
/// How many operations lie between two turns of a loop.
const TURN: u64 = 64;

/// A deadline between a millisecond and an hour.
fn any_deadline(random: &mut Random) -> u64 {
    1_000_000 + random.below(HOUR - 1_000_000)
}

/// What is measured of a life of insertions and cancellations.
#[derive(Clone, Copy)]
enum Part {
    Insert,
    CancelInOrder,
    CancelAtRandom,
}

/// Fills and empties the queue until `operations` of `part` were done. The first of two emptyings, which
/// is not measured unless it is the part, leaves free places all over the queue, as in one that has been
/// in use.
fn fill_and_empty<Q: Timers>(
    queue: &mut Q,
    part: Part,
    population: u64,
    operations: u64,
) -> Sample {
    let mut random = Random::new(population);
    let deadlines: Vec<_> = (0..population)
        .map(|_| queue.time(any_deadline(&mut random)))
        .collect();
    let mut order: Vec<u32> = (0..population as u32).collect();
    let mut total = Sample {
        wall: Duration::ZERO,
        cpu: Duration::ZERO,
    };
    let mut add = |sample: Sample| {
        total.wall += sample.wall;
        total.cpu += sample.cpu;
    };
    for _ in 0..operations / population {
        if !matches!(part, Part::CancelInOrder) {
            random.shuffle(&mut order);
        }
        let mut keys = Vec::with_capacity(population as usize);
        let inserted = measure(|| {
            for (index, deadline) in deadlines.iter().enumerate() {
                keys.push(Some(queue.insert(*deadline, index as u32)));
            }
        });
        // In the order in which they are used, so that reading them costs nobody a miss.
        let keys: Vec<_> = order
            .iter()
            .map(|&index| (index, keys[index as usize].take()))
            .collect();
        let mut right = 0;
        let cancelled = measure(|| {
            for (value, key) in keys {
                let key = key.expect("each index comes once");
                right += u64::from(queue.cancel(key) == value);
            }
        });
        assert_eq!(right, population);
        add(if matches!(part, Part::Insert) {
            inserted
        } else {
            cancelled
        });
    }
    total
}

/// What is left: one of the contenders wants each key back.
fn cancel_all<Q: Timers>(queue: &mut Q, keys: Vec<Option<Q::Key>>) {
    for (index, key) in keys.into_iter().enumerate() {
        let key = key.expect("it was put back");
        assert_eq!(queue.cancel(key), index as u32);
    }
}

/// Each operation takes the oldest timeout away and starts a new one, while the time goes on: 30 seconds,
/// put off after 15.
fn churn_in_order<Q: Timers>(mut queue: Q, population: u64, operations: u64) -> Sample {
    let step = PUT_OFF_AT / population;
    let mut now = 0;
    let mut keys: Vec<Option<Q::Key>> = Vec::new();
    let mut deadline = |queue: &Q| {
        now += step;
        (queue.time(now), queue.time(now + TIMEOUT))
    };
    for index in 0..population {
        let (_, deadline) = deadline(&queue);
        keys.push(Some(queue.insert(deadline, index as u32)));
    }
    let mut oldest = 0;
    let mut right = 0;
    let times: Vec<_> = (0..operations).map(|_| deadline(&queue)).collect();
    let sample = measure(|| {
        for (operation, &(now, deadline)) in times.iter().enumerate() {
            let key = keys[oldest].take().expect("put back below");
            right += u64::from(queue.cancel(key) == oldest as u32);
            keys[oldest] = Some(queue.insert(deadline, oldest as u32));
            oldest += 1;
            if oldest == keys.len() {
                oldest = 0;
            }
            if (operation as u64).is_multiple_of(TURN) {
                queue.advance(now, |_| panic!("it was put off"));
            }
        }
    });
    assert_eq!(right, operations);
    cancel_all(&mut queue, keys);
    sample
}

/// Each operation takes any timer away and inserts one with any deadline.
fn churn_at_random<Q: Timers>(mut queue: Q, population: u64, operations: u64) -> Sample {
    let mut random = Random::new(population);
    let mut keys: Vec<Option<Q::Key>> = Vec::new();
    for index in 0..population {
        let deadline = queue.time(any_deadline(&mut random));
        keys.push(Some(queue.insert(deadline, index as u32)));
    }
    let script: Vec<_> = (0..operations)
        .map(|_| {
            (
                random.below(population) as usize,
                queue.time(any_deadline(&mut random)),
            )
        })
        .collect();
    let mut right = 0;
    let sample = measure(|| {
        for &(index, deadline) in &script {
            let key = keys[index].take().expect("put back below");
            right += u64::from(queue.cancel(key) == index as u32);
            keys[index] = Some(queue.insert(deadline, index as u32));
        }
    });
    assert_eq!(right, operations);
    cancel_all(&mut queue, keys);
    sample
}

/// Every operation puts a timeout off.
fn put_off<Q: Timers>(mut queue: Q, population: u64, operations: u64) -> Sample {
    let mut keys: Vec<_> = (0..population)
        .map(|index| {
            let deadline = queue.time(TIMEOUT + index);
            Some(queue.insert(deadline, index as u32))
        })
        .collect();
    let times: Vec<_> = (0..operations)
        .map(|index| queue.time(2 * TIMEOUT + index * 1_000))
        .collect();
    let sample = measure(|| {
        let mut index = 0;
        for &time in &times {
            let key = keys[index].take().expect("put back below");
            keys[index] = Some(queue.put_off(key, time));
            index += 1;
            if index == keys.len() {
                index = 0;
            }
        }
    });
    cancel_all(&mut queue, keys);
    sample
}

/// All are due at one look at the clock, an hour later. The queue has been in use: the places of its
/// timers were given up in another order than they were taken.
fn fire<Q: Timers>(mut queue: Q, span: u64, population: u64, wait: Duration) -> Sample {
    let mut random = Random::new(population);
    fill_and_empty(&mut queue, Part::CancelAtRandom, population, population);
    for index in 0..population {
        let deadline = queue.time(1 + random.below(span));
        queue.insert_for_good(deadline, index as u32);
    }
    std::thread::sleep(wait);
    let now = queue.time(span + 2_000_000);
    let (mut count, mut sum) = (0, 0);
    let sample = measure(|| {
        queue.advance(now, |value| {
            count += 1;
            sum += u64::from(value);
        });
    });
    assert_eq!(
        (count, sum),
        (population, population * (population - 1) / 2)
    );
    sample
}

/// Each operation replaces the earliest of many timers, and asks for the next deadline or does not.
fn replace_earliest<Q: NextDeadline>(
    mut queue: Q,
    population: u64,
    operations: u64,
    ask: bool,
) -> Sample {
    let mut random = Random::new(population);
    for index in 0..population {
        let deadline = queue.time(NANOS_PER_SEC + any_deadline(&mut random));
        queue.insert_for_good(deadline, index as u32);
    }
    // Below all the others, and always another one.
    let times: Vec<_> = (0..operations)
        .map(|_| queue.time(1_000_000 + random.below(NANOS_PER_SEC / 2)))
        .collect();
    let mut answers = 0;
    let sample = measure(|| {
        for &time in &times {
            let key = queue.insert(time, 7);
            if ask {
                answers += black_box(queue.next());
            }
            assert_eq!(queue.cancel(key), 7);
            if ask {
                answers += black_box(queue.next());
            }
        }
    });
    black_box(answers);
    sample
}

/// Adds every contender that passes the time on.
macro_rules! contenders {
    ($table:expr, |$queue:ident, $operations:ident| $body:expr) => {
        $table
            .contender("hyperia-timer Wheel (ns)", move |$operations| {
                let $queue = Wheel::<u32>::new();
                $body
            })
            .contender(
                format!("tm-wheel {} (ms)", version("tm-wheel")),
                move |$operations| {
                    let $queue = TmWheel::new(slab::Slab::new());
                    $body
                },
            )
            .contender(
                format!("nexus-timer {} (ms)", version("nexus-timer")),
                move |$operations| {
                    let $queue = Nexus::default();
                    $body
                },
            )
            .contender(
                "binary heap, cancelled entries left (ns)",
                move |$operations| {
                    let $queue = LazyHeap::<2>::default();
                    $body
                },
            )
            .contender(
                format!("4-ary heap of dary_heap {}, the same", version("dary_heap")),
                move |$operations| {
                    let $queue = LazyHeap::<4>::default();
                    $body
                },
            )
            .contender("BTreeMap (ns)", move |$operations| {
                let $queue = Map::default();
                $body
            })
    };
}

fn delays() -> String {
    format!("tokio-util {} DelayQueue (ms)", version("tokio-util"))
}

fn lives(load: Load, runtime: &Runtime) {
    for population in [1_000, 100_000, 1_000_000] {
        let parts = [
            ("insert", Part::Insert),
            ("cancel in the order of insertion", Part::CancelInOrder),
            ("cancel at random", Part::CancelAtRandom),
        ];
        for (name, part) in parts {
            let (mut ours, mut tm, mut nexus) = (
                Wheel::new(),
                TmWheel::new(slab::Slab::new()),
                Nexus::default(),
            );
            let (mut binary, mut quaternary, mut map) = (
                LazyHeap::<2>::default(),
                LazyHeap::<4>::default(),
                Map::default(),
            );
            let mut delay_queue = Delays::new(runtime);
            let size = move |operations: u64| population.min(operations);
            Comparison::new(
                format!("{name}, {population} timers"),
                "timer",
                4 * population.max(100_000),
            )
            .checked("each timer comes back with its value")
            .not_shown("a program that uses the caches for something else in between")
            .contender("hyperia-timer Wheel (ns)", move |n| {
                fill_and_empty(&mut ours, part, size(n), n)
            })
            .contender(format!("tm-wheel {} (ms)", version("tm-wheel")), move |n| {
                fill_and_empty(&mut tm, part, size(n), n)
            })
            .contender(
                format!("nexus-timer {} (ms)", version("nexus-timer")),
                move |n| fill_and_empty(&mut nexus, part, size(n), n),
            )
            .contender("binary heap, cancelled entries left (ns)", move |n| {
                fill_and_empty(&mut binary, part, size(n), n)
            })
            .contender(
                format!("4-ary heap of dary_heap {}, the same", version("dary_heap")),
                move |n| fill_and_empty(&mut quaternary, part, size(n), n),
            )
            .contender("BTreeMap (ns)", move |n| {
                fill_and_empty(&mut map, part, size(n), n)
            })
            .contender(delays(), move |n| {
                let _entered = runtime.enter();
                fill_and_empty(&mut delay_queue, part, size(n), n)
            })
            .run(load);
        }
    }
}

fn churn(load: Load, runtime: &Runtime) {
    for population in [10_000, 1_000_000] {
        let size = move |operations: u64| population.min(operations);
        let table = Comparison::new(
            format!("put the oldest of {population} timeouts off: cancel, insert, and a turn every {TURN}"),
            "cancel and insert",
            4_000_000,
        )
        .checked("each timer comes back with its value; none fires")
        .not_shown("timeouts of different lengths");
        contenders!(table, |queue, n| churn_in_order(queue, size(n), n)).run(load);
        let table = Comparison::new(
            format!("cancel any of {population} timers, insert another"),
            "cancel and insert",
            4_000_000,
        )
        .checked("each timer comes back with its value")
        .not_shown("the passing of time");
        contenders!(table, |queue, n| churn_at_random(queue, size(n), n))
            .contender(delays(), move |n| {
                let _entered = runtime.enter();
                churn_at_random(Delays::new(runtime), size(n), n)
            })
            .run(load);
    }
    let table = Comparison::new(
        "put any of 10000 timeouts off, with what there is for it",
        "reset",
        4_000_000,
    )
    .checked("each timer is there at the end")
    .not_shown("what the timers that were put off cost when their old places come up");
    contenders!(table, |queue, n| put_off(queue, n.min(10_000), n))
        .contender(delays(), move |n| {
            let _entered = runtime.enter();
            put_off(Delays::new(runtime), n.min(10_000), n)
        })
        .run(load);
}

fn firing(load: Load, runtime: &Runtime) {
    let table = Comparison::new(
        "fire 100000 timers in one jump over an hour",
        "timer",
        400_000,
    )
    .checked("each timer fires once")
    .not_shown(
        "order: exact for the heaps, the map and, in full calls, ours; not for the other wheels",
    );
    let rest = Duration::ZERO;
    contenders!(table, |queue, n| fire(queue, HOUR, n.min(100_000), rest)).run(load);
    Comparison::new("fire timers of one second, which passes", "timer", 400_000)
        .checked("each timer fires once")
        .not_shown("long spans")
        .contender("hyperia-timer Wheel (ns)", |n| {
            fire(Wheel::<u32>::new(), NANOS_PER_SEC, n.min(100_000), rest)
        })
        .contender(delays(), |n| {
            let wait = Duration::from_millis(1_010);
            let _entered = runtime.enter();
            let delays = Delays::new(runtime);
            fire(delays, NANOS_PER_SEC, n.min(100_000), wait)
        })
        .run(load);
}

fn asking(load: Load) {
    for ask in [false, true] {
        let title = if ask {
            "the same, with the next deadline asked after each change (twice)"
        } else {
            "insert and cancel the earliest of 100000 timers"
        };
        let table = Comparison::new(title, "pair", 400_000)
            .checked("the timer comes back")
            .not_shown(
                "how early the answer is: up to minutes for the wheels in ms, exact for the others",
            );
        contenders!(table, |queue, n| replace_earliest(
            queue,
            n.min(100_000),
            n,
            ask
        ))
        .run(load);
    }
}

/// Each operation is a look at the clock after nine hours in which nothing was due.
fn pass_gaps<Q: Timers>(mut queue: Q, operations: u64) -> Sample {
    let far = queue.time(GAP * (operations + 2));
    let key = queue.insert(far, 1);
    let times: Vec<_> = (1..=operations)
        .map(|turn| queue.time(GAP * turn))
        .collect();
    let sample = measure(|| {
        for &now in &times {
            queue.advance(now, |_| panic!("nothing is due"));
        }
    });
    assert_eq!(queue.cancel(key), 1);
    sample
}

fn gaps(load: Load) {
    // tm-wheel's levels end after two years.
    let table = Comparison::new("pass nine hours in which nothing is due", "advance", 1_000)
        .checked("nothing fires")
        .not_shown("gaps with many timers beyond them");
    contenders!(table, |queue, n| pass_gaps(queue, n)).run(load);
}

fn main() {
    let load = Load::from_args();
    let runtime = Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let only: Vec<String> = std::env::args()
        .filter(|arg| arg.starts_with("only="))
        .collect();
    let wants =
        |name: &str| only.is_empty() || only.iter().any(|arg| arg == &format!("only={name}"));
    if wants("lives") {
        lives(load, &runtime);
    }
    if wants("churn") {
        churn(load, &runtime);
    }
    if wants("firing") {
        firing(load, &runtime);
    }
    if wants("asking") {
        asking(load);
    }
    if wants("gaps") {
        gaps(load);
    }
}
