//! The contenders. Whoever has no guard that returns on drop gets one here, so that all are used in the same
//! way.
use crossbeam_queue::ArrayQueue;
use hyperia_pool::Pooled;
use object_pool::Reusable;
use opool::{PoolAllocator, RefGuard};
use sharded_slab::pool::RefMut;
use std::alloc::{GlobalAlloc, Layout};
use std::borrow::BorrowMut;
use std::cell::RefCell;
use std::hint::black_box;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Arc;
use std::thread::LocalKey;

/// How many objects a pool has, all made before anything is measured.
pub(crate) const CAPACITY: usize = 64;

/// What is pooled. Nothing in it is initialized, so that allocators have nothing to do but allocate.
pub(crate) struct Object<const BYTES: usize>([MaybeUninit<u8>; BYTES]);

impl<const BYTES: usize> Object<BYTES> {
    pub(crate) fn new() -> Self {
        Self([const { MaybeUninit::uninit() }; BYTES])
    }

    /// Uses the object.
    #[inline]
    pub(crate) fn write(&mut self, byte: u8) {
        black_box(self.0[0].write(black_box(byte)));
    }

    /// # Safety
    ///
    /// `write` was called before.
    #[inline]
    pub(crate) unsafe fn read(&self) -> u8 {
        // SAFETY: `write` has initialized it.
        unsafe { self.0[0].assume_init() }
    }
}

/// Where objects come from and go back to.
pub(crate) trait Source<const BYTES: usize>: Copy + Send + Sync {
    /// Returns the object on drop.
    type Guard: DerefMut<Target: BorrowMut<Object<BYTES>>>;
    fn get(self) -> Self::Guard;
    /// How many are idle, where that means something.
    fn idle(self) -> Option<usize> {
        None
    }
}

impl<'a, const BYTES: usize> Source<BYTES> for &'a hyperia_pool::Pool<Object<BYTES>> {
    type Guard = Pooled<'a, Object<BYTES>>;
    #[inline]
    fn get(self) -> Self::Guard {
        self.try_get().expect("not all are out")
    }
    fn idle(self) -> Option<usize> {
        Some(self.len_idle())
    }
}

/// A box of a list or queue that has no guards.
pub(crate) struct Boxed<H: Home<BYTES>, const BYTES: usize> {
    /// Taken by the drop alone.
    object: ManuallyDrop<Box<Object<BYTES>>>,
    home: H,
}

/// Where it goes back to.
pub(crate) trait Home<const BYTES: usize>: Copy {
    fn put(self, object: Box<Object<BYTES>>);
}

impl<H: Home<BYTES>, const BYTES: usize> Boxed<H, BYTES> {
    #[inline]
    fn new(object: Box<Object<BYTES>>, home: H) -> Self {
        let object = ManuallyDrop::new(object);
        Self { object, home }
    }
}

impl<H: Home<BYTES>, const BYTES: usize> Deref for Boxed<H, BYTES> {
    type Target = Object<BYTES>;
    #[inline]
    fn deref(&self) -> &Object<BYTES> {
        &self.object
    }
}

impl<H: Home<BYTES>, const BYTES: usize> DerefMut for Boxed<H, BYTES> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Object<BYTES> {
        &mut self.object
    }
}

impl<H: Home<BYTES>, const BYTES: usize> Drop for Boxed<H, BYTES> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: nobody has taken it, and nobody looks at it after the drop.
        self.home
            .put(unsafe { ManuallyDrop::take(&mut self.object) });
    }
}

impl<const BYTES: usize> Home<BYTES> for &ArrayQueue<Box<Object<BYTES>>> {
    #[inline]
    fn put(self, object: Box<Object<BYTES>>) {
        // There is room for all that there are.
        assert!(self.push(object).is_ok());
    }
}

impl<'a, const BYTES: usize> Source<BYTES> for &'a ArrayQueue<Box<Object<BYTES>>> {
    type Guard = Boxed<&'a ArrayQueue<Box<Object<BYTES>>>, BYTES>;
    #[inline]
    fn get(self) -> Self::Guard {
        Boxed::new(self.pop().expect("not all are out"), self)
    }
    fn idle(self) -> Option<usize> {
        Some(self.len())
    }
}

pub(crate) fn boxes<const BYTES: usize>() -> impl Iterator<Item = Box<Object<BYTES>>> {
    (0..CAPACITY).map(|_| Box::new(Object::new()))
}

/// Boxes, as everywhere here: objects stay where they are.
type List<T> = RefCell<Vec<Box<T>>>;

thread_local! {
    static SMALL: List<Object<64>> = RefCell::new(boxes().collect());
    static LARGE: List<Object<4096>> = RefCell::new(boxes().collect());
}

/// A list that no other thread can reach.
pub(crate) trait Listed: Sized {
    fn list() -> &'static LocalKey<List<Self>>;
}

impl Listed for Object<64> {
    #[inline]
    fn list() -> &'static LocalKey<List<Self>> {
        &SMALL
    }
}

impl Listed for Object<4096> {
    #[inline]
    fn list() -> &'static LocalKey<List<Self>> {
        &LARGE
    }
}

#[derive(Clone, Copy)]
pub(crate) struct PerThread;

impl<const BYTES: usize> Home<BYTES> for PerThread
where
    Object<BYTES>: Listed,
{
    #[inline]
    fn put(self, object: Box<Object<BYTES>>) {
        Object::list().with_borrow_mut(|list| {
            // Else what comes from other threads would pile up.
            if list.len() < CAPACITY {
                list.push(object);
            }
        });
    }
}

impl<const BYTES: usize> Source<BYTES> for PerThread
where
    Object<BYTES>: Listed,
{
    type Guard = Boxed<Self, BYTES>;
    #[inline]
    fn get(self) -> Self::Guard {
        let idle = Object::list().with_borrow_mut(Vec::pop);
        Boxed::new(idle.unwrap_or_else(|| Box::new(Object::new())), self)
    }
}

/// Pages as large as the other pools, instead of one of 32 and then one of 64.
pub(crate) struct OnePage;

impl sharded_slab::Config for OnePage {
    const INITIAL_PAGE_SIZE: usize = CAPACITY;
}

pub(crate) type Slab<const BYTES: usize> = sharded_slab::Pool<Object<BYTES>, OnePage>;

impl<const BYTES: usize> Default for Object<BYTES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const BYTES: usize> sharded_slab::Clear for Object<BYTES> {
    #[inline]
    fn clear(&mut self) {}
}

/// The drop of its own guard only ends the writing; the object goes back when its key is cleared.
pub(crate) struct Keyed<'a, const BYTES: usize> {
    /// Dropped by the drop alone.
    object: ManuallyDrop<RefMut<'a, Object<BYTES>, OnePage>>,
    slab: &'a Slab<BYTES>,
}

impl<const BYTES: usize> Deref for Keyed<'_, BYTES> {
    type Target = Object<BYTES>;
    #[inline]
    fn deref(&self) -> &Object<BYTES> {
        &self.object
    }
}

impl<const BYTES: usize> DerefMut for Keyed<'_, BYTES> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Object<BYTES> {
        &mut self.object
    }
}

impl<const BYTES: usize> Drop for Keyed<'_, BYTES> {
    #[inline]
    fn drop(&mut self) {
        let key = self.object.key();
        // First: a key that is being written to cannot be cleared.
        // SAFETY: nobody looks at it after this.
        unsafe { ManuallyDrop::drop(&mut self.object) };
        assert!(self.slab.clear(key));
    }
}

impl<'a, const BYTES: usize> Source<BYTES> for &'a Slab<BYTES> {
    type Guard = Keyed<'a, BYTES>;
    #[inline]
    fn get(self) -> Self::Guard {
        Keyed {
            object: ManuallyDrop::new(self.create().expect("the shard is not full")),
            slab: self,
        }
    }
}

/// Makes boxes, so that 4 KiB are not copied in and out.
pub(crate) struct Maker;

impl<const BYTES: usize> PoolAllocator<Box<Object<BYTES>>> for Maker {
    fn allocate(&self) -> Box<Object<BYTES>> {
        Box::new(Object::new())
    }
}

impl<'a, const BYTES: usize> Source<BYTES> for &'a opool::Pool<Maker, Box<Object<BYTES>>> {
    type Guard = RefGuard<'a, Maker, Box<Object<BYTES>>>;
    #[inline]
    fn get(self) -> Self::Guard {
        self.try_get().expect("not all are out")
    }
    fn idle(self) -> Option<usize> {
        Some(self.len())
    }
}

impl<'a, const BYTES: usize> Source<BYTES> for &'a object_pool::Pool<Box<Object<BYTES>>> {
    type Guard = Reusable<'a, Box<Object<BYTES>>>;
    #[inline]
    fn get(self) -> Self::Guard {
        self.try_pull().expect("not all are out")
    }
    fn idle(self) -> Option<usize> {
        Some(self.len())
    }
}

/// asyncband's pool: its guards refer to a counted one, weakly, and note the time of each return.
pub(crate) type Band<const BYTES: usize> =
    Arc<asyncband::pool::unbounded::Pool<Box<Object<BYTES>>>>;

pub(crate) fn band<const BYTES: usize>() -> Band<BYTES> {
    use asyncband::pool::unbounded::{Pool, PoolConfig};
    let pool = Pool::never_manage(PoolConfig::new());
    pool.extend(boxes());
    pool
}

impl<const BYTES: usize> Source<BYTES> for &Band<BYTES> {
    type Guard = asyncband::pool::unbounded::Object<Box<Object<BYTES>>>;
    #[inline]
    fn get(self) -> Self::Guard {
        self.try_get().expect("not all are out")
    }
    fn idle(self) -> Option<usize> {
        Some(self.status().idle_count)
    }
}

/// No pool: memory straight from an allocator.
pub(crate) struct Heap<A>(pub(crate) A);

pub(crate) struct Block<'a, A: GlobalAlloc, const BYTES: usize> {
    object: NonNull<Object<BYTES>>,
    heap: &'a Heap<A>,
}

// SAFETY: it owns its memory, which any thread may use and free.
unsafe impl<A: GlobalAlloc + Sync, const BYTES: usize> Send for Block<'_, A, BYTES> {}

impl<A: GlobalAlloc, const BYTES: usize> Deref for Block<'_, A, BYTES> {
    type Target = Object<BYTES>;
    #[inline]
    fn deref(&self) -> &Object<BYTES> {
        // SAFETY: allocated for an object, which needs no initialization, and owned by this.
        unsafe { self.object.as_ref() }
    }
}

impl<A: GlobalAlloc, const BYTES: usize> DerefMut for Block<'_, A, BYTES> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Object<BYTES> {
        // SAFETY: allocated for an object, which needs no initialization, and owned by this.
        unsafe { self.object.as_mut() }
    }
}

impl<A: GlobalAlloc, const BYTES: usize> Drop for Block<'_, A, BYTES> {
    #[inline]
    fn drop(&mut self) {
        let layout = Layout::new::<Object<BYTES>>();
        // SAFETY: it came from this allocator, with this layout.
        unsafe { self.heap.0.dealloc(self.object.as_ptr().cast(), layout) };
    }
}

impl<'a, A: GlobalAlloc + Sync, const BYTES: usize> Source<BYTES> for &'a Heap<A> {
    type Guard = Block<'a, A, BYTES>;
    #[inline]
    fn get(self) -> Self::Guard {
        // SAFETY: objects are not empty.
        let block = unsafe { self.0.alloc(Layout::new::<Object<BYTES>>()) };
        Block {
            object: NonNull::new(block.cast()).expect("memory is not short"),
            heap: self,
        }
    }
}
