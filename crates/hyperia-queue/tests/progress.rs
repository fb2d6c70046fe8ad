//! One thread is stopped in the middle of an operation; do the others go on? The "Progress" of the headers,
//! measured, beside other queues. The table is shown by
//! ```text
//! cargo test -p hyperia-queue --test progress -- --show-output
//! ```
//! and with `--release` as it is in earnest: without optimization an operation is longer.
//!
//! To go on is to return: a pop may say that there is nothing while a push is stopped, and a push that there is no
//! room. "Stood still" counts rounds, each one stop at a random moment; zero proves nothing where nothing is
//! claimed. See `hyperia_test::progress` for how it is measured.
//!
//! Below the table: that what a stopped thread hides is there when it goes on.
//!
//! Blocks of the unbounded queues come from an allocator without locks: what is seen is the queue.
#![cfg(all(feature = "std", not(any(hyperia_loom, hyperia_shuttle))))]

use std::hint::spin_loop;

use crossbeam_queue::{ArrayQueue, SegQueue};
use hyperia_queue::{PopError, PushError, mpmc, mpsc, spsc};
use hyperia_test::progress::heap::ThreadHeap;
use hyperia_test::progress::{Claim, Table};
use hyperia_test::stop::with_victim;
use hyperia_test::stress::Random;

#[global_allocator]
static HEAP: ThreadHeap = ThreadHeap;

/// The room of all bounded queues.
const CAPACITY: usize = 64;
/// Values in a batch.
const BATCH: usize = 8;
/// More than are left over from one round: who pops as many keeps an unbounded queue short, and comes to an end
/// though the other one pushes faster.
const ALL: usize = 1 << 14;

#[test]
fn others_go_on_where_the_headers_say_so() {
    let mut table = Table::new();
    spsc(&mut table);
    spsc_batches(&mut table);
    spsc_closed(&mut table);
    mpsc(&mut table);
    mpsc_batches(&mut table);
    mpmc(&mut table);
    mpmc_batches(&mut table);
    rtrb(&mut table);
    array_queue(&mut table);
    seg_queue(&mut table);
    tokio(&mut table);
    kanal(&mut table);
    table.finish();
}

fn spsc(table: &mut Table) {
    const TYPE: &str = "spsc";
    // One after the other has them.
    let (producer, consumer) = spsc::bounded(CAPACITY);
    let (producer, consumer) = (&mut { producer }, &mut { consumer });

    table.row_of_two(
        TYPE,
        "pop, len; stopped in push",
        Claim::WaitFree,
        || _ = producer.push(1_u64),
        || {
            let _ = consumer.pop();
            assert!(consumer.len() <= CAPACITY);
        },
    );
    table.row_of_two(
        TYPE,
        "push, len; stopped in pop",
        Claim::WaitFree,
        || _ = consumer.pop(),
        || {
            let _ = producer.push(1);
            assert!(producer.len() <= CAPACITY);
        },
    );
}

fn spsc_batches(table: &mut Table) {
    const TYPE: &str = "spsc";
    let (producer, consumer) = spsc::bounded(CAPACITY);
    let (producer, consumer) = (&mut { producer }, &mut { consumer });
    let (pushed, popped) = (
        &mut Vec::with_capacity(BATCH),
        &mut Vec::with_capacity(CAPACITY),
    );

    table.row_of_two(
        TYPE,
        "pop_many, peek_many, advance; stopped in push_many, push_iter",
        Claim::WaitFree,
        || {
            pushed.resize(BATCH, 1_u64);
            let _ = producer.push_many(pushed);
            let _ = producer.push_iter([1; BATCH]);
        },
        || {
            popped.clear();
            let _ = consumer.pop_many(popped, BATCH);
            let count = consumer
                .peek_many(BATCH)
                .map_or(0, |(a, b)| a.len() + b.len());
            consumer.advance(count);
        },
    );
    table.row_of_two(
        TYPE,
        "push_many, push_iter; stopped in pop_many, peek_many, advance",
        Claim::WaitFree,
        || {
            popped.clear();
            let _ = consumer.pop_many(popped, BATCH);
            let count = consumer
                .peek_many(BATCH)
                .map_or(0, |(a, b)| a.len() + b.len());
            consumer.advance(count);
        },
        || {
            pushed.resize(BATCH, 1);
            let _ = producer.push_many(pushed);
            let _ = producer.push_iter([1; BATCH]);
        },
    );
}

fn spsc_closed(table: &mut Table) {
    const TYPE: &str = "spsc, closed";
    let (producer, consumer) = spsc::bounded(CAPACITY);
    let (producer, consumer) = (&mut { producer }, &mut { consumer });

    table.row_of_two(
        TYPE,
        "pop, is_closed; stopped in close, push",
        Claim::WaitFree,
        || {
            producer.close();
            assert!(producer.push(1_u64).is_err());
        },
        || _ = consumer.pop().is_err() && consumer.is_closed(),
    );
    table.row_of_two(
        TYPE,
        "push, is_closed; stopped in close, pop",
        Claim::WaitFree,
        || {
            consumer.close();
            assert!(consumer.pop().is_err());
        },
        || assert!(producer.push(1).is_err() && producer.is_closed()),
    );
}

fn mpsc(table: &mut Table) {
    const TYPE: &str = "mpsc";
    let (producer, mut consumer) = mpsc::unbounded();
    let mut popped = Vec::with_capacity(ALL);

    table.row_of_two(
        TYPE,
        "pop, is_empty; stopped in push",
        Claim::WaitFree,
        || producer.push(1_u64).expect("not closed"),
        || {
            popped.clear();
            let _ = consumer.pop();
            let _ = consumer.pop_many(&mut popped, ALL);
            let _ = consumer.is_empty();
        },
    );
    table.row_of_two(
        TYPE,
        "push, pop; stopped in push",
        Claim::LockFree,
        || producer.push(1).expect("not closed"),
        || {
            producer.push(1).expect("not closed");
            popped.clear();
            let _ = consumer.pop_many(&mut popped, ALL);
        },
    );
    table.row_of_two(
        TYPE,
        "push; stopped in pop",
        Claim::LockFree,
        || {
            popped.clear();
            let _ = consumer.pop();
            let _ = consumer.pop_many(&mut popped, ALL);
        },
        || producer.push(1).expect("not closed"),
    );
    producer.close();
    table.row(
        "mpsc, closed",
        "close, push, is_closed",
        Claim::WaitFree,
        || {
            assert!(!producer.close() && producer.is_closed());
            assert!(producer.push(1).is_err());
        },
    );
}

fn mpsc_batches(table: &mut Table) {
    let (producer, mut consumer) = mpsc::unbounded();
    let mut popped = Vec::with_capacity(ALL);
    let mut pushed = [const { Vec::new() }; 2];
    let [first, second] = &mut pushed;
    let push = |values: &mut Vec<u64>| {
        values.resize(BATCH, 1);
        assert_eq!(producer.push_many(values), Ok(BATCH));
    };
    table.row_of_two(
        "mpsc",
        "push_many, pop_many; stopped in push_many",
        Claim::LockFree,
        || push(first),
        || {
            push(second);
            popped.clear();
            let _ = consumer.pop_many(&mut popped, ALL);
        },
    );
}

fn mpmc(table: &mut Table) {
    const TYPE: &str = "mpmc";
    let queue = mpmc::Queue::bounded(CAPACITY);
    let push = || _ = queue.push(1_u64);
    let pop = || _ = queue.pop();

    table.row(TYPE, "push, pop", Claim::NonBlocking, || {
        push();
        pop();
        assert!(queue.len() <= CAPACITY);
    });
    table.row_of_two(TYPE, "pop; stopped in push", Claim::NonBlocking, push, pop);
    table.row_of_two(TYPE, "push; stopped in pop", Claim::NonBlocking, pop, push);
    queue.close();
    while queue.pop().is_ok() {}
    table.row(
        "mpmc, closed",
        "close, push, pop",
        Claim::NonBlocking,
        || {
            assert!(!queue.close() && queue.is_closed());
            assert!(queue.push(1).is_err() && queue.pop().is_err());
        },
    );
}

fn mpmc_batches(table: &mut Table) {
    const TYPE: &str = "mpmc";
    let queue = mpmc::Queue::bounded(CAPACITY);
    let mut vectors = [const { Vec::new() }; 2];
    let [first, second] = &mut vectors;
    let push = |values: &mut Vec<u64>| {
        values.resize(BATCH, 1);
        let _ = queue.push_many(values);
    };
    let pop = |values: &mut Vec<u64>| {
        values.clear();
        let _ = queue.pop_many(values, BATCH);
    };
    table.row_of_two(
        TYPE,
        "push_many, pop_many",
        Claim::NonBlocking,
        || {
            push(first);
            pop(first);
        },
        || {
            push(second);
            pop(second);
        },
    );
    table.row_of_two(
        TYPE,
        "pop_many; stopped in push_many",
        Claim::NonBlocking,
        || push(first),
        || pop(second),
    );
    table.row_of_two(
        TYPE,
        "push_many; stopped in pop_many",
        Claim::NonBlocking,
        || pop(first),
        || push(second),
    );
}

fn rtrb(table: &mut Table) {
    const TYPE: &str = "rtrb";
    let (producer, consumer) = rtrb::RingBuffer::new(CAPACITY);
    let (producer, consumer) = (&mut { producer }, &mut { consumer });

    table.row_of_two(
        TYPE,
        "pop; stopped in push",
        Claim::Peer,
        || _ = producer.push(1_u64),
        || _ = consumer.pop(),
    );
    table.row_of_two(
        TYPE,
        "push; stopped in pop",
        Claim::Peer,
        || _ = consumer.pop(),
        || _ = producer.push(1),
    );
}

fn array_queue(table: &mut Table) {
    const TYPE: &str = "crossbeam ArrayQueue";
    let queue = ArrayQueue::new(CAPACITY);
    let push = || _ = queue.push(1_u64);
    let pop = || _ = queue.pop();

    table.row(TYPE, "push, pop", Claim::Peer, || {
        push();
        pop();
    });
    table.row_of_two(TYPE, "pop; stopped in push", Claim::Peer, push, pop);
    table.row_of_two(TYPE, "push; stopped in pop", Claim::Peer, pop, push);
}

fn seg_queue(table: &mut Table) {
    const TYPE: &str = "crossbeam SegQueue";
    let queue = SegQueue::new();
    let push = || queue.push(1_u64);
    let drain = || _ = (0..ALL).take_while(|_| queue.pop().is_some()).count();

    table.row_of_two(TYPE, "pop; stopped in push", Claim::Peer, push, drain);
    table.row_of_two(
        TYPE,
        "push, pop; stopped in push",
        Claim::Peer,
        push,
        || {
            push();
            drain();
        },
    );
    table.row_of_two(TYPE, "push; stopped in pop", Claim::Peer, drain, push);
}

fn tokio(table: &mut Table) {
    use tokio::sync::mpsc;
    let (sender, mut receiver) = mpsc::channel(CAPACITY);
    let push = || _ = sender.try_send(1_u64);
    let mut pop = || _ = receiver.try_recv();
    const TYPE: &str = "tokio mpsc";
    table.row_of_two(
        TYPE,
        "try_recv; stopped in try_send",
        Claim::Peer,
        push,
        &mut pop,
    );
    table.row_of_two(
        TYPE,
        "try_send; stopped in try_recv",
        Claim::Peer,
        pop,
        push,
    );
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let push = || _ = sender.send(1_u64);
    let mut drain = || _ = (0..ALL).take_while(|_| receiver.try_recv().is_ok()).count();
    const UNBOUNDED: &str = "tokio mpsc, unbounded";
    table.row_of_two(
        UNBOUNDED,
        "try_recv; stopped in send",
        Claim::Peer,
        push,
        &mut drain,
    );
    table.row_of_two(
        UNBOUNDED,
        "send; stopped in try_recv",
        Claim::Peer,
        drain,
        push,
    );
}

fn kanal(table: &mut Table) {
    let (sender, receiver) = kanal::bounded(CAPACITY);
    let push = || _ = sender.try_send(1_u64);
    let pop = || _ = receiver.try_recv();
    table.row("kanal, bounded", "try_send, try_recv", Claim::Peer, || {
        push();
        pop();
    });
    table.row_of_two(
        "kanal, bounded",
        "try_recv; stopped in try_send",
        Claim::Peer,
        push,
        pop,
    );
}

/// How many threads are stopped somewhere in what they do.
const STOPS: usize = 200;
/// What the thread that is not stopped pushes.
const OURS: usize = 1;
/// Values so large that their producer is often stopped between the claim and the end of the push: of which a
/// block is no more than a page, and a page.
const LARGE: usize = 12;
const PAGE: usize = 512;

/// Pushes beside a producer that is stopped somewhere, closes, and pops until it hears `Closed`, which may not come
/// before everything. Returns whether the push was hidden behind that of the producer who stands still.
fn push_beside_a_stopped_push(
    spins: usize,
    push: impl Fn(usize) -> bool + Sync,
    close: impl Fn(),
    mut pop: impl FnMut() -> Result<usize, PopError>,
) -> bool {
    let is_hidden = with_victim(
        || _ = push(0),
        |victim| {
            for _ in 0..spins {
                spin_loop();
            }
            let stopped = victim.stop();
            while pop().is_ok() {}
            assert!(push(OURS), "there is room, and it is not closed");
            close();
            let seen = pop();
            assert_ne!(seen, Err(PopError::Closed), "before what was pushed");
            drop(stopped);
            seen == Err(PopError::Empty)
        },
    );
    // All pushes are over.
    let ours = is_hidden.then(|| {
        let popped: Vec<_> = std::iter::from_fn(|| pop().ok()).collect();
        popped.iter().filter(|value| **value == OURS).count()
    });
    assert!(ours.is_none_or(|count| count == 1));
    assert_eq!(pop(), Err(PopError::Closed));
    is_hidden
}

/// A push that has returned cannot be popped while one that claimed its place before has not (tokio issues 1997 and
/// 2020, where that was a surprise; here the headers say it). Meanwhile the queue must not say that it is closed
/// (tokio PR 8074), and nothing may be lost.
#[test]
fn tokio_1997_8074_what_stands_behind_an_unfinished_push_comes_before_the_close() {
    let mut random = Random::new(1);
    let mut hidden = [0, 0];
    for _ in 0..STOPS {
        let spins = random.below(1 << 10);
        let (producer, mut consumer) = mpsc::unbounded();
        hidden[0] += usize::from(push_beside_a_stopped_push(
            spins,
            |value| producer.push([value; LARGE]).is_ok(),
            || _ = producer.close(),
            || consumer.pop().map(|value| value[0]),
        ));
        let queue = mpmc::Queue::bounded(512);
        hidden[1] += usize::from(push_beside_a_stopped_push(
            spins,
            |value| queue.push([value; PAGE]).is_ok(),
            || _ = queue.close(),
            || queue.pop().map(|value| value[0]),
        ));
    }
    println!(
        "hidden behind a stopped push, of {STOPS}: mpsc {}, mpmc {}",
        hidden[0], hidden[1]
    );
}

/// A push was refused for good although a pop had made room, because the popper was preempted (heapless issue 583).
/// Here it may say `Full` meanwhile, as the header says; no longer.
#[test]
fn heapless_583_room_behind_an_unfinished_pop_is_there_when_it_is_finished() {
    const CAPACITY: usize = 512;
    let mut random = Random::new(2);
    let mut refused = 0;
    for _ in 0..STOPS {
        let queue = mpmc::Queue::bounded(CAPACITY);
        while queue.push([0; PAGE]).is_ok() {}
        with_victim(
            || _ = queue.pop(),
            |victim| {
                for _ in 0..random.below(1 << 10) {
                    spin_loop();
                }
                let stopped = victim.stop();
                while queue.pop().is_ok() {}
                // Up to the place that the one who stands still has not emptied yet, if there is one.
                let room = (0..CAPACITY).take_while(|_| queue.push([0; PAGE]).is_ok());
                refused += usize::from(room.count() < CAPACITY);
                drop(stopped);
            },
        );
        while queue.pop().is_ok() {}
        assert!((0..CAPACITY).all(|_| queue.push([0; PAGE]).is_ok()));
        assert_eq!(queue.push([7; PAGE]), Err(PushError::Full([7; PAGE])));
    }
    println!("refused beside a stopped pop, of {STOPS}: {refused}");
}
