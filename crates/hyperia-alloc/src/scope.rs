//! The allocations of one connection or request.

use core::fmt;

use crate::drained::{Book, Drained};
use crate::tally::Tally;

/// Counts the blocks and bytes of something small, a connection or a request: 32 bytes beside the allocator it
/// wraps, with an exact high-water mark, and as awaitable as [`Tracked`](crate::Tracked).
///
/// All threads count in one word. Where many of them allocate from the same scope at the same time, choose
/// `Tracked`.
///
/// At most 16,777,215 blocks and 1,099,511,627,775 bytes (one TiB less one) are live at a time; what goes beyond
/// is refused as if memory were short.
///
/// # Examples
///
/// ```
/// # #[cfg(all(feature = "allocator-api2", not(feature = "nightly")))] {
/// use allocator_api2::{alloc::Global, vec::Vec};
/// use hyperia_alloc::Scope;
///
/// let request = Scope::new(Global);
/// let mut body = Vec::with_capacity_in(1000, &request);
/// body.extend([1_u8; 10]);
/// body.shrink_to_fit();
/// assert_eq!((request.live_blocks(), request.live_bytes()), (1, 10));
/// drop(body);
/// hyperia_wait::block_on(request.drained());
/// assert_eq!(request.peak_bytes(), 1000);
/// # }
/// ```
pub struct Scope<A> {
    tally: Tally,
    inner: A,
}

impl<A> Scope<A> {
    /// Counts the blocks of `inner` from now on.
    #[cfg(not(hyperia_loom))]
    pub const fn new(inner: A) -> Self {
        Self {
            tally: Tally::new(),
            inner,
        }
    }

    /// Counts the blocks of `inner` from now on.
    #[cfg(hyperia_loom)]
    pub fn new(inner: A) -> Self {
        Self {
            tally: Tally::new(),
            inner,
        }
    }

    /// Waits for a moment at which nothing is live; in every respect as
    /// [`Tracked::drained`](crate::Tracked::drained), but that waiting does not change how it counts.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the wait, nothing else.
    ///
    /// # Complexity
    ///
    /// O(1). No allocation.
    pub fn drained(&self) -> Drained<'_> {
        Drained::new(Book::Tally(&self.tally), &self.tally.queue)
    }

    /// Blocks that are live: a snapshot.
    pub fn live_blocks(&self) -> usize {
        self.tally.blocks()
    }

    /// Bytes that are live, as asked for: a snapshot.
    pub fn live_bytes(&self) -> usize {
        self.tally.bytes()
    }

    /// The most bytes that were ever live at a time.
    ///
    /// Exact: no moment is missed, however short. A request that fails does not count, except that while it
    /// is being made on another thread it is live.
    pub fn peak_bytes(&self) -> usize {
        self.tally.peak()
    }

    /// The allocator whose blocks are counted. What it allocates directly is not.
    pub const fn inner(&self) -> &A {
        &self.inner
    }

    /// Gives the allocator back; what is live stays valid as long as that is.
    pub fn into_inner(self) -> A {
        self.inner
    }

    #[cfg(any(feature = "allocator-api2", feature = "nightly"))]
    pub(crate) const fn account(&self) -> &Tally {
        &self.tally
    }
}

impl<A: Default> Default for Scope<A> {
    fn default() -> Self {
        Self::new(A::default())
    }
}

impl<A: fmt::Debug> fmt::Debug for Scope<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("live_blocks", &self.live_blocks())
            .field("live_bytes", &self.live_bytes())
            .field("peak_bytes", &self.peak_bytes())
            .field("inner", &self.inner)
            .finish()
    }
}
