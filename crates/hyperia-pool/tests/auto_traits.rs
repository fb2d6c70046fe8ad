//! Which types may be sent, shared and moved while pinned; and how large they are.
#![cfg(not(hyperia_loom))]

use std::cell::Cell;
use std::rc::Rc;
use std::sync::MutexGuard;

use hyperia_pool::{Get, OwnedGet, OwnedPooled, Pool, Pooled};

/// Send, and not Sync.
type Unshared = Cell<u8>;
/// Sync, and not Send.
type Bound = MutexGuard<'static, u8>;
/// Neither.
type Local = Rc<u8>;

#[test]
fn auto_traits_are_as_documented() {
    hyperia_test::auto_traits! {
        Pool<u8>: true true true;
        Pool<Unshared>: true true true;
        Pool<Bound>: false false true;
        Pool<Local>: false false true;
        Pooled<'static, u8>: true true true;
        Pooled<'static, Unshared>: true false true;
        Pooled<'static, Bound>: false true true;
        Pooled<'static, Local>: false false true;
        OwnedPooled<u8>: true true true;
        OwnedPooled<Unshared>: true false true;
        OwnedPooled<Bound>: false true true;
        OwnedPooled<Local>: false false true;
        Get<'static, u8>: true true false;
        Get<'static, Unshared>: true true false;
        Get<'static, Bound>: false false false;
        Get<'static, Local>: false false false;
        OwnedGet<u8>: true true false;
        OwnedGet<Unshared>: true true false;
        OwnedGet<Bound>: false false false;
        OwnedGet<Local>: false false false;
    }
}

#[test]
fn sizes_are_as_promised() {
    use std::mem::size_of;
    assert_eq!(size_of::<Pooled<'_, [u8; 64]>>(), 2 * size_of::<usize>());
    assert_eq!(size_of::<OwnedPooled<[u8; 64]>>(), 2 * size_of::<usize>());
    assert_eq!(
        size_of::<Option<Pooled<'_, u8>>>(),
        2 * size_of::<usize>(),
        "None is free"
    );
    #[cfg(target_pointer_width = "64")]
    {
        assert!(size_of::<Get<'_, u8>>() <= 80);
        assert!(size_of::<OwnedGet<u8>>() <= 80);
    }
}
