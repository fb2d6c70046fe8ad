//! Who may cross threads, by type.
#![cfg(not(hyperia_loom))]
use hyperia_rt::{DriverThread, EventLoop, LoopHandle};

macro_rules! assert_has {
    ($type:ty: $($trait:path),+) => {
        const _: fn() = || {
            fn has<T: ?Sized $(+ $trait)+>() {}
            has::<$type>();
        };
    };
}

/// Does not compile if the type has the trait: then there are two ways to read `_`.
macro_rules! assert_lacks {
    ($type:ty: $trait:path) => {
        const _: fn() = || {
            trait Ambiguous<A> {
                fn item() {}
            }
            impl<T: ?Sized> Ambiguous<()> for T {}
            struct Has;
            impl<T: ?Sized + $trait> Ambiguous<Has> for T {}
            let _ = <$type as Ambiguous<_>>::item;
        };
    };
}

// The loop and what spawns onto it stay on their thread.
assert_lacks!(EventLoop: Send);
assert_lacks!(EventLoop: Sync);
assert_lacks!(LoopHandle: Send);
assert_lacks!(LoopHandle: Sync);
assert_has!(EventLoop: Unpin);
assert_has!(LoopHandle: Clone, Unpin);

// The driver has a thread of its own, so it may be owned by any.
assert_has!(DriverThread: Send, Sync, Unpin);

#[test]
fn what_other_threads_may_use_is_inside_the_handle() {
    fn send<T: Send + Sync + Clone>(_: &T) {}
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    send(handle.reactor());
    send(handle.timers());
    send(handle.spawner());
}
