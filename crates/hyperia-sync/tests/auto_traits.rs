//! Which types may be sent, shared and moved while pinned; and how large they are.
#![cfg(not(hyperia_loom))]

use std::cell::Cell;
use std::marker::PhantomPinned;
use std::rc::Rc;

use hyperia_sync::oneshot::{
    Receiver, Recv, RecvError, RecvTimeoutError, SendError, Sender, TryRecvError,
};
use hyperia_sync::{AutoResetEvent, AutoResetWait};

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

/// Send, not Sync, Unpin.
type Movable = Cell<u8>;
/// Neither.
type Local = (Rc<u8>, PhantomPinned);

#[test]
fn auto_traits_are_as_documented() {
    table! {
        AutoResetEvent: true true true;
        AutoResetWait<'static>: true true false;
        Sender<Movable>: true true true;
        Sender<Local>: false false true;
        Receiver<Movable>: true true true;
        Receiver<Local>: false false true;
        Recv<Movable>: true true true;
        Recv<Local>: false false true;
        SendError<Movable>: true false true;
        SendError<Local>: false false false;
        RecvError: true true true;
        TryRecvError<Movable>: true true true;
        TryRecvError<Local>: false false true;
        RecvTimeoutError<Movable>: true true true;
        RecvTimeoutError<Local>: false false true;
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
