//! The wait group and the manual-reset event against their peers, polled by hand.
//!
//! tokio, event-listener and async-event have no manual-reset event: a flag beside what they have makes one, looked at as
//! their documentation shows.
use asyncband::event::ManualResetEvent as Band;
use event_listener::listener;
use hyperia_bench::{Comparison, Load, Sample, measure, measure_copies, version};
use hyperia_sync::{ManualResetEvent, WaitGroup};
use std::pin::pin;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::task::{Context, Waker};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

/// Tokens of a cycle.
const CYCLE: u64 = 8;
/// Waiters of an event at once.
const CROWD: usize = 64;

/// A group whose tokens are made and dropped anywhere.
trait Group: Sync + Sized {
    fn new() -> Self;
    fn token(&self) -> impl Send;
    /// Eight tokens, a wait that has to, and its end: with the same group where it may be used again.
    fn cycle(&mut self, cx: &mut Context<'_>);
}

/// Makes the tokens, lets `wait` be pending, drops them, and lets it be ready.
fn cycle<T, F: Future>(token: impl Fn() -> T, wait: impl FnOnce() -> F, cx: &mut Context<'_>) {
    let tokens: [T; CYCLE as usize] = std::array::from_fn(|_| token());
    let mut wait = pin!(wait());
    assert!(wait.as_mut().poll(cx).is_pending());
    drop(tokens);
    assert!(wait.poll(cx).is_ready());
}

impl Group for WaitGroup {
    fn new() -> Self {
        Self::new()
    }
    fn token(&self) -> impl Send {
        self.token()
    }
    fn cycle(&mut self, cx: &mut Context<'_>) {
        cycle(|| self.token(), || self.wait(), cx);
    }
}

impl Group for waitgroup::WaitGroup {
    fn new() -> Self {
        Self::new()
    }
    fn token(&self) -> impl Send {
        self.worker()
    }
    fn cycle(&mut self, cx: &mut Context<'_>) {
        let group = std::mem::take(self);
        let tokens: [_; CYCLE as usize] = std::array::from_fn(|_| group.worker());
        let mut wait = pin!(group.wait());
        assert!(wait.as_mut().poll(cx).is_pending());
        drop(tokens);
        assert!(wait.poll(cx).is_ready());
    }
}

impl Group for awaitgroup::WaitGroup {
    fn new() -> Self {
        Self::new()
    }
    fn token(&self) -> impl Send {
        self.worker()
    }
    fn cycle(&mut self, cx: &mut Context<'_>) {
        let tokens: [_; CYCLE as usize] = std::array::from_fn(|_| self.worker());
        let mut wait = pin!(self.wait());
        assert!(wait.as_mut().poll(cx).is_pending());
        drop(tokens);
        assert!(wait.poll(cx).is_ready());
    }
}

impl Group for asyncband::waitgroup::WaitGroup {
    fn new() -> Self {
        Self::new()
    }
    fn token(&self) -> impl Send {
        self.clone()
    }
    fn cycle(&mut self, cx: &mut Context<'_>) {
        let group = std::mem::take(self);
        let tokens: [_; CYCLE as usize] = std::array::from_fn(|_| group.clone());
        let mut wait = pin!(group.into_future());
        assert!(wait.as_mut().poll(cx).is_pending());
        drop(tokens);
        assert!(wait.poll(cx).is_ready());
    }
}

impl Group for TaskTracker {
    fn new() -> Self {
        let tracker = Self::new();
        tracker.close();
        tracker
    }
    fn token(&self) -> impl Send {
        self.token()
    }
    fn cycle(&mut self, cx: &mut Context<'_>) {
        cycle(|| TaskTracker::token(self), || self.wait(), cx);
    }
}

fn tokens<G: Group>(threads: u64) -> impl FnMut(u64) -> Sample {
    let mut group = G::new();
    move |operations| {
        let make_and_drop = |count| {
            for _ in 0..count {
                drop(std::hint::black_box(group.token()));
            }
        };
        let sample = match threads {
            1 => measure(|| make_and_drop(operations)),
            _ => measure_copies(threads, |_| make_and_drop(operations / threads)),
        };
        group.cycle(&mut Context::from_waker(Waker::noop()));
        sample
    }
}

fn cycles<G: Group>() -> impl FnMut(u64) -> Sample {
    let mut group = G::new();
    move |operations| {
        let cx = &mut Context::from_waker(Waker::noop());
        measure(|| (0..operations).for_each(|_| group.cycle(cx)))
    }
}

trait Event {
    fn set(&self);
    fn reset(&self);
    fn wait(&self) -> impl Future;
}

impl Event for ManualResetEvent {
    fn set(&self) {
        self.set();
    }
    fn reset(&self) {
        self.reset();
    }
    fn wait(&self) -> impl Future {
        self.wait()
    }
}

impl Event for Band {
    fn set(&self) {
        self.set();
    }
    fn reset(&self) {
        self.reset();
    }
    fn wait(&self) -> impl Future {
        self.wait()
    }
}

/// What tells of a flag beside it.
#[derive(Default)]
struct Flagged<T> {
    is_set: AtomicBool,
    inner: T,
}

impl<T> Flagged<T> {
    /// Sets the flag, and says whether it was not set.
    fn set_flag(&self) -> bool {
        !self.is_set.swap(true, Release)
    }
    fn reset_flag(&self) {
        self.is_set.swap(false, Acquire);
    }
    fn is_set(&self) -> bool {
        self.is_set.load(Acquire)
    }
}

impl Event for Flagged<Notify> {
    fn set(&self) {
        if self.set_flag() {
            self.inner.notify_waiters();
        }
    }
    fn reset(&self) {
        self.reset_flag();
    }
    fn wait(&self) -> impl Future {
        async {
            while !self.is_set() {
                let notified = self.inner.notified();
                if self.is_set() {
                    return;
                }
                notified.await;
            }
        }
    }
}

impl Event for Flagged<event_listener::Event> {
    fn set(&self) {
        if self.set_flag() {
            self.inner.notify(usize::MAX);
        }
    }
    fn reset(&self) {
        self.reset_flag();
    }
    fn wait(&self) -> impl Future {
        async {
            while !self.is_set() {
                // In this future, not in a box.
                listener!(self.inner => listener);
                if self.is_set() {
                    return;
                }
                listener.await;
            }
        }
    }
}

impl Event for Flagged<async_event::Event> {
    fn set(&self) {
        if self.set_flag() {
            self.inner.notify_all();
        }
    }
    fn reset(&self) {
        self.reset_flag();
    }
    fn wait(&self) -> impl Future {
        self.inner.wait_until(|| self.is_set().then_some(()))
    }
}

#[derive(Clone, Copy)]
enum Turn {
    SetAgain,
    WaitWhileSet,
    WaitSetReset,
    WaitCancel,
}

impl Turn {
    fn title(self) -> &'static str {
        match self {
            Self::SetAgain => "set when it is set",
            Self::WaitWhileSet => "wait when it is set",
            Self::WaitSetReset => "wait, then set, then reset",
            Self::WaitCancel => "wait, then dropped",
        }
    }

    fn run(self, event: &impl Event, operations: u64) -> Sample {
        let cx = &mut Context::from_waker(Waker::noop());
        match self {
            Self::SetAgain | Self::WaitWhileSet => event.set(),
            Self::WaitSetReset | Self::WaitCancel => event.reset(),
        }
        let sample = measure(|| {
            for _ in 0..operations {
                let event = std::hint::black_box(event);
                match self {
                    Self::SetAgain => event.set(),
                    Self::WaitWhileSet => assert!(pin!(event.wait()).poll(cx).is_ready()),
                    Self::WaitSetReset => {
                        let mut wait = pin!(event.wait());
                        assert!(wait.as_mut().poll(cx).is_pending());
                        event.set();
                        assert!(wait.poll(cx).is_ready());
                        event.reset();
                    }
                    Self::WaitCancel => assert!(pin!(event.wait()).poll(cx).is_pending()),
                }
            }
        });
        event.set();
        assert!(pin!(event.wait()).poll(cx).is_ready());
        event.reset();
        assert!(pin!(event.wait()).poll(cx).is_pending());
        sample
    }
}

/// Many wait, and one call lets them all pass.
fn crowd(event: &impl Event, operations: u64) -> Sample {
    let cx = &mut Context::from_waker(Waker::noop());
    let rounds = operations.div_ceil(CROWD as u64);
    measure(|| {
        for _ in 0..rounds {
            let mut waits: Vec<_> = (0..CROWD).map(|_| Box::pin(event.wait())).collect();
            for wait in &mut waits {
                assert!(wait.as_mut().poll(cx).is_pending());
            }
            event.set();
            for wait in &mut waits {
                assert!(wait.as_mut().poll(cx).is_ready());
            }
            event.reset();
        }
    })
}

fn main() {
    let load = Load::from_args();
    let ours = format!("hyperia-sync {}", version("hyperia-sync"));
    let waitgroup = format!("waitgroup {}", version("waitgroup"));
    let awaitgroup = format!("awaitgroup {}, its count is Relaxed", version("awaitgroup"));
    let band = format!("asyncband {}", version("asyncband"));
    let tracker = format!(
        "tokio-util {} TaskTracker (feature rt)",
        version("tokio-util")
    );
    for threads in [1, 2] {
        Comparison::new(
            format!("wait group, a token made and dropped by each of {threads} threads"),
            "token",
            2_000_000,
        )
        .checked("a wait is pending with tokens and ready after them")
        .not_shown("what tokens carry: most live as long as a task")
        .contender(&ours, tokens::<WaitGroup>(threads))
        .contender(&waitgroup, tokens::<waitgroup::WaitGroup>(threads))
        .contender(&awaitgroup, tokens::<awaitgroup::WaitGroup>(threads))
        .contender(&band, tokens::<asyncband::waitgroup::WaitGroup>(threads))
        .contender(&tracker, tokens::<TaskTracker>(threads))
        .run(load);
    }
    Comparison::new(
        format!("wait group, {CYCLE} tokens, a wait for them, and its end"),
        "cycle",
        200_000,
    )
    .checked("the wait is pending with tokens and ready after them")
    .not_shown(
        "waking a task; waitgroup and asyncband make a group for each cycle, since theirs serve for one only",
    )
    .contender(&ours, cycles::<WaitGroup>())
    .contender(&waitgroup, cycles::<waitgroup::WaitGroup>())
    .contender(&awaitgroup, cycles::<awaitgroup::WaitGroup>())
    .contender(&band, cycles::<asyncband::waitgroup::WaitGroup>())
    .contender(&tracker, cycles::<TaskTracker>())
    .run(load);

    let flagged = |krate: &str| format!("{krate} {} + flag", version(krate));
    let (event, band_event) = (ManualResetEvent::new(false), Band::new());
    let notify = Flagged::<Notify>::default();
    let listen = Flagged::<event_listener::Event>::default();
    let async_event = Flagged::<async_event::Event>::default();
    for turn in [
        Turn::SetAgain,
        Turn::WaitWhileSet,
        Turn::WaitSetReset,
        Turn::WaitCancel,
    ] {
        Comparison::new(
            format!("manual-reset event, {}", turn.title()),
            "turn",
            2_000_000,
        )
        .checked("a wait is ready while it is set and pending after a reset")
        .not_shown("threads that meet; the wakers do nothing")
        .contender(&ours, |n| turn.run(&event, n))
        .contender(&band, |n| turn.run(&band_event, n))
        .contender(flagged("tokio"), |n| turn.run(&notify, n))
        .contender(flagged("event-listener"), |n| turn.run(&listen, n))
        .contender(flagged("async-event"), |n| turn.run(&async_event, n))
        .run(load);
    }
    Comparison::new(
        format!("manual-reset event, {CROWD} wait, set, all pass, reset"),
        "waiter",
        1_000_000,
    )
    .checked("all are pending before it is set, and ready after it")
    .not_shown("the list alone: a box per waiter is in it, the same for all")
    .contender(&ours, |n| crowd(&event, n))
    .contender(&band, |n| crowd(&band_event, n))
    .contender(flagged("tokio"), |n| crowd(&notify, n))
    .contender(flagged("event-listener"), |n| crowd(&listen, n))
    .contender(flagged("async-event"), |n| crowd(&async_event, n))
    .run(load);
}
