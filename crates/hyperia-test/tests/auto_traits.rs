//! The table of auto traits accepts what is so and nothing else.
use std::cell::Cell;
use std::marker::PhantomPinned;
use std::rc::Rc;
use std::sync::MutexGuard;

#[test]
fn the_table_tells_what_a_type_has() {
    hyperia_test::auto_traits! {
        // type:                     Send  Sync  Unpin
        u8:                          true  true  true;
        str:                         true  true  true;
        Cell<u8>:                    true  false true;
        MutexGuard<'static, u8>:     false true  true;
        Rc<u8>:                      false false true;
        PhantomPinned:               true  true  false;
        (Rc<u8>, PhantomPinned):     false false false;
    }
}

#[test]
#[should_panic = "Send, Sync, Unpin of Rc<u8>"]
fn send_where_it_is_not() {
    hyperia_test::auto_traits! { Rc<u8>: true false true; }
}

#[test]
#[should_panic = "Send, Sync, Unpin of Cell<u8>"]
fn sync_where_it_is_not() {
    hyperia_test::auto_traits! { Cell<u8>: true true true; }
}

#[test]
#[should_panic = "Send, Sync, Unpin of u8"]
fn not_unpin_where_it_is() {
    hyperia_test::auto_traits! { u8: true true false; }
}
