//! What users of `WakerCell` can rely on.
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use hyperia_test::alloc::{self, CountingAllocator};
use hyperia_test::{CountingWaker, PanicOn, PanicWaker};
use hyperia_wait::{WakerCell, block_on};
use std::task::Waker;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn wake_without_a_registration_does_nothing() {
    let cell = WakerCell::new();
    cell.wake();
    assert!(cell.take().is_none());
    let counting = CountingWaker::new();
    cell.register(&counting.waker());
    assert_eq!(counting.wakes(), 0, "an earlier wake is not remembered");
}

#[test]
fn wake_wakes_once_and_forgets() {
    let (cell, counting) = (WakerCell::new(), CountingWaker::new());
    cell.register(&counting.waker());
    cell.wake();
    cell.wake();
    assert_eq!((counting.wakes(), counting.live()), (1, 0));
}

#[test]
fn the_last_registration_wins() {
    let cell = WakerCell::new();
    let [first, second] = [CountingWaker::new(), CountingWaker::new()];
    cell.register(&first.waker());
    cell.register(&second.waker());
    assert_eq!(first.live(), 0, "the replaced waker is dropped");
    cell.wake();
    assert_eq!((first.wakes(), second.wakes()), (0, 1));
}

#[test]
fn registering_the_same_waker_again_clones_nothing() {
    let (cell, counting) = (WakerCell::new(), CountingWaker::new());
    let waker = counting.waker();
    for _ in 0..3 {
        cell.register(&waker);
    }
    assert_eq!(counting.clones(), 1);
    cell.wake();
    assert_eq!(counting.wakes(), 1);
}

#[test]
fn take_hands_the_waker_out_without_waking() {
    let (cell, counting) = (WakerCell::new(), CountingWaker::new());
    cell.register(&counting.waker());
    let waker = cell.take().expect("registered above");
    assert_eq!(counting.wakes(), 0);
    cell.wake();
    assert_eq!(counting.wakes(), 0);
    waker.wake();
    assert_eq!((counting.wakes(), counting.live()), (1, 0));
}

#[test]
fn dropping_the_cell_drops_the_waker() {
    let (cell, counting) = (WakerCell::new(), CountingWaker::new());
    cell.register(&counting.waker());
    drop(cell);
    assert_eq!((counting.wakes(), counting.live()), (0, 0));
}

#[test]
fn nothing_is_allocated() {
    let (cell, counting) = (WakerCell::new(), CountingWaker::new());
    let waker = counting.waker();
    let ((), counts) = alloc::count(|| {
        cell.register(&waker);
        cell.register(&waker);
        cell.wake();
    });
    assert_eq!(counts.allocations, 0);
}

#[test]
fn after_a_panic_in_clone_the_cell_works() {
    let (cell, counting) = (WakerCell::new(), CountingWaker::new());
    let panicking = PanicWaker::new(PanicOn::Clone);
    let waker = panicking.waker();
    assert!(catch_unwind(|| cell.register(&waker)).is_err());
    cell.register(&counting.waker());
    // The other way round: a waker is there when the clone panics.
    assert!(catch_unwind(|| cell.register(&waker)).is_err());
    cell.register(&counting.waker());
    cell.wake();
    assert_eq!(counting.wakes(), 1);
}

#[test]
fn after_a_panic_in_wake_the_cell_works() {
    let (cell, counting) = (WakerCell::new(), CountingWaker::new());
    let panicking = PanicWaker::new(PanicOn::Wake);
    cell.register(&panicking.waker());
    assert!(catch_unwind(|| cell.wake()).is_err());
    assert_eq!(panicking.live(), 0);
    cell.register(&counting.waker());
    cell.wake();
    assert_eq!(counting.wakes(), 1);
}

#[test]
fn a_panic_in_the_drop_of_the_old_waker_comes_after_the_registration() {
    let (cell, counting) = (WakerCell::new(), CountingWaker::new());
    let panicking = PanicWaker::new(PanicOn::Drop);
    let waker = panicking.waker();
    cell.register(&waker);
    assert!(catch_unwind(|| cell.register(&counting.waker())).is_err());
    panicking.disarm();
    cell.wake();
    assert_eq!(counting.wakes(), 1);
}

/// A cell of which one end registers.
struct Alone(WakerCell);

impl Alone {
    fn register(&mut self, waker: &Waker) -> bool {
        // SAFETY: borrowed mutably, and nobody else registers.
        unsafe { self.0.register_alone(waker) }
    }

    fn unregister(&mut self) -> Option<Waker> {
        // SAFETY: as above.
        unsafe { self.0.unregister_alone() }
    }
}

#[test]
fn who_alone_registers_is_woken_once_and_forgotten() {
    let (mut cell, counting) = (Alone(WakerCell::new()), CountingWaker::new());
    let waker = counting.waker();
    assert!(cell.register(&waker));
    assert!(!cell.register(&waker) && !cell.register(&waker));
    assert_eq!(counting.clones(), 1, "the same waker again clones nothing");
    cell.0.wake();
    cell.0.wake();
    drop(waker);
    assert_eq!((counting.wakes(), counting.live()), (1, 0));
}

#[test]
fn the_last_registration_of_who_alone_registers_wins() {
    let mut cell = Alone(WakerCell::new());
    let [first, second] = [CountingWaker::new(), CountingWaker::new()];
    assert!(cell.register(&first.waker()));
    assert!(!cell.register(&second.waker()));
    assert_eq!(first.live(), 0, "the replaced waker is dropped");
    cell.0.wake();
    assert_eq!((first.wakes(), second.wakes()), (0, 1));
}

#[test]
fn who_alone_registers_takes_its_waker_back() {
    let (mut cell, counting) = (Alone(WakerCell::new()), CountingWaker::new());
    assert!(cell.unregister().is_none());
    cell.register(&counting.waker());
    assert!(cell.unregister().is_some());
    assert!(cell.unregister().is_none());
    cell.0.wake();
    assert_eq!((counting.wakes(), counting.live()), (0, 0));
    cell.register(&counting.waker());
    drop(cell);
    assert_eq!(counting.live(), 0, "dropped with the cell");
}

#[test]
fn after_a_panic_the_cell_of_who_alone_registers_works() {
    let (mut cell, counting) = (Alone(WakerCell::new()), CountingWaker::new());
    let panicking = PanicWaker::new(PanicOn::Clone);
    let waker = panicking.waker();
    for _ in 0..2 {
        // First with nobody there, then with a waker.
        assert!(catch_unwind(AssertUnwindSafe(|| cell.register(&waker))).is_err());
        cell.register(&counting.waker());
    }
    cell.0.wake();
    assert_eq!(counting.wakes(), 1);
}

#[test]
fn a_waker_that_comes_back_to_its_cell_is_no_deadlock() {
    struct Back(WakerCell, AtomicUsize);
    impl std::task::Wake for Back {
        fn wake(self: std::sync::Arc<Self>) {
            if self.1.fetch_add(1, Ordering::Relaxed) == 0 {
                self.0.register(&self.clone().into());
                self.0.wake();
            }
        }
    }
    let back = std::sync::Arc::new(Back(WakerCell::new(), AtomicUsize::new(0)));
    back.0.register(&back.clone().into());
    back.0.wake();
    assert_eq!(back.1.load(Ordering::Relaxed), 2);
}

#[test]
fn a_thread_meets_its_notifier_many_times() {
    const ROUNDS: usize = 20_000;
    let (cell, told) = (WakerCell::new(), AtomicUsize::new(0));
    let heard = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=ROUNDS {
                told.store(round, Ordering::Relaxed);
                cell.wake();
                while heard.load(Ordering::Relaxed) < round {
                    std::thread::yield_now();
                }
            }
        });
        for round in 1..=ROUNDS {
            block_on(std::future::poll_fn(|cx| {
                cell.register(cx.waker());
                match told.load(Ordering::Relaxed) >= round {
                    true => std::task::Poll::Ready(()),
                    false => std::task::Poll::Pending,
                }
            }));
            heard.store(round, Ordering::Relaxed);
        }
    });
}

#[test]
fn debug_says_what_it_is() {
    assert_eq!(
        format!("{:?}", AssertUnwindSafe(WakerCell::new()).0),
        "WakerCell { .. }"
    );
}
