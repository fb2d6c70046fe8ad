//! Defects that other queues had, each as a scenario of ours.
//!
//! | seen in | what went wrong | test here, or where |
//! |---|---|---|
//! | RUSTSEC-2025-0024, crossbeam 971 | consumer goes while a producer makes the first block, or fills one: block freed twice | `mpsc.rs`: `dropping_the_consumer_among_*`; `models/mpsc.rs`: `dropping_the_consumer_races_*` |
//! | RUSTSEC-2021-0093, crossbeam-deque | one value taken twice, another lost | `stress.rs`: `*_pops_everything_exactly_once`; `models/mpmc.rs`: `two_consumers_and_a_producer` |
//! | RUSTSEC-2022-0029, 2022-0006, 2019-0013 | orderings too weak | each edge of the headers was weakened and found by a model, in `models/` |
//! | RUSTSEC-2018-0009, SegQueue | a popped value dropped by the queue, too | `spsc.rs`, `mpsc.rs`, `mpmc.rs`: `every_value_is_dropped_once` |
//! | RUSTSEC-2022-0019, -0020, -0021, SegQueue | zeros for a value that has none | `values_that_are_never_zero_*` in all three |
//! | RUSTSEC-2020-0052, crossbeam-channel | buffer freed with another size than it was made with | `allocations.rs`: `rustsec_2020_0052_*` |
//! | RUSTSEC-2020-0017, internment | freed while somebody revives it | `models/mpsc.rs`: `a_word_that_comes_back_*`, `a_spent_block_comes_back` |
//! | RUSTSEC-2026-0152, oneringbuf | owning handles cloned without a count | `lib.rs`: `OneOfEach`; `mpsc.rs`: `dropping_the_last_producer_closes`; `models/`: `the_last_owner_drops_what_is_left` |
//! | RUSTSEC-2020-0088, -0106, -0111, -0117, -0133, -0143 | wrong `Send`, `Sync` | `auto_traits.rs`; `lib.rs`: `AutoTraits` |
//! | RUSTSEC-2026-0103, -0253, -0256, -0205 | a value's drop panics half-way: dropped twice | `a_value_whose_drop_panics_*` in all three; `spsc.rs`: `an_advance_in_which_a_drop_panics_*`, `what_an_iterator_yielded_before_it_panicked_*` |
//! | RUSTSEC-2026-0204, crossbeam-epoch | printing a null pointer follows it | no such dependency; `it_reads_well` |
//! | crossbeam 523 | `len` from two words that move: below zero | `spsc.rs`, `mpmc.rs`: `len_is_never_*`; `models/mpmc.rs`: `len_is_never_wild` |
//! | tokio 6603 | `is_empty` wrong at the end of a block | `mpsc.rs`: `is_empty_is_right_at_every_length`; `models/mpsc.rs` |
//! | tokio 1997, 2020 | says empty, although a push has returned, because one before it has not | said by the headers, and harmless: `tokio_1997_8074_*`; `mpsc.rs`: `a_consumer_that_sleeps_*` |
//! | tokio 8074 | says disconnected while something is still to come | `tokio_1997_8074_*`; `models/`: `closed_is_said_only_when_nothing_is_left` |
//! | heapless 583 | push fails though there is room, because a pop is under way | said by the header, and harmless: `heapless_583_*` |
//! | heapless 144, 243, 461 | capacities that are no power of two; distances in too narrow a type | `spsc.rs`, `mpmc.rs`: `every_capacity_*`; `src/*/tests.rs`: the wrap-around |
//! | flume 120 | found empty, pushed, gone: says closed | `the_last_value_before_the_end_is_not_lost` in all three; `models/` |
//! | iceoryx2 118 | full looks empty | `spsc.rs`: `a_queue_that_is_kept_full_is_never_found_empty` |
//! | thingbuf 100 | closed while a slot is borrowed: hang, heap corruption | `thingbuf_100_*` |
//! | (no bug of anybody) | values whose drop uses the queue | `a_value_may_use_the_queue_when_it_is_dropped`; `spsc.rs`: `what_an_iterator_yields_*` |
//!
//! Nobody waits here, so nothing can be cancelled; that comes with the channels, and stands in hyperia-sync.
#![cfg(not(any(hyperia_loom, hyperia_shuttle)))]

use std::cell::RefCell;
use std::hint::spin_loop;
use std::rc::Rc;
use std::thread;

use hyperia_queue::{PopError, PushError, mpmc, mpsc, spsc};
use hyperia_test::progress::heap::ThreadHeap;
use hyperia_test::stop::with_victim;
use hyperia_test::stress::Random;

// So that a thread can be stopped while it makes a block.
#[global_allocator]
static HEAP: ThreadHeap = ThreadHeap;

/// How many threads are stopped somewhere in what they do.
const STOPS: usize = 200;
/// What the thread that is not stopped pushes.
const OURS: usize = 1;
/// Values so large that their producer is often stopped between the claim and the end of the push: as large as the
/// allocator takes blocks of them, and a page.
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

/// Closed while a slot is borrowed: hang or heap corruption (thingbuf issue 100). What a consumer sees by `peek` it
/// may keep in sight while the producer closes and goes.
#[test]
fn thingbuf_100_a_close_while_slots_are_borrowed_harms_nothing() {
    for goes in [false, true] {
        let (mut producer, mut consumer) = spsc::bounded(3);
        for value in ["a", "b", "c"] {
            producer.push(value.to_owned()).unwrap();
        }
        let (seen, rest) = consumer.peek_many(3).unwrap();
        let producer = thread::scope(|scope| {
            let closer = scope.spawn(move || {
                assert!(producer.close());
                assert!(producer.push("d".to_owned()).is_err());
                (!goes).then_some(producer)
            });
            closer.join().unwrap()
        });
        let seen: Vec<_> = seen.iter().chain(rest).collect();
        assert_eq!(seen, ["a", "b", "c"]);
        assert_eq!(consumer.advance(2), 2);
        assert_eq!(consumer.pop().as_deref(), Ok("c"));
        assert_eq!(consumer.pop(), Err(PopError::Closed));
        drop(producer);
    }
}

/// What an element does when it is dropped.
struct Element(Option<Box<dyn FnOnce()>>);

impl Drop for Element {
    fn drop(&mut self) {
        if let Some(action) = self.0.take() {
            action();
        }
    }
}

/// No drop of a value runs between a claim and its release: it may use the queue that it was in.
#[test]
fn a_value_may_use_the_queue_when_it_is_dropped() {
    // Of spsc, when it is passed: its place is not free yet, or is, but the queue is in order.
    let (producer, mut consumer) = spsc::bounded(2);
    let producer = Rc::new(RefCell::new(producer));
    let pushes = |producer: &Rc<RefCell<spsc::Producer<Element>>>| {
        let producer = producer.clone();
        Element(Some(Box::new(move || {
            let mut producer = producer.borrow_mut();
            assert!(producer.len() <= 2 && !producer.is_closed());
            let _ = producer.push(Element(None));
        })))
    };
    let element = [pushes(&producer), pushes(&producer)];
    assert_eq!(producer.borrow_mut().push_iter(element).ok(), Some(2));
    assert_eq!(consumer.advance(2), 2);
    assert!(consumer.len() <= 2);
    while consumer.pop().is_ok() {}
    // Of spsc and mpsc, when the consumer goes: the queue is closed by then.
    let is_refused = Rc::new(RefCell::new(0));
    let refused = |producer: &Rc<RefCell<spsc::Producer<Element>>>| {
        let (producer, is_refused) = (producer.clone(), is_refused.clone());
        Element(Some(Box::new(move || {
            let pushed = producer.borrow_mut().push(Element(None));
            *is_refused.borrow_mut() += usize::from(pushed.is_err_and(|error| error.is_closed()));
        })))
    };
    let element = refused(&producer);
    assert!(producer.borrow_mut().push(element).is_ok());
    drop(consumer);
    assert_eq!(*is_refused.borrow(), 1);

    let (producer, consumer) = mpsc::unbounded::<Element>();
    for _ in 0..100 {
        let (other, is_refused) = (producer.clone(), is_refused.clone());
        let refused = Element(Some(Box::new(move || {
            let pushed = other.push(Element(None));
            *is_refused.borrow_mut() += usize::from(pushed.is_err_and(|error| error.is_closed()));
        })));
        assert!(producer.push(refused).is_ok());
    }
    drop(consumer);
    assert_eq!(*is_refused.borrow(), 101);
}
