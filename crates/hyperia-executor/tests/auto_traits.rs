//! Who may cross threads, by type.
#![cfg(not(hyperia_loom))]
use hyperia_executor::{FallibleTask, LocalExecutor, LocalSpawner, Spawner, Task};
use std::cell::Cell;
use std::rc::Rc;

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

// What belongs to a thread stays there.
assert_lacks!(LocalExecutor: Send);
assert_lacks!(LocalExecutor: Sync);
assert_lacks!(LocalSpawner: Send);
assert_lacks!(LocalSpawner: Sync);
assert_has!(LocalExecutor: Unpin);
assert_has!(LocalSpawner: Clone, Unpin);

// Spawners go anywhere.
assert_has!(Spawner: Send, Sync, Clone, Unpin);

// Tasks go where their outputs may, and are shared without giving anything out.
assert_has!(Task<u8>: Send, Sync, Unpin);
assert_has!(FallibleTask<u8>: Send, Sync, Unpin);
assert_lacks!(Task<Rc<u8>>: Send);
assert_lacks!(FallibleTask<Rc<u8>>: Send);
assert_has!(Task<Rc<u8>>: Unpin);
assert_has!(Task<Cell<u8>>: Sync);

#[test]
fn a_cancelling_future_goes_where_its_task_may() {
    fn send<T: Send>(_: &T) {}
    let executor = LocalExecutor::new(std::task::Waker::noop().clone());
    let cancel = executor.spawn(async { 1 }).cancel();
    send(&cancel);
    while executor.run(8) {}
    assert_eq!(hyperia_wait::block_on(cancel), Some(1));
}
