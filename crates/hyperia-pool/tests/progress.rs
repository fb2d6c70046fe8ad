//! One thread is stopped in the middle of an operation; do the others go on? The "Progress" of the headers,
//! measured. The table is shown by
//! ```text
//! cargo test -p hyperia-pool --test progress -- --show-output
//! ```
//! and with `--release` as it is in earnest: without optimization the critical sections are longer.
//! "Stood still" counts rounds, each one stop at a random moment; zero proves nothing where nothing is claimed.
//! See `hyperia_test::progress` for how it is measured. A call that finds no object goes on: whoever is stopped
//! may have what he works on, and what his thread keeps at hand. How many calls that were is told below the table.
#![cfg(not(hyperia_loom))]

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Poll, Waker};
use std::thread;

use hyperia_pool::{Pool, Pooled};
use hyperia_test::poll_once;
use hyperia_test::progress::{Claim, Table};

const TYPE: &str = "Pool";

/// All made, so that taking one runs no code but that of the pool.
fn pool(capacity: usize) -> Pool<[u8; 64]> {
    Pool::filled(capacity, || [0; 64])
}

#[test]
fn others_go_on_where_the_headers_say_so() {
    let mut table = Table::new();
    for (capacity, name) in [
        (64, "try_get, return; 64 objects"),
        (2, "try_get, return; 2 objects"),
    ] {
        let pool = pool(capacity);
        try_get(&mut table, name, || pool.try_get());
    }
    let shared = Arc::new(pool(64));
    let name = "try_get_owned, return; 64 objects";
    try_get(&mut table, name, || shared.try_get_owned());
    ready_get(&mut table);
    waiting_get(&mut table);
    served_get(&mut table);
    table.finish();
}

/// Counts apart what the one who goes on did not find.
fn try_get<G>(table: &mut Table, name: &'static str, try_get: impl Fn() -> Option<G> + Sync) {
    let (calls, empty) = (AtomicUsize::new(0), AtomicUsize::new(0));
    table.row_of_two(
        TYPE,
        name,
        Claim::LockFree,
        || drop(try_get()),
        || {
            calls.fetch_add(1, Relaxed);
            if try_get().is_none() {
                empty.fetch_add(1, Relaxed);
            }
        },
    );
    let (calls, empty) = (calls.into_inner(), empty.into_inner());
    table.note(format!(
        "{TYPE}, {name}: {empty} of {calls} calls found none"
    ));
}

fn ready_get(table: &mut Table) {
    let pool = pool(64);
    table.row(TYPE, "get that is ready, return", Claim::LockFree, || {
        let _ = poll_once(pin!(pool.get()), Waker::noop());
    });
}

/// All objects are out, so who comes waits.
fn waiting_get(table: &mut Table) {
    let pool = pool(1);
    let taken = pool.try_get();
    let cancel = || _ = poll_once(pin!(pool.get()), Waker::noop());
    table.row(TYPE, "get that waits, cancel", Claim::Blocks, cancel);
    table.row_of_two(
        TYPE,
        "try_get; stopped in get that waits, cancel",
        Claim::LockFree,
        cancel,
        || assert!(pool.try_get().is_none()),
    );
    drop(taken);
}

/// Both threads have one of two objects and take turns with them through the queue.
fn served_get(table: &mut Table) {
    let pool = pool(2);
    let [mut first, mut second] = [pool.try_get(), pool.try_get()];
    table.row_of_two(
        TYPE,
        "get that waits, return that wakes",
        Claim::Blocks,
        || exchange(&pool, &mut first),
        || exchange(&pool, &mut second),
    );
}

/// Waits in line, then returns the one it has: that is for the first in line.
fn exchange<'a>(pool: &'a Pool<[u8; 64]>, mine: &mut Option<Pooled<'a, [u8; 64]>>) {
    {
        let mut get = pin!(pool.get());
        let mut poll = poll_once(get.as_mut(), Waker::noop());
        *mine = None;
        if poll.is_pending() {
            poll = poll_once(get, Waker::noop());
        }
        if let Poll::Ready(object) = poll {
            *mine = Some(object);
        }
    }
    // The other one was the first. There are objects enough; but if it was woken in vain and is stopped, then
    // this one is behind it in line.
    while mine.is_none() {
        if let Poll::Ready(object) = poll_once(pin!(pool.get()), Waker::noop()) {
            *mine = Some(object);
        }
        thread::yield_now();
    }
}
