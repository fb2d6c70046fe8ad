//! What one registration knows about its descriptor, and who wants to know: one word.
//!
//! # Layout
//! ```text
//!  63          40 39          10  9    8    7 .. 4   3 .. 0
//! ┌──────────────┬──────────────┬────┬────┬────────┬────────┐
//! │ generation   │ tick         │ S  │ G  │ write  │ read   │
//! └──────────────┴──────────────┴────┴────┴────────┴────────┘
//!   which owner    events so far  │    │    one nibble per direction:
//!   of the slot    of this owner  │    │    QUEUE | CELL | LASTING | READY
//!                                 │   GONE: the reactor was dropped
//!                                SHARED: others may hold the descriptor too
//! ```
//! | Bits of a direction | Meaning |
//! |---|---|
//! | none | an attempt would block; an event will come |
//! | `READY` | an attempt may succeed |
//! | `READY`, `LASTING` | as above, and no sign of the contrary but an attempt that blocks counts: end of file, hang-up, an error (there may be no further event), or urgent data (which cuts reads short) |
//! | `CELL`, `QUEUE` (beside any of these) | since the last event a waiter has put itself into the waker cell / the wait queue of that direction |
//!
//! `LASTING` without `READY` does not occur.
//!
//! # Invariants
//! 1. `deliver` changes the word only while it carries the generation of the event. So an event that was
//!    meant for an earlier owner of the slot reaches nobody, even if the slot changes hands while the
//!    event is being delivered.
//! 2. Each `deliver` increments the tick; `clear` and `drained` change nothing unless the tick is the one
//!    that was loaded *before* the attempt. So what an attempt found out cannot erase a newer event.
//! 3. A waiter puts its waker where it belongs and then sets `CELL` or `QUEUE` with a
//!    read-modify-write that shows it the word. Of `announce` and `deliver` one comes first: either the
//!    waiter sees the readiness, or the reactor sees the bit, and wakes.
//!
//! The tick wraps after 2^30 events; an attempt would have to be asleep for exactly that many. The
//! generation wraps after 2^24 owners of one slot; an event outlives the batch it came in only if its
//! descriptor was closed elsewhere while a duplicate lives.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries | Model |
//! |---|---|---|---|---|
//! | event → attempt | `deliver` | `load`, `announce` | the state of the descriptor that the event reported: an attempt made after seeing tick *t* finds at least what event *t* reported, or a newer event is still to come | `an_attempt_sees_what_the_event_reported` |
//! | old owner → new owner | the lock of the free list | the same | the generation | – |
//! | register → event | the kernel: `epoll_ctl` before the wait that returns the event | | the generation that `deliver` compares | – |
//!
//! One word, so no order across variables is needed and nothing is `SeqCst`. The waker behind a bit is not
//! carried by the word but by its place: a `WakerCell` or `WaitQueue` promises that either `wake` finds the
//! waker, or whoever put it there sees what was done before that `wake`. The latter would be this word with
//! readiness in it, in `announce`; but then `announce` came after `deliver`, which thus saw no bit and did
//! not wake at all. (Model: `a_waiter_in_the_cell_is_woken_or_sees_the_event`, and `_queue_`.)
//!
//! # Progress
//! `load`, `announce` and `abandon` are wait-free; the others are lock-free (a compare-exchange loop that others
//! make fail only by changing the word).
//!
//! # Sources
//! tokio's `ScheduledIo` (readiness, tick and shutdown in one word, a clear that carries its tick,
//! closed bits that a short read leaves alone). New here: the generation and the waiters are in the same
//! word, so stale events and sleeping waiters need neither a pointer check nor a lock; an attempt that
//! blocks takes back the lasting bits too, so that a socket registered before it was connected does not
//! spin; and urgent data suspends the short-read rule, because a read stops at it with more behind.

use core::fmt;

use crate::primitive::AtomicU64;
use crate::primitive::Ordering::*;

#[cfg(all(test, not(hyperia_loom)))]
mod tests;

/// One of the two ways data goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Towards us: reading, receiving, accepting.
    Read = 0,
    /// Away from us: writing, sending, connecting.
    Write = 1,
}

impl Direction {
    /// How far the nibble of this direction is from the right.
    const fn shift(self) -> u32 {
        self as u32 * 4
    }
}

/// An attempt may succeed.
const READY: u64 = 1;
/// `READY` until an attempt blocks, whatever a short read or write suggests.
const LASTING: u64 = 2;
/// A waiter is in the waker cell.
const CELL: u64 = 4;
/// Waiters are in the queue.
const QUEUE: u64 = 8;
/// Where wakers are, in both directions.
const WAITERS: u64 = (CELL | QUEUE) | (CELL | QUEUE) << 4;
/// The reactor was dropped.
const GONE: u64 = 1 << 8;
/// The descriptor may be known elsewhere: it is removed from the reactor before it is closed.
const SHARED: u64 = 1 << 9;

const TICK_SHIFT: u32 = 10;
const TICK_ONE: u64 = 1 << TICK_SHIFT;
const TICK_MASK: u64 = ((1 << 30) - 1) << TICK_SHIFT;
const GENERATION_SHIFT: u32 = 40;
const GENERATION_ONE: u64 = 1 << GENERATION_SHIFT;
const GENERATION_MASK: u64 = !(GENERATION_ONE - 1);

/// What an event says, as bits of the word.
#[derive(Clone, Copy)]
pub(crate) struct Report(u64);

impl Report {
    /// Translates `EPOLL*` bits.
    ///
    /// `EPOLLRDHUP` is not `EPOLLHUP`: a peer that has finished sending may still be receiving, so that it
    /// says nothing about writing. `EPOLLHUP` and `EPOLLERR` concern both directions: an attempt in
    /// either shows what happened. `EPOLLPRI` (urgent data) makes reads end early, at the mark.
    pub(crate) fn from_epoll(flags: u32) -> Self {
        let has = |bits: i32| flags & bits as u32 != 0;
        let both = libc::EPOLLHUP | libc::EPOLLERR;
        let mut report = 0;
        if has(libc::EPOLLIN | libc::EPOLLPRI | libc::EPOLLRDHUP | both) {
            report |= READY;
        }
        if has(libc::EPOLLPRI | libc::EPOLLRDHUP | both) {
            report |= LASTING;
        }
        if has(libc::EPOLLOUT | both) {
            report |= READY << 4;
        }
        if has(both) {
            report |= LASTING << 4;
        }
        Self(report)
    }
}

/// That a direction is ready, and as of when.
///
/// Obtained *before* an attempt, it is what [`Source::clear`](crate::Source::clear) and
/// [`Source::drained`](crate::Source::drained) need afterwards: an event that came in between has made it
/// outdated, and they do nothing.
#[derive(Clone, Copy)]
pub struct Ready {
    /// The whole word as it was seen.
    word: u64,
    direction: Direction,
}

impl Ready {
    /// The direction that is ready.
    pub fn direction(self) -> Direction {
        self.direction
    }

    /// Whether a short read or write means nothing.
    fn is_lasting(self) -> bool {
        self.word & LASTING << self.direction.shift() != 0
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready")
            .field("direction", &self.direction)
            .field("lasting", &self.is_lasting())
            .field("tick", &((self.word & TICK_MASK) >> TICK_SHIFT))
            .finish()
    }
}

/// The word as it was at some time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen(u64);

impl Seen {
    #[inline]
    pub(crate) fn ready(self, direction: Direction) -> Option<Ready> {
        (self.0 & READY << direction.shift() != 0).then_some(Ready {
            word: self.0,
            direction,
        })
    }

    pub(crate) fn is_gone(self) -> bool {
        self.0 & GONE != 0
    }
}

/// Where a waiter has put its waker.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Cell,
    Queue,
}

/// Who has to be woken: the `CELL` and `QUEUE` bits of both directions.
#[derive(Clone, Copy)]
pub(crate) struct Wakes(u64);

impl Wakes {
    #[inline]
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn contains(self, direction: Direction, place: Place) -> bool {
        self.0 & place_bit(direction, place) != 0
    }
}

fn place_bit(direction: Direction, place: Place) -> u64 {
    let bit = match place {
        Place::Cell => CELL,
        Place::Queue => QUEUE,
    };
    bit << direction.shift()
}

/// The word: see above.
pub(crate) struct ReadyWord {
    word: AtomicU64,
}

impl ReadyWord {
    pub(crate) fn new() -> Self {
        Self {
            word: AtomicU64::new(SHARED),
        }
    }

    /// Which owner the slot has, or will have next; 24 bits.
    pub(crate) fn generation(&self) -> u32 {
        // ORDERING: Relaxed; called by the owner, whom the lock of the free list has given the slot.
        (self.word.load(Relaxed) >> GENERATION_SHIFT) as u32
    }

    #[inline]
    pub(crate) fn load(&self) -> Seen {
        // ORDERING: Acquire pairs with the Release in `deliver`: the attempt that follows finds what the
        // event reported, so what it clears is not older than the tick it carries.
        Seen(self.word.load(Acquire))
    }

    /// Takes note of an event for the owner `generation`. `None`: that owner has left.
    pub(crate) fn deliver(&self, generation: u32, report: Report) -> Option<Wakes> {
        // ORDERING: Relaxed, a first guess; the kernel has ordered the registration before its event.
        let mut word = self.word.load(Relaxed);
        loop {
            if (word >> GENERATION_SHIFT) as u32 != generation {
                return None;
            }
            let mut wakes = 0;
            if report.0 & READY != 0 {
                wakes |= word & (CELL | QUEUE);
            }
            if report.0 & READY << 4 != 0 {
                wakes |= word & (CELL | QUEUE) << 4;
            }
            let tick = word.wrapping_add(TICK_ONE) & TICK_MASK;
            let next = word & !TICK_MASK & !wakes | tick | report.0;
            // ORDERING: Release carries the state of the descriptor to `load` and `announce`. Nothing is
            // acquired: the places of wakers see to themselves (header). A failure repeats the guess.
            match self
                .word
                .compare_exchange_weak(word, next, Release, Relaxed)
            {
                Ok(_) => return Some(Wakes(wakes)),
                Err(changed) => word = changed,
            }
        }
    }

    /// Says that a waker has been put into `place`, and shows the word as it is after that.
    pub(crate) fn announce(&self, direction: Direction, place: Place) -> Seen {
        // ORDERING: Acquire pairs with the Release in `deliver`, for the attempt that follows if the word
        // shows readiness. The waker itself is published by its place.
        Seen(self.word.fetch_or(place_bit(direction, place), Acquire))
    }

    /// After an attempt that would have blocked: nothing is ready until the next event.
    pub(crate) fn clear(&self, seen: Ready) {
        self.update_unless_stale(seen, (READY | LASTING) << seen.direction.shift());
    }

    /// After an attempt that did part of what it could: as `clear`, except that lasting readiness
    /// stays.
    pub(crate) fn drained(&self, seen: Ready) {
        if !seen.is_lasting() {
            self.update_unless_stale(seen, READY << seen.direction.shift());
        }
    }

    fn update_unless_stale(&self, seen: Ready, remove: u64) {
        let same = GENERATION_MASK | TICK_MASK;
        let mut word = seen.word;
        while (word ^ seen.word) & same == 0 && word & remove != 0 {
            // ORDERING: Relaxed; the tick that is compared was loaded, with Acquire, before the attempt,
            // and what this publishes is only that somebody should wait.
            match self
                .word
                .compare_exchange_weak(word, word & !remove, Relaxed, Relaxed)
            {
                Ok(_) => return,
                Err(changed) => word = changed,
            }
        }
    }

    /// Makes the next attempt in `direction` happen without an event.
    pub(crate) fn assume(&self, direction: Direction) {
        // ORDERING: Relaxed; nothing is reported, it only permits an attempt.
        self.word.fetch_or(READY << direction.shift(), Relaxed);
    }

    pub(crate) fn is_shared(&self) -> bool {
        // ORDERING: Relaxed; the owner asks while it is dropped, when nobody else can change the bit.
        self.word.load(Relaxed) & SHARED != 0
    }

    pub(crate) fn set_shared(&self) {
        if !self.is_shared() {
            // ORDERING: Relaxed; whoever drops the owner later is ordered after its users anyway.
            self.word.fetch_or(SHARED, Relaxed);
        }
    }

    pub(crate) fn set_unshared(&self) {
        // ORDERING: Relaxed; the caller owns the registration exclusively.
        self.word.fetch_and(!SHARED, Relaxed);
    }

    /// The owner leaves: the word of the next one.
    pub(crate) fn retire(&self) {
        // ORDERING: Relaxed; only the owner, who is calling, changes the generation.
        let word = self.word.load(Relaxed);
        let next = (word & GENERATION_MASK).wrapping_add(GENERATION_ONE) | SHARED;
        // ORDERING: Relaxed; a delivery that comes later in the order of the word finds another
        // generation, one that came before is overwritten. The next owner gets the slot under a lock,
        // or, if the reactor was dropped (whose bit is overwritten, too), there is none.
        self.word.swap(next, Relaxed);
    }

    /// The reactor has been dropped: no event will come any more.
    pub(crate) fn abandon(&self) -> Wakes {
        // ORDERING: Relaxed; the bit is all there is to tell, and wakers are found through their places.
        Wakes(self.word.fetch_or(GONE, Relaxed) & WAITERS)
    }
}

impl fmt::Debug for ReadyWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = self.load();
        f.debug_struct("ReadyWord")
            .field("read", &seen.ready(Direction::Read).is_some())
            .field("write", &seen.ready(Direction::Write).is_some())
            .finish_non_exhaustive()
    }
}
