//! Who may use a wheel: any thread, through a lock, or the thread that it was made on, without one.

use alloc::rc::Rc;
use alloc::sync::Arc;
use core::cell::RefCell;

use crate::hub::{Hub, Inner};
use crate::primitive::Mutex;
use sealed::Sealed;

/// Timers for every thread, behind a lock. The default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shared {}

/// Timers for the thread that they are made on: no lock and no other locked instruction. Handles, sleeps
/// and all stay there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Local {}

/// Which threads may use [`Timers`](crate::Timers) and what is made with them: [`Shared`] or [`Local`].
pub trait Bound: Sealed {}

impl Bound for Shared {}
impl Bound for Local {}

pub(crate) mod sealed {
    use super::*;
    use core::fmt::Debug;
    use core::ops::{Deref, DerefMut};

    /// How a hub is shared, and how what is inside is reached.
    pub trait Sealed: Sized + Debug + 'static {
        /// Counts references to a hub.
        type Handle: Clone + Deref<Target = Hub<Self>>;
        /// Gives access to one caller at a time.
        type Lock;

        fn handle(hub: Hub<Self>) -> Self::Handle;
        fn unlocked(inner: Inner) -> Self::Lock;
        fn lock(lock: &Self::Lock) -> impl DerefMut<Target = Inner>;
    }

    /// Behind a real lock.
    #[derive(Debug)]
    pub struct Locked(Mutex<Inner>);

    impl Sealed for Shared {
        type Handle = Arc<Hub<Self>>;
        type Lock = Locked;

        fn handle(hub: Hub<Self>) -> Self::Handle {
            Arc::new(hub)
        }
        fn unlocked(inner: Inner) -> Self::Lock {
            Locked(Mutex::new(inner))
        }
        #[inline]
        fn lock(lock: &Self::Lock) -> impl DerefMut<Target = Inner> {
            lock.0.lock()
        }
    }

    impl Sealed for Local {
        type Handle = Rc<Hub<Self>>;
        type Lock = RefCell<Inner>;

        fn handle(hub: Hub<Self>) -> Self::Handle {
            Rc::new(hub)
        }
        fn unlocked(inner: Inner) -> Self::Lock {
            RefCell::new(inner)
        }
        /// Never finds it borrowed: no user code runs while it is.
        #[inline]
        fn lock(lock: &Self::Lock) -> impl DerefMut<Target = Inner> {
            lock.borrow_mut()
        }
    }
}
