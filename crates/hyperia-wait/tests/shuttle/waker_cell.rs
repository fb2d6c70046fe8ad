//! The cell, from either side.

use crate::SCHEDULES;
use hyperia_test::{poll_once, schedules_at_every_poll};
use hyperia_wait::WakerCell;
use shuttle::sync::atomic::AtomicUsize;
use shuttle::sync::atomic::Ordering::SeqCst;
use shuttle::thread;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Poll, Waker};

/// One who registers and then looks, against two who change what it looks at and then wake. Catches a wake that
/// falls between the claim and the release of a registration and is lost, a registration that meets a wake and is
/// not woken, and a waker that is left over.
#[test]
fn who_registers_and_then_looks_is_woken() {
    who_registers_is_woken("WakerCell: register", WakerCell::register);
    who_registers_is_woken("WakerCell: register alone", |cell, waker| {
        // SAFETY: the tasks that register come one after the other.
        unsafe { cell.register_alone(waker) };
    });
}

fn who_registers_is_woken(name: &str, register: fn(&WakerCell, &Waker)) {
    let polls = schedules_at_every_poll(name, SCHEDULES, move |patience| {
        let cell = WakerCell::new();
        let count = AtomicUsize::new(0);
        let two = || {
            poll_fn(|cx| {
                register(&cell, cx.waker());
                if count.load(SeqCst) == 2 {
                    return Poll::Ready(());
                }
                Poll::Pending
            })
        };
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    count.fetch_add(1, SeqCst);
                    cell.wake();
                });
            }
            // Gives up, and another task goes on in its place.
            let first = scope.spawn(|| patience.wait_for(two()));
            if first.join().expect("a task panicked").is_none() {
                patience.wait_to_end(two());
            }
        });
        drop(cell.take());
    });
    assert!(polls >= 2);
}

/// Two register at once, of whom one is displaced, and then one again. Catches a cell that two claim at once, and a
/// registration that sleeps on.
#[test]
fn the_last_of_two_registrations_is_woken() {
    let polls = schedules_at_every_poll("WakerCell: register, two tasks", SCHEDULES, |patience| {
        let cell = WakerCell::new();
        let open = AtomicUsize::new(0);
        let wait = || {
            poll_fn(|cx| {
                cell.register(cx.waker());
                if open.load(SeqCst) == 1 {
                    return Poll::Ready(());
                }
                Poll::Pending
            })
        };
        thread::scope(|scope| {
            let other = scope.spawn(|| _ = poll_once(pin!(wait()), Waker::noop()));
            scope.spawn(|| {
                open.store(1, SeqCst);
                cell.wake();
            });
            _ = poll_once(pin!(wait()), Waker::noop());
            other.join().expect("a task panicked");
            // From here on the last registration is this one's.
            if patience.wait_for(wait()).is_none() {
                patience.wait_to_end(wait());
            }
        });
        drop(cell.take());
    });
    assert!(polls >= 2);
}
