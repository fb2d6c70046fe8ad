//! Which types may be sent, shared, moved while pinned and used after a panic; and how large they are.
#![cfg(all(not(hyperia_loom), feature = "allocator-api2"))]

use std::cell::Cell;
use std::marker::PhantomPinned;
use std::mem::size_of;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;

use allocator_api2::alloc::Global;
use hyperia_alloc::{Drained, Limited, Scope, Shared, Tracked};

/// Whether `$type: $trait`: an inherent constant hides the trait's where the bound holds.
macro_rules! has {
    ($type:ty: $trait:ident) => {{
        trait Otherwise {
            const HAS: bool = false;
        }
        impl<T: ?Sized> Otherwise for T {}
        struct Probe<T: ?Sized>(std::marker::PhantomData<T>);
        impl<T: ?Sized + $trait> Probe<T> {
            const HAS: bool = true;
        }
        // The probe itself: the one has every one of them, the other none.
        const { assert!(<Probe<u8>>::HAS && !<Probe<(Rc<u8>, PhantomPinned)>>::HAS) };
        <Probe<$type>>::HAS
    }};
}

macro_rules! table {
    ($($ty:ty: $send:literal $sync:literal $unpin:literal;)+) => {
        $(
            let row = (has!($ty: Send), has!($ty: Sync), has!($ty: Unpin));
            assert_eq!(row, ($send, $sync, $unpin), "Send, Sync, Unpin of {}", stringify!($ty));
        )+
    };
}

fn is_unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}

/// An allocator of one thread.
type Local = Rc<u8>;
/// One that may move to another thread, but not be shared.
type Movable = Cell<u8>;

#[test]
fn auto_traits_are_as_documented() {
    table! {
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
    assert_eq!(size_of::<Tracked<Global>>(), 17 * 128 + 128);
}
