//! The order that the fences make, on the machine itself: a model checker has no such fences.
#![cfg(not(hyperia_loom))]

use std::sync::Barrier;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use hyperia_asymmetric::{fence_heavy, fence_light, seat};

const ROUNDS: u32 = 20_000;

/// Each variable on a line of its own: both are to be missed by the one who reads them.
#[derive(Default)]
#[repr(align(128))]
struct Line(AtomicU32);

/// Store buffering: `often` writes `a` and reads `b`, `rarely` writes `b` and reads `a`. Returns in how many
/// rounds neither has seen the other.
fn neither_saw(often: fn(), rarely: fn()) -> u32 {
    let (a, b) = (Line::default(), Line::default());
    let (seen_by_often, seen_by_rarely) = (Line::default(), Line::default());
    let turn = Barrier::new(2);
    let mut missed = 0;
    thread::scope(|scope| {
        scope.spawn(|| {
            // A light fence counts on a thread with a seat.
            let is_seated = seat().is_some();
            for round in 1..=ROUNDS {
                turn.wait();
                a.0.store(round, Relaxed);
                if is_seated {
                    often()
                } else {
                    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst)
                }
                seen_by_often.0.store(b.0.load(Relaxed), Relaxed);
                turn.wait();
            }
        });
        for round in 1..=ROUNDS {
            turn.wait();
            b.0.store(round, Relaxed);
            rarely();
            seen_by_rarely.0.store(a.0.load(Relaxed), Relaxed);
            turn.wait();
            let both = [&seen_by_often, &seen_by_rarely];
            missed += u32::from(both.iter().all(|seen| seen.0.load(Relaxed) < round));
        }
    });
    missed
}

#[test]
fn a_light_and_a_heavy_fence_order_what_is_around_them() {
    assert_eq!(neither_saw(fence_light, fence_heavy), 0);
}

#[test]
fn a_child_process_can_still_fence() {
    seat();
    // SAFETY: the child calls nothing but the fence and `_exit`.
    let child = unsafe { libc::fork() };
    if child == 0 {
        fence_heavy();
        // SAFETY: ends the child at once, running nothing of the parent's.
        unsafe { libc::_exit(7) };
    }
    assert!(child > 0, "fork failed");
    let mut status = 0;
    // SAFETY: `status` is writable, and the child is this process's.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 7);
}
