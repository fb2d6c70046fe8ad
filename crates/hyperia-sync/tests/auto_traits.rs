//! Which types may be sent, shared and moved while pinned; and how large they are.
#![cfg(not(hyperia_loom))]

use std::cell::Cell;
use std::marker::PhantomPinned;
use std::rc::Rc;

use hyperia_sync::oneshot::{
    Receiver, Recv, RecvError, RecvTimeoutError, SendError, Sender, TryRecvError,
};
use hyperia_sync::{
    AutoResetEvent, AutoResetWait, Lock, ManualResetEvent, ManualResetWait, Mutex, MutexGuard,
    Permit, Semaphore, SemaphoreAcquire, Token, WaitGroup, WaitGroupWait,
};

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
        Semaphore:                 true  true  true;
        SemaphoreAcquire<'static>:          true  true  false;
        Permit<'static>:           true  true  true;
        Mutex<Movable>:            true  true  true;
        Mutex<Local>:              false false false;
        Lock<'static, Movable>:    true  true  false;
        Lock<'static, Local>:      false false false;
        MutexGuard<'static, Movable>: true  false true;
        MutexGuard<'static, u8>:   true  true  true;
        MutexGuard<'static, Local>: false false true;
        ManualResetEvent:          true  true  true;
        ManualResetWait<'static>:  true  true  false;
        WaitGroup:                 true  true  true;
        WaitGroupWait<'static>:    true  true  false;
        Token:                     true  true  true;
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
    assert!(size_of::<Semaphore>() <= 24);
    assert!(size_of::<SemaphoreAcquire<'_>>() <= 48);
    assert!(size_of::<Permit<'_>>() <= 16);
    assert!(size_of::<Mutex<u64>>() <= 32);
    assert!(size_of::<Lock<'_, u64>>() <= 56);
    assert_eq!(size_of::<MutexGuard<'_, u64>>(), word);
    assert!(size_of::<ManualResetEvent>() <= 3 * word);
    assert!(size_of::<ManualResetWait<'_>>() <= 64);
    assert_eq!(size_of::<WaitGroup>(), word);
    assert_eq!(size_of::<Option<Token>>(), word);
    assert!(size_of::<WaitGroupWait<'_>>() <= 64);
    assert_eq!(size_of::<Sender<[u8; 100]>>(), word);
    assert_eq!(size_of::<Receiver<[u8; 100]>>(), word);
    assert_eq!(size_of::<Recv<[u8; 100]>>(), word);
}
