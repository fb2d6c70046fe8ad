//! Which slots are free, and who waits for one: the lock-free part, which knows no objects.
//!
//! # States
//! A word per stripe; a stripe has up to 63 slots (31 on 32 bits).
//! ```text
//!  63      62 ................ 0
//! WAITED   1 = free, 0 = claimed (or no such slot)
//!
//!   bit:    free ──take──▶ claimed ──put──▶ free
//!
//!   WAITED:  clear ──a waiter has joined the queue: mark──▶ set
//!              ▲                                             │
//!              └── a put finds nobody in the queue: unmark ──┘
//! ```
//! Every combination is valid. `WAITED` says that somebody *may* wait; it may be set without need, and
//! then costs one slow `put` per stripe.
//!
//! # Invariants
//! 1. A slot whose bit is clear belongs to the one `Claim` (or the guard made of it) that cleared it; nobody
//!    else touches the slot until that one sets the bit again.
//! 2. Whoever sleeps in the queue has marked every stripe *after* joining and saw no free bit there that it
//!    left without a notification.
//! 3. While somebody sleeps, an unmarked stripe is about to be marked again by the `put` that unmarked it,
//!    which then notifies for every free bit it finds.
//! 4. With sleepers, no more bits are free than notifications are on their way: each put to a marked stripe
//!    notifies; one who is notified takes a bit, or joins again and looks again (2), or is dropped and
//!    passes the notification on. So nobody sleeps beside a free slot.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries | Model |
//! |---|---|---|---|---|
//! | put → take | `put` sets the bit | `take_from` clears it | the contents of the slot | `an_object_is_carried_from_hand_to_hand` |
//! | mark → put | `look` sets `WAITED` | `put` sees it | that the waiter is in the queue | (see below) |
//!
//! Mark against put needs no fence and no total order: both read-modify-write the same word. Either the put
//! came first, and then the mark returns the free bit, or it came later, sees `WAITED` and notifies. The
//! edge mark → put sees to it that this notification is not ordered before the joining, where it would only
//! be a token; a model checker that runs read-modify-writes one after the other cannot show that, x86 cannot
//! either, and the language's memory model does not forbid it without the edge. Marks, unmarks and takes are
//! read-modify-writes, so the release sequences of puts and marks go on through them. Unmarking against a
//! new waiter: the unmark comes before a notification that found nobody, hence before the mark of anyone
//! who joins later (the queue's token or lock carries it).
//!
//! # Progress
//! `take`, `put` with nobody waiting: lock-free; a failed attempt means that another thread took a bit of
//! the same stripe or gave one back. Waiting and waking: as `WaitQueue`, which blocks while a holder of its
//! ten-instruction lock is stopped.
//!
//! # Fairness
//! Newcomers may be faster than one who was just woken: handing over strictly would cost a thread switch per
//! object. But one who was woken in vain is *robbed*: while there is one, newcomers queue up behind it
//! instead of taking from marked stripes.
//!
//! # Cancel safety
//! See `Get`. A claim that is dropped gives its slot back.
//!
//! # Cost
//! 128 bytes per stripe, and 128 for all who wait. A take is one locked instruction, a put is one. Joining
//! is one per stripe and one for the queue. No allocation after construction. Both locked instructions of a
//! take and a put go to one word, which costs a thread that takes and returns in a tight loop about 4 ns more
//! than two words would (a second word for what came back would cost a search of both when one is empty, and
//! a mark in each).
//!
//! # Sources
//! A mask of free slots is old; lockfree-object-pool (Vaillant, 2021) keeps one per page of 32. Here there
//! is one per group of threads and cache line, and who waits is told in the same word.

use alloc::boxed::Box;
use core::mem;

use hyperia_wait::WaitQueue;

use crate::padded::Padded;
use crate::primitive::Ordering::*;
use crate::primitive::{AtomicUsize, parallelism, thread_index};

/// Somebody may wait: a put to this stripe notifies. The other bits are the free slots.
const WAITED: usize = 1 << SLOTS_MAX;
/// Slots per stripe, at most.
const SLOTS_MAX: u32 = usize::BITS - 1;
/// Slots per stripe that make a stripe worth a cache line of its own.
const SLOTS_MIN: usize = 8;

/// The slots that are free, by stripe.
#[derive(Debug)]
pub(crate) struct Stripes {
    /// A power of two of them.
    stripes: Box<[Padded<Stripe>]>,
    /// Apart, so that those who wait do not disturb those who need not.
    waiting: Padded<Waiting>,
}

#[derive(Debug)]
struct Stripe {
    /// The bits above.
    word: AtomicUsize,
    /// The number of the slot that bit 0 stands for.
    first: usize,
}

#[derive(Debug)]
struct Waiting {
    queue: WaitQueue,
    /// Those who were woken in vain and still wait. A hint for newcomers: nothing depends on it but who
    /// is first.
    robbed: AtomicUsize,
}

/// Where a slot has its bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) stripe: u32,
    pub(crate) bit: u8,
}

/// A slot that was taken, and is given back when this is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct Claim<'a> {
    stripes: &'a Stripes,
    place: Place,
}

impl Stripes {
    /// Stripes for `capacity` slots, all free, as many as the machine and the capacity make worth while.
    pub(crate) fn new(capacity: usize) -> Self {
        let needed = capacity.div_ceil(SLOTS_MAX as usize);
        let wanted = parallelism().min(capacity.div_ceil(SLOTS_MIN));
        Self::with_stripes(capacity, needed.max(wanted).next_power_of_two())
    }

    /// `capacity` slots spread evenly over `stripes`, a power of two.
    pub(crate) fn with_stripes(capacity: usize, stripes: usize) -> Self {
        debug_assert!(stripes.is_power_of_two());
        let (each, more) = (capacity / stripes, capacity % stripes);
        let mut first = 0;
        let stripes = (0..stripes)
            .map(|index| {
                let len = each + usize::from(index < more);
                debug_assert!(len <= SLOTS_MAX as usize);
                let stripe = Stripe {
                    // `len` ones; `WAITED` is the one bit that is never among them.
                    word: AtomicUsize::new((1 << len) - 1),
                    first,
                };
                first += len;
                Padded(stripe)
            })
            .collect();
        Self {
            stripes,
            waiting: Padded(Waiting {
                queue: WaitQueue::new(),
                robbed: AtomicUsize::new(0),
            }),
        }
    }

    /// Where each slot has its bit, in the order of their numbers. Only while all are free.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place> {
        self.stripes.iter().enumerate().flat_map(|(index, stripe)| {
            // ORDERING: before the stripes are shared.
            let len = stripe.word.load(Relaxed).count_ones();
            (0..len).map(move |bit| Place {
                stripe: index as u32,
                bit: bit as u8,
            })
        })
    }

    pub(crate) fn queue(&self) -> &WaitQueue {
        &self.waiting.queue
    }

    /// How many slots are free, as far as one can say.
    pub(crate) fn free(&self) -> usize {
        let words = self.stripes.iter().map(|stripe| {
            // ORDERING: a snapshot for people.
            let word = stripe.word.load(Relaxed);
            (word & !WAITED).count_ones() as usize
        });
        words.sum()
    }

    /// Takes a free slot, the thread's own stripe first. Nothing while others were woken in vain.
    #[inline]
    pub(crate) fn take(&self) -> Option<Claim<'_>> {
        let own = self.own();
        // ORDERING: a guess, which the compare-exchange of a claim checks.
        let word = self.stripes[own].word.load(Relaxed);
        // Neither empty nor waited for.
        if word.wrapping_sub(1) < WAITED - 1
            && let Some(claim) = self.claim(own, word)
        {
            return Some(claim);
        }
        self.take_anywhere(own)
    }

    /// As `take`, when the own stripe is empty or somebody may wait.
    #[cold]
    fn take_anywhere(&self, own: usize) -> Option<Claim<'_>> {
        if self.any_robbed() {
            return None;
        }
        self.take_from(own)
    }

    /// Takes a free slot even before those who were woken in vain: for one who was woken.
    #[cold]
    pub(crate) fn take_notified(&self) -> Option<Claim<'_>> {
        self.take_from(self.own())
    }

    fn take_from(&self, own: usize) -> Option<Claim<'_>> {
        self.indexes(own).find_map(|index| {
            // ORDERING: a guess again.
            let mut word = self.stripes[index].word.load(Relaxed);
            self.claim_any(index, &mut word)
        })
    }

    /// For one who has joined the queue: marks all stripes, and takes what it finds on the way. Someone
    /// who was not robbed leaves it to the head of the queue while others were.
    #[cold]
    pub(crate) fn look(&self, is_robbed: bool) -> Option<Claim<'_>> {
        let leave = !is_robbed && self.any_robbed();
        let mut left = 0;
        for index in self.indexes(self.own()) {
            // ORDERING: Release pairs with the Acquire in `put`: who sees the mark finds the waiter in the
            // queue. What is free is claimed below, with an Acquire of its own.
            let mut word = self.stripes[index].word.fetch_or(WAITED, Release);
            if leave {
                left += (word & !WAITED).count_ones() as usize;
            } else if let Some(claim) = self.claim_any(index, &mut word) {
                return Some(claim);
            }
        }
        if left > 0 {
            // May reach the caller's own wait, which is polled again then.
            self.queue().notify_many(left);
        }
        None
    }

    fn any_robbed(&self) -> bool {
        // ORDERING: a hint about who is first.
        self.waiting.robbed.load(Relaxed) != 0
    }

    /// Somebody was woken and found nothing.
    pub(crate) fn add_robbed(&self) {
        // ORDERING: a count; the hint above reads it.
        self.waiting.robbed.fetch_add(1, Relaxed);
    }

    /// It was served, or has given up.
    pub(crate) fn remove_robbed(&self) {
        // ORDERING: a count; goes back by what `add_robbed` added.
        self.waiting.robbed.fetch_sub(1, Relaxed);
    }

    #[inline]
    fn own(&self) -> usize {
        thread_index() & (self.stripes.len() - 1)
    }

    /// All stripes, `own` first.
    fn indexes(&self, own: usize) -> impl Iterator<Item = usize> + use<> {
        let mask = self.stripes.len() - 1;
        (own..=own + mask).map(move |index| index & mask)
    }

    /// Takes the lowest free bit of a stripe, whose word was seen last as `word`; `None` when none is left.
    fn claim_any(&self, index: usize, word: &mut usize) -> Option<Claim<'_>> {
        while *word & !WAITED != 0 {
            if let Some(claim) = self.claim(index, *word) {
                return Some(claim);
            }
            // ORDERING: the next guess.
            *word = self.stripes[index].word.load(Relaxed);
        }
        None
    }

    /// One attempt at the lowest free bit of `word`, which has one.
    #[inline]
    fn claim(&self, index: usize, word: usize) -> Option<Claim<'_>> {
        // The lowest bit: never `WAITED`, since there is a lower one.
        let rest = word & (word - 1);
        // ORDERING: Acquire pairs with the Release of the `put` that set the bit, so that the slot is as the
        // last owner left it. A failure reads nothing.
        self.stripes[index]
            .word
            .compare_exchange(word, rest, Acquire, Relaxed)
            .ok()?;
        Some(Claim {
            stripes: self,
            place: Place {
                stripe: index as u32,
                bit: word.trailing_zeros() as u8,
            },
        })
    }

    /// Gives a slot back, and wakes the one who waits longest.
    ///
    /// The caller owned the slot (invariant 1) and does so no longer.
    #[inline]
    pub(crate) fn put(&self, place: Place) {
        let bit = 1 << place.bit;
        // ORDERING: Release pairs with the Acquire of the next claim and carries the slot. Acquire pairs with
        // the Release in `look`: whoever has marked the stripe is in the queue when it is notified.
        // (An addition, since the bit was clear: x86 has one that returns the old word, and no such "or".)
        let word = self.stripes[place.stripe as usize]
            .word
            .fetch_add(bit, AcqRel);
        debug_assert!(word & bit == 0, "a slot that was free is given back");
        if word & WAITED != 0 {
            self.put_waited(place.stripe as usize);
        }
    }

    /// The slow part of `put`: somebody may wait.
    #[cold]
    fn put_waited(&self, index: usize) {
        /// Takes back an unmarking that came too early, also if the waker of the one who was there panics.
        struct MarkAgain<'a>(&'a Stripes, usize);
        impl Drop for MarkAgain<'_> {
            fn drop(&mut self) {
                // ORDERING: goes on with the release sequence of the waiters' own marks, whose puts it must
                // be seen by.
                let word = self.0.stripes[self.1].word.fetch_or(WAITED, Relaxed);
                // What came back meanwhile told nobody.
                let free = (word & !WAITED).count_ones() as usize;
                self.0.queue().notify_many(free);
            }
        }

        if self.queue().notify_one() {
            return;
        }
        // Nobody there: the mark is an old one.
        // ORDERING: comes before the next notification, and with it before the mark of whoever joins the
        // queue after that; it goes on with the release sequence of the puts.
        self.stripes[index].word.fetch_and(!WAITED, Relaxed);
        // But somebody may have joined, and marked, just before the mark was removed.
        let mark_again = MarkAgain(self, index);
        if !self.queue().notify_one() {
            mem::forget(mark_again);
        }
    }
}

impl Claim<'_> {
    /// The number of the slot.
    #[inline]
    pub(crate) fn slot(&self) -> usize {
        self.stripes.stripes[self.place.stripe as usize].first + self.place.bit as usize
    }

    /// Keeps the slot, for a guard that gives it back by [`Stripes::put`].
    #[inline]
    pub(crate) fn keep(self) {
        mem::forget(self);
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.stripes.put(self.place);
    }
}
