//! Wakers collected under a lock, to be woken after it.

use core::fmt;
use core::mem::MaybeUninit;
use core::task::Waker;

use crate::first_panic::FirstPanic;

/// How many wakers one batch holds: a quarter of a KiB of stack. One in a model, where two waiters are
/// many.
const CAPACITY: usize = if cfg!(any(hyperia_loom, hyperia_shuttle)) {
    1
} else {
    16
};

/// Collects up to sixteen wakers while a lock is held and wakes them after it was released.
///
/// A waker may run any code: take another lock, drop the structure it was found in, panic. None of it
/// may happen under a lock. If a waker panics, the others are still woken, then the first panic goes
/// on (without the feature `std` a second one aborts). Dropping a batch wakes what is in it.
///
/// # Examples
///
/// ```
/// use hyperia_wait::WakeBatch;
/// use std::{sync::Mutex, task::Waker};
///
/// fn wake_all(waiting: &Mutex<Vec<Waker>>) {
///     let mut batch = WakeBatch::new();
///     loop {
///         let mut locked = waiting.lock().unwrap();
///         while let Some(waker) = locked.pop() {
///             if !batch.push(waker) {
///                 break; // full
///             }
///         }
///         drop(locked);
///         if batch.is_empty() {
///             return;
///         }
///         batch.wake_all();
///     }
/// }
/// # let waiting = Mutex::new(vec![Waker::noop().clone(); 40]);
/// # wake_all(&waiting);
/// # assert!(waiting.lock().unwrap().is_empty());
/// ```
pub struct WakeBatch {
    /// Initialized from `next` up to, not including, `end`.
    wakers: [MaybeUninit<Waker>; CAPACITY],
    next: usize,
    end: usize,
}

impl WakeBatch {
    /// Creates an empty batch.
    pub const fn new() -> Self {
        Self {
            wakers: [const { MaybeUninit::uninit() }; CAPACITY],
            next: 0,
            end: 0,
        }
    }

    /// Takes `waker` in. Returns whether there is room for another one.
    ///
    /// # Panics
    ///
    /// If the batch is full already.
    #[track_caller]
    pub fn push(&mut self, waker: Waker) -> bool {
        assert!(!self.is_full(), "push on a full batch of wakers");
        self.wakers[self.end].write(waker);
        self.end += 1;
        !self.is_full()
    }

    /// Returns whether there is no room for another waker.
    pub const fn is_full(&self) -> bool {
        self.end == CAPACITY
    }

    /// Returns whether there is nobody to wake.
    pub const fn is_empty(&self) -> bool {
        self.end == self.next
    }

    /// Wakes all, in the order of their `push`; the batch is empty then and can be used again.
    ///
    /// # Panics
    ///
    /// If a waker does, after the others were woken.
    pub fn wake_all(&mut self) {
        let mut panics = FirstPanic::new();
        self.wake_each(&mut panics);
        panics.resume();
    }

    /// Wakes all, keeping the panics for later.
    pub(crate) fn wake_each(&mut self, panics: &mut FirstPanic) {
        while self.next < self.end {
            // SAFETY: it lies in the initialized range, which it leaves in the next line.
            let waker = unsafe { self.wakers[self.next].assume_init_read() };
            self.next += 1;
            panics.run(|| waker.wake());
        }
        self.next = 0;
        self.end = 0;
    }
}

impl Drop for WakeBatch {
    fn drop(&mut self) {
        self.wake_all();
    }
}

impl Default for WakeBatch {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WakeBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WakeBatch")
            .field("len", &(self.end - self.next))
            .finish()
    }
}
