//! Timer queues behind one trait: ours, other wheels, and what one would build on an ordered collection.
//!
//! Each takes deadlines in its own notion of time, converted before the clock runs.
use dary_heap::DaryHeap;
use hyperia_timer::wheel::{Key, Wheel};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tm_wheel::{TimerDriver, TimerHandle};
use tokio::runtime::Runtime;
use tokio_util::time::DelayQueue;
use tokio_util::time::delay_queue;

/// Whole milliseconds, for those that have no finer ones.
const NANOS_PER_MILLI: u64 = 1_000_000;

/// A queue of timers that hold a `u32` each.
pub(crate) trait Timers {
    /// How it is told the time.
    type Time: Copy;
    /// How it names a timer.
    type Key;

    /// Converts from nanoseconds since its making.
    fn time(&self, nanos: u64) -> Self::Time;
    fn insert(&mut self, deadline: Self::Time, value: u32) -> Self::Key;
    /// Inserts a timer that is never cancelled.
    fn insert_for_good(&mut self, deadline: Self::Time, value: u32) {
        self.insert(deadline, value);
    }
    /// Removes a timer that has not fired.
    fn cancel(&mut self, key: Self::Key) -> u32;
    /// Hands out what is due.
    fn advance(&mut self, now: Self::Time, fired: impl FnMut(u32));

    /// Gives a timer a later deadline.
    fn put_off(&mut self, key: Self::Key, deadline: Self::Time) -> Self::Key {
        let value = self.cancel(key);
        self.insert(deadline, value)
    }
}

/// Those that say when something is due next.
pub(crate) trait NextDeadline: Timers {
    /// Something that depends on the answer.
    fn next(&mut self) -> u64;
}

impl Timers for Wheel<u32> {
    type Time = Duration;
    type Key = Key;

    fn time(&self, nanos: u64) -> Duration {
        Duration::from_nanos(nanos)
    }
    fn insert(&mut self, deadline: Duration, value: u32) -> Key {
        Wheel::insert(self, deadline, value)
    }
    fn cancel(&mut self, key: Key) -> u32 {
        self.remove(key).expect("it is there")
    }
    fn advance(&mut self, now: Duration, mut fired: impl FnMut(u32)) {
        Wheel::advance(self, now, usize::MAX, |expired| fired(expired.value));
    }
    fn put_off(&mut self, key: Key, deadline: Duration) -> Key {
        assert!(self.reset(key, deadline));
        key
    }
}

impl NextDeadline for Wheel<u32> {
    fn next(&mut self) -> u64 {
        self.next_deadline().expect("there are some").as_secs()
    }
}

/// Six levels of 64 slots, in milliseconds, as its author's examples have it.
pub(crate) type TmWheel = TimerDriver<u32, 6, 64>;

impl Timers for TmWheel {
    type Time = u64;
    type Key = TimerHandle;

    fn time(&self, nanos: u64) -> u64 {
        nanos.div_ceil(NANOS_PER_MILLI)
    }
    fn insert(&mut self, deadline: u64, value: u32) -> TimerHandle {
        self.insert(value, deadline)
    }
    fn cancel(&mut self, key: TimerHandle) -> u32 {
        self.remove(key).expect("it is there")
    }
    fn advance(&mut self, now: u64, fired: impl FnMut(u32)) {
        self.advance_to(now).for_each(fired);
    }
}

impl NextDeadline for TmWheel {
    fn next(&mut self) -> u64 {
        self.nearest_wakeup().expect("there are some").get()
    }
}

/// With an epoch for conversion, and a buffer to hand out into.
pub(crate) struct Nexus {
    wheel: nexus_timer::Wheel<u32>,
    epoch: Instant,
    fired: Vec<u32>,
}

impl Default for Nexus {
    fn default() -> Self {
        let epoch = Instant::now();
        Self {
            wheel: nexus_timer::Wheel::unbounded(4096, epoch),
            epoch,
            fired: Vec::new(),
        }
    }
}

impl Timers for Nexus {
    type Time = Instant;
    type Key = nexus_timer::TimerHandle<u32>;

    fn time(&self, nanos: u64) -> Instant {
        self.epoch + Duration::from_nanos(nanos)
    }
    fn insert(&mut self, deadline: Instant, value: u32) -> Self::Key {
        self.wheel.schedule(deadline, value)
    }
    fn insert_for_good(&mut self, deadline: Instant, value: u32) {
        self.wheel.schedule_forget(deadline, value);
    }
    fn cancel(&mut self, key: Self::Key) -> u32 {
        self.wheel.cancel(key).expect("it is there")
    }
    fn advance(&mut self, now: Instant, fired: impl FnMut(u32)) {
        // Rounds down to its tick, so it is always ahead of time and never behind.
        self.wheel.poll_and_rebalance(now, &mut self.fired);
        self.fired.drain(..).for_each(fired);
    }
    fn put_off(&mut self, key: Self::Key, deadline: Instant) -> Self::Key {
        self.wheel.reschedule(key, deadline)
    }
}

impl NextDeadline for Nexus {
    fn next(&mut self) -> u64 {
        let next = self.wheel.next_deadline().expect("there are some");
        (next - self.epoch).as_secs()
    }
}

/// A heap of `D` children whose cancelled entries stay until they come up, or until they are more than
/// half of it.
pub(crate) struct LazyHeap<const D: usize> {
    heap: DaryHeap<Reverse<(u64, u32, u32)>, D>,
    /// Value and generation by index; the generation is odd while there is a timer.
    slots: Vec<(u32, u32)>,
    free: Vec<u32>,
    cancelled: usize,
}

impl<const D: usize> Default for LazyHeap<D> {
    fn default() -> Self {
        Self {
            heap: DaryHeap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            cancelled: 0,
        }
    }
}

impl<const D: usize> LazyHeap<D> {
    fn release(&mut self, index: u32) -> u32 {
        let slot = &mut self.slots[index as usize];
        slot.1 += 1;
        self.free.push(index);
        slot.0
    }
}

impl<const D: usize> Timers for LazyHeap<D> {
    type Time = u64;
    type Key = (u32, u32);

    fn time(&self, nanos: u64) -> u64 {
        nanos
    }
    fn insert(&mut self, deadline: u64, value: u32) -> (u32, u32) {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push((0, 0));
            self.slots.len() as u32 - 1
        });
        let slot = &mut self.slots[index as usize];
        *slot = (value, slot.1 + 1);
        self.heap.push(Reverse((deadline, index, slot.1)));
        (index, slot.1)
    }
    fn cancel(&mut self, (index, generation): (u32, u32)) -> u32 {
        assert_eq!(self.slots[index as usize].1, generation);
        self.cancelled += 1;
        let value = self.release(index);
        if self.cancelled > 64 && self.cancelled > self.heap.len() / 2 {
            let slots = &self.slots;
            self.heap
                .retain(|Reverse((_, index, generation))| slots[*index as usize].1 == *generation);
            self.cancelled = 0;
        }
        value
    }
    fn advance(&mut self, now: u64, mut fired: impl FnMut(u32)) {
        while let Some(&Reverse((deadline, index, generation))) = self.heap.peek() {
            if self.slots[index as usize].1 != generation {
                self.heap.pop();
                self.cancelled -= 1;
                continue;
            }
            if deadline > now {
                break;
            }
            self.heap.pop();
            fired(self.release(index));
        }
    }
}

impl<const D: usize> NextDeadline for LazyHeap<D> {
    fn next(&mut self) -> u64 {
        loop {
            let &Reverse((deadline, index, generation)) = self.heap.peek().expect("there are some");
            if self.slots[index as usize].1 == generation {
                return deadline;
            }
            self.heap.pop();
            self.cancelled -= 1;
        }
    }
}

/// Timers by deadline, and by number where deadlines are equal.
#[derive(Default)]
pub(crate) struct Map {
    map: BTreeMap<(u64, u32), u32>,
    count: u32,
}

impl Timers for Map {
    type Time = u64;
    type Key = (u64, u32);

    fn time(&self, nanos: u64) -> u64 {
        nanos
    }
    fn insert(&mut self, deadline: u64, value: u32) -> (u64, u32) {
        self.count = self.count.wrapping_add(1);
        let key = (deadline, self.count);
        self.map.insert(key, value);
        key
    }
    fn cancel(&mut self, key: (u64, u32)) -> u32 {
        self.map.remove(&key).expect("it is there")
    }
    fn advance(&mut self, now: u64, fired: impl FnMut(u32)) {
        let later = self.map.split_off(&(now + 1, 0));
        std::mem::replace(&mut self.map, later)
            .into_values()
            .for_each(fired);
    }
}

impl NextDeadline for Map {
    fn next(&mut self) -> u64 {
        self.map.first_key_value().expect("there are some").0.0
    }
}

/// tokio-util's queue, which lives in a runtime and takes the time from it: real time passes.
pub(crate) struct Delays<'a> {
    queue: DelayQueue<u32>,
    epoch: tokio::time::Instant,
    runtime: &'a Runtime,
}

impl<'a> Delays<'a> {
    pub(crate) fn new(runtime: &'a Runtime) -> Self {
        let _entered = runtime.enter();
        Self {
            queue: DelayQueue::new(),
            epoch: tokio::time::Instant::now(),
            runtime,
        }
    }
}

impl Timers for Delays<'_> {
    type Time = tokio::time::Instant;
    type Key = delay_queue::Key;

    fn time(&self, nanos: u64) -> Self::Time {
        self.epoch + Duration::from_nanos(nanos)
    }
    /// Inside the runtime.
    fn insert(&mut self, deadline: Self::Time, value: u32) -> Self::Key {
        self.queue.insert_at(value, deadline)
    }
    fn cancel(&mut self, key: Self::Key) -> u32 {
        self.queue.remove(&key).into_inner()
    }
    /// Takes no time: it looks at the clock.
    fn advance(&mut self, _: Self::Time, mut fired: impl FnMut(u32)) {
        let queue = &mut self.queue;
        // With a budget it would stop after 128.
        self.runtime.block_on(tokio::task::unconstrained(async {
            // The runtime learns that time has passed when it parks.
            tokio::task::yield_now().await;
            let mut cx = Context::from_waker(Waker::noop());
            while let Poll::Ready(Some(expired)) = queue.poll_expired(&mut cx) {
                fired(expired.into_inner());
            }
        }));
    }
    fn put_off(&mut self, key: Self::Key, deadline: Self::Time) -> Self::Key {
        self.queue.reset_at(&key, deadline);
        key
    }
}
