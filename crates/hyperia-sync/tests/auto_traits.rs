//! Which types may be sent, shared and moved while pinned; and how large they are.
#![cfg(not(hyperia_loom))]

use std::cell::Cell;
use std::marker::PhantomPinned;
use std::rc::Rc;

use hyperia_sync::oneshot::{
    Receiver, Recv, RecvError, RecvTimeoutError, SendError, Sender, TryRecvError,
};
use hyperia_sync::{AutoResetEvent, AutoResetWait};

/// Send, not Sync, Unpin.
type Movable = Cell<u8>;
/// Neither.
type Local = (Rc<u8>, PhantomPinned);

#[test]
fn auto_traits_are_as_documented() {
    hyperia_test::auto_traits! {
        // type:                   Send  Sync  Unpin
        AutoResetEvent:            true  true  true;
        AutoResetWait<'static>:    true  true  false;
        Sender<Movable>:           true  true  true;
        Sender<Local>:             false false true;
        Receiver<Movable>:         true  true  true;
        Receiver<Local>:           false false true;
        Recv<Movable>:             true  true  true;
        Recv<Local>:               false false true;
        SendError<Movable>:        true  false true;
        SendError<Local>:          false false false;
        RecvError:                 true  true  true;
        TryRecvError<Movable>:     true  true  true;
        TryRecvError<Local>:       false false true;
        RecvTimeoutError<Movable>: true  true  true;
        RecvTimeoutError<Local>:   false false true;
    }
}

#[test]
fn sizes_are_as_promised() {
    use std::mem::size_of;
    let word = size_of::<usize>();
    assert_eq!(size_of::<AutoResetEvent>(), 2 * word);
    assert!(size_of::<AutoResetWait<'_>>() <= 64);
    assert_eq!(size_of::<Sender<[u8; 100]>>(), word);
    assert_eq!(size_of::<Receiver<[u8; 100]>>(), word);
    assert_eq!(size_of::<Recv<[u8; 100]>>(), word);
}
