//! What all the wrappers do around an allocator: count before it gives, and after it has taken back.

use core::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use hyperia_wait::WaitQueue;

/// Where blocks and bytes are counted.
pub(crate) trait Account {
    /// What `opened` needs to know of the `open` or `extend` it belongs to.
    type Receipt: Copy;

    /// A block of `bytes` is about to be allocated. `None`: it must not be.
    fn open(&self, bytes: usize) -> Option<Self::Receipt>;

    /// What was opened or extended was allocated.
    #[inline]
    fn opened(&self, _: Self::Receipt) {}

    /// A block of `bytes` is gone. If it is the last, and `wakes`, wakes those who have waited for that since
    /// before. Runs user code then; never panics.
    fn close(&self, bytes: usize, wakes: bool);

    /// A block is about to grow by `bytes`. `None`: it must not.
    fn extend(&self, bytes: usize) -> Option<Self::Receipt>;

    /// A block has shrunk by `bytes`.
    fn reduce(&self, bytes: usize);
}

/// Runs `f` when dropped: not if it was forgotten.
struct Undo<F: FnMut()>(F);

impl<F: FnMut()> Drop for Undo<F> {
    #[inline]
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Allocates a block of `bytes`, counted from before; if that fails or panics, as if it had been freed.
///
/// Without `WAKES` nobody is woken in here.
#[inline]
pub(crate) fn allocate<const WAKES: bool, C: Account, T>(
    account: &C,
    bytes: usize,
    allocate: impl FnOnce() -> Option<T>,
) -> Option<T> {
    let receipt = account.open(bytes)?;
    let undo = Undo(|| closed::<WAKES, C>(account, bytes));
    let block = allocate()?;
    mem::forget(undo);
    account.opened(receipt);
    Some(block)
}

/// A block of `bytes` was deallocated. Without `WAKES` nobody is woken in here.
#[inline]
pub(crate) fn closed<const WAKES: bool, C: Account>(account: &C, bytes: usize) {
    account.close(bytes, WAKES);
}

/// Moves a block from `old` to `new` bytes; the larger number is counted meanwhile, the old one if that
/// fails or panics. The block stays one, so nobody is ever woken.
#[inline]
pub(crate) fn resize<C: Account, T>(
    account: &C,
    old: usize,
    new: usize,
    resize: impl FnOnce() -> Option<T>,
) -> Option<T> {
    if new <= old {
        let block = resize()?;
        account.reduce(old - new);
        return Some(block);
    }
    let receipt = account.extend(new - old)?;
    let undo = Undo(|| account.reduce(new - old));
    let block = resize()?;
    mem::forget(undo);
    account.opened(receipt);
    Some(block)
}

/// Runs `makes_zero`, which says whether nothing is live then; with `wakes` in one step with waking those who wait
/// for that.
pub(crate) fn make_zero(queue: &WaitQueue, wakes: bool, makes_zero: impl FnOnce() -> bool) {
    if wakes {
        quietly(|| {
            queue.notify_all_if(makes_zero);
        });
    } else {
        makes_zero();
    }
}

/// Runs wakers, which may panic: the caller, a deallocation, must not. The panic was reported by the
/// panic hook; its payload is dropped, or leaked if that panics again.
fn quietly(wake: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(wake))
        && let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload)))
    {
        mem::forget(again);
    }
}
