//! Defects that others had, each as a scenario of ours: first what became of waits that were given up or moved,
//! then known bugs, then the two promises that every type here makes of wakers.
//!
//! | seen in | what went wrong | test here, or where |
//! |---|---|---|
//! | kanal 24, 50 | given up after the value was sent: value lost | `kanal_24_50_*`, channels: `kanal_24_50_*`; `oneshot.rs`: `what_was_sent_is_dropped_once_whoever_ends_last`, `a_race_that_is_lost_loses_no_value` |
//! | kanal; thingbuf; shuttle 167 | the one that was woken, or served, is dropped: nobody else is woken | `the_next_is_woken_when_one_that_was_woken_goes`; `semaphore.rs`: `a_permit_handed_to_one_who_leaves_goes_on`; `loom.rs` |
//! | kanal | polled again with another waker: nobody useful is woken | `a_wait_may_move_to_another_thread_and_another_waker` |
//! | async-oneshot, crossfire, atomic-waker | a wait that was given up keeps its waker | `a_wait_that_is_given_up_leaves_no_waker` |
//! | zio 94 | taken out by the waker, then cancelled: the signal dies with it | `the_next_is_woken_when_one_that_was_woken_goes`; `auto_reset_event.rs`: `a_set_given_to_a_dropped_wait_goes_to_the_next_or_stays`; `loom.rs` |
//! | (a question, no bug) | who comes first, newcomers or those who wait | `those_who_wait_are_served_in_the_order_in_which_they_came`; `semaphore.rs`: `a_newcomer_may_overtake_*`; `mutex.rs`: `newcomers_overtake_only_so_often` |
//! | RUSTSEC-2026-0005, oneshot | polled, dropped, while the other side reads the waker | `src/oneshot/loom.rs`, `oneshot.rs`: `rustsec_2026_0005_*` |
//! | RUSTSEC-2021-0124, tokio 4225 | both sides touch the value | `src/oneshot/loom.rs`: `rustsec_2021_0124_*` |
//! | flume 120 | found empty, sent, gone: says disconnected | `src/oneshot/loom.rs`: `try_recv_sees_all_or_nothing`; channels: `flume_120_*`; `loom.rs`: `the_end_of_the_sender_comes_after_its_last_value` |
//! | flume 182 | each poll queues itself once more | `flume_182_*` |
//! | crossfire 22 | one who has succeeded stays queued, and is woken in another's stead | `crossfire_22_*` |
//! | thingbuf 83 | a newcomer takes the room that one was woken for: that one is never woken again | channels: `thingbuf_83_*` |
//! | thingbuf 100 | closed while a place is held: hang, or a write into what is freed | channels: `thingbuf_100_*`; `shuttle/mpsc.rs`: `a_permit_sends_before_a_close_or_hands_back` |
//! | flume 104 | given up after it was told: the value lies there until the next | channels: `flume_104_*`; `shuttle/mpmc.rs`: `a_value_reaches_one_who_still_waits` |
//! | flume 140 | a sender returns before there was room for its value | channels: `flume_140_*` |
//! | crossfire 24, 33 to 35, 39, 56 | further hangs, with waits given up on both sides | `shuttle/` |
//! | async-channel 87 | a send that is given up takes its value with it | channels: `async_channel_87_*` |
//! | tokio 1997, 2020 | a place that was reserved holds back what others have sent | channels: `tokio_1997_2020_*` |
//! | tokio 6603 | "empty" where one block ends | channels: `tokio_6603_*` |
//! | tokio 8074 | "disconnected" while permits can still send | channels: `tokio_8074_*` |
//! | futures `mpsc` | more room than was asked for; a send and a receive in one task hang | channels: `futures_mpsc_*` |
//! | RUSTSEC-2020-0052, 2018-0009, crossbeam | freed with another capacity; values dropped twice | channels: `rustsec_2020_0052_*` |
//! | RUSTSEC-2025-0024, crossbeam 971 | the receiver drops what is inside while senders send | channels: `rustsec_2025_0024_*` |
//! | tokio 3652 | a stored notification is lost with a wait that had been given one | `tokio_3652_*` |
//! | tokio 5396 | who begins to wait while the others are woken is woken, too | `tokio_5396_*`; `loom.rs`: `a_set_ends_no_wait_that_begins_after_its_reset` |
//! | tokio 2340 | waker in a node that may be gone once the lock was let go | `a_waker_may_use_what_it_waits_for`; `loom.rs`: `neighbours_leave_at_once`, `a_new_waker_is_not_missed` |
//! | tokio 7450, futures 868 | waker used by a register and a wake at once | `src/oneshot/loom.rs`: `a_poll_with_another_waker_is_the_one_that_is_woken`; hyperia-wait |
//! | event-listener 139 | nobody seen waiting by a notifier, while one just begins | `loom.rs`: `a_set_lets_one_waiter_pass`, `a_wait_that_has_begun_*`, `a_newcomer_leaves_nobody_asleep`; hyperia-wait |
//! | awaitgroup 0.7 | the count is relaxed: what workers wrote is not seen | `src/wait_group/loom.rs`: `what_token_holders_did_*`, `two_tokens_happen_before_*` |
//! | RUSTSEC-2020-0017, internment | freed while somebody revives it | `src/wait_group/loom.rs`: `a_token_may_be_made_while_*`, `the_last_one_frees` |
//! | RUSTSEC-2019-0013, 2022-0006, 2022-0029 | orderings too weak | each edge of the headers names its model |
//! | RUSTSEC-2026-0221, 2025-0023, 2020-0059, -0062, -0070, -0072, -0142 | wrong `Send`, `Sync` | `auto_traits.rs` |
//! | RUSTSEC-2022-0019, -0020, -0021 | zeros for a value that has none | `oneshot.rs`, channels: `any_value_will_do` |
//! | RUSTSEC-2020-0061, futures-task | a waker without data | `Waker::noop()`, everywhere |
//! | RUSTSEC-2026-0103 and its like | user code panics half-way | `a_panic_in_*`; `oneshot.rs`: `a_value_that_panics_when_dropped_*`; `mutex.rs`: `a_panic_with_the_lock_held_*` |
//!
//! A type that is waited for joins the lists in `for_each!` below, and with it the scenarios of all waits. Those of the
//! channels alone stand in `regressions/channels.rs`: "channels" in the table.
#![cfg(all(feature = "std", not(any(hyperia_loom, hyperia_shuttle))))]

#[path = "regressions/channels.rs"]
mod channels;
mod subjects;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;
use std::thread;

use hyperia_sync::oneshot::{self, TryRecvError};
use hyperia_sync::{AutoResetEvent, ManualResetEvent, Semaphore};
use hyperia_test::{CountingWaker, PanicOn, PanicWaker, poll_once};

use subjects::{
    At, Channel, Departure, Group, Hook, Locked, MpmcRecv, MpmcSend, MpscRecv, MpscReserve,
    MpscSend, Permits, Slot, SpscRecv, SpscReserve, SpscSend, Subject, Waiting,
};

/// Often enough to be overtaken, and never.
const BARGING: u16 = 128;
const STRICT: u16 = 0;

/// Runs a scenario with each type that can be waited for.
macro_rules! for_each {
    // Where a wake is for one of those who wait.
    ($scenario:ident in line) => {
        $scenario::<AutoResetEvent>();
        $scenario::<Permits<BARGING>>();
        $scenario::<Permits<STRICT>>();
        $scenario::<Locked<BARGING>>();
        $scenario::<Locked<STRICT>>();
        $scenario::<MpscSend>();
        $scenario::<MpscReserve>();
        $scenario::<MpmcSend>();
        $scenario::<MpmcRecv>();
    };
    // Where it is for all.
    ($scenario:ident in crowd) => {
        $scenario::<ManualResetEvent>();
        $scenario::<Group>();
    };
    ($scenario:ident) => {
        for_each!($scenario in line);
        for_each!($scenario in crowd);
        $scenario::<Channel>();
        $scenario::<Departure>();
        $scenario::<SpscSend>();
        $scenario::<SpscReserve>();
        $scenario::<SpscRecv>();
        $scenario::<MpscRecv>();
    };
}

fn panics<R>(action: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(action)).is_err()
}

/// A receive future that is given up after the value was sent took the value with it (kanal issues 24 and 50).
/// Here it does so if it is dropped, which the documentation says; whoever wants to keep it asks for the receiver.
#[test]
fn kanal_24_50_a_value_sent_to_a_wait_that_is_given_up_is_still_there() {
    let (sender, receiver) = oneshot::channel();
    let (mut recv, task) = (receiver.recv(), CountingWaker::new());
    assert!(poll_once(Pin::new(&mut recv), &task.waker()).is_pending());
    sender.send(7).unwrap();
    assert_eq!(task.wakes(), 1);
    let receiver = recv.into_receiver().unwrap();
    assert!(matches!(receiver.try_recv(), Ok(7)));
    // And before it was sent: nothing is taken, and what is sent later arrives.
    let (sender, receiver) = oneshot::channel();
    let mut recv = receiver.recv();
    assert!(poll_once(Pin::new(&mut recv), &task.waker()).is_pending());
    let Err(TryRecvError::Empty(receiver)) = recv.into_receiver().unwrap().try_recv() else {
        panic!("nothing was sent");
    };
    sender.send(8).unwrap();
    assert!(matches!(receiver.try_recv(), Ok(8)));
    assert_eq!(task.live(), 0);
}

/// Of two that wait the first is woken and dropped before it runs: the other sleeps on (kanal, thingbuf, the model
/// of tokio's semaphore in shuttle PR 167, zio PR 94).
#[test]
fn the_next_is_woken_when_one_that_was_woken_goes() {
    fn scenario<S: Subject>() {
        let subject = S::new();
        let tasks = [CountingWaker::new(), CountingWaker::new()];
        let mut waits = [Waiting::new(subject), Waiting::new(subject)];
        for (wait, task) in waits.iter_mut().zip(&tasks) {
            assert!(!wait.poll(&task.waker()));
        }
        subject.wake();
        assert_eq!(tasks.each_ref().map(|task| task.wakes()), [1, 0]);
        let [first, mut second] = waits;
        drop(first);
        assert_eq!(tasks.each_ref().map(|task| task.wakes()), [1, 1]);
        assert!(second.poll(Waker::noop()));
    }
    for_each!(scenario in line);
}

/// Polled again with another waker, on another thread: the one of the last poll is woken, and the old one is
/// dropped (kanal's send future kept the old one).
#[test]
fn a_wait_may_move_to_another_thread_and_another_waker() {
    fn scenario<S: Subject>() {
        let subject = S::new();
        let (old, new) = (CountingWaker::new(), CountingWaker::new());
        let mut wait = Waiting::new(subject);
        assert!(!wait.poll(&old.waker()));
        let waker = new.waker();
        let mut wait = thread::spawn(move || {
            assert!(!wait.poll(&waker));
            wait
        })
        .join()
        .unwrap();
        assert_eq!((old.live(), new.live()), (0, 1));
        subject.wake();
        assert_eq!((old.wakes(), new.wakes()), (0, 1));
        let has_ended = thread::spawn(move || wait.poll(Waker::noop()));
        assert!(has_ended.join().unwrap());
        assert_eq!(new.live(), 0);
    }
    for_each!(scenario);
}

/// async-oneshot, crossfire's oneshot and the waker cells keep the waker of a wait that was given up.
#[test]
fn a_wait_that_is_given_up_leaves_no_waker() {
    fn scenario<S: Subject>() {
        let task = CountingWaker::new();
        let mut wait = Waiting::new(S::new());
        assert!(!wait.poll(&task.waker()));
        assert_eq!(task.live(), 1);
        drop(wait);
        assert_eq!((task.wakes(), task.live()), (0, 0));
    }
    for_each!(scenario);
}

/// First in, first out, for those who wait.
#[test]
fn those_who_wait_are_served_in_the_order_in_which_they_came() {
    fn scenario<S: Subject>() {
        let subject = S::new();
        let tasks: Vec<_> = (0..5).map(|_| CountingWaker::new()).collect();
        let mut waits: Vec<_> = (0..5).map(|_| Waiting::new(subject)).collect();
        for (wait, task) in waits.iter_mut().zip(&tasks) {
            assert!(!wait.poll(&task.waker()));
        }
        for (served, wait) in waits.iter_mut().enumerate() {
            subject.wake();
            let wakes = tasks.iter().map(|task| task.wakes());
            assert!(wakes.eq((0..5).map(|index| usize::from(index <= served))));
            assert!(wait.poll(Waker::noop()));
        }
    }
    for_each!(scenario in line);
}

/// Each poll queued itself once more, so that the list of those who wait grew without bound, and others were woken
/// late or not at all (flume issue 182).
#[test]
fn flume_182_a_wait_has_one_place_however_often_it_is_polled() {
    fn scenario<S: Subject>() {
        let subject = S::new();
        let tasks = [CountingWaker::new(), CountingWaker::new()];
        let mut wait = Waiting::new(subject);
        for poll in 0..1_001 {
            assert!(!wait.poll(&tasks[poll % 2].waker()));
            assert_eq!(tasks[0].live() + tasks[1].live(), 1);
        }
        subject.wake();
        assert_eq!((tasks[0].wakes(), tasks[1].wakes()), (1, 0));
        assert!(wait.poll(Waker::noop()));
    }
    for_each!(scenario);
    /// The other places would swallow what the next one waits for.
    fn next<S: Subject>() {
        let (subject, task) = (S::new(), CountingWaker::new());
        let mut wait = Waiting::new(subject);
        for _ in 0..10 {
            assert!(!wait.poll(&task.waker()));
        }
        subject.wake();
        assert!(wait.poll(Waker::noop()));
        let mut next = Waiting::new(subject);
        assert!(!next.poll(&task.waker()));
        subject.wake();
        assert!(next.poll(Waker::noop()));
        assert_eq!(task.wakes(), 2);
    }
    for_each!(next in line);
    for_each!(next in crowd);
}

/// One who has got what it wanted stayed queued with its waker, and was woken in another's stead (crossfire
/// issue 22): here the future that has ended is kept.
#[test]
fn crossfire_22_who_got_what_it_waited_for_is_not_woken_in_anothers_stead() {
    fn scenario<S: Subject>() {
        let (subject, tasks) = (S::new(), [CountingWaker::new(), CountingWaker::new()]);
        let [mut first, mut second] = [Waiting::new(subject), Waiting::new(subject)];
        assert!(!first.poll(&tasks[0].waker()));
        subject.wake();
        assert!(first.poll(&tasks[0].waker()));
        assert_eq!((tasks[0].wakes(), tasks[0].live()), (1, 0));
        assert!(!second.poll(&tasks[1].waker()));
        subject.wake();
        assert_eq!(tasks.each_ref().map(|task| task.wakes()), [1, 1]);
        assert!(second.poll(Waker::noop()));
        drop(first);
    }
    for_each!(scenario in line);
    for_each!(scenario in crowd);
}

/// A wait is given a notification, another one is stored, the wait is dropped: the stored one was lost (tokio
/// PR 3652).
#[test]
fn tokio_3652_what_was_stored_stays_when_one_that_was_given_some_goes() {
    let event = AutoResetEvent::new();
    {
        let mut wait = Box::pin(event.wait());
        assert!(poll_once(wait.as_mut(), Waker::noop()).is_pending());
        event.set();
        event.set();
    }
    assert!(event.try_wait(), "they do not add up, but one is there");
    for overtakes_max in [STRICT, BARGING] {
        let semaphore = Semaphore::with_overtakes_max(0, overtakes_max);
        let mut acquire = Box::pin(semaphore.acquire());
        assert!(poll_once(acquire.as_mut(), Waker::noop()).is_pending());
        semaphore.add_permits(1);
        semaphore.add_permits(1);
        drop(acquire);
        assert_eq!(semaphore.available_permits(), 2);
    }
}

/// Many are woken, in batches, and in between one begins to wait for the next time: it was woken, too (tokio issue
/// 5396).
#[test]
fn tokio_5396_who_begins_to_wait_while_the_others_are_woken_goes_on_waiting() {
    fn scenario<S: Subject<Wait: Future<Output = ()>>>() {
        let (subject, late) = (S::new(), Arc::new(Slot::default()));
        let hook = Hook::new(At::Wake, {
            let late = late.clone();
            move || {
                subject.end(());
                let mut wait = Waiting::new(subject);
                assert!(!wait.poll(Waker::noop()));
                late.put(Some(wait));
            }
        });
        let task = CountingWaker::new();
        let mut waits: Vec<_> = (0..100).map(|_| Waiting::new(subject)).collect();
        for (index, wait) in waits.iter_mut().enumerate() {
            let waker = if index == 0 {
                hook.waker()
            } else {
                task.waker()
            };
            assert!(!wait.poll(&waker));
        }
        subject.wake();
        assert_eq!((hook.runs(), task.wakes()), (1, 99));
        let mut late = late.put(None).expect("the hook has run");
        assert!(!late.poll(Waker::noop()));
        assert!(waits.iter_mut().all(|wait| wait.poll(Waker::noop())));
        assert!(!late.poll(Waker::noop()));
        subject.wake();
        assert!(late.poll(Waker::noop()));
    }
    for_each!(scenario in crowd);
}

/// No waker is cloned, woken or dropped under a lock: each of them may use what it waits for, and wait itself. A
/// lock that is held would hang here.
#[test]
fn a_waker_may_use_what_it_waits_for() {
    fn scenario<S: Subject>() {
        for at in [At::Clone, At::Wake, At::Drop] {
            let subject = S::new();
            let hook = Hook::new(at, || subject.touch());
            let mut wait = Waiting::new(subject);
            assert!(!wait.poll(&hook.waker()));
            let mut runs = 0;
            let mut has_run = |by: &[At]| {
                let more = hook.runs() - std::mem::replace(&mut runs, hook.runs());
                assert_eq!(more > 0, by.contains(&at), "{more} at {at:?} by {by:?}");
            };
            // The clone, and the drop of the waker that was lent.
            has_run(&[At::Clone, At::Drop]);
            // Another one takes its place.
            assert!(!wait.poll(Waker::noop()));
            has_run(&[At::Drop]);
            // And the other way round.
            assert!(!wait.poll(&hook.waker()));
            has_run(&[At::Clone, At::Drop]);
            subject.wake();
            has_run(&[At::Wake, At::Drop]);
            assert!(wait.poll(Waker::noop()));
            // A wait that is given up.
            let subject = S::new();
            let hook = Hook::new(at, || subject.touch());
            let mut wait = Waiting::new(subject);
            let waker = hook.waker();
            assert!(!wait.poll(&waker));
            let before = hook.runs();
            drop(wait);
            assert_eq!(hook.runs() > before, at == At::Drop);
        }
    }
    for_each!(scenario);
}

/// As above, but what is waited for happens in there.
#[test]
fn what_is_waited_for_may_happen_in_the_clone_or_the_drop_of_the_waker() {
    fn scenario<S: Subject>() {
        // Before it has joined.
        let subject = S::new();
        let hook = Hook::once(At::Clone, || subject.wake());
        let mut wait = Waiting::new(subject);
        assert!(wait.poll(&hook.waker()) || wait.poll(Waker::noop()));
        assert_eq!(hook.runs(), 1);
        // While it changes its waker.
        let (subject, task) = (S::new(), CountingWaker::new());
        let mut wait = Waiting::new(subject);
        assert!(!wait.poll(&task.waker()));
        let hook = Hook::once(At::Clone, || subject.wake());
        assert!(wait.poll(&hook.waker()) || wait.poll(Waker::noop()));
        // Once it has.
        let (subject, task) = (S::new(), CountingWaker::new());
        let hook = Hook::once(At::Drop, || subject.wake());
        let (mut wait, waker) = (Waiting::new(subject), hook.waker());
        assert!(!wait.poll(&waker));
        let has_ended = wait.poll(&task.waker());
        assert!(has_ended || task.wakes() == 1);
        assert!(has_ended || wait.poll(Waker::noop()));
    }
    for_each!(scenario);
}

/// A waker that panics when it is woken: it was told all the same, and so are the others.
#[test]
fn a_panic_in_the_wake_of_a_waker_loses_nothing() {
    fn scenario<S: Subject>() {
        let (subject, bad) = (S::new(), PanicWaker::new(PanicOn::Wake));
        let mut wait = Waiting::new(subject);
        assert!(!wait.poll(&bad.waker()));
        assert!(panics(|| subject.wake()));
        assert!(wait.poll(Waker::noop()));
        assert_eq!((bad.panics(), bad.live()), (1, 0));
    }
    for_each!(scenario);
    fn in_line<S: Subject>() {
        let (subject, bad, task) = (
            S::new(),
            PanicWaker::new(PanicOn::Wake),
            CountingWaker::new(),
        );
        let [first, mut second, mut third] = [(); 3].map(|()| Waiting::new(subject));
        let mut first = first;
        assert!(!first.poll(&task.waker()));
        assert!(!second.poll(&bad.waker()));
        assert!(!third.poll(&task.waker()));
        subject.wake();
        // What it was given goes on, to one whose waker panics.
        assert!(panics(|| drop(first)));
        assert!(second.poll(Waker::noop()));
        subject.wake();
        assert_eq!(task.wakes(), 2);
        assert!(third.poll(Waker::noop()));
    }
    for_each!(in_line in line);
    fn in_crowd<S: Subject<Wait: Future<Output = ()>>>() {
        let (subject, bad, task) = (
            S::new(),
            PanicWaker::new(PanicOn::Wake),
            CountingWaker::new(),
        );
        let mut waits: Vec<_> = (0..100).map(|_| Waiting::new(subject)).collect();
        for (index, wait) in waits.iter_mut().enumerate() {
            let waker = if index == 3 {
                bad.waker()
            } else {
                task.waker()
            };
            assert!(!wait.poll(&waker));
        }
        assert!(panics(|| subject.wake()));
        assert_eq!((bad.panics(), task.wakes()), (1, 99));
        assert!(waits.iter_mut().all(|wait| wait.poll(Waker::noop())));
    }
    for_each!(in_crowd in crowd);
}

/// A waker that panics when it is cloned, which is at a poll: neither that wait nor another one is the worse.
#[test]
fn a_panic_in_the_clone_of_a_waker_loses_nothing() {
    fn scenario<S: Subject>() {
        let (subject, bad, task) = (
            S::new(),
            PanicWaker::new(PanicOn::Clone),
            CountingWaker::new(),
        );
        let (mut wait, waker) = (Waiting::new(subject), bad.waker());
        assert!(panics(|| wait.poll(&waker)));
        assert!(!wait.poll(&task.waker()));
        // The old one stays in its place, where there is more than a cell.
        assert!(panics(|| wait.poll(&waker)));
        subject.wake();
        assert_eq!(task.wakes(), usize::from(S::KEEPS_WAKER));
        assert!(wait.poll(Waker::noop()));
        assert_eq!((bad.live(), task.live()), (1, 0));
    }
    for_each!(scenario);
    fn in_line<S: Subject>() {
        let (subject, bad, task) = (
            S::new(),
            PanicWaker::new(PanicOn::Clone),
            CountingWaker::new(),
        );
        let [mut first, mut second] = [Waiting::new(subject), Waiting::new(subject)];
        let waker = bad.waker();
        assert!(panics(|| first.poll(&waker)));
        assert!(!second.poll(&task.waker()));
        // It has not joined, or else it would be first.
        subject.wake();
        assert_eq!(task.wakes(), 1);
        assert!(second.poll(Waker::noop()));
        drop(first);
    }
    for_each!(in_line in line);
}

/// A waker that panics when it is dropped: at a poll with another one, when its wait is given up, or when it is
/// woken.
#[test]
fn a_panic_in_the_drop_of_a_waker_loses_nothing() {
    fn scenario<S: Subject>() {
        let (bad, task) = (PanicWaker::new(PanicOn::Drop), CountingWaker::new());
        let waker = bad.waker();
        // At a poll with another one, which has taken its place.
        let subject = S::new();
        let mut wait = Waiting::new(subject);
        assert!(!wait.poll(&waker));
        assert!(panics(|| wait.poll(&task.waker())));
        subject.wake();
        assert_eq!(task.wakes(), 1);
        assert!(wait.poll(Waker::noop()));
        // When it is woken.
        let subject = S::new();
        let mut wait = Waiting::new(subject);
        assert!(!wait.poll(&waker));
        assert!(panics(|| subject.wake()));
        assert!(wait.poll(Waker::noop()));
        // When its wait is given up.
        let mut wait = Waiting::new(S::new());
        assert!(!wait.poll(&waker));
        assert!(panics(|| drop(wait)));
        assert_eq!((bad.panics(), bad.live(), task.live()), (3, 1, 0));
        bad.disarm();
    }
    for_each!(scenario);
    fn in_line<S: Subject>() {
        let (subject, bad, task) = (
            S::new(),
            PanicWaker::new(PanicOn::Drop),
            CountingWaker::new(),
        );
        let [mut first, mut second] = [Waiting::new(subject), Waiting::new(subject)];
        let waker = bad.waker();
        assert!(!first.poll(&waker));
        assert!(!second.poll(&task.waker()));
        assert!(panics(|| drop(first)));
        // It has left.
        subject.wake();
        assert_eq!(task.wakes(), 1);
        assert!(second.poll(Waker::noop()));
        bad.disarm();
    }
    for_each!(in_line in line);
}
