//! Which of `Send`, `Sync` and `Unpin` each public type has, and how large it is.
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::cell::Cell;
use std::future::{Pending, Ready};
use std::marker::PhantomPinned;
use std::rc::Rc;

use hyperia_timer::wheel::{Expired, Key, Wheel};
use hyperia_timer::{Elapsed, ManualClock, MonotonicClock, Sleep, Timeout, Timers};

#[test]
fn auto_traits_are_what_they_should_be() {
    hyperia_test::auto_traits! {
        // type                     Send  Sync  Unpin
        Timers:                   true  true  true;
        Sleep:                    true  true  false;
        Timeout<Ready<u8>>:       true  true  false;
        Timeout<Pending<Rc<u8>>>: true  true  false;
        Timeout<Ready<Rc<u8>>>:   false false false;
        Timeout<Ready<Cell<u8>>>: true  false false;
        Timeout<PhantomPinned>:   true  true  false;
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
    assert_eq!(size_of::<Sleep>(), 64);
    assert!(size_of::<Timeout<Ready<u8>>>() <= 64 + 8);
    assert_eq!(size_of::<Timers>(), size_of::<usize>());
    assert_eq!(size_of::<Key>(), 8);
    assert!(size_of::<Wheel<u64>>() <= 2_800);
}
