//! Who may cross threads, by type.
#![cfg(not(hyperia_loom))]
use hyperia_executor::{FallibleTask, LocalExecutor, LocalSpawner, Spawner, Task};
use std::cell::Cell;
use std::rc::Rc;

#[test]
fn auto_traits() {
    hyperia_test::auto_traits! {
        // type:                Send  Sync  Unpin
        // What belongs to a thread stays there.
        LocalExecutor:          false false true;
        LocalSpawner:           false false true;
        // Spawners go anywhere.
        Spawner:                true  true  true;
        // Tasks go where their outputs may, and are shared without giving anything out.
        Task<u8>:               true  true  true;
        FallibleTask<u8>:       true  true  true;
        Task<Rc<u8>>:           false true  true;
        FallibleTask<Rc<u8>>:   false true  true;
        Task<Cell<u8>>:         true  true  true;
    }
}

#[test]
fn spawners_are_cloned() {
    fn clone<T: Clone>() {}
    clone::<LocalSpawner>();
    clone::<Spawner>();
}

#[test]
fn a_cancelling_future_goes_where_its_task_may() {
    fn send<T: Send>(_: &T) {}
    let executor = LocalExecutor::new(std::task::Waker::noop().clone());
    let cancel = executor.spawn(async { 1 }).cancel();
    send(&cancel);
    while executor.run(8) {}
    assert_eq!(hyperia_wait::block_on(cancel), Some(1));
}
