//! The loop: tasks, then the next deadline, then the reactor, then the timers.
use crate::loop_waker::LoopWaker;
use crate::main_waker::MainWaker;
use core::fmt;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use hyperia_executor::{LocalExecutor, LocalSpawner, Spawner, Task};
use hyperia_reactor::{Handle, Reactor, TimerSlack};
use hyperia_timer::{Clock, Local, MonotonicClock, Timers};
use std::io;
use std::sync::Arc;

/// How often the main future and the tasks take turns before I/O and timers are looked after.
const ROUNDS: usize = 8;
/// How many polls of tasks make a round. `ROUNDS` of them cost about as much as 50 times the
/// `epoll_wait` that follows.
const ROUND_BUDGET: usize = 16;

/// One thread's reactor, timers and tasks.
///
/// Nothing of it is global and nothing runs in the background: all of it happens inside
/// [`block_on`](Self::block_on), on the calling thread. Several loops on several threads do not know of
/// each other. Sockets and sleeps are made with its [`handle`](Self::handle).
///
/// # Fairness
/// I/O and timers are looked after at least every 128 polls of tasks and 8 of the main future, however
/// busy these are. Tasks run first come, first served.
///
/// # Dropping it
/// Drops the futures of all tasks that are left, then the reactor: what else waits for I/O, on other
/// threads, ends with an error (`hyperia_reactor::ReactorGone`); sleeps stay pending for ever.
///
/// # Examples
/// ```
/// use hyperia_rt::EventLoop;
/// use std::time::Duration;
///
/// let mut event_loop = EventLoop::new()?;
/// let handle = event_loop.handle().clone();
/// let sum = event_loop.block_on(async {
///     let sleeper = handle.clone();
///     let task = handle.spawn(async move {
///         sleeper.timers().sleep(Duration::from_millis(1)).await;
///         20
///     });
///     task.await + 1
/// });
/// assert_eq!(sum, 21);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct EventLoop {
    // In the order in which they are dropped: futures first, while their reactor lives.
    executor: LocalExecutor,
    reactor: Reactor,
    handle: LoopHandle,
    main: Arc<MainWaker>,
    /// `None`: as the thread has it.
    slack: Option<Duration>,
}

impl EventLoop {
    /// Makes a loop on the monotonic clock.
    ///
    /// # Errors
    /// If the process is out of descriptors or memory; it needs two descriptors.
    pub fn new() -> io::Result<Self> {
        let clock = MonotonicClock::new();
        Self::with_clocks(clock, clock)
    }

    /// Makes a loop on another clock, such as a `ManualClock` in tests.
    ///
    /// While the loop sleeps, a clock that does not move by itself must be moved by another thread,
    /// which then wakes `handle().reactor().waker()`; a clock moved by a task is seen at once. A clock's
    /// `now` is called right before the loop sleeps and must not wake tasks of the loop.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_clock(clock: impl Clock) -> io::Result<Self> {
        let clock = Arc::new(clock);
        Self::with_clocks(Arc::clone(&clock), clock)
    }

    /// Two that show the same time.
    fn with_clocks(clock: impl Clock, local: impl Clock) -> io::Result<Self> {
        let reactor = Reactor::new()?;
        let waker = Waker::from(Arc::new(LoopWaker::new(reactor.waker())));
        let executor = LocalExecutor::new(waker.clone());
        let handle = LoopHandle {
            reactor: reactor.handle(),
            timers: Timers::new(clock, waker.clone()),
            local_timers: Timers::new_local(local, waker),
            spawner: executor.local_spawner(),
            remote: executor.spawner(),
        };
        let main = Arc::new(MainWaker::new(LoopWaker::new(reactor.waker())));
        Ok(Self {
            executor,
            reactor,
            handle,
            main,
            slack: None,
        })
    }

    /// Sets how late the kernel may end this loop's waits, for all further calls of
    /// [`block_on`](Self::block_on): see [`TimerSlack`]. By default it is left as it is, which is 50
    /// microseconds for most threads; a nanosecond makes sleeps as exact as the machine can.
    ///
    /// # Errors
    /// If the kernel does not let this thread set it; nothing has changed then.
    ///
    /// # Complexity
    /// Three system calls more per call of `block_on`, none per turn.
    pub fn set_timer_slack(&mut self, slack: Duration) -> io::Result<()> {
        drop(TimerSlack::set(slack)?);
        self.slack = Some(slack);
        Ok(())
    }

    /// What sockets, sleeps and tasks are made with.
    pub fn handle(&self) -> &LoopHandle {
        &self.handle
    }

    /// Spawns a task, as [`LoopHandle::spawn`].
    pub fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.handle.spawn(future)
    }

    /// Runs the loop until `future` is ready.
    ///
    /// `future` is polled when it was woken and at no other time. Tasks that are not finished then stay,
    /// and go on in the next call. Inside a task of another loop this works, and that loop stands still
    /// meanwhile.
    ///
    /// # Panics
    /// If `future` does, or a waker of something else than a task of this loop, or if the kernel refuses
    /// to wait, which it has no reason to, or to set the timer slack, which it then has allowed before. The loop may be used further.
    ///
    /// # Complexity
    /// No system call but one wait per turn; a loop that has nothing to do makes none beside the one that
    /// it sleeps in. No allocation.
    pub fn block_on<F: Future>(&mut self, future: F) -> F::Output {
        let _driving = hyperia_wait::driving();
        let _slack = self.slack.map(|slack| match TimerSlack::set(slack) {
            Ok(set) => set,
            Err(error) => panic!("the timer slack cannot be set: {error}"),
        });
        let mut future = pin!(future);
        let waker = Waker::from(Arc::clone(&self.main));
        let mut cx = Context::from_waker(&waker);
        // The first poll needs no wake.
        self.main.set();
        loop {
            // 1. Tasks, the main future among them.
            let mut busy = false;
            for _ in 0..ROUNDS {
                if self.main.take()
                    && let Poll::Ready(output) = future.as_mut().poll(&mut cx)
                {
                    return output;
                }
                busy = self.executor.run(ROUND_BUDGET) || self.main.is_woken();
                if !busy {
                    break;
                }
            }
            // 2. How long there is nothing else to do.
            let (timers, local) = (self.handle.timers(), self.handle.local_timers());
            let timeout = if busy {
                Some(Duration::ZERO)
            } else {
                let deadlines = timers
                    .next_deadline()
                    .into_iter()
                    .chain(local.next_deadline());
                deadlines
                    .min()
                    .map(|deadline| deadline.saturating_sub(timers.now()))
            };
            // 3. Until then, I/O and whatever other threads bring.
            if let Err(error) = self.reactor.poll(timeout) {
                panic!("the reactor cannot wait: {error}");
            }
            // 4. Timers; they and the I/O have woken tasks. Where there was no deadline, nothing is due,
            //    and the clock need not be read. What is due and left over makes the next deadline one
            //    that has passed.
            if timeout.is_some() {
                let now = timers.now();
                timers.advance(now);
                local.advance(now);
            }
        }
    }
}

impl fmt::Debug for EventLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLoop")
            .field("executor", &self.executor)
            .finish_non_exhaustive()
    }
}

/// What sockets, sleeps and tasks of an [`EventLoop`] are made with; stays on its thread.
///
/// What other threads may use is inside: [`reactor`](Self::reactor), [`timers`](Self::timers) and
/// [`spawner`](Self::spawner) are `Clone + Send + Sync`.
///
/// It does not keep the loop alive. Once that is dropped, registering fails, sleeps stay pending, and
/// spawned futures are dropped at once.
#[derive(Clone)]
pub struct LoopHandle {
    reactor: Handle,
    timers: Timers,
    local_timers: Timers<Local>,
    spawner: LocalSpawner,
    remote: Spawner,
}

impl LoopHandle {
    /// Registers descriptors, makes sockets.
    pub fn reactor(&self) -> &Handle {
        &self.reactor
    }

    /// Makes sleeps and timeouts for any thread.
    pub fn timers(&self) -> &Timers {
        &self.timers
    }

    /// Makes sleeps and timeouts that stay on this thread, and need no lock.
    pub fn local_timers(&self) -> &Timers<Local> {
        &self.local_timers
    }

    /// Spawns a future onto the loop; it need not be `Send`.
    pub fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.spawner.spawn(future)
    }

    /// Spawns `Send` futures onto the loop from any thread.
    pub fn spawner(&self) -> &Spawner {
        &self.remote
    }
}

impl fmt::Debug for LoopHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopHandle").finish_non_exhaustive()
    }
}
