//! Which slots are free, and who waits for one: the lock-free part, which knows no objects.
//!
//! # States
//! A stripe has up to 63 slots (31 on 32 bits), a word that everybody may change, and a `Cache` that one
//! thread uses alone. A free slot is in the one or in the other.
//! ```text
//!  63      62 ................ 0
//! WAITED   1 = free, 0 = claimed, or in the cache (or no such slot)
//!
//!                  put by others                     put by the owner
//!   word: free ◀────────────────── somebody's ──────────────────▶ cache: free
//!           │  ◀─── revoke: when nothing else is left, or somebody waits ─── │
//!           │  ────── refill: the owner's take, which found its cache empty ▶│
//!           └──take──▶ somebody's ◀────────────── take by the owner ─────────┘
//!
//!   WAITED:  clear ──a waiter has joined the queue: mark──▶ set
//!              ▲                                             │
//!              └── a put finds nobody in the queue: unmark ──┘
//! ```
//! Every combination of bits is valid. `WAITED` says that somebody *may* wait; it may be set without need, and
//! then costs one slow `put` per stripe.
//!
//! # Invariants
//! 1. A slot whose bit is clear, and which is not in a cache, belongs to the one `Claim` (or the guard made
//!    of it) that took it; nobody else touches the slot until that one puts it back.
//! 2. Whoever sleeps in the queue has marked every stripe *after* joining, has closed every cache after
//!    that, and saw no free slot that it left without a notification.
//! 3. While somebody sleeps, an unmarked stripe, or one with an open cache, is about to be marked and closed
//!    again: by the `put` that unmarked it, which then notifies for every free slot it finds, or by the
//!    owner, who looks for the mark after it has opened.
//! 4. With sleepers, no more slots are free than notifications are on their way: each put to a marked word
//!    notifies; one who is notified takes a slot, or joins again and looks again (2), or is dropped and
//!    passes the notification on. So nobody sleeps beside a free slot.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries | Model |
//! |---|---|---|---|---|
//! | put → take | `add` sets bits | `claim`, `refill` clear them | the contents of the slots | `an_object_is_carried_from_hand_to_hand` |
//! | mark → put | `mark` sets `WAITED` | `add` sees it | that the waiter is in the queue | (see below) |
//! | reopen → mark | `reopen` looks for `WAITED` | `mark` | that the cache is open | `reopening_meets_a_wait` |
//! | mark → reopen | `mark` | `reopen` sees it | nothing: the bit is enough | |
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
//! Nobody ever waits for a thread that is stopped, but what such a thread is about to move is out of reach:
//! the slot of a `put`, and what is in the cache of an owner that is stopped *inside* an operation of some ten
//! instructions, or in a refill. Take and put of the owner are wait-free while its cache serves. Otherwise they
//! are lock-free; a failed attempt means that another thread took a bit of the same stripe or gave one back.
//! Waiting and waking: as `WaitQueue`, which blocks while a holder of its ten-instruction lock is stopped.
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
//! 256 bytes per stripe, and 128 for all who wait. Locked instructions: none for what the owner of a stripe
//! takes and returns, as long as nobody else needs it; otherwise a take is one, a put is one. Joining is two
//! per stripe and one for the queue, and a heavy fence if a cache was open. No allocation after construction.
//!
//! # Sources
//! A mask of free slots is old; lockfree-object-pool (Vaillant, 2021) keeps one per page of 32. Here there
//! is one per thread, who waits is told in the same word, and the thread's own part is biased (see `cache`).

mod bias;
mod waiting;

use alloc::boxed::Box;
use core::mem;

use hyperia_asymmetric::{SEATS, seat};

use self::waiting::Waiting;
use crate::cache::Cache;
use crate::padded::Padded;
use crate::primitive::Ordering::*;
use crate::primitive::{AtomicUsize, parallelism, spread};
use crate::slot::Place;

/// Somebody may wait: a put to this stripe notifies. The other bits are the free slots.
const WAITED: usize = 1 << SLOTS_MAX;
/// Slots per stripe, at most.
const SLOTS_MAX: u32 = usize::BITS - 1;
/// Slots per stripe that make a stripe worth cache lines of its own.
const SLOTS_MIN: usize = 8;
/// Stripes per thread that can run at once: others, that sleep most of the time, have seats as well.
const STRIPES_PER_THREAD: usize = 2;

/// The slots that are free, by stripe.
#[derive(Debug)]
pub(crate) struct Stripes {
    /// The bits above; a power of two of them.
    words: Box<[Padded<AtomicUsize>]>,
    /// Those of the first stripes. The owner of one is the thread with its number as its seat.
    caches: Box<[Padded<Cache>]>,
    /// Slots per stripe; the first `larger` stripes have one more.
    slots_each: usize,
    larger: usize,
    /// Apart, so that those who wait do not disturb those who need not.
    waiting: Padded<Waiting>,
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
        let wanted = (STRIPES_PER_THREAD * parallelism()).min(capacity.div_ceil(SLOTS_MIN));
        Self::with_stripes(capacity, needed.max(wanted).next_power_of_two())
    }

    /// `capacity` slots spread evenly over `stripes`, a power of two.
    pub(crate) fn with_stripes(capacity: usize, stripes: usize) -> Self {
        debug_assert!(stripes.is_power_of_two());
        let (slots_each, larger) = (capacity / stripes, capacity % stripes);
        let words = (0..stripes).map(|stripe| {
            let len = slots_each + usize::from(stripe < larger);
            debug_assert!(len <= SLOTS_MAX as usize);
            // `len` ones; `WAITED` is the one bit that is never among them.
            Padded(AtomicUsize::new((1 << len) - 1))
        });
        let caches = (0..stripes.min(SEATS)).map(|_| Padded(Cache::new()));
        Self {
            words: words.collect(),
            caches: caches.collect(),
            slots_each,
            larger,
            waiting: Padded(Waiting::new()),
        }
    }

    /// Where each slot has its bit, in the order of their numbers. Only while all are free.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place> {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            // ORDERING: before the stripes are shared.
            let len = word.load(Relaxed).count_ones();
            (0..len).map(move |bit| Place {
                stripe: index as u32,
                bit: bit as u8,
            })
        })
    }

    /// The number of a slot.
    fn number(&self, place: Place) -> usize {
        let stripe = place.stripe as usize;
        stripe * self.slots_each + stripe.min(self.larger) + place.bit as usize
    }

    /// How many slots are free, as far as one can say.
    pub(crate) fn free(&self) -> usize {
        let words = self.words.iter().map(|word| {
            // ORDERING: a snapshot for people.
            let word = word.load(Relaxed);
            (word & !WAITED).count_ones() as usize
        });
        let cached: usize = self.caches.iter().map(|cache| cache.len()).sum();
        words.sum::<usize>() + cached
    }

    /// Takes a free slot, out of the thread's own cache first. Nothing while others were woken in vain.
    pub(crate) fn take(&self) -> Option<Claim<'_>> {
        if let Some((stripe, cache)) = self.own() {
            let taken = cache.take();
            if !cache.is_open() {
                self.drain(stripe);
            }
            if let Some(bit) = taken {
                return Some(self.claimed(stripe, bit));
            }
        }
        self.take_uncached()
    }

    /// As `take`, when the cache of the thread is empty or closed, or it has none.
    #[cold]
    fn take_uncached(&self) -> Option<Claim<'_>> {
        if self.any_robbed() {
            return None;
        }
        if let Some((stripe, cache)) = self.own() {
            if cache.is_open() {
                if let Some(claim) = self.refill(stripe) {
                    return Some(claim);
                }
            } else {
                self.count_patience(stripe);
            }
        }
        self.take_shared()
    }

    /// Takes a free slot wherever it is, even before those who were woken in vain.
    #[cold]
    pub(crate) fn take_shared(&self) -> Option<Claim<'_>> {
        self.take_from_words().or_else(|| {
            self.revoke(|cache| cache.len() > 0);
            self.take_from_words()
        })
    }

    fn take_from_words(&self) -> Option<Claim<'_>> {
        self.indexes().find_map(|index| {
            // ORDERING: a guess, which the compare-exchange of a claim checks.
            let mut word = self.words[index].load(Relaxed);
            self.claim_any(index, &mut word)
        })
    }

    /// All stripes, the thread's own first.
    fn indexes(&self) -> impl Iterator<Item = usize> + use<> {
        let mask = self.words.len() - 1;
        let first = seat().unwrap_or_else(spread) & mask;
        (first..=first + mask).map(move |index| index & mask)
    }

    fn claimed(&self, stripe: usize, bit: u32) -> Claim<'_> {
        Claim {
            stripes: self,
            place: Place {
                stripe: stripe as u32,
                bit: bit as u8,
            },
        }
    }

    /// Takes the lowest free bit of a stripe, whose word was seen last as `word`; `None` when none is left.
    fn claim_any(&self, index: usize, word: &mut usize) -> Option<Claim<'_>> {
        while *word & !WAITED != 0 {
            // The lowest bit: never `WAITED`, since there is a lower one.
            let rest = *word & (*word - 1);
            // ORDERING: Acquire pairs with the Release of the `add` that set the bit, so that the slot is
            // as the last owner left it. A failure reads nothing but the next guess.
            match self.words[index].compare_exchange(*word, rest, Acquire, Relaxed) {
                Ok(_) => return Some(self.claimed(index, word.trailing_zeros())),
                Err(seen) => *word = seen,
            }
        }
        None
    }

    /// Gives a slot back, and wakes the one who waits longest.
    ///
    /// The caller owned the slot (invariant 1) and does so no longer.
    pub(crate) fn put(&self, place: Place) {
        self.put_into(place.stripe as usize, 1 << place.bit);
    }

    /// Gives slots back that are in no cache, nor in a word: to the cache, if it is the thread's.
    fn put_into(&self, stripe: usize, bits: usize) {
        if bits == 0 {
            return;
        }
        if let Some((own, cache)) = self.own()
            && own == stripe
        {
            let is_kept = cache.put(bits);
            if !cache.is_open() {
                self.drain(stripe);
            }
            if is_kept {
                return;
            }
        }
        self.put_bits(stripe, bits);
    }

    /// Gives slots back to everybody, and wakes as many as wait for them.
    fn put_bits(&self, stripe: usize, bits: usize) {
        if self.add(stripe, bits) & WAITED != 0 {
            self.tell(stripe, bits.count_ones() as usize);
        }
    }

    /// Sets bits in a word, and returns it as it was.
    fn add(&self, stripe: usize, bits: usize) -> usize {
        // ORDERING: Release pairs with the Acquire of the next claim and carries the slots. Acquire pairs with
        // the Release in `mark`: whoever has marked the stripe is in the queue when it is notified.
        // (An addition, since the bits were clear: x86 has one that returns the old word, and no such "or".)
        let word = self.words[stripe].fetch_add(bits, AcqRel);
        debug_assert!(word & bits == 0, "a slot that was free is given back");
        word
    }
}

impl Claim<'_> {
    /// The number of the slot.
    pub(crate) fn slot(&self) -> usize {
        self.stripes.number(self.place)
    }

    /// Keeps the slot, for a guard that gives it back by [`Stripes::put`] or [`Stripes::put_hot`].
    pub(crate) fn keep(self) {
        mem::forget(self);
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.stripes.put(self.place);
    }
}
