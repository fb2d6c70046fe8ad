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
//! | tokio 1997, 2020 | says empty, although a push has returned, because one before it has not | said by the headers, and harmless: `progress.rs`: `tokio_1997_8074_*`; `mpsc.rs`: `a_consumer_that_sleeps_*` |
//! | tokio 8074 | says disconnected while something is still to come | `progress.rs`: `tokio_1997_8074_*`; `models/`: `closed_is_said_only_when_nothing_is_left` |
//! | heapless 583 | push fails though there is room, because a pop is under way | said by the header, and harmless: `progress.rs`: `heapless_583_*` |
//! | heapless 144, 243, 461 | capacities that are no power of two; distances in too narrow a type | `spsc.rs`, `mpmc.rs`: `every_capacity_*`; `src/*/tests.rs`: the wrap-around |
//! | flume 120 | found empty, pushed, gone: says closed | `the_last_value_before_the_end_is_not_lost` in all three; `models/` |
//! | iceoryx2 118 | full looks empty | `spsc.rs`: `a_queue_that_is_kept_full_is_never_found_empty` |
//! | thingbuf 100 | closed while a slot is borrowed: hang, heap corruption | `thingbuf_100_*` |
//! | (no bug of anybody) | values whose drop uses the queue | `a_value_may_use_the_queue_when_it_is_dropped`; `spsc.rs`: `what_an_iterator_yields_*` |
//!
//! Nobody waits here, so nothing can be cancelled; that comes with the channels, and stands in hyperia-sync.
#![cfg(not(any(hyperia_loom, hyperia_shuttle)))]

use std::cell::RefCell;
use std::rc::Rc;
use std::thread;

use hyperia_queue::{PopError, mpsc, spsc};

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
