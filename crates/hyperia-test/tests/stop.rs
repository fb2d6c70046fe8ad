//! A thread that is stopped stands still, wherever it is, and goes on when it is let go.
use std::hint::spin_loop;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::thread;
use std::time::Duration;

use hyperia_test::stop::with_victim;

/// Waits until the count is beyond `seen`.
fn goes_beyond(count: &AtomicU64, seen: u64) {
    while count.load(SeqCst) <= seen {
        thread::yield_now();
    }
}

#[test]
fn it_stands_still_until_it_is_released() {
    let count = AtomicU64::new(0);
    let operation = || _ = count.fetch_add(1, SeqCst);
    with_victim(operation, |victim| {
        for _ in 0..100 {
            let stopped = victim.stop();
            let seen = count.load(SeqCst);
            for _ in 0..1000 {
                spin_loop();
            }
            thread::yield_now();
            assert_eq!(count.load(SeqCst), seen);
            drop(stopped);
            goes_beyond(&count, seen);
        }
    });
}

#[test]
fn it_is_stopped_in_the_middle_of_an_operation() {
    let (first, second) = (AtomicU64::new(0), AtomicU64::new(0));
    let operation = || {
        first.fetch_add(1, SeqCst);
        for _ in 0..100 {
            spin_loop();
        }
        second.fetch_add(1, SeqCst);
    };
    with_victim(operation, |victim| {
        let in_the_middle = || {
            let _stopped = victim.stop();
            first.load(SeqCst) != second.load(SeqCst)
        };
        // It is there nearly all the time.
        assert!((0..10_000).any(|_| in_the_middle()));
    });
}

#[test]
fn it_is_stopped_in_a_system_call_that_goes_on() {
    let (count, failures) = (AtomicU64::new(0), AtomicUsize::new(0));
    let (reader, writer) = io::pipe().unwrap();
    let operation = || {
        // Blocks; an interrupted read that does not go on is an error.
        if io::Read::read(&mut &reader, &mut [0]).is_err() {
            failures.fetch_add(1, SeqCst);
        }
        count.fetch_add(1, SeqCst);
    };
    with_victim(operation, |victim| {
        for byte in 0..20 {
            thread::sleep(Duration::from_micros(100));
            drop(victim.stop());
            assert_eq!((count.load(SeqCst), failures.load(SeqCst)), (byte, 0));
            io::Write::write_all(&mut &writer, &[0]).unwrap();
            goes_beyond(&count, byte);
        }
        drop(writer);
    });
}

#[test]
fn the_error_number_of_the_thread_is_kept() {
    let (count, changed) = (AtomicU64::new(0), AtomicBool::new(false));
    let operation = || {
        // Beyond the numbers that the kernel gives.
        // SAFETY: the address is that of the thread's own, always good.
        let errno = unsafe { &mut *libc::__errno_location() };
        *errno = 12_345;
        for _ in 0..100 {
            spin_loop();
        }
        if *errno != 12_345 {
            changed.store(true, SeqCst);
        }
        count.fetch_add(1, SeqCst);
    };
    with_victim(operation, |victim| {
        for _ in 0..100 {
            let seen = count.load(SeqCst);
            drop(victim.stop());
            goes_beyond(&count, seen);
        }
    });
    assert!(!changed.into_inner());
}

#[test]
fn a_panic_of_the_control_releases_the_thread() {
    let panicked = catch_unwind(|| {
        with_victim(spin_loop, |victim| {
            let _stopped = victim.stop();
            panic!("on purpose");
        })
    });
    assert!(panicked.is_err());
    // Neither is the next one kept from stopping.
    with_victim(spin_loop, |victim| drop(victim.stop()));
}

#[test]
fn a_victim_that_has_ended_is_no_hang() {
    let count = AtomicU64::new(0);
    let operation = || {
        count.fetch_add(1, SeqCst);
        panic!("on purpose");
    };
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        with_victim(operation, |victim| {
            goes_beyond(&count, 0);
            loop {
                drop(victim.stop());
            }
        })
    }));
    assert!(panicked.is_err());
    with_victim(spin_loop, |victim| drop(victim.stop()));
}
