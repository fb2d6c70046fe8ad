//! What a thread may rely on when it has a seat.
#![cfg(not(hyperia_loom))]

use std::collections::HashSet;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use hyperia_asymmetric::{SEATS, seat};

/// The tests here look at how many seats are left, so they take turns.
static TURN: Mutex<()> = Mutex::new(());

/// Whether this system has seats at all, said once where the test's output is seen.
fn has_seats() -> bool {
    let has = seat().is_some();
    if !has {
        println!("no seats: the system has no membarrier(2)");
    }
    has
}

#[test]
fn living_threads_have_different_seats_and_keep_them() {
    let _turn = TURN.lock().unwrap();
    if !has_seats() {
        return;
    }
    let threads = SEATS / 2;
    let all_there = Arc::new(Barrier::new(threads));
    let sitting: Vec<_> = (0..threads)
        .map(|_| {
            let all_there = Arc::clone(&all_there);
            thread::spawn(move || {
                let mine = seat();
                all_there.wait();
                assert_eq!(seat(), mine);
                mine.expect("there are enough")
            })
        })
        .collect();
    let seats: HashSet<_> = sitting
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect();
    assert_eq!(seats.len(), threads);
    assert!(seats.iter().all(|&seat| seat < SEATS));
}

#[test]
fn seats_of_ended_threads_are_taken_again() {
    let _turn = TURN.lock().unwrap();
    if !has_seats() {
        return;
    }
    for _ in 0..4 * SEATS {
        assert!(thread::spawn(seat).join().unwrap().is_some());
    }
}

#[test]
fn the_thread_that_finds_no_seat_has_none() {
    let _turn = TURN.lock().unwrap();
    if !has_seats() {
        return;
    }
    let all_there = Arc::new(Barrier::new(SEATS + 1));
    let sitting: Vec<_> = (0..=SEATS)
        .map(|_| {
            let all_there = Arc::clone(&all_there);
            thread::spawn(move || {
                let mine = seat();
                all_there.wait();
                mine.is_some()
            })
        })
        .collect();
    let seated = sitting.into_iter().map(|thread| thread.join().unwrap());
    // This thread has one, too, and the harness may.
    assert!(seated.filter(|&is_seated| is_seated).count() < SEATS);
    assert!(thread::spawn(seat).join().unwrap().is_some(), "free again");
}

#[test]
fn a_thread_that_ends_has_no_seat_in_its_last_destructors() {
    struct AsksLast(Arc<Mutex<Option<Option<usize>>>>);
    impl Drop for AsksLast {
        fn drop(&mut self) {
            *self.0.lock().unwrap() = Some(seat());
        }
    }
    thread_local! {
        static LAST: std::cell::RefCell<Option<AsksLast>> = const { std::cell::RefCell::new(None) };
    }
    let _turn = TURN.lock().unwrap();
    let answer = Arc::new(Mutex::new(None));
    let there = Arc::clone(&answer);
    thread::spawn(move || {
        // Registered first, so it runs last.
        LAST.set(Some(AsksLast(there)));
        seat();
    })
    .join()
    .unwrap();
    let answer = answer.lock().unwrap().take();
    if has_seats() {
        assert_eq!(answer, Some(None), "destructors run last in, first out");
    }
}
