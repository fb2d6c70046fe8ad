//! Which types may be sent, shared, moved while pinned and used after a panic; and how large they are.
#![cfg(all(not(hyperia_loom), feature = "allocator-api2"))]

use std::cell::Cell;
use std::marker::PhantomPinned;
use std::mem::size_of;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;

use allocator_api2::alloc::Global;
use hyperia_alloc::{Drained, Limited, Scope, Shared, Tracked};

fn is_unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}

/// An allocator of one thread.
type Local = Rc<u8>;
/// One that may move to another thread, but not be shared.
type Movable = Cell<u8>;

#[test]
fn auto_traits_are_as_documented() {
    hyperia_test::auto_traits! {
        Tracked<Global>: true true true;
        Tracked<Movable>: true false true;
        Tracked<Local>: false false true;
        Tracked<PhantomPinned>: true true false;
        Scope<Global>: true true true;
        Scope<Movable>: true false true;
        Scope<Local>: false false true;
        Limited<Global>: true true true;
        Limited<Movable>: true false true;
        Limited<Local>: false false true;
        Shared<Tracked<Global>>: true true true;
        Shared<Tracked<Movable>>: false false true;
        Shared<Tracked<Local>>: false false true;
        Drained<'static>: true true false;
    }
    is_unwind_safe::<(Tracked<Global>, Scope<Global>, Limited<Global>)>();
}

#[test]
#[cfg(target_pointer_width = "64")]
fn sizes_are_as_promised() {
    assert_eq!(size_of::<Scope<Global>>(), 32);
    assert_eq!(size_of::<Limited<Global>>(), 16);
    assert_eq!(size_of::<Shared<Tracked<Global>>>(), 8);
    assert_eq!(size_of::<Drained<'_>>(), 72);
    assert_eq!(size_of::<Tracked<Global>>(), 65 * 128 + 128);
}
