//! The wait queue, the auto-reset event and the waker cell against their peers. All are driven by plain futures, polled by hand
//! or by the same `block_on`.
//!
//! Peers that are a condition variable, or a place for a waker, get a flag beside them, as their
//! documentation shows it, so that all contenders of a table are the same thing: an event that holds one
//! token at most.
use asyncband::event::AutoResetEvent as Band;
use atomic_waker::AtomicWaker;
use diatomic_waker::DiatomicWaker;
use event_listener::listener;
use hyperia_bench::{Comparison, Load, Sample, measure, measure_bound, version};
use hyperia_sync::AutoResetEvent;
use hyperia_wait::{WaitQueue, WakerCell, block_on};
use std::pin::pin;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::task::{Context, Poll, Waker};
use tokio::sync::Notify;

const WAITERS: usize = 64;

/// What those for any number of waiters have. The futures are their own, without another around them.
trait Event: Sync {
    fn set(&self);
    fn wait(&self) -> impl Future;
}

/// Those that also wake all who wait now.
trait Broadcast: Event {
    fn set_all(&self);
}

impl Event for WaitQueue {
    fn set(&self) {
        self.notify_one();
    }
    fn wait(&self) -> impl Future {
        WaitQueue::wait(self)
    }
}

impl Broadcast for WaitQueue {
    fn set_all(&self) {
        self.notify_all();
    }
}

impl Event for Notify {
    fn set(&self) {
        self.notify_one();
    }
    fn wait(&self) -> impl Future {
        self.notified()
    }
}

impl Broadcast for Notify {
    fn set_all(&self) {
        self.notify_waiters();
    }
}

impl Event for AutoResetEvent {
    fn set(&self) {
        AutoResetEvent::set(self);
    }
    fn wait(&self) -> impl Future {
        AutoResetEvent::wait(self)
    }
}

impl Event for Band {
    fn set(&self) {
        Band::set(self);
    }
    fn wait(&self) -> impl Future {
        Band::wait(self)
    }
}

/// The token of those that have none.
#[derive(Default)]
struct Flag(AtomicBool);

impl Flag {
    fn set(&self) {
        self.0.store(true, Release);
    }
    /// Looks first: there is nothing to pay for a flag that is not set.
    fn take(&self) -> bool {
        self.0.load(Relaxed) && self.0.swap(false, Acquire)
    }
}

#[derive(Default)]
struct Flagged<T> {
    flag: Flag,
    inner: T,
}

impl Event for Flagged<event_listener::Event> {
    fn set(&self) {
        self.flag.set();
        self.inner.notify(1);
    }
    fn wait(&self) -> impl Future {
        async {
            while !self.flag.take() {
                // In this future, not in a box.
                listener!(self.inner => listener);
                if self.flag.take() {
                    return;
                }
                listener.await;
            }
        }
    }
}

impl Event for Flagged<async_event::Event> {
    fn set(&self) {
        self.flag.set();
        self.inner.notify_one();
    }
    fn wait(&self) -> impl Future {
        self.inner.wait_until(|| self.flag.take().then_some(()))
    }
}

/// A place for the waker of one task.
trait Place: Default {
    fn register(&mut self, waker: &Waker);
    /// The task does not wait any more.
    fn unregister(&mut self);
    fn wake(&self);
}

impl Place for WakerCell {
    fn register(&mut self, waker: &Waker) {
        WakerCell::register(self, waker);
    }
    fn unregister(&mut self) {
        drop(self.take());
    }
    fn wake(&self) {
        WakerCell::wake(self);
    }
}

/// A `WakerCell` in which one end registers, as in [`DiatomicWaker`].
#[derive(Default)]
struct Alone(WakerCell);

impl Place for Alone {
    fn register(&mut self, waker: &Waker) {
        // SAFETY: borrowed mutably, and nobody else registers.
        unsafe { self.0.register_alone(waker) };
    }
    fn unregister(&mut self) {
        // SAFETY: as above.
        drop(unsafe { self.0.unregister_alone() });
    }
    fn wake(&self) {
        self.0.wake();
    }
}

impl Place for DiatomicWaker {
    fn register(&mut self, waker: &Waker) {
        self.sink_ref().register(waker);
    }
    fn unregister(&mut self) {
        self.sink_ref().unregister();
    }
    fn wake(&self) {
        self.notify();
    }
}

impl Place for AtomicWaker {
    fn register(&mut self, waker: &Waker) {
        AtomicWaker::register(self, waker);
    }
    fn unregister(&mut self) {
        drop(self.take());
    }
    fn wake(&self) {
        AtomicWaker::wake(self);
    }
}

impl<P: Place> Flagged<P> {
    fn set(&self) {
        self.flag.set();
        self.inner.wake();
    }
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.flag.take() {
            return Poll::Ready(());
        }
        self.inner.register(cx.waker());
        if self.flag.take() {
            self.inner.unregister();
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

/// One thread does this again and again.
#[derive(Clone, Copy)]
enum Turn {
    /// Sets, and nobody waits.
    Set,
    /// The token is there before the wait: nothing suspends.
    SetWait,
    /// Enqueue, wake, complete; one waiter.
    WaitSet,
    /// Enqueue, give up.
    WaitCancel,
}

impl Turn {
    fn title(self) -> &'static str {
        match self {
            Self::Set => "set with nobody waiting",
            Self::SetWait => "set, then wait",
            Self::WaitSet => "wait, then set",
            Self::WaitCancel => "wait, then cancel",
        }
    }

    fn checked(self) -> &'static str {
        match self {
            Self::Set => "one token is there at the end, not two",
            Self::SetWait => "every wait is ready at once",
            Self::WaitSet => "pending before the wake-up, ready after it",
            Self::WaitCancel => "every wait is pending; at the end a set reaches who comes next",
        }
    }

    fn not_shown(self) -> &'static str {
        match self {
            Self::Set => "contention; from the second time on the token is there already",
            Self::SetWait => "contention",
            Self::WaitSet | Self::WaitCancel => {
                "contention, or a real waker: this one does nothing, costs nothing to clone and is always \
                 the same"
            }
        }
    }

    fn of_an_event(self, event: &impl Event, operations: u64) -> Sample {
        let cx = &mut Context::from_waker(Waker::noop());
        let sample = measure(|| {
            for _ in 0..operations {
                match self {
                    Self::Set => event.set(),
                    Self::SetWait => {
                        event.set();
                        assert!(pin!(event.wait()).poll(cx).is_ready());
                    }
                    Self::WaitSet => {
                        let mut wait = pin!(event.wait());
                        assert!(wait.as_mut().poll(cx).is_pending());
                        event.set();
                        assert!(wait.poll(cx).is_ready());
                    }
                    Self::WaitCancel => assert!(pin!(event.wait()).poll(cx).is_pending()),
                }
            }
        });
        event.set();
        assert!(pin!(event.wait()).poll(cx).is_ready());
        assert!(pin!(event.wait()).poll(cx).is_pending());
        sample
    }

    fn of_a_place(self, event: &mut Flagged<impl Place>, operations: u64) -> Sample {
        let cx = &mut Context::from_waker(Waker::noop());
        let sample = measure(|| {
            for _ in 0..operations {
                match self {
                    Self::Set => event.set(),
                    Self::SetWait => {
                        event.set();
                        assert!(event.poll(cx).is_ready());
                    }
                    Self::WaitSet => {
                        assert!(event.poll(cx).is_pending());
                        event.set();
                        assert!(event.poll(cx).is_ready());
                    }
                    Self::WaitCancel => {
                        assert!(event.poll(cx).is_pending());
                        event.inner.unregister();
                    }
                }
            }
        });
        event.set();
        assert!(event.poll(cx).is_ready());
        assert!(event.poll(cx).is_pending());
        event.inner.unregister();
        sample
    }
}

/// Many wait, one call wakes them all.
fn broadcast(event: &impl Broadcast, operations: u64) -> Sample {
    let mut context = Context::from_waker(Waker::noop());
    let rounds = operations.div_ceil(WAITERS as u64);
    measure(|| {
        for _ in 0..rounds {
            let mut waits: Vec<_> = (0..WAITERS).map(|_| Box::pin(event.wait())).collect();
            for wait in &mut waits {
                assert!(wait.as_mut().poll(&mut context).is_pending());
            }
            event.set_all();
            for wait in &mut waits {
                assert!(wait.as_mut().poll(&mut context).is_ready());
            }
        }
    })
}

/// Two threads wake each other in turns.
fn ping_pong<E: Event>(there: &E, back: &E, operations: u64) -> Sample {
    let turns = |first: &E, second: &E, begins: bool| {
        for _ in 0..operations {
            if begins {
                first.set();
                block_on(second.wait());
            } else {
                block_on(first.wait());
                second.set();
            }
        }
    };
    measure_bound(vec![
        Box::new(|| turns(there, back, true)),
        Box::new(|| turns(there, back, false)),
    ])
}

fn main() {
    let load = Load::from_args();
    let flagged = |name: &str| format!("{name} {} + flag", version(name));
    let ours = format!("hyperia-wait {} WaitQueue", version("hyperia-wait"));
    let theirs = format!("tokio {} sync::Notify (feature sync)", version("tokio"));
    let band = format!(
        "asyncband {} AutoResetEvent (feature event)",
        version("asyncband")
    );
    let (queue, notify, auto_reset) = (WaitQueue::new(), Notify::new(), AutoResetEvent::new());
    let band_event = Band::new();
    let ours_too = format!("hyperia-sync {} AutoResetEvent", version("hyperia-sync"));
    let listen = Flagged::<event_listener::Event>::default();
    let async_event = Flagged::<async_event::Event>::default();

    let turns = [Turn::Set, Turn::SetWait, Turn::WaitSet, Turn::WaitCancel];
    for turn in turns {
        Comparison::new(format!("event, {}", turn.title()), "turn", 2_000_000)
            .checked(turn.checked())
            .not_shown(turn.not_shown())
            .contender(&ours, |operations| turn.of_an_event(&queue, operations))
            .contender(&ours_too, |operations| {
                turn.of_an_event(&auto_reset, operations)
            })
            .contender(&theirs, |operations| turn.of_an_event(&notify, operations))
            .contender(flagged("event-listener"), |operations| {
                turn.of_an_event(&listen, operations)
            })
            .contender(flagged("async-event"), |operations| {
                turn.of_an_event(&async_event, operations)
            })
            .contender(&band, |operations| {
                turn.of_an_event(&band_event, operations)
            })
            .run(load);
    }
    for turn in turns {
        let mut cell = Flagged::<WakerCell>::default();
        let mut alone = Flagged::<Alone>::default();
        let mut diatomic = Flagged::<DiatomicWaker>::default();
        let mut atomic = Flagged::<AtomicWaker>::default();
        let title = format!("event for one waiter, {}", turn.title());
        Comparison::new(title, "turn", 2_000_000)
            .checked(turn.checked())
            .not_shown(turn.not_shown())
            .contender(
                format!(
                    "hyperia-wait {} WakerCell + flag, one registers",
                    version("hyperia-wait")
                ),
                |operations| turn.of_a_place(&mut alone, operations),
            )
            .contender(
                format!("hyperia-wait {} WakerCell + flag", version("hyperia-wait")),
                |operations| turn.of_a_place(&mut cell, operations),
            )
            .contender(
                flagged("diatomic-waker") + ", keeps the waker",
                |operations| turn.of_a_place(&mut diatomic, operations),
            )
            .contender(flagged("atomic-waker"), |operations| {
                turn.of_a_place(&mut atomic, operations)
            })
            .run(load);
    }
    Comparison::new(
        format!("event, {WAITERS} waiters woken at once"),
        "waiter",
        1_000_000,
    )
    .checked("all pending before the wake-up, all ready after it")
    .not_shown("the list alone: a box per waiter is in it, the same for both")
    .contender(&ours, |operations| broadcast(&queue, operations))
    .contender(&theirs, |operations| broadcast(&notify, operations))
    .run(load);
    let (back, notify_back, band_back) = (WaitQueue::new(), Notify::new(), Band::new());
    let (auto_reset_back, listen_back) = (AutoResetEvent::new(), Flagged::default());
    let async_event_back = Flagged::default();
    Comparison::new("event, two threads in turns", "round trip", 20_000)
        .checked("neither side overtakes the other")
        .not_shown("the events: parking a thread is most of it, and all park by our block_on")
        .contender(&ours, |n| ping_pong(&queue, &back, n))
        .contender(&ours_too, |n| ping_pong(&auto_reset, &auto_reset_back, n))
        .contender(&theirs, |n| ping_pong(&notify, &notify_back, n))
        .contender(flagged("event-listener"), |n| {
            ping_pong(&listen, &listen_back, n)
        })
        .contender(flagged("async-event"), |n| {
            ping_pong(&async_event, &async_event_back, n)
        })
        .contender(&band, |n| ping_pong(&band_event, &band_back, n))
        .run(load);
}
