//! Who goes on while one thread stands still in the middle of an operation: the claims under "Progress" in the
//! headers of lock-free structures, measured.
//!
//! One thread, the victim, repeats an operation and is stopped at a random moment ([`stop`](crate::stop));
//! another one has to make [`CALLS`] calls on the same object before it is released. That, up to [`ROUNDS`]
//! times; in every second one the other thread has been at work before the stop, so that the two meet.
//!
//! A stop hits the few instructions that matter by chance. So a round in which the others stood still shows
//! that they can; that there was none shows little in a single round and more in hundreds.
//!
//! # Limits
//! | Claim | a round | then once more | the row ends after | or |
//! |---|---|---|---|---|
//! | others go on | 200 ms | 400 ms | the first round in which they did not | 800 ms |
//! | none, or that they do not: until the first such round | 100 ms | 200 ms | | 600 ms |
//! | and from then on | 20 ms | 40 ms | 8 of them | 600 ms |
//!
//! All calls of a round together take microseconds. Whoever needs longer stands still, or was given no processor
//! at all in that time. Rounds that a busy machine left no time for are missing in the table's column.
pub mod heap;

use std::fmt;
use std::hint::spin_loop;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::stop::with_victim;
use crate::stress::Random;

/// Stops per row, at most.
pub const ROUNDS: usize = 300;
/// What the other thread has to do in each round.
pub const CALLS: usize = 100;

/// The longest that the victim runs before it is stopped, in busy steps of the one who stops it.
const SPINS_MAX: usize = 1 << 11;
/// How often the calls are counted when they take longer than they should.
const LOOK: Duration = Duration::from_micros(20);

/// What a header says of those who go on while one is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// No call waits for anybody.
    WaitFree,
    /// No call waits for one that is stopped.
    LockFree,
    /// No call waits for anybody, but it may answer that there is nothing, or no room, because of one that is
    /// stopped.
    NonBlocking,
    /// Takes a lock, but none that the stopped operation ever holds.
    OtherLock,
    /// Waits for one that is stopped while it holds a lock.
    Blocks,
    /// Somebody else's code, of which nothing is claimed here.
    Peer,
}

impl Claim {
    /// Whether a round in which the others stood still contradicts it.
    fn says_that_others_go_on(self) -> bool {
        matches!(
            self,
            Self::WaitFree | Self::LockFree | Self::NonBlocking | Self::OtherLock
        )
    }

    fn limits(self) -> Limits {
        if self.says_that_others_go_on() {
            Limits {
                first: Duration::from_millis(200),
                next: Duration::ZERO,
                row: Duration::from_millis(800),
                blocked: 1,
            }
        } else {
            Limits {
                first: Duration::from_millis(100),
                next: Duration::from_millis(20),
                row: Duration::from_millis(600),
                blocked: 8,
            }
        }
    }
}

/// See the header.
struct Limits {
    /// How long the other one may take, before it gets twice that in addition, until it has stood still once:
    /// long enough to leave no doubt that somebody can be blocked.
    first: Duration,
    /// The same for the rounds after that.
    next: Duration,
    /// After that no round begins.
    row: Duration,
    /// How many rounds in which the other one stood still are enough.
    blocked: usize,
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::WaitFree => "wait-free",
            Self::LockFree => "lock-free",
            Self::NonBlocking => "non-blocking",
            Self::OtherLock => "another lock",
            Self::Blocks => "blocks",
            Self::Peer => "-",
        })
    }
}

/// What came of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// How often the victim was stopped.
    pub rounds: usize,
    /// Rounds in which the other thread stood still, too.
    pub blocked: usize,
}

struct Row {
    kind: &'static str,
    name: &'static str,
    claim: Claim,
    counts: Counts,
}

/// A row per operation.
#[derive(Default)]
pub struct Table {
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl Table {
    /// A table without rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops one thread that repeats `operation`, and counts the rounds in which another one that repeats it, on
    /// the same object, does not go on meanwhile.
    ///
    /// The operation should do nothing else. It must not allocate, because an allocator has locks of its own
    /// (but [`heap::ThreadHeap`]), nor wait for what only the other thread can do.
    ///
    /// # Panics
    /// If the operation does.
    pub fn row(
        &mut self,
        kind: &'static str,
        name: &'static str,
        claim: Claim,
        operation: impl Fn() + Sync,
    ) -> Counts {
        self.row_of_two(kind, name, claim, &operation, &operation)
    }

    /// As [`row`](Self::row), but the one that is stopped repeats `victim` and the one that is to go on `other`.
    ///
    /// # Panics
    /// If one of the two does.
    pub fn row_of_two(
        &mut self,
        kind: &'static str,
        name: &'static str,
        claim: Claim,
        victim: impl FnMut() + Send,
        other: impl FnMut() + Send,
    ) -> Counts {
        let counts = measure(claim, victim, other);
        self.rows.push(Row {
            kind,
            name,
            claim,
            counts,
        });
        counts
    }

    /// A line to be printed below.
    pub fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Prints the table.
    ///
    /// # Panics
    /// If somebody stood still who goes on by the claim.
    pub fn finish(self) {
        println!("{self}");
        for row in &self.rows {
            assert!(
                row.counts.blocked == 0 || !row.claim.says_that_others_go_on(),
                "{}, {}: {} by its header, but others stood still",
                row.kind,
                row.name,
                row.claim
            );
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HEAD: (&str, &str) = ("type", "operation");
        let width = |head: &str, of: fn(&Row) -> &str| {
            let rows = self.rows.iter().map(|row| of(row).len());
            rows.fold(head.len(), usize::max)
        };
        let (kind, name) = (width(HEAD.0, |row| row.kind), width(HEAD.1, |row| row.name));
        writeln!(
            f,
            "| {:kind$} | {:name$} | claim        | rounds | stood still |",
            HEAD.0, HEAD.1
        )?;
        writeln!(
            f,
            "|-{:-<kind$}-|-{:-<name$}-|--------------|-------:|------------:|",
            "", ""
        )?;
        for row in &self.rows {
            let Counts { rounds, blocked } = row.counts;
            writeln!(
                f,
                "| {:kind$} | {:name$} | {:12} | {rounds:6} | {blocked:11} |",
                row.kind, row.name, row.claim
            )?;
        }
        for note in &self.notes {
            writeln!(f, "{note}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn measure(claim: Claim, victim: impl FnMut() + Send, other: impl FnMut() + Send) -> Counts {
    let work = Work::default();
    with_victim(victim, |victim| {
        thread::scope(|scope| {
            let worker = scope.spawn(|| work.run(other));
            let worker = Worker {
                work: &work,
                thread: worker.thread().clone(),
            };
            let mut random = Random::new(1);
            let mut counts = Counts::default();
            let limits = claim.limits();
            let start = Instant::now();
            while counts.rounds < ROUNDS
                && counts.blocked < limits.blocked
                && start.elapsed() < limits.row
            {
                if counts.rounds % 2 == 1 {
                    worker.go();
                }
                for _ in 0..random.below(SPINS_MAX) {
                    spin_loop();
                }
                let stopped = victim.stop();
                worker.go();
                let went_on = worker.goes_on(match counts.blocked {
                    0 => limits.first,
                    _ => limits.next,
                });
                worker.pause();
                drop(stopped);
                counts.rounds += 1;
                counts.blocked += usize::from(!went_on);
            }
            counts
        })
    })
}

/// What the other thread is told, and what it has done.
#[derive(Default)]
struct Work {
    goes: AtomicBool,
    ends: AtomicBool,
    done: AtomicUsize,
}

impl Work {
    fn run(&self, mut other: impl FnMut()) {
        // ORDERING: flags and a count, all through: the other side has nothing else to see, and what is
        // unparked sees what was stored before.
        while !self.ends.load(Relaxed) {
            if !self.goes.load(Relaxed) {
                thread::park();
                continue;
            }
            other();
            // ORDERING: this thread's alone to write.
            self.done.store(self.done.load(Relaxed) + 1, Relaxed);
        }
    }
}

/// The other thread, which ends with this.
struct Worker<'a> {
    work: &'a Work,
    thread: Thread,
}

impl Worker<'_> {
    fn go(&self) {
        // ORDERING: see `Work::run`.
        self.work.goes.store(true, Relaxed);
        self.thread.unpark();
    }

    fn pause(&self) {
        // ORDERING: see `Work::run`; it may be seen some calls later.
        self.work.goes.store(false, Relaxed);
    }

    /// Whether it does its calls from now on, within the limit, or twice that after it.
    fn goes_on(&self, limit: Duration) -> bool {
        // ORDERING: a count, and nothing else is looked at.
        let done = || self.work.done.load(Relaxed);
        let target = done() + CALLS;
        // Nearly always it is this quick, and sleeping is not.
        for _ in 0..SPINS_MAX {
            if done() >= target {
                return true;
            }
            spin_loop();
        }
        [limit, 2 * limit].into_iter().any(|limit| {
            let start = Instant::now();
            while done() < target && start.elapsed() < limit {
                thread::sleep(LOOK);
            }
            done() >= target
        })
    }
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        // ORDERING: see `Work::run`.
        self.work.ends.store(true, Relaxed);
        self.thread.unpark();
    }
}
