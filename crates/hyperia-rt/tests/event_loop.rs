//! What a user of the event loop can rely on. Time is moved by hand; sockets are real, on loopback.
#![cfg(not(hyperia_loom))]
use hyperia_net::{TcpListener, TcpStream};
use hyperia_rt::{EventLoop, LoopHandle};
use hyperia_test::CountingWaker;
use hyperia_timer::ManualClock;
use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Two ends of a connection on loopback.
async fn connection(handle: &LoopHandle) -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind(handle.reactor(), ([127, 0, 0, 1], 0).into())?;
    let connect = TcpStream::connect(handle.reactor(), listener.local_addr()?);
    let accepted = handle.spawn(async move { listener.accept().await });
    let client = connect.await?;
    let (server, _) = accepted.await?;
    Ok((client, server))
}

async fn read_exact(stream: &TcpStream, buf: &mut [u8]) -> io::Result<()> {
    let mut filled = 0;
    while filled < buf.len() {
        match stream.read(&mut buf[filled..]).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => filled += count,
        }
    }
    Ok(())
}

#[test]
fn block_on_gives_the_output() {
    let mut event_loop = EventLoop::new().unwrap();
    assert_eq!(event_loop.block_on(async { 1 + 1 }), 2);
    assert_eq!(event_loop.block_on(std::future::ready("again")), "again");
}

#[test]
fn the_main_future_is_polled_only_when_it_was_woken() {
    let mut event_loop = EventLoop::new().unwrap();
    let mut polls = 0;
    let busy = event_loop.spawn(async {
        for _ in 0..1000 {
            yield_now().await;
        }
    });
    let mut busy = pin!(busy);
    event_loop.block_on(poll_fn(|cx| {
        polls += 1;
        busy.as_mut().poll(cx)
    }));
    assert_eq!(polls, 2, "at first, and when the task had ended");
}

#[test]
fn a_main_future_that_wakes_itself_lets_tasks_run() {
    let mut event_loop = EventLoop::new().unwrap();
    let ticks = Rc::new(Cell::new(0));
    let task = event_loop.spawn({
        let ticks = Rc::clone(&ticks);
        async move {
            while ticks.get() < 1000 {
                ticks.set(ticks.get() + 1);
                yield_now().await;
            }
        }
    });
    event_loop.block_on(async {
        while ticks.get() < 100 {
            yield_now().await;
        }
    });
    assert!(!task.is_finished());
}

#[test]
fn sleeps_end_in_the_order_of_their_deadlines() {
    let clock = ManualClock::new();
    let mut event_loop = EventLoop::with_clock(clock.clone()).unwrap();
    let handle = event_loop.handle().clone();
    let order = Rc::new(RefCell::new(Vec::new()));
    for seconds in [3, 1, 2] {
        let (timers, order) = (handle.timers().clone(), Rc::clone(&order));
        handle
            .spawn(async move {
                timers.sleep(seconds * SECOND).await;
                order.borrow_mut().push(seconds);
            })
            .detach();
    }
    event_loop.block_on(async {
        for seconds in 0..=3 {
            // Every task that can run has run after a few turns.
            for _ in 0..20 {
                yield_now().await;
            }
            assert_eq!(order.borrow().len(), seconds);
            clock.advance(SECOND);
        }
    });
    assert_eq!(*order.borrow(), [1, 2, 3]);
}

#[test]
fn a_clock_moved_by_another_thread_is_seen_when_the_reactor_is_woken() {
    let clock = ManualClock::new();
    let mut event_loop = EventLoop::with_clock(clock.clone()).unwrap();
    let handle = event_loop.handle().clone();
    let waker = handle.reactor().waker();
    let (asleep, sleeping) = channel();
    let mover = thread::spawn(move || {
        sleeping.recv().unwrap();
        clock.advance(1000 * SECOND);
        waker.wake();
    });
    event_loop.block_on(async {
        let mut sleep = pin!(handle.timers().sleep(1000 * SECOND));
        poll_fn(|cx| {
            let poll = sleep.as_mut().poll(cx);
            if poll.is_pending() {
                asleep.send(()).unwrap();
            }
            poll
        })
        .await;
    });
    mover.join().unwrap();
}

#[test]
fn thousands_of_sleeps_that_are_due_at_once_all_end() {
    const SLEEPS: usize = 3000;
    let clock = ManualClock::new();
    let mut event_loop = EventLoop::with_clock(clock.clone()).unwrap();
    let handle = event_loop.handle().clone();
    let tasks: Vec<_> = (0..SLEEPS)
        .map(|_| handle.spawn(handle.timers().sleep_until(SECOND).into_owned()))
        .collect();
    event_loop.block_on(async {
        // More turns than it takes to poll each of them once.
        for _ in 0..SLEEPS {
            yield_now().await;
        }
        assert!(tasks.iter().all(|task| !task.is_finished()));
        clock.advance(SECOND);
        for task in tasks {
            task.await;
        }
    });
}

#[test]
fn sleeps_of_both_kinds_are_waited_for() {
    let clock = ManualClock::new();
    let mut event_loop = EventLoop::with_clock(clock.clone()).unwrap();
    let handle = event_loop.handle().clone();
    let order = Rc::new(RefCell::new(Vec::new()));
    let tasks: Vec<_> = (1..=6_u32)
        .map(|number| {
            let (handle, order) = (handle.clone(), Rc::clone(&order));
            event_loop.spawn(async move {
                match number % 2 {
                    0 => handle.timers().sleep(number * SECOND).await,
                    _ => handle.local_timers().sleep(number * SECOND).await,
                }
                order.borrow_mut().push(number);
            })
        })
        .collect();
    event_loop.block_on(async {
        for number in 0..6 {
            for _ in 0..100 {
                yield_now().await;
            }
            assert_eq!(order.borrow().len(), number);
            clock.advance(SECOND);
        }
        for task in tasks {
            task.await;
        }
    });
    assert_eq!(*order.borrow(), [1, 2, 3, 4, 5, 6]);
}

/// Nothing else would end the wait: real time, and the loop asleep.
#[test]
fn a_loop_that_sleeps_wakes_for_either_kind() {
    let mut event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle().clone();
    let begun = std::time::Instant::now();
    event_loop.block_on(async {
        let mut far = pin!(handle.timers().sleep(1000 * SECOND));
        let mut local_far = pin!(handle.local_timers().sleep(1000 * SECOND));
        poll_fn(|cx| {
            assert!(far.as_mut().poll(cx).is_pending());
            assert!(local_far.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        handle.local_timers().sleep(Duration::from_millis(2)).await;
        handle.timers().sleep(Duration::from_millis(2)).await;
    });
    assert!(begun.elapsed() >= Duration::from_millis(4));
}

#[test]
fn the_timer_slack_is_set_while_the_loop_runs() {
    use hyperia_reactor::TimerSlack;
    let before = TimerSlack::current().unwrap();
    let mut event_loop = EventLoop::new().unwrap();
    let within = event_loop.block_on(async { TimerSlack::current().unwrap() });
    assert_eq!(within, before, "as the thread has it");
    let exact = Duration::from_nanos(1);
    event_loop.set_timer_slack(exact).unwrap();
    assert_eq!(TimerSlack::current().unwrap(), before, "not outside");
    for _ in 0..2 {
        let within = event_loop.block_on(async { TimerSlack::current().unwrap() });
        assert_eq!(within, exact);
        assert_eq!(TimerSlack::current().unwrap(), before, "not outside");
    }
    let panicking = AssertUnwindSafe(|| event_loop.block_on(async { panic!("as it should") }));
    assert!(catch_unwind(panicking).is_err());
    assert_eq!(
        TimerSlack::current().unwrap(),
        before,
        "set back in any case"
    );
}

#[test]
fn an_echo_over_loopback() {
    let mut event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle().clone();
    event_loop
        .block_on(async {
            let (client, server) = connection(&handle).await?;
            let echo = handle.spawn(async move {
                let mut buf = [0; 64];
                loop {
                    match server.read(&mut buf).await? {
                        0 => return io::Result::Ok(()),
                        count => server.write_all(&buf[..count]).await?,
                    };
                }
            });
            for number in 0..200_u64 {
                client.write_all(&number.to_le_bytes()).await?;
                let mut answer = [0; 8];
                read_exact(&client, &mut answer).await?;
                assert_eq!(u64::from_le_bytes(answer), number);
            }
            drop(client);
            echo.await
        })
        .unwrap();
}

#[test]
fn many_connections_at_once() {
    const CONNECTIONS: usize = 50;
    let mut event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle().clone();
    event_loop
        .block_on(async {
            let listener = TcpListener::bind(handle.reactor(), ([127, 0, 0, 1], 0).into())?;
            let addr = listener.local_addr()?;
            let server = handle.spawn({
                let handle = handle.clone();
                async move {
                    for _ in 0..CONNECTIONS {
                        let (stream, _) = listener.accept().await?;
                        handle
                            .spawn(async move {
                                let mut buf = [0; 4];
                                if read_exact(&stream, &mut buf).await.is_ok() {
                                    let _ = stream.write_all(&buf).await;
                                }
                            })
                            .detach();
                    }
                    io::Result::Ok(())
                }
            });
            let clients: Vec<_> = (0..CONNECTIONS)
                .map(|number| {
                    let reactor = handle.reactor().clone();
                    handle.spawn(async move {
                        let stream = TcpStream::connect(&reactor, addr).await?;
                        let bytes = u32::try_from(number).unwrap().to_le_bytes();
                        stream.write_all(&bytes).await?;
                        let mut answer = [0; 4];
                        read_exact(&stream, &mut answer).await?;
                        assert_eq!(answer, bytes);
                        io::Result::Ok(())
                    })
                })
                .collect();
            for client in clients {
                client.await?;
            }
            server.await
        })
        .unwrap();
}

#[test]
fn busy_tasks_starve_neither_sockets_nor_timers_nor_the_main_future() {
    let clock = ManualClock::new();
    let mut event_loop = EventLoop::with_clock(clock.clone()).unwrap();
    let handle = event_loop.handle().clone();
    // Two tasks that wake each other for ever, and some that wake themselves.
    let partner: Rc<RefCell<[Option<Waker>; 2]>> = Rc::default();
    for side in 0..2 {
        let partner = Rc::clone(&partner);
        handle
            .spawn(poll_fn(move |cx| {
                let mut wakers = partner.borrow_mut();
                wakers[side] = Some(cx.waker().clone());
                if let Some(other) = wakers[1 - side].take() {
                    other.wake();
                }
                Poll::<()>::Pending
            }))
            .detach();
    }
    for _ in 0..200 {
        handle
            .spawn(async {
                loop {
                    yield_now().await;
                }
            })
            .detach();
    }
    event_loop
        .block_on(async {
            let (client, server) = connection(&handle).await?;
            server.write_all(b"x").await?;
            let mut byte = [0];
            read_exact(&client, &mut byte).await?;

            // Before the deadline, then after it.
            let mut sleep = pin!(handle.timers().sleep_until(SECOND));
            poll_fn(|cx| {
                let poll = sleep.as_mut().poll(cx);
                if poll.is_pending() {
                    clock.advance(SECOND);
                }
                poll
            })
            .await;
            io::Result::Ok(())
        })
        .unwrap();
}

#[test]
fn other_threads_spawn_and_wake_while_the_loop_sleeps() {
    let mut event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle().clone();
    let spawner = handle.spawner().clone();
    let (done, results) = channel();
    let other = thread::spawn(move || {
        for number in 0..100 {
            // Each one is waited for here, so the loop goes back to sleep in between.
            let doubled = hyperia_wait::block_on(spawner.spawn(async move { number * 2 }));
            done.send(doubled).unwrap();
        }
    });
    let mut sum = 0;
    event_loop.block_on(async {
        let mut ticks = handle.spawn(async {});
        while sum < 9900 {
            // Sleeps until the next task from abroad has run.
            if let Ok(number) = results.try_recv() {
                sum += number;
            } else {
                let timers = handle.timers();
                timers.sleep(Duration::from_millis(1)).await;
            }
            ticks = handle.spawn(async {});
        }
        ticks.await;
    });
    other.join().unwrap();
}

#[test]
fn a_sleep_made_on_another_thread_ends_though_the_loop_sleeps_for_longer() {
    let mut event_loop = EventLoop::new().unwrap();
    let timers = event_loop.handle().timers().clone();
    let (sender, receiver) = channel::<Waker>();
    let other = thread::spawn({
        let timers = timers.clone();
        move || {
            let main = receiver.recv().unwrap();
            hyperia_wait::block_on(timers.sleep(Duration::from_millis(1)));
            main.wake();
        }
    });
    let mut polls = 0;
    event_loop.block_on(async {
        let mut far = pin!(timers.sleep(1000 * SECOND));
        poll_fn(|cx| {
            polls += 1;
            if polls == 2 {
                return Poll::Ready(());
            }
            assert!(far.as_mut().poll(cx).is_pending());
            sender.send(cx.waker().clone()).unwrap();
            Poll::Pending
        })
        .await;
    });
    other.join().unwrap();
}

#[test]
fn another_thread_wakes_the_main_future() {
    let mut event_loop = EventLoop::new().unwrap();
    for _ in 0..50 {
        let (sender, receiver) = channel::<Waker>();
        let waking = thread::spawn(move || receiver.recv().unwrap().wake());
        let mut polls = 0;
        event_loop.block_on(poll_fn(|cx| {
            polls += 1;
            if polls == 2 {
                return Poll::Ready(());
            }
            sender.send(cx.waker().clone()).unwrap();
            Poll::Pending
        }));
        waking.join().unwrap();
    }
}

#[test]
fn loops_on_several_threads_do_not_know_of_each_other() {
    let threads: Vec<_> = (0..3)
        .map(|number| {
            thread::spawn(move || {
                let mut event_loop = EventLoop::new().unwrap();
                let handle = event_loop.handle().clone();
                event_loop.block_on(async {
                    let (client, server) = connection(&handle).await.unwrap();
                    client.write_all(&[number]).await.unwrap();
                    let mut byte = [0];
                    read_exact(&server, &mut byte).await.unwrap();
                    byte[0]
                })
            })
        })
        .collect();
    for (number, thread) in (0..3).zip(threads) {
        assert_eq!(thread.join().unwrap(), number);
    }
}

#[test]
fn tasks_that_are_not_finished_go_on_in_the_next_call() {
    let mut event_loop = EventLoop::new().unwrap();
    let steps = Rc::new(Cell::new(0));
    let task = event_loop.spawn({
        let steps = Rc::clone(&steps);
        async move {
            for _ in 0..1000 {
                steps.set(steps.get() + 1);
                yield_now().await;
            }
        }
    });
    event_loop.block_on(async {});
    assert!(steps.get() < 1000);
    event_loop.block_on(task);
    assert_eq!(steps.get(), 1000);
}

#[test]
fn a_panic_of_the_main_future_leaves_the_loop_usable() {
    let mut event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle().clone();
    let task = handle.spawn(async { 5 });
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        event_loop.block_on(async {
            yield_now().await;
            panic!("in the main future");
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(event_loop.block_on(task), 5);
}

#[test]
fn a_panic_of_a_task_reaches_its_awaiter_and_nobody_else() {
    let mut event_loop = EventLoop::new().unwrap();
    let task = event_loop.spawn(async { panic!("in a task") });
    event_loop
        .spawn(async { panic!("in a detached task") })
        .detach();
    event_loop.block_on(yield_now());
    let panicked = catch_unwind(AssertUnwindSafe(|| event_loop.block_on(task)));
    assert!(panicked.is_err());
}

#[test]
fn dropping_the_loop_drops_its_futures_while_their_reactor_lives() {
    struct OnDrop(Rc<Cell<bool>>, TcpStream);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            // The socket still works, and so does its peer's.
            self.0.set(self.1.try_write(b"bye").is_ok());
        }
    }
    let mut event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle().clone();
    let wrote = Rc::new(Cell::new(false));
    let (client, server) = event_loop.block_on(connection(&handle)).unwrap();
    let guard = OnDrop(Rc::clone(&wrote), client);
    handle
        .spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        })
        .detach();
    event_loop.block_on(async {
        server.writable().await.unwrap();
        yield_now().await;
    });
    drop(event_loop);
    assert!(wrote.get());
}

#[test]
fn handles_that_survive_the_loop_are_harmless() {
    let mut event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle().clone();
    event_loop.block_on(yield_now());
    drop(event_loop);

    let bound = TcpListener::bind(handle.reactor(), ([127, 0, 0, 1], 0).into());
    assert!(bound.is_err());
    let task = handle.spawn(async { 1 });
    assert!(task.is_finished());
    let counting = CountingWaker::new();
    let waker = counting.waker();
    let mut sleep = pin!(handle.timers().sleep(Duration::from_nanos(1)));
    assert!(hyperia_test::poll_once(sleep.as_mut(), &waker).is_pending());
    handle.reactor().waker().wake();
    assert_eq!(hyperia_wait::block_on(task.fallible()), None);
}

#[test]
#[cfg(debug_assertions)]
fn blocking_the_thread_of_the_loop_panics_in_debug_builds() {
    let mut event_loop = EventLoop::new().unwrap();
    let task = event_loop.spawn(async { hyperia_wait::block_on(async {}) });
    let panicked = catch_unwind(AssertUnwindSafe(|| event_loop.block_on(task)));
    let message = *panicked.unwrap_err().downcast::<&str>().unwrap();
    assert!(message.contains("event loop"), "{message}");
    // The mark ends with the call.
    hyperia_wait::block_on(async {});
}

#[test]
fn a_loop_inside_a_task_of_another_runs_to_its_end() {
    let mut outer = EventLoop::new().unwrap();
    let task = outer.spawn(async {
        let mut inner = EventLoop::new().unwrap();
        let timers = inner.handle().timers().clone();
        inner.block_on(async move {
            timers.sleep(Duration::from_millis(1)).await;
            3
        })
    });
    assert_eq!(outer.block_on(task), 3);
}

#[test]
fn types_say_what_they_are() {
    let event_loop = EventLoop::new().unwrap();
    let shown = format!("{event_loop:?} {:?}", event_loop.handle());
    assert!(shown.starts_with("EventLoop {"), "{shown}");
    assert!(shown.ends_with("LoopHandle { .. }"), "{shown}");
}
