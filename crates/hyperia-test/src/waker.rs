//! Wakers that count what is done to them, and wakers that panic.
//!
//! # Cost
//! One allocation per probe, none per waker.
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::task::{RawWaker, RawWakerVTable, Waker};

/// Which operation of a [`PanicWaker`] panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PanicOn {
    /// `wake` and `wake_by_ref`.
    Wake,
    /// `clone`.
    Clone,
    /// `drop`, and the drop inside a `wake` by value.
    Drop,
}

/// What the wakers point at.
struct Probe {
    wakes: AtomicUsize,
    clones: AtomicUsize,
    drops: AtomicUsize,
    made: AtomicUsize,
    panics: AtomicUsize,
    panic_on: Option<PanicOn>,
    armed: AtomicBool,
}

impl Probe {
    fn new(panic_on: Option<PanicOn>) -> Arc<Self> {
        Arc::new(Self {
            wakes: AtomicUsize::new(0),
            clones: AtomicUsize::new(0),
            drops: AtomicUsize::new(0),
            made: AtomicUsize::new(0),
            panics: AtomicUsize::new(0),
            panic_on,
            armed: AtomicBool::new(true),
        })
    }

    fn waker(self: &Arc<Self>) -> Waker {
        // ORDERING: Relaxed, a count.
        self.made.fetch_add(1, Relaxed);
        let data = Arc::into_raw(Arc::clone(self)).cast::<()>();
        // SAFETY: VTABLE's functions expect what `Arc::<Probe>::into_raw` gave, one strong count
        // per waker, and `Probe` is Send + Sync.
        unsafe { Waker::new(data, &VTABLE) }
    }

    fn live(&self) -> usize {
        // ORDERING: Acquire pairs with the AcqRel in `drop`: what the last owner of a waker did
        // before it dropped it is visible to the test that sees the waker gone.
        let drops = self.drops.load(Acquire);
        // ORDERING: Relaxed; read after `drops`, so that the difference is never below zero.
        (self.made.load(Relaxed) + self.clones.load(Relaxed)).saturating_sub(drops)
    }

    /// Panics if this is the operation chosen; never while the thread is already unwinding,
    /// which would abort the process instead of failing a test.
    fn trip(&self, at: PanicOn) {
        // ORDERING: Relaxed, a switch that the test itself throws.
        if self.panic_on == Some(at) && self.armed.load(Relaxed) && !std::thread::panicking() {
            // ORDERING: Relaxed, a count.
            self.panics.fetch_add(1, Relaxed);
            panic!("this waker panics on {at:?}");
        }
    }
}

// A `static`, so that `Waker::will_wake` can rely on its address.
static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop);

unsafe fn clone(data: *const ()) -> RawWaker {
    let probe = data.cast::<Probe>();
    {
        // SAFETY: the waker being cloned holds a strong count, so the probe is alive.
        let probe = unsafe { &*probe };
        probe.trip(PanicOn::Clone);
        // ORDERING: Relaxed, a count.
        probe.clones.fetch_add(1, Relaxed);
    }
    // SAFETY: `probe` came from `Arc::into_raw` and is alive, as above.
    unsafe { Arc::increment_strong_count(probe) };
    RawWaker::new(data, &VTABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: the caller passes its strong count on to us; taking the Arc here means that the
    // count is given back even if the next lines panic.
    let probe = unsafe { Arc::from_raw(data.cast::<Probe>()) };
    // ORDERING: Release pairs with the Acquire in `CountingWaker::wakes`.
    probe.wakes.fetch_add(1, Release);
    // ORDERING: AcqRel pairs with the Acquire in `live`.
    probe.drops.fetch_add(1, AcqRel);
    probe.trip(PanicOn::Wake);
    probe.trip(PanicOn::Drop);
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the waker behind the call holds a strong count for its whole duration.
    let probe = unsafe { &*data.cast::<Probe>() };
    // ORDERING: Release pairs with the Acquire in `CountingWaker::wakes`, as in `wake`.
    probe.wakes.fetch_add(1, Release);
    probe.trip(PanicOn::Wake);
}

unsafe fn drop(data: *const ()) {
    // SAFETY: as in `wake`: the strong count is ours now.
    let probe = unsafe { Arc::from_raw(data.cast::<Probe>()) };
    // ORDERING: AcqRel pairs with the Acquire in `live`, as in `wake`.
    probe.drops.fetch_add(1, AcqRel);
    probe.trip(PanicOn::Drop);
}

/// Counts wakes, clones and drops of the wakers made from it.
///
/// # Examples
/// ```
/// use hyperia_test::CountingWaker;
///
/// let counting = CountingWaker::new();
/// let waker = counting.waker();
/// let clone = waker.clone();
/// clone.wake();
/// assert_eq!((counting.wakes(), counting.clones(), counting.live()), (1, 1, 1));
/// ```
pub struct CountingWaker(Arc<Probe>);

impl CountingWaker {
    /// Makes a counter; wakers come from [`waker`](Self::waker).
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Probe::new(None)))
    }

    /// A waker that counts here; any two of them `will_wake` each other.
    pub fn waker(self: &Arc<Self>) -> Waker {
        self.0.waker()
    }

    /// How often a waker was woken.
    pub fn wakes(&self) -> usize {
        // ORDERING: Acquire pairs with the Release in the two wakes: a test that waits for this count
        // sees what the waking thread did before.
        self.0.wakes.load(Acquire)
    }

    /// How often a waker was cloned.
    pub fn clones(&self) -> usize {
        // ORDERING: Relaxed, a count.
        self.0.clones.load(Relaxed)
    }

    /// How many wakers were dropped, or consumed by `wake`.
    pub fn drops(&self) -> usize {
        // ORDERING: Relaxed, a count.
        self.0.drops.load(Relaxed)
    }

    /// How many wakers exist now.
    pub fn live(&self) -> usize {
        self.0.live()
    }
}

impl fmt::Debug for CountingWaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountingWaker")
            .field("wakes", &self.wakes())
            .field("clones", &self.clones())
            .field("live", &self.live())
            .finish()
    }
}

/// Wakers of which one operation panics, until [`disarm`](Self::disarm)ed.
///
/// A panic never comes on top of another one: a thread that unwinds already is spared.
///
/// # Examples
/// ```
/// use hyperia_test::{PanicOn, PanicWaker};
///
/// let panicking = PanicWaker::new(PanicOn::Wake);
/// let waker = panicking.waker();
/// assert!(std::panic::catch_unwind(|| waker.wake_by_ref()).is_err());
/// assert_eq!(panicking.panics(), 1);
/// ```
pub struct PanicWaker(Arc<Probe>);

impl PanicWaker {
    /// Makes a source of wakers that panic on `on`.
    pub fn new(on: PanicOn) -> Arc<Self> {
        Arc::new(Self(Probe::new(Some(on))))
    }

    /// A waker that panics as chosen.
    pub fn waker(self: &Arc<Self>) -> Waker {
        self.0.waker()
    }

    /// From now on nothing panics; call it before the test's own wakers go out of scope.
    pub fn disarm(&self) {
        // ORDERING: Relaxed, a switch that the test itself throws.
        self.0.armed.store(false, Relaxed);
    }

    /// How often it panicked.
    pub fn panics(&self) -> usize {
        // ORDERING: Relaxed, a count.
        self.0.panics.load(Relaxed)
    }

    /// How many wakers exist now: zero at the end of a test that leaked none.
    pub fn live(&self) -> usize {
        self.0.live()
    }
}

impl fmt::Debug for PanicWaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PanicWaker")
            .field("on", &self.0.panic_on)
            .field("panics", &self.panics())
            .field("live", &self.live())
            .finish()
    }
}
