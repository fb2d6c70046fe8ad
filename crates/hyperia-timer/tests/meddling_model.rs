//! Sleeps whose wakers make, reset and drop sleeps, at random, while the wheel is being advanced; and a
//! map of deadlines that says what must come of it.
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};
use std::time::Duration;

use hyperia_test::poll_once;
use hyperia_timer::{ManualClock, Sleep, Timers};

/// More sleeps than a crowd, so that a batch and a budget end among them.
const SLEEPS: usize = 400;
/// Operations in all, those from inside of wakers included.
const OPERATIONS: usize = 1_000_000;

struct Sleeper {
    /// Out of here while it is polled.
    sleep: Option<Pin<Box<Sleep<'static>>>>,
    deadline: u64,
    /// Since it was polled last.
    woken: bool,
}

struct World {
    timers: Timers,
    inner: Mutex<Inner>,
}

struct Inner {
    random: u64,
    now: u64,
    ids: u64,
    sleepers: BTreeMap<u64, Sleeper>,
    operations: usize,
    /// How many of them from inside of a waker.
    meddled: usize,
}

impl Inner {
    fn below(&mut self, n: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    /// In the past, now, a nanosecond off, close by, far away, never.
    fn deadline(&mut self) -> u64 {
        let now = self.now;
        match self.below(12) {
            0 => now.saturating_sub(self.below(1 << 20)),
            1 => now,
            2 => now.saturating_add(1),
            3 => u64::MAX,
            4..=8 => now.saturating_add(self.below(1 << 16)),
            _ => {
                let bits = self.below(44);
                now.saturating_add(self.below(1 << bits))
            }
        }
    }
}

struct Meddler {
    world: Arc<World>,
    id: u64,
}

impl Wake for Meddler {
    fn wake(self: Arc<Self>) {
        let world = &self.world;
        {
            let mut inner = world.lock();
            // It may have been dropped since its waker was taken out.
            if let Some(sleeper) = inner.sleepers.get_mut(&self.id) {
                sleeper.woken = true;
            }
            inner.meddled += 1;
        }
        let own = world.lock().below(4) == 0;
        World::meddle(world, own.then_some(self.id));
    }
}

impl World {
    fn lock(&self) -> impl std::ops::DerefMut<Target = Inner> + '_ {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to a sleep: to this one, or to any.
    fn meddle(self: &Arc<Self>, id: Option<u64>) {
        let mut inner = self.lock();
        inner.operations += 1;
        let ids = inner.ids.max(1);
        let from = inner.below(ids);
        let id = id
            .filter(|id| inner.sleepers.contains_key(id))
            .or_else(|| Some(*inner.sleepers.range(from..).next()?.0));
        match (inner.below(8), id) {
            (0..=1, Some(id)) => {
                let dropped = inner.sleepers.remove(&id);
                drop(inner);
                drop(dropped);
            }
            (2..=5, Some(id)) => {
                let deadline = inner.deadline();
                let Some(sleeper) = inner.sleepers.get_mut(&id) else {
                    return;
                };
                // While it is polled it cannot be reset.
                if let Some(sleep) = &mut sleeper.sleep {
                    sleep.as_mut().reset(Duration::from_nanos(deadline));
                    sleeper.deadline = deadline;
                }
            }
            _ if inner.sleepers.len() < SLEEPS => {
                let deadline = inner.deadline();
                let id = inner.ids;
                inner.ids += 1;
                drop(inner);
                let sleep = self.timers.sleep_until(Duration::from_nanos(deadline));
                let sleeper = Sleeper {
                    sleep: Some(Box::pin(sleep.into_owned())),
                    deadline,
                    woken: true,
                };
                self.lock().sleepers.insert(id, sleeper);
                self.poll(id);
            }
            _ => {}
        }
    }

    /// Polls a sleep, which is to be ready exactly if it is due; then it is gone.
    fn poll(self: &Arc<Self>, id: u64) {
        let (mut sleep, deadline, now) = {
            let mut inner = self.lock();
            let now = inner.now;
            let sleeper = inner.sleepers.get_mut(&id).expect("it is there");
            let sleep = sleeper.sleep.take().expect("it is polled once at a time");
            (sleep, sleeper.deadline, now)
        };
        let world = Arc::clone(self);
        let waker = Waker::from(Arc::new(Meddler { world, id }));
        let ready = poll_once(sleep.as_mut(), &waker).is_ready();
        assert_eq!(
            ready,
            deadline <= now && deadline != u64::MAX,
            "{deadline} at {now}"
        );
        let mut inner = self.lock();
        if ready {
            inner.sleepers.remove(&id);
        } else if let Some(sleeper) = inner.sleepers.get_mut(&id) {
            sleeper.sleep = Some(sleep);
            sleeper.woken = false;
        }
    }

    /// After the wheel has come to rest: whoever is due was woken, and polls.
    fn settle(self: &Arc<Self>) {
        let due: Vec<_> = {
            let inner = self.lock();
            let all = inner.sleepers.iter();
            all.filter(|(_, sleeper)| sleeper.woken || sleeper.deadline <= inner.now)
                .map(|(&id, sleeper)| {
                    assert!(sleeper.woken, "{} at {}", sleeper.deadline, inner.now);
                    id
                })
                .collect()
        };
        for id in due {
            self.poll(id);
        }
    }
}

#[test]
fn wakers_that_meddle_lose_nothing() {
    let (mut operations, mut meddled) = (0, 0);
    let starts = (0..=10).map(|level| (1u64 << (6 * level).min(63)).saturating_sub(100_000));
    let starts: Vec<_> = starts.chain([u64::MAX - (1 << 44)]).collect();
    for (seed, &start) in starts.iter().enumerate() {
        let clock = ManualClock::new();
        let timers = Timers::new(clock.clone(), Waker::noop().clone());
        clock.set(Duration::from_nanos(start));
        assert!(!timers.advance(Duration::from_nanos(start)));
        let inner = Inner {
            random: seed as u64,
            now: start,
            ids: 0,
            sleepers: BTreeMap::new(),
            operations: 0,
            meddled: 0,
        };
        let world = Arc::new(World {
            timers: timers.clone(),
            inner: Mutex::new(inner),
        });
        while world.lock().operations < OPERATIONS / starts.len() {
            for _ in 0..20 {
                World::meddle(&world, None);
            }
            let now = {
                let mut inner = world.lock();
                let bits = inner.below(46);
                let by = inner.below(1 << bits);
                let next = timers
                    .next_deadline()
                    .map_or(inner.now, |next| next.as_nanos() as u64);
                let late = inner.now.saturating_add(by);
                // As a driver on time, or late.
                let now = if inner.below(2) == 0 { next } else { late };
                inner.now = inner.now.max(now).min(u64::MAX - 1);
                inner.now
            };
            clock.set(Duration::from_nanos(now));
            // Wakers that reset sleeps to the past keep it busy, but not for ever: each was woken.
            // What a waker makes due is seen by the next call, as a driver knows from the deadline.
            let now = Duration::from_nanos(now);
            let mut calls = 0;
            while timers.advance(now) || timers.next_deadline().is_some_and(|next| next <= now) {
                calls += 1;
                assert!(calls < 100_000, "no end of work");
            }
            world.settle();
        }
        let inner = world.lock();
        operations += inner.operations;
        meddled += inner.meddled;
        let all: Vec<_> = inner.sleepers.keys().copied().collect();
        drop(inner);
        // They hold the world.
        for id in all {
            let dropped = world.lock().sleepers.remove(&id);
            drop(dropped);
        }
        assert_eq!(timers.next_deadline(), None);
        assert_eq!(Arc::strong_count(&world), 1, "all wakers are gone");
    }
    assert!(
        operations >= OPERATIONS && meddled > operations / 20,
        "{meddled} of {operations}"
    );
}
