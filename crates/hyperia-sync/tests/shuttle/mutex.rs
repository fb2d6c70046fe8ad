//! The mutex, in strict order and with overtaking.

use crate::SCHEDULES;
use hyperia_sync::Mutex;
use hyperia_test::schedules_at_every_poll;
use shuttle::sync::atomic::AtomicUsize;
use shuttle::sync::atomic::Ordering::SeqCst;
use shuttle::thread;

/// Catches a lock that stays locked when one gives up after it was served, one who sleeps for ever, and two in the
/// lock at once: what they add gets lost.
#[test]
fn a_lock_is_never_lost_and_never_shared() {
    for overtakes_max in [0, 1, 128] {
        let name = format!("Mutex: lock, overtaken {overtakes_max} times");
        let polls = schedules_at_every_poll(&name, SCHEDULES, move |patience| {
            let mutex = Mutex::with_overtakes_max(0, overtakes_max);
            let locks = AtomicUsize::new(0);
            let add = |value: &mut usize| {
                // With a scheduling point in between.
                let before = *value;
                locks.fetch_add(1, SeqCst);
                *value = before + 1;
            };
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        if let Some(mut value) = patience.wait_for(mutex.lock()) {
                            add(&mut value);
                        }
                    });
                }
                scope.spawn(|| add(&mut patience.wait_to_end(mutex.lock())));
                if let Some(mut value) = mutex.try_lock() {
                    add(&mut value);
                }
            });
            assert!(!mutex.is_locked());
            assert_eq!(mutex.into_inner(), locks.into_inner());
        });
        assert!(polls >= 2);
    }
}
