//! The table tells an object that waits for the stopped thread from one that does not.
use std::hint::spin_loop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

use hyperia_test::progress::{Claim, Counts, ROUNDS, Table};

/// Has the lock nearly all the time.
fn lock(mutex: &Mutex<()>) {
    let _guard = mutex.lock().unwrap();
    for _ in 0..1000 {
        spin_loop();
    }
}

#[test]
fn an_addition_waits_for_nobody() {
    let count = AtomicU64::new(0);
    let add = || _ = count.fetch_add(1, SeqCst);
    let mut table = Table::new();
    let counts = table.row("AtomicU64", "fetch_add", Claim::WaitFree, add);
    // Fewer than all on a machine with much else to do.
    let Counts { rounds, blocked } = counts;
    assert!((1..=ROUNDS).contains(&rounds) && blocked == 0);
    let line = format!("| AtomicU64 | fetch_add | wait-free    | {rounds:6} |           0 |");
    assert!(format!("{table}").contains(&line));
    table.finish();
}

#[test]
fn a_lock_that_is_held_nearly_always_is_found_held() {
    let mutex = Mutex::new(());
    let lock = || lock(&mutex);
    let mut table = Table::new();
    // On a machine with much else to do there may be two rounds in one.
    let mut tries = (0..20).map(|_| table.row("Mutex", "lock", Claim::Peer, lock).blocked);
    assert!(tries.any(|blocked| blocked > 0));
    drop(tries);
    table.note("a line below".into());
    assert!(format!("{table}").ends_with("\na line below\n"));
    table.finish();
}

#[test]
fn a_claim_that_does_not_hold_fails_the_test() {
    let mutex = Mutex::new(());
    let lock = || lock(&mutex);
    let mut table = Table::new();
    let mut tries = (0..20).map(|_| table.row("Mutex", "lock", Claim::LockFree, lock).blocked);
    assert_eq!(tries.find(|&blocked| blocked > 0), Some(1), "one is enough");
    drop(tries);
    assert!(catch_unwind(AssertUnwindSafe(|| table.finish())).is_err());
}
