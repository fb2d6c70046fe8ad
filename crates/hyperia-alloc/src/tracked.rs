//! An allocator whose blocks are counted.

use core::fmt;

use crate::drained::{Book, Drained};
use crate::ledger::Ledger;

/// Counts the blocks and bytes of an allocator, and can be awaited: [`drained`](Self::drained) resolves when
/// everything it gave out is freed.
///
/// Counting does not make threads fight, nor wait for a locked instruction: each of up to 64 threads counts in
/// memory of its own, 8.25 KiB in all. For something as short-lived as a request choose [`Scope`](crate::Scope).
///
/// It is an `Allocator` if `A` is, and so are `&Tracked<A>` and [`Shared<Tracked<A>>`](crate::Shared), which are
/// what containers hold; it is a `GlobalAlloc` if `A` is, and only counts then.
///
/// A block is counted from before it is allocated until after it was deallocated, with the size that was asked
/// for. One that is leaked is live for ever. A block freed through it must have come from it, as for every
/// allocator; one that went to the inner allocator directly would be miscounted, besides being undefined
/// behaviour for most of them.
///
/// # Examples
///
/// ```
/// # #[cfg(all(feature = "allocator-api2", not(feature = "nightly")))] {
/// use allocator_api2::{alloc::Global, vec::Vec};
/// use hyperia_alloc::Tracked;
/// use hyperia_wait::block_on;
///
/// let tracked = Tracked::new(Global);
/// std::thread::scope(|scope| {
///     for worker in 0..4 {
///         let mut words = Vec::new_in(&tracked);
///         words.push(worker);
///         scope.spawn(move || drop(words));
///     }
///     block_on(tracked.drained()); // all four are freed
///     assert_eq!((tracked.live_blocks(), tracked.live_bytes()), (0, 0));
/// });
/// # }
/// ```
///
/// Once it is borrowed by a container it stays where it is:
///
/// ```compile_fail,E0505
/// # use allocator_api2::{alloc::Global, vec::Vec};
/// let tracked = hyperia_alloc::Tracked::new(Global);
/// let words: Vec<u8, _> = Vec::new_in(&tracked);
/// drop(tracked);
/// drop(words);
/// ```
pub struct Tracked<A> {
    ledger: Ledger,
    inner: A,
}

impl<A> Tracked<A> {
    /// Counts the blocks of `inner` from now on.
    #[cfg(not(hyperia_loom))]
    pub const fn new(inner: A) -> Self {
        Self {
            ledger: Ledger::new(),
            inner,
        }
    }

    /// Counts the blocks of `inner` from now on.
    #[cfg(hyperia_loom)]
    pub fn new(inner: A) -> Self {
        Self {
            ledger: Ledger::new(),
            inner,
        }
    }

    /// Waits for a moment at which nothing is live.
    ///
    /// Resolves if nothing is live at a poll, or as soon as the last block is freed after the first poll, even
    /// if something was allocated since: whoever wants it to stay drained stops allocating first. All frees
    /// up to that moment, and what their threads did before, happen before it resolves. Any number may wait at
    /// the same time, as often as they like.
    ///
    /// The last free wakes, after all counting, and catches a waker that panics. A waker may allocate from
    /// here. What the waiting task itself owns must come from elsewhere: its future, if it is boxed in here, is
    /// live, too, and it would wait for itself.
    ///
    /// While somebody waits, counting is one word that all threads share.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the wait, nothing else. Forgetting it (`mem::forget` of its pinned box)
    /// leaves the counting in the one shared word for good.
    ///
    /// # Complexity
    ///
    /// The first poll of the first who waits touches each stripe twice and makes a system call, which interrupts
    /// the other running threads of the process; the end of the last one touches each stripe once. No allocation.
    pub fn drained(&self) -> Drained<'_> {
        Drained::new(Book::Ledger(&self.ledger), &self.ledger.queue)
    }

    /// Blocks that are live.
    ///
    /// Exact for everything that happened before the call. Of what happens at the same time each allocation and
    /// each free may or may not be in it, so do not conclude from zero that nothing is live: wait for
    /// [`drained`](Self::drained).
    pub fn live_blocks(&self) -> usize {
        self.ledger.blocks()
    }

    /// Bytes that are live, as asked for: what the inner allocator adds to that is not in it. Otherwise as
    /// [`live_blocks`](Self::live_blocks).
    pub fn live_bytes(&self) -> usize {
        self.ledger.bytes()
    }

    /// The most bytes that were live when somebody looked: at a call of this method or of
    /// [`live_bytes`](Self::live_bytes), or when this was printed.
    ///
    /// A sample, since no thread knows what the others have at every moment: look now and then. The peak of a
    /// [`Scope`](crate::Scope) is exact.
    pub fn peak_bytes(&self) -> usize {
        self.ledger.peak()
    }

    /// The allocator whose blocks are counted. What it allocates directly is not.
    pub const fn inner(&self) -> &A {
        &self.inner
    }

    /// Gives the allocator back; what is live stays valid as long as that is.
    pub fn into_inner(self) -> A {
        self.inner
    }

    pub(crate) const fn account(&self) -> &Ledger {
        &self.ledger
    }
}

impl<A: Default> Default for Tracked<A> {
    fn default() -> Self {
        Self::new(A::default())
    }
}

impl<A: fmt::Debug> fmt::Debug for Tracked<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracked")
            .field("live_blocks", &self.live_blocks())
            .field("live_bytes", &self.live_bytes())
            .field("peak_bytes", &self.peak_bytes())
            .field("inner", &self.inner)
            .finish()
    }
}
