//! The block that a wait group and its tokens share: a count that is the reference count, too.
//!
//! # States
//! One word, and a [`WaitQueue`].
//! ```text
//!  bit  0       HANDLE    the `WaitGroup` is alive
//!  bit  1       WAITERS   somebody may be in the queue: the last token tells
//!  bits 2..40   TOKENS    how many tokens are alive
//!  bits 40..64  PINS      how many threads still have to do with the block after their last token
//!
//!                    token              a wait joins              the last token goes
//!   HANDLE (idle) ◀────────▶ tokens ────────────────▶ tokens     ─────────────────────▶ no tokens
//!     ▲                                              + WAITERS                          + WAITERS
//!     │                                                                                     │
//!     └──── pin goes ◀── woken, without the lock ◀── announce: WAITERS becomes a pin, ◀──────┘
//!                                                  everybody leaves the queue
//! ```
//! PINS may be one too low (the field wraps) between the two steps of a `token` that comes while the last
//! one's end is being announced. That token holds the block meanwhile.
//!
//! # Invariants
//! 1. The block is alive while the word is not zero. Whoever brings it to zero frees it.
//! 2. WAITERS is set only while there are tokens, so no tokens and WAITERS means: the thread that dropped the
//!    last one has still to announce that. It counts as a pin. Who takes that state away, by making a token
//!    or by announcing, adds to PINS instead.
//! 3. An announcement is made with the lock of the queue held, while there are no tokens, and together with
//!    it WAITERS is cleared. So it ends no wait that began after a token which is alive, and whoever joins
//!    afterwards sets WAITERS again.
//! 4. A wait is in the queue before it looks for the last time. So the token that it has seen either sees
//!    WAITERS when it goes, and then finds it in the queue, or is gone when the wait looks.
//! 5. The word changes by read-modify-writes only.
//!
//! # Ordering
//! | Edge | Release | Acquire | Carries | Model |
//! |---|---|---|---|---|
//! | token goes → look | `drop_token` | `announce`, `tokens` | what its holder did | `what_token_holders_did_is_seen_by_whoever_finds_none` |
//! | token goes → notify | `drop_token` | `announce`, `announce_to_waiters` | the same, for `notify_all_if` to carry on | `an_announcement_with_an_old_word_carries_what_holders_did`, `an_announcement_that_comes_late_carries_what_holders_did` |
//! | token, handle, pin → free | `drop_token`, `subtract` | `free` | that they are done with the block | `the_last_one_frees`, `the_group_may_go_while_waits_are_woken` |
//!
//! That a last token which sees WAITERS finds the wait in the queue needs no edge of the word: had it taken
//! the lock of the queue first, its end would come before the join, and the look after the join would see it.
//!
//! # Progress
//! | Operation | Progress |
//! |---|---|
//! | `token`, `tokens`, dropping a token that is not the last one, or the last while nobody waits | wait-free |
//! | a wait that finds no tokens and nobody waiting; later polls with the same waker while there are tokens | wait-free |
//! | dropping the last token while somebody waits; the first poll with tokens, a poll with another waker and `drop` while waiting | as the queue: block while a holder of its lock is stopped |

use alloc::boxed::Box;
use core::ptr::NonNull;

use hyperia_wait::WaitQueue;

use crate::primitive::AtomicU64;
use crate::primitive::Ordering::*;

pub(super) const HANDLE: u64 = 1;
pub(super) const WAITERS: u64 = 1 << 1;
const TOKEN: u64 = 1 << 2;
const PIN: u64 = 1 << 40;
const TOKENS: u64 = PIN - TOKEN;
/// The highest bit of TOKENS: set from 2³⁷ tokens on, the most there may be. The other half of the field is for
/// those who find it set and take their token back.
const TOO_MANY: u64 = PIN >> 1;

/// What a group and its tokens share.
pub(super) struct Block {
    /// See the header.
    word: AtomicU64,
    pub(super) queue: WaitQueue,
}

/// Under the model checker the end of the block is an exclusive access to its word: whoever touches it later,
/// or unordered, is found.
#[cfg(hyperia_loom)]
impl Drop for Block {
    fn drop(&mut self) {
        #[cfg(test)]
        super::loom::LIVE.with(|live| live.set(live.get() - 1));
        self.word.with_mut(|word| assert_eq!(*word, 0));
    }
}

impl Block {
    /// A block for a handle, without tokens.
    pub(super) fn new() -> NonNull<Self> {
        #[cfg(all(test, hyperia_loom))]
        super::loom::LIVE.with(|live| live.set(live.get() + 1));
        let block = Box::new(Self {
            word: AtomicU64::new(HANDLE),
            queue: WaitQueue::new(),
        });
        NonNull::from(Box::leak(block))
    }

    /// Counts one more token.
    #[inline]
    #[track_caller]
    pub(super) fn add_token(&self) {
        // ORDERING: an increment carries nothing; the caller has a handle or a token already.
        let before = self.word.fetch_add(TOKEN, Relaxed);
        if before & (WAITERS | TOO_MANY) != 0 {
            self.added_token(before);
        }
    }

    /// What `add_token` does beyond counting if somebody may wait, or if there were too many already.
    #[cold]
    #[track_caller]
    fn added_token(&self, before: u64) {
        if before & (TOKENS | WAITERS) == WAITERS {
            // The thread that has dropped the last token before counts as a pin from now on (invariant 2).
            // ORDERING: a count; what it keeps alive is let go of by a `subtract`, which is ordered.
            self.word.fetch_add(PIN, Relaxed);
        }
        if before & TOO_MANY != 0 {
            // ORDERING: takes back an increment that nobody was told of; there are others.
            self.word.fetch_sub(TOKEN, Relaxed);
            panic!("too many tokens");
        }
    }

    /// How many tokens there are.
    pub(super) fn tokens(&self) -> usize {
        // ORDERING: Acquire pairs with the Release of each `drop_token`, so that zero means what it means to a
        // wait.
        ((self.word.load(Acquire) & TOKENS) / TOKEN) as usize
    }

    /// For a wait that is in the queue: sets WAITERS, or returns that there are no tokens, as
    /// [`announce`](Self::announce) does.
    pub(super) fn join(&self) -> bool {
        // ORDERING: a guess, checked by the compare-exchange where it would change something. No older than
        // the last announcement before the wait has joined: that came with the lock of the queue.
        let mut word = self.word.load(Relaxed);
        loop {
            if word & TOKENS == 0 {
                if self.announce() {
                    return true;
                }
                // ORDERING: as above; tokens have come again.
                word = self.word.load(Relaxed);
            } else if word & WAITERS != 0 {
                return false;
            } else {
                // ORDERING: why this needs to carry nothing stands below the table of the header. What is
                // read on failure is looked at again where it matters.
                match self
                    .word
                    .compare_exchange_weak(word, word | WAITERS, Relaxed, Relaxed)
                {
                    Ok(_) => return false,
                    Err(seen) => word = seen,
                }
            }
        }
    }

    /// Returns whether there are no tokens. If there are none, ends all waits first.
    ///
    /// The thread that dropped the last token does this, and whoever sees before it that there are none: else
    /// one wait could end and another, which began earlier, go on until the tokens made after that are gone.
    #[inline]
    pub(super) fn announce(&self) -> bool {
        // ORDERING: Acquire pairs with the Release of each `drop_token` up to now.
        let word = self.word.load(Acquire);
        word & TOKENS == 0 && (word & WAITERS == 0 || self.announce_to_waiters(word))
    }

    /// What `announce` does if somebody may wait and there were no tokens a moment ago, in `word`.
    #[cold]
    pub(super) fn announce_to_waiters(&self, mut word: u64) -> bool {
        self.queue.notify_all_if(|| {
            while word & (TOKENS | WAITERS) == WAITERS {
                // ORDERING: Acquire pairs with the Release of the tokens that have come and gone meanwhile; what
                // their holders did goes on to the waits with the notification. On failure the same, for a
                // caller that is told "none".
                match self
                    .word
                    .compare_exchange(word, word - WAITERS + PIN, Acquire, Acquire)
                {
                    Ok(_) => return true,
                    Err(seen) => word = seen,
                }
            }
            false
        });
        word & TOKENS == 0
    }
}

/// Counts one token less; if it was the last, wakes and frees.
///
/// # Safety
///
/// The caller has a token of `block`, and uses neither after this.
#[inline]
pub(super) unsafe fn drop_token(block: NonNull<Block>) {
    // SAFETY: the block is alive: the word is not zero while this token is counted (invariant 1).
    let word = unsafe { &block.as_ref().word };
    // ORDERING: Release publishes what the holder did, and that it is done with the block, to the Acquire of
    // `announce` and `free`.
    let after = word.fetch_sub(TOKEN, Release) - TOKEN;
    if after != HANDLE && after & TOKENS == 0 {
        // SAFETY: this was the last token, with more to do than leave an idle group behind.
        unsafe { drop_last_token(block, after) };
    }
}

/// # Safety
///
/// The caller has dropped the last token of `block`, which left `after` in its word.
#[cold]
unsafe fn drop_last_token(block: NonNull<Block>, after: u64) {
    /// Unpins also if a waker panics.
    struct Pin(NonNull<Block>);
    impl Drop for Pin {
        fn drop(&mut self) {
            // SAFETY: made by a thread that counts as a pin, which it gives up here.
            unsafe { subtract(self.0, PIN) };
        }
    }

    if after == 0 {
        // SAFETY: this thread has brought the word to zero.
        unsafe { free(block) };
    } else if after & WAITERS != 0 {
        // This thread counts as a pin (invariant 2).
        let pin = Pin(block);
        // SAFETY: the pin keeps the block alive.
        unsafe { pin.0.as_ref() }.announce();
    }
    // Otherwise somebody else has a pin, and frees; this thread may no longer look.
}

/// # Safety
///
/// The caller has the handle of `block`, and uses neither after this.
pub(super) unsafe fn drop_handle(block: NonNull<Block>) {
    // SAFETY: passed on from the caller.
    unsafe { subtract(block, HANDLE) };
}

/// Takes `what` out of the word of `block`, and frees it if that was all.
///
/// # Safety
///
/// `what` is the handle or a pin, it is the caller's, and the caller does not use the block after this.
unsafe fn subtract(block: NonNull<Block>, what: u64) {
    // SAFETY: the block is alive while what the caller has is counted (invariant 1).
    let word = unsafe { &block.as_ref().word };
    // ORDERING: Release pairs with the Acquire of `free`: this thread is done with the block.
    if word.fetch_sub(what, Release) == what {
        // SAFETY: this thread has brought the word to zero.
        unsafe { free(block) };
    }
}

/// # Safety
///
/// The caller has brought the word of `block` to zero.
#[cold]
unsafe fn free(block: NonNull<Block>) {
    // SAFETY: nobody is counted any more, so nobody else touches the block, and nobody else frees it
    // (invariant 1).
    let word = unsafe { &block.as_ref().word };
    // ORDERING: Acquire pairs with the Release of all who were done with the block before.
    word.load(Acquire);
    // SAFETY: as above; it came from a leaked box in `new`.
    drop(unsafe { Box::from_raw(block.as_ptr()) });
}

#[cfg(all(test, feature = "std", not(hyperia_loom)))]
mod tests {
    use super::*;
    use core::panic::AssertUnwindSafe;
    use std::panic::catch_unwind;

    #[test]
    fn a_token_too_many_panics_and_is_not_counted() {
        let block = Block::new();
        // SAFETY: freed at the end.
        let this = unsafe { block.as_ref() };
        this.word.fetch_add(TOO_MANY - TOKEN, Relaxed);
        this.add_token();
        assert!(catch_unwind(AssertUnwindSafe(|| this.add_token())).is_err());
        assert_eq!(this.tokens(), 1 << 37);
        this.word.fetch_sub(TOO_MANY, Relaxed);
        // SAFETY: the handle is this test's.
        unsafe { drop_handle(block) };
    }

    #[test]
    fn fields_do_not_overlap() {
        assert_eq!(HANDLE + WAITERS + TOKENS, PIN - 1);
        assert_eq!(HANDLE & WAITERS | WAITERS & TOKENS | TOKENS & PIN, 0);
    }
}
