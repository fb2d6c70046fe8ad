//! Which type may go where.

use hyperia_breaker::{Breaker, Config, Guard, Open, Permit, State};

#[test]
fn auto_traits() {
    hyperia_test::auto_traits! {
        // type:         Send  Sync  Unpin
        Breaker:         true  false true;
        Guard<'static>:  false false true;
        Permit:          true  true  true;
        Config:          true  true  true;
        State:           true  true  true;
        Open:            true  true  true;
    }
}

#[test]
fn sizes() {
    assert_eq!(size_of::<Permit>(), 8);
    assert!(size_of::<Breaker>() <= 400, "{}", size_of::<Breaker>());
}
