//! Which type may go where, by what it carries.

use std::cell::Cell;
use std::marker::PhantomPinned;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;

use hyperia_queue::mpmc::{Queue, UnboundedQueue};
use hyperia_queue::mpsc::raw::{List, Ring};
use hyperia_queue::mpsc::{BoundedConsumer, BoundedProducer, Consumer, Producer, Reservation};
use hyperia_queue::{PopError, PushError, spsc};

#[test]
fn auto_traits() {
    // Send, and not Sync.
    type Movable = Cell<u8>;
    // Neither.
    type Local = (Rc<u8>, PhantomPinned);
    hyperia_test::auto_traits! {
        // type:                   Send  Sync  Unpin
        Queue<Movable>:            true  true  true;
        Queue<Local>:              false false true;
        UnboundedQueue<Movable>:   true  true  true;
        UnboundedQueue<Local>:     false false true;
        Producer<Movable>:         true  true  true;
        Producer<Local>:           false false true;
        Consumer<Movable>:         true  true  true;
        Consumer<Local>:           false false true;
        BoundedProducer<Movable>:  true  true  true;
        BoundedProducer<Local>:    false false true;
        BoundedConsumer<Movable>:  true  true  true;
        BoundedConsumer<Local>:    false false true;
        Reservation<'static, Movable>: true true true;
        Reservation<'static, Local>: false false true;
        Ring<Movable>:             true  true  true;
        Ring<Local>:               false false true;
        List<Movable>:             true  true  true;
        List<Local>:               false false true;
        spsc::Producer<Movable>:   true  true  true;
        spsc::Producer<Local>:     false false true;
        spsc::Consumer<Movable>:   true  true  true;
        spsc::Consumer<Local>:     false false true;
        PushError<Movable>:        true  false true;
        PushError<Local>:          false false false;
        PopError:                  true  true  true;
    }
}

#[test]
fn unwinding() {
    fn is_unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}
    type T = Cell<u8>;
    is_unwind_safe::<(Queue<T>, Producer<T>, Consumer<T>, PopError)>();
    is_unwind_safe::<UnboundedQueue<T>>();
    is_unwind_safe::<(BoundedProducer<T>, BoundedConsumer<T>, Reservation<'_, T>)>();
    is_unwind_safe::<(spsc::Producer<T>, spsc::Consumer<T>)>();
}
