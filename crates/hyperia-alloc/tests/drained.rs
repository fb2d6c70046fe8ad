//! The wait for zero, with `Tracked` and with `Scope`.
#![cfg(all(not(hyperia_loom), feature = "allocator-api2"))]

mod common;

use std::alloc::Layout;
use std::pin::{Pin, pin};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Poll, Wake, Waker};

use allocator_api2::alloc::{AllocError, Allocator, Global};
use allocator_api2::boxed::Box as TrackedBox;
use allocator_api2::vec::Vec as TrackedVec;
use common::{Mode, Moody};
use hyperia_alloc::{Drained, Scope, Shared, Tracked};
use hyperia_test::alloc::{CountingAllocator, count};
use hyperia_test::{CountingWaker, PanicOn, PanicWaker, drop_at_every_poll, forever, poll_once};
use hyperia_wait::block_on;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// What `Tracked` and `Scope` have in common.
trait Awaitable: Allocator + Send + Sync + 'static {
    fn drained(&self) -> Drained<'_>;
    fn live(&self) -> (usize, usize);
}

impl<A: Allocator + Send + Sync + 'static> Awaitable for Tracked<A> {
    fn drained(&self) -> Drained<'_> {
        self.drained()
    }
    fn live(&self) -> (usize, usize) {
        (self.live_blocks(), self.live_bytes())
    }
}

impl<A: Allocator + Send + Sync + 'static> Awaitable for Scope<A> {
    fn drained(&self) -> Drained<'_> {
        self.drained()
    }
    fn live(&self) -> (usize, usize) {
        (self.live_blocks(), self.live_bytes())
    }
}

fn with_both(test: impl Fn(&'static dyn Awaitable)) {
    test(forever(Tracked::new(Global)));
    test(forever(Scope::new(Global)));
}

fn poll(drained: &mut Pin<Box<Drained<'_>>>, counting: &Arc<CountingWaker>) -> Poll<()> {
    poll_once(drained.as_mut(), &counting.waker())
}

#[test]
fn with_nothing_live_it_is_ready_at_once_and_as_often_as_asked() {
    with_both(|allocator| {
        for _ in 0..3 {
            let mut drained = Box::pin(allocator.drained());
            assert!(!drained.is_terminated());
            assert!(poll_once(drained.as_mut(), Waker::noop()).is_ready());
            assert!(drained.is_terminated());
        }
    });
}

#[test]
fn it_is_ready_when_the_last_block_is_freed_and_not_before() {
    with_both(|allocator| {
        let counting = CountingWaker::new();
        let blocks = [
            TrackedBox::new_in(1, allocator),
            TrackedBox::new_in(2, allocator),
        ];
        let mut drained = Box::pin(allocator.drained());
        assert!(poll(&mut drained, &counting).is_pending());
        let [first, second] = blocks;
        drop(second);
        assert!(poll(&mut drained, &counting).is_pending());
        assert_eq!(counting.wakes(), 0);
        drop(first);
        assert_eq!(counting.wakes(), 1);
        assert!(poll(&mut drained, &counting).is_ready());
        assert_eq!(allocator.live(), (0, 0));
    });
}

#[test]
fn the_free_that_makes_zero_wakes_all_who_wait() {
    with_both(|allocator| {
        let block = TrackedBox::new_in(1, allocator);
        let mut waits: Vec<_> = (0..40)
            .map(|_| (Box::pin(allocator.drained()), CountingWaker::new()))
            .collect();
        for (drained, counting) in &mut waits {
            assert!(poll(drained, counting).is_pending());
        }
        drop(block);
        for (drained, counting) in &mut waits {
            assert_eq!(counting.wakes(), 1);
            assert!(poll(drained, counting).is_ready());
        }
    });
}

#[test]
fn the_moment_counts_even_if_something_was_allocated_since() {
    with_both(|allocator| {
        let counting = CountingWaker::new();
        let block = TrackedBox::new_in(1, allocator);
        let mut drained = Box::pin(allocator.drained());
        assert!(poll(&mut drained, &counting).is_pending());
        drop(block);
        let block = TrackedBox::new_in(2, allocator);
        assert!(poll(&mut drained, &counting).is_ready());
        let mut next = Box::pin(allocator.drained());
        assert!(poll(&mut next, &counting).is_pending());
        drop(block);
        assert!(poll(&mut next, &counting).is_ready());
    });
}

#[test]
fn moving_a_block_to_another_size_is_no_free() {
    with_both(|allocator| {
        let counting = CountingWaker::new();
        let mut words = TrackedVec::with_capacity_in(1, allocator);
        let mut drained = Box::pin(allocator.drained());
        assert!(poll(&mut drained, &counting).is_pending());
        words.extend(0..1000_u64);
        words.truncate(10);
        words.shrink_to_fit();
        assert_eq!((counting.wakes(), allocator.live()), (0, (1, 80)));
        drop(words);
        assert_eq!(counting.wakes(), 1);
    });
}

#[test]
fn a_poll_with_another_waker_is_the_one_that_is_woken() {
    with_both(|allocator| {
        let (first, second) = (CountingWaker::new(), CountingWaker::new());
        let block = TrackedBox::new_in(1, allocator);
        let mut drained = Box::pin(allocator.drained());
        assert!(poll(&mut drained, &first).is_pending());
        assert!(poll(&mut drained, &second).is_pending());
        drop(block);
        assert_eq!((first.wakes(), second.wakes()), (0, 1));
    });
}

#[test]
#[should_panic(expected = "polled again after it was ready")]
fn a_poll_after_the_end_panics() {
    let tracked = Tracked::new(Global);
    let mut drained = Box::pin(tracked.drained());
    let _ready = poll_once(drained.as_mut(), Waker::noop());
    let _panics = poll_once(drained.as_mut(), Waker::noop());
}

/// An inner allocator that asks its wrapper's count from inside each call.
#[derive(Default)]
struct Looks {
    counted: std::sync::OnceLock<&'static Tracked<&'static Looks>>,
    allocations: AtomicUsize,
    deallocations: AtomicUsize,
}

impl Looks {
    /// What is live now, by the count; and that nobody who waits is told otherwise.
    fn look(&self) -> usize {
        let tracked = self.counted.get().expect("set before it is used");
        let mut drained = Box::pin(tracked.drained());
        let is_drained = poll_once(drained.as_mut(), Waker::noop()).is_ready();
        let blocks = tracked.live_blocks();
        assert_eq!(is_drained, blocks == 0);
        blocks
    }
}

// SAFETY: that of the global allocator.
unsafe impl Allocator for Looks {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.allocations.fetch_add(self.look(), Relaxed);
        Global.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the block came from there.
        unsafe { Global.deallocate(block, layout) };
        self.deallocations.fetch_add(self.look(), Relaxed);
    }
}

/// Defect 40 of the original: it counted after allocating, so that a wait could end in between.
#[test]
fn a_block_counts_from_before_it_is_allocated_until_after_it_is_freed() {
    let looks: &'static Looks = forever(Looks::default());
    let tracked: &'static Tracked<&'static Looks> = forever(Tracked::new(looks));
    assert!(looks.counted.set(tracked).is_ok());
    let block = TrackedBox::new_in(1, tracked);
    assert_eq!(
        looks.allocations.load(Relaxed),
        1,
        "live while it is being allocated"
    );
    drop(block);
    assert_eq!(
        looks.deallocations.load(Relaxed),
        1,
        "live while it is being freed"
    );
    assert_eq!(tracked.live_blocks(), 0);
}

#[test]
fn an_allocation_that_fails_wakes_if_it_was_the_last_that_was_live() {
    /// Frees its only block while it is asked for another one, which it then refuses.
    struct FreesFirst {
        block: std::cell::RefCell<Option<TrackedBox<u8, &'static Tracked<FreesFirst>>>>,
    }
    // SAFETY: that of the global allocator.
    unsafe impl Allocator for FreesFirst {
        fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
            if layout.size() > 1 {
                drop(self.block.take());
                return Err(AllocError);
            }
            Global.allocate(layout)
        }
        unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
            // SAFETY: the block came from there.
            unsafe { Global.deallocate(block, layout) };
        }
    }
    let tracked: &'static Tracked<FreesFirst> =
        forever(Tracked::new(FreesFirst { block: None.into() }));
    *tracked.inner().block.borrow_mut() = Some(TrackedBox::new_in(1, tracked));
    let counting = CountingWaker::new();
    let mut drained = Box::pin(tracked.drained());
    assert!(poll(&mut drained, &counting).is_pending());
    assert!(TrackedBox::try_new_in(0_u64, tracked).is_err());
    assert_eq!((counting.wakes(), tracked.live_blocks()), (1, 0));
}

#[test]
fn an_allocation_that_fails_alone_leaves_a_waiter_asleep() {
    let tracked = Tracked::new(Moody::default());
    let counting = CountingWaker::new();
    let block = TrackedBox::new_in(1, &tracked);
    let mut drained = Box::pin(tracked.drained());
    assert!(poll(&mut drained, &counting).is_pending());
    tracked.inner().0.set(Mode::Fails);
    assert!(TrackedBox::try_new_in(2, &tracked).is_err());
    assert!(poll(&mut drained, &counting).is_pending());
    tracked.inner().0.set(Mode::Works);
    drop(block);
    assert_eq!(counting.wakes(), 1);
}

#[test]
fn a_waker_that_panics_does_not_leave_the_free_and_all_others_are_woken() {
    with_both(|allocator| {
        let panicking = PanicWaker::new(PanicOn::Wake);
        let counting = CountingWaker::new();
        let block = TrackedBox::new_in(1, allocator);
        let mut first = Box::pin(allocator.drained());
        let mut second = Box::pin(allocator.drained());
        assert!(poll_once(first.as_mut(), &panicking.waker()).is_pending());
        assert!(poll(&mut second, &counting).is_pending());
        drop(block);
        assert_eq!((panicking.panics(), counting.wakes()), (1, 1));
        assert!(poll(&mut first, &counting).is_ready() && poll(&mut second, &counting).is_ready());
        assert_eq!(allocator.live(), (0, 0));
    });
}

#[test]
fn a_waker_whose_clone_panics_leaves_nothing_behind() {
    with_both(|allocator| {
        let panicking = PanicWaker::new(PanicOn::Clone);
        let counting = CountingWaker::new();
        let block = TrackedBox::new_in(1, allocator);
        let mut drained = Box::pin(allocator.drained());
        let poll_panics = std::panic::AssertUnwindSafe(|| {
            poll_once(drained.as_mut(), &panicking.waker()).is_ready()
        });
        assert!(std::panic::catch_unwind(poll_panics).is_err());
        assert!(poll(&mut drained, &counting).is_pending());
        drop(block);
        assert_eq!(counting.wakes(), 1);
        assert!(poll(&mut drained, &counting).is_ready());
    });
}

#[test]
fn a_waker_may_allocate_from_the_allocator_that_wakes_it() {
    struct Allocates(&'static dyn Awaitable, AtomicUsize);
    impl Wake for Allocates {
        fn wake(self: Arc<Self>) {
            assert_eq!(self.0.live(), (0, 0), "all is counted before");
            drop(TrackedBox::new_in([0; 100], self.0));
            self.1.fetch_add(1, Relaxed);
        }
    }
    with_both(|allocator| {
        let waking = Arc::new(Allocates(allocator, AtomicUsize::new(0)));
        let block = TrackedBox::new_in(1, allocator);
        let mut waits = [(); 20].map(|()| Box::pin(allocator.drained()));
        for drained in &mut waits {
            let waker = Waker::from(Arc::clone(&waking));
            assert!(poll_once(drained.as_mut(), &waker).is_pending());
        }
        drop(block);
        assert_eq!(waking.1.load(Relaxed), waits.len());
        assert_eq!(allocator.live(), (0, 0));
    });
}

#[test]
fn it_may_be_dropped_at_every_poll() {
    struct State {
        tracked: &'static Tracked<Global>,
        blocks: std::cell::RefCell<Vec<TrackedBox<u64, &'static Tracked<Global>>>>,
    }
    let polls = drop_at_every_poll(
        || {
            let tracked: &'static Tracked<Global> = forever(Tracked::new(Global));
            let blocks = (0..3).map(|n| TrackedBox::new_in(n, tracked)).collect();
            let blocks = std::cell::RefCell::new(blocks);
            (State { tracked, blocks }, tracked.drained())
        },
        |state, k| {
            if k > 0 {
                drop(state.blocks.borrow_mut().pop());
            }
        },
        |state, k| {
            let left = state.blocks.borrow().len();
            assert_eq!(state.tracked.live_blocks(), left, "dropped after {k} polls");
            // The count is whole, in stripes or not, and the next wait knows it.
            drop(state.blocks.take());
            block_on(state.tracked.drained());
        },
    );
    assert_eq!(polls, 4);
}

#[test]
fn a_forgotten_wait_costs_speed_and_nothing_else() {
    let tracked: &'static Tracked<Global> = forever(Tracked::new(Global));
    let block = TrackedBox::new_in(1, tracked);
    let mut forgotten = Box::pin(tracked.drained());
    assert!(poll_once(forgotten.as_mut(), Waker::noop()).is_pending());
    forever(forgotten);
    drop(block);
    let block = TrackedBox::new_in(2, tracked);
    assert_eq!(tracked.live_blocks(), 1);
    drop(block);
    block_on(tracked.drained());
}

#[test]
fn waiting_and_counting_allocate_nothing() {
    with_both(|allocator| {
        let (_, counts) = count(|| {
            let block = allocator.allocate(Layout::new::<u64>()).unwrap();
            let mut drained = pin!(allocator.drained());
            assert!(poll_once(drained.as_mut(), Waker::noop()).is_pending());
            // SAFETY: it came from there, with this layout.
            unsafe { allocator.deallocate(block.cast(), Layout::new::<u64>()) };
            assert!(poll_once(drained.as_mut(), Waker::noop()).is_ready());
            allocator.live()
        });
        assert_eq!(
            (counts.allocations, counts.deallocations),
            (1, 1),
            "the block itself"
        );
    });
}

#[test]
fn any_executor_can_wait() {
    let shared = Shared::new(Tracked::new(Global));
    let free_elsewhere = || {
        let block = TrackedBox::new_in(1, shared.clone());
        std::thread::spawn(move || drop(block))
    };
    let thread = free_elsewhere();
    smol::block_on(shared.drained());
    thread.join().unwrap();
    let thread = free_elsewhere();
    let tokio = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    tokio.block_on(shared.drained());
    thread.join().unwrap();
    let thread = free_elsewhere();
    block_on(shared.drained());
    thread.join().unwrap();
}
