//! A network made of memory, a clock moved by hand, and a bench that polls a driver only when it was woken.
#![allow(dead_code, reason = "every test binary uses another part")]

pub(crate) mod net;
pub(crate) mod server;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use hyperia_client::{Builder, Client, Driver, Stats, Verdict};
use hyperia_test::{CountingWaker, poll_once};
use hyperia_timer::{Clock, ManualClock, Timers};
use net::{Net, NetConnector};

/// Polls of one `run`: more is a busy loop.
const POLLS_MAX: usize = 200;

pub(crate) type Message = Vec<u8>;
pub(crate) type Verdicts = Arc<Mutex<Vec<(Message, Verdict)>>>;

pub(crate) struct Bench {
    pub(crate) clock: ManualClock,
    pub(crate) timers: Timers,
    pub(crate) net: Net,
    pub(crate) client: Client<Message>,
    pub(crate) driver: Option<Task<Driver<Message, NetConnector>>>,
    pub(crate) verdicts: Verdicts,
    pub(crate) stats: Option<Stats>,
}

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl Bench {
    /// A client with short times over a network that accepts everything.
    pub(crate) fn new(
        knobs: impl FnOnce(Builder<Message, NetConnector>) -> Builder<Message, NetConnector>,
    ) -> Self {
        let verdicts = Verdicts::default();
        let sink = Arc::clone(&verdicts);
        Self::bare(|builder| {
            knobs(builder).on_settled(move |message, verdict| {
                sink.lock().unwrap().push((message, verdict));
            })
        })
        .with_verdicts(verdicts)
    }

    /// The same without `on_settled`.
    pub(crate) fn bare(
        knobs: impl FnOnce(Builder<Message, NetConnector>) -> Builder<Message, NetConnector>,
    ) -> Self {
        let clock = ManualClock::new();
        clock.set(ms(1000));
        let timers = Timers::new(clock.clone(), std::task::Waker::noop().clone());
        let net = Net::default();
        let builder = Client::builder_with(net.connector())
            .connect_timeout(ms(500))
            .write_timeout(ms(1000))
            .backoff(ms(10), ms(100))
            .breaker(1000, ms(500))
            .seed(1);
        let (client, driver) = knobs(builder).build_with(&timers);
        Self {
            clock,
            timers,
            net,
            client,
            driver: Some(Task::new(driver)),
            verdicts: Verdicts::default(),
            stats: None,
        }
    }

    fn with_verdicts(mut self, verdicts: Verdicts) -> Self {
        self.verdicts = verdicts;
        self
    }

    /// Polls the driver as long as it is woken. Returns the number of polls.
    #[track_caller]
    pub(crate) fn run(&mut self) -> usize {
        let mut polls = 0;
        while let Some(driver) = &mut self.driver {
            match driver.poll_if_woken() {
                None => break,
                Some(Poll::Pending) => {}
                Some(Poll::Ready(stats)) => {
                    self.stats = Some(stats);
                    self.driver = None;
                }
            }
            polls += 1;
            assert!(polls < POLLS_MAX, "busy loop");
        }
        polls
    }

    /// Moves the clock by `by`, stopping at each deadline on the way.
    #[track_caller]
    pub(crate) fn advance(&mut self, by: Duration) {
        let until = self.clock.now() + by;
        for _ in 0..10_000 {
            self.run();
            match self.timers.next_deadline() {
                Some(next) if next <= until => {
                    self.clock.set(next.max(self.clock.now()));
                    while self.timers.advance(self.clock.now()) {}
                }
                _ => {
                    self.clock.set(until);
                    self.run();
                    return;
                }
            }
        }
        panic!("timers without end");
    }

    /// Moves the clock until the driver is done.
    #[track_caller]
    pub(crate) fn finish(&mut self) -> Stats {
        self.run();
        for _ in 0..1000 {
            if let Some(stats) = self.stats.take() {
                return stats;
            }
            self.advance(ms(10));
        }
        panic!("the driver does not end: {:?}", self.client.stats());
    }

    pub(crate) fn drop_driver(&mut self) {
        self.driver = None;
    }

    pub(crate) fn enqueue(&self, message: &[u8]) {
        self.client.try_enqueue(message.to_vec()).unwrap();
    }

    pub(crate) fn verdicts(&self) -> Vec<(Message, Verdict)> {
        self.verdicts.lock().unwrap().clone()
    }

    pub(crate) fn verdict_of(&self, message: &[u8]) -> Vec<Verdict> {
        let verdicts = self.verdicts();
        let of = verdicts.iter().filter(|(known, _)| known == message);
        of.map(|(_, verdict)| *verdict).collect()
    }
}

/// A future that is polled only when it was woken, as an executor would.
pub(crate) struct Task<F: Future> {
    future: Pin<Box<F>>,
    waker: Arc<CountingWaker>,
    seen: Option<usize>,
}

impl<F: Future> Task<F> {
    pub(crate) fn new(future: F) -> Self {
        Self {
            future: Box::pin(future),
            waker: CountingWaker::new(),
            seen: None,
        }
    }

    pub(crate) fn poll_if_woken(&mut self) -> Option<Poll<F::Output>> {
        let wakes = self.waker.wakes();
        if self.seen == Some(wakes) {
            return None;
        }
        self.seen = Some(wakes);
        Some(poll_once(self.future.as_mut(), &self.waker.waker()))
    }

    /// Polls until it is ready or not woken any more.
    pub(crate) fn run(&mut self) -> Option<F::Output> {
        while let Some(poll) = self.poll_if_woken() {
            if let Poll::Ready(output) = poll {
                return Some(output);
            }
        }
        None
    }

    pub(crate) fn wakes(&self) -> usize {
        self.waker.wakes()
    }

    pub(crate) fn is_woken(&self) -> bool {
        self.seen != Some(self.waker.wakes())
    }

    pub(crate) fn get_mut(&mut self) -> Pin<&mut F> {
        self.future.as_mut()
    }
}
