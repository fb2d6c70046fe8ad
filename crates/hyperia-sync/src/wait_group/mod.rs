//! A group of things that are waited for until the last one is gone.
//!
//! The group and its tokens share one block, whose count of tokens is also what keeps it alive: `block` has
//! states, invariants, ordering and progress.
//!
//! # Cancel safety
//! Dropping a wait leaves the queue. There is nothing to pass on.
//!
//! # Cost
//! | | bytes | allocations | locked instructions |
//! |---|---|---|---|
//! | the group, a token; a wait | 8; 56 | 1 a group: 24 bytes; 0 | |
//! | `token`, `Token::clone` | | 0 | 1 |
//! | dropping a token; the last one while somebody waits | | 0 | 1; 4, and what the wakers do |
//! | `wait` without tokens; with them | | 0 | 0; 1, and 1 for the first one |
//! | dropping a wait early | | 0 | 1 |

mod block;
#[cfg(all(test, hyperia_loom))]
mod loom;

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::ptr::NonNull;
use core::task::{Context, Poll};

use futures_core::FusedFuture;
use hyperia_wait::Wait;

use self::block::Block;

/// Waits until all its [tokens](Token) are gone: tasks, threads, connections, whatever holds one.
///
/// It may be used again: tokens may be made at any time, before a wait, during one or after it. Any number of
/// tasks may wait; to let them live anywhere, share the group by reference or in an `Arc`. (Tokens need
/// neither.)
///
/// # Examples
///
/// ```
/// use hyperia_sync::WaitGroup;
/// use hyperia_wait::Block;
///
/// let group = WaitGroup::new();
/// for _ in 0..3 {
///     let token = group.token();
///     std::thread::spawn(move || {
///         let _done_when_dropped = token;
///     });
/// }
/// group.wait().block();
/// assert_eq!(group.tokens(), 0);
/// ```
pub struct WaitGroup {
    /// Alive while the handle, which is this, is counted.
    block: NonNull<Block>,
}

/// Counts in a [`WaitGroup`] until it is dropped: on any thread, also after the group itself. A clone is one
/// more token.
#[must_use = "a token that is dropped is not waited for"]
pub struct Token {
    /// Alive while the token, which is this, is counted.
    block: NonNull<Block>,
}

// SAFETY: the block is shared through atomics and a queue, which may be used from any thread, and is freed by
// whoever is last, on whatever thread: it holds nothing of the user but wakers, which may go anywhere.
unsafe impl Send for WaitGroup {}
// SAFETY: as for `Send`; nothing that `&WaitGroup` gives access to belongs to one thread.
unsafe impl Sync for WaitGroup {}
// SAFETY: as for `WaitGroup`; a token uses the word, the queue when it goes, and frees.
unsafe impl Send for Token {}
// SAFETY: `&Token` changes the word only, which is atomic.
unsafe impl Sync for Token {}

impl WaitGroup {
    /// Creates a group without tokens. Its only allocation.
    pub fn new() -> Self {
        Self {
            block: Block::new(),
        }
    }

    fn block(&self) -> &Block {
        // SAFETY: the block is alive until the handle is dropped, which is this.
        unsafe { self.block.as_ref() }
    }

    /// Makes a token: who waits from now on waits for its end, too.
    ///
    /// # Panics
    ///
    /// If there are 137,438,953,472 (2³⁷) tokens already, where an `Arc` would abort. Nothing has changed then.
    #[inline]
    #[track_caller]
    pub fn token(&self) -> Token {
        self.block().add_token();
        Token { block: self.block }
    }

    /// How many tokens there are: a snapshot. Zero carries what their holders did.
    pub fn tokens(&self) -> usize {
        self.block().tokens()
    }

    /// Waits until there are no tokens; not at all if there are none.
    ///
    /// The future joins the waiters at its first poll. Once that has returned `Pending`, the end of the last
    /// token ends the wait, even if others are made at once. Whoever has waited sees what the holders did
    /// before they dropped their tokens.
    ///
    /// All who wait are woken in the order in which they came, by the thread that drops the last token; if
    /// somebody polls a wait before that thread gets to it, by that one.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its place, nothing else.
    ///
    /// # Complexity
    ///
    /// O(1). No allocation; no locked instruction without tokens.
    #[inline]
    pub fn wait(&self) -> WaitGroupWait<'_> {
        let block = self.block();
        WaitGroupWait {
            block,
            wait: Some(block.queue.wait()),
        }
    }
}

impl Default for WaitGroup {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for WaitGroup {
    /// Leaves the block to the tokens that are left; nobody waits any more.
    fn drop(&mut self) {
        // SAFETY: the handle is this, and ends here.
        unsafe { block::drop_handle(self.block) };
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitGroup")
            .field("tokens", &self.tokens())
            .finish_non_exhaustive()
    }
}

impl Clone for Token {
    /// Makes one more token of the same group.
    ///
    /// # Panics
    ///
    /// As [`WaitGroup::token`].
    #[inline]
    #[track_caller]
    fn clone(&self) -> Self {
        // SAFETY: the block is alive until the token is dropped, which is this.
        unsafe { self.block.as_ref() }.add_token();
        Self { block: self.block }
    }
}

impl Drop for Token {
    /// If it is the last one, wakes all who wait.
    ///
    /// # Panics
    ///
    /// If a waker does, after the others were woken.
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the token is this, and ends here.
        unsafe { block::drop_token(self.block) };
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").finish_non_exhaustive()
    }
}

/// The future of [`WaitGroup::wait`], which says what it does and what dropping it does.
#[must_use = "futures do nothing unless polled"]
pub struct WaitGroupWait<'a> {
    block: &'a Block,
    /// Pinned with the whole. `None` once the output was returned.
    wait: Option<Wait<'a>>,
}

impl Future for WaitGroupWait<'_> {
    type Output = ();

    /// # Panics
    ///
    /// If it is polled again after it was ready; or if it has woken others and one of their wakers does.
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: `wait` is pinned with the whole: it is polled and replaced through `Pin` only, there is no
        // `Drop`, and `WaitGroupWait` is `Unpin` only if `Wait` is. `block` is not pinned.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above.
        let mut slot = unsafe { Pin::new_unchecked(&mut this.wait) };
        let wait = slot.as_mut().as_pin_mut();
        let wait = wait.expect("`WaitGroupWait` polled again after it was ready");
        // Looks, joins, and looks again (invariant 4 of the block). The queue stores nothing and is never
        // closed, so an answer is a notification.
        if this.block.announce() || wait.poll(cx).is_ready() || this.block.join() {
            slot.set(None);
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl FusedFuture for WaitGroupWait<'_> {
    fn is_terminated(&self) -> bool {
        self.wait.is_none()
    }
}

impl fmt::Debug for WaitGroupWait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitGroupWait")
            .field("is_terminated", &self.is_terminated())
            .finish_non_exhaustive()
    }
}
