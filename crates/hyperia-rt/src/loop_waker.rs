//! The waker that executor and timers get from their loop.
use crate::primitive::{ThreadId, is_this_thread, thread_id};
use core::task::Waker;
use std::sync::Arc;
use std::task::Wake;

/// Ends the loop's sleep. On the loop's own thread it does nothing: that thread is awake, and asks its
/// executor and its timers before it sleeps. Without this every event would cost a second `epoll_wait`.
#[derive(Debug)]
pub(crate) struct LoopWaker {
    owner: ThreadId,
    reactor: Waker,
}

impl LoopWaker {
    /// On the thread that will run the loop.
    pub(crate) fn new(reactor: Waker) -> Self {
        Self {
            owner: thread_id(),
            reactor,
        }
    }

    pub(crate) fn ring(&self) {
        if !is_this_thread(self.owner) {
            self.reactor.wake_by_ref();
        }
    }
}

impl Wake for LoopWaker {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}
