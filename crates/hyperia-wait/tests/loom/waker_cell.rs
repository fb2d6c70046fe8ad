//! Models of `WakerCell`.

use std::sync::Arc;
use std::task::Waker;

use hyperia_test::{CountingWaker, model_roles, model_roles_in_main};
use hyperia_wait::WakerCell;
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use loom::sync::atomic::{AtomicBool, AtomicUsize, fence};

struct Shared {
    cell: WakerCell,
    first: AtomicBool,
    second: AtomicBool,
    /// Whether a registrant saw both conditions in the look after its last registration.
    seen: [AtomicBool; 2],
    taken: AtomicUsize,
    wakers: [Arc<CountingWaker>; 2],
}

fn make() -> Shared {
    Shared {
        cell: WakerCell::new(),
        first: AtomicBool::new(false),
        second: AtomicBool::new(false),
        seen: [AtomicBool::new(false), AtomicBool::new(false)],
        taken: AtomicUsize::new(0),
        wakers: [CountingWaker::new(), CountingWaker::new()],
    }
}

/// Registers, as one of several who may, or as the only one.
fn only_register<const ALONE: bool>(cell: &WakerCell, waker: &Waker) {
    if ALONE {
        // SAFETY: in the models that say so, one role registers, which is one thread.
        unsafe { cell.register_alone(waker) };
    } else {
        cell.register(waker);
    }
}

/// Registers and looks. The flags are Relaxed: only the edges of the cell carry them.
fn register<const ALONE: bool>(shared: &Shared, index: usize) {
    only_register::<ALONE>(&shared.cell, &shared.wakers[index].waker());
    shared.seen[index].store(
        shared.first.load(Relaxed) && shared.second.load(Relaxed),
        Relaxed,
    );
}

/// Whether a registrant need not be waited for: it saw everything, or will look again.
fn reached(shared: &Shared, index: usize) -> bool {
    shared.seen[index].load(Relaxed) || shared.wakers[index].wakes() > 0
}

fn nobody_is_left(shared: &Shared) {
    drop(shared.cell.take());
    assert_eq!(shared.wakers[0].live() + shared.wakers[1].live(), 0);
}

fn set_first(shared: &Shared) {
    shared.first.store(true, Relaxed);
    shared.cell.wake();
}

fn set_second(shared: &Shared) {
    shared.second.store(true, Relaxed);
    shared.cell.wake();
}

fn set_both(shared: &Shared) {
    shared.second.store(true, Relaxed);
    set_first(shared);
}

/// Catches a wake-up that finds nobody and is not seen by the registration after it, and one between
/// registration and look that nobody gets.
#[test]
fn register_then_look_meets_set_then_wake() {
    fn model<const ALONE: bool>(name: &str) {
        model_roles(
            name,
            10,
            make,
            &[|shared| register::<ALONE>(shared, 0), set_both],
            |shared| {
                assert!(reached(shared, 0));
                nobody_is_left(shared);
            },
        );
    }
    model::<false>("WakerCell: register | wake");
    model::<true>("WakerCell: register alone | wake");
}

/// A task that looks at once when it is woken.
struct Looking(AtomicBool);

impl std::task::Wake for Looking {
    fn wake(self: Arc<Self>) {
        assert!(self.0.load(Relaxed), "woken without the condition");
    }
}

/// Catches a wake-up by the task itself, because a `take` was in the way, that does not carry what the
/// notifier did before.
#[test]
fn a_task_that_is_woken_sees_the_condition() {
    struct Shared {
        cell: WakerCell,
        looking: Arc<Looking>,
    }
    fn model<const ALONE: bool>(name: &str, is_registered: fn() -> Shared, floor: usize) {
        model_roles(
            name,
            floor,
            is_registered,
            &[
                |shared: &Shared| {
                    only_register::<ALONE>(&shared.cell, &shared.looking.clone().into());
                },
                |shared| {
                    shared.looking.0.store(true, Relaxed);
                    shared.cell.wake();
                },
            ],
            |_| (),
        );
    }
    fn empty() -> Shared {
        Shared {
            cell: WakerCell::new(),
            looking: Arc::new(Looking(AtomicBool::new(false))),
        }
    }
    fn registered() -> Shared {
        let shared = empty();
        shared.cell.register(Waker::noop());
        shared
    }
    model::<false>(
        "WakerCell: register a task that looks | wake",
        registered,
        20,
    );
    model::<true>(
        "WakerCell: register alone a task that looks | wake",
        registered,
        20,
    );
    model::<true>(
        "WakerCell: register alone the first task, which looks | wake",
        empty,
        5,
    );
    // The wake-up guesses that somebody is registered, finds nobody, and is in the way of the next registration.
    model_roles(
        "WakerCell: give up, register alone a task that looks | wake",
        20,
        registered,
        &[
            |shared: &Shared| {
                // SAFETY: this role alone registers and unregisters, after `registered`.
                drop(unsafe { shared.cell.unregister_alone() });
                only_register::<true>(&shared.cell, &shared.looking.clone().into());
            },
            |shared| {
                shared.looking.0.store(true, Relaxed);
                shared.cell.wake();
            },
        ],
        |_| (),
    );
}

/// Catches a wake-up that finds another one at work and is not carried on by its release (a plain store
/// in place of the read-modify-write at the end of `take`: tokio PR 7450).
#[test]
fn a_wake_during_a_wake_is_carried_on() {
    fn model<const ALONE: bool>(name: &str) {
        model_roles_in_main(
            name,
            200,
            || {
                let shared = make();
                // A waker of an earlier poll, so that there is something to be at work on.
                shared.cell.register(&shared.wakers[1].waker());
                shared
            },
            &[|shared| register::<ALONE>(shared, 0), set_first, set_second],
            |shared| {
                assert!(reached(shared, 0));
                nobody_is_left(shared);
            },
        );
    }
    model::<false>("WakerCell: register | wake | wake");
    model::<true>("WakerCell: register alone | wake | wake");
}

/// Catches a replaced registration that takes the wake-up with it, and a waker used by both sides at
/// once (futures PR 868: the slot is a checked cell).
#[test]
fn a_wake_during_a_second_registration_wakes_the_second_or_is_seen() {
    fn model<const ALONE: bool>(name: &str) {
        model_roles(
            name,
            20,
            make,
            &[
                |shared| {
                    only_register::<ALONE>(&shared.cell, &shared.wakers[0].waker());
                    register::<ALONE>(shared, 1);
                },
                set_both,
            ],
            |shared| {
                assert!(reached(shared, 1));
                nobody_is_left(shared);
            },
        );
    }
    model::<false>("WakerCell: register, register | wake");
    model::<true>("WakerCell: register alone, another one | wake");
}

/// Catches a registration of the same waker, which stores nothing, that loses a wake-up.
#[test]
fn a_wake_during_the_same_registration_again_is_not_lost() {
    fn model<const ALONE: bool>(name: &str, floor: usize) {
        model_roles(
            name,
            floor,
            make,
            &[
                |shared| {
                    only_register::<ALONE>(&shared.cell, &shared.wakers[0].waker());
                    // What came before the second registration counts, if its wake-up is complete.
                    let before = shared.wakers[0].wakes() > 0;
                    register::<ALONE>(shared, 0);
                    if before {
                        shared.taken.store(1, Relaxed);
                    }
                },
                set_both,
            ],
            |shared| {
                if shared.taken.load(Relaxed) == 1 {
                    assert!(
                        shared.seen[0].load(Relaxed),
                        "woken, registered again, and blind"
                    );
                }
                assert!(reached(shared, 0));
                nobody_is_left(shared);
            },
        );
    }
    model::<false>("WakerCell: register, register the same | wake", 20);
    model::<true>("WakerCell: register alone, the same again | wake", 10);
}

/// Catches a registration without a claim that writes while a `take` moves the last waker out, or one that found nobody
/// looks; and a waker that is taken back and handed out.
#[test]
fn who_alone_registers_writes_no_slot_that_is_read() {
    fn register_and_give_up(shared: &Shared, index: usize) {
        only_register::<true>(&shared.cell, &shared.wakers[index].waker());
        // SAFETY: as in `only_register`.
        if unsafe { shared.cell.unregister_alone() }.is_some() {
            shared.taken.fetch_add(1, Relaxed);
        }
    }
    model_roles(
        "WakerCell: register alone and give up, twice | take | wake",
        200,
        make,
        &[
            |shared| {
                register_and_give_up(shared, 0);
                register_and_give_up(shared, 1);
            },
            |shared| drop(shared.cell.take()),
            |shared| shared.cell.wake(),
        ],
        nobody_is_left,
    );
    model_roles(
        "WakerCell: register alone, give up, register | wake",
        20,
        make,
        &[
            |shared| {
                register_and_give_up(shared, 0);
                register::<true>(shared, 1);
            },
            set_both,
        ],
        |shared| {
            assert!(reached(shared, 1));
            nobody_is_left(shared);
        },
    );
}

/// Catches a waker that is taken back and handed out, or neither.
#[test]
fn of_one_who_gives_up_and_a_taker_one_gets_the_waker() {
    model_roles(
        "WakerCell: give up | take",
        3,
        || {
            let shared = make();
            only_register::<true>(&shared.cell, &shared.wakers[0].waker());
            shared
        },
        &[
            |shared: &Shared| {
                // SAFETY: the only call that registers or unregisters came before.
                let waker = unsafe { shared.cell.unregister_alone() };
                shared
                    .taken
                    .fetch_add(usize::from(waker.is_some()), Relaxed);
            },
            |shared: &Shared| {
                let waker = shared.cell.take();
                shared
                    .taken
                    .fetch_add(usize::from(waker.is_some()), Relaxed);
            },
        ],
        |shared| {
            assert_eq!(shared.taken.load(Relaxed), 1);
            nobody_is_left(shared);
        },
    );
}

/// Catches two registrants in the slot at once, and one that goes away neither stored nor woken.
#[test]
fn of_two_registrants_one_is_stored_or_both_are_woken() {
    model_roles_in_main(
        "WakerCell: register | register | wake",
        200,
        make,
        &[
            |shared| register::<false>(shared, 0),
            |shared| register::<false>(shared, 1),
            set_both,
        ],
        |shared| {
            assert!(reached(shared, 0) || reached(shared, 1));
            nobody_is_left(shared);
        },
    );
}

/// Catches a waker handed out twice, or lost between two who take.
#[test]
fn of_two_takers_one_gets_the_waker() {
    fn take(shared: &Shared) {
        if let Some(waker) = shared.cell.take() {
            shared.taken.fetch_add(1, Relaxed);
            drop(waker);
        }
    }
    model_roles(
        "WakerCell: take | take",
        5,
        || {
            let shared = make();
            shared.cell.register(&shared.wakers[0].waker());
            shared
        },
        &[take, take],
        |shared| {
            assert_eq!(shared.taken.load(Relaxed), 1);
            nobody_is_left(shared);
        },
    );
}

/// Catches a wake-up that is lost between a notifier that only looks at the cell and one who alone registers, each with its
/// fence: the same waker again, of which nothing is stored, and another one, for which nobody is registered in between.
#[test]
fn who_alone_registers_again_is_seen_by_who_looks() {
    fn notify(shared: &Shared, condition: &AtomicBool) {
        condition.store(true, Relaxed);
        fence(SeqCst);
        if shared.cell.is_registered() {
            shared.cell.wake();
        }
    }
    fn twice<const FIRST: usize>(shared: &Shared) {
        only_register::<true>(&shared.cell, &shared.wakers[FIRST].waker());
        fence(SeqCst);
        // What must come is a wake after those that the second poll knows of.
        shared.taken.store(shared.wakers[0].wakes(), Relaxed);
        only_register::<true>(&shared.cell, &shared.wakers[0].waker());
        fence(SeqCst);
        let seen = shared.first.load(Relaxed) && shared.second.load(Relaxed);
        shared.seen[0].store(seen, Relaxed);
    }
    fn check(shared: &Shared) {
        let woken = shared.wakers[0].wakes() > shared.taken.load(Relaxed);
        assert!(shared.seen[0].load(Relaxed) || woken);
        nobody_is_left(shared);
    }
    model_roles_in_main(
        "WakerCell: register alone, the same again | look, wake | look, wake",
        200,
        make,
        &[
            twice::<0>,
            |shared| notify(shared, &shared.first),
            |shared| notify(shared, &shared.second),
        ],
        check,
    );
    // Each step of a registration in place of another waker is a look more: one notifier is enough.
    model_roles_in_main(
        "WakerCell: register alone, another one | look, wake",
        50,
        make,
        &[twice::<1>, |shared| {
            shared.second.store(true, Relaxed);
            notify(shared, &shared.first);
        }],
        check,
    );
}

/// Catches a registration on another thread, which got the end by a message, that does not see what the cell was before.
#[test]
fn an_end_that_registers_alone_may_move() {
    model_roles_in_main(
        "WakerCell: register alone, give up, hand over | register alone | wake",
        50,
        make,
        &[
            |shared| {
                only_register::<true>(&shared.cell, &shared.wakers[0].waker());
                // SAFETY: the only other call of this kind comes after the store.
                drop(unsafe { shared.cell.unregister_alone() });
                // ORDERING: Release hands the end over.
                shared.second.store(true, Release);
            },
            |shared| {
                // ORDERING: Acquire takes it over.
                if shared.second.load(Acquire) {
                    only_register::<true>(&shared.cell, &shared.wakers[1].waker());
                    shared.seen[1].store(shared.first.load(Relaxed), Relaxed);
                } else {
                    shared.seen[1].store(true, Relaxed);
                }
            },
            |shared| {
                shared.first.store(true, Relaxed);
                shared.cell.wake();
            },
        ],
        |shared| {
            assert!(reached(shared, 1));
            nobody_is_left(shared);
        },
    );
}
