//! Which types may be sent, shared, moved while pinned and used after a panic; and how large they are.
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::cell::Cell;
use std::panic::{RefUnwindSafe, UnwindSafe};

use hyperia_wait::{
    Closed, Driving, Either, Elapsed, Race, Wait, WaitQueue, WakeBatch, WakerCell, race,
};

fn is_unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}

type Local = Cell<*const ()>;
type Future = std::future::Ready<()>;

#[test]
fn auto_traits_are_as_documented() {
    hyperia_test::auto_traits! {
        // type:                                 Send  Sync  Unpin
        WakerCell:                               true  true  true;
        WaitQueue:                               true  true  true;
        Wait<'static>:                           true  true  false;
        Closed:                                  true  true  true;
        WakeBatch:                               true  true  true;
        Elapsed:                                 true  true  true;
        Driving:                                 false false true;
        Either<u8, u8>:                          true  true  true;
        Either<Local, u8>:                       false false true;
        Race<Future, Future>:                    true  true  true;
        Race<std::future::Ready<Local>, Future>: false false true;
    }
    is_unwind_safe::<(WakerCell, WaitQueue)>();
}

#[test]
fn a_race_of_movable_futures_is_movable() {
    let both = race(std::future::ready(1), std::future::ready(2));
    let moved = Box::new(both);
    assert!(!moved.is_terminated());
}

#[test]
fn sizes_are_as_promised() {
    use std::mem::size_of;
    assert_eq!(size_of::<WaitQueue>(), 2 * size_of::<usize>());
    assert!(size_of::<Wait<'_>>() <= 64);
    #[cfg(target_pointer_width = "64")]
    {
        assert_eq!(size_of::<Wait<'_>>(), 48);
        assert_eq!(size_of::<WakerCell>(), 24);
        assert_eq!(size_of::<WakeBatch>(), 272);
    }
}
