//! Many threads, some of them short-lived, take objects in every way there is, keep them, hand them on, give up
//! waiting for them, while the reset hook and the constructor panic now and then. Each object carries the number
//! of its owner in a plain field: two owners at a time are seen by an assertion, or reported by
//! ThreadSanitizer. Bounded by the number of operations (`HYPERIA_STRESS_OPERATIONS`), not by time.
#![cfg(not(any(hyperia_loom, hyperia_shuttle)))]

use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use hyperia_pool::{OwnedGet, OwnedPooled, Pool, Pooled};
use hyperia_test::poll_once;
use hyperia_test::stress::{Random, operations};
use hyperia_wait::Block;

/// Threads that live as long as the test.
const WORKERS: usize = 4;
/// Operations of the test, unless the environment says otherwise.
const OPERATIONS: usize = 1_000_000;
/// No thread has this number.
const NOBODY: usize = 0;

/// How many objects there were, and whether the hooks are to be trusted again.
#[derive(Default)]
struct Counts {
    calls: AtomicUsize,
    built: AtomicUsize,
    dropped: AtomicUsize,
    is_over: AtomicBool,
}

struct Object {
    owner: usize,
    /// Who used it last, cleared by the reset hook.
    trace: usize,
    uses: Box<usize>,
    counts: Arc<Counts>,
}

impl Drop for Object {
    fn drop(&mut self) {
        self.counts.dropped.fetch_add(1, Relaxed);
    }
}

impl Object {
    /// Everything that a sole owner may do.
    fn use_up(&mut self, me: usize, random: &mut Random) {
        assert_eq!((self.owner, self.trace), (NOBODY, NOBODY), "for {me}");
        self.owner = me;
        self.trace = me;
        *self.uses += 1;
        if random.one_in(16) {
            thread::yield_now();
        }
        assert_eq!(black_box(&*self).owner, me);
        self.owner = NOBODY;
    }

    /// For another use by the same owner, in which it was not reset.
    fn use_again(&mut self, me: usize, random: &mut Random) {
        self.trace = NOBODY;
        self.use_up(me, random);
    }
}

/// What the hooks panic with. It does not go through the panic hook, which would print it.
struct Told;

/// Runs what may panic because it was told to. `None` then.
fn told<T>(f: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(value) => Some(value),
        Err(payload) if payload.is::<Told>() => None,
        Err(payload) => resume_unwind(payload),
    }
}

fn pool(capacity: usize, counts: &Arc<Counts>) -> Arc<Pool<Object>> {
    let (counts, over) = (Arc::clone(counts), Arc::clone(counts));
    let is_over = move || over.is_over.load(Relaxed);
    let make = move || {
        if counts.calls.fetch_add(1, Relaxed) % 16 == 15 && !counts.is_over.load(Relaxed) {
            resume_unwind(Box::new(Told));
        }
        counts.built.fetch_add(1, Relaxed);
        Object {
            owner: NOBODY,
            trace: NOBODY,
            uses: Box::new(0),
            counts: Arc::clone(&counts),
        }
    };
    let reset = move |object: &mut Object| {
        object.trace = NOBODY;
        // A second panic on top of one would be the end of the process.
        if *object.uses % 128 == 127 && !is_over() && !thread::panicking() {
            resume_unwind(Box::new(Told));
        }
    };
    Arc::new(Pool::new(capacity, make).with_reset(reset))
}

/// What a thread hands on. Whoever gets it does not wait for an object.
enum Parcel {
    Object(OwnedPooled<Object>),
    /// A wait that another thread began. It may be the next in line.
    Wait(Pin<Box<OwnedGet<Object>>>),
}

impl Parcel {
    fn open(self, me: usize, random: &mut Random) {
        match self {
            Self::Object(mut object) => {
                object.use_again(me, random);
                told(|| drop(object));
            }
            Self::Wait(mut get) => {
                let object = told(|| poll_once(get.as_mut(), Waker::noop()));
                if let Some(Poll::Ready(mut object)) = object {
                    object.use_up(me, random);
                    told(|| drop(object));
                }
            }
        }
    }
}

/// Uses an object that borrows from the pool, and gives it back in one of two ways.
fn finish(mut object: Pooled<'_, Object>, me: usize, random: &mut Random) {
    object.use_up(me, random);
    if random.one_in(64) {
        let mut object = Pooled::into_inner(object);
        object.use_again(me, random);
    } else {
        told(|| drop(object));
    }
}

/// One operation. It waits for an object only while it has none.
fn operate(pool: &Arc<Pool<Object>>, me: usize, random: &mut Random, peers: &[Sender<Parcel>]) {
    let send = |parcel, random: &mut Random| {
        let peer = &peers[random.below(peers.len())];
        assert!(
            peer.send(parcel).is_ok(),
            "it listens until all have hung up"
        );
    };
    match random.below(32) {
        0 => {
            if let Some(object) = told(|| pool.get().block()) {
                finish(object, me, random);
            }
        }
        1 | 2 => {
            let patience = Duration::from_micros(random.below(100) as u64);
            if let Some(Ok(object)) = told(|| pool.get().block_timeout(patience)) {
                finish(object, me, random);
            }
        }
        3 | 4 => {
            // Polled a few times by hand, and dropped if there was nothing by then.
            let mut get = pin!(pool.get());
            for _ in 0..=random.below(3) {
                match told(|| poll_once(get.as_mut(), Waker::noop())) {
                    Some(Poll::Ready(object)) => return finish(object, me, random),
                    // The constructor panicked, and with that this wait is over.
                    None => return,
                    Some(Poll::Pending) => thread::yield_now(),
                }
            }
        }
        5 | 6 => {
            if let Some(object) = told(|| pool.get_or_alloc()) {
                finish(object, me, random);
            }
        }
        7 => {
            // As many as there are, or nearly, so that others find nothing.
            let mut objects = Vec::new();
            for _ in 0..random.below(2 * pool.capacity() + 1).min(64) {
                objects.extend(told(|| pool.try_get()).flatten());
            }
            thread::yield_now();
            objects
                .into_iter()
                .for_each(|object| finish(object, me, random));
        }
        8 => {
            let object = match random.below(3) {
                0 => told(|| pool.try_get_owned()).flatten(),
                1 => told(|| pool.get_owned().block()),
                _ => told(|| pool.get_or_alloc_owned()),
            };
            if let Some(mut object) = object {
                object.use_up(me, random);
                match random.below(8) {
                    0 => OwnedPooled::into_inner(object).use_again(me, random),
                    1 => drop(told(|| drop(object))),
                    _ => send(Parcel::Object(object), random),
                }
            }
        }
        9 => {
            let mut get = Box::pin(pool.get_owned());
            match told(|| poll_once(get.as_mut(), Waker::noop())) {
                Some(Poll::Ready(object)) => send(Parcel::Object(object), random),
                Some(Poll::Pending) => send(Parcel::Wait(get), random),
                None => {}
            }
        }
        _ => {
            if let Some(object) = told(|| pool.try_get()).flatten() {
                finish(object, me, random);
            }
        }
    }
}

/// Opens what others send until nobody sends any more; gives some of it to threads that live for one parcel.
fn receive(parcels: &Receiver<Parcel>, ids: &AtomicUsize, seed: u64) {
    let me = ids.fetch_add(1, Relaxed);
    let mut random = Random::new(seed);
    thread::scope(|scope| {
        let mut last: Option<thread::ScopedJoinHandle<'_, ()>> = None;
        for parcel in parcels {
            if !random.one_in(64) {
                parcel.open(me, &mut random);
                continue;
            }
            let seed = random.below(1_000_000) as u64;
            let visitor = scope.spawn(move || {
                let me = ids.fetch_add(1, Relaxed);
                parcel.open(me, &mut Random::new(seed));
            });
            if let Some(last) = last.replace(visitor) {
                last.join().unwrap();
            }
        }
    });
}

fn run(capacity: usize, operations: usize) {
    let counts = Arc::new(Counts::default());
    let shared = pool(capacity, &counts);
    let pool = &shared;
    let ids = &AtomicUsize::new(NOBODY + 1);
    thread::scope(|scope| {
        let mut peers = Vec::new();
        for receiver in 0..2 {
            let (sender, parcels) = channel();
            let seed = (10 * capacity + receiver) as u64;
            scope.spawn(move || receive(&parcels, ids, seed));
            peers.push(sender);
        }
        for worker in 0..WORKERS {
            let peers = peers.clone();
            let seed = (1_000 * capacity + worker) as u64;
            scope.spawn(move || {
                let me = ids.fetch_add(1, Relaxed);
                let mut random = Random::new(seed);
                let mut last: Option<thread::ScopedJoinHandle<'_, ()>> = None;
                let mut done = 0;
                while done < operations / WORKERS {
                    operate(pool, me, &mut random, &peers);
                    done += 1;
                    if !random.one_in(256) {
                        continue;
                    }
                    // A thread that comes, does a few operations, and goes.
                    let count = random.below(32);
                    done += count;
                    let seed = seed + 1_000_000 * done as u64;
                    let peers = peers.clone();
                    let visitor = scope.spawn(move || {
                        let me = ids.fetch_add(1, Relaxed);
                        let mut random = Random::new(seed);
                        for _ in 0..count {
                            operate(pool, me, &mut random, &peers);
                        }
                    });
                    if let Some(last) = last.replace(visitor) {
                        last.join().unwrap();
                    }
                }
            });
        }
    });
    counts.is_over.store(true, Relaxed);
    assert_eq!(pool.len_idle(), capacity);
    let objects: Vec<_> = std::iter::from_fn(|| pool.try_get()).collect();
    assert_eq!(objects.len(), capacity);
    assert!(objects.iter().all(|object| object.owner == NOBODY));
    drop(objects);
    assert_eq!(pool.len_idle(), capacity);
    drop(Arc::into_inner(shared).expect("nobody else has it"));
    let Counts { built, dropped, .. } = &*counts;
    assert_eq!(built.load(Relaxed), dropped.load(Relaxed));
}

#[test]
fn each_object_has_one_owner_at_a_time_and_none_is_lost() {
    // Always too few, about enough, and as many stripes as there can be.
    let capacities = [1, 2, 5, 64, 300];
    let operations = operations(OPERATIONS);
    for capacity in capacities {
        run(capacity, operations / capacities.len());
    }
}
