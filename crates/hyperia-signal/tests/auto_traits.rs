//! Who may cross threads, by type.
#![cfg(not(hyperia_loom))]
use core::fmt::{Debug, Display};
use core::hash::Hash;
use futures_core::{FusedFuture, FusedStream, Stream};
use hyperia_signal::{CtrlC, Recv, Signal, Signals};

#[test]
fn auto_traits() {
    hyperia_test::auto_traits! {
        // type:        Send  Sync  Unpin
        Signals:        true  true  true;
        Recv<'static>:  true  true  true;
        CtrlC:          true  true  true;
        Signal:         true  true  true;
    }
}

#[test]
fn other_traits() {
    fn stream<T: Stream<Item = Signal> + FusedStream + Debug>() {}
    fn future<T: FusedFuture + Debug>() {}
    fn value<T: Copy + Ord + Hash + Debug + Display>() {}
    stream::<Signals>();
    future::<Recv<'_>>();
    future::<CtrlC>();
    value::<Signal>();
}

#[test]
fn a_signal_is_as_small_as_its_number() {
    assert_eq!(size_of::<Signal>(), size_of::<i32>());
}
