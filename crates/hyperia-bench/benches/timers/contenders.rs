//! Sleeps and timeouts behind one trait, and the runtimes that they need behind another: ours, tokio's,
//! async-io's, monoio's and futures-timer's.
//!
//! async-io and futures-timer have no timeout. Theirs is what one writes instead: futures-lite's `or`, with
//! a timer that is made when the future was pending, as ours is.
use futures_lite::future::{or, yield_now};
use hyperia_bench::version;
use hyperia_rt::{EventLoop, LoopHandle};
use hyperia_timer::{Local, MonotonicClock, Sleep, Timers};
use hyperia_wait::block_on;
use monoio::time::TimeDriver;
use monoio::{FusionDriver, FusionRuntime, IoUringDriver, LegacyDriver, RuntimeBuilder};
use std::ops::Add;
use std::pin::Pin;
use std::task::Waker;
use std::time::{Duration, Instant};
use tokio::runtime::Builder;
use tokio::task::coop::unconstrained;

/// Makes sleeps and timeouts, inside of its runtime.
pub(crate) trait Time {
    /// Its own future, without another around it.
    type Sleep<'a>: Future
    where
        Self: 'a;
    /// What a sleep is reset to.
    type Moment: Copy + Add<Duration, Output = Self::Moment>;

    fn sleep(&self, length: Duration) -> Self::Sleep<'_>;
    fn timeout<F: Future<Output = u64>>(
        &self,
        length: Duration,
        future: F,
    ) -> impl Future<Output = Result<u64, impl Sized>>;
    /// The moment that is `length` from now.
    fn after(&self, length: Duration) -> Self::Moment;
    fn reset<'a>(sleep: Pin<&mut Self::Sleep<'a>>, moment: Self::Moment)
    where
        Self: 'a;

    /// Lets the driver see what was made, so that it knows what it waits for.
    fn turn(&self) -> impl Future<Output = ()> {
        yield_now()
    }
}

/// Where sleeps are made and polled.
pub(crate) trait Runtime {
    type Time: Time;

    /// Does `work` on this thread, inside of the runtime.
    fn run<T>(&mut self, work: impl AsyncFnOnce(&Self::Time) -> T) -> T;
}

/// A handle of ours, one of an [`EventLoop`] or of timers that are driven by hand.
pub(crate) trait Ours: Time + Clone + 'static {
    const NAME: &'static str;

    fn of_loop(handle: &LoopHandle) -> Self;
}

/// For a handle whose type has the methods that `Timers` has. The turn is by hand.
macro_rules! ours {
    ($handle:ty, $name:literal, $sleep:ty, $of_loop:expr) => {
        impl Ours for $handle {
            const NAME: &'static str = $name;

            fn of_loop(handle: &LoopHandle) -> Self {
                $of_loop(handle).clone()
            }
        }

        impl Time for $handle {
            type Sleep<'a> = $sleep;
            type Moment = Duration;

            fn sleep(&self, length: Duration) -> Self::Sleep<'_> {
                <$handle>::sleep(self, length)
            }
            fn timeout<F: Future<Output = u64>>(
                &self,
                length: Duration,
                future: F,
            ) -> impl Future<Output = Result<u64, impl Sized>> {
                <$handle>::timeout(self, length, future)
            }
            fn after(&self, length: Duration) -> Duration {
                self.now() + length
            }
            fn reset<'a>(sleep: Pin<&mut Self::Sleep<'a>>, moment: Duration)
            where
                Self: 'a,
            {
                sleep.reset(moment);
            }
            async fn turn(&self) {
                self.next_deadline();
                assert!(!self.advance(self.now()), "nothing is due");
            }
        }
    };
}

ours!(Timers, "Timers", Sleep<'a>, LoopHandle::timers);
ours!(
    Timers<Local>,
    "Timers<Local>",
    Sleep<'a, Local>,
    LoopHandle::local_timers
);

/// Our timers, which nobody drives but those who call `turn`.
pub(crate) fn by_hand() -> ByHand<Timers> {
    ByHand(Timers::new(MonotonicClock::new(), Waker::noop().clone()))
}

/// The same for one thread.
pub(crate) fn local_by_hand() -> ByHand<Timers<Local>> {
    ByHand(Timers::new_local(
        MonotonicClock::new(),
        Waker::noop().clone(),
    ))
}

/// What needs no runtime.
pub(crate) struct ByHand<T>(pub(crate) T);

impl<T: Time> Runtime for ByHand<T> {
    type Time = T;

    fn run<O>(&mut self, work: impl AsyncFnOnce(&T) -> O) -> O {
        block_on(work(&self.0))
    }
}

/// Our loop, with one of its handles.
pub(crate) struct Loop<T>(EventLoop, T);

impl<T: Ours> Loop<T> {
    pub(crate) fn new() -> Self {
        let event_loop = EventLoop::new().expect("descriptors");
        let timers = T::of_loop(event_loop.handle());
        Self(event_loop, timers)
    }

    /// As exact as the machine can.
    pub(crate) fn exact() -> Self {
        let mut this = Self::new();
        let slack = Duration::from_nanos(1);
        this.0.set_timer_slack(slack).expect("no seccomp filter");
        this
    }
}

impl<T: Ours> Runtime for Loop<T> {
    type Time = T;

    fn run<O>(&mut self, work: impl AsyncFnOnce(&T) -> O) -> O {
        self.0.block_on(work(&self.1))
    }
}

/// The name of a handle of ours, and of where it is used.
pub(crate) fn ours_named<T: Ours>(place: &str) -> String {
    format!(
        "hyperia-timer {} {}, {place}",
        version("hyperia-timer"),
        T::NAME
    )
}

/// tokio's, of the runtime that this thread has entered.
pub(crate) struct TokioTime;

impl Time for TokioTime {
    type Sleep<'a> = tokio::time::Sleep;
    type Moment = tokio::time::Instant;

    fn sleep(&self, length: Duration) -> tokio::time::Sleep {
        tokio::time::sleep(length)
    }
    fn timeout<F: Future<Output = u64>>(
        &self,
        length: Duration,
        future: F,
    ) -> impl Future<Output = Result<u64, impl Sized>> {
        tokio::time::timeout(length, future)
    }
    fn after(&self, length: Duration) -> tokio::time::Instant {
        tokio::time::Instant::now() + length
    }
    fn reset<'a>(sleep: Pin<&mut tokio::time::Sleep>, moment: tokio::time::Instant)
    where
        Self: 'a,
    {
        sleep.reset(moment);
    }
}

impl Runtime for tokio::runtime::Runtime {
    type Time = TokioTime;

    fn run<T>(&mut self, work: impl AsyncFnOnce(&TokioTime) -> T) -> T {
        // Its sleeps are pending for no other reason after 128 of them in one poll of a task.
        self.block_on(unconstrained(work(&TokioTime)))
    }
}

pub(crate) fn tokio_current_thread() -> tokio::runtime::Runtime {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("descriptors")
}

pub(crate) fn tokio_workers() -> tokio::runtime::Runtime {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("descriptors and threads")
}

/// The name of a runtime of tokio's.
pub(crate) fn tokio_named(runtime: &str) -> String {
    format!("tokio {} {runtime} (net time)", version("tokio"))
}

/// async-io's, which has one reactor in a process.
pub(crate) struct AsyncIo;

impl Time for AsyncIo {
    type Sleep<'a> = async_io::Timer;
    type Moment = Instant;

    fn sleep(&self, length: Duration) -> async_io::Timer {
        async_io::Timer::after(length)
    }
    fn timeout<F: Future<Output = u64>>(
        &self,
        length: Duration,
        future: F,
    ) -> impl Future<Output = Result<u64, impl Sized>> {
        or(async { Ok(future.await) }, async move {
            async_io::Timer::after(length).await;
            Err(())
        })
    }
    fn after(&self, length: Duration) -> Instant {
        Instant::now() + length
    }
    fn reset<'a>(mut sleep: Pin<&mut async_io::Timer>, moment: Instant)
    where
        Self: 'a,
    {
        sleep.set_at(moment);
    }
}

impl Runtime for AsyncIo {
    type Time = Self;

    fn run<T>(&mut self, work: impl AsyncFnOnce(&Self) -> T) -> T {
        async_io::block_on(work(self))
    }
}

pub(crate) fn async_io_named() -> String {
    format!("async-io {} Timer", version("async-io"))
}

/// monoio's, of the runtime that runs on this thread.
pub(crate) struct MonoioTime;

impl Time for MonoioTime {
    type Sleep<'a> = monoio::time::Sleep;
    type Moment = monoio::time::Instant;

    fn sleep(&self, length: Duration) -> monoio::time::Sleep {
        monoio::time::sleep(length)
    }
    fn timeout<F: Future<Output = u64>>(
        &self,
        length: Duration,
        future: F,
    ) -> impl Future<Output = Result<u64, impl Sized>> {
        monoio::time::timeout(length, future)
    }
    fn after(&self, length: Duration) -> monoio::time::Instant {
        monoio::time::Instant::now() + length
    }
    fn reset<'a>(sleep: Pin<&mut monoio::time::Sleep>, moment: monoio::time::Instant)
    where
        Self: 'a,
    {
        sleep.reset(moment);
    }
}

pub(crate) type Monoio = FusionRuntime<TimeDriver<IoUringDriver>, TimeDriver<LegacyDriver>>;

impl Runtime for Monoio {
    type Time = MonoioTime;

    fn run<T>(&mut self, work: impl AsyncFnOnce(&MonoioTime) -> T) -> T {
        self.block_on(work(&MonoioTime))
    }
}

pub(crate) fn monoio() -> Monoio {
    let runtime = RuntimeBuilder::<FusionDriver>::new().enable_timer().build();
    runtime.expect("descriptors")
}

/// Says which of its drivers the kernel allows.
pub(crate) fn monoio_named() -> String {
    let driver = match monoio() {
        FusionRuntime::Uring(_) => "io_uring",
        FusionRuntime::Legacy(_) => "epoll",
    };
    format!("monoio {} ({driver})", version("monoio"))
}

/// futures-timer's, which has a thread for them. Its moments are lengths: it reads the clock in `reset`.
pub(crate) struct FuturesTimer;

impl Time for FuturesTimer {
    type Sleep<'a> = futures_timer::Delay;
    type Moment = Duration;

    fn sleep(&self, length: Duration) -> futures_timer::Delay {
        futures_timer::Delay::new(length)
    }
    fn timeout<F: Future<Output = u64>>(
        &self,
        length: Duration,
        future: F,
    ) -> impl Future<Output = Result<u64, impl Sized>> {
        or(async { Ok(future.await) }, async move {
            futures_timer::Delay::new(length).await;
            Err(())
        })
    }
    fn after(&self, length: Duration) -> Duration {
        length
    }
    fn reset<'a>(mut sleep: Pin<&mut futures_timer::Delay>, moment: Duration)
    where
        Self: 'a,
    {
        sleep.reset(moment);
    }
}

pub(crate) fn futures_timer_named() -> String {
    format!("futures-timer {} Delay", version("futures-timer"))
}
