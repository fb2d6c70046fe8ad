//! Everything that can be waited for, in one shape, so that a scenario is written once; and a waker that does
//! something.

mod channels;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::ptr;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::task::{Poll, RawWaker, RawWakerVTable, Waker};

use hyperia_sync::oneshot::{Receiver, Recv, RecvError, Sender, TryRecvError};
use hyperia_sync::{
    AutoResetEvent, AutoResetWait, Lock, ManualResetEvent, ManualResetWait, Mutex, MutexGuard,
    Permit, Semaphore, SemaphoreAcquire, Token, WaitGroup, WaitGroupWait, oneshot,
};
use hyperia_test::{forever, poll_once};

pub(crate) use self::channels::{
    MpmcRecv, MpmcSend, MpscRecv, MpscReserve, MpscSend, SpscRecv, SpscReserve, SpscSend,
};

/// Something to wait for.
pub(crate) trait Subject: Sync + 'static {
    type Wait: Future + Send;

    /// Whether the waker of the last poll stays when one panics in the clone of another waker. A cell lets it go.
    const KEEPS_WAKER: bool = true;

    /// One for which one has to wait.
    fn new() -> &'static Self;

    fn wait(&'static self) -> Self::Wait;

    /// Makes happen what is waited for: for the one who waits longest, or for all.
    fn wake(&'static self);

    /// Takes what a wait gave; then the next one has to wait again.
    fn end(&'static self, output: <Self::Wait as Future>::Output);

    /// Uses it, also by waiting and giving up, and leaves it as it was.
    fn touch(&'static self);
}

/// A wait that has not ended.
pub(crate) struct Waiting<S: Subject> {
    subject: &'static S,
    wait: Pin<Box<S::Wait>>,
}

impl<S: Subject> Waiting<S> {
    pub(crate) fn new(subject: &'static S) -> Self {
        Self {
            subject,
            wait: Box::pin(subject.wait()),
        }
    }

    /// Whether it has ended; what it gave is taken.
    pub(crate) fn poll(&mut self, waker: &Waker) -> bool {
        match poll_once(self.wait.as_mut(), waker) {
            Poll::Ready(output) => {
                self.subject.end(output);
                true
            }
            Poll::Pending => false,
        }
    }
}

fn give_up<F: Future>(future: F) {
    drop(poll_once(pin!(future), Waker::noop()));
}

impl Subject for AutoResetEvent {
    type Wait = AutoResetWait<'static>;

    fn new() -> &'static Self {
        forever(Self::new())
    }

    fn wait(&'static self) -> Self::Wait {
        self.wait()
    }

    fn wake(&'static self) {
        self.set();
    }

    fn end(&'static self, (): ()) {}

    fn touch(&'static self) {
        give_up(self.wait());
        assert!(!self.try_wait() && !self.reset());
    }
}

impl Subject for ManualResetEvent {
    type Wait = ManualResetWait<'static>;

    fn new() -> &'static Self {
        forever(Self::new(false))
    }

    fn wait(&'static self) -> Self::Wait {
        self.wait()
    }

    fn wake(&'static self) {
        self.set();
    }

    fn end(&'static self, (): ()) {
        self.reset();
    }

    fn touch(&'static self) {
        give_up(self.wait());
        if self.is_set() {
            self.reset();
            self.set();
        }
    }
}

/// A semaphore in which newcomers overtake so often.
pub(crate) struct Permits<const OVERTAKES_MAX: u16>(pub(crate) Semaphore);

impl<const OVERTAKES_MAX: u16> Subject for Permits<OVERTAKES_MAX> {
    type Wait = SemaphoreAcquire<'static>;

    fn new() -> &'static Self {
        forever(Self(Semaphore::with_overtakes_max(0, OVERTAKES_MAX)))
    }

    fn wait(&'static self) -> Self::Wait {
        self.0.acquire()
    }

    fn wake(&'static self) {
        self.0.add_permits(1);
    }

    fn end(&'static self, permit: Permit<'_>) {
        permit.forget();
    }

    fn touch(&'static self) {
        give_up(self.0.acquire());
        give_up(self.0.acquire_many(2));
        drop(self.0.try_acquire());
    }
}

/// A mutex, locked.
pub(crate) struct Locked<const OVERTAKES_MAX: u16> {
    mutex: Mutex<()>,
    guard: Slot<MutexGuard<'static, ()>>,
}

impl<const OVERTAKES_MAX: u16> Subject for Locked<OVERTAKES_MAX> {
    type Wait = Lock<'static, ()>;

    fn new() -> &'static Self {
        let this = forever(Self {
            mutex: Mutex::with_overtakes_max((), OVERTAKES_MAX),
            guard: Slot::default(),
        });
        this.guard.put(this.mutex.try_lock());
        this
    }

    fn wait(&'static self) -> Self::Wait {
        self.mutex.lock()
    }

    fn wake(&'static self) {
        drop(self.guard.put(None));
    }

    fn end(&'static self, guard: MutexGuard<'static, ()>) {
        self.guard.put(Some(guard));
    }

    fn touch(&'static self) {
        give_up(self.mutex.lock());
        drop(self.mutex.try_lock());
        let _ = self.mutex.is_locked();
    }
}

/// A group with a token.
pub(crate) struct Group {
    group: WaitGroup,
    token: Slot<Token>,
}

impl Subject for Group {
    type Wait = WaitGroupWait<'static>;

    fn new() -> &'static Self {
        let this = forever(Self {
            group: WaitGroup::new(),
            token: Slot::default(),
        });
        this.end(());
        this
    }

    fn wait(&'static self) -> Self::Wait {
        self.group.wait()
    }

    fn wake(&'static self) {
        drop(self.token.put(None));
    }

    fn end(&'static self, (): ()) {
        self.token.put(Some(self.group.token()));
    }

    fn touch(&'static self) {
        give_up(self.group.wait());
        drop(self.group.token());
        let _ = self.group.tokens();
    }
}

/// A channel, for one wait.
pub(crate) struct Channel {
    sender: Slot<Sender<u8>>,
    receiver: Slot<Receiver<u8>>,
}

impl Subject for Channel {
    type Wait = Recv<u8>;

    fn new() -> &'static Self {
        let (sender, receiver) = oneshot::channel();
        let this = forever(Self {
            sender: Slot::default(),
            receiver: Slot::default(),
        });
        this.sender.put(Some(sender));
        this.receiver.put(Some(receiver));
        this
    }

    fn wait(&'static self) -> Self::Wait {
        self.receiver.put(None).expect("one wait").recv()
    }

    fn wake(&'static self) {
        let sender = self.sender.put(None).expect("one value");
        sender.send(7).expect("somebody waits");
    }

    fn end(&'static self, output: Result<u8, RecvError>) {
        assert_eq!(output, Ok(7));
    }

    fn touch(&'static self) {
        if let Some(sender) = self.sender.put(None) {
            let _ = sender.is_disconnected();
            self.sender.put(Some(sender));
        }
    }
}

/// A channel whose sender waits for the end of the receiver.
pub(crate) struct Departure {
    sender: Slot<Sender<u8>>,
    receiver: Slot<Receiver<u8>>,
}

impl Subject for Departure {
    type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn new() -> &'static Self {
        let Channel { sender, receiver } = Channel::new();
        let this = forever(Self {
            sender: Slot::default(),
            receiver: Slot::default(),
        });
        this.sender.put(sender.put(None));
        this.receiver.put(receiver.put(None));
        this
    }

    fn wait(&'static self) -> Self::Wait {
        let mut sender = self.sender.put(None).expect("one wait");
        Box::pin(poll_fn(move |cx| sender.poll_disconnected(cx)))
    }

    fn wake(&'static self) {
        drop(self.receiver.put(None).expect("it goes once"));
    }

    fn end(&'static self, (): ()) {}

    fn touch(&'static self) {
        if let Some(receiver) = self.receiver.put(None) {
            // Unless the sender, which waits, is just going.
            if let Err(TryRecvError::Empty(receiver)) = receiver.try_recv() {
                self.receiver.put(Some(receiver));
            }
        }
    }
}

/// Holds something that others fetch.
pub(crate) struct Slot<T>(StdMutex<Option<T>>);

impl<T> Slot<T> {
    /// Returns what was in it, for the caller to drop or to use without the lock.
    pub(crate) fn put(&self, value: Option<T>) -> Option<T> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *slot, value)
    }
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(StdMutex::new(None))
    }
}

/// What is done to a waker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    Clone,
    Wake,
    Drop,
}

/// Makes wakers that run a closure when one thing is done to them, be it the first time or whenever.
pub(crate) struct Hook {
    at: At,
    runs: AtomicUsize,
    runs_max: usize,
    action: Box<dyn Fn() + Send + Sync>,
}

impl Hook {
    pub(crate) fn new(at: At, action: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Self::with_runs_max(at, usize::MAX, action)
    }

    pub(crate) fn once(at: At, action: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Self::with_runs_max(at, 1, action)
    }

    fn with_runs_max(
        at: At,
        runs_max: usize,
        action: impl Fn() + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            at,
            runs: AtomicUsize::new(0),
            runs_max,
            action: Box::new(action),
        })
    }

    pub(crate) fn waker(self: &Arc<Self>) -> Waker {
        let data = Arc::into_raw(self.clone()).cast();
        // SAFETY: the functions expect what `Arc::into_raw` gave, one count a waker; the closure may be called
        // from any thread.
        unsafe { Waker::new(data, &VTABLE) }
    }

    pub(crate) fn runs(&self) -> usize {
        self.runs.load(Relaxed)
    }

    fn run(&self, at: At) {
        if self.at == at && self.runs.load(Relaxed) < self.runs_max {
            self.runs.fetch_add(1, Relaxed);
            (self.action)();
        }
    }
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(
    |data| {
        // SAFETY: the waker that is cloned has a count.
        let hook = unsafe { &*data.cast::<Hook>() };
        hook.run(At::Clone);
        // SAFETY: it came from `Arc::into_raw`, and the waker that is cloned has a count.
        unsafe { Arc::increment_strong_count(ptr::from_ref(hook)) };
        RawWaker::new(data, &VTABLE)
    },
    |data| {
        // SAFETY: the waker is consumed, and its count with it.
        let hook = unsafe { Arc::from_raw(data.cast::<Hook>()) };
        hook.run(At::Wake);
        hook.run(At::Drop);
    },
    |data| {
        // SAFETY: the waker has a count.
        unsafe { &*data.cast::<Hook>() }.run(At::Wake);
    },
    |data| {
        // SAFETY: the waker is dropped, and its count with it.
        let hook = unsafe { Arc::from_raw(data.cast::<Hook>()) };
        hook.run(At::Drop);
    },
);
