//! Callers that wait: for room, for verdicts, for the end. In order, never forgotten, droppable at every point.
#![cfg(not(any(hyperia_loom, hyperia_shuttle)))]

mod common;

use std::cell::RefCell;
use std::task::Poll;

use common::{Bench, Task, ms};
use hyperia_client::{Client, FlushError, Reason, SendError, Unsent, Verdict};
use hyperia_test::{PanicOn, PanicWaker, drop_at_every_poll, poll_once};

fn full(bench: &Bench) {
    while bench.client.try_enqueue(b"filler".to_vec()).is_ok() {}
}

#[test]
fn i13_callers_get_room_in_the_order_in_which_they_came_and_nobody_overtakes() {
    let mut bench = Bench::new(|builder| builder.queue_messages(2).max_connections(1));
    full(&bench);
    let client = bench.client.clone();
    let mut waiting: Vec<_> = (0..5_u8)
        .map(|n| {
            let mut task = Task::new(client.enqueue(vec![n]));
            assert!(task.run().is_none());
            task
        })
        .collect();
    bench.run();
    // Two places were freed and handed to the first two; a newcomer stands behind the other three.
    let woken: Vec<_> = waiting.iter().map(Task::is_woken).collect();
    assert_eq!(woken, [true, true, false, false, false]);
    assert!(client.try_enqueue(b"newcomer".to_vec()).is_err());
    for turn in [0..2, 2..4, 4..5] {
        for task in &mut waiting[turn] {
            assert_eq!(task.run(), Some(Ok(())));
        }
        bench.run();
    }
    assert!(bench.net.written(0).ends_with(&[0, 1, 2, 3, 4]));
}

#[test]
fn i10_room_given_to_a_caller_that_is_dropped_goes_to_the_next() {
    let mut bench = Bench::new(|builder| builder.queue_messages(1));
    full(&bench);
    let client = bench.client.clone();
    let mut first = Task::new(client.enqueue(b"first".to_vec()));
    let mut second = Task::new(client.enqueue(b"second".to_vec()));
    assert!(first.run().is_none() && second.run().is_none());
    bench.run();
    assert!(first.is_woken() && !second.is_woken());
    drop(first); // woken, never polled
    assert!(second.is_woken());
    assert_eq!(second.run(), Some(Ok(())));
}

#[test]
fn a_large_message_at_the_head_of_the_line_does_not_hold_up_others_once_it_is_dropped() {
    let mut bench = Bench::new(|builder| builder.queue_bytes(100));
    bench.net.plan(common::net::Plan::Hang);
    bench.enqueue(&[0; 60]);
    let client = bench.client.clone();
    let mut large = Task::new(client.enqueue(vec![1; 80]));
    let mut small = Task::new(client.enqueue(vec![2; 10]));
    assert!(large.run().is_none() && small.run().is_none());
    assert!(
        !small.is_woken(),
        "it waits its turn though there is room for it"
    );
    drop(large);
    assert_eq!(small.run(), Some(Ok(())));
    bench.run();
}

#[test]
fn i11_close_fails_every_caller_and_later_ones_do_not_wait() {
    for abort in [false, true] {
        let bench = Bench::new(|builder| builder.queue_messages(1));
        full(&bench);
        let client = bench.client.clone();
        let mut tasks: Vec<_> = (0..3_u8)
            .map(|n| Task::new(client.enqueue(vec![n])))
            .collect();
        assert!(tasks.iter_mut().all(|task| task.run().is_none()));
        let reason = if abort {
            client.abort();
            Reason::Aborted
        } else {
            client.close();
            Reason::Closed
        };
        for (n, task) in tasks.iter_mut().enumerate() {
            assert_eq!(task.run(), Some(Err(Unsent(vec![n as u8], reason))));
        }
        let mut late = Task::new(client.send(b"late".to_vec()));
        assert_eq!(
            late.run(),
            Some(Err(SendError::Unsent(b"late".to_vec(), reason)))
        );
        assert_eq!(client.stats().refused, 4);
    }
}

/// The number of polls it takes is asserted, so that a scenario cannot become empty unnoticed.
#[test]
fn i14_enqueue_dropped_at_every_poll_is_accounted_for() {
    let make = || {
        let bench = Bench::new(|builder| builder.queue_messages(1).max_connections(1));
        full(&bench);
        let client: &'static Client<Vec<u8>> = Box::leak(Box::new(bench.client.clone()));
        (RefCell::new(bench), client.enqueue(b"mine".to_vec()))
    };
    let step = |bench: &RefCell<Bench>, k: usize| {
        if k == 1 {
            bench.borrow_mut().run();
        }
    };
    let polls = drop_at_every_poll(make, step, |bench, _| {
        let mut bench = bench.into_inner();
        bench.run();
        // Never accepted, and its room is free again.
        assert_eq!(bench.verdict_of(b"mine"), []);
        bench.enqueue(b"other");
        bench.run();
        assert_eq!(bench.verdict_of(b"other"), [Verdict::Ok]);
        assert_eq!(bench.client.stats().waiting, 0);
    });
    assert_eq!(polls, 2);
}

#[test]
fn i14_send_dropped_at_every_poll_either_never_was_or_goes_out() {
    let make = || {
        let bench = Bench::new(|builder| builder.queue_messages(1).max_connections(1));
        full(&bench);
        let client: &'static Client<Vec<u8>> = Box::leak(Box::new(bench.client.clone()));
        (RefCell::new(bench), client.send(b"mine".to_vec()))
    };
    let step = |bench: &RefCell<Bench>, k: usize| {
        if k >= 1 {
            bench.borrow_mut().run();
        }
    };
    let polls = drop_at_every_poll(make, step, |bench, polls| {
        let mut bench = bench.into_inner();
        bench.run();
        let expected: &[_] = if polls < 2 { &[] } else { &[Verdict::Ok] };
        if polls < 2 {
            assert_eq!(bench.verdict_of(b"mine"), expected, "after {polls} polls");
            assert!(!bench.net.written(0).ends_with(b"mine"));
        } else {
            assert!(bench.net.written(0).ends_with(b"mine"));
        }
        let stats = bench.client.stats();
        assert_eq!(stats.accepted, stats.sent);
    });
    assert_eq!(polls, 3);
}

#[test]
fn a_send_dropped_after_acceptance_leaves_its_verdict_to_the_handler() {
    let mut bench = Bench::new(|builder| builder);
    let client = bench.client.clone();
    let mut send = Task::new(client.send(b"mine".to_vec()));
    assert!(send.run().is_none());
    drop(send);
    bench.run();
    assert_eq!(bench.verdict_of(b"mine"), [Verdict::Ok]);
    // Settled first, dropped then: the message was told to the future, and nobody else.
    let mut send = Task::new(client.send(b"told".to_vec()));
    assert!(send.run().is_none());
    bench.run();
    drop(send);
    assert_eq!(bench.verdict_of(b"told"), []);
    assert_eq!(bench.client.stats().sent, 2);
}

#[test]
fn flush_and_finished_dropped_at_every_poll_leave_nothing() {
    let make = || {
        let bench = Bench::new(|builder| builder);
        bench.enqueue(b"message");
        let client: &'static Client<Vec<u8>> = Box::leak(Box::new(bench.client.clone()));
        (RefCell::new(bench), client.flush())
    };
    let step = |bench: &RefCell<Bench>, k: usize| {
        if k == 2 {
            bench.borrow_mut().run();
        }
    };
    let polls = drop_at_every_poll(make, step, |bench, _| {
        let mut bench = bench.into_inner();
        bench.run();
        assert_eq!(bench.client.stats().sent, 1);
    });
    assert_eq!(polls, 3);

    let make = || {
        let bench = Bench::new(|builder| builder);
        let client: &'static Client<Vec<u8>> = Box::leak(Box::new(bench.client.clone()));
        (RefCell::new(bench), client.finished())
    };
    let step = |bench: &RefCell<Bench>, k: usize| {
        if k == 2 {
            let mut bench = bench.borrow_mut();
            bench.client.close();
            bench.run();
        }
    };
    let polls = drop_at_every_poll(make, step, |_, _| ());
    assert_eq!(polls, 3);
}

#[test]
fn the_driver_dropped_at_every_poll_settles_everything() {
    let mut seen = Vec::new();
    for polls in 0..100 {
        let mut bench = Bench::new(|builder| builder.max_connections(2).drain_timeout(ms(20)));
        bench.net.lock().window = 7;
        bench.net.lock().write_max = 3;
        for n in 0..5_u8 {
            bench.enqueue(&[n; 5]);
        }
        let client = bench.client.clone();
        let mut send = Task::new(client.send(vec![9; 5]));
        let mut flush = Task::new(client.flush());
        let mut finished = Task::new(client.finished());
        assert!(send.run().is_none() && flush.run().is_none() && finished.run().is_none());
        client.close();
        let mut done = false;
        for _ in 0..polls {
            let Some(driver) = &mut bench.driver else {
                break;
            };
            match driver.poll_if_woken() {
                Some(Poll::Ready(_)) => done = true,
                Some(Poll::Pending) => {}
                None => {
                    let next = bench.timers.next_deadline().unwrap();
                    bench.clock.set(next);
                    while bench.timers.advance(next) {}
                }
            }
            if done {
                break;
            }
        }
        bench.drop_driver();
        assert!(send.run().is_some() && flush.run().is_some());
        let stats = finished.run().unwrap();
        assert_eq!(stats.accepted, stats.sent + stats.unsent + stats.unknown);
        assert_eq!(stats.accepted, 6);
        assert_eq!(bench.verdicts().len(), 5);
        assert_eq!((bench.net.open(), bench.net.dials_open()), (0, 0));
        seen.push(stats.sent);
        if done {
            assert!(polls >= 3, "the scenario has become too short: {seen:?}");
            return;
        }
    }
    panic!("the driver does not end");
}

#[test]
fn i9_a_push_wakes_the_driver_once_and_not_again_while_it_is_busy() {
    let mut bench = Bench::new(|builder| builder.max_connections(1));
    bench.enqueue(b"first");
    bench.run();
    assert!(!bench.driver.as_ref().unwrap().is_woken());
    bench.enqueue(b"wakes");
    assert!(bench.driver.as_ref().unwrap().is_woken());
    assert_eq!(bench.run(), 1);
    // The socket is full: pushes need not wake anybody.
    bench.net.lock().connections[0].window = 0;
    bench.enqueue(b"blocks");
    bench.run();
    bench.enqueue(b"one");
    bench.run();
    for _ in 0..100 {
        bench.enqueue(b"more");
    }
    assert!(!bench.driver.as_ref().unwrap().is_woken());
    bench.net.open_window(0, usize::MAX);
    bench.run();
    assert_eq!(bench.client.stats().queue_messages, 0);
}

#[test]
fn a_flush_of_nothing_is_ready_at_once() {
    let bench = Bench::new(|builder| builder);
    let mut flush = Task::new(bench.client.flush());
    assert_eq!(flush.run(), Some(Ok::<(), FlushError>(())));
}

#[test]
fn a_waker_that_panics_takes_nobody_with_it() {
    for on in [PanicOn::Wake, PanicOn::Drop] {
        let mut bench = Bench::new(|builder| builder.queue_messages(1).max_connections(1));
        full(&bench);
        let client = bench.client.clone();
        let panics = PanicWaker::new(on);
        let mut bad = Box::pin(client.enqueue(b"bad".to_vec()));
        let waker = panics.waker();
        assert!(poll_once(bad.as_mut(), &waker).is_pending());
        let mut good = Task::new(client.send(b"good".to_vec()));
        assert!(good.run().is_none());
        bench.run();
        panics.disarm();
        drop(waker);
        drop(bad); // it was given the room; now the next one gets it
        assert!(good.run().is_none());
        bench.run();
        assert_eq!(good.run(), Some(Ok(())));
    }
}

#[test]
#[should_panic(expected = "polled after completion")]
fn a_completed_future_must_not_be_polled() {
    let bench = Bench::new(|builder| builder);
    let mut enqueue = Box::pin(bench.client.enqueue(b"once".to_vec()));
    let waker = std::task::Waker::noop();
    assert!(poll_once(enqueue.as_mut(), waker).is_ready());
    let _ = poll_once(enqueue.as_mut(), waker);
}
