//! The pool: slots, and the user's code around them.
//!
//! # Invariants
//! 1. A guard's slot is owned by it (see `slots` and `slot`) and holds an object.
//! 2. User code (make, reset, an object's drop) runs while the slot is owned by somebody on this stack who
//!    gives it back if that code panics: a panic costs an object, never a slot or a wake-up.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::ptr::NonNull;

use crate::get::{Get, OwnedGet};
use crate::pooled::{OwnedPooled, Pooled};
use crate::slot::{OUTSIDE, Slot};
use crate::slots::{Claim, Slots};

/// Makes an object for an empty slot.
type Make<T> = Box<dyn Fn() -> T + Send + Sync>;
/// Runs on each return.
type Reset<T> = Box<dyn Fn(&mut T) + Send + Sync>;

/// A fixed number of objects that are used again and again, by any number of threads and tasks.
///
/// The slots are allocated once, by the constructor. An object is made when its slot is first used, lives in
/// place, and goes back into its slot when its guard is dropped. When all objects are out,
/// [`try_get`](Self::try_get) says so, [`get`](Self::get) waits, and [`get_or_alloc`](Self::get_or_alloc)
/// makes one more that is freed on return. The methods with `owned` in their name are for an `Arc<Pool>`;
/// their guards and futures borrow nothing.
///
/// A guard that is forgotten (`mem::forget`) keeps its slot, and the pool drops its object at last.
///
/// # Examples
///
/// ```
/// use hyperia_pool::Pool;
/// use hyperia_wait::Block;
///
/// let pool = Pool::new(2, || Vec::with_capacity(4096)).with_reset(Vec::clear);
/// let mut buffer = pool.try_get().unwrap();
/// buffer.extend_from_slice(b"hello");
/// drop(buffer); // back in its slot, and cleared
///
/// let first = pool.get().block();
/// let second = pool.get().block();
/// assert!(first.is_empty() && first.capacity() == 4096);
/// assert!(pool.try_get().is_none());
/// # drop(second);
/// ```
///
/// A guard is used up by being returned, so nothing can be returned twice:
///
/// ```compile_fail,E0382
/// let pool = hyperia_pool::Pool::new(1, || 0);
/// let object = pool.try_get().unwrap();
/// drop(object);
/// drop(object);
/// ```
///
/// ```
/// let pool = hyperia_pool::Pool::new(1, || 0);
/// let object = pool.try_get().unwrap();
/// drop(object);
/// let object = pool.try_get().unwrap();
/// drop(object);
/// ```
///
/// nor can a borrowed object outlive its pool:
///
/// ```compile_fail,E0505
/// let pool = hyperia_pool::Pool::new(1, || 0);
/// let object = pool.try_get().unwrap();
/// drop(pool);
/// drop(object);
/// ```
///
/// ```
/// let pool = std::sync::Arc::new(hyperia_pool::Pool::new(1, || 0));
/// let object = pool.try_get_owned().unwrap();
/// drop(pool);
/// drop(object); // frees the pool
/// ```
pub struct Pool<T> {
    slots: Slots<T>,
    reset: Option<Reset<T>>,
    make: Make<T>,
}

impl<T> Pool<T> {
    /// Creates a pool of `capacity` slots, which are filled by `make` when they are first used.
    ///
    /// # Panics
    ///
    /// If `capacity` is zero. A panic of `make` reaches whoever asked for the object; the slot stays empty
    /// and is given back.
    ///
    /// # Complexity
    ///
    /// Allocates the slots, their bits, the caches of threads, and a box for each hook that captures something.
    #[track_caller]
    pub fn new(capacity: usize, make: impl Fn() -> T + Send + Sync + 'static) -> Self {
        assert!(capacity > 0, "capacity must be greater than zero");
        Self::with_slots(Slots::new(capacity), make)
    }

    /// Creates a pool of `capacity` objects, all made here and now.
    ///
    /// # Panics
    ///
    /// If `capacity` is zero, or `make` panics; what it had made is dropped.
    #[track_caller]
    pub fn filled(capacity: usize, make: impl Fn() -> T + Send + Sync + 'static) -> Self {
        let pool = Self::new(capacity, make);
        for slot in pool.slots.all() {
            // SAFETY: nobody else has the pool yet, and its slots are empty.
            unsafe { slot.build((pool.make)()) };
        }
        pool
    }

    pub(crate) fn with_slots(
        slots: Slots<T>,
        make: impl Fn() -> T + Send + Sync + 'static,
    ) -> Self {
        Self {
            slots,
            reset: None,
            make: Box::new(make),
        }
    }

    /// Runs `reset` on each object that goes back into its slot, before anybody else can get it.
    ///
    /// It runs on the thread that drops the guard, also while that thread unwinds: an object may come back
    /// half-changed. If `reset` panics, the object is dropped and its slot is empty (a drop that panics on
    /// top of that aborts). Not run by `into_inner`, nor for objects beyond the capacity.
    /// A second hook takes the place of the first.
    #[must_use]
    pub fn with_reset(mut self, reset: impl Fn(&mut T) + Send + Sync + 'static) -> Self {
        self.reset = Some(Box::new(reset));
        self
    }

    /// Takes an object if there is one that nobody uses.
    ///
    /// `None` also while all idle ones are kept for others who were woken in vain before (see
    /// [`get`](Self::get)), or are being moved at this moment by other threads, between their own caches and
    /// what all share.
    ///
    /// # Panics
    ///
    /// If the slot is empty and `make` panics.
    ///
    /// # Complexity
    ///
    /// No locked instruction, if this thread has returned an object that it had taken and nobody needed it
    /// since. Otherwise one, and a look at each word if all is out; a system call if what is left has to be taken
    /// from other threads.
    #[inline]
    pub fn try_get(&self) -> Option<Pooled<'_, T>> {
        let slot = self.take()?;
        // SAFETY: the slot is this call's, and holds an object.
        Some(unsafe { Pooled::new(self, slot) })
    }

    /// Takes an object, waiting until there is one.
    ///
    /// Those who wait are woken in the order in which they were first polled. One that comes when an
    /// object is idle may take it before one that was just woken, at most until that one was woken in vain:
    /// from then on, until it is served, newcomers line up behind it, and `try_get` finds nothing.
    ///
    /// # Panics
    ///
    /// The future does if the slot is empty and `make` panics; the slot is given to the next.
    ///
    /// # Cancel safety
    ///
    /// A dropped future has taken nothing. It gives up its place, and passes a wake-up that it had got on to
    /// the next. One that is *forgotten* swallows a wake-up, and if it was woken in vain before it keeps
    /// newcomers in line; one that is forgotten while it waits keeps threads from having idle objects to themselves.
    ///
    /// # Complexity
    ///
    /// As [`try_get`](Self::try_get) if there is an object; otherwise one locked instruction per word and per
    /// open cache of a thread, a few for the queue, and a system call if there was one. Never allocates for
    /// waiting. While somebody waits, taking and returning are one locked instruction each.
    pub fn get(&self) -> Get<'_, T> {
        Get::new(self)
    }

    /// Takes an object, or makes one more when [`try_get`](Self::try_get) finds none: that one is on the heap,
    /// and dropped on return.
    ///
    /// # Panics
    ///
    /// If `make` does.
    pub fn get_or_alloc(&self) -> Pooled<'_, T> {
        let slot = self.claim_or_alloc();
        // SAFETY: the slot is this call's and holds an object.
        unsafe { Pooled::new(self, slot) }
    }

    /// As [`try_get`](Self::try_get), with a guard that keeps the pool alive.
    ///
    /// # Panics
    ///
    /// If the slot is empty and `make` panics.
    ///
    /// # Examples
    ///
    /// ```
    /// use hyperia_pool::Pool;
    /// use std::sync::Arc;
    ///
    /// let pool = Arc::new(Pool::new(1, || String::from("spare")));
    /// let object = pool.try_get_owned().unwrap();
    /// let thread = std::thread::spawn(move || object.len());
    /// assert_eq!(thread.join().unwrap(), 5);
    /// assert_eq!(pool.len_idle(), 1);
    /// ```
    pub fn try_get_owned(self: &Arc<Self>) -> Option<OwnedPooled<T>> {
        let slot = self.take()?;
        // SAFETY: the slot is this call's, and holds an object.
        Some(unsafe { OwnedPooled::new(Arc::clone(self), slot) })
    }

    /// As [`get`](Self::get), with a future and a guard that keep the pool alive.
    ///
    /// # Cancel safety
    ///
    /// As for `get`.
    pub fn get_owned(self: &Arc<Self>) -> OwnedGet<T> {
        OwnedGet::new(Arc::clone(self))
    }

    /// As [`get_or_alloc`](Self::get_or_alloc), with a guard that keeps the pool alive.
    ///
    /// # Panics
    ///
    /// If `make` does.
    pub fn get_or_alloc_owned(self: &Arc<Self>) -> OwnedPooled<T> {
        let slot = self.claim_or_alloc();
        // SAFETY: the slot is this call's and holds an object.
        unsafe { OwnedPooled::new(Arc::clone(self), slot) }
    }

    /// How many objects the pool has room for.
    pub fn capacity(&self) -> usize {
        self.slots.all().len()
    }

    /// How many slots nobody uses, whether they were filled already or not. Exact while nobody takes or
    /// returns; never more than the capacity.
    pub fn len_idle(&self) -> usize {
        self.slots.free()
    }

    pub(crate) fn slots(&self) -> &Slots<T> {
        &self.slots
    }

    /// Takes a slot with an object in it, which is the caller's then.
    #[inline]
    fn take(&self) -> Option<NonNull<Slot<T>>> {
        Some(self.fill(self.slots.take()?))
    }

    /// Sees to it that there is an object in the slot of the claim, and leaves the slot to the caller.
    #[inline]
    pub(crate) fn fill(&self, claim: Claim<'_, T>) -> NonNull<Slot<T>> {
        // SAFETY: the claim owns the slot.
        if !unsafe { claim.slot().is_built() } {
            self.build(claim.slot());
        }
        claim.keep()
    }

    #[cold]
    fn build(&self, slot: &Slot<T>) {
        // If it panics, the claim gives the slot back, empty.
        let value = (self.make)();
        // SAFETY: the caller has a claim to the slot, and saw it empty.
        unsafe { slot.build(value) };
    }

    fn claim_or_alloc(&self) -> NonNull<Slot<T>> {
        if let Some(slot) = self.take() {
            return slot;
        }
        let slot = Box::new(Slot::empty(OUTSIDE));
        // SAFETY: the slot is this call's, and empty.
        unsafe { slot.build((self.make)()) };
        NonNull::from(Box::leak(slot))
    }

    /// The end of a guard.
    ///
    /// # Safety
    ///
    /// `slot` came from `fill` or `claim_or_alloc` of this pool, holds an object, and is not used again.
    #[inline]
    pub(crate) unsafe fn give_back(&self, slot: NonNull<Slot<T>>) {
        // SAFETY: slots of the pool live as long as it, others until the line that frees them.
        let shared = unsafe { slot.as_ref() };
        if shared.number == OUTSIDE {
            // SAFETY: the slot was leaked by `claim_or_alloc`, and is not used again.
            drop(unsafe { Box::from_raw(slot.as_ptr()) });
            return;
        }
        if let Some(reset) = &self.reset {
            // SAFETY: the slot is still the caller's, and holds an object.
            unsafe { self.reset(reset, slot) };
        }
        // SAFETY: the slot is of this pool, and the guard that ends here gives it up.
        unsafe { self.slots.put(shared) };
    }

    /// # Safety
    ///
    /// As for `give_back`, for a slot of the pool. If it panics, the slot was given back.
    unsafe fn reset(&self, reset: &Reset<T>, slot: NonNull<Slot<T>>) {
        /// Runs when `reset` panics.
        struct Clear<'a, T>(&'a Pool<T>, &'a Slot<T>);
        impl<T> Drop for Clear<'_, T> {
            fn drop(&mut self) {
                // SAFETY: the guard that ends here gives it up, whatever its object does.
                let _put = unsafe { Claim::new(&self.0.slots, self.1) };
                // SAFETY: the slot is still owned by the guard that ends here, and holds an object.
                unsafe { self.1.clear() };
            }
        }

        // SAFETY: the slot lives as long as the pool.
        let clear = Clear(self, unsafe { slot.as_ref() });
        // SAFETY: the guard that ends here owns the slot, so nobody else has a reference to the object.
        reset(unsafe { Slot::value_mut(slot) });
        core::mem::forget(clear);
    }

    /// The end of a guard whose object is taken out for good.
    ///
    /// # Safety
    ///
    /// As for `give_back`.
    pub(crate) unsafe fn take_out(&self, slot: NonNull<Slot<T>>) -> T {
        // SAFETY: as in `give_back`.
        let shared = unsafe { slot.as_ref() };
        // SAFETY: the slot is the caller's and holds an object.
        let value = unsafe { shared.take() };
        if shared.number == OUTSIDE {
            // SAFETY: as in `give_back`; it is empty now.
            drop(unsafe { Box::from_raw(slot.as_ptr()) });
        } else {
            // SAFETY: as in `give_back`.
            unsafe { self.slots.put(shared) };
        }
        value
    }
}

impl<T> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("capacity", &self.capacity())
            .field("idle", &self.len_idle())
            .finish_non_exhaustive()
    }
}
