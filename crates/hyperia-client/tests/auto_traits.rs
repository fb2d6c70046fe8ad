//! What may cross threads, and what may be moved.
#![cfg(not(any(hyperia_loom, hyperia_shuttle)))]

use std::cell::Cell;
use std::marker::PhantomPinned;

use hyperia_client::*;

/// Whether a type has a trait, decided when the test is compiled: the inherent method wins where its bound holds.
macro_rules! has {
    ($type:ty: $bound:path) => {{
        struct Probe<T: ?Sized>(std::marker::PhantomData<T>);
        impl<T: ?Sized + $bound> Probe<T> {
            fn has(&self) -> bool {
                true
            }
        }
        trait Otherwise {
            fn has(&self) -> bool {
                false
            }
        }
        impl<T: ?Sized> Otherwise for &Probe<T> {}
        let _ = Otherwise::has(&&Probe::<()>(std::marker::PhantomData));
        let _ = Probe::<()>(std::marker::PhantomData).has();
        (&Probe::<$type>(std::marker::PhantomData)).has()
    }};
}

macro_rules! table {
    ($($type:ty: $send:literal $sync:literal $unpin:literal;)*) => {$(
        assert_eq!(
            (has!($type: Send), has!($type: Sync), has!($type: Unpin)),
            ($send == "send", $sync == "sync", $unpin == "unpin"),
            "{}",
            stringify!($type)
        );
    )*};
}

struct Pinned(PhantomPinned);

impl AsRef<[u8]> for Pinned {
    fn as_ref(&self) -> &[u8] {
        let _ = self.0;
        &[]
    }
}

/// A message that may be sent to another thread but not shared.
struct Unshared(Cell<u8>);

impl AsRef<[u8]> for Unshared {
    fn as_ref(&self) -> &[u8] {
        let _ = self.0.get();
        &[]
    }
}

type NotSend = std::rc::Rc<[u8]>;

#[test]
fn auto_traits_are_as_documented() {
    table! {
        Client<Vec<u8>>: "send" "sync" "unpin";
        Client<Unshared>: "send" "sync" "unpin";
        Client<NotSend>: "" "" "unpin";
        Driver<Vec<u8>>: "send" "" "unpin";
        Driver<Unshared>: "send" "" "unpin";
        Driver<Pinned>: "send" "" "unpin";
        Driver<NotSend>: "" "" "unpin";
        Enqueue<'static, Vec<u8>>: "send" "sync" "unpin";
        Enqueue<'static, Unshared>: "send" "" "unpin";
        Enqueue<'static, Pinned>: "send" "sync" "unpin";
        Enqueue<'static, NotSend>: "" "" "unpin";
        SendMessage<'static, Vec<u8>>: "send" "sync" "unpin";
        SendMessage<'static, NotSend>: "" "" "unpin";
        Flush<'static, Vec<u8>>: "send" "sync" "unpin";
        Finished<'static, Vec<u8>>: "send" "sync" "unpin";
        Events: "send" "sync" "unpin";
        Event: "send" "sync" "unpin";
        Builder<Vec<u8>>: "send" "" "unpin";
        Destination: "send" "" "unpin";
        TcpConnector: "send" "" "unpin";
        TcpConnect: "send" "" "unpin";
        Stats: "send" "sync" "unpin";
        Latency: "send" "sync" "unpin";
        Verdict: "send" "sync" "unpin";
        Unsent<Vec<u8>>: "send" "sync" "unpin";
        SendError<NotSend>: "" "" "unpin";
    }
}

#[test]
fn small_things_are_small() {
    assert_eq!(size_of::<Client<Vec<u8>>>(), size_of::<usize>());
    assert!(size_of::<Verdict>() <= 24);
    assert!(size_of::<Enqueue<'static, &'static [u8]>>() <= 48);
}
