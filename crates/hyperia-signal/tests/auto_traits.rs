//! Who may cross threads, by type.
#![cfg(not(hyperia_loom))]
use core::fmt::{Debug, Display};
use core::hash::Hash;
use futures_core::{FusedFuture, FusedStream, Stream};
use hyperia_signal::{CtrlC, Recv, Signal, Signals};

macro_rules! assert_has {
    ($type:ty: $($trait:path),+) => {
        const _: fn() = || {
            fn has<T: ?Sized $(+ $trait)+>() {}
            has::<$type>();
        };
    };
}

assert_has!(Signals: Send, Sync, Unpin, Debug, Stream<Item = Signal>, FusedStream);
assert_has!(Recv<'static>: Send, Sync, Unpin, Debug, FusedFuture);
assert_has!(CtrlC: Send, Sync, Unpin, Debug, FusedFuture);
assert_has!(Signal: Send, Sync, Copy, Ord, Hash, Debug, Display);

#[test]
fn a_signal_is_as_small_as_its_number() {
    assert_eq!(size_of::<Signal>(), size_of::<i32>());
}
