//! Which slots are free, and who waits for one: the lock-free part, which runs no code of objects.
//!
//! # States
//! A free slot has its bit in a word, which everybody may change, or it is in the cache of a thread, which
//! uses that alone. A word has the bits of up to 32 slots (16 on 32 bits).
//! ```text
//!  63        31 .................. 0
//! WAITED     1 = free, 0 = claimed, or in a cache (or no such slot)
//!
//!                  put by others                 put by the thread that took it
//!   word: free ◀────────────────── somebody's ──────────────────▶ cache: free
//!           │  ◀─── revoke: when nothing else is left, or somebody waits ─── │
//!           │  ─────── stock: the owner's take, which found it empty ─────▶ │
//!           └──claim─▶ somebody's ◀────────────── take by the owner ─────────┘
//!
//!   WAITED:  clear ──a waiter has joined the queue: mark──▶ set
//!              ▲                                             │
//!              └── a put finds nobody in the queue: unmark ──┘
//! ```
//! Every combination of bits is valid. `WAITED` says that somebody *may* wait; it may be set without need, and
//! then costs one slow put per word.
//!
//! # Invariants
//! 1. A slot whose bit is clear, and which is in no cache, belongs to the one `Claim` (or the guard made of
//!    it) that took it; nobody else touches the slot until that one puts it back.
//! 2. Whoever sleeps in the queue is counted as waiting, has after that marked every word *after* joining,
//!    has then closed every cache, and saw no free slot that it left without a notification.
//! 3. While somebody sleeps, an unmarked word is about to be marked again by the `put` that unmarked it,
//!    which then notifies for every free bit it finds; and an open cache is empty, and about to be closed by
//!    its owner.
//! 4. With sleepers, no more slots are free than notifications are on their way: each put to a marked word
//!    notifies; one who is notified takes a slot, or joins again and looks again (2), or is dropped and
//!    passes the notification on. So nobody sleeps beside a free slot.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries | Model |
//! |---|---|---|---|---|
//! | put → take | `add` sets a bit | `claim` clears it | the contents of the slot | `an_object_is_carried_from_hand_to_hand` |
//! | mark → put | `mark` sets `WAITED` | `add` sees it | that the waiter is in the queue | (see below) |
//! | reopen → wait | `is_waited_for` | `Waiting::add` | that the cache is open | `reopening_meets_a_wait`, and below |
//!
//! Mark against put needs no fence and no total order: both read-modify-write the same word. Either the put
//! came first, and then the mark returns the free bit, or it came later, sees `WAITED` and notifies. The
//! edge mark → put sees to it that this notification is not ordered before the joining, where it would only
//! be a token; a model checker that runs read-modify-writes one after the other cannot show that, x86 cannot
//! either, and the language's memory model does not forbid it without the edge. Marks, unmarks and takes are
//! read-modify-writes, so the release sequences of puts and marks go on through them. Unmarking against a
//! new waiter: the unmark comes before a notification that found nobody, hence before the mark of anyone
//! who joins later (the queue's token or lock carries it). Reopening against a new waiter: both
//! read-modify-write the number of those who wait, and the later one sees the earlier; the edge reopen → wait
//! sees to it that the waiter's attempt to close, if it fails, has not met an older gate, which the checker's
//! compare-exchanges never do either.
//!
//! # Progress
//! Who takes or puts never waits for a thread that is stopped, but what such a thread is about to move is out of reach:
//! the slot of a `put`, what is in the cache of an owner that is stopped *inside* an operation of some ten
//! instructions, and what is on its way from word to cache or back. Take and put of the owner are wait-free while
//! its cache serves. Otherwise they are lock-free; a failed attempt means that another thread took a bit of the
//! same word or gave one back. Waiting and waking: as `WaitQueue`, which blocks while a holder of its
//! ten-instruction lock is stopped.
//!
//! # Fairness
//! Newcomers may be faster than one who was just woken: handing over strictly would cost a thread switch per
//! object. But one who was woken in vain is *robbed*: while there is one, newcomers queue up behind it
//! instead of taking from words; caches are closed then.
//!
//! # Cancel safety
//! See `Get`. A claim that is dropped gives its slot back.
//!
//! # Cost
//! 128 bytes per word, 384 per cache, and 128 for all who wait. Locked instructions: none for what a thread
//! takes and returns, as long as nobody else needs it; otherwise a take is one, a put is one. Stocking is one
//! for up to 16 slots. Joining is one per word and per open cache and three, and a heavy fence if there was one.
//! No allocation after construction.
//!
//! # Sources
//! A mask of free slots is old; lockfree-object-pool (Vaillant, 2021) keeps one per page of 32. Here who waits
//! is told in the same word, and in front of the words there are caches (see `cache`).

mod cached;
mod waiting;

use alloc::boxed::Box;
use core::mem;
use core::ptr::NonNull;

use hyperia_asymmetric::{SEATS, seat};

pub(crate) use self::waiting::Waiting;
use crate::cache::Cache;
use crate::padded::Padded;
use crate::primitive::Ordering::*;
use crate::primitive::{AtomicUsize, parallelism, spread};
use crate::slot::{NOBODY, Owned, Slot};

/// Somebody may wait: a put to this word notifies. The free slots are lower bits.
const WAITED: usize = 1 << (usize::BITS - 1);
/// Slots per word, at most.
const SLOTS_MAX: usize = usize::BITS as usize / 2;
/// Slots per word that make one worth cache lines of its own.
const SLOTS_MIN: usize = 8;
/// Caches per thread that can run at once: others, that sleep most of the time, have seats as well.
const CACHES_PER_THREAD: usize = 2;

/// Slots that a thread takes at a time, at most.
const STOCK_MAX: u32 = 16;

/// The slots of a pool, and which of them are free.
pub(crate) struct Slots<T> {
    all: Owned<T>,
    /// The bits above. Slot `n` has bit `n % 2^shift` of word `n / 2^shift`.
    words: Box<[Padded<AtomicUsize>]>,
    shift: u32,
    /// The owner of one is the thread with its number as its seat.
    caches: Box<[Padded<Cache<T>>]>,
    /// Apart, so that those who wait do not disturb those who need not.
    waiting: Padded<Waiting>,
}

// SAFETY: slots are owned by whoever has them, one thread after the other (invariant 1, with the edges
// above): that takes `T: Send`, as in a mutex.
unsafe impl<T: Send> Send for Slots<T> {}
// SAFETY: as above; nothing in here gives a reference to an object to two threads.
unsafe impl<T: Send> Sync for Slots<T> {}

/// A slot that was taken, and is given back when this is dropped.
#[must_use]
pub(crate) struct Claim<'a, T> {
    slots: &'a Slots<T>,
    slot: &'a Slot<T>,
}

impl<T> Slots<T> {
    /// `capacity` empty slots, all free, with as many caches as the machine, and as many words as that and the
    /// capacity make worth while.
    pub(crate) fn new(capacity: usize) -> Self {
        let threads = parallelism();
        // Nobody knows on which seats the threads will sit that use the pool, however small it is.
        // Without `std` they sit on none.
        let caches = if cfg!(feature = "std") {
            (CACHES_PER_THREAD * threads).min(SEATS)
        } else {
            0
        };
        let words = threads.min(capacity.div_ceil(SLOTS_MIN));
        let slots_each = capacity.div_ceil(words).min(SLOTS_MAX).next_power_of_two();
        Self::with_shape(capacity, slots_each, caches)
    }

    /// As `new`, with `slots_each` slots per word, a power of two.
    pub(crate) fn with_shape(capacity: usize, slots_each: usize, caches: usize) -> Self {
        debug_assert!(slots_each.is_power_of_two() && slots_each <= SLOTS_MAX && caches <= SEATS);
        let words = (0..capacity.div_ceil(slots_each)).map(|word| {
            let len = slots_each.min(capacity - word * slots_each);
            Padded(AtomicUsize::new((1 << len) - 1))
        });
        Self {
            all: Owned::new(capacity),
            words: words.collect(),
            shift: slots_each.trailing_zeros(),
            caches: (0..caches).map(|_| Padded(Cache::new())).collect(),
            waiting: Padded(Waiting::new()),
        }
    }

    pub(crate) fn all(&self) -> &[Slot<T>] {
        &self.all
    }

    /// How many slots are free, as far as one can say.
    pub(crate) fn free(&self) -> usize {
        let words = self.words.iter().map(|word| {
            // ORDERING: a snapshot for people.
            let word = word.load(Relaxed);
            (word & !WAITED).count_ones() as usize
        });
        let cached: usize = self.caches.iter().map(|cache| cache.len()).sum();
        // What moves between a word and a cache may be seen twice.
        (words.sum::<usize>() + cached).min(self.all.len())
    }

    /// Takes a free slot, out of the thread's own cache first. Nothing while others were woken in vain.
    #[inline]
    pub(crate) fn take(&self) -> Option<Claim<'_, T>> {
        match self.take_cached() {
            Some(claim) => Some(claim),
            None => self.take_uncached(),
        }
    }

    /// As `take`, when the cache of the thread is empty or closed, or it has none.
    #[inline(never)]
    fn take_uncached(&self) -> Option<Claim<'_, T>> {
        if self.any_robbed() {
            return None;
        }
        match self.own() {
            Some((_, cache)) if cache.is_open() => self.take_stocking(Some(cache)),
            Some((_, cache)) => {
                self.try_reopen(cache);
                self.take_shared()
            }
            None => self.take_shared(),
        }
    }

    /// Takes a free slot wherever it is, even before those who were woken in vain.
    pub(crate) fn take_shared(&self) -> Option<Claim<'_, T>> {
        self.take_stocking(None)
    }

    /// As `take_shared`, and puts some more into `cache`, if it is given: the thread's own.
    fn take_stocking(&self, cache: Option<&Cache<T>>) -> Option<Claim<'_, T>> {
        if let Some(claim) = self.take_from_words(cache) {
            return Some(claim);
        }
        if self.revoke(|cache| cache.len() > 0) {
            return self.take_from_words(None);
        }
        None
    }

    fn take_from_words(&self, cache: Option<&Cache<T>>) -> Option<Claim<'_, T>> {
        self.indexes().find_map(|index| {
            // ORDERING: a guess, which the compare-exchange of a claim checks.
            let word = self.words[index].load(Relaxed);
            self.claim(index, word, cache)
        })
    }

    /// All words, one that most other threads do not begin with first.
    fn indexes(&self) -> impl Iterator<Item = usize> + use<T> {
        let len = self.words.len();
        let first = seat().unwrap_or_else(spread) % len;
        (first..len).chain(0..first)
    }

    /// Takes the lowest free slot of a word, which was seen last as `word`; `None` when none is left. With a cache
    /// of this thread's to put them into it takes half of what is free, unless somebody waits.
    fn claim(
        &self,
        index: usize,
        mut word: usize,
        cache: Option<&Cache<T>>,
    ) -> Option<Claim<'_, T>> {
        while word & !WAITED != 0 {
            let cache = cache.filter(|_| word & WAITED == 0);
            let taken = lowest(word & !WAITED, cache.is_some());
            // ORDERING: Acquire pairs with the Release of the `add`s that set the bits, so that the slots are as
            // their last owners left them. A failure reads nothing but the next guess.
            match self.words[index].compare_exchange(word, word & !taken, Acquire, Relaxed) {
                Ok(_) => {
                    let claim = Claim {
                        slots: self,
                        slot: self.claimed(index, taken.trailing_zeros()),
                    };
                    if let Some(cache) = cache {
                        self.stock(cache, index, taken & (taken - 1));
                    }
                    return Some(claim);
                }
                Err(seen) => word = seen,
            }
        }
        None
    }

    /// A slot that this thread has just claimed. It goes back to the thread's cache, if it has one.
    fn claimed(&self, index: usize, bit: u32) -> &Slot<T> {
        let slot = &self.all[(index << self.shift) + bit as usize];
        let taker = self.own().map_or(NOBODY, |(seat, _)| seat);
        // SAFETY: the slot was claimed by this thread (invariant 1).
        unsafe { slot.set_taker(taker) };
        slot
    }

    /// Gives a slot back, and wakes the one who waits longest.
    ///
    /// # Safety
    ///
    /// The slot is one of these, the caller owns it (invariant 1), and does so no longer.
    #[inline]
    pub(crate) unsafe fn put(&self, slot: &Slot<T>) {
        // SAFETY: passed on from the caller.
        if !unsafe { self.put_cached(slot) } {
            self.put_into_word(slot);
        }
    }

    /// Gives a slot back to everybody, which is the caller's and in no cache.
    #[inline(never)]
    fn put_into_word(&self, slot: &Slot<T>) {
        if self.add(slot) & WAITED != 0 {
            self.notify_one(slot);
        }
    }

    /// The number of the word of a slot.
    fn word_of(&self, slot: &Slot<T>) -> usize {
        slot.number >> self.shift
    }

    /// Sets the bit of a slot, and returns its word as it was.
    fn add(&self, slot: &Slot<T>) -> usize {
        let bit = 1 << (slot.number & ((1 << self.shift) - 1));
        // ORDERING: Release pairs with the Acquire of the next claim and carries the slot. Acquire pairs with
        // the Release in `mark`: whoever has marked the word is in the queue when it is notified.
        // (An addition, since the bit was clear: x86 has one that returns the old word, and no such "or".)
        let word = self.words[self.word_of(slot)].fetch_add(bit, AcqRel);
        debug_assert!(word & bit == 0, "a slot that was free is given back");
        word
    }
}

/// The lowest bit of `bits`, which has one; or half of them, from the lowest, if `many`.
fn lowest(bits: usize, many: bool) -> usize {
    let count = if many {
        bits.count_ones().div_ceil(2).min(STOCK_MAX)
    } else {
        1
    };
    let rest = (0..count).fold(bits, |rest, _| rest & (rest - 1));
    bits & !rest
}

impl<'a, T> Claim<'a, T> {
    /// # Safety
    ///
    /// The slot is one of the slots', and the caller's, who leaves it to this.
    pub(crate) unsafe fn new(slots: &'a Slots<T>, slot: &'a Slot<T>) -> Self {
        Self { slots, slot }
    }

    /// The slot, which is the claim's.
    #[inline]
    pub(crate) fn slot(&self) -> &'a Slot<T> {
        self.slot
    }

    /// Keeps the slot, for a guard that gives it back by [`Slots::put`].
    #[inline]
    pub(crate) fn keep(self) -> NonNull<Slot<T>> {
        let slot = NonNull::from(self.slot);
        mem::forget(self);
        slot
    }
}

impl<T> Drop for Claim<'_, T> {
    fn drop(&mut self) {
        // SAFETY: the slot is the claim's, and of these slots.
        unsafe { self.slots.put(self.slot) };
    }
}
