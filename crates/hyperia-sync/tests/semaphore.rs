//! What users of `Semaphore` can rely on.
#![cfg(all(feature = "std", not(hyperia_loom)))]

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Poll, Waker};

use futures_core::FusedFuture;
use hyperia_sync::{Permit, Semaphore, SemaphoreAcquire};
use hyperia_test::alloc::{self, CountingAllocator};
use hyperia_test::{CountingWaker, PanicOn, PanicWaker, drop_at_every_poll, poll_once};
use hyperia_wait::{Block, block_on};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn noop<'a>(acquire: Pin<&mut SemaphoreAcquire<'a>>) -> Poll<Permit<'a>> {
    poll_once(acquire, Waker::noop())
}

#[test]
fn permits_come_and_go() {
    let semaphore = Semaphore::new(3);
    let two = semaphore.try_acquire_many(2).unwrap();
    let one = block_on(semaphore.acquire());
    assert_eq!((two.permits(), one.permits()), (2, 1));
    assert!(semaphore.try_acquire().is_none());
    drop(two);
    assert_eq!(semaphore.available_permits(), 2);
    one.forget();
    assert_eq!(semaphore.available_permits(), 2, "gone for good");
    semaphore.add_permits(1);
    assert_eq!(semaphore.acquire_many(3).block().permits(), 3);
    assert_eq!(semaphore.available_permits(), 3);
}

#[test]
fn none_and_all_can_be_acquired() {
    let semaphore = Semaphore::new(Semaphore::MAX_PERMITS);
    let all = semaphore.try_acquire_many(Semaphore::MAX_PERMITS).unwrap();
    assert_eq!(semaphore.available_permits(), 0);
    let none = semaphore.try_acquire_many(0).unwrap();
    assert_eq!(block_on(semaphore.acquire_many(0)).permits(), 0);
    drop((all, none));
    assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS);
    let empty = Semaphore::new(0);
    assert!(empty.try_acquire().is_none());
}

#[test]
fn more_than_there_can_be_panic_and_change_nothing() {
    let too_many = Semaphore::MAX_PERMITS + 1;
    for attempt in [
        &(|| assert_eq!(Semaphore::new(too_many).available_permits(), 0)) as &dyn Fn(),
        &|| drop(Semaphore::new(1).acquire_many(too_many)),
        &|| drop(Semaphore::new(1).try_acquire_many(too_many)),
        &|| Semaphore::new(1).add_permits(Semaphore::MAX_PERMITS),
    ] {
        let panic = catch_unwind(AssertUnwindSafe(attempt)).unwrap_err();
        let message = panic.downcast_ref::<String>().cloned();
        let message = message.or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string()));
        assert!(message.unwrap().contains("at most 4,294,967,295 permits"));
    }
    // Also while somebody waits: the lock is not left behind.
    let semaphore = Semaphore::new(Semaphore::MAX_PERMITS - 1);
    let mut waits = pin!(semaphore.acquire_many(Semaphore::MAX_PERMITS));
    assert!(noop(waits.as_mut()).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| semaphore.add_permits(2))).is_err());
    assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS - 1);
    semaphore.add_permits(1);
    assert!(noop(waits).is_ready());
}

#[test]
fn waiters_are_served_in_the_order_in_which_they_came() {
    for overtakes_max in [0, 1, 128] {
        let semaphore = Semaphore::with_overtakes_max(0, overtakes_max);
        let tasks: Vec<_> = (0..5).map(|_| CountingWaker::new()).collect();
        let mut waits: Vec<_> = (0..5).map(|_| Box::pin(semaphore.acquire())).collect();
        for (wait, task) in waits.iter_mut().zip(&tasks) {
            assert!(poll_once(wait.as_mut(), &task.waker()).is_pending());
        }
        for (served, wait) in waits.iter_mut().enumerate() {
            semaphore.add_permits(1);
            for (index, task) in tasks.iter().enumerate() {
                assert_eq!(task.wakes(), usize::from(index <= served));
            }
            assert!(noop(wait.as_mut()).map(Permit::forget).is_ready());
        }
    }
}

#[test]
fn a_newcomer_may_overtake_the_one_that_was_woken_but_only_so_often() {
    for overtakes_max in [0_u16, 1, 2, 7, u16::MAX] {
        let semaphore = Semaphore::with_overtakes_max(1, overtakes_max);
        let held = semaphore.try_acquire().unwrap();
        let task = CountingWaker::new();
        let mut waits = pin!(semaphore.acquire());
        assert!(poll_once(waits.as_mut(), &task.waker()).is_pending());
        drop(held);
        assert_eq!(task.wakes(), 1);
        let mut overtakes = 0;
        while let Some(permit) = semaphore.try_acquire() {
            overtakes += 1;
            if overtakes % 3 == 0 {
                // It looks, finds nothing, and keeps its place.
                assert!(poll_once(waits.as_mut(), &task.waker()).is_pending());
            }
            drop(permit);
        }
        assert_eq!(overtakes, overtakes_max, "then it is handed over");
        assert!(noop(waits.as_mut()).is_ready());
        assert!(waits.is_terminated());
        // The next one starts anew.
        assert!(semaphore.try_acquire().is_some());
    }
}

#[test]
fn one_who_wants_many_gets_them_in_the_end() {
    let semaphore = Semaphore::with_overtakes_max(4, 10);
    let mut held: VecDeque<_> = (0..4).map(|_| semaphore.try_acquire().unwrap()).collect();
    let mut all = pin!(semaphore.acquire_many(4));
    assert!(noop(all.as_mut()).is_pending());
    let mut turns = 0;
    // Newcomers take each permit as soon as it is given back, while they may.
    while let Some(permit) = held.pop_front() {
        drop(permit);
        held.extend(semaphore.try_acquire());
        turns += 1;
    }
    assert_eq!(
        turns,
        10 + 4,
        "ten were overtaking, the last four were kept for it"
    );
    assert_eq!(noop(all).map(|permit| permit.permits()), Poll::Ready(4));
}

#[test]
fn one_who_leaves_lets_the_next_one_have_it() {
    let semaphore = Semaphore::new(2);
    let held = semaphore.try_acquire_many(2).unwrap();
    let tasks = [
        CountingWaker::new(),
        CountingWaker::new(),
        CountingWaker::new(),
    ];
    let mut waits: Vec<_> = [2, 1, 1]
        .map(|n| Box::pin(semaphore.acquire_many(n)))
        .into();
    for (wait, task) in waits.iter_mut().zip(&tasks) {
        assert!(poll_once(wait.as_mut(), &task.waker()).is_pending());
    }
    drop(held);
    assert_eq!(tasks.each_ref().map(|task| task.wakes()), [1, 0, 0]);
    // Woken, and gone before it runs.
    drop(waits.remove(0));
    assert_eq!(tasks.each_ref().map(|task| task.wakes()), [1, 1, 0]);
    let first = noop(waits[0].as_mut());
    assert!(first.is_ready());
    assert_eq!(tasks[2].wakes(), 1, "there is another permit");
    assert!(noop(waits[1].as_mut()).is_ready());
    drop(waits);
    assert!(
        tasks.iter().all(|task| task.live() == 0),
        "no waker is kept"
    );
}

#[test]
fn a_permit_handed_to_one_who_leaves_goes_on() {
    let semaphore = Semaphore::with_overtakes_max(1, 0);
    let held = semaphore.try_acquire().unwrap();
    let task = CountingWaker::new();
    let mut first = Box::pin(semaphore.acquire());
    let mut second = Box::pin(semaphore.acquire());
    assert!(noop(first.as_mut()).is_pending());
    assert!(poll_once(second.as_mut(), &task.waker()).is_pending());
    drop(held);
    assert_eq!(semaphore.available_permits(), 0, "it was handed over");
    drop(first);
    assert_eq!(task.wakes(), 1);
    assert!(noop(second.as_mut()).is_ready());
    drop(second);
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn leaving_from_the_middle_of_the_line_disturbs_nobody() {
    let semaphore = Semaphore::new(0);
    let mut waits: Vec<_> = (0..9).map(|_| Box::pin(semaphore.acquire())).collect();
    for wait in &mut waits {
        assert!(noop(wait.as_mut()).is_pending());
    }
    for index in [8, 4, 0] {
        drop(waits.remove(index));
    }
    semaphore.add_permits(6);
    for mut wait in waits {
        assert!(noop(wait.as_mut()).map(Permit::forget).is_ready());
    }
    assert_eq!(semaphore.available_permits(), 0);
}

#[test]
fn any_number_is_served_at_once() {
    const WAITERS: usize = 100_000;
    for overtakes_max in [0, 128] {
        let semaphore = Semaphore::with_overtakes_max(0, overtakes_max);
        let task = CountingWaker::new();
        let mut waits: Vec<_> = (0..WAITERS)
            .map(|_| Box::pin(semaphore.acquire()))
            .collect();
        for wait in &mut waits {
            assert!(poll_once(wait.as_mut(), &task.waker()).is_pending());
        }
        semaphore.add_permits(WAITERS);
        for (index, wait) in waits.iter_mut().enumerate() {
            let woken = if overtakes_max == 0 {
                WAITERS
            } else {
                index + 1
            };
            assert_eq!(task.wakes(), woken, "all, or one after the other");
            assert!(noop(wait.as_mut()).map(Permit::forget).is_ready());
        }
        assert_eq!(semaphore.available_permits(), 0);
    }
}

#[test]
fn a_poll_with_another_waker_wakes_the_new_one() {
    let semaphore = Semaphore::new(0);
    let (old, new) = (CountingWaker::new(), CountingWaker::new());
    let mut wait = pin!(semaphore.acquire());
    assert!(poll_once(wait.as_mut(), &old.waker()).is_pending());
    assert!(poll_once(wait.as_mut(), &new.waker()).is_pending());
    assert_eq!(old.live(), 0, "dropped at once");
    semaphore.add_permits(1);
    assert_eq!((old.wakes(), new.wakes()), (0, 1));
    assert!(noop(wait).is_ready());
}

#[test]
fn dropped_at_any_poll_it_takes_nothing_with_it() {
    static SEMAPHORE: Semaphore = Semaphore::new(0);
    let polls = drop_at_every_poll(
        || ((), SEMAPHORE.acquire_many(2)),
        |(), _| SEMAPHORE.add_permits(1),
        |(), k| {
            // One before each poll, and perhaps one after the last: all are there.
            let added = SEMAPHORE.available_permits();
            assert!((k..=k + 1).contains(&added), "{added} after {k} polls");
            let all = SEMAPHORE.try_acquire_many(added).expect("nobody waits");
            all.forget();
        },
    );
    assert_eq!(polls, 2, "pending with one, ready with two");
}

#[test]
fn a_panicking_waker_costs_nobody_a_permit() {
    for overtakes_max in [0, 8] {
        for on in [PanicOn::Clone, PanicOn::Wake, PanicOn::Drop] {
            let semaphore = Semaphore::with_overtakes_max(0, overtakes_max);
            let bad = PanicWaker::new(on);
            let waker = bad.waker();
            let task = CountingWaker::new();
            let mut first = Box::pin(semaphore.acquire());
            let mut second = Box::pin(semaphore.acquire());
            let joined = catch_unwind(AssertUnwindSafe(|| {
                poll_once(first.as_mut(), &waker).is_pending()
            }));
            assert_eq!(joined.is_err(), on == PanicOn::Clone);
            assert!(poll_once(second.as_mut(), &task.waker()).is_pending());
            // Where the first could not join, it is the second who waits longest.
            let woken = catch_unwind(AssertUnwindSafe(|| semaphore.add_permits(2)));
            assert_eq!(woken.is_err(), on != PanicOn::Clone, "{on:?}");
            bad.disarm();
            assert!(
                noop(first.as_mut()).map(Permit::forget).is_ready(),
                "{on:?}"
            );
            assert_eq!(task.wakes(), 1);
            assert!(noop(second.as_mut()).map(Permit::forget).is_ready());
            drop((first, second, waker));
            assert_eq!((bad.live(), semaphore.available_permits()), (0, 0));
        }
    }
}

#[test]
fn nothing_allocates() {
    let semaphore = Semaphore::new(1);
    let ((), counts) = alloc::count(|| {
        let held = semaphore.try_acquire();
        let mut waits = pin!(semaphore.acquire());
        let mut leaves = pin!(semaphore.acquire_many(3));
        assert!(noop(waits.as_mut()).is_pending());
        assert!(noop(leaves.as_mut()).is_pending());
        drop(held);
        assert!(noop(waits).is_ready());
    });
    assert_eq!(counts.allocations, 0);
}

#[test]
#[should_panic(expected = "polled again after it was ready")]
fn polling_after_the_end_panics() {
    let semaphore = Semaphore::new(2);
    let mut acquire = pin!(semaphore.acquire());
    assert!(noop(acquire.as_mut()).is_ready());
    let _ = noop(acquire);
}

#[test]
fn debug_says_what_it_is() {
    let semaphore = Semaphore::new(5);
    assert!(format!("{semaphore:?}").contains("available_permits: 5"));
    assert!(format!("{:?}", semaphore.acquire_many(2)).contains("permits: 2"));
    assert!(format!("{:?}", semaphore.try_acquire_many(3)).contains("permits: 3"));
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

struct Waits<'a> {
    acquire: Pin<Box<SemaphoreAcquire<'a>>>,
    need: usize,
    task: Arc<CountingWaker>,
    /// Wakes that a poll has answered.
    answered: usize,
}

/// How often the first of the line was overtaken.
#[derive(Debug, Default)]
struct Overtaken {
    sure: u16,
    /// While it may have been served already, without having looked.
    perhaps: u16,
}

impl Overtaken {
    fn count(&mut self, line: &VecDeque<Waits<'_>>) {
        if let Some(first) = line.front() {
            if first.task.wakes() == first.answered {
                self.sure += 1;
            } else {
                self.perhaps += 1;
            }
        }
    }
}

/// Random operations, each checked against what was promised: no permit is lost or made, the line is kept,
/// nobody is overtaken too often, and nobody sleeps who could be served.
#[test]
fn a_million_random_operations_keep_every_promise() {
    for seed in 0..8 {
        let mut random = Random(seed);
        let overtakes_max = [0, 1, 3, 128][seed as usize % 4];
        let total = 1 + random.below(6) as usize;
        let semaphore = Semaphore::with_overtakes_max(total, overtakes_max);
        let mut held: Vec<Permit<'_>> = Vec::new();
        let mut line: VecDeque<Waits<'_>> = VecDeque::new();
        let mut overtaken = Overtaken::default();
        for _ in 0..130_000 {
            match random.below(8) {
                0..=1 if line.len() < 12 => {
                    let need = 1 + random.below(total as u64) as usize;
                    let task = CountingWaker::new();
                    let mut acquire = Box::pin(semaphore.acquire_many(need));
                    match poll_once(acquire.as_mut(), &task.waker()) {
                        Poll::Ready(permit) => {
                            overtaken.count(&line);
                            held.push(permit);
                        }
                        Poll::Pending => line.push_back(Waits {
                            acquire,
                            need,
                            task,
                            answered: 0,
                        }),
                    }
                }
                2 => {
                    let need = random.below(total as u64 + 1) as usize;
                    if let Some(permit) = semaphore.try_acquire_many(need) {
                        if need > 0 {
                            overtaken.count(&line);
                        }
                        held.push(permit);
                    }
                }
                3..=4 if !held.is_empty() => {
                    let index = random.below(held.len() as u64) as usize;
                    drop(held.swap_remove(index));
                }
                5 if !line.is_empty() => {
                    let index = random.below(line.len() as u64) as usize;
                    drop(line.remove(index));
                    if index == 0 {
                        overtaken = Overtaken::default();
                    }
                }
                6 if !line.is_empty() => {
                    // Anybody may be polled at any time, with another waker, too.
                    let index = random.below(line.len() as u64) as usize;
                    let waits = &mut line[index];
                    waits.answered = waits.task.wakes();
                    if index == 0 {
                        // If it is pending it had not been served, so they went before it.
                        overtaken.sure += std::mem::take(&mut overtaken.perhaps);
                    }
                    if let Poll::Ready(permit) =
                        poll_once(waits.acquire.as_mut(), &waits.task.waker())
                    {
                        assert_eq!(permit.permits(), waits.need);
                        held.push(permit);
                        drop(line.remove(index));
                        if index == 0 {
                            overtaken = Overtaken::default();
                        } else {
                            // Handed over behind somebody who was, too, and has not looked.
                            assert!(
                                line.iter()
                                    .take(index)
                                    .all(|before| before.task.wakes() > before.answered)
                            );
                        }
                    }
                }
                _ => {
                    // Those who were woken run.
                    let mut index = 0;
                    while index < line.len() {
                        let waits = &mut line[index];
                        if waits.task.wakes() == waits.answered {
                            index += 1;
                            continue;
                        }
                        waits.answered = waits.task.wakes();
                        match poll_once(waits.acquire.as_mut(), &waits.task.waker()) {
                            Poll::Ready(permit) => {
                                held.push(permit);
                                assert_eq!(index, 0, "only the first is served");
                                drop(line.pop_front());
                                overtaken = Overtaken::default();
                            }
                            Poll::Pending => {
                                if index == 0 {
                                    overtaken.sure += std::mem::take(&mut overtaken.perhaps);
                                }
                                index += 1;
                            }
                        }
                    }
                    if let Some(first) = line.front() {
                        assert!(
                            semaphore.available_permits() < first.need,
                            "it sleeps for nothing"
                        );
                    }
                }
            }
            assert!(
                overtaken.sure <= overtakes_max,
                "{overtaken:?} of {overtakes_max}"
            );
            let out: usize = held.iter().map(Permit::permits).sum();
            assert!(out + semaphore.available_permits() <= total);
        }
        drop(line);
        drop(held);
        assert_eq!(semaphore.available_permits(), total);
    }
}

/// More tasks than permits on several threads: never more inside than there are permits, and all are done.
#[test]
fn never_more_inside_than_there_are_permits() {
    for overtakes_max in [0, 2, 128] {
        let semaphore = Semaphore::with_overtakes_max(3, overtakes_max);
        let inside = AtomicUsize::new(0);
        let done = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..4_usize {
                let (semaphore, inside, done) = (&semaphore, &inside, &done);
                scope.spawn(move || {
                    for turn in 0..2_000 {
                        let count = 1 + (thread + turn) % 3;
                        let permit = semaphore.acquire_many(count).block();
                        let now = inside.fetch_add(count, Relaxed) + count;
                        assert!(now <= 3, "{now} inside");
                        inside.fetch_sub(count, Relaxed);
                        drop(permit);
                        done.fetch_add(1, Relaxed);
                    }
                });
            }
        });
        assert_eq!(done.into_inner(), 8_000);
        assert_eq!(semaphore.available_permits(), 3);
    }
}

#[test]
fn an_owned_permit_keeps_the_semaphore_and_gives_back_like_a_borrowed_one() {
    let semaphore = Arc::new(Semaphore::new(2));
    let both = Arc::clone(&semaphore).try_acquire_many_owned(2).unwrap();
    assert_eq!(both.permits(), 2);
    assert!(Arc::ptr_eq(both.semaphore(), &semaphore));
    assert!(Arc::clone(&semaphore).try_acquire_owned().is_none());

    let task = CountingWaker::new();
    let mut waits = Box::pin(Arc::clone(&semaphore).acquire_owned());
    assert!(poll_once(waits.as_mut(), &task.waker()).is_pending());
    drop(both);
    assert_eq!(task.wakes(), 1);
    let Poll::Ready(permit) = poll_once(waits.as_mut(), &task.waker()) else {
        panic!("it was woken");
    };
    assert!(waits.is_terminated());
    drop(waits);
    assert_eq!(semaphore.available_permits(), 1);
    permit.forget();
    assert_eq!(semaphore.available_permits(), 1);
    assert_eq!(Arc::strong_count(&semaphore), 1);
    assert_eq!(task.live(), 0);
}

#[test]
fn an_owned_acquisition_that_is_dropped_passes_on_what_it_had_got() {
    for overtakes_max in [0, 128] {
        let semaphore = Arc::new(Semaphore::with_overtakes_max(0, overtakes_max));
        let [first, second] = [CountingWaker::new(), CountingWaker::new()];
        let mut goes = Box::pin(Arc::clone(&semaphore).acquire_owned());
        let mut stays = Box::pin(Arc::clone(&semaphore).acquire_many_owned(1));
        assert!(poll_once(goes.as_mut(), &first.waker()).is_pending());
        assert!(poll_once(stays.as_mut(), &second.waker()).is_pending());
        semaphore.add_permits(1);
        assert_eq!((first.wakes(), second.wakes()), (1, 0));
        drop(goes);
        assert_eq!(second.wakes(), 1);
        assert!(poll_once(stays.as_mut(), &second.waker()).is_ready());
        drop(stays);
        assert_eq!(Arc::strong_count(&semaphore), 1);
    }
}
