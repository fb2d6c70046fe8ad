//! Many threads, some of them short-lived, allocate and free, each also what others allocated, while others
//! wait for zero and give up again. A wait that ends is not believed: whoever frees an item first writes to a
//! plain word that belongs to the item, so after a wait that was right all the words are there to be read,
//! and after one that was early they are not, or ThreadSanitizer reports the read. Bounded by the number of
//! items (`HYPERIA_STRESS_OPERATIONS`), not by time.
#![cfg(all(not(any(hyperia_loom, hyperia_shuttle)), feature = "allocator-api2"))]

use std::cell::UnsafeCell;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::thread;
use std::time::Duration;

use allocator_api2::alloc::{Allocator, Global};
use allocator_api2::boxed::Box as TrackedBox;
use allocator_api2::vec::Vec as TrackedVec;
use hashbrown::{DefaultHashBuilder, HashMap};
use hyperia_alloc::{Drained, Scope, Shared, Tracked};
use hyperia_test::poll_once;
use hyperia_test::stress::{Random, operations};
use hyperia_wait::Block;

type Map<A> = HashMap<u64, u64, DefaultHashBuilder, A>;
type Root = Shared<Tracked<Global>>;
type Connection = Shared<Scope<Root>>;
type Request = Shared<Scope<Connection>>;

/// Threads that live as long as the test.
const WORKERS: usize = 4;
/// Threads that do nothing but wait, or give up.
const WAITERS: usize = 2;
/// Items of a test, unless the environment says otherwise.
const ITEMS: usize = 200_000;

/// A plain word for each item, written by whoever frees the item, before that.
struct Board(Box<[UnsafeCell<usize>]>);

// SAFETY: a word is written by the one thread that frees its item, and read after all frees: that is what is
// tested here.
unsafe impl Sync for Board {}

impl Board {
    fn new(items: usize) -> Arc<Self> {
        Arc::new(Self((0..items).map(|_| UnsafeCell::new(0)).collect()))
    }

    /// The item `mark` is about to be freed by this thread.
    fn write(&self, mark: usize) {
        let word = &self.0[mark];
        // SAFETY: nobody else has the item, and nobody reads before it is freed.
        unsafe { *word.get() += mark + 1 };
    }

    /// All items of this board were freed, once, before.
    #[track_caller]
    fn assert_all_freed(&self) {
        for (mark, word) in self.0.iter().enumerate() {
            // SAFETY: the wait that has just ended came after all frees, if it is right.
            let written = unsafe { *word.get() };
            assert_eq!(written, mark + 1, "item {mark} of {}", self.0.len());
        }
    }
}

/// One or two blocks of an allocator, full of its own mark.
enum Item<A: Allocator> {
    One(usize, TrackedBox<[usize; 3], A>),
    List(usize, TrackedVec<usize, A>),
    Map(usize, Map<A>),
}

impl<A: Allocator + Clone> Item<A> {
    fn new(mark: usize, random: &mut Random, allocator: &A) -> Self {
        match random.below(16) {
            0 => {
                let mut map = Map::new_in(allocator.clone());
                // Grows, or not.
                map.extend((0..1 << random.below(6)).map(|key| (key, mark as u64)));
                Self::Map(mark, map)
            }
            kind @ 1..=5 => {
                let mut list = TrackedVec::with_capacity_in(random.below(8), allocator.clone());
                // One word at least: an empty list may own no block, and nobody waits for that.
                list.extend((0..=random.below(20)).map(|_| mark));
                if kind == 1 {
                    shrink(&mut list);
                }
                Self::List(mark, list)
            }
            _ => Self::One(mark, TrackedBox::new_in([mark; 3], allocator.clone())),
        }
    }

    fn free(self, board: &Board) {
        let (mark, is_whole) = match &self {
            Self::One(mark, one) => (*mark, **one == [*mark; 3]),
            Self::List(mark, list) => (*mark, list.iter().all(|word| word == mark)),
            Self::Map(mark, map) => (*mark, map.values().all(|&word| word == *mark as u64)),
        };
        assert!(is_whole, "item {mark} was overwritten");
        board.write(mark);
        drop(self);
    }
}

/// Not an empty list: allocator-api2 0.2.21 keeps an empty block for it, and never frees that.
fn shrink<T, A: Allocator>(list: &mut TrackedVec<T, A>) {
    if !list.is_empty() {
        list.shrink_to_fit();
    }
}

/// Allocates and frees with no handle to clone, so with nothing but what the allocator does in between.
fn churn<A: Allocator>(random: &mut Random, allocator: &A) {
    for _ in 0..random.below(8) {
        let first = TrackedBox::new_in(random.below(100), allocator);
        let mut list: TrackedVec<u8, &A> =
            TrackedVec::with_capacity_in(1 << random.below(8), allocator);
        drop(first);
        list.resize(random.below(400), 7);
        shrink(&mut list);
        assert!(list.iter().all(|&byte| byte == 7));
    }
}

/// Says that the test is over, also when it panics: nobody is left behind waiting.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Waits in some way, or gives up. Returns whether the wait ended.
fn wait_or_give_up<F: Future<Output = ()>>(drained: impl Fn() -> F, random: &mut Random) -> bool {
    match random.below(4) {
        0 => poll_once(pin!(drained()), Waker::noop()).is_ready(),
        1 => {
            // Three at a time, that end or are given up in any order.
            let mut waits: Vec<_> = (0..3).map(|_| Box::pin(drained())).collect();
            let mut has_ended = false;
            for _ in 0..6 {
                let index = random.below(waits.len());
                let is_ready = poll_once(waits[index].as_mut(), Waker::noop()).is_ready();
                has_ended |= is_ready;
                if is_ready || random.one_in(4) {
                    drop(waits.swap_remove(index));
                    if waits.is_empty() {
                        break;
                    }
                }
                thread::yield_now();
            }
            has_ended
        }
        2 => {
            let patience = Duration::from_micros(random.below(300) as u64);
            drained().block_timeout(patience).is_ok()
        }
        // Nobody waits for a while: counting is spread over the threads again.
        _ => {
            for _ in 0..random.below(200) {
                thread::yield_now();
            }
            false
        }
    }
}

/// What one thread does between two moments at which nothing is live.
struct Job {
    board: Arc<Board>,
    /// Live until the thread has allocated and freed all else of the job.
    ticket: Item<Root>,
    /// Of the first item.
    mark: usize,
    items: usize,
    inbox: Receiver<Item<Root>>,
    outboxes: Vec<Sender<Item<Root>>>,
}

impl Job {
    fn run(self, random: &mut Random, root: &Root) {
        let mut kept = Vec::new();
        for mark in self.mark..self.mark + self.items {
            let item = Item::new(mark, random, root);
            match random.below(4) {
                0 => self.outboxes[random.below(self.outboxes.len())]
                    .send(item)
                    .expect("everybody listens until all have hung up"),
                1 => kept.push(item),
                _ => item.free(&self.board),
            }
            if random.one_in(4) {
                self.inbox
                    .try_iter()
                    .for_each(|item| item.free(&self.board));
            }
            if random.one_in(8) {
                churn(random, root);
            }
            if random.one_in(64) {
                thread::yield_now();
            }
        }
        drop(self.outboxes);
        kept.into_iter().for_each(|item| item.free(&self.board));
        self.inbox.iter().for_each(|item| item.free(&self.board));
        self.ticket.free(&self.board);
    }
}

/// Phase after phase: everybody has a ticket, which is an item, and gives it up last, so the phase ends with
/// the one moment at which nothing is live.
#[test]
fn a_wait_ends_when_everything_was_freed_by_whomever_and_not_before() {
    let root = &Root::new(Tracked::new(Global));
    let current = &Mutex::new(None::<Arc<Board>>);
    let is_over = &AtomicBool::new(false);
    let items = operations(ITEMS);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS as u64)
            .map(|worker| {
                let (sender, jobs) = channel::<Job>();
                scope.spawn(move || {
                    let mut random = Random::new(100 + worker);
                    jobs.iter().for_each(|job| job.run(&mut random, root));
                });
                sender
            })
            .collect();
        for waiter in 0..WAITERS as u64 {
            scope.spawn(move || {
                let mut random = Random::new(200 + waiter);
                while !is_over.load(Relaxed) {
                    // Its tickets were there before it could be seen.
                    let board = current.lock().unwrap().clone();
                    if wait_or_give_up(|| root.drained(), &mut random)
                        && let Some(board) = board
                    {
                        board.assert_all_freed();
                    }
                }
            });
        }
        let over = Over(is_over);
        let mut random = Random::new(300);
        let mut visitors = Vec::new();
        let mut made = 0;
        while made < items {
            let jobs = WORKERS + random.below(3);
            let each = random.choose(&[0, 1, 4, 16, 64, 256]);
            made += jobs * (1 + each);
            let board = Board::new(jobs * (1 + each));
            let (outboxes, inboxes): (Vec<_>, Vec<_>) = (0..jobs).map(|_| channel()).unzip();
            let jobs: Vec<_> = inboxes
                .into_iter()
                .enumerate()
                .map(|(index, inbox)| Job {
                    board: Arc::clone(&board),
                    ticket: Item::One(index, TrackedBox::new_in([index; 3], root.clone())),
                    mark: jobs + index * each,
                    items: each,
                    inbox,
                    outboxes: outboxes.clone(),
                })
                .collect();
            drop(outboxes);
            let bytes = jobs.len() * size_of::<[usize; 3]>();
            assert_eq!((root.live_blocks(), root.live_bytes()), (jobs.len(), bytes));
            *current.lock().unwrap() = Some(Arc::clone(&board));
            let mut workers = workers.iter();
            for job in jobs {
                if let Some(worker) = workers.next() {
                    worker
                        .send(job)
                        .expect("it works until this end is dropped");
                    continue;
                }
                let mut random = Random::new(made as u64 + visitors.len() as u64);
                visitors.push(scope.spawn(move || job.run(&mut random, root)));
            }
            while !wait_or_give_up(|| root.drained(), &mut random) {
                if random.one_in(4) {
                    root.drained().block();
                    break;
                }
            }
            board.assert_all_freed();
            assert_eq!((root.live_blocks(), root.live_bytes()), (0, 0));
            // Later than their phase, which is over without that.
            while visitors.len() > WORKERS {
                visitors.remove(0).join().unwrap();
            }
        }
        drop(over);
    });
    assert_eq!((root.live_blocks(), root.live_bytes()), (0, 0));
}

/// Frees what it gets until nobody sends any more.
fn reap(bags: &Receiver<(Arc<Board>, Vec<Item<Request>>)>, random: &mut Random, root: &Root) {
    for (board, items) in bags {
        for item in items {
            item.free(&board);
        }
        if random.one_in(16) {
            churn(random, root);
        }
    }
}

/// Requests of connections, a scope in a scope, each awaited by the thread that serves it, while reapers and
/// threads that live for one bag of items free most of what belongs to it.
#[test]
fn scopes_in_scopes_are_drained_one_by_one_while_all_threads_allocate() {
    let root = &Root::new(Tracked::new(Global));
    let current = &[const { Mutex::new(None::<Arc<Board>>) }; WORKERS];
    let is_over = &AtomicBool::new(false);
    let items = operations(ITEMS) / WORKERS;
    thread::scope(|scope| {
        let mut reapers = Vec::new();
        for reaper in 0..2 {
            let (sender, bags) = channel();
            scope.spawn(move || reap(&bags, &mut Random::new(400 + reaper), root));
            reapers.push(sender);
        }
        for waiter in 0..WAITERS as u64 {
            scope.spawn(move || {
                let mut random = Random::new(500 + waiter);
                while !is_over.load(Relaxed) {
                    let boards = current
                        .each_ref()
                        .map(|board| board.lock().unwrap().clone());
                    if wait_or_give_up(|| root.drained(), &mut random) {
                        boards
                            .iter()
                            .flatten()
                            .for_each(|board| board.assert_all_freed());
                    }
                }
            });
        }
        let over = Over(is_over);
        let servers = current.iter().zip(0..).map(|(current, server)| {
            let reapers = reapers.clone();
            scope.spawn(move || {
                let mut random = Random::new(600 + server);
                let mut visitors = Vec::new();
                let mut made = 0;
                while made < items {
                    let connection = Connection::new(Scope::new(root.clone()));
                    for _ in 0..8 {
                        let request = Request::new(Scope::new(connection.clone()));
                        let count = random.choose(&[1, 2, 4, 16, 64]);
                        made += count;
                        let board = Board::new(count);
                        let ticket = Item::One(0, TrackedBox::new_in([0; 3], request.clone()));
                        *current.lock().unwrap() = Some(Arc::clone(&board));
                        let mut bags = [const { Vec::new() }; 4];
                        for mark in 1..count {
                            let item = Item::new(mark, &mut random, &request);
                            match random.below(8) {
                                bag @ 0..4 => bags[bag].push(item),
                                _ => item.free(&board),
                            }
                            if random.one_in(8) {
                                churn(&mut random, &request);
                            }
                        }
                        let [first, second, visitor, own] = bags;
                        for (reaper, bag) in reapers.iter().zip([first, second]) {
                            let bag = (Arc::clone(&board), bag);
                            reaper
                                .send(bag)
                                .expect("it frees until this end is dropped");
                        }
                        if random.one_in(16) {
                            let board = Arc::clone(&board);
                            visitors.push(scope.spawn(move || {
                                visitor.into_iter().for_each(|item| item.free(&board));
                            }));
                        } else {
                            visitor.into_iter().for_each(|item| item.free(&board));
                        }
                        own.into_iter().for_each(|item| item.free(&board));
                        let peak = request.peak_bytes();
                        ticket.free(&board);
                        while !wait_or_give_up(|| request.drained(), &mut random) {
                            if random.one_in(4) {
                                request.drained().block();
                                break;
                            }
                        }
                        board.assert_all_freed();
                        assert_eq!((request.live_blocks(), request.live_bytes()), (0, 0));
                        assert_eq!(request.peak_bytes(), peak, "nothing was allocated since");
                        if visitors.len() > 2 {
                            visitors.remove(0).join().unwrap();
                        }
                    }
                    connection.drained().block();
                    assert_eq!((connection.live_blocks(), connection.live_bytes()), (0, 0));
                }
            })
        });
        let servers: Vec<_> = servers.collect();
        drop(reapers);
        for server in servers {
            server.join().unwrap();
        }
        drop(over);
    });
    root.drained().block();
    assert_eq!((root.live_blocks(), root.live_bytes()), (0, 0));
}

/// One thread frees a block and may be slow to say so. The other has seen by itself that nothing is live, has
/// allocated again and waits again: what the first one says now is not about this wait.
fn assert_a_late_wake_up_ends_no_later_wait<'a, A: Allocator + Sync>(
    allocator: &'a A,
    drained: impl Fn() -> Drained<'a>,
) {
    let handed = &Mutex::new(None);
    let is_over = &AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(move || {
            while !is_over.load(Relaxed) {
                let block = handed.lock().unwrap().take();
                drop(block);
            }
        });
        let _over = Over(is_over);
        for round in 0..operations(ITEMS) / 16 {
            *handed.lock().unwrap() = Some(TrackedBox::new_in(round, allocator));
            let mut first = pin!(drained());
            let mut polls = 0_u32;
            while poll_once(first.as_mut(), Waker::noop()).is_pending() {
                // Between two polls there is little time to miss the moment.
                polls += 1;
                if polls.is_multiple_of(64) {
                    thread::yield_now();
                }
            }
            let own = TrackedBox::new_in(round, allocator);
            let mut second = pin!(drained());
            for _ in 0..20 {
                let poll = poll_once(second.as_mut(), Waker::noop());
                assert!(poll.is_pending(), "round {round}: a block is live");
            }
            drop(own);
            assert!(poll_once(second.as_mut(), Waker::noop()).is_ready());
        }
    });
}

#[test]
fn a_late_wake_up_ends_no_later_wait_for_a_tracked_allocator() {
    let tracked = &Tracked::new(Global);
    assert_a_late_wake_up_ends_no_later_wait(tracked, || tracked.drained());
}

#[test]
fn a_late_wake_up_ends_no_later_wait_for_a_scope() {
    let scope = &Scope::new(Global);
    assert_a_late_wake_up_ends_no_later_wait(scope, || scope.drained());
}
