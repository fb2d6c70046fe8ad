//! Models through the public API. (Those of the counts themselves, with both stripes, stand beside them.)
#![cfg(all(hyperia_loom, feature = "allocator-api2"))]

use std::sync::Mutex;

use allocator_api2::alloc::Global;
use allocator_api2::boxed::Box;
use hyperia_alloc::{Scope, Shared, Tracked};
use hyperia_test::model_roles;
use hyperia_wait::block_on;

/// A handle for the one who waits and a box of the one who frees; only one role uses each, so the locks are
/// no part of the model.
struct State<T: allocator_api2::alloc::Allocator> {
    handle: Mutex<Option<Shared<T>>>,
    boxed: Mutex<Option<Box<u32, Shared<T>>>>,
}

fn make<T: allocator_api2::alloc::Allocator>(allocator: T) -> State<T> {
    let handle = Shared::new(allocator);
    let boxed = Mutex::new(Some(Box::new_in(1, handle.clone())));
    State {
        handle: Mutex::new(Some(handle)),
        boxed,
    }
}

/// Catches a wake-up that touches an allocator which its waiter has dropped, or one that does not come.
/// Floor: the free at any of the steps of a first poll.
#[test]
fn whoever_waited_may_drop_the_handle() {
    model_roles::<State<Tracked<Global>>>(
        "Tracked: drop a box | wait, drop the handle",
        8,
        || make(Tracked::new(Global)),
        &[
            |state| drop(state.boxed.lock().unwrap().take()),
            |state| {
                let handle = state.handle.lock().unwrap().take().expect("once");
                block_on(handle.drained());
                assert_eq!((handle.live_blocks(), handle.live_bytes()), (0, 0));
            },
        ],
        |_| (),
    );
}

/// The same for a scope. Floor: the free at any of the steps of a first poll.
#[test]
fn whoever_waited_for_a_scope_may_drop_the_handle() {
    model_roles::<State<Scope<Global>>>(
        "Scope: drop a box | wait, drop the handle",
        6,
        || make(Scope::new(Global)),
        &[
            |state| drop(state.boxed.lock().unwrap().take()),
            |state| {
                let handle = state.handle.lock().unwrap().take().expect("once");
                block_on(handle.drained());
                assert_eq!((handle.live_blocks(), handle.peak_bytes()), (0, 4));
            },
        ],
        |_| (),
    );
}
