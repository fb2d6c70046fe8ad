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
use hyperia_sync::{mpmc, mpsc, spsc};

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
fn auto_traits_of_the_channels_are_as_documented() {
    hyperia_test::auto_traits! {
        // type:                             Send  Sync  Unpin
        spsc::Sender<Movable>:             true  true  true;
        spsc::Sender<Local>:               false false true;
        spsc::Receiver<Movable>:           true  true  true;
        spsc::Receiver<Local>:             false false true;
        spsc::SendFuture<'static, Movable>: true  false true;
        spsc::SendFuture<'static, Local>:  false false true;
        spsc::SendMany<'static, Movable>:  true  false true;
        spsc::SendMany<'static, Local>:    false false true;
        spsc::Recv<'static, Movable>:      true  true  true;
        spsc::Recv<'static, Local>:        false false true;
        spsc::RecvMany<'static, Movable>:  true  false true;
        spsc::RecvMany<'static, Local>:    false false true;
        spsc::Reserve<'static, Movable>:   true  true  true;
        spsc::Reserve<'static, Local>:     false false true;
        spsc::Permit<'static, Movable>:    true  true  true;
        spsc::Permit<'static, Local>:      false false true;
        mpsc::Sender<Movable>:             true  true  true;
        mpsc::Sender<Local>:               false false true;
        mpsc::Receiver<Movable>:           true  true  true;
        mpsc::Receiver<Local>:             false false true;
        mpsc::SendFuture<'static, Movable>: true  false false;
        mpsc::SendFuture<'static, Local>:  false false false;
        mpsc::SendMany<'static, Movable>:  true  false false;
        mpsc::SendMany<'static, Local>:    false false false;
        mpsc::Recv<'static, Movable>:      true  true  true;
        mpsc::Recv<'static, Local>:        false false true;
        mpsc::RecvMany<'static, Movable>:  true  false true;
        mpsc::RecvMany<'static, Local>:    false false true;
        mpsc::Reserve<'static, Movable>:   true  true  false;
        mpsc::Reserve<'static, Local>:     false false false;
        mpsc::Permit<'static, Movable>:    true  true  true;
        mpsc::Permit<'static, Local>:      false false true;
        mpmc::Sender<Movable>:             true  true  true;
        mpmc::Sender<Local>:               false false true;
        mpmc::Receiver<Movable>:           true  true  true;
        mpmc::Receiver<Local>:             false false true;
        mpmc::SendFuture<'static, Movable>: true  false false;
        mpmc::SendFuture<'static, Local>:  false false false;
        mpmc::SendMany<'static, Movable>:  true  false false;
        mpmc::SendMany<'static, Local>:    false false false;
        mpmc::Recv<'static, Movable>:      true  true  false;
        mpmc::Recv<'static, Local>:        false false false;
        mpmc::RecvMany<'static, Movable>:  true  false false;
        mpmc::RecvMany<'static, Local>:    false false false;
        mpmc::RecvStream<'static, Movable>: true  true  false;
        mpmc::RecvStream<'static, Local>:  false false false;
        mpsc::SendError<Movable>:          true  false true;
        mpsc::SendError<Local>:            false false false;
        mpsc::TrySendError<Movable>:       true  false true;
        mpsc::TrySendError<Local>:         false false false;
        mpsc::SendTimeoutError<Movable>:   true  false true;
        mpsc::SendTimeoutError<Local>:     false false false;
        mpsc::RecvError:                   true  true  true;
        mpsc::TryRecvError:                true  true  true;
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

#[test]
fn sizes_of_the_channels_are_as_promised() {
    use std::mem::size_of;
    if size_of::<usize>() != 8 {
        return;
    }
    macro_rules! sizes {
        ($($type:ty: $bytes:literal;)+) => {$(
            assert_eq!(size_of::<$type>(), $bytes, "{}", stringify!($type));
        )+};
    }
    // Without a value, so that what a future takes besides is seen.
    type Nothing = ();
    sizes! {
        spsc::Sender<Nothing>: 32;
        spsc::Receiver<Nothing>: 40;
        spsc::SendFuture<'_, Nothing>: 24;
        spsc::SendMany<'_, Nothing>: 24;
        spsc::Recv<'_, Nothing>: 16;
        spsc::RecvMany<'_, Nothing>: 32;
        spsc::Reserve<'_, Nothing>: 16;
        spsc::Permit<'_, Nothing>: 8;
        mpsc::Sender<Nothing>: 8;
        mpsc::Receiver<Nothing>: 16;
        mpsc::SendFuture<'_, Nothing>: 64;
        mpsc::SendMany<'_, Nothing>: 64;
        mpsc::Recv<'_, Nothing>: 16;
        mpsc::RecvMany<'_, Nothing>: 32;
        mpsc::Reserve<'_, Nothing>: 56;
        mpsc::Permit<'_, Nothing>: 8;
        mpmc::Sender<Nothing>: 8;
        mpmc::Receiver<Nothing>: 8;
        mpmc::SendFuture<'_, Nothing>: 64;
        mpmc::SendMany<'_, Nothing>: 64;
        mpmc::Recv<'_, Nothing>: 56;
        mpmc::RecvMany<'_, Nothing>: 72;
        mpmc::RecvStream<'_, Nothing>: 56;
    }
}
