//! What may cross threads, and what may be moved.
#![cfg(not(any(hyperia_loom, hyperia_shuttle)))]

use std::cell::Cell;
use std::marker::PhantomPinned;

use hyperia_client::*;

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
    hyperia_test::auto_traits! {
        // type:                       Send  Sync  Unpin
        Client<Vec<u8>>:               true  true  true;
        Client<Unshared>:              true  true  true;
        Client<NotSend>:               false false true;
        Driver<Vec<u8>>:               true  false true;
        Driver<Unshared>:              true  false true;
        Driver<Pinned>:                true  false true;
        Driver<NotSend>:               false false true;
        Enqueue<'static, Vec<u8>>:     true  true  true;
        Enqueue<'static, Unshared>:    true  false true;
        Enqueue<'static, Pinned>:      true  true  true;
        Enqueue<'static, NotSend>:     false false true;
        SendMessage<'static, Vec<u8>>: true  true  true;
        SendMessage<'static, NotSend>: false false true;
        Flush<'static, Vec<u8>>:       true  true  true;
        Finished<'static, Vec<u8>>:    true  true  true;
        Events:                        true  true  true;
        Event:                         true  true  true;
        Builder<Vec<u8>>:              true  false true;
        Destination:                   true  false true;
        TcpConnector:                  true  false true;
        TcpConnect:                    true  false true;
        Stats:                         true  true  true;
        Latency:                       true  true  true;
        Verdict:                       true  true  true;
        Unsent<Vec<u8>>:               true  true  true;
        SendError<NotSend>:            false false true;
    }
}

#[test]
fn small_things_are_small() {
    assert_eq!(size_of::<Client<Vec<u8>>>(), size_of::<usize>());
    assert!(size_of::<Verdict>() <= 24);
    assert!(size_of::<Enqueue<'static, &'static [u8]>>() <= 48);
}
