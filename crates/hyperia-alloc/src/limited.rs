//! A hard limit.

use core::fmt;

use crate::account::Account;
use crate::primitive::AtomicU64;
use crate::primitive::Ordering::*;

/// Fails every allocation that would bring the live bytes beyond a limit.
///
/// Bytes are counted as asked for; what the inner allocator adds to that is not limited. A failed allocation changes
/// nothing, and makes nobody else's fail. While a block grows its new size counts, not the sum of both.
///
/// # Complexity
///
/// One locked instruction per allocation and free, in a word that all threads share: a limit is exact at any
/// moment or cheap for many threads, and this one is exact. Two threads that do nothing but allocate slow each
/// other down several times over; that is why this is a wrapper of its own and no option of
/// [`Tracked`](crate::Tracked).
///
/// # Examples
///
/// ```
/// # #[cfg(all(feature = "allocator-api2", not(feature = "nightly")))] {
/// use allocator_api2::{alloc::Global, vec::Vec};
/// use hyperia_alloc::Limited;
///
/// let limited = Limited::new(Global, 100);
/// let mut bytes: Vec<u8, _> = Vec::new_in(&limited);
/// assert!(bytes.try_reserve_exact(101).is_err());
/// assert!(bytes.try_reserve_exact(100).is_ok());
/// assert_eq!(limited.live_bytes(), 100);
/// # }
/// ```
pub struct Limited<A> {
    gate: Gate,
    inner: A,
}

/// The count.
pub(crate) struct Gate {
    /// Bytes that are live, never more than `limit`.
    live: AtomicU64,
    limit: u64,
}

impl Account for Gate {
    type Receipt = ();

    #[inline]
    fn open(&self, bytes: usize) -> Option<()> {
        self.extend(bytes)
    }

    #[inline]
    fn close(&self, bytes: usize, _: bool) {
        self.reduce(bytes);
    }

    #[inline]
    fn extend(&self, bytes: usize) -> Option<()> {
        // ORDERING: a guess, checked by the compare-exchange.
        let mut live = self.live.load(Relaxed);
        loop {
            let more = live.checked_add(bytes as u64)?;
            if more > self.limit {
                return None;
            }
            // ORDERING: the number alone is the limit; memory is handed over by the inner allocator,
            // which orders that itself.
            match self
                .live
                .compare_exchange_weak(live, more, Relaxed, Relaxed)
            {
                Ok(_) => return Some(()),
                Err(seen) => live = seen,
            }
        }
    }

    #[inline]
    fn reduce(&self, bytes: usize) {
        // ORDERING: the number alone, as for `extend`.
        self.live.fetch_sub(bytes as u64, Relaxed);
    }
}

impl<A> Limited<A> {
    /// Lets at most `limit` bytes of `inner` be live at a time.
    #[cfg(not(hyperia_loom))]
    pub const fn new(inner: A, limit: usize) -> Self {
        Self {
            gate: Gate {
                live: AtomicU64::new(0),
                limit: limit as u64,
            },
            inner,
        }
    }

    /// Lets at most `limit` bytes of `inner` be live at a time.
    #[cfg(hyperia_loom)]
    pub fn new(inner: A, limit: usize) -> Self {
        Self {
            gate: Gate {
                live: AtomicU64::new(0),
                limit: limit as u64,
            },
            inner,
        }
    }

    /// The most bytes that may be live at a time.
    pub const fn limit(&self) -> usize {
        self.gate.limit as usize
    }

    /// Bytes that are live, as asked for: a snapshot.
    pub fn live_bytes(&self) -> usize {
        // ORDERING: a reading.
        self.gate.live.load(Relaxed) as usize
    }

    /// The allocator that is limited. What it allocates directly is not.
    pub const fn inner(&self) -> &A {
        &self.inner
    }

    /// Gives the allocator back; what is live stays valid as long as that is.
    pub fn into_inner(self) -> A {
        self.inner
    }

    pub(crate) const fn account(&self) -> &Gate {
        &self.gate
    }
}

impl<A: fmt::Debug> fmt::Debug for Limited<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limited")
            .field("live_bytes", &self.live_bytes())
            .field("limit", &self.limit())
            .field("inner", &self.inner)
            .finish()
    }
}
