//! Which public types may be sent, shared and moved after pinning; and how large they are.
#![cfg(not(hyperia_loom))]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;

use futures_core::FusedFuture;
use hyperia_reactor::{
    Direction, Handle, Reactor, ReactorGone, Readiness, Ready, Source, TimerSlack,
};

/// A descriptor that may not leave its thread.
struct Local(
    OwnedFd,
    #[expect(dead_code, reason = "for its auto traits")] Rc<()>,
);

impl AsFd for Local {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[test]
fn auto_traits() {
    hyperia_test::auto_traits! {
        // type:                 Send  Sync  Unpin
        Reactor:                 true  true  true;
        Handle:                  true  true  true;
        Source<OwnedFd>:         true  true  true;
        Source<Local>:           false false true;
        Readiness<'static>:      true  true  false;
        Ready:                   true  true  true;
        Direction:               true  true  true;
        ReactorGone:             true  true  true;
        TimerSlack:              false false true;
    }
}

#[test]
fn other_traits() {
    fn fused<T: FusedFuture>() {}
    fn error<T: std::error::Error + Send + Sync + 'static>() {}
    fn copy<T: Copy>() {}
    fn clone<T: Clone>() {}
    fn unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}
    fused::<Readiness<'_>>();
    error::<ReactorGone>();
    copy::<Ready>();
    copy::<Direction>();
    clone::<Handle>();
    unwind_safe::<ReactorGone>();
    unwind_safe::<Ready>();
}

#[test]
fn sizes() {
    assert_eq!(size_of::<Handle>(), size_of::<usize>());
    assert!(
        size_of::<Source<OwnedFd>>() <= 24,
        "{}",
        size_of::<Source<OwnedFd>>()
    );
    assert!(
        size_of::<Readiness<'_>>() <= 80,
        "{}",
        size_of::<Readiness<'_>>()
    );
    assert!(size_of::<Ready>() <= 16);
}
