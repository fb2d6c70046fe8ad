//! Which of `Send`, `Sync` and `Unpin` each public type has, and how large it is.
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::cell::Cell;
use std::future::{Pending, Ready};
use std::marker::PhantomPinned;
use std::rc::Rc;

use hyperia_timer::wheel::{Expired, Key, Wheel};
use hyperia_timer::{
    Elapsed, Interval, Local, ManualClock, MissedTickBehavior, MonotonicClock, Shared, Sleep, Tick,
    Timeout, Timers,
};

#[test]
fn auto_traits_are_what_they_should_be() {
    hyperia_test::auto_traits! {
        // type                     Send  Sync  Unpin
        Timers:                          true  true  true;
        Timers<Local>:                   false false true;
        Sleep<'static>:                  true  true  false;
        Sleep<'static, Local>:           false false false;
        Timeout<'static, Ready<u8>>:     true  true  false;
        Timeout<'static, Ready<u8>, Local>:     false false false;
        Timeout<'static, Pending<Rc<u8>>>:      true  true  false;
        Timeout<'static, Ready<Rc<u8>>>: false false false;
        Timeout<'static, Ready<Cell<u8>>>:      true  false false;
        Timeout<'static, PhantomPinned>: true  true  false;
        Interval<'static>:               true  true  false;
        Interval<'static, Local>:        false false false;
        Tick<'static, 'static>:          true  true  true;
        Tick<'static, 'static, Local>:   false false true;
        MissedTickBehavior:              true  true  true;
        Shared:                          true  true  true;
        Local:                           true  true  true;
        Elapsed:                  true  true  true;
        MonotonicClock:           true  true  true;
        ManualClock:              true  true  true;
        Key:                      true  true  true;
        Wheel<u8>:                true  true  true;
        Wheel<Rc<u8>>:            false false true;
        Wheel<Cell<u8>>:          true  false true;
        Expired<Rc<u8>>:          false false true;
    }
}

#[test]
fn sizes_are_what_the_docs_say() {
    assert_eq!(size_of::<Sleep<'_>>(), 64);
    assert_eq!(size_of::<Sleep<'_, Local>>(), 64);
    assert_eq!(size_of::<Interval<'_>>(), 80);
    assert!(size_of::<Timeout<'_, Ready<u8>>>() <= 64 + 8);
    assert_eq!(size_of::<Timers>(), size_of::<usize>());
    assert_eq!(size_of::<Key>(), 8);
    assert!(size_of::<Wheel<u64>>() <= 4_000);
}
