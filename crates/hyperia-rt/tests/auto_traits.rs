//! Who may cross threads, by type.
#![cfg(not(hyperia_loom))]
use hyperia_rt::{DriverThread, EventLoop, LoopHandle};

#[test]
fn auto_traits() {
    hyperia_test::auto_traits! {
        // type:       Send  Sync  Unpin
        // The loop and what spawns onto it stay on their thread.
        EventLoop:     false false true;
        LoopHandle:    false false true;
        // The driver has a thread of its own, so it may be owned by any.
        DriverThread:  true  true  true;
    }
}

#[test]
fn the_handle_is_cloned() {
    fn clone<T: Clone>() {}
    clone::<LoopHandle>();
}

#[test]
fn what_other_threads_may_use_is_inside_the_handle() {
    fn send<T: Send + Sync + Clone>(_: &T) {}
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    send(handle.reactor());
    send(handle.timers());
    send(handle.spawner());
}
