//! Models of the sleeping place behind `block_on`.

use hyperia_test::model_roles;
use loom::sync::atomic::AtomicBool;
use loom::sync::atomic::Ordering::Relaxed;

use super::Bed;

struct Shared {
    bed: Bed,
    first: AtomicBool,
    second: AtomicBool,
}

fn make() -> Shared {
    Shared {
        bed: Bed::new(),
        first: AtomicBool::new(false),
        second: AtomicBool::new(false),
    }
}

/// Catches a wake-up that is lost, and one that finds another, not taken yet, and does not carry what
/// came before it: the sleeper then never sees its flag, which is a deadlock.
///
/// Floor: a switch between each of the about seven steps of each thread gives hundreds.
#[test]
fn wake_ups_that_coalesce_carry_both_conditions() {
    model_roles(
        "block_on: sleep | wake | wake",
        200,
        make,
        &[
            |shared| {
                while !(shared.first.load(Relaxed) && shared.second.load(Relaxed)) {
                    shared.bed.parker.park();
                }
            },
            |shared| {
                shared.first.store(true, Relaxed);
                shared.bed.waker.wake_by_ref();
            },
            |shared| {
                shared.second.store(true, Relaxed);
                shared.bed.waker.wake_by_ref();
            },
        ],
        |_| (),
    );
}
